"""Runner images: one folder a language under runners/, built once per content on the base image there is."""

import asyncio
import hashlib
import io
import tarfile
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from devpush.deploy import scratch
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
    base_images: Mapping[str, str]
    """Version → the official image it is built on; the first is what a new project gets. None: it is no image of ours,
    the repository's own Dockerfile makes one."""
    install: str
    build: str
    start: str
    dependency_files: tuple[str, ...]
    cache_paths: tuple[str, ...]
    borrows: tuple[str, ...]
    """Other runners whose files its Dockerfile copies from."""
    folder: Path
    example_title: str
    example_description: str

    @property
    def example(self) -> Path:
        return self.folder / "example"

    @property
    def own_dockerfile(self) -> bool:
        """Whether it is the repository that says how its image is made."""
        return not self.base_images

    def base_image(self, settings: Settings, version: str = "") -> str:
        """What this version is built on here ("": what the server would choose). Raises DeployFailed."""
        if settings.base_image:
            return settings.base_image
        found = self.base_images.get(version) if version else next(iter(self.base_images.values()))
        if not found:
            raise DeployFailed(
                f"There is no {self.title} {version} here. Choose one of {', '.join(self.base_images)} "
                "under Settings → Build and deploy."
            )
        return found


@lru_cache
def runners() -> dict[str, Runner]:
    """Every runner by its slug. Read once: they are part of the program."""
    return {toml.parent.name: _runner(toml) for toml in sorted(FOLDER.glob("*/runner.toml"))}


def _runner(toml: Path) -> Runner:
    said = tomllib.loads(toml.read_text())
    example = said.get("example", {})
    return Runner(
        slug=toml.parent.name,
        title=said["title"],
        base_images=said.get("base_images", {}),
        install=said.get("install", ""),
        build=said.get("build", ""),
        start=said.get("start", ""),
        dependency_files=tuple(said.get("dependency_files", ())),
        cache_paths=tuple(said.get("cache_paths", ())),
        borrows=tuple(said.get("borrows", ())),
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


async def image(settings: Settings, containers: Containers, slug: str, version: str, say: Callable[[str], None]) -> str:
    """The id of the runner's image, as it was prepared last; prepared now if this engine hasn't got it."""
    there = await prepared(settings, containers, slug, version)
    return there or await prepare(settings, containers, slug, version, say)


async def prepared(settings: Settings, containers: Containers, slug: str, version: str = "") -> str | None:
    """The id of that image; None if this engine hasn't got it."""
    record = _record(settings, slug, version)
    name = await asyncio.to_thread(record.read_text) if record.exists() else ""
    return await containers.image(name) if name else None


async def prepare(
    settings: Settings, containers: Containers, slug: str, version: str, say: Callable[[str], None]
) -> str:
    """The id of the image for the runner's present content, base image and CA; built if need be, and from now on used.
    It is remembered so that a later start without BASE_IMAGE in its environment goes on with it."""
    chosen = runner(slug)
    base_image = chosen.base_image(settings, version)
    base = await _base(containers, base_image, say)
    content = await asyncio.to_thread(_content, chosen, settings.runner_ca_bundle)
    name = f"devpush-runner-{slug}:{hashlib.sha256(base.encode() + content).hexdigest()[:16]}"
    async with _one_at_a_time:
        id = await containers.image(name)
        if not id:
            say(f"Building the runner image {chosen.title} {version}".rstrip() + " …")
            id = await _build(settings, containers, chosen, name, base_image, content)
        await asyncio.to_thread(_remember, _record(settings, slug, version), name)
    return id


def _record(settings: Settings, slug: str, version: str) -> Path:
    """Where BASE_IMAGE takes the place of every version, there is one image."""
    one = settings.base_image or not version
    return settings.data_dir / "runners" / (slug if one else f"{slug}-{version}")


def _remember(record: Path, name: str) -> None:
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(name)


async def _base(containers: Containers, name: str, say: Callable[[str], None]) -> str:
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
    settings: Settings, containers: Containers, chosen: Runner, name: str, base_image: str, content: bytes
) -> str:
    async with scratch.folder(settings) as folder:
        context = folder / "context.tar"
        await asyncio.to_thread(context.write_bytes, content)
        return await containers.build_image(
            context,
            name=name,
            build_args={"BASE_IMAGE": base_image},
            labels={"devpush.runner": chosen.slug},
            on_output=lambda *_: None,  # a failure brings its last lines along
            timeout=BUILD_TIMEOUT,
        )


def _content(chosen: Runner, ca_bundle: Path | None) -> bytes:
    """The build context as a tar that is the same for the same files: the folder without its example, those it borrows
    from under their own names, and the CA."""
    files = _files(chosen.folder)
    for slug in chosen.borrows:
        files |= {f"{slug}/{name}": file for name, file in _files(FOLDER / slug).items() if name not in OWN}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, (mode, data) in sorted({**files, "ca-bundle.crt": _ca(ca_bundle)}.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), mode
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


OWN = ("Dockerfile", "runner.toml")
"""What nobody borrows."""


def _files(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Name → (mode, bytes)."""
    return {
        str(path.relative_to(folder)): (0o755 if path.stat().st_mode & 0o111 else 0o644, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] != "example"
    }


def _ca(bundle: Path | None) -> tuple[int, bytes]:
    return 0o644, bundle.read_bytes() if bundle else b""
