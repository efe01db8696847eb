"""kill -9 of our process and the loss of everything beside it, in every step of a deployment."""

import asyncio
import json
import os
import random
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from devpush.local import Local
from tests.gitserver import Origin
from tests.images import DOCKER_HOST
from tests.life.platform import App, Operator, Platform, Poller, app, new_platform, own_port, repository, until

pytestmark = pytest.mark.integration

AWAY = 10
"""Seconds that a part beside us is gone."""
GO = "/tmp/go"  # in a container, not here
WAIT = f"until [ -e {GO} ]; do sleep 0.1; done"
WAIT_IN_PYTHON = f"while not os.path.exists({GO!r}): time.sleep(0.05)"
THROUGH_TRAEFIK = f'if "localhost" in (self.headers["Host"] or ""):\n    {WAIT_IN_PYTHON}'


@dataclass(frozen=True)
class Step:
    """Where a deployment waits until it is let go on: its state, and the kind of container that runs then."""

    state: str
    kind: str
    options: tuple[str, ...] = ()
    pre_deploy: str = ""
    before: str = "pass"
    handle: str = "pass"


STEPS = {
    "installing": Step("building", "install", ("--install", WAIT)),
    "building": Step("building", "build", ("--build", WAIT)),
    "migrating": Step("starting", "predeploy", pre_deploy=WAIT),
    "starting": Step("starting", "app", before=WAIT_IN_PYTHON),
    "routing": Step("routing", "app", handle=THROUGH_TRAEFIK),
}


@dataclass
class Scene:
    """A project for every step, each serving; and how to have the next version of them all stuck in its step."""

    platform: Platform
    operator: Operator
    folder: Path
    apps: dict[str, App] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)
    versions: "count[int]" = field(default_factory=lambda: count(2))
    version: str = "v1"
    deployed: int = 1

    async def build(self) -> None:
        async with self.open():
            await asyncio.gather(*map(self._first, STEPS))

    async def _first(self, name: str) -> None:
        self.origins[name] = repository(self.folder, name, self._files(name))
        self.apps[name] = await self.platform.live(self.origins[name].path, *STEPS[name].options)
        await self.platform.sql("UPDATE project SET pre_deploy = $1 WHERE slug = $2", STEPS[name].pre_deploy, name)

    def _files(self, name: str) -> dict[str, str | bytes]:
        step = STEPS[name]
        # Other dependencies with every version: else nothing would be installed.
        return app(self.version, before=step.before, handle=step.handle) | {"requirements.txt": f"# {self.version}"}

    async def stuck(self) -> None:
        """Push the next version of every app, and wait until each is in its step."""
        await self.push_all()
        await asyncio.gather(*map(self._in_step, STEPS))

    async def push_all(self) -> None:
        await self.platform.unhurried()
        self.version, self.deployed = f"v{next(self.versions)}", self.deployed + 1
        for name, origin in self.origins.items():
            origin.commit(self._files(name))
        await asyncio.gather(*map(self._push, STEPS))

    async def says(self, part: str) -> None:
        """Until the dashboard, which goes on answering, says that this part is away."""

        async def said() -> bool:
            assert (await self.platform.dashboard("/health")).status == 200
            answer = await self.platform.dashboard("/ready")
            return answer.status == 503 and json.loads(answer.text)[part] != "ok"

        await until(said, f"/ready does not say that {part} is away")

    async def _push(self, name: str) -> None:
        answer = await self.operator.post(f"/projects/{name}/deployments", branch="main")
        assert answer.status == 303, answer

    async def _in_step(self, name: str) -> None:
        step = STEPS[name]
        row = await self.platform.reaches(name, step.state, self.deployed)

        async def runs() -> bool:
            return any(
                found.state == "running"
                and found.labels["devpush.kind"] == step.kind
                and found.labels["devpush.deployment"] == str(row["id"])
                for found in await self.platform.containers(name)
            )

        await until(runs, f"{name}: no {step.kind} runs")

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """As long as this lasts, nothing waits."""
        opening = asyncio.create_task(self._open())
        try:
            yield
        finally:
            opening.cancel()
            await asyncio.wait([opening])

    async def _open(self) -> None:
        async with self.platform.engine() as engine:
            while True:
                with suppress(Exception):  # a container that is just ending
                    for found in await engine.list():
                        if found.state == "running":
                            await engine.run(found.name, ["touch", GO], environment={}, on_output=lambda *_: None)
                await asyncio.sleep(0.2)

    async def all_end_well(self) -> None:
        """Everything that was stuck becomes live, nothing runs twice, nothing is left over."""
        async with self.open():
            for name in STEPS:
                row = await self.platform.finished(name, self.deployed)
                assert row["state"] == "succeeded", (name, row["state"], row["reason"])
                assert await self.apps[name].says() == self.version
            await self.platform.ready()
            await asyncio.gather(*(self.platform.settled(name) for name in STEPS))

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Somebody looks at every site all the time, and always sees this version or the one before."""
        async with AsyncExitStack() as stack:
            pollers = [await stack.enter_async_context(Poller(each.get)) for each in self.apps.values()]
            versions = {self.version}
            yield
            versions |= {f"v{number}" for number in range(int(self.version[1:]) - 2, int(self.version[1:]) + 1)}
        for name, poller in zip(self.apps, pollers, strict=True):
            assert poller.failures == [], name
            assert len(poller.answers) > 10
            assert set(poller.answers) <= versions, name


@dataclass
class Wire:
    """The way to the Docker Engine, which can be cut."""

    path: Path
    open_ends: set[asyncio.StreamWriter] = field(default_factory=set)
    server: asyncio.Server | None = None

    async def join(self) -> None:
        self.server = await asyncio.start_unix_server(self._connect, self.path)

    async def cut(self) -> None:
        """Nobody listens any more, and whoever was connected is cut off."""
        assert self.server
        self.server.close()
        self.path.unlink(missing_ok=True)
        for end in list(self.open_ends):
            end.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(DOCKER_HOST.removeprefix("unix://"))
        self.open_ends |= {writer, back}
        try:
            await asyncio.gather(self._pass(reader, back), self._pass(there, writer))
        finally:
            self.open_ends -= {writer, back}

    async def _pass(self, source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                to.write(data)
                await to.drain()
        with suppress(OSError):
            to.close()


@pytest.fixture(scope="module")
async def wire() -> AsyncIterator[Wire]:
    folder = Path(tempfile.mkdtemp(prefix="devpush-wire-"))
    wire = Wire(folder / "docker.sock")
    await wire.join()
    yield wire
    await wire.cut()
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
async def beside() -> AsyncIterator[Local]:
    """Valkey and Traefik that outlive our process, as an operator may run them."""
    folder = Path(tempfile.mkdtemp(prefix="devpush-beside-"))
    yield Local(
        folder,
        postgres=False,
        redis=True,
        traefik=True,
        http_port=own_port(),
        bind="127.0.0.1",
    )
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
async def scene(beside: Local, wire: Wire, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    async with beside as found:
        platform = new_platform(
            DOCKER_HOST=f"unix://{wire.path}",
            REDIS_URL=str(found.redis_url),
            TRAEFIK_CONFIG_DIR=str(found.traefik_config_dir),
            TRAEFIK_URL=str(found.traefik_url),
            MAX_CONCURRENT_DEPLOYMENTS=str(len(STEPS)),
            DEPLOYMENT_TIMEOUT="60",
        )
        platform.http_port = int(str(found.traefik_url).rpartition(":")[2])
        try:
            await platform.start()
            scene = Scene(platform, await Operator(platform).sign_in(), tmp_path_factory.mktemp("origins"))
            await scene.build()
            yield scene
        finally:
            await platform.clear()


@pytest.mark.parametrize("how", ["killed", "stopped"])
async def test_ended_in_every_step_it_goes_on_where_it_was(scene: Scene, how: str) -> None:
    async with scene.watched():
        await scene.stuck()
        if how == "killed":
            await scene.platform.killed()
            await asyncio.sleep(1)
        else:
            assert await scene.platform.stop() == 0
        await scene.platform.start()
        await scene.all_end_well()


async def test_killed_at_any_moment_it_ends_with_words_and_what_served_serves(scene: Scene) -> None:
    """Moments that no step of ours names: between two of them, in a transaction, while it starts again."""
    chance = random.Random(2)
    async with scene.open(), scene.watched():
        for _ in range(2):
            await scene.push_all()
            await asyncio.sleep(chance.uniform(0.1, 3))
            await scene.platform.killed()
            await scene.platform.begin()
            await asyncio.sleep(chance.uniform(0.5, 3))
            await scene.platform.killed()
            await scene.platform.start()
            await scene.all_end_well()


async def test_without_docker_for_a_while_it_goes_on_afterwards(scene: Scene, wire: Wire) -> None:
    async with scene.watched():
        await scene.stuck()
        await wire.cut()
        await scene.says("docker")
        await asyncio.sleep(AWAY)
        await wire.join()
        await scene.all_end_well()


@pytest.mark.parametrize("name", ["postgres", "valkey", "traefik"])
async def test_without_a_service_for_a_while_it_goes_on_afterwards(scene: Scene, beside: Local, name: str) -> None:
    """First it dies and is started again, then it doesn't move for a while: what is slow is worse than what is gone."""
    home = scene.platform.folder if name == "postgres" else beside.home.path
    watched = scene.watched() if name != "traefik" else nullcontext()  # nobody sees anything without Traefik
    async with watched:
        await scene.stuck()
        os.kill(service(home, name), signal.SIGKILL)
        await asyncio.sleep(1)
        await scene.platform.ready()
        with frozen(service(home, name)):
            await scene.says({"postgres": "database", "valkey": "redis"}.get(name, name))
            await asyncio.sleep(AWAY)
        await scene.all_end_well()


async def test_draining_finishes_what_runs_and_leaves_the_rest_to_the_next_process(scene: Scene) -> None:
    platform = scene.platform
    async with scene.watched():
        await scene.stuck()
        draining = asyncio.create_task(platform.command("drain"))

        async def is_draining() -> bool:
            answer = await platform.dashboard("/ready")
            return answer.status == 503 and "draining" in answer.text

        await until(is_draining, "It does not say that it drains.")
        late = repository(scene.folder, "late")
        waiting = asyncio.create_task(platform.deploy(late.path))
        await platform.reaches("late", "queued")
        async with scene.open():
            ended = await draining
            assert ended.code == 0, ended
            assert "Drained" in ended.out
            assert platform.process
            assert await platform.process.wait() == 0
        told = await waiting  # its database has gone, so it can't say how the deployment ended
        assert told.code == 1
        assert told.err.startswith("The platform was stopped")
        await platform.start()
        await scene.all_end_well()
        assert (await platform.finished("late"))["state"] == "succeeded"
        assert (await platform.get("late.localhost")).text == "one"


def service(home: Path, name: str) -> int:
    return int((home / "run" / f"{name}.pid").read_text())


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """The process and its children don't move."""
    every = [pid, *_children(pid)]
    for each in every:
        os.kill(each, signal.SIGSTOP)
    try:
        yield
    finally:
        for each in every:
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGCONT)


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
