"""python -m tests.gates holes      what is known against the dependencies
python -m tests.gates secrets       what no file should hold

What couldn't be looked at is said in a line that begins with "!"; anything else that is said fails the gate."""

import subprocess
import sys
from datetime import date
from pathlib import Path

from tests.gates import holes, secrets
from tests.gates.allowed import Allowed

ROOT = Path(__file__).resolve().parent.parent.parent


def main(which: str) -> int:
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [ROOT / name for name in files.split("\0") if name and (ROOT / name).is_file()]
    allowed = Allowed.read(Path(__file__).with_name("allowed.toml"), date.today())  # noqa: DTZ011 - a day is enough
    gates = {"holes": holes.said_of, "secrets": secrets.said_of}
    said = gates[which](ROOT, paths, allowed)
    print("\n".join(said))
    return int(any(not line.startswith("!") for line in said))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
