"""Redis: one stream of what is happening now, and leases. Nothing in it is missed when it is gone."""

import asyncio
import json
import logging
import secrets
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Self

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from devpush.errors import Unavailable
from devpush.ports import Happening, Lease

log = logging.getLogger(__name__)

ANSWER_WITHIN = 2.0
BLOCK = 5.0
"""Seconds that one read waits for news; after an empty one we look whether the stream is still the same."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 1.0
STREAM_ENTRIES, STREAM_BYTES = 10_000, 8_000_000
LARGEST = 64_000
"""Bytes of one happening; of a larger one only a gap is told. Redis keeps leases too, and must never be full."""
QUEUE = 1_000
HEARTBEAT = 10.0
AWAY = (RedisError, OSError, TimeoutError)
GAP = "gap"


class RedisLive:
    """One stream for all processes. Each process has one reader, which tells its own subscribers."""

    def __init__(self, url: str, installation: str) -> None:
        self.key = f"devpush:{installation}:live"
        self.writer = _client(url)
        self.reader = _client(url, answer_within=BLOCK + ANSWER_WITHIN)
        self.name = secrets.token_hex(4)
        self.told = 0
        self.typical = 1_000.0
        """Bytes of a happening, lately."""
        self.subscribers: dict[str, set[_Subscriber]] = {}
        self.heard: dict[str, int] = {}
        """How many happenings each publisher had told with the last one of its that we heard."""
        self.reading: asyncio.Task[None] | None = None
        self.calls = _Calls()

    async def __aenter__(self) -> Self:
        self.reading = asyncio.create_task(self._read(), name="live reader")
        return self

    async def __aexit__(self, *_: object) -> None:
        while self.reading and not self.reading.done():
            self.reading.cancel()  # more than once: see _Calls.surely
            await asyncio.wait([self.reading], timeout=0.1)
        for subscriber in self._everyone():
            subscriber.end()
        await self.calls.answered()
        await self.writer.aclose()
        await self.reader.aclose()

    async def publish(self, happenings: Sequence[Happening]) -> None:
        if not happenings:
            return
        pipe = self.writer.pipeline(transaction=False)
        for happening in happenings:
            entry = self._entry(happening)
            self.typical += (len(entry["payload"]) - self.typical) / 50
            keep = max(100, min(STREAM_ENTRIES, int(STREAM_BYTES / (self.typical + 100))))
            pipe.xadd(self.key, entry, maxlen=keep, approximate=True)  # type: ignore[arg-type]  # dict is invariant
        try:
            await self.calls.surely(pipe.execute())
        except AWAY as problem:
            # Those who are there will see that our count has jumped.
            log.info("happenings not told", extra={"count": len(happenings), "reason": str(problem)})

    @asynccontextmanager
    async def subscribe(self, topics: Sequence[str]) -> AsyncIterator[AsyncIterator[Happening | None]]:
        subscriber = _Subscriber()
        for topic in topics:
            self.subscribers.setdefault(topic, set()).add(subscriber)
        try:
            yield subscriber
        finally:
            for topic in topics:
                listening = self.subscribers.get(topic, set())
                listening.discard(subscriber)
                if not listening:
                    self.subscribers.pop(topic, None)

    async def ping(self) -> None:
        await _ping(self.writer)

    def _entry(self, happening: Happening) -> dict[str, str]:
        self.told += 1
        kind, payload = happening.kind, json.dumps(happening.payload, default=str)
        if len(payload) > LARGEST:
            kind, payload = GAP, "{}"
        return {"topic": happening.topic, "kind": kind, "payload": payload, "from": f"{self.name} {self.told}"}

    # Reading

    async def _read(self) -> None:
        """Follow the stream for as long as we live, wherever Redis may be in between."""
        at, pause = "", FIRST_PAUSE
        while True:
            try:
                if not at:
                    at = await self._newest()
                    self._tell_gap()
                at = await self._read_on(at)
                pause = FIRST_PAUSE
            except AWAY as problem:
                log.warning("live stream interrupted", extra={"reason": str(problem)})
                at = ""
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    async def _read_on(self, at: str) -> str:
        """Tell what is new after `at`; where to go on, or nothing if the stream was emptied meanwhile."""
        # redis-py can't say in a type that its older protocol, which we speak, gives pairs of strings.
        answer: Any = await self.reader.xread({self.key: at}, block=int(BLOCK * 1000), count=500)
        for id, entry in answer[0][1] if answer else ():
            self._tell(entry)
            at = id
        if not answer and _position(await self._newest()) < _position(at):
            return ""
        return at

    async def _newest(self) -> str:
        newest = await self.reader.xrevrange(self.key, count=1)
        return str(newest[0][0]) if newest else "0-0"

    def _tell(self, entry: dict[str, str]) -> None:
        publisher, _, number = entry.get("from", "").partition(" ")
        count = int(number or 0)
        expected = self.heard.get(publisher, count - 1) + 1
        self.heard[publisher] = count
        if count > expected:  # told while Redis was away, or trimmed before we came to it
            self._tell_gap()
        if listening := self.subscribers.get(entry["topic"]):  # of most, nobody here wants to know
            happening = Happening(entry["topic"], entry["kind"], json.loads(entry["payload"]))
            for subscriber in listening:
                subscriber.hear(happening)

    def _tell_gap(self) -> None:
        for subscriber in self._everyone():
            subscriber.miss()

    def _everyone(self) -> "set[_Subscriber]":
        return {subscriber for listening in self.subscribers.values() for subscriber in listening}


@dataclass(eq=False)
class _Subscriber:
    """Somebody's queue. One who is slow misses the middle, and is told so; nobody waits for them."""

    queue: deque[Happening] = field(default_factory=deque)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    ended: bool = False

    def hear(self, happening: Happening) -> None:
        if len(self.queue) >= QUEUE:
            self.miss()
        else:
            self.queue.append(happening)
            self.news.set()

    def miss(self) -> None:
        """Whatever waits is older than the state that they will read now."""
        self.queue.clear()
        self.queue.append(Happening("", GAP))
        self.news.set()

    def end(self) -> None:
        self.ended = True
        self.news.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Happening | None:
        with suppress(TimeoutError):
            async with asyncio.timeout(HEARTBEAT):
                await self.news.wait()
        if self.queue:
            happening = self.queue.popleft()
            if not self.queue and not self.ended:
                self.news.clear()
            return happening
        if self.ended:
            raise StopAsyncIteration
        return None


# Leases

RENEW = """
local holder = redis.call('get', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2])
return 1
"""
"""Also takes it anew when nobody has it: Redis was emptied or away, which is no reason to stop the work."""
RELEASE = """
if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('del', KEYS[1]) end
return 1
"""


@dataclass
class RedisLease:
    lost: bool = False


class RedisLeases:
    """Claims on names, one key each."""

    def __init__(self, url: str, installation: str) -> None:
        self.prefix = f"devpush:{installation}:lease:"
        self.redis = _client(url)
        self.calls = _Calls()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.calls.answered()
        await self.redis.aclose()

    def hold(self, name: str, *, ttl: float = 10) -> AbstractAsyncContextManager[Lease | None]:
        return self._hold(self.prefix + name, ttl)

    @asynccontextmanager
    async def _hold(self, key: str, ttl: float) -> AsyncIterator[Lease | None]:
        token = secrets.token_hex(16)
        try:
            got = await self.calls.surely(self.redis.set(key, token, nx=True, px=int(ttl * 1000)))
        except AWAY as problem:
            raise Unavailable(f"Redis doesn't answer: {problem}") from None
        if not got:
            yield None
            return
        lease = RedisLease()
        renewing = asyncio.create_task(self._renew(lease, key, token, ttl), name=f"renew {key}")
        try:
            yield lease
        finally:
            renewing.cancel()
            await asyncio.wait([renewing])
            with suppress(*AWAY):
                await self.calls.surely(self.redis.eval(RELEASE, 1, key, token))

    async def _renew(self, lease: RedisLease, key: str, token: str, ttl: float) -> None:
        pause = ttl / 3
        while not lease.lost:
            await asyncio.sleep(pause)
            try:
                asked = self.redis.eval(RENEW, 1, key, token, int(ttl * 1000))
                lease.lost = not await self.calls.surely(asked)
                pause = ttl / 3
            except AWAY as problem:
                pause = min(ttl / 3, LONGEST_PAUSE)  # others may ask for it as soon as Redis is back
                log.warning("lease not renewed", extra={"lease": key, "reason": str(problem)})


# The client


def _client(url: str, answer_within: float = ANSWER_WITHIN) -> "Redis":
    """One more try, for a connection that died while nobody used it."""
    network = {} if url.startswith("unix:") else {"socket_keepalive": True}
    return Redis.from_url(
        url,
        socket_timeout=answer_within,
        socket_connect_timeout=ANSWER_WITHIN,
        **network,
        retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
        decode_responses=True,
    )


class _Calls:
    """What was asked and isn't answered yet, also when nobody waits for the answer any more."""

    def __init__(self) -> None:
        self.open: set[asyncio.Future[Any]] = set()

    async def surely(self, call: Awaitable[Any]) -> Any:
        """The answer, or CancelledError at once: redis-py sends through asyncio.wait_for, which on Python 3.11
        swallows a cancellation that comes just as it is done, and the task that was to end would go on."""
        asked = asyncio.ensure_future(call)
        self.open.add(asked)
        asked.add_done_callback(self.open.discard)
        return await asyncio.shield(asked)

    async def answered(self) -> None:
        """Before the client is closed: a call that loses its connection makes another, which nobody would close."""
        if self.open:
            await asyncio.wait(self.open, timeout=2 * ANSWER_WITHIN)


async def _ping(redis: "Redis") -> None:
    try:
        await redis.ping()
    except AWAY as problem:
        raise Unavailable(f"Redis doesn't answer: {problem}") from None


def _position(id: str) -> tuple[int, int]:
    milliseconds, _, number = id.partition("-")
    return int(milliseconds), int(number or 0)
