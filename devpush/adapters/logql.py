"""How our lines look in Loki, and how it is asked for them. Decides everything, touches nothing.

Labels are few, as each combination is a stream that Loki keeps open: installation, project, source, and whether a line
came late. The rest stands at the beginning of the line, which old and new Lokis take alike:

    <deployment> <stream> <level> <written, µs> <status> <ms> <text>

A line's id is the moment in which it was kept, in µs, and Loki's timestamp is that id: sent twice, it is one entry.
"""

import json
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

from devpush.adapters.spool import Entry, Waiting
from devpush.ports import LogLine, NewLine, Request, Source, Stream

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
LATE = timedelta(minutes=1)
"""A line that was written longer than this before it was kept stands in a stream of its own: whoever asks for a time
then needs to look through little else than that time."""
LONGEST_QUERY = 5_000
"""Loki 2 takes 5,120 bytes. What has no room is left to `Question.fits`."""
MOST_NAMED = 40
"""Deployments that a query names."""
SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")
ANY = "[^ ]+"
NUMBERS = rf"^{ANY} {ANY} {ANY} (?P<written>{ANY}) (?P<status>{ANY}) (?P<took>{ANY}) "


def entry(line: NewLine, id: int) -> Entry:
    """The line as Loki gets it."""
    status, took = (line.request.status, f"{line.request.duration:.3f}") if line.request else ("-", "-")
    written = microseconds(line.at)
    head = f"{line.deployment} {line.stream} {line.level or '-'} {written} {status} {took}"
    late = abs(id - written) > LATE // MICROSECOND
    return Entry(line.project, line.source, late, f"{head} {line.text}")


def line(id: int, source: str, text: str) -> LogLine | None:
    """The line that an entry is; None of what somebody else wrote."""
    try:
        deployment, stream, level, written, status, took, said = text.split(" ", 6)
        at = EPOCH + int(written) * MICROSECOND
        request = None if status == "-" else Request(int(status), float(took))
    except (ValueError, OverflowError):
        return None
    kind, out = cast(Source, source), cast(Stream, stream)
    return LogLine(id, deployment, at, kind, out, said, None if level == "-" else level, request)


def streams(installation: str, lines: Iterable[Waiting]) -> list[dict[str, Any]]:
    """The body of a push."""
    found: dict[tuple[str, str, bool], list[list[str]]] = {}
    for waiting in lines:
        told = waiting.entry
        values = found.setdefault((told.project, told.source, told.late), [])
        values.append([str(waiting.id * 1000), told.text])
    return [
        {
            "stream": {"installation": installation, "project": project, "source": source, "late": _yes(late)},
            "values": values,
        }
        for (project, source, late), values in found.items()
    ]


@dataclass(frozen=True, kw_only=True)
class Question:
    """Which of a project's lines are asked for."""

    installation: str
    project: str
    deployments: Collection[str] | None = None
    source: Source | None = None
    text: str = ""
    level: str | None = None
    status: tuple[int, int] | None = None
    slower_than: float | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def of_requests(self) -> bool:
        return self.status is not None or self.slower_than is not None

    @property
    def possible(self) -> bool:
        """Whether any line can fit."""
        ids = [self.project, *(self.deployments or ())]
        return (
            all(map(_is_id, ids))
            and self.deployments != ()
            and not (self.of_requests and self.source not in (None, "request"))
        )

    def query(self, *, late: bool | None = None) -> str:
        """LogQL that finds every line that fits, and as few others as that takes."""
        text = self.text
        while len((query := self._query(text, late)).encode()) > LONGEST_QUERY:
            text = text[: len(text) * 3 // 4]
        return query

    def count(self, milliseconds: int) -> str:
        """How many lines were kept within so long before the moment at which this is evaluated."""
        return f"sum(count_over_time({self.query()} [{milliseconds}ms]))"

    def fits(self, line: LogLine) -> bool:
        """Whether that line is meant, to the letter."""
        return (
            (self.deployments is None or line.deployment in self.deployments)
            and self.source in (None, line.source)
            and self.level in (None, line.level)
            and self.text.lower() in line.text.lower()
            and (not self.of_requests or (line.request is not None and self._fits_request(line.request)))
            and (self.since is None or line.at >= self.since)
            and (self.until is None or line.at < self.until)
        )

    def _fits_request(self, request: Request) -> bool:
        low, high = self.status or (request.status, request.status)
        return low <= request.status <= high and (self.slower_than is None or request.duration > self.slower_than)

    def _query(self, text: str, late: bool | None) -> str:
        parts = [selector(self.installation, self.project, self._source(), late), *self._line_filter(text)]
        if numbers := self._numbers():
            parts += [f"| regexp {quoted(NUMBERS)}", *(f"| {number}" for number in numbers), '| __error__=""']
        return " ".join(parts)

    def _source(self) -> str | None:
        return "request" if self.of_requests else self.source

    def _line_filter(self, text: str) -> list[str]:
        """One regular expression, anchored, so that nothing in the text is taken for what stands before it. Not `|=` or
        a plain `(?i)text`: they would look at the beginning, too, and Loki 2's own search without regard to case misses
        "ab" in "aab"."""
        wanted = [self._deployment(), ANY, literal(self.level) if self.level else ANY, ANY, ANY, ANY]
        if text:
            head = " ".join(wanted)
            return [f"|~ {quoted(f'(?s)^{head} .*(?i:{literal(text)})')}"]
        while wanted and wanted[-1] == ANY:
            wanted.pop()
        return [f"|~ {quoted('^' + ' '.join(wanted) + ' ')}"] if wanted else []

    def _deployment(self) -> str:
        if self.deployments is None or len(self.deployments) > MOST_NAMED:
            return ANY
        return f"(?:{'|'.join(sorted(self.deployments))})"

    def _numbers(self) -> list[str]:
        found = []
        if self.since and self.since > EPOCH:
            found.append(f"written >= {microseconds(self.since)}")
        if self.until:
            found.append(f"written < {max(0, microseconds(self.until))}")
        if self.status:
            found += [f"status >= {max(0, self.status[0])}", f"status <= {max(0, self.status[1])}"]
        if self.slower_than is not None and self.slower_than >= 0:
            found.append(f"took > {self.slower_than:.3f}")
        return found


def selector(installation: str, project: str | None = None, source: str | None = None, late: bool | None = None) -> str:
    wanted = {"installation": installation, "project": project, "source": source}
    if late is not None:
        wanted["late"] = _yes(late)
    return "{" + ", ".join(f"{label}={quoted(value)}" for label, value in wanted.items() if value is not None) + "}"


def quoted(text: str) -> str:
    """A string of LogQL: Go's escapes are JSON's, of which it knows no halves of surrogate pairs."""
    return json.dumps(text, ensure_ascii=False).replace("\ufeff", "\\ufeff").replace("\x7f", "\\u007f")


def literal(text: str) -> str:
    """A regular expression (RE2) that finds exactly that text."""
    return SPECIAL.sub(r"\\\g<0>", text)


def microseconds(at: datetime) -> int:
    return (at - EPOCH) // MICROSECOND


def ids(texts: Collection[str]) -> tuple[str, ...]:
    """Those that can be ids at all, as they are written in lines."""
    return tuple(sorted({str(UUID(text)) for text in texts if _is_id(text)}))


def one_stream_each(lines: Sequence[Waiting]) -> list[list[Waiting]]:
    """Cut so that each piece has one stream of a project: Loki takes in a push stream by stream, and who reads on must
    never see a line before an earlier one."""
    pieces: list[list[Waiting]] = []
    of: dict[str, tuple[str, bool]] = {}
    for waiting in lines:
        stream = (waiting.entry.source, waiting.entry.late)
        if not pieces or of.setdefault(waiting.entry.project, stream) != stream:
            pieces.append([])
            of = {waiting.entry.project: stream}
        pieces[-1].append(waiting)
    return pieces


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _yes(so: bool) -> str:
    return "yes" if so else "no"
