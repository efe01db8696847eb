"""Keeps log lines in batches, and tells those who watch. Who writes waits for nobody; nothing is lost on the way."""

import asyncio
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby

from devpush.errors import Unavailable
from devpush.ports import Happening, LogLine, NewLine, World

log = logging.getLogger(__name__)

EVERY = 0.04
"""Seconds between two batches. The first line after a silence doesn't wait at all."""
BATCH = 2_000
ROOM = 4_000
"""Lines that may wait here; whoever can wait does so when there are more, and who can't leaves lines out."""
TOLD_AT_ONCE = 40_000
"""Characters in one happening: it passes through Redis whole."""
AGAIN_AFTER = 0.5


@dataclass(frozen=True, slots=True)
class Item:
    """A line on its way, and how far its container's output is read with it."""

    line: NewLine
    container: str = ""
    cursor: str = ""


class Keeper:
    """One queue; `run` empties it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.waiting: list[Item] = []
        self.keeping: list[Item] = []
        self.news = asyncio.Event()
        self.kept = asyncio.Condition()

    def add(self, item: Item) -> None:
        self.waiting.append(item)
        self.news.set()

    @property
    def full(self) -> bool:
        return len(self.waiting) >= ROOM

    async def room(self) -> None:
        """Until there is room for more."""
        if self.full:
            async with self.kept:
                await self.kept.wait_for(lambda: not self.full)

    async def settled(self) -> None:
        """Until everything that was added is kept."""
        async with self.kept:
            await self.kept.wait_for(lambda: not self.waiting and not self.keeping)

    async def run(self) -> None:
        while True:
            await self.news.wait()
            self.news.clear()
            started = time.monotonic()
            while self.waiting:
                self.keeping, self.waiting = self.waiting[:BATCH], self.waiting[BATCH:]
                await self._keep()
                async with self.kept:
                    self.kept.notify_all()
            await asyncio.sleep(max(0.0, EVERY - (time.monotonic() - started)))

    async def _keep(self) -> None:
        """Keep the batch, however long it takes, and tell of it."""
        tried = False
        while self.keeping:
            try:
                if tried:
                    await self._leave_out_kept()
                cursors = {item.container: item.cursor for item in self.keeping if item.cursor}
                kept = await self.world.logs.append([item.line for item in self.keeping], cursors=cursors)
            except Unavailable as problem:
                log.warning("log lines wait", extra={"count": len(self.keeping), "reason": str(problem)})
                tried = True
                await asyncio.sleep(AGAIN_AFTER)
                continue
            projects = [item.line.project for item in self.keeping]
            self.keeping = []
            await self.world.live.publish(list(_news(kept, projects)))

    async def _leave_out_kept(self) -> None:
        """A batch may have been kept though the answer never came: the cursors kept with it tell."""
        stored = await self.world.logs.cursors()
        mine = {item.cursor: at for at, item in enumerate(self.keeping) if item.cursor == stored.get(item.container)}
        gone = {self.keeping[at].container: at for at in mine.values() if self.keeping[at].cursor}
        missed = [item for at, item in enumerate(self.keeping) if at <= gone.get(item.container, -1)]
        self.keeping = [item for at, item in enumerate(self.keeping) if at > gone.get(item.container, -1)]
        topics = {topic for item in missed for topic in _topics(item.line.deployment, item.line.project)}
        await self.world.live.publish([Happening(topic, "gap") for topic in sorted(topics)])


def _news(kept: Sequence[LogLine], projects: Sequence[str]) -> Iterator[Happening]:
    both = zip(kept, projects, strict=True)
    for (deployment, project), pairs in groupby(both, key=lambda pair: (pair[0].deployment, pair[1])):
        for chunk in _chunks(line for line, _ in pairs):
            payload = {"deployment": deployment, "lines": [_shown(line) for line in chunk]}
            for topic in _topics(deployment, project):
                yield Happening(topic, "lines", payload)


def _topics(deployment: str, project: str) -> tuple[str, str]:
    return f"log:{deployment}", f"log:project:{project}"


def _chunks(lines: Iterable[LogLine]) -> Iterator[list[LogLine]]:
    chunk: list[LogLine] = []
    size = 0
    for line in lines:
        length = len(line.text) * (1 if line.text.isascii() else 3) + 200
        if chunk and size + length > TOLD_AT_ONCE:
            yield chunk
            chunk, size = [], 0
        chunk.append(line)
        size += length
    if chunk:
        yield chunk


def _shown(line: LogLine) -> dict[str, object]:
    request = {"request": asdict(line.request)} if line.request else {}
    return {
        "id": line.id,
        "at": line.at.isoformat(),
        "source": line.source,
        "stream": line.stream,
        "level": line.level,
        "text": line.text,
        **request,
    }
