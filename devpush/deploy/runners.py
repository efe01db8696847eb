"""Runner images: one folder a language under runners/, built once per content on the base image there is."""

import asyncio
import hashlib
import io
import tarfile
import tempfile
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from devpush.errors import DeployFailed
from devpush.ports import Containers
from devpush.settings import ROOT, Settings

FOLDER = ROOT / "runners"
PULL_TIMEOUT = 300
BUILD_TIMEOUT = 900
_one_at_a_time = asyncio.Lock()


@dataclass(frozen=True)
class Runner:
    """A language image: what its runner.toml says."""

    slug: str
    title: str
    base_image: str
    install: str
    build: str
    start: str
    dependency_files: tuple[str, ...]
    cache_paths: tuple[str, ...]
    folder: Path
    example_title: str
    example_description: str

    @property
    def example(self) -> Path:
        return self.folder / "example"


@lru_cache
def runners() -> dict[str, Runner]:
    """Every runner by its slug. Read once: they are part of the program."""
    return {toml.parent.name: _runner(toml) for toml in sorted(FOLDER.glob("*/runner.toml"))}


def _runner(toml: Path) -> Runner:
    said = tomllib.loads(toml.read_text())
    example = said.get("example", {})
    if isinstance(example, str):
        example = {}
    return Runner(
        slug=toml.parent.name,
        title=said["title"],
        base_image=next(iter(said["base_images"].values())),
        install=said.get("install", ""),
        build=said.get("build", ""),
        start=said.get("start", ""),
        dependency_files=tuple(said.get("dependency_files", ())),
        cache_paths=tuple(said.get("cache_paths", ())),
        folder=toml.parent,
        example_title=example.get("title", said["title"]),
        example_description=example.get("description", ""),
    )


def runner(slug: str) -> Runner:
    """Raises DeployFailed for one that isn't there."""
    found = runners().get(slug)
    if not found:
        raise DeployFailed(f"There is no runner {slug!r}. Choose one of {', '.join(runners())} in the settings.")
    return found


async def image(settings: Settings, containers: Containers, slug: str, say: Callable[[str], None]) -> str:
    """The id of the runner's image, as it was prepared last; prepared now if this engine hasn't got it."""
    record = _record(settings, slug)
    name = await asyncio.to_thread(record.read_text) if record.exists() else ""
    return (name and await containers.image(name)) or await prepare(settings, containers, slug, say)


async def prepare(settings: Settings, containers: Containers, slug: str, say: Callable[[str], None]) -> str:
    """The id of the image for the runner's present content, base image and CA; built if need be, and from now on used.
    It is remembered so that a later start without BASE_IMAGE in its environment goes on with it."""
    chosen = runner(slug)
    base = await _base(settings, containers, chosen, say)
    content = await asyncio.to_thread(_content, chosen.folder, settings.runner_ca_bundle)
    name = f"devpush-runner-{slug}:{hashlib.sha256(base.encode() + content).hexdigest()[:16]}"
    async with _one_at_a_time:
        id = await containers.image(name) or await _build(settings, containers, chosen, name, content, say)
        await asyncio.to_thread(_remember, _record(settings, slug), name)
    return id


def _record(settings: Settings, slug: str) -> Path:
    return settings.data_dir / "runners" / slug


def _remember(record: Path, name: str) -> None:
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(name)


async def _base(settings: Settings, containers: Containers, chosen: Runner, say: Callable[[str], None]) -> str:
    name = settings.base_image or chosen.base_image
    if there := await containers.image(name):
        return there
    say(f"Fetching the base image {name} …")
    if await containers.pull(name, timeout=PULL_TIMEOUT) and (there := await containers.image(name)):
        return there
    raise DeployFailed(
        f"The base image {name} can't be had. Where no image registry can be reached, make one from the "
        "distribution's packages (provision/base-image.sh) and name it in BASE_IMAGE."
    )


async def _build(
    settings: Settings,
    containers: Containers,
    chosen: Runner,
    name: str,
    content: bytes,
    say: Callable[[str], None],
) -> str:
    say(f"Building the runner image {chosen.title} …")
    base = settings.base_image or chosen.base_image
    with tempfile.TemporaryDirectory(dir=_scratch(settings)) as folder:
        context = Path(folder) / "context.tar"
        await asyncio.to_thread(context.write_bytes, content)
        return await containers.build_image(
            context,
            name=name,
            build_args={"BASE_IMAGE": base},
            labels={"devpush.runner": chosen.slug},
            on_output=lambda *_: None,  # a failure brings its last lines along
            timeout=BUILD_TIMEOUT,
        )


def _scratch(settings: Settings) -> Path:
    folder = settings.data_dir / "tmp"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _content(folder: Path, ca_bundle: Path | None) -> bytes:
    """The build context as a tar that is the same for the same files: the folder without its example, and the CA."""
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] != "example"
    }
    files["ca-bundle.crt"] = ca_bundle.read_bytes() if ca_bundle else b""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            executable = name != "ca-bundle.crt" and (folder / name).stat().st_mode & 0o111
            entry.size, entry.mode = len(data), 0o755 if executable else 0o644
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()
