"""Two processes side by side, as during an update: visitors notice nothing of a swap, a drain, or a death."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Self

import aiohttp
import pytest
from redis.asyncio import Redis

from tests.gitserver import Origin
from tests.life.platform import TIMEOUT, Answer, App, Operator, Platform, Poller, own_port, side_by_side, until

pytestmark = pytest.mark.integration

GO = "/tmp/go"  # in a container, not here
WAIT = f"until [ -e {GO} ]; do sleep 0.1; done"
SERVER = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class App(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.send_response(200)
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"{version}")
        sys.stdout.write("asked for " + self.path + chr(10))  # whole: others answer at the same time
        sys.stdout.flush()

    do_POST = do_GET

    def log_message(self, *args):
        pass

ThreadingHTTPServer(("", 8000), App).serve_forever()
"""
ASKED = re.compile(r"asked for /number/(\d+)")
ID = re.compile(r"id: (\d+)")


@dataclass
class Two:
    """Blue and green, one installation: on one PostgreSQL, Redis, Traefik and DATA_DIR."""

    blue: Platform
    green: Platform
    origin: Origin
    app: App | None = None
    operator: Operator | None = None
    version: int = 1
    numbers: "count[int]" = field(default_factory=lambda: count(1))
    """Each request to the app has one, and leaves a line with it."""

    async def begin(self) -> None:
        """Blue alone, with an app."""
        await self.blue.start()
        await self.blue.unhurried()
        self.green.installation = self.blue.installation
        self.app = await self.blue.live(self.origin.path, "--build", "true")
        self.operator = await Operator(self.blue, port=self.blue.http_port).sign_in()

    async def stuck(self, in_process: Platform) -> Any:
        """A deployment that is built in that process, until `open`."""
        self.version += 1
        self.origin.commit({"main.py": SERVER.replace("{version}", f"v{self.version:02}")})
        await in_process.sql("UPDATE project SET build = $1", WAIT)
        assert self.operator
        before = len(await in_process.deployments("shop"))
        assert (await self.operator.post("/projects/shop/deployments", branch="main")).status == 303
        row = await in_process.reaches("shop", "building", before + 1)

        async def runs() -> bool:
            return any(
                each.state == "running" and each.labels["devpush.kind"] == "build"
                for each in await in_process.containers("shop")
            )

        await until(runs, "No build runs.")
        return row

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """As long as this lasts, no build waits."""
        opening = asyncio.create_task(self._open())
        try:
            yield
        finally:
            opening.cancel()
            await asyncio.wait([opening])

    async def _open(self) -> None:
        async with self.blue.engine() as engine:
            while True:
                with suppress(Exception):  # a container that is just ending
                    for found in await engine.list():
                        if found.state == "running" and found.labels["devpush.kind"] == "build":
                            await engine.run(found.name, ["touch", GO], environment={}, on_output=lambda *_: None)
                await asyncio.sleep(0.2)

    async def asked_to_drain(self, times: int) -> bool:
        async with Redis.from_url(self.blue.settings["REDIS_URL"], decode_responses=True) as redis:
            told: Any = await redis.xrange(f"devpush:{self.blue.installation}:live")
        return sum((entry["topic"], entry["kind"]) == ("installation", "drain") for _, entry in told) >= times

    async def front(self) -> str:
        [row] = await self.blue.sql("SELECT front FROM installation")
        return str(row["front"])

    async def leads_to(self, process: Platform) -> bool:
        """Whether Traefik does, for who visits the dashboard."""
        through = await self.blue.get("localhost", "/health")
        return through.deployment == (await process.dashboard("/health")).deployment != ""

    def here(self, process: Platform) -> str:
        return f"http://127.0.0.1:{process.port}"

    async def ask_app(self, method: str, path: str) -> Answer:
        assert self.app
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT) as client,
            client.request(
                method, f"http://127.0.0.1:{self.blue.http_port}{path}", headers={"Host": self.app.host}, data=b"x"
            ) as answer,
        ):
            return Answer(answer.status, await answer.text())

    @asynccontextmanager
    async def visited(self) -> AsyncIterator["Reader"]:
        """Steady load on the app and on the dashboard, and an open page with the app's log. Nothing fails."""
        assert self.operator
        operator = self.operator
        asked: set[int] = set()

        async def post() -> Answer:
            number = next(self.numbers)
            answer = await self.ask_app("POST", f"/number/{number}")
            asked.add(number)
            return answer

        async def save() -> Answer:
            answer = await operator.post("/account/general", name="Ada", username="ada")
            return Answer(200 if answer.status == 303 else answer.status, answer.text)

        looks: dict[str, Callable[[], Awaitable[Answer]]] = {
            "app": lambda: self.ask_app("GET", "/"),
            "app, POST": post,
            "dashboard": lambda: operator.get("/projects/shop"),
            "dashboard, POST": save,
        }
        async with Reader(operator, "/projects/shop/logs/stream") as reader:
            async with AsyncExitStack() as stack:
                pollers = {name: await stack.enter_async_context(Poller(look)) for name, look in looks.items()}
                yield reader
            for name, poller in pollers.items():
                assert poller.failures == [], name
                assert len(poller.answers) > 10, name
            await until(lambda: reader.has(asked), f"Lines are missing: {sorted(asked - set(reader.numbers))[:10]}")
        assert sorted(reader.numbers) == sorted(set(reader.numbers)), "A line came twice."


@dataclass
class Reader:
    """A browser with an open log: it comes back to a stream that ended, with the id of the last line it has."""

    operator: Operator
    path: str
    last: str = ""
    numbers: list[int] = field(default_factory=list)
    streams: int = 0
    broken: list[str] = field(default_factory=list)
    task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self.task = asyncio.create_task(self._read())
        await until(self._is_open, "The stream does not open.")
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self.task
        self.task.cancel()
        await asyncio.wait([self.task])
        assert self.broken == []

    async def has(self, numbers: set[int]) -> bool:
        return numbers <= set(self.numbers)

    async def _is_open(self) -> bool:
        return self.streams > 0

    async def _read(self) -> None:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
        async with aiohttp.ClientSession(cookie_jar=self.operator.cookies, timeout=timeout) as client:
            while True:
                try:
                    await self._stream(client)
                except aiohttp.ClientError as problem:
                    self.broken.append(repr(problem))
                await asyncio.sleep(0.5)  # as the stream's last word says: retry

    async def _stream(self, client: aiohttp.ClientSession) -> None:
        url = f"http://127.0.0.1:{self.operator.port}{self.path}"
        headers = {"Host": f"localhost:{self.operator.platform.port}"}
        if self.last:
            headers["Last-Event-ID"] = self.last
        async with client.get(url, headers=headers) as answer:
            if answer.status != 200:
                self.broken.append(str(answer.status))
                return
            self.streams += 1
            async for line in answer.content:
                text = line.decode()
                if found := ID.match(text):
                    self.last = found[1]
                self.numbers += [int(number) for number in ASKED.findall(text)]


@pytest.fixture(scope="module")
async def two(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Two]:
    origin = Origin.make(tmp_path_factory.mktemp("origins") / "shop.git")
    origin.commit({"main.py": SERVER.replace("{version}", "v01")})
    async with side_by_side() as (blue, green):
        green.settings["JOB_COMPLETION_WAIT"] = "1"
        two = Two(blue, green, origin)
        await two.begin()
        yield two


async def test_an_update_finishes_what_runs_and_nobody_notices(two: Two) -> None:
    blue, green = two.blue, two.green
    async with two.visited() as reader:
        deployment = await two.stuck(blue)
        assert await two.leads_to(blue)
        await green.start()
        assert await two.front() == two.here(green)
        assert await two.leads_to(green)
        assert json.loads((await green.dashboard("/ready")).text)["version"]
        draining = asyncio.create_task(blue.command("drain"))

        async def is_draining() -> bool:
            return "draining" in (await blue.dashboard("/ready")).text

        await until(is_draining, "It does not say that it drains.")
        again = asyncio.create_task(blue.command("drain"))
        await until(lambda: two.asked_to_drain(2), "Nobody asks it once more.")
        async with two.open():
            both = await asyncio.gather(draining, again)
        for ended in both:
            assert ended.code == 0, ended
            assert ended.out.endswith("Drained: nothing was left.\n"), ended
        assert blue.process
        assert await blue.process.wait() == 0
        finished = await green.finished("shop", 2)
        assert (finished["state"], finished["id"]) == ("succeeded", deployment["id"]), finished["reason"]
        assert finished["attempts"] == 1
        await until(lambda: _more(reader, 1), "The page's stream did not come back.")
        assert (await two.ask_app("GET", "/")).text == "v02"
        late = await blue.command("drain")
        assert (late.code, late.err) == (
            1,
            f"No running process answered at port {blue.port}. Is the platform running?\n",
        )
        await green.settled("shop")


async def test_what_takes_too_long_is_handed_over_and_so_is_the_dashboard(two: Two) -> None:
    """Blue comes up again; green is told to be in front all the same, and is drained there."""
    blue, green = two.blue, two.green
    async with two.visited() as reader:
        await two.stuck(green)
        await blue.start()
        assert await two.leads_to(blue)
        back = await green.command("front")
        assert (back.code, back.out) == (0, f"The dashboard is served by the process at {two.here(green)}.\n")
        assert await two.leads_to(green)
        streams = reader.streams
        ended = await green.command("drain")
        assert (ended.code, ended.out.splitlines()[-1]) == (0, "Drained; 1 handed over to the next process.")
        assert green.process
        assert await green.process.wait() == 0
        assert await two.leads_to(blue)
        taken = (await blue.newest("shop"))["attempts"]
        await until(lambda: _more(reader, streams), "The page's stream did not come back.")
        await until(lambda: _attempted(blue, 2), f"Nobody took it over: {taken}")
        async with two.open():
            finished = await blue.finished("shop", 3)
        assert finished["state"] == "succeeded", finished["reason"]
        assert (await two.ask_app("GET", "/")).text == "v03"
        await blue.settled("shop")


async def test_killed_before_it_is_ready_the_new_one_leaves_the_old_in_front(two: Two) -> None:
    blue, green = two.blue, two.green
    nowhere = f"http://127.0.0.1:{own_port()}"
    broken = Platform(green.folder, green.settings | {"TRAEFIK_URL": nowhere}, port=green.port)
    await broken.begin()

    async def tries() -> bool:
        return await two.front() == two.here(broken)

    await until(tries, f"It never tried: {broken.said()[-2000:]}")
    assert json.loads((await broken.dashboard("/ready")).text)["state"] == "starting"
    await broken.killed()
    late = await broken.command("drain")
    assert late.code == 1

    async def back() -> bool:
        with suppress(aiohttp.ClientError, OSError):
            return await two.front() == two.here(blue) and await two.leads_to(blue)
        return False

    await until(back, "The dashboard is lost.")
    assert (await blue.dashboard("/ready")).status == 200


async def _more(reader: Reader, streams: int) -> bool:
    return reader.streams > streams


async def _attempted(process: Platform, times: int) -> bool:
    return bool((await process.newest("shop"))["attempts"] >= times)
