"""What Docker streams, as lines: its frames, lines of bounded length, and how far a log was read."""

import asyncio
import struct
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import aiohttp

from devpush.ports import OutputLine, Stream

LINE_LIMIT = 16_384
FRAME_LIMIT = 1 << 20
HEADER = struct.Struct(">BxxxL")
STREAMS: dict[int, Stream] = {1: "out", 2: "err"}

STEP = 100_000_000  # ns
SLACK = 10 * STEP
"""Output and errors are written down by two threads of Docker's: a line may come after one that is a little younger."""


async def frames(content: aiohttp.StreamReader) -> AsyncIterator[tuple[Stream, bytes]]:
    """The frames of a stream that carries output and errors on one connection."""
    while True:
        try:
            kind, length = HEADER.unpack(await content.readexactly(HEADER.size))
            if length > FRAME_LIMIT:
                raise aiohttp.ClientPayloadError(f"a frame of {length} bytes")
            payload = await content.readexactly(length)
        except asyncio.IncompleteReadError:
            return
        yield STREAMS.get(kind, "system"), payload


class Lines:
    """Bytes as they come → lines as a terminal shows them. Never holds more than one line of LINE_LIMIT."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[str]:
        *whole, rest = (self._rest + data).split(b"\n")
        self._rest = b""
        for line in whole:
            yield from map(as_text, _pieces(_last_part(line)))
        shown = rest.rstrip(b"\r")
        *full, last = _pieces(_last_part(shown))
        yield from map(as_text, full)
        self._rest = last + (b"\r" if rest != shown else b"")

    def end(self) -> Iterator[str]:
        """What stood there without a line end."""
        rest, self._rest = self._rest, b""
        if rest:
            yield as_text(_last_part(rest))


def _last_part(line: bytes) -> bytes:
    """What is left to see of a line that was written over, as progress bars do."""
    return line.rstrip(b"\r").rpartition(b"\r")[2]


def _pieces(line: bytes) -> Iterator[bytes]:
    while len(line) > LINE_LIMIT:
        cut = next((at for at in range(LINE_LIMIT, LINE_LIMIT - 4, -1) if line[at] & 0xC0 != 0x80), LINE_LIMIT)
        yield line[:cut]
        line = line[cut:]
    yield line


def as_text(line: bytes) -> str:
    return line.decode("utf-8", "replace").replace("\0", "\ufffd")  # PostgreSQL keeps no NUL


class Reading:
    """How far a container's log was read, and which lines of it are new.

    Docker can only be asked for lines "not before" a time, lines may carry the very same nanosecond, and a few come out
    of order. So a cursor says: of the lines not before B, in the order of the file, the first N are read, and none of
    them is younger than Y. Nothing is lost or repeated, whatever the times.
    """

    def __init__(self, cursor: str = "") -> None:
        self._base, self._to_skip, self._newest = _parsed(cursor)
        self._counts: dict[int, int] = {}
        self._total = 0

    @property
    def since(self) -> str:
        """For Docker's `since`."""
        return f"{self._base // 10**9}.{self._base % 10**9:09d}"

    @property
    def cursor(self) -> str:
        return f"{self.since}:{self._total}:{self._newest}"

    def line(self, stream: Stream, entry: bytes) -> OutputLine | None:
        """The line in an entry of the log (a time, a space, text); None if it was read before."""
        stamp, _, text = entry.partition(b" ")
        whole = datetime.fromisoformat(stamp[:19].decode()).replace(tzinfo=UTC)
        ns = int(stamp[20:29])
        if not self._is_new(int(whole.timestamp()) * 10**9 + ns):
            return None
        shown = as_text(_last_part(text.removesuffix(b"\n")))
        return OutputLine(whole.replace(microsecond=ns // 1000), stream, shown, self.cursor)

    def _is_new(self, at: int) -> bool:
        seen = self._to_skip > 0 and at <= self._newest
        self._to_skip = self._to_skip - 1 if seen else 0
        self._newest = max(self._newest, at)
        if at >= self._base:
            self._counts[at // STEP] = self._counts.get(at // STEP, 0) + 1
            self._total += 1
        self._move_base()
        return not seen

    def _move_base(self) -> None:
        base = (self._newest - SLACK) // STEP * STEP
        if self._to_skip or base <= self._base:
            return
        self._base = base
        for step in [step for step in self._counts if step * STEP < base]:
            self._total -= self._counts.pop(step)


def _parsed(cursor: str) -> tuple[int, int, int]:
    try:
        since, seen, newest = cursor.split(":")
        seconds, ns = since.split(".")
        return int(seconds) * 10**9 + int(ns), int(seen), int(newest)
    except ValueError:  # none yet
        return 0, 0, 0
