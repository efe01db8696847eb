"""What each project takes of the disk is known, and its build caches keep to their budget."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from devpush.deploy import disk
from devpush.models import DiskSample, Project, ProjectDisk, State
from devpush.models.people import now
from devpush.ports import Disk
from tests import cast
from tests.fakes import FakeWorld

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("db")]
MB = 1_000_000


def have_cache(world: FakeWorld, project: Project, name: str, mb: int) -> str:
    volume = f"devpush-0a1b2c3d-{project.id.hex[:12]}-{name}"
    world.containers.known_volumes[volume] = of(project)
    world.containers.volume_sizes[volume] = mb * MB
    return volume


def of(project: Project) -> Mapping[str, str]:
    return {"devpush.project": str(project.id)}


async def test_what_a_project_takes_is_kept_and_brought_up_to_date(world: FakeWorld) -> None:
    shop, blog = await cast.project(), await cast.project()
    for mb, project in ((100, shop), (20, shop), (7, blog)):
        name = f"app-{mb}"
        world.containers.have_image(name, of(project))
        world.containers.known_images[name].size = mb * MB
    have_cache(world, shop, "pip", 30)
    world.git.sizes[shop.repo_url] = 4 * MB
    await disk.measure(world)
    row = await ProjectDisk.get(project_id=shop.id)
    assert (row.images, row.caches, row.containers, row.source) == (120 * MB, 30 * MB, 0, 4 * MB)
    assert (await ProjectDisk.get(project_id=blog.id)).images == 7 * MB
    del world.containers.known_images["app-100"]
    await disk.measure(world)
    assert (await ProjectDisk.get(project_id=shop.id)).images == 20 * MB
    assert next((one.slug, one.images) for one in await disk.uses(world.settings)) == (shop.slug, 20 * MB)


async def test_one_look_asks_the_engine_once_however_many_projects_there_are(world: FakeWorld) -> None:
    for _ in range(3):
        await cast.project()
    await disk.look(world)
    assert world.containers.calls.count(("sizes", "")) == 1


async def test_how_full_the_disk_was_is_kept_for_a_month(world: FakeWorld) -> None:
    world.machine.disks[world.settings.data_dir] = Disk(1, 80 * MB, 30 * MB, 0, 0)
    await DiskSample.create(at=now() - timedelta(days=31), total=1, free=1)
    await DiskSample.create(at=now() - timedelta(days=29), total=80 * MB, free=40 * MB)
    await disk.measure(world)
    assert await DiskSample.all().count() == 2
    assert await disk.full_in() is None, "one look within two weeks tells nothing"


async def test_caches_above_the_budget_go_and_the_log_says_which_and_why(
    world: FakeWorld, caplog: pytest.LogCaptureFixture
) -> None:
    world.settings = replace(world.settings, build_cache_mb=500)
    shop, blog = await cast.project(), await cast.project(cache_mb=50)
    large, small = have_cache(world, shop, "npm", 450), have_cache(world, shop, "pip", 100)
    of_blog = have_cache(world, blog, "pip", 60)
    with caplog.at_level(logging.WARNING):
        await disk.look(world)
    assert set(world.containers.known_volumes) == {small}
    told = [(vars(record)["volume"], vars(record)["reason"]) for record in caplog.records]
    assert (large, f"the caches of {shop.slug} take 550 MB, and may take 500 MB") in told
    assert of_blog in [volume for volume, _ in told]


async def test_what_a_build_uses_now_stays(world: FakeWorld) -> None:
    project = await cast.project(cache_mb=1)
    cache = have_cache(world, project, "pip", 60)
    building = await cast.deployment(project, state=State.building)
    await disk.look(world)
    assert cache in world.containers.known_volumes
    building.state = State.failed
    await building.save(update_fields=["state"])
    await disk.look(world)
    assert cache not in world.containers.known_volumes
