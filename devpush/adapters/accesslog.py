"""Traefik's access log: a file that it appends to, and whose beginning we give back to the disk."""

import asyncio
import ctypes
import json
import logging
import os
import re
from collections.abc import AsyncGenerator
from contextlib import suppress
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from devpush.adapters.git_address import APPS
from devpush.ports import PROBE, Served

log = logging.getLogger(__name__)

ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
LOOK_EVERY, REST = 0.5, 0.01
"""Seconds between two looks when there was nothing, and between two reads when there was much, for others' sake."""
AT_ONCE = 256 * 1024
BLOCK = 4096
WORTH_IT = 1024 * 1024
"""Bytes that are given back at once, at least."""
TOO_LARGE = 64 * 1024 * 1024
"""Where holes can't be made into files, the file is emptied from here on, when it was read to its end."""
STREAM = "text/event-stream"
KEEP_SIZE, PUNCH_HOLE = 1, 2  # of Linux's fallocate(2)
_fallocate = ctypes.CDLL(None, use_errno=True).fallocate
_fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]


class TraefikAccessLog:
    """Implements ports.AccessLog. Without a path nothing is ever heard of any request.

    A file that Traefik has open can't be shortened at its beginning, and whoever empties it may lose a line that comes
    that instant. A hole can be made into it, though: the file keeps its length, and the disk gets its blocks back.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.released = 0

    async def follow(self, since: str = "") -> AsyncGenerator[Served | None, None]:
        file = _File(self.path, since) if self.path else None
        try:
            while True:
                lines = file.read() if file else []
                for line, cursor in lines:
                    if served := parsed(line, cursor):
                        yield served
                await asyncio.sleep(REST if lines else LOOK_EVERY)
                if not lines:
                    yield None
        finally:
            if file:
                file.close()

    def release(self, cursor: str) -> None:
        inode, offset = _place(cursor)
        end = offset // BLOCK * BLOCK
        if self.path is None or 0 <= end - self.released < WORTH_IT:
            return
        with suppress(FileNotFoundError), self.path.open("r+b") as file:
            if os.fstat(file.fileno()).st_ino == inode:
                self._give_back(file.fileno(), end, offset)
        self.released = end

    def _give_back(self, file: int, end: int, offset: int) -> None:
        if _fallocate(file, KEEP_SIZE | PUNCH_HOLE, 0, end) == 0:
            return
        if os.fstat(file).st_size == offset > TOO_LARGE:
            os.ftruncate(file, 0)


def parsed(line: bytes, cursor: str) -> Served | None:
    """A line of the log; None for what concerns no deployment, or was a look of our own."""
    try:
        entry = json.loads(line)
        deployment = entry.get("ServiceName", "").removesuffix("@file")
        if not ID.fullmatch(deployment) or _is_ours(entry):
            return None
        took = entry["Duration"] / 1_000_000
        return Served(
            deployment=deployment,
            at=datetime.fromisoformat(entry["StartUTC"]) + timedelta(milliseconds=took),
            method=entry["RequestMethod"],
            path=entry["RequestPath"].split("?", 1)[0],
            status=entry["DownstreamStatus"],
            duration=took,
            lasting=entry["DownstreamStatus"] == 101 or entry.get("origin_Content-Type", "").startswith(STREAM),
            cursor=cursor,
        )
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError):
        return None


def _is_ours(entry: dict[str, Any]) -> bool:
    """Whoever comes from afar can't hide by calling themselves so, nor can the apps of others on this server."""
    if entry.get("request_User-Agent") != PROBE:
        return False
    address = ip_address(entry["ClientAddr"].rpartition(":")[0].strip("[]"))
    return address.is_private and address not in APPS


def _place(cursor: str) -> tuple[int, int]:
    """The file and how far it was read."""
    inode, _, offset = cursor.partition(":")
    return int(inode or 0), int(offset or 0)


class _File:
    """The file that is read now; another one once that was moved away and read to its end."""

    def __init__(self, path: Path, since: str) -> None:
        self.path = path
        self.file = -1
        self.inode, self.offset = _place(since)
        self.rest = b""
        self.left = False
        """Another file has taken its place; what was on its way then is still read."""

    def read(self) -> list[tuple[bytes, str]]:
        """The next lines, each with the cursor behind it; nothing if there are none now."""
        if self.file < 0 and not self._open():
            return []
        data = os.read(self.file, AT_ONCE)
        if not data:
            self._look_around()
            return []
        *whole, self.rest = (self.rest + data).split(b"\n")
        lines = []
        for line in whole:
            self.offset += len(line) + 1
            lines.append((line.lstrip(b"\0"), f"{self.inode}:{self.offset}"))  # where it begins within a hole's block
        return lines

    def close(self) -> None:
        if self.file >= 0:
            os.close(self.file)
            self.file = -1

    def _open(self) -> bool:
        """Where we left off, if that file is still there; else at the beginning of the one that is."""
        for path in (self.path, self.path.with_suffix(".log.1")):
            if self.inode and _inode(path) == self.inode:
                return self._begin(path, self.offset)
        return self._begin(self.path, 0)

    def _begin(self, path: Path, offset: int) -> bool:
        try:
            self.file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:  # nothing was written yet
            return False
        found = os.fstat(self.file)
        self.inode, self.rest = found.st_ino, b""
        self.offset = offset if 0 < offset <= found.st_size else self._first()
        os.lseek(self.file, self.offset, os.SEEK_SET)
        return True

    def _first(self) -> int:
        """Behind the hole that the file may begin with."""
        try:
            return os.lseek(self.file, 0, os.SEEK_DATA)
        except OSError:
            return os.fstat(self.file).st_size

    def _look_around(self) -> None:
        """At its end: it may have been emptied, or have been moved away."""
        inode = _inode(self.path)
        if os.fstat(self.file).st_size < self.offset + len(self.rest):
            self.offset, self.rest = 0, b""
            os.lseek(self.file, 0, os.SEEK_SET)
        elif self.left:
            self.close()
            self._begin(self.path, 0)
        self.left = bool(inode) and inode != self.inode


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0
