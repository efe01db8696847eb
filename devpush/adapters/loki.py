"""Log lines in Loki. They go through a spool on disk: what is kept there is safe, and Loki may be away for a while."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self, TypeVar

from devpush.adapters import logql
from devpush.adapters.logql import Question
from devpush.adapters.logquestion import storable
from devpush.adapters.loki_http import MOST_AT_ONCE, LokiHttp, Refused
from devpush.adapters.spool import Entry, Mark, Spool, Waiting
from devpush.errors import Unavailable
from devpush.ports import LogLine, NewLine, Request, Source

PUSH_LINES, PUSH_CHARACTERS = 1_000, 500_000
"""What one push carries: well below 4 MB, which is what Loki's parts say to each other at once."""
SEEN_WITHIN = 3.0
"""Seconds that a line waits for Loki before it is told of. Then whoever looks finds what others have already seen."""
LOOK_EVERY = 0.5
"""Seconds after which the sender sees what another process has appended."""
PAUSES = (0.5, 1.0, 2.0, 5.0)
WINDOW = (30 * 24 * 3600 + 1800) * 10**6
"""µs that one question spans: Loki takes 30 days and an hour (max_query_length)."""
MOMENT = 60 * 10**6
"""µs from now up to which lines are looked for: clocks differ."""
SLACK = 2 * logql.LATE // logql.MICROSECOND
TOO_OLD = timedelta(days=7)
"""Loki's own choice (reject_old_samples_max_age)."""
FRESH = timedelta(seconds=10)
OLDEST = re.compile(r"oldest acceptable timestamp is: (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(Z|[+-]\d\d:\d\d)")
DAY = 86_400.0
MOST_LINES = 10_000
EVERYTHING = "everything"
T = TypeVar("T")
log = logging.getLogger(__name__)


class LokiLogs:
    """The LogStore in Loki. `keep`: how old lines are at most looked for."""

    def __init__(self, url: str, folder: Path, installation: str, *, spool: int, keep: timedelta) -> None:
        self.installation, self.keep = installation, keep
        self.http = LokiHttp(url)
        self.spool = Spool(folder, limit=spool, keep=keep)
        self.disk = Disk(self.spool)
        self.sender = Sender(self.http, self.disk, installation)

    async def __aenter__(self) -> Self:
        self.resources = AsyncExitStack()
        await self.resources.enter_async_context(self.http)
        await self.resources.enter_async_context(self.disk)
        self.sending = asyncio.create_task(self.sender.run(), name="loki sender")
        return self

    async def __aexit__(self, *_: object) -> None:
        self.sending.cancel()
        await asyncio.gather(self.sending, return_exceptions=True)
        await self.resources.aclose()

    async def ping(self) -> None:
        """Raises Unavailable unless Loki is ready."""
        await self.http.ready()

    async def append(self, lines: Sequence[NewLine], *, cursors: Mapping[str, str] | None = None) -> list[LogLine]:
        kept = [_storable(line) for line in lines]

        def entries(first: int) -> list[Entry]:
            return [logql.entry(line, id) for id, line in enumerate(kept, first)]

        first, mark = await self.disk.do(lambda: self.spool.append(entries, cursors or {}))
        await self.sender.sent_up_to(mark)
        return [
            LogLine(id, line.deployment, line.at, line.source, line.stream, line.text, line.level, line.request)
            for id, line in enumerate(kept, first)
        ]

    async def cursors(self) -> Mapping[str, str]:
        return await self.disk.do(self.spool.cursors)

    async def search(
        self,
        project: str,
        *,
        deployments: Collection[str] | None = None,
        source: Source | None = None,
        text: str = "",
        level: str | None = None,
        status: tuple[int, int] | None = None,
        slower_than: float | None = None,
        after: int | None = None,
        before: int | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 500,
    ) -> list[LogLine]:
        question = Question(
            installation=self.installation,
            project=project,
            deployments=None if deployments is None else logql.ids(deployments),
            source=source,
            text=text,
            level=level,
            status=status,
            slower_than=slower_than,
            since=since,
            until=until,
        )
        if not question.possible or storable(text) != text:
            return []
        forward = after is not None
        limit = min(max(int(limit), 1), MOST_LINES)
        found: dict[tuple[int, str, str], LogLine] = {}
        for late, start, end in _passes(question, await self._times(question, after, before)):
            async for line in self._found(question.query(late=late), start, end, limit, forward, question):
                found[line.id, line.deployment, line.text] = line
        lines = sorted(found.values(), key=lambda line: line.id)
        return lines[:limit] if forward else lines[-limit:]

    async def count(self, project: str, *, deployment: str, before: int) -> int:
        question = Question(installation=self.installation, project=project, deployments=logql.ids([deployment]))
        if not question.possible:
            return 0
        found = 0
        for low, high in await self._times(question, None, before):
            for start, end in _windows(low, high, forward=False):
                found += await self.http.number(question.count((end - start) // 1000 + 1), _edge(end))
        return found

    async def forget(self, *, project: str | None = None, before: datetime | None = None) -> None:
        if project is None and before is None:
            raise ValueError("forget what?")
        if project is not None:
            await self._forget_project(project)
        if before is not None:
            await self._forget_old(before)

    async def _forget_project(self, project: str) -> None:
        """Loki removes lines by and by; they are shown to nobody from now on."""
        [project] = logql.ids([project])
        await self.sender.caught_up()
        await self.disk.do(lambda: self.spool.forget(project, self.spool.last + 1))
        await self._delete(logql.selector(self.installation, project))

    async def _forget_old(self, before: datetime) -> None:
        """Once a day: each request to delete is a job for Loki."""
        moment = logql.microseconds(before)
        if moment < self.spool.forgotten(EVERYTHING) + DAY * 1e6:
            return
        await self._delete(logql.selector(self.installation), before=moment // 10**6)
        await self.disk.do(lambda: self.spool.forget(EVERYTHING, moment))
        await self.disk.do(lambda: self.spool.forget_forgotten(2 * self.keep.total_seconds()))

    async def _delete(self, selector: str, *, before: int | None = None) -> None:
        if not await self.http.delete(selector, before=before):
            log.warning("Loki isn't set up to delete lines: its own retention will", extra={"of": selector})

    async def _times(self, question: Question, after: int | None, before: int | None) -> list[tuple[int, int]]:
        """Where lines that fit can be: ids from the first up to before the second."""
        spans = await self.disk.do(lambda: self.spool.spans(question.deployments))
        now = self.spool.clock() // 1000
        gone = max(self.spool.forgotten(question.project), self.spool.forgotten(EVERYTHING))
        low = max(gone, now - self.keep // logql.MICROSECOND, 0, -1 if after is None else after + 1)
        high = max(now, self.spool.last) + MOMENT
        high = high if before is None else min(before, high)
        times = [(max(low, first), min(high, last + 1)) for first, last in spans]
        return [(start, end) for start, end in times if start < end]

    async def _found(
        self, query: str, low: int, high: int, limit: int, forward: bool, question: Question
    ) -> AsyncIterator[LogLine]:
        """At most `limit` lines that fit, from one end of that time."""
        left = limit
        for start, end in _windows(low, high, forward=forward):
            while start < end and left > 0:
                wanted = min(left, MOST_AT_ONCE)
                page = await self.http.lines(query, start=_edge(start), end=_edge(end), limit=wanted, forward=forward)
                for at, source, text in page:
                    line = logql.line(at // 1000, source, text)
                    if line and question.fits(line):
                        left -= 1
                        yield line
                if len(page) < wanted:
                    break
                start, end = (page[-1][0] // 1000 + 1, end) if forward else (start, page[-1][0] // 1000)


class Sender:
    """Takes lines from the spool to Loki, in their order. One of the processes that share the spool does."""

    def __init__(self, http: LokiHttp, disk: "Disk", installation: str) -> None:
        self.http, self.disk, self.installation = http, disk, installation
        self.trouble = ""
        """Why Loki doesn't get what is waiting, if it doesn't get it from here."""
        self.done: Mark = (0, 0)
        self.news = asyncio.Event()
        self.progress = asyncio.Condition()
        self.too_old = TOO_OLD
        self.restamped = 0

    async def run(self) -> None:
        while not await self.disk.do(self.disk.spool.take_turn):
            await self._set_trouble("another process sends them")
            await asyncio.sleep(LOOK_EVERY)
        await self._set_trouble("")
        pauses = 0
        while True:
            try:
                more = await self._send()
                pauses = 0
                if not more:
                    await self._wait_for_news()
            except Exception as problem:
                if not isinstance(problem, Unavailable):
                    log.exception("sender broke")
                await self._note(str(problem) or type(problem).__name__)
                await self.disk.do(self.disk.spool.again)
                await asyncio.sleep(PAUSES[min(pauses, len(PAUSES) - 1)])
                pauses += 1

    async def sent_up_to(self, mark: Mark) -> None:
        """Until Loki has it; not for long, and not at all while Loki is away."""
        self.news.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(SEEN_WITHIN), self.progress:
                await self.progress.wait_for(lambda: bool(self.trouble) or self.done >= mark)

    async def caught_up(self) -> None:
        """Until Loki has everything. Raises Unavailable if that takes too long."""
        mark = await self.disk.do(lambda: self.disk.spool.end)
        self.news.set()
        try:
            async with asyncio.timeout(SEEN_WITHIN):
                while await self.disk.do(self.disk.spool.sent_to) < mark:
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise Unavailable(f"Log lines still wait for Loki: {self.trouble or 'there are many'}") from None

    async def _send(self) -> bool:
        """Send what is next; False when there is nothing."""
        lines = await self.disk.do(lambda: self.disk.spool.ahead(PUSH_LINES, PUSH_CHARACTERS))
        for piece in logql.one_stream_each(lines):
            await self._deliver(piece)
            await self._note("")
        if not lines:
            await self._reached(await self.disk.do(self.disk.spool.sent_to))
        return bool(lines)

    async def _deliver(self, lines: Sequence[Waiting]) -> None:
        """However many pieces that takes: a line that Loki won't have doesn't hold up the others. What it has taken in
        meanwhile is the same when it comes again."""
        try:
            await self._push(lines)
        except Refused as refusal:
            if self._learned_from(str(refusal)):
                await self._deliver(lines)
            elif len(lines) > 1:
                await self._deliver(lines[: len(lines) // 2])
                await self._deliver(lines[len(lines) // 2 :])
            else:
                await self._say_instead(lines[0], str(refusal))
        mark = lines[-1].mark
        await self.disk.do(lambda: self.disk.spool.sent(mark))
        await self._reached(mark)

    async def _say_instead(self, line: Waiting, reason: str) -> None:
        """Of a line that Loki won't have, a line that says so."""
        log.error("log line refused by Loki", extra={"project": line.entry.project, "reason": reason})
        head = line.entry.text.split(" ", 6)[:6]
        head[1:3] = "system", "warning"
        text = f"{' '.join(head)} A line was left out: Loki refused it ({reason})."
        with_reason = replace(line, entry=replace(line.entry, text=text))
        try:
            await self._push([with_reason])
        except Refused as refusal:  # it isn't the line: better they wait than that all are left out
            raise Unavailable(f"Loki refuses whatever it is sent: {refusal}") from refusal

    async def _push(self, lines: Sequence[Waiting]) -> None:
        stamped = self._stamped(lines)
        moved = {
            new.entry.deployment: (new.id, new.id) for old, new in zip(lines, stamped, strict=True) if old is not new
        }
        if moved:
            await self.disk.do(lambda: self.disk.spool.note(moved))
        await self.http.push(logql.streams(self.installation, stamped))

    def _stamped(self, lines: Sequence[Waiting]) -> list[Waiting]:
        """With new timestamps where Loki would find the old ones too old: it was away for that long."""
        now = self.disk.spool.clock() // 1000
        too_old, fresh = (
            now - (self.too_old - margin) // logql.MICROSECOND for margin in (timedelta(seconds=1), FRESH)
        )
        return [line if line.id >= too_old else self._restamped(line, fresh) for line in lines]

    def _restamped(self, line: Waiting, fresh: int) -> Waiting:
        self.restamped = max(self.restamped + 1, fresh)
        return replace(line, id=self.restamped, entry=replace(line.entry, late=True))

    def _learned_from(self, refusal: str) -> bool:
        """Whether Loki has said that it takes only younger lines than we thought."""
        said = OLDEST.search(refusal)
        if not said:
            return False
        oldest = datetime.fromisoformat(said[1] + said[2].replace("Z", "+00:00"))
        age = datetime.fromtimestamp(self.disk.spool.clock() / 1e9, UTC) - oldest
        if age >= self.too_old - timedelta(seconds=2) or age < 2 * FRESH:
            return False
        self.too_old = age
        return True

    async def _reached(self, mark: Mark) -> None:
        async with self.progress:
            self.done = max(self.done, mark)
            self.progress.notify_all()

    async def _note(self, trouble: str) -> None:
        """How it goes now; said where that has changed."""
        if trouble != self.trouble:
            log.warning("log lines wait for Loki" if trouble else "log lines go to Loki", extra={"reason": trouble})
            await self._set_trouble(trouble)

    async def _set_trouble(self, trouble: str) -> None:
        async with self.progress:
            self.trouble = trouble
            self.progress.notify_all()

    async def _wait_for_news(self) -> None:
        """Of this process at once, of others now and then."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EVERY):
                await self.news.wait()
        self.news.clear()


class Disk:
    """The spool, and the one thread in which it works."""

    def __init__(self, spool: Spool) -> None:
        self.spool = spool

    async def __aenter__(self) -> Self:
        self.thread = ThreadPoolExecutor(1, "spool")
        await self.do(self.spool.open)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.do(self.spool.close)
        self.thread.shutdown()

    async def do(self, act: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.thread, act)


def _passes(question: Question, times: Sequence[tuple[int, int]]) -> Iterator[tuple[bool | None, int, int]]:
    """(which streams, from, to): where a time is asked for, lines that came in time are looked for near that time."""
    for low, high in times:
        if question.since is None and question.until is None:
            yield None, low, high
            continue
        start = low if question.since is None else max(low, logql.microseconds(question.since) - SLACK)
        end = high if question.until is None else min(high, logql.microseconds(question.until) + SLACK)
        yield False, start, end
        yield True, low, high


def _windows(low: int, high: int, *, forward: bool) -> Iterator[tuple[int, int]]:
    """That time in pieces that Loki answers questions about, in the order of asking."""
    while low < high:
        start, end = (low, min(low + WINDOW, high)) if forward else (max(low, high - WINDOW), high)
        yield start, end
        low, high = (end, high) if forward else (low, start)


def _edge(id: int) -> int:
    """Nanoseconds between the id before and this one: whether a bound counts doesn't matter."""
    return id * 1000 - 500


def _storable(line: NewLine) -> NewLine:
    text = storable(line.text)
    request = line.request and Request(line.request.status, round(line.request.duration, 3))
    return line if text == line.text and request == line.request else replace(line, text=text, request=request)
