"""Room on the disk: what is needed for a rollback stays, what nobody needs goes, and nobody else's is touched."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from devpush.deploy import images
from devpush.deploy.rollout import Rollout
from devpush.errors import DeployFailed
from devpush.models import Alias, AliasKind, Deployment, Environment, Project, State
from devpush.ports import Disk
from tests import cast
from tests.fakes import FakeWorld

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("db")]

OLD = timedelta(days=8)


def have(world: FakeWorld, name: str, age: timedelta = OLD) -> str:
    world.containers.have_image(name)
    world.containers.known_images[name].created = datetime.now(UTC) - age
    return name


async def deployed(world: FakeWorld, project: Project, count: int, **facts: Any) -> list[str]:
    """The names of the images of so many deployments, the oldest first."""
    names = []
    for _ in range(count):
        made = await cast.deployment(project, state=State.succeeded, **facts)
        name = have(world, f"devpush-0a1b2c3d-{project.id.hex[:12]}:app-{made.id.hex}")
        await Deployment.filter(id=made.id).update(image=name)
        names.append(name)
    return names


async def would_go(world: FakeWorld) -> set[str]:
    return {image.name for image in await images.needless(world)}


async def test_the_newest_of_each_environment_stay_as_many_as_are_asked_for(world: FakeWorld) -> None:
    world.settings = replace(world.settings, kept_images=2)
    project = await cast.project()
    staging = await cast.environment(project, "staging", branch="next", kept_images=3)
    live, staged = await deployed(world, project, 5), await deployed(world, project, 5, environment=staging)
    assert await would_go(world) == {*live[:3], *staged[:2]}
    await Environment.filter(id=staging.id).update(kept_images=None)
    assert await would_go(world) == {*live[:3], *staged[:3]}
    await images.retire(world)
    assert set(world.containers.known_images) == {*live[3:], *staged[3:]}


async def test_what_serves_and_what_served_before_stays_however_old(world: FakeWorld) -> None:
    world.settings = replace(world.settings, kept_images=1)
    project = await cast.project()
    names = await deployed(world, project, 4)
    first, second, *_ = await Deployment.filter(project=project).order_by("number")
    await Alias.create(
        label=project.slug,
        kind=AliasKind.production,
        project=project,
        environment=await cast.production(project),
        deployment=first,
        previous=second,
    )
    assert await would_go(world) == {names[2]}


async def test_what_is_being_put_live_again_stays(world: FakeWorld) -> None:
    """A promotion or a redeploy of something old: its image is needed in a moment."""
    world.settings = replace(world.settings, kept_images=1)
    project = await cast.project()
    names = await deployed(world, project, 3)
    old = await Deployment.get(image=names[0])
    await cast.deployment(project, state=State.queued, source=old, trigger="promotion")
    assert await would_go(world) == {names[1]}


async def test_only_what_we_name_and_no_more_than_is_old_goes(world: FakeWorld) -> None:
    young = have(world, "devpush-0a1b2c3d-aaaaaaaaaaaa:app-young", timedelta(minutes=5))
    fresh = have(world, "devpush-0a1b2c3d-aaaaaaaaaaaa:deps-fresh", timedelta(days=2))
    stale = have(world, "devpush-0a1b2c3d-aaaaaaaaaaaa:deps-stale")
    runner = have(world, "devpush-runner-python:1234")
    assert await would_go(world) == {stale}
    await images.retire(world)
    assert set(world.containers.known_images) == {young, fresh, runner}


# Before a build


def with_free(world: FakeWorld, *free: int) -> None:
    """What is free at each look; the last stays."""
    left = list(free)

    async def disk(folder: Path) -> Disk | None:
        return Disk(id=1, size=80 * 10**9, free=left.pop(0) if len(left) > 1 else left[0], files=0, free_files=0)

    world.machine.disk = disk  # type: ignore[method-assign]


async def test_a_build_that_would_fill_the_disk_is_refused_and_says_what_to_do(world: FakeWorld) -> None:
    with_free(world, 500_000_000)
    with pytest.raises(DeployFailed, match=r"500 MB are free.*DISK_RESERVE_MB"):
        await images.make_room(world, await cast.project())


async def test_what_nobody_needs_goes_first(world: FakeWorld) -> None:
    stale = have(world, "devpush-0a1b2c3d-aaaaaaaaaaaa:deps-stale")
    with_free(world, 500_000_000, 9_000_000_000)
    assert await images.make_room(world, await cast.project()) == ""
    assert stale not in world.containers.known_images


async def test_a_disk_that_fills_up_is_told_in_the_log_of_a_build(world: FakeWorld) -> None:
    with_free(world, 1_500_000_000)
    assert "1.5 GB are free" in await images.make_room(world, await cast.project())


async def test_a_build_that_takes_more_than_there_is_room_is_warned_of(world: FakeWorld) -> None:
    """By what earlier ones took: the largest dependencies, and the largest app. It may need less, so it is tried."""
    project = await cast.project()
    for name, mb in (("deps-1", 900), ("deps-2", 700), ("app-1", 60), ("app-2", 80)):
        world.containers.have_image(f"ours:{name}", {"devpush.project": str(project.id)})
        world.containers.known_images[f"ours:{name}"].size = mb * 1_000_000
    with_free(world, 1_800_000_000)
    warning = await images.make_room(world, project)
    assert "may not fit" in warning
    assert "took up to 980 MB, 1.8 GB are free" in warning
    assert "may not fit" not in await images.make_room(world, await cast.project()), "which took nothing yet"
    with_free(world, 3_000_000_000)
    assert await images.make_room(world, project) == ""


async def test_a_deployment_ends_with_that_reason_and_what_served_serves(world: FakeWorld) -> None:
    with_free(world, 1)
    project = await cast.project()
    await cast.deployment(project, state=State.succeeded, image="sha256:1")
    waiting = await cast.deployment(project)
    taken = await Deployment.take(waiting.id)
    assert taken
    await Rollout(world, taken).run()
    ended = await Deployment.get(id=waiting.id)
    assert (ended.state, "almost full" in ended.reason) == (State.failed, True)
