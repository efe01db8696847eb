"""How open pages hear: one subscription and one reader for each topic, whatever the number of pages that listen."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from devpush.ports import Happening, Live

MOST_WAITING = 1_000
GAP = "gap"


class Ear:
    """One page's. Whoever is slow misses the middle, and is told so; nobody waits for them."""

    def __init__(self) -> None:
        self.heard: deque[Happening] = deque()
        self.ended = False
        self._news: asyncio.Future[None] | None = None

    def hear(self, happening: Happening) -> None:
        if len(self.heard) >= MOST_WAITING:
            self.heard.clear()
            happening = Happening("", GAP)
        self.heard.append(happening)
        self._wake()

    def end(self) -> None:
        """Nothing more will come."""
        self.ended = True
        self._wake()

    async def news(self, seconds: float) -> None:
        """Until something more is heard, or so long."""
        if self.ended or seconds <= 0:
            return
        self._news = asyncio.get_running_loop().create_future()
        timer = asyncio.get_running_loop().call_later(seconds, self._wake)
        try:
            await self._news
        finally:
            timer.cancel()
            self._news = None

    def _wake(self) -> None:
        if self._news and not self._news.done():
            self._news.set_result(None)


@dataclass
class _Topic:
    reading: asyncio.Task[None]
    ready: asyncio.Event
    ears: set[Ear] = field(default_factory=set)


class Ears:
    """Those of all pages that are open in this process."""

    def __init__(self, live: Live, stopping: asyncio.Event) -> None:
        self.live, self.stopping = live, stopping
        self.topics: dict[str, _Topic] = {}
        self.ending: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def listen(self, topics: Sequence[str]) -> AsyncIterator[Ear]:
        """From now on, until the process stops."""
        ear = Ear()
        joined = [self._join(topic, ear) for topic in topics]
        self.ending = self.ending or asyncio.create_task(self._end(), name="ears end")
        try:
            for topic in joined:
                await topic.ready.wait()
            if self.stopping.is_set():
                ear.end()
            yield ear
        finally:
            await self._leave(topics, ear)

    def _join(self, name: str, ear: Ear) -> _Topic:
        topic = self.topics.get(name)
        if topic is None:
            ready = asyncio.Event()
            topic = _Topic(asyncio.create_task(self._read(name, ready), name=f"ears {name}"), ready)
            self.topics[name] = topic
        topic.ears.add(ear)
        return topic

    async def _leave(self, topics: Sequence[str], ear: Ear) -> None:
        over = []
        for name in topics:
            topic = self.topics[name]
            topic.ears.discard(ear)
            if not topic.ears:
                over.append(self.topics.pop(name).reading)
        if self.ending and not self.topics:
            over.append(self.ending)
            self.ending = None
        for task in over:
            task.cancel()
        if over:
            await asyncio.wait(over)

    async def _read(self, name: str, ready: asyncio.Event) -> None:
        """Whatever happens to it, nobody goes on waiting for it."""
        try:
            async with self.live.subscribe([name]) as happenings:
                ready.set()
                async for happening in happenings:
                    if happening:
                        for ear in self.topics[name].ears:
                            ear.hear(happening)
        finally:
            ready.set()
            for ear in self.topics[name].ears if name in self.topics else ():
                ear.end()

    async def _end(self) -> None:
        await self.stopping.wait()
        for topic in self.topics.values():
            for ear in topic.ears:
                ear.end()
