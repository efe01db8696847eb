"""The task pool: what is unfinished gets done, a few at a time, teams in turns, and survives its services' absence."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from devpush.deploy import push
from devpush.jobs.pool import Pool
from devpush.models import Deployment, State
from tests import cast
from tests.fakes import Behaviour, FakeWorld, Ran
from tests.integration.test_rollout import shop, world
from tests.patience import PATIENCE

__all__ = ["world"]
pytestmark = pytest.mark.usefixtures("db")


@asynccontextmanager
async def running(world: FakeWorld, limit: int = 2) -> AsyncIterator[Pool]:
    pool = Pool(limit)
    world.jobs = pool  # type: ignore[assignment]
    task = asyncio.create_task(pool.run(world))
    try:
        yield pool
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def finished(deployment: Deployment) -> Deployment:
    async with asyncio.timeout(PATIENCE):
        while not (now := await Deployment.get(id=deployment.id)).finished:
            await asyncio.sleep(0.02)
    return now


async def test_what_is_queued_before_or_after_the_start_is_done(world: FakeWorld) -> None:
    project = await shop(world)
    before = await push.deploy_branch(world, project, "main", by=None)
    async with running(world):
        assert (await finished(before)).state == State.succeeded
        after = await push.deploy_branch(world, project, "main", by=None)
        assert (await finished(after)).state == State.succeeded


async def test_no_more_than_the_limit_run_and_teams_take_turns(world: FakeWorld) -> None:
    running_now: list[str] = []
    most = 0
    two = asyncio.Event()

    async def slow(*args: object, **kwargs: object) -> object:
        nonlocal most
        running_now.append("x")
        most = max(most, len(running_now))
        if most == 2:
            two.set()
        await two.wait()
        await asyncio.sleep(0.1)  # time for a third
        running_now.pop()
        return await real(*args, **kwargs)  # type: ignore[arg-type]

    real = world.git.fetch
    projects = [await shop(world, build="make") for _ in range(4)]
    carols = await cast.project(await cast.carol(), runner="python", build="make")
    world.git.commit(carols.repo_url, {"main.py": "1"})
    queued = [await push.deploy_branch(world, project, "main", by=None) for project in projects]
    late = await push.deploy_branch(world, carols, "main", by=None)
    world.git.fetch = slow  # type: ignore[method-assign,assignment]
    async with running(world, limit=2):
        done = [await finished(one) for one in [*queued, late]]
    assert most == 2
    ends = sorted(done, key=lambda one: one.finished_at or one.created_at)
    assert [one.id for one in ends].index(late.id) < 3, "Carol's team waited behind all of Alice's"


async def test_a_service_away_is_waited_for(world: FakeWorld) -> None:
    project = await shop(world)
    queued = await push.deploy_branch(world, project, "main", by=None)
    world.containers.away = 6
    async with running(world):
        assert (await finished(queued)).state == State.succeeded


async def test_one_that_another_process_holds_is_left_to_it(world: FakeWorld) -> None:
    project = await shop(world)
    queued = await push.deploy_branch(world, project, "main", by=None)
    async with world.leases.hold(f"deployment:{queued.id}"), running(world):
        await asyncio.sleep(0.3)
        assert (await Deployment.get(id=queued.id)).state == State.queued


async def test_cancelling_ends_the_build_at_once(world: FakeWorld) -> None:
    project = await shop(world, build="make")
    world.containers.behave = lambda _: Behaviour(commands={"make": Ran(seconds=3600)})
    async with running(world) as pool:
        queued = await push.deploy_branch(world, project, "main", by=None)
        while not any(call == "run" for call, _ in world.containers.calls):
            await asyncio.sleep(0.02)
        await push.cancel(world, queued)
        async with asyncio.timeout(PATIENCE):
            while pool.tasks or await world.containers.list():
                await asyncio.sleep(0.02)
        assert (await Deployment.get(id=queued.id)).state == State.cancelled


async def test_draining_takes_nothing_new_and_finishes_what_runs(world: FakeWorld) -> None:
    project, other = await shop(world, build="make"), await shop(world)
    world.containers.behave = lambda _: Behaviour(commands={"make": Ran(seconds=0.3)})
    async with running(world) as pool:
        first = await push.deploy_branch(world, project, "main", by=None)
        while not pool.tasks:
            await asyncio.sleep(0.01)
        finishing = asyncio.create_task(pool.finish(PATIENCE))
        await asyncio.sleep(0)
        second = await push.deploy_branch(world, other, "main", by=None)
        assert await finishing == 0
    assert (await Deployment.get(id=first.id)).state == State.succeeded
    assert (await Deployment.get(id=second.id)).state == State.queued


async def test_what_outlasts_the_wait_is_handed_over(world: FakeWorld) -> None:
    project = await shop(world, build="make")
    world.containers.behave = lambda _: Behaviour(commands={"make": Ran(seconds=3600)})
    queued = await push.deploy_branch(world, project, "main", by=None)
    async with running(world) as pool:
        while not pool.tasks:
            await asyncio.sleep(0.01)
        assert await pool.finish(0.05) == 1
    assert not (await Deployment.get(id=queued.id)).finished
    world.containers.behave = lambda _: Behaviour()
    async with running(world):
        assert (await finished(queued)).state == State.succeeded


async def test_a_mistake_of_ours_ends_the_deployment_with_words(
    world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = await shop(world)

    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("devpush.deploy.source.fetch", broken)
    queued = await push.deploy_branch(world, project, "main", by=None)
    async with running(world):
        done = await finished(queued)
    assert done.state == State.failed
    assert "wrong on our side" in done.reason


async def test_of_one_branch_one_is_worked_on_and_of_those_that_wait_the_newest_is_left(world: FakeWorld) -> None:
    project, other = await shop(world, build="make"), await shop(world)
    built = asyncio.Event()
    real = world.containers.commit

    async def slow(*args: object, **kwargs: object) -> object:
        await built.wait()
        return await real(*args, **kwargs)  # type: ignore[arg-type]

    world.containers.commit = slow  # type: ignore[method-assign,assignment]
    async with running(world, limit=4) as pool:
        first = await push.deploy_branch(world, project, "main", by=None, trigger="push")
        while not pool.tasks:
            await asyncio.sleep(0.01)
        burst = []
        for number in range(5):
            world.git.commit(project.repo_url, {"main.py": f"{number}"})
            burst.append(await push.deploy_branch(world, project, "main", by=None, trigger="push"))
        elsewhere = await push.deploy_branch(world, other, "main", by=None)
        while len(pool.tasks) < 2:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)  # time for a third
        assert set(pool.tasks) == {first.id, elsewhere.id}
        built.set()
        states = [(await finished(one)).state for one in [first, *burst, elsewhere]]
    assert states == [State.succeeded, *[State.skipped] * 4, State.succeeded, State.succeeded]
