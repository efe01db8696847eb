"""python -m tests.without [A12 …]: ends with 1 if a test goes on passing without the defence that it should hold."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.conftest import ROOT
from tests.without.defences import DEFENCES, Defence

LEFT_OUT = shutil.ignore_patterns(".*", "node_modules", "__pycache__", "artefacts")
FAILED, NOTHING_RAN = 1, 5


def main(cases: list[str]) -> int:
    asleep = 0
    with tempfile.TemporaryDirectory(prefix="devpush-without-") as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
        for defence in [one for one in DEFENCES if not cases or one.case in cases]:
            noticed = _notices(copy, defence)
            asleep += not noticed
            print(f"{'✓' if noticed else '✗'} {defence.case} {defence.what}: {defence.test}", flush=True)
    return 1 if asleep else 0


def _notices(copy: Path, defence: Defence) -> bool:
    """Whether its test fails without it."""
    file = copy / defence.file
    text = file.read_text()
    assert text.count(defence.stands) == 1, f"{defence.file} has changed: {defence.stands!r}"
    file.write_text(text.replace(defence.stands, defence.without))
    try:
        paths = [word for word in defence.test.split() if word.startswith("tests/")]
        words = [word for word in defence.test.split() if not word.startswith("tests/")]
        narrowed = ["-k", " ".join(words)] if words else []
        command = [sys.executable, "-m", "pytest", "-q", "-x", "--no-header", "--show-capture=no", *paths, *narrowed]
        done = subprocess.run(command, cwd=copy, capture_output=True, check=False)
        assert done.returncode != NOTHING_RAN, f"{defence.test} is no test"
        return done.returncode == FAILED
    finally:
        file.write_text(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
