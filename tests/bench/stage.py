"""What the benchmarks stand on: a real platform with somebody signed in to it, a clock, and the floor beside it."""

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from itertools import count
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import aiohttp

from devpush import settings
from devpush.adapters.docker import DockerContainers
from devpush.deploy import runners
from devpush.ports import APP_PORT
from tests.gitserver import Origin
from tests.images import own_engine
from tests.life.platform import Platform, own_platform, until

EVERY = 0.005
"""Seconds between two looks whether something answers."""
PATIENCE = 120
IDLE, LONGEST_WAIT = 0.8, 6.0
"""The share of the cores that does nothing before something is measured; seconds after which we begin anyway."""
CSRF = re.compile(r'name="csrf_token" value="([^"]*)"')
ISOLATION = ("NetworkMode", "SecurityOpt", "CapDrop", "Memory", "MemorySwap", "CpuPeriod", "CpuQuota", "PidsLimit",
             "Ulimits", "LogConfig", "IpcMode", "CgroupnsMode")  # fmt: skip
APP_SECRET = "what GitHub signs its webhooks with"
APP = {
    "GITHUB_APP_ID": "1",
    "GITHUB_APP_NAME": "bench",
    "GITHUB_APP_PRIVATE_KEY": "nobody asks GitHub for anything",
    "GITHUB_APP_WEBHOOK_SECRET": APP_SECRET,
    "GITHUB_APP_CLIENT_ID": "Iv1.bench",
    "GITHUB_APP_CLIENT_SECRET": "nobody signs in with it",
}
SETTINGS = {"DEFAULT_MEMORY_MB": "1024", "MAX_CONCURRENT_DEPLOYMENTS": "2", "LOG_LEVEL": "WARNING"} | APP
_numbers = count(1)


@dataclass
class Stage:
    """A platform, somebody who is signed in to it, and an engine of our own for the floors."""

    platform: Platform
    engine: DockerContainers
    client: aiohttp.ClientSession
    csrf: str = ""

    # The dashboard

    @property
    def dashboard(self) -> str:
        return f"http://127.0.0.1:{self.platform.port}"

    @property
    def cookie(self) -> str:
        return "; ".join(f"{cookie.key}={cookie.value}" for cookie in self.client.cookie_jar)

    async def sign_in(self) -> Self:
        """By the operator's link, as it was printed at the start."""
        ended = await self.platform.command("sign-in-link")
        link = self.dashboard + "/auth/link/" + ended.last.rpartition("/")[2]
        await self._send(link, await self._token(link))
        self.csrf = await self._token(f"{self.dashboard}/account")
        return self

    async def act(self, path: str, **form: str) -> str:
        """Press a button; where it leads."""
        return await self._send(f"{self.dashboard}{path}", self.csrf, **form)

    async def deploy(self, project: str) -> str:
        """The newest commit of main; the deployment's id."""
        return _id(await self.act(f"/projects/{project}/deployments", branch="main"))

    async def redeploy(self, project: str, deployment: str) -> str:
        return _id(await self.act(f"/projects/{project}/deployments/{deployment}/redeployment"))

    async def roll_back(self, project: str, deployment: str) -> str:
        return await self.act(f"/projects/{project}/deployments/{deployment}/rollback")

    async def _token(self, url: str) -> str:
        async with self.client.get(url) as answer:
            found = CSRF.search(await answer.text())
            assert found, f"{url} answers {answer.status} without a form"
            return found[1]

    async def _send(self, url: str, csrf: str, **form: str) -> str:
        async with self.client.post(url, data={"csrf_token": csrf, **form}, allow_redirects=False) as answer:
            assert answer.status in (302, 303), f"{url} answers {answer.status}: {await answer.text()}"
            return answer.headers["Location"]

    # The clock

    async def live_after(
        self, project: str, act: Callable[[], Awaitable[object]], *, pushed: Callable[[], object] = lambda: None
    ) -> float:
        """Seconds from asking until another deployment than before answers 200 through Traefik. What is pushed is
        pushed just before: a minute later the platform would have noticed by itself."""
        await self.rest()
        await asyncio.to_thread(pushed)
        url, host = f"http://127.0.0.1:{self.platform.http_port}/", f"{project}.localhost"
        before = (await self.platform.get(host)).deployment
        began = time.perf_counter()
        watching = asyncio.create_task(self.first_answer(url, lambda said: said not in ("", before), host))
        await act()
        return await watching - began

    async def first_answer(self, url: str, wanted: Callable[[str], bool], host: str = "") -> float:
        """When the first 200 came of the deployment that is wanted."""
        return await asyncio.to_thread(_look, url, {"Host": host} if host else {}, wanted)

    async def rest(self) -> None:
        """Until nothing of the last act goes on: what served before is stopped, build containers are removed."""

        async def at_rest() -> bool:
            found = await self.platform.containers()
            return all(each.labels.get("devpush.kind") == "app" for each in found)

        for row in await self.platform.sql("SELECT slug FROM project"):
            await self.platform.settled(row["slug"])
        await until(at_rest, "the platform does not come to rest", every=0.2)
        await quiet()

    async def log_of(self, deployment: str) -> list[str]:
        """What its build said."""
        rows = await self.platform.sql(
            "SELECT text FROM log_line WHERE deployment_id = $1 AND source = 'build' ORDER BY id", deployment
        )
        return [row["text"] for row in rows]

    # The floor

    async def runner_image(self, slug: str) -> str:
        chosen = settings.read(self.platform.environment())
        return await runners.image(chosen, self.engine, slug, "", print)

    async def floor(self, image: str, origin: Origin, start: str) -> float:
        """Seconds that the command `docker run` of the image takes until the app answers 200 at the container's
        address: it clones the newest commit of the same repository, and starts the app. No limits, no proxy, no
        record of it."""
        name = f"{self.engine.prefix}floor-{next(_numbers)}"
        labels = [f"--label={key}={value}" for key, value in self.engine._labels({}).items()]
        command = ["docker", "run", "--detach", "--init", f"--name={name}", f"--user={os.getuid()}", *labels]
        command += [f"--env=PORT={APP_PORT}", "--env=HOME=/tmp", f"--volume={origin.path}:/origin.git:ro"]
        command += ["--entrypoint=/bin/sh", image, "-c", _cloned(start)]
        await quiet()
        began = time.perf_counter()
        running = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
        assert await running.wait() == 0, f"{command} failed"
        try:
            return await self._answered(name) - began
        finally:
            await self.engine.remove(name)

    async def engine_floor(self, image: str, origin: Origin, start: str, *, beside: str = "") -> float:
        """The same asked of the engine's API, which leaves out what the docker command itself takes. With `beside`
        (a project) as isolated as that project's apps: on their network, and with limits."""
        isolation: dict[str, object] = {}
        if beside:
            [app] = [found for found in await self.platform.containers(beside) if found.state == "running"]
            host = (await self.engine.engine.ask(f"containers/{app.id}/json"))["HostConfig"]
            isolation = {name: host[name] for name in ISOLATION}
        await quiet()
        began = time.perf_counter()
        name = await self._create(image, _cloned(start), f"{origin.path}:/origin.git:ro", **isolation)
        try:
            return await self._started(name) - began
        finally:
            await self.engine.remove(name)

    async def restart_floor(self, image: str, start: str) -> float:
        """Seconds that `docker start` of a stopped container of the image takes until it answers at its address."""
        name = await self._create(image, f"exec {start}")
        try:
            await self._started(name)
            await self.engine.stop(name, grace=1)
            await quiet()
            began = time.perf_counter()
            return await self._started(name) - began
        finally:
            await self.engine.remove(name)

    async def _create(self, image: str, script: str, *binds: str, **isolation: object) -> str:
        name = f"{self.engine.prefix}floor-{next(_numbers)}"
        body = {
            "Image": image,
            "Entrypoint": ["/bin/sh", "-c", script],
            "User": str(os.getuid()),  # git clones only what belongs to its user
            "Env": [f"PORT={APP_PORT}", "HOME=/tmp"],
            "Labels": self.engine._labels({}),
            "HostConfig": {"Binds": binds, "Init": True, **isolation},
        }
        await self.engine.engine.ask("containers/create", "POST", params={"name": name}, body=body)
        return name

    async def _started(self, name: str) -> float:
        """When it first answered."""
        await self.engine.engine.ask(f"containers/{name}/start", "POST")
        return await self._answered(name)

    async def _answered(self, name: str) -> float:
        inspected = await self.engine.engine.ask(f"containers/{name}/json")
        [network] = inspected["NetworkSettings"]["Networks"].values()
        address = network["IPAddress"]
        return await self.first_answer(f"http://{address}:{APP_PORT}/", lambda _: True)


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    """Everything, gone afterwards."""
    jar = aiohttp.CookieJar(unsafe=True)  # unsafe: cookies of an address
    async with (
        own_platform(**SETTINGS) as platform,
        own_engine() as engine,
        aiohttp.ClientSession(cookie_jar=jar) as client,
    ):
        yield await Stage(platform, engine, client).sign_in()


async def quiet() -> None:
    """Until the machine's cores are idle for half a second, or won't be: then the figures are worse, and so is the
    floor."""
    ends = time.monotonic() + LONGEST_WAIT
    share = 0.0
    while share < IDLE and time.monotonic() < ends:
        before = _processor_time()
        await asyncio.sleep(0.5)
        idle, all_ = (now - then for now, then in zip(_processor_time(), before, strict=True))
        share = idle / max(all_, 1)


def _processor_time() -> tuple[int, int]:
    """Ticks of all cores since the start: idle, and altogether."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return ticks[3], sum(ticks)


def repositories(stage: Stage) -> Path:
    """A folder for them, gone with the platform."""
    folder = stage.platform.folder / "origins"
    folder.mkdir(exist_ok=True)
    return folder


def _look(url: str, headers: Mapping[str, str], wanted: Callable[[str], bool]) -> float:
    """Look until it is there, on one connection and with little work: the cores belong to what is measured."""
    address = urlsplit(url)
    connection = HTTPConnection(str(address.hostname), address.port, timeout=5)
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        try:
            connection.request("GET", address.path, headers=dict(headers))
            answer = connection.getresponse()
            answer.read()
            if answer.status == 200 and wanted(answer.headers.get("X-Devpush-Deployment", "")):
                return time.perf_counter()
        except (HTTPException, OSError):
            connection.close()
        time.sleep(EVERY)
    raise TimeoutError(f"{url} {dict(headers)} never answered as wanted")


def _cloned(start: str) -> str:
    return f"git clone --quiet --depth 1 file:///origin.git /tmp/clone && cd /tmp/clone && exec {start}"


def _id(location: str) -> str:
    """From the address of a deployment's page, as the database writes it."""
    return location.rstrip("/").rpartition("/")[2]
