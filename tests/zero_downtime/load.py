"""Visitors: each asks in all ways at once, on and on, and every answer is looked at."""

import asyncio
import hashlib
import json
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import aiohttp

from tests.zero_downtime.http2 import Http2, Http2Failed

PACE = 0.005
"""Seconds between two requests on one connection."""
TOO_LONG = 40
"""Seconds after which an answer, or the next word of a stream, counts as lost."""
SMALLEST, LARGEST = 200, 1_000_000
"""Bytes of a body."""
TROUBLE = (aiohttp.ClientError, OSError, TimeoutError, Http2Failed, ValueError)
NOISE = random.Random(1).randbytes(2 * LARGEST)
Ask = Callable[[], Awaitable[None]]


class Wrong(Exception):
    """An answer came, but not the one that is due."""


@dataclass
class Tally:
    """What became of the requests of one kind; messages, where it is a stream."""

    sent: int = 0
    failed: list[str] = field(default_factory=list)
    slowest: float = 0.0
    """Seconds."""
    cut: int = 0
    """Streams that ended because their version had had its time."""


@dataclass
class Load:
    """`port` is Traefik's; `look` asks for a page of the dashboard."""

    port: int
    host: str
    look: Ask
    tallies: dict[str, Tally] = field(default_factory=dict)
    marked: set[str] = field(default_factory=set)
    """The paths of those POSTs of which the app's log says that it took them."""
    numbers: "count[int]" = field(default_factory=lambda: count(1))
    ending: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def sent(self) -> int:
        return sum(tally.sent for tally in self.tallies.values())

    @property
    def failures(self) -> list[str]:
        return [f"{kind}: {failure}" for kind, tally in self.tallies.items() for failure in tally.failed]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def running(self, visitors: int) -> AsyncIterator[None]:
        """As long as this lasts; afterwards every request that was sent has had its answer."""
        tasks = [asyncio.create_task(ways) for number in range(visitors) for ways in self._visitor(number)]
        tasks.append(asyncio.create_task(self._again("dashboard", self._look, pace=0.2)))
        try:
            yield
        finally:
            self.ending.set()
            await asyncio.gather(*tasks)

    def table(self) -> str:
        rows = [f"{'':24}{'sent':>9}{'failed':>9}{'slowest':>11}{'cut':>6}"]
        for kind, tally in sorted(self.tallies.items()):
            cut = str(tally.cut or "")
            rows.append(f"{kind:24}{tally.sent:>9,}{len(tally.failed):>9}{tally.slowest * 1000:>8.0f} ms{cut:>6}")
        rows.append(f"{'altogether':24}{self.sent:>9,}{len(self.failures):>9}")
        return "\n".join(rows)

    # One visitor

    def _visitor(self, number: int) -> list[Any]:
        chance = random.Random(number)
        return [
            self._kept(chance),
            self._anew(chance),
            self._over_http2(chance),
            self._again("WebSocket", self._socket),
            self._again("event stream", self._events),
        ]

    async def _kept(self, chance: random.Random) -> None:
        """On connections that are kept; none of them is tried again behind our back."""
        async with self._client() as client:
            await asyncio.gather(
                self._again("GET", lambda: self._get(client, "GET")),
                self._again("POST", lambda: self._post(client, "POST", chance)),
                self._again("GET, 5 seconds", lambda: self._get(client, "GET, 5 seconds", "/slow")),
            )

    async def _anew(self, chance: random.Random) -> None:
        """Each on a connection of its own."""
        async with self._client(aiohttp.TCPConnector(force_close=True)) as client:
            await asyncio.gather(
                self._again("GET, new connection", lambda: self._get(client, "GET, new connection"), pace=0.02),
                self._again(
                    "POST, new connection", lambda: self._post(client, "POST, new connection", chance), pace=0.05
                ),
            )

    def _client(self, connector: aiohttp.TCPConnector | None = None) -> aiohttp.ClientSession:
        client = aiohttp.ClientSession(
            connector=connector,
            headers={"Host": self.host},
            timeout=aiohttp.ClientTimeout(total=TOO_LONG),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        client._retry_connection = False  # a GET on a connection that was just closed is a failed one too
        return client

    async def _again(self, kind: str, ask: Ask, *, pace: float = PACE) -> None:
        tally = self.tallies.setdefault(kind, Tally())
        while not self.ending.is_set():
            try:
                await ask()
            except (*TROUBLE, Wrong) as problem:
                tally.failed.append(f"{time.strftime('%H:%M:%S')} {problem!r}")
                await asyncio.sleep(0.2)
            with suppress(TimeoutError):
                async with asyncio.timeout(pace):
                    await self.ending.wait()

    # Its ways

    async def _get(self, client: aiohttp.ClientSession, kind: str, path: str = "/") -> None:
        with self._one(kind):
            async with client.get(self.url + path) as answer:
                _check(answer.status, await answer.read())

    async def _look(self) -> None:
        with self._one("dashboard"):
            await self.look()

    async def _post(self, client: aiohttp.ClientSession, kind: str, chance: random.Random) -> None:
        body, path = _body(chance), self._path()
        with self._one(kind):
            async with client.post(self.url + path, data=body) as answer:
                _check(answer.status, await answer.read(), body)
        self._took(path)

    async def _over_http2(self, chance: random.Random) -> None:
        while not self.ending.is_set():
            tally = self.tallies.setdefault("HTTP/2 connection", Tally())
            tally.sent += 1
            try:
                async with Http2(self.port, self.host) as connection:
                    while not (self.ending.is_set() or connection.goes_away):
                        await self._pair(connection, chance)
                        await asyncio.sleep(PACE)
            except (*TROUBLE, Wrong) as problem:
                tally.failed.append(f"{time.strftime('%H:%M:%S')} {problem!r}")
                await asyncio.sleep(0.2)

    async def _pair(self, connection: Http2, chance: random.Random) -> None:
        async with asyncio.timeout(TOO_LONG):
            with self._one("HTTP/2 GET"):
                _check(*await connection.ask("GET", "/"))
            body, path = _body(chance), self._path()
            with self._one("HTTP/2 POST"):
                _check(*await connection.ask("POST", path, body), body)
        self._took(path)

    async def _socket(self) -> None:
        """Talks until it is cut; then it comes back, and meets a newer version."""
        tally, said = self.tallies["WebSocket"], count(1)
        async with self._client() as client, client.ws_connect(self.url + "/socket", autoping=False) as socket:
            while not self.ending.is_set():
                text = str(next(said))
                try:
                    await socket.send_str(text)
                    heard = await socket.receive(timeout=TOO_LONG)
                except (ConnectionError, aiohttp.ClientError):
                    heard = aiohttp.WSMessage(aiohttp.WSMsgType.CLOSED, None, None)
                if heard.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING):
                    tally.cut += 1
                    return
                tally.sent += 1
                if heard.data != text:
                    raise Wrong(f"{heard.data!r} instead of {text}")
                await asyncio.sleep(0.1)

    async def _events(self) -> None:
        tally, due = self.tallies["event stream"], count(1)
        timeout = aiohttp.ClientTimeout(total=None, sock_read=TOO_LONG)
        async with self._client() as client, client.get(self.url + "/events", timeout=timeout) as stream:
            if stream.status != 200:
                raise Wrong(f"{stream.status}")
            with suppress(aiohttp.ClientPayloadError):  # cut in the middle, as it has no end of its own
                async for line in stream.content:
                    if self.ending.is_set():
                        return
                    if line.startswith(b"data: "):
                        tally.sent += 1
                        if int(line[6:]) != next(due):
                            raise Wrong(f"{line!r} is not the next one")
            tally.cut += 1

    # Keeping count

    def _one(self, kind: str) -> "_Timed":
        return _Timed(self.tallies.setdefault(kind, Tally()))

    def _path(self) -> str:
        return f"/take/{next(self.numbers)}"

    def _took(self, path: str) -> None:
        if path.endswith("00"):
            self.marked.add(path)


@dataclass
class _Timed:
    tally: Tally
    begun: float = 0.0

    def __enter__(self) -> None:
        self.tally.sent += 1
        self.begun = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.tally.slowest = max(self.tally.slowest, time.perf_counter() - self.begun)


def _body(chance: random.Random) -> bytes:
    """Mostly short ones: each power of two is as likely as the next."""
    length = min(LARGEST, int(SMALLEST * 2 ** chance.uniform(0, 12.3)))
    at = chance.randrange(LARGEST)
    return NOISE[at : at + length]


def _check(status: int, answer: bytes, body: bytes | None = None) -> None:
    if status != 200:
        raise Wrong(f"{status} {answer[:100]!r}")
    said = json.loads(answer)
    if body is not None and said["sum"] != hashlib.sha256(body).hexdigest():
        raise Wrong("The body arrived as another one.")
    if said.get("times", 1) != 1:
        raise Wrong(f"It was asked {said['times']} times.")
