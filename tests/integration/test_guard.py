"""Containers that write more than they may: stopped, removed, and told why; all others left alone."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from devpush.deploy import guard, push
from devpush.deploy.rollout import Rollout
from devpush.deploy.sweep import Sweeper
from devpush.models import Deployment, State
from devpush.ports import Disk
from tests import cast
from tests.fakes import Behaviour, FakeContainer, FakeWorld, Ran
from tests.patience import until

pytestmark = pytest.mark.usefixtures("db")
MB = 1_000_000


@pytest.fixture
def world(world: FakeWorld, monkeypatch: pytest.MonkeyPatch) -> FakeWorld:
    """An engine that has the runner image, and apps that may write 100 MB."""
    image = world.containers.have_image("runner")

    async def found(*_: object) -> str:
        return image

    monkeypatch.setattr("devpush.deploy.runners.image", found)
    world.settings = replace(world.settings, app_disk_mb=100)
    return world


async def queued(world: FakeWorld, **facts: Any) -> Rollout:
    project = await cast.project(runner="python", **facts)
    world.git.commit(project.repo_url, {"main.py": ""})
    waiting = await push.deploy_branch(world, project, "main", by=None, trigger="push")
    taken = await Deployment.take(waiting.id)
    assert taken
    return Rollout(world, taken)


async def live(world: FakeWorld, name: str) -> tuple[Deployment, FakeContainer]:
    rollout = await queued(world, name=name)
    await rollout.run()
    deployment = await Deployment.get(id=rollout.deployment.id)
    assert deployment.state == State.succeeded, deployment.reason
    [app] = [
        one
        for one in world.containers.all.values()
        if one.spec.labels["devpush.deployment"] == str(deployment.id) and one.spec.labels["devpush.kind"] == "app"
    ]
    return deployment, app


def at_work(world: FakeWorld, kind: str) -> Callable[[], FakeContainer | None]:
    def found() -> FakeContainer | None:
        mine = [one for one in world.containers.all.values() if one.spec.labels["devpush.kind"] == kind and one.running]
        return mine[0] if mine else None

    return found


def apps(world: FakeWorld) -> list[str]:
    return [one.spec.name for one in world.containers.all.values() if one.spec.labels["devpush.kind"] == "app"]


async def test_an_app_that_writes_too_much_is_stopped_says_why_and_stays_so(world: FakeWorld) -> None:
    greedy, app = await live(world, "greedy")
    modest, other = await live(world, "modest")
    app.written, other.written = 101 * MB, 99 * MB
    await guard.look(world)
    told = await Deployment.get(id=greedy.id)
    assert told.health == "crashed"
    assert told.health_note.startswith("The app was stopped because it wrote more than 100 MB into its container.")
    assert "APP_DISK_MB" in told.health_note
    assert apps(world) == [other.spec.name], "what is merely stopped gives nothing back"
    assert app.spec.name in world.shipping.waited_for, "its last lines are kept"
    await Sweeper(world).sweep()
    assert apps(world) == [other.spec.name], "it isn't started again"
    assert (await Deployment.get(id=modest.id)).health == "ok"


async def test_its_death_is_not_taken_for_a_crash(world: FakeWorld) -> None:
    """The note would have become "exited with code 143 and was started again"."""
    greedy, app = await live(world, "greedy")
    watching = asyncio.create_task(Sweeper(world).watch())
    await until(lambda: world.containers.calls.count(("events", "")) > 0)
    app.written = 101 * MB
    sweeps = world.jobs.sweeps
    await guard.look(world)
    await until(lambda: world.jobs.sweeps > sweeps)
    watching.cancel()
    assert "wrote more than" in (await Deployment.get(id=greedy.id)).health_note


async def test_a_build_may_write_four_times_as_much_and_then_the_deployment_fails_with_that_reason(
    world: FakeWorld,
) -> None:
    world.containers.behave = lambda spec: Behaviour(commands={"make": Ran(seconds=600)})
    rollout = await queued(world, build="make")
    running = asyncio.create_task(rollout.run())
    await until(lambda: ("run", "/bin/sh -c make") in world.containers.calls)
    build = at_work(world, "build")()
    assert build
    build.written = 399 * MB
    await guard.look(world)
    assert build.running
    build.written = 401 * MB
    await guard.look(world)
    await running
    failed = await Deployment.get(id=rollout.deployment.id)
    assert failed.state == State.failed
    assert (failed.reason or "").startswith("The build was stopped because it wrote more than 400 MB")
    assert failed.reason in world.logs.texts("build")


async def test_an_app_that_fills_the_disk_before_it_answers_fails_with_that_reason(world: FakeWorld) -> None:
    world.containers.behave = lambda spec: Behaviour(answers=None)
    rollout = await queued(world)
    running = asyncio.create_task(rollout.run())
    await until(lambda: at_work(world, "app")() is not None)
    app = at_work(world, "app")()
    assert app
    app.written = 101 * MB
    await guard.look(world)
    await running
    failed = await Deployment.get(id=rollout.deployment.id)
    assert (failed.reason or "").startswith("The app was stopped because it wrote more than 100 MB")


async def test_a_container_of_a_dockerfiles_build_is_stopped_for_the_builder_to_clear_away(world: FakeWorld) -> None:
    """It has our label and a name of the engine's: whose deployment it is, nobody can tell."""
    _, app = await live(world, "shop")
    app.spec = replace(app.spec, name="quirky_turing", labels={"devpush.project": "x"})
    app.written = 401 * MB
    await guard.look(world)
    assert not app.running
    assert ("remove", app.id) not in world.containers.calls


async def test_docker_is_asked_at_once_when_the_disk_fills_and_else_once_a_minute(world: FakeWorld) -> None:
    free = 50_000 * MB

    async def disk(folder: Path) -> Disk | None:
        return Disk(id=1, size=80_000 * MB, free=free, files=0, free_files=0)

    world.machine.disk = disk  # type: ignore[method-assign]
    watch = guard.Guard(world)

    async def asked() -> int:
        await watch.tick()
        return world.containers.calls.count(("written", ""))

    assert [await asked(), await asked()] == [1, 1]
    free -= 24 * MB
    assert await asked() == 1
    free -= 2 * MB
    assert [await asked(), await asked()] == [2, 2]
    watch.looked -= guard.AT_LEAST_EVERY
    assert await asked() == 3
