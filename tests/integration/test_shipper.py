"""What containers write is kept once, in order, masked, and told to those who watch; whoever goes away meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from devpush.adapters.docker import DockerContainers
from devpush.adapters.logtable import LogTable
from devpush.adapters.redis import RedisLive
from devpush.deploy import keeper, lines, plan, shipper
from devpush.deploy.shipper import BuildLog, Shipper
from devpush.errors import Unavailable
from devpush.models import Deployment
from devpush.ports import ContainerSpec, Limits, LogLine, NewLine, OutputLine
from devpush.settings import Settings
from tests import cast
from tests.fakes import Behaviour, FakeLogs, FakeWorld, fake_world
from tests.images import own_engine, own_network, small_image
from tests.patience import PATIENCE, until

pytestmark = pytest.mark.integration
SECRET = "canary-0123456789"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("SCAN_EVERY", 0.1), ("AGAIN_AFTER", 0.05), ("RESTART", 0.02), ("QUIET", 0.1)):
        monkeypatch.setattr(shipper, name, seconds)
    monkeypatch.setattr(keeper, "AGAIN_AFTER", 0.05)


@pytest.fixture
async def deployment(db: str) -> Deployment:
    return await cast.deployment(await cast.project(), variables={"KEY": SECRET})


@asynccontextmanager
async def shipping(world: FakeWorld) -> AsyncIterator[Shipper]:
    """A process ships, until it is gone."""
    ships = Shipper(world)
    task = asyncio.create_task(ships.run())
    try:
        yield ships
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def app(world: FakeWorld, deployment: Deployment, *, name: str = "app-1", start: bool = True) -> str:
    world.containers.have_image("image")
    labels = {
        plan.KIND: "app",
        plan.PROJECT: str(deployment.project_id),
        plan.DEPLOYMENT: str(deployment.id),
    }
    await world.containers.create(
        ContainerSpec(name=name, image="image", labels=labels, limits=Limits(256, 100_000), network="net")
    )
    if start:
        await world.containers.start(name)
    return name


def told(world: FakeWorld, topic: str) -> list[str]:
    found: list[str] = []
    for happening in world.live.said:
        payload = happening.payload.get("lines", [])
        assert isinstance(payload, list)
        found += [line["text"] for line in payload if happening.topic == topic]
    return found


async def test_output_is_kept_and_told(world: FakeWorld, deployment: Deployment) -> None:
    name = await app(world, deployment)
    async with shipping(world):
        await world.containers.say(name, "hello")
        await world.containers.say(name, f"ERROR the key is {SECRET}", "err")
        await until(lambda: len(world.logs.lines) == 2)
        first, second = world.logs.lines
        assert (first.text, first.source, first.stream, first.level) == ("hello", "run", "out", None)
        assert (second.text, second.stream, second.level) == ("ERROR the key is ********", "err", "error")
        await until(lambda: len(told(world, f"log:{deployment.id}")) == 2)
        assert told(world, f"log:project:{deployment.project_id}") == ["hello", "ERROR the key is ********"]
        [payload] = [said.payload for said in world.live.said if said.topic == f"log:{deployment.id}"][:1]
        assert payload["deployment"] == str(deployment.id)
        assert payload["lines"][0] == {  # type: ignore[index]
            "id": first.id,
            "at": first.at.isoformat(),
            "source": "run",
            "stream": "out",
            "level": None,
            "text": "hello",
        }


async def test_a_new_container_is_noticed_by_itself_and_sooner_when_told(
    world: FakeWorld, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with shipping(world) as ships:
        await until(lambda: ships.ready.is_set())
        name = await app(world, deployment)
        await world.containers.say(name, "found")
        await until(lambda: world.logs.texts() == ["found"])
        monkeypatch.setattr(shipper, "SCAN_EVERY", 3600.0)
        await asyncio.sleep(0.15)
        other = await app(world, deployment, name="app-2")
        ships.attach(other)
        await world.containers.say(other, "told")
        await until(lambda: world.logs.texts() == ["found", "told"])


async def test_a_restart_of_ours_loses_and_repeats_nothing(world: FakeWorld, deployment: Deployment) -> None:
    name = await app(world, deployment)
    for round in range(4):
        async with shipping(world):
            for number in range(50):
                await world.containers.say(name, f"{round} {number}")
            await until(lambda: bool(world.logs.lines))
        for number in range(50):
            await world.containers.say(name, f"{round} away {number}")
    async with shipping(world):
        await until(lambda: len(world.logs.lines) == 400)
        await asyncio.sleep(0.1)
    said = [line.text for line in world.containers._find(name).output]
    assert world.logs.texts() == said


async def test_an_app_that_is_started_again_is_followed_on(world: FakeWorld, deployment: Deployment) -> None:
    world.containers.behave = lambda spec: Behaviour(output=["booting"])
    name = await app(world, deployment)
    await world.containers.keep_running(name)
    async with shipping(world):
        await until(lambda: world.logs.texts() == ["booting"])
        await world.containers.crash(name)
        await world.containers.crash(name)
        await until(lambda: world.logs.texts() == ["booting"] * 3)
        await world.containers.stop(name)
        await asyncio.sleep(0.15)
        await world.containers.start(name)
        await until(lambda: world.logs.texts() == ["booting"] * 4)


async def test_what_an_ended_container_wrote_is_kept_before_it_goes(world: FakeWorld, deployment: Deployment) -> None:
    async with shipping(world) as ships:
        await until(lambda: ships.ready.is_set())
        world.containers.behave = lambda spec: Behaviour(output=[str(number) for number in range(100)], exits=1)
        name = await app(world, deployment)
        await world.containers.wait(name)
        await ships.drained(name)
        assert world.logs.texts() == [str(number) for number in range(100)]
        await world.containers.remove(name)
        await ships.drained(name)


async def test_a_running_container_is_not_waited_for(world: FakeWorld, deployment: Deployment) -> None:
    name = await app(world, deployment)
    async with shipping(world) as ships:
        async with asyncio.timeout(PATIENCE):
            await ships.drained(name, timeout=0.2)


async def test_the_log_store_away(world: FakeWorld, deployment: Deployment) -> None:
    name = await app(world, deployment)
    world.logs.away = -1
    async with shipping(world):
        for number in range(6000):
            await world.containers.say(name, str(number))
        await asyncio.sleep(0.2)
        assert world.logs.lines == []
        world.logs.away = 0
        await until(lambda: len(world.logs.lines) == 6000)
    assert world.logs.texts() == [str(number) for number in range(6000)]


async def test_the_engine_away(world: FakeWorld, deployment: Deployment) -> None:
    name = await app(world, deployment)
    async with shipping(world):
        await world.containers.say(name, "before")
        await until(lambda: world.logs.texts() == ["before"])
        world.containers.away = -1
        await world.containers.say(name, "during")
        await asyncio.sleep(0.2)
        world.containers.away = 0
        await world.containers.say(name, "after")
        await until(lambda: world.logs.texts() == ["before", "during", "after"])


class Forgetful(FakeLogs):
    """Keeps a batch, and is gone before it says so."""

    silent = False

    async def append(self, lines: Sequence[NewLine], **rest: object) -> list[LogLine]:
        kept = await super().append(lines, **rest)  # type: ignore[arg-type]
        if self.silent:
            self.silent = False
            raise Unavailable("The answer never came.")
        return kept


async def test_a_batch_whose_answer_was_lost_is_not_kept_twice(world: FakeWorld, deployment: Deployment) -> None:
    logs = world.logs = Forgetful()
    name = await app(world, deployment)
    async with shipping(world):
        logs.silent = True
        await world.containers.say(name, "one")
        await until(lambda: not logs.silent)
        await world.containers.say(name, "two")
        await until(lambda: "two" in logs.texts())
    assert logs.texts() == ["one", "two"]
    assert "gap" in {said.kind for said in world.live.said}, "who watches reads the lines that it was not told"


async def test_a_flood_is_cut_visibly(world: FakeWorld, deployment: Deployment) -> None:
    name = await app(world, deployment)
    output = world.containers._find(name).output
    for number in range(30_000):
        output.append(
            OutputLine(datetime.fromtimestamp(1e9 + number / 1e5, UTC), "out", f"line {number}", str(number + 1))
        )
    async with shipping(world):
        await until(lambda: "line 29999" in world.logs.texts())
    texts = world.logs.texts()
    assert texts[: int(lines.BURST)] == [f"line {number}" for number in range(int(lines.BURST))]
    assert next(line.text for line in world.logs.lines if line.stream == "system").endswith("than can be kept.")
    assert len(texts) < lines.BURST + 1500
    assert await world.logs.cursors() == {name: "30000"}


async def test_two_processes_do_not_ship_the_same(world: FakeWorld, deployment: Deployment) -> None:
    name = await app(world, deployment)
    async with shipping(world):
        await world.containers.say(name, "one")
        await until(lambda: world.logs.texts() == ["one"])
        async with shipping(world):
            await world.containers.say(name, "two")
            await asyncio.sleep(0.2)
    async with shipping(world):
        await world.containers.say(name, "three")
        await until(lambda: world.logs.texts() == ["one", "two", "three"])


async def test_other_containers_are_nobodys_logs(world: FakeWorld, deployment: Deployment) -> None:
    name = await app(world, deployment)
    await deployment.delete()
    async with shipping(world) as ships:
        await world.containers.say(name, "whose?")
        await asyncio.sleep(0.25)
        assert world.logs.lines == []
        await ships.drained("never-was")


# What a rollout writes


async def test_a_build_log_is_kept_to_the_end(world: FakeWorld, deployment: Deployment) -> None:
    async with BuildLog(world, deployment) as log:
        log.system("$ pip install")
        log.write("out", f"using {SECRET}")
        log.write("err", "ERROR: no such package")
        assert log.tail(5) == ["using ********", "ERROR: no such package"]
        assert log.masked(SECRET) == "********"
        log.system("It failed.\nTry again.")
        assert log.tail(5) == []
    assert [(line.source, line.stream, line.text, line.level) for line in world.logs.lines] == [
        ("build", "system", "$ pip install", None),
        ("build", "out", "using ********", None),
        ("build", "err", "ERROR: no such package", "error"),
        ("build", "system", "It failed.", None),
        ("build", "system", "Try again.", None),
    ]
    assert told(world, f"log:{deployment.id}")[0] == "$ pip install"


async def test_the_first_line_waits_for_no_others(
    world: FakeWorld, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "EVERY", 3600.0)
    monkeypatch.setattr(shipper, "QUIET", 3600.0)
    async with BuildLog(world, deployment) as log:
        log.write("out", "now")
        await until(lambda: told(world, f"log:{deployment.id}") == ["now"])


async def test_a_build_that_floods_keeps_its_first_and_newest_lines(world: FakeWorld, deployment: Deployment) -> None:
    async with BuildLog(world, deployment) as log:
        for number in range(100_000):
            log.write("out", f"line {number}")
        assert log.tail(2) == ["line 99998", "line 99999"]
        assert len(log.keeper.waiting) < 10_000
    texts = world.logs.texts()
    assert texts[0] == "line 0"
    assert texts[-1] == "line 99999"
    assert any("lines dropped" in text for text in texts)
    assert len(texts) < 10_000


async def test_a_build_goes_on_while_the_log_store_is_away(
    world: FakeWorld, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.logs.away = 5
    async with BuildLog(world, deployment) as log:
        log.write("out", "kept in the end")
    assert world.logs.texts() == ["kept in the end"]
    monkeypatch.setattr(shipper, "LAST_WORDS", 0.2)
    world.logs.away = -1
    async with BuildLog(world, deployment) as log:
        for _ in range(50_000):
            log.write("out", "lost")
        assert len(log.keeper.waiting) <= keeper.ROOM + lines.NEWEST


async def test_a_cancelled_rollout_still_says_its_last_words(world: FakeWorld, deployment: Deployment) -> None:
    async def roll() -> None:
        async with BuildLog(world, deployment) as log:
            log.system("Building.")
            await asyncio.sleep(60)

    task = asyncio.create_task(roll())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert world.logs.texts() == ["Building."]


async def test_with_the_real_table(world: FakeWorld, deployment: Deployment, db: str) -> None:
    name = await app(world, deployment)
    async with LogTable(db) as table:
        world.logs = table  # type: ignore[assignment]
        async with shipping(world):
            for number in range(500):
                await world.containers.say(name, f"line {number}")
            await until(lambda: table.search(str(deployment.project_id), text="line 499"))
        async with shipping(world) as ships:
            await world.containers.say(name, "last")
            await world.containers.stop(name)
            await until(lambda: ships.ready.is_set())
            await ships.drained(name)
        found = await table.search(str(deployment.project_id), limit=1000)
        assert [line.text for line in found] == [*(f"line {number}" for number in range(500)), "last"]


# With a real engine


@pytest.fixture
async def engine() -> AsyncIterator[DockerContainers]:
    async with own_engine() as engine:
        yield engine


async def real_app(engine: DockerContainers, deployment: Deployment, script: str) -> str:
    name = f"{engine.prefix}app"
    await engine.create(
        ContainerSpec(
            name=name,
            image=await small_image(engine),
            labels={plan.KIND: "app", plan.DEPLOYMENT: str(deployment.id)},
            limits=Limits(64, 100_000),
            network=await own_network(engine),
            command=["sh", "-c", script],
        )
    )
    return name


async def test_lines_of_a_real_app_arrive_while_it_runs(
    settings: Settings, deployment: Deployment, engine: DockerContainers, db: str, redis_url: str
) -> None:
    """From `echo` in a container through PostgreSQL and Redis to somebody who listens; 100 lines a second."""
    script = "n=0; while [ $n -lt 500 ]; do n=$((n+1)); echo $n; usleep 9000; done; sleep 600"
    world = fake_world(settings)
    topic, numbers = f"log:{deployment.id}", list[int]()
    async with LogTable(db) as table, RedisLive(redis_url, engine.installation) as live:
        world.containers, world.logs, world.live = engine, table, live  # type: ignore[assignment]
        async with shipping(world) as ships, live.subscribe([topic]) as listening:
            name = await real_app(engine, deployment, script)
            await engine.start(name)
            ships.attach(name)
            async with asyncio.timeout(PATIENCE):
                async for happening in listening:
                    if happening and happening.kind == "lines":
                        numbers += [int(line["text"]) for line in happening.payload["lines"]]  # type: ignore[attr-defined]
                    if numbers and numbers[-1] == 500:
                        break
    assert numbers == list(range(1, 501))


async def test_a_real_app_that_floods_holds_nobody_up(
    settings: Settings, deployment: Deployment, engine: DockerContainers, db: str
) -> None:
    """Between two turns of anybody else only so many lines are read, and only so many are kept."""
    world = fake_world(settings)
    project, read, before, most = str(deployment.project_id), 0, 0, 0
    logs = engine.logs

    async def counted(*given: Any, **more: Any) -> AsyncIterator[OutputLine]:
        nonlocal read
        async with aclosing(logs(*given, **more)) as all:  # type: ignore[type-var]  # it is a generator
            async for line in all:
                read += 1
                yield line

    engine.logs = counted  # type: ignore[method-assign]
    async with LogTable(db) as table:
        world.containers, world.logs = engine, table  # type: ignore[assignment]
        async with shipping(world) as ships, asyncio.timeout(PATIENCE):
            flood = "yes a line of a flood that is not very long but comes often | head -n 30000; echo over; sleep 600"
            name = await real_app(engine, deployment, flood)
            await engine.start(name)
            ships.attach(name)
            while read < 30_001:
                await asyncio.sleep(0)
                most, before = max(most, read - before), read
            await until(lambda: table.search(project, text="over"))
        [first], [last] = await table.search(project, after=0, limit=1), await table.search(project, limit=1)
        assert await table.search(project, text="than can be kept")
        kept = await table.count(project, deployment=str(deployment.id), before=2**62)
    assert most <= shipper.PACE <= 200
    assert kept < lines.BURST + (last.at - first.at).total_seconds() * lines.RATE + 1_000
