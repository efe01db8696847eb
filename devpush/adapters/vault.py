"""Where backups lie: a folder of this server, or a bucket that speaks S3."""

import asyncio
import os
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

import aiohttp

from devpush.adapters.s3 import Bucket
from devpush.errors import Unavailable
from devpush.ports import Stored
from devpush.settings import Settings

T = TypeVar("T")
P = ParamSpec("P")
TIMEOUT = aiohttp.ClientTimeout(total=None, connect=20, sock_read=120)


class Places:
    """Implements ports.Vault."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.client: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.client:
            await self.client.close()

    async def put(self, place: str, name: str, file: Path) -> None:
        if bucket := self._bucket(place):
            return await bucket.put(name, file)
        return await _here(_put, Path(place), name, file)

    async def get(self, place: str, name: str, to: Path) -> None:
        if bucket := self._bucket(place):
            return await bucket.get(name, to)
        return await _here(_get, Path(place), name, to)

    async def list(self, place: str) -> Sequence[Stored]:
        if bucket := self._bucket(place):
            return await bucket.list()
        return await _here(_list, Path(place))

    async def remove(self, place: str, name: str) -> None:
        if bucket := self._bucket(place):
            return await bucket.remove(name)
        return await _here(_remove, Path(place), name)

    def _bucket(self, place: str) -> Bucket | None:
        if not place.startswith("s3://"):
            return None
        self.client = self.client or aiohttp.ClientSession(timeout=TIMEOUT, trust_env=True)
        name, _, prefix = place.removeprefix("s3://").partition("/")
        return Bucket(self.client, self.settings, name, prefix)


async def _here(act: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """In a thread; what the disk has against it, as a sentence."""
    try:
        return await asyncio.to_thread(act, *arguments, **named)
    except FileNotFoundError as problem:
        raise Unavailable(f"There is no {problem.filename}.") from None
    except OSError as problem:
        raise Unavailable(f"The folder for backups can't be used ({problem.strerror}: {problem.filename}).") from None


def _put(folder: Path, name: str, file: Path) -> None:
    """Beside its name first, and on the disk before it has it."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = folder / f".{name}.new"
    try:
        with file.open("rb") as source, open(fresh, "wb", opener=_private) as target:
            shutil.copyfileobj(source, target, 1 << 20)
            target.flush()
            os.fsync(target.fileno())
        fresh.replace(folder / name)
    finally:
        fresh.unlink(missing_ok=True)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _get(folder: Path, name: str, to: Path) -> None:
    shutil.copyfile(folder / name, to)


def _list(folder: Path) -> list[Stored]:
    if not folder.is_dir():
        return []
    files = [(path, path.stat()) for path in sorted(folder.iterdir()) if path.is_file() and path.name[0] != "."]
    return [Stored(path.name, stat.st_size, datetime.fromtimestamp(stat.st_mtime, UTC)) for path, stat in files]


def _remove(folder: Path, name: str) -> None:
    (folder / name).unlink(missing_ok=True)
