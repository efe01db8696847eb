"""A /dev/push of one's own: the real process in a folder of its own, its command line, its apps and its end."""

import asyncio
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import aiohttp
import asyncpg
from redis.asyncio import Redis

from devpush.adapters.docker import DockerContainers
from devpush.local import Local
from devpush.ports import Container
from tests.conftest import ROOT
from tests.gitserver import Origin
from tests.images import DOCKER_HOST, clear
from tests.visitor import TOKEN

PATIENCE = 120
"""Seconds after which something that should have happened won't. Long: the machine may be busy with other tests."""
SMALL = {
    "DEFAULT_MEMORY_MB": "256",
    "DEPLOYMENT_TIMEOUT": "15",
    "JOB_TIMEOUT": "120",
    "JOB_COMPLETION_WAIT": "60",
    "MAX_CONCURRENT_DEPLOYMENTS": "4",
    "LOG_LEVEL": "INFO",
    "ALLOW_PRIVATE_ADDRESSES": "127.0.0.0/8",
}
TIMEOUT = aiohttp.ClientTimeout(total=60)
PASSED_ON = (
    "PATH",
    "HOME",
    "DOCKER_HOST",
    "LANG",
    "PYTHONPATH",
    "RUNNER_CA_BUNDLE",
    "SSL_CERT_FILE",
    "TMPDIR",
    "VIRTUAL_ENV",
)


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def last(self) -> str:
        return self.out.rstrip().rpartition("\n")[2]


@dataclass(frozen=True)
class Answer:
    """What an app, or the dashboard, said."""

    status: int
    text: str
    deployment: str = ""
    """Whose answer it is, as Traefik marks it."""


@dataclass
class Platform:
    """One installation. `settings` are environment variables."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    process: asyncio.subprocess.Process | None = None
    port: int = field(default_factory=lambda: own_port())
    http_port: int = field(default_factory=lambda: own_port())
    installation: str = ""
    program: tuple[str, ...] = (str(ROOT / "devpush.py"),)

    # The process

    def environment(self) -> dict[str, str]:
        passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        own = {"DATA_DIR": str(self.folder), "PORT": str(self.port), "HTTP_PORT": str(self.http_port)}
        return passed | SMALL | own | {"BASE_IMAGE": base_image()} | self.settings

    async def start(self) -> Self:
        """Start it, and wait until it is ready to work."""
        await self.begin()
        await self.ready()
        [row] = await self.sql("SELECT id FROM installation")
        self.installation = row["id"]
        return self

    async def begin(self) -> None:
        """Start it, and wait for nothing."""
        with self.log.open("ab") as output:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                *self.program,
                "serve",
                cwd=ROOT,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    async def ready(self) -> None:
        """Until it says so of itself. Fails at once if the process has ended."""

        async def is_ready() -> bool:
            assert self.process
            assert self.process.returncode is None, f"The process ended:\n{self.said()[-3000:]}"
            with suppress(aiohttp.ClientError, OSError, TimeoutError):
                return (await self.dashboard("/ready")).status == 200
            return False

        await until(is_ready, f"The platform is not ready:\n{self.said()[-3000:]}")

    def kill(self) -> None:
        """kill -9: no goodbye."""
        assert self.process
        with suppress(ProcessLookupError):
            self.process.kill()

    async def killed(self) -> None:
        self.kill()
        assert self.process
        await self.process.wait()

    async def stop(self) -> int:
        """Ask it to stop; its exit code."""
        assert self.process
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            return await self.process.wait()

    @property
    def log(self) -> Path:
        return self.folder / "process.log"

    def said(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def child(self, name: str) -> int:
        """The process id of an embedded service."""
        return int((self.folder / "run" / f"{name}.pid").read_text())

    async def unhurried(self) -> None:
        """Let it not look for pushes by itself: what a test pushes, the test deploys, and nobody a moment earlier."""
        url = self.settings.get("REDIS_URL") or self._endpoints()["redis_url"]
        async with Redis.from_url(url) as redis:
            await redis.set(f"devpush:{self.installation}:lease:job:look for pushes", "a test", ex=3600)

    # The command line

    async def command(self, *argv: str) -> Ended:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(ROOT / "devpush.py"),
            *argv,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(2 * PATIENCE):
                out, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode is not None
        return Ended(process.returncode, out.decode(), err.decode())

    async def deploy(self, source: Path | str, *options: str) -> Ended:
        """`devpush.py deploy`, as a person on the server types it."""
        return await self.command("deploy", str(source), *options)

    async def live(self, source: Path | str, *options: str) -> "App":
        """Deploy something that must succeed."""
        ended = await self.deploy(source, *options)
        assert ended.code == 0, f"{ended.out}\n{ended.err}\n{self.said()[-3000:]}"
        return App(self, ended.last, ended)

    # What it serves

    async def dashboard(self, path: str) -> Answer:
        return await _get(f"http://127.0.0.1:{self.port}{path}", "localhost")

    async def get(self, host: str, path: str = "/") -> Answer:
        """What an app answers through Traefik."""
        return await _get(f"http://127.0.0.1:{self.http_port}{path}", host)

    # What it knows, and what is on the engine

    async def sql(self, query: str, *arguments: object) -> list[Any]:
        connection = await asyncpg.connect(self._endpoints()["postgres_dsn"])
        try:
            return list(await connection.fetch(query, *arguments))
        finally:
            await connection.close()

    def _endpoints(self) -> dict[str, str]:
        found: dict[str, str] = json.loads((self.folder / "run" / "endpoints.json").read_text())
        return found

    async def deployments(self, project: str) -> list[Any]:
        """The project's deployments, oldest first."""
        return await self.sql(
            "SELECT d.* FROM deployment d JOIN project p ON p.id = d.project_id WHERE p.slug = $1 ORDER BY d.number",
            project,
        )

    async def newest(self, project: str) -> Any:
        return (await self.deployments(project))[-1]

    async def finished(self, project: str, count: int = 1) -> Any:
        """The project's newest deployment, once it and all before it have ended and there are `count`."""

        async def ended() -> Any:
            with suppress(OSError, asyncpg.PostgresError):
                rows = await self.deployments(project)
                if len(rows) >= count and all(row["finished_at"] for row in rows):
                    return rows[-1]
            return None

        return await until(ended, f"{project} is stuck: {self.said()[-3000:]}", every=0.2)

    async def reaches(self, project: str, state: str, count: int = 1) -> Any:
        """The project's newest deployment, once it is in that state."""

        async def there() -> Any:
            rows = await self.deployments(project)
            if len(rows) < count:
                return None
            assert rows[-1]["state"] == state or not rows[-1]["finished_at"], dict(rows[-1])
            return rows[-1] if rows[-1]["state"] == state else None

        return await until(there, f"{project} does not become {state}: {self.said()[-3000:]}", every=0.05)

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[DockerContainers]:
        async with DockerContainers(DOCKER_HOST, self.installation) as containers:
            yield containers

    async def containers(self, project: str = "") -> list[Container]:
        """What there is on the engine, running or not, of one project or of all."""
        labels = {}
        if project:
            [row] = await self.sql("SELECT id FROM project WHERE slug = $1", project)
            labels = {"devpush.project": str(row["id"])}
        async with self.engine() as engine:
            return await engine.list(labels)

    async def running(self, project: str = "") -> list[str]:
        """The deployments (ids) that have a running app container; twice, if it has two."""
        return [
            found.labels["devpush.deployment"]
            for found in await self.containers(project)
            if found.state == "running" and found.labels.get("devpush.kind") == "app"
        ]

    async def settled(self, project: str) -> None:
        """Until exactly what serves runs, and nothing else of the project."""

        async def only_it() -> bool:
            wanted = await self.sql(
                "SELECT DISTINCT a.deployment_id FROM alias a JOIN project p ON p.id = a.project_id "
                "WHERE p.slug = $1 AND a.kind <> 'deployment' AND a.deployment_id IS NOT NULL",
                project,
            )
            up = [found for found in await self.containers(project) if found.state in ("running", "restarting")]
            there = sorted(found.labels["devpush.deployment"] for found in up)
            return there == sorted(str(row["deployment_id"]) for row in wanted)

        await until(only_it, f"{project} does not settle: {self.said()[-3000:]}", every=0.3)

    async def clear(self) -> None:
        """End it, and remove all that it has on the engine and on the disk."""
        if self.process and self.process.returncode is None:
            await self.killed()
        if self.installation:
            async with self.engine() as engine:
                await clear(engine)
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)


@dataclass(frozen=True)
class App:
    """Something deployed, at its address."""

    platform: Platform
    url: str
    ended: Ended

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://").partition(":")[0]

    @property
    def project(self) -> str:
        return self.host.partition(".")[0]

    async def get(self, path: str = "/") -> Answer:
        return await self.platform.get(self.host, path)

    async def says(self) -> str:
        answer = await self.get()
        assert answer.status == 200, answer
        return answer.text


@dataclass
class Operator:
    """The operator in a browser: signed in by a one-time link."""

    platform: Platform
    port: int = 0
    """Where the dashboard is visited: at its own port (0), or through Traefik."""
    cookies: aiohttp.CookieJar = field(default_factory=lambda: aiohttp.CookieJar(unsafe=True))  # 127.0.0.1 is no name

    async def sign_in(self) -> Self:
        path = (await self.platform.command("sign-in-link")).last.removeprefix(f"http://localhost:{self.platform.port}")
        assert (await self.post(path, page=path)).status == 303
        return self

    async def get(self, path: str) -> Answer:
        return await self._ask("GET", path)

    async def post(self, path: str, *, page: str = "/account", **form: str) -> Answer:
        """Send a form, with the token that a page has."""
        found = TOKEN.search((await self.get(page)).text)
        assert found, f"no form on {page}"
        return await self._ask("POST", path, form | {"csrf_token": found[1]})

    async def _ask(self, method: str, path: str, form: Mapping[str, str] | None = None) -> Answer:
        async with (
            aiohttp.ClientSession(cookie_jar=self.cookies, timeout=TIMEOUT) as client,
            client.request(
                method,
                f"http://127.0.0.1:{self.port or self.platform.port}{path}",
                data=form,
                headers={"Host": f"localhost:{self.platform.port}"},
                allow_redirects=False,
            ) as answer,
        ):
            return Answer(answer.status, await answer.text(errors="replace"))


@asynccontextmanager
async def own_platform(**settings: str) -> AsyncIterator[Platform]:
    """A running platform that leaves nothing behind."""
    platform = new_platform(**settings)
    try:
        yield await platform.start()
    finally:
        await platform.clear()


@asynccontextmanager
async def side_by_side(**settings: str) -> AsyncIterator[tuple[Platform, Platform]]:
    """Two processes of one installation, none started yet: on one PostgreSQL, Redis, Traefik and DATA_DIR, which
    outlive both."""
    beside = Path(tempfile.mkdtemp(prefix="devpush-beside-"))
    beside.chmod(0o711)
    local = Local(beside, postgres=True, redis=True, traefik=True, http_port=own_port(), bind="127.0.0.1")
    async with local as found:
        dsn = urlsplit(str(found.postgres_dsn))
        blue = new_platform(
            POSTGRES_HOST=parse_qs(dsn.query)["host"][0],
            POSTGRES_USER=str(dsn.username),
            POSTGRES_DB=dsn.path.strip("/"),
            REDIS_URL=str(found.redis_url),
            TRAEFIK_CONFIG_DIR=str(found.traefik_config_dir),
            TRAEFIK_URL=str(found.traefik_url),
            TRAEFIK_ACCESS_LOG=str(found.traefik_access_log),
            **settings,
        )
        blue.http_port = int(str(found.traefik_url).rpartition(":")[2])
        (blue.folder / "run").mkdir(mode=0o711)
        shutil.copy(beside / "run" / "endpoints.json", blue.folder / "run")
        green = Platform(blue.folder, dict(blue.settings), http_port=blue.http_port)
        try:
            yield blue, green
        finally:
            green.installation = green.installation or blue.installation
            for process in (green, blue):
                await process.clear()
    await asyncio.to_thread(shutil.rmtree, beside, ignore_errors=True)


def new_platform(**settings: str) -> Platform:
    """One that was not started yet. Its path is short (sockets need that), and PostgreSQL's user may pass through."""
    folder = Path(tempfile.mkdtemp(prefix="devpush-life-"))
    folder.chmod(0o711)
    return Platform(folder, dict(settings))


def own_port() -> int:
    """A port below those that the kernel gives to outgoing connections: it stays free over a restart."""
    while True:
        port = secrets.choice(range(15_000, 32_000))
        with closing(socket.socket()) as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@cache
def base_image() -> str:
    """What the quickstart would choose: BASE_IMAGE, or the official images, or one of this system's packages."""
    if chosen := os.environ.get("BASE_IMAGE"):
        return chosen
    script = '. "$0/provision/lib.sh" && ensure_docker && ensure_base_image && printf %s "${BASE_IMAGE:-}"'
    done = subprocess.run(["bash", "-c", script, str(ROOT)], capture_output=True, text=True, check=True)
    return done.stdout


# Waiting and asking


async def until(look: Callable[[], Awaitable[Any]], otherwise: str, *, every: float = 0.1) -> Any:
    """What `look` comes back with, once it is something."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not (found := await look()):
                await asyncio.sleep(every)
            return found
    except TimeoutError:
        raise AssertionError(otherwise) from None


async def _get(url: str, host: str) -> Answer:
    async with (
        aiohttp.ClientSession(timeout=TIMEOUT) as client,
        client.get(url, headers={"Host": host}, allow_redirects=False) as answer,
    ):
        return Answer(
            answer.status, await answer.text(errors="replace"), answer.headers.get("X-Devpush-Deployment", "")
        )


@dataclass
class Poller:
    """Somebody who looks 20 times a second whether it still answers, as long as the `async with` lasts."""

    look: Callable[[], Awaitable[Answer]]
    answers: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self.task = asyncio.create_task(self._poll())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self.task
        self.task.cancel()
        await asyncio.wait([self.task])

    async def _poll(self) -> None:
        while True:
            try:
                answer = await self.look()
                if answer.status == 200:
                    self.answers.append(answer.text)
                else:
                    self.failures.append(f"{answer.status} {answer.text[:100]}")
            except (aiohttp.ClientError, OSError, TimeoutError) as problem:
                self.failures.append(repr(problem))
            await asyncio.sleep(0.05)


# Repositories

SERVER = """
import os, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VERSION = {version!r}

class App(BaseHTTPRequestHandler):
    def do_GET(self):
        status, body = 200, VERSION
        {handle}
        self.send_response(status)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *args):
        print("asked for", self.path, flush=True)

{before}
ThreadingHTTPServer(({address!r}, {port}), App).serve_forever()
"""
"""A web app without any dependency, so that installing costs nothing."""


def app(
    version: str = "one", *, handle: str = "pass", before: str = "", address: str = "", port: int = 8000
) -> dict[str, str | bytes]:
    """The files of an app that answers with its version. `handle` is code of its request, `before` of its start."""
    text = SERVER.format(
        version=version, handle=handle.replace("\n", "\n        "), before=before, address=address, port=port
    )
    return {"main.py": text}


def repository(folder: Path, name: str, files: Mapping[str, str | bytes] | None = None) -> Origin:
    """A bare repository whose name becomes the project's."""
    origin = Origin.make(folder / f"{name}.git")
    origin.commit(files or app())
    return origin
