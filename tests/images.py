"""A small image and an engine of one's own, for tests that need real containers."""

import asyncio
import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from ipaddress import IPv4Network
from pathlib import Path
from secrets import token_hex

from devpush.adapters.docker import DockerContainers
from devpush.ports import SubnetTaken

DOCKER_HOST = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
FOLDERS = {"tmp": 0o1777, "app": 0o755, "home/app": 0o755, "bin": 0o755, "etc": 0o755}
FILES = {"etc/passwd": "root:x:0:0::/:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n", "etc/group": "app:x:1000:\n"}


@asynccontextmanager
async def own_engine() -> AsyncIterator[DockerContainers]:
    """The machine's engine as seen by an installation that was made for this, and leaves nothing behind."""
    async with DockerContainers(DOCKER_HOST, token_hex(4)) as containers:
        try:
            yield containers
        finally:
            await clear(containers)


async def clear(containers: DockerContainers) -> None:
    """Remove all that the installation has on the engine."""
    await asyncio.gather(*(containers.remove(found.id) for found in await containers.list()))
    await asyncio.gather(
        *(containers.remove_network(name) for name, _ in await containers.networks()),
        *(containers.remove_volume(name) for name, _ in await containers.volumes()),
    )
    for name, _, _ in await containers.images({}):
        if not name.startswith("devpush-runner-"):  # shared by all installations, whoever was the first to need it
            await containers.remove_image(name)


async def own_network(containers: DockerContainers, name: str = "net") -> str:
    """A network of the installation's, on some subnet that nobody has."""
    taken = [IPv4Network(subnet) for subnet in await containers.taken_subnets()]
    for subnet in IPv4Network("10.211.0.0/16").subnets(new_prefix=26):
        if not any(subnet.overlaps(other) for other in taken):
            with suppress(SubnetTaken):  # another test was faster
                await containers.network(containers.prefix + name, str(subnet), labels={})
                return containers.prefix + name
    raise AssertionError("no subnet is free")


async def small_image(containers: DockerContainers) -> str:
    """An image of busybox (sh, httpd, nc, wget …) with /app for user 1000; made once per content of this file."""
    tag = hashlib.sha256(await asyncio.to_thread(Path(__file__).read_bytes)).hexdigest()[:12]
    name = f"devpush-test:{tag}"
    if not await containers.image(name):
        archive = io.BytesIO(await asyncio.to_thread(_archive))
        params = {"fromSrc": "-", "repo": "devpush-test", "tag": tag, "changes": "ENV HOME=/home/app"}
        _ = [part async for part in containers.engine.parts("images/create", "POST", params=params, body=archive)]
    return name


def _archive() -> bytes:
    with io.BytesIO() as file:
        with tarfile.open(fileobj=file, mode="w") as archive:
            for path, mode in FOLDERS.items():
                _add(archive, path, tarfile.DIRTYPE, mode=mode)
            for path, text in FILES.items():
                _add(archive, path, tarfile.REGTYPE, text.encode())
            busybox = _busybox()
            _add(archive, "bin/busybox", tarfile.REGTYPE, busybox.read_bytes(), mode=0o755)
            programs = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True)
            for program in set(programs.stdout.split()) - {"busybox"}:
                _add(archive, f"bin/{program}", tarfile.SYMTYPE, link="busybox")
        return file.getvalue()


def _add(
    archive: tarfile.TarFile, path: str, kind: bytes, content: bytes = b"", *, mode: int = 0o644, link: str = ""
) -> None:
    entry = tarfile.TarInfo(path)
    entry.type, entry.mode, entry.size, entry.linkname = kind, mode, len(content), link
    entry.uid = entry.gid = 1000 if path in ("app", "home/app") else 0
    archive.addfile(entry, io.BytesIO(content))


def _busybox() -> Path:
    """The machine's, or the one in Debian's package, taken out without installing it."""
    if found := shutil.which("busybox"):
        return Path(found)
    folder = Path(tempfile.mkdtemp(prefix="devpush-busybox-"))
    subprocess.run(["apt-get", "download", "-q", "busybox-static"], cwd=folder, check=True, capture_output=True)
    [package] = folder.glob("*.deb")
    subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
    return folder / "bin" / "busybox"
