"""Log lines on their way to Loki, on disk: numbered, in order, and never lost or doubled by a kill -9.

A folder of segments (`0000000001.log`, …) that all processes of this installation share. A record is one line of text:
a checksum, a head (first id, cursors), and the lines. Whoever appends holds a lock on `lock`. One process at a time
sends: it holds `sender`, writes down in `sent` how far Loki has it, and removes segments that are sent. What their
heads said is kept in `checkpoint`. Nothing here knows asyncio: give it a thread of its own.
"""

import json
import os
import secrets
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from fcntl import LOCK_EX, LOCK_NB, LOCK_UN, flock
from pathlib import Path
from zlib import crc32

from devpush.errors import Unavailable

SEGMENT = 4_000_000
"""Bytes after which the next segment begins."""
AHEAD = 3_600_000_000
"""µs by which ids may be ahead of a clock that was set back. Beyond that they begin anew: Loki takes nothing from the
future."""
CURSOR_DAYS = 400
"""An app that writes nothing for longer than this may have its log read once more."""
Mark = tuple[int, int]
"""A segment's number, and how many of its lines."""
Span = tuple[int, int]
"""A first and a last id."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line as Loki will have it."""

    project: str
    source: str
    late: bool
    """Written minutes before it was kept (or its clock is wrong)."""
    text: str
    """Its deployment stands first."""

    @property
    def deployment(self) -> str:
        return self.text.partition(" ")[0]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A line that Loki hasn't got yet."""

    mark: Mark
    """How far everything is sent once this line is."""
    id: int
    entry: Entry


class Spool:
    def __init__(
        self,
        folder: Path,
        *,
        limit: int,
        keep: timedelta = timedelta(days=30),
        segment: int = SEGMENT,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self.folder, self.limit, self.keep, self.segment, self.clock = folder, limit, keep, segment, clock
        self.last = 0
        """The newest id given."""
        self._cursors: dict[str, tuple[str, int]] = {}
        """Container → how far its output was read, and when (µs)."""
        self._spans: dict[str, Span] = {}
        """Deployment → which ids its lines have: so Loki need not look through all of a project's."""
        self.born = 0
        """Of what was kept before that moment (µs), nothing is known here."""
        self._at: Mark = (0, 0)
        """The segment appended to, and how many lines it has."""
        self._end = 0
        """Its length, as far as it was read."""
        self._reading = _Reading(1)
        self._sends = False

    def open(self) -> None:
        """Take up what is there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)  # whoever made it: what apps write is nobody else's to read
        self._lock = _opened(self.folder / "lock")
        self._sender = _opened(self.folder / "sender")
        self._sent = _opened(self.folder / "sent")
        with self._locked():
            self._load()

    def close(self) -> None:
        for file in (self._lock, self._sender, self._sent):
            os.close(file)

    # Who writes

    def append(self, make: Callable[[int], Sequence[Entry]], cursors: Mapping[str, str]) -> tuple[int, Mark]:
        """Keep the lines that `make` gives for the first id they will have, together with the cursors; that id, and the
        mark after them. Raises Unavailable when the spool is full or the disk doesn't take it; then nothing is kept."""
        with self._locked():
            self._catch_up()
            first = self._next_id()
            entries = make(first)
            head = _Head(first, len(entries), dict(cursors), _spans(first, entries))
            record = _record(head, entries)
            if self.waiting + len(record) > self.limit and self.sent_to() < self._at:
                raise Unavailable(f"Loki is away, and the {self.limit // 1_000_000} MB kept for its lines are full.")
            self._add(head, record)
            return first, self._at

    def note(self, spans: Mapping[str, Span]) -> None:
        """Lines of these deployments get ids that they didn't have when they were kept."""
        with self._locked():
            self._catch_up()
            head = _Head(self._next_id(), 0, {}, dict(spans))
            self._add(head, _record(head, ()))

    def spans(self, deployments: Collection[str] | None) -> list[Span]:
        """Which ids lines of these deployments (None: any) can have, as far as that is known here."""
        with self._locked():
            self._catch_up()
        if deployments is None:
            return [(0, 2**62)]
        known = [self._spans[deployment] for deployment in deployments if deployment in self._spans]
        if not known:
            return [(0, self.born)]
        return [(0, self.born), (min(first for first, _ in known), max(last for _, last in known))]

    def _add(self, head: "_Head", record: bytes) -> None:
        if self._end >= self.segment:
            self._at, self._end = (self._at[0] + 1, 0), 0
        self._write(record)
        self._heard(head)
        self._end += len(record)

    def cursors(self) -> dict[str, str]:
        with self._locked():
            self._catch_up()
            return {container: cursor for container, (cursor, _) in self._cursors.items()}

    @property
    def end(self) -> Mark:
        """The mark after everything that was appended."""
        with self._locked():
            self._catch_up()
            return self._at

    @property
    def waiting(self) -> int:
        """Bytes on disk; less than a segment of them may be sent already."""
        return sum(self._path(number).stat().st_size for number in self._segments())

    # Who sends

    def take_turn(self) -> bool:
        """Whether this process is the one that sends. Once it is, it stays so until it ends."""
        if not self._sends:
            try:
                flock(self._sender, LOCK_EX | LOCK_NB)
            except BlockingIOError:
                return False
            self._sends = True
            self.again()
        return True

    def ahead(self, most: int, size: int) -> list[Waiting]:
        """The next lines to be sent, of one segment: as many as it has, up to about so many lines and characters."""
        found: list[Waiting] = []
        while len(found) < most and size > 0:
            if not self._reading.lines and not self._read_on():
                break
            line = self._reading.lines.popleft()
            size -= len(line.entry.text)
            found.append(line)
        return found

    def sent(self, mark: Mark) -> None:
        """Loki has everything up to there."""
        os.pwrite(self._sent, b"%010d %010d\n" % mark, 0)

    def again(self) -> None:
        """What was read ahead was not sent: read it anew."""
        number, count = self.sent_to()
        self._reading = _Reading(number, skip=count)

    def _read_on(self) -> bool:
        """Read the next record; drop segments that are sent. False when there is nothing more."""
        reading = self._reading
        while True:
            with suppress(FileNotFoundError), self._path(reading.number).open("rb") as file:
                file.seek(reading.offset)
                record = file.readline()
                if (parsed := _parsed(record)) is not None:
                    reading.take(parsed, len(record))
                    if reading.lines:
                        return True
                    continue
            later = [number for number in self._segments() if number > reading.number]
            if not later:
                return False
            if self.sent_to() < (reading.number, reading.count):
                return False  # its last lines are still on their way
            self._drop(later[0])
            reading = self._reading

    def _drop(self, following: int) -> None:
        """Remove the segment that was read, unless something was written to it a moment ago."""
        with self._locked():
            self._catch_up()
            path = self._path(self._reading.number)
            if path.exists() and path.stat().st_size != self._reading.offset:
                return
            with self._path(self._at[0]).open("rb") as file:
                os.fsync(file.fileno())  # a power cut must not take lines whose cursors it leaves
            self._save()
            self.sent((following, 0))
            path.unlink(missing_ok=True)
            self._reading = _Reading(following)

    def sent_to(self) -> Mark:
        """How far Loki has everything, whoever sends."""
        try:
            number, count = os.pread(self._sent, 22, 0).split()
            return int(number), int(count)
        except ValueError:
            return min(self._segments(), default=1), 0

    # What must not be shown any more

    def forget(self, name: str, before: int) -> None:
        """Nobody is shown lines of `name` with ids below that one."""
        folder = self.folder / "forgotten"
        folder.mkdir(exist_ok=True)
        _replace(folder / name, str(before))

    def forgotten(self, name: str) -> int:
        try:
            return int((self.folder / "forgotten" / name).read_text())
        except (FileNotFoundError, ValueError):
            return 0

    def forget_forgotten(self, older_than: float) -> None:
        """Their lines are gone by now, whatever was noted here so many seconds ago."""
        with suppress(FileNotFoundError):
            for path in list((self.folder / "forgotten").iterdir()):
                if self.clock() / 1e9 - path.stat().st_mtime > older_than:
                    path.unlink(missing_ok=True)

    # The disk

    @contextmanager
    def _locked(self) -> Iterator[None]:
        flock(self._lock, LOCK_EX)
        try:
            yield
        except OSError as problem:
            raise Unavailable(f"The folder for log lines can't be used: {problem.strerror or problem}.") from problem
        finally:
            flock(self._lock, LOCK_UN)

    def _next_id(self) -> int:
        now = self.clock() // 1000
        return now if self.last > now + AHEAD else max(self.last + 1, now)

    def _write(self, record: bytes) -> None:
        """Append it whole, or not at all."""
        path = self._path(self._at[0])
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            if os.write(file, record) != len(record):
                raise OSError(0, "the disk is full")
        except OSError:
            os.ftruncate(file, self._end)
            raise
        finally:
            os.close(file)

    def _load(self) -> None:
        try:
            said = json.loads((self.folder / "checkpoint").read_text())
        except FileNotFoundError:
            self.last = self.born = self.clock() // 1000
            self._save()
        else:
            self.born, self.last = said["born"], max(self.last, said["last"])
            self._cursors |= {name: (cursor, at) for name, (cursor, at) in said["cursors"].items()}
            self._widen({deployment: (first, last) for deployment, (first, last) in said["spans"].items()})
        first = self.sent_to()[0]
        for number in self._segments():
            if number < first:
                self._path(number).unlink(missing_ok=True)
        self._at, self._end = (min(self._segments(), default=first), 0), 0
        self._catch_up()

    def _save(self) -> None:
        oldest = self.last - CURSOR_DAYS * 86_400_000_000
        self._cursors = {name: told for name, told in self._cursors.items() if told[1] > oldest}
        oldest = self.last - self.keep // timedelta(microseconds=1)
        self._spans = {deployment: span for deployment, span in self._spans.items() if span[1] > oldest}
        said = {"born": self.born, "last": self.last, "cursors": self._cursors, "spans": self._spans}
        _replace(self.folder / "checkpoint", json.dumps(said))

    def _widen(self, spans: Mapping[str, Span]) -> None:
        for deployment, (first, last) in spans.items():
            known = self._spans.get(deployment, (first, last))
            self._spans[deployment] = min(first, known[0]), max(last, known[1])

    def _catch_up(self) -> None:
        """Read what others have appended; what somebody died over while writing is cut off."""
        numbers = self._segments()
        if numbers and self._at[0] < numbers[0]:
            self._at, self._end = (numbers[0], 0), 0
            self._load()
            return
        for number in [number for number in numbers if number >= self._at[0]]:
            if number > self._at[0]:
                self._at, self._end = (number, 0), 0
            self._read_heads()

    def _read_heads(self) -> None:
        path = self._path(self._at[0])
        if path.stat().st_size == self._end:
            return
        with path.open("rb+") as file:
            file.seek(self._end)
            for record in file:
                head = _head(record)
                if head is None:
                    file.truncate(self._end)
                    return
                self._heard(head)
                self._end += len(record)

    def _heard(self, head: "_Head") -> None:
        self.last = head.id + head.count - 1 if head.count else self.last
        self._at = (self._at[0], self._at[1] + head.count)
        self._cursors |= {container: (cursor, head.id) for container, cursor in head.cursors.items()}
        self._widen(head.spans)

    def _segments(self) -> list[int]:
        return sorted(int(name[:-4]) for name in os.listdir(self.folder) if name.endswith(".log"))  # noqa: PTH208

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:010d}.log"


class _Reading:
    """Where the sender reads."""

    def __init__(self, number: int, *, skip: int = 0) -> None:
        self.number, self.skip = number, skip
        self.offset = self.count = 0
        self.lines: deque[Waiting] = deque()

    def take(self, record: tuple[int, list[Entry]], length: int) -> None:
        first, entries = record
        self.offset += length
        for at, entry in enumerate(entries):
            self.count += 1
            if self.count > self.skip:
                self.lines.append(Waiting((self.number, self.count), first + at, entry))


@dataclass(frozen=True, slots=True)
class _Head:
    """What a record says of its lines."""

    id: int
    """Of the first one."""
    count: int
    cursors: dict[str, str]
    spans: dict[str, Span]


def _spans(first: int, entries: Sequence[Entry]) -> dict[str, Span]:
    spans: dict[str, Span] = {}
    for id, entry in enumerate(entries, first):
        spans[entry.deployment] = spans.get(entry.deployment, (id, id))[0], id
    return spans


def _record(head: _Head, entries: Sequence[Entry]) -> bytes:
    lines = [(entry.project, entry.source, entry.late, entry.text) for entry in entries]
    said = json.dumps([head.id, head.count, head.cursors, head.spans])
    text = f"{said}\t{json.dumps(lines, ensure_ascii=False)}".encode()
    return b"%08x %s\n" % (crc32(text), text)


def _checked(record: bytes) -> bytes | None:
    """The record without its checksum; None if it was not written to its end."""
    text = record[9:-1]
    return text if record.endswith(b"\n") and record[:8] == b"%08x" % crc32(text) else None


def _head(record: bytes) -> _Head | None:
    text = _checked(record)
    return None if text is None else _Head(*json.loads(text.partition(b"\t")[0]))


def _parsed(record: bytes) -> tuple[int, list[Entry]] | None:
    text = _checked(record)
    if text is None:
        return None
    head, _, lines = text.partition(b"\t")
    return json.loads(head)[0], [Entry(*line) for line in json.loads(lines)]


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def _replace(path: Path, text: str) -> None:
    """The whole text or the one before, also after a power cut."""
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    with fresh.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
