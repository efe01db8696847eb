"""What each project takes of the disk is known, and its build caches keep to their budget."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from quart import Quart

from devpush.deploy import checks, disk
from devpush.deploy.checks import Patient
from devpush.deploy.findings import Level
from devpush.models import DiskSample, Project, ProjectDisk, State, User
from devpush.models.people import now
from devpush.ports import Disk
from tests import cast
from tests.fakes import FakeWorld
from tests.visitor import Visitor, dashboard

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("db")]
MB = 1_000_000


@pytest.fixture
def app(world: FakeWorld) -> Quart:
    return dashboard(world)


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


# Pages


async def test_the_operator_sees_who_takes_what_and_what_a_sweep_would_free(app: Quart, world: FakeWorld) -> None:
    olga = await Visitor(app).signed_in(await User.with_email("olga@example.com", operator=True))
    assert "Not measured yet" in (await olga.get("/operator/disk")).text
    project = await cast.project(name="Greengrocer", cache_mb=100)
    have_cache(world, project, "pip", 350)
    stale = f"devpush-0a1b2c3d-{project.id.hex[:12]}:deps-1"
    world.containers.have_image(stale, of(project))
    image = world.containers.known_images[stale]
    image.size, image.created = 2_000 * MB, now() - timedelta(days=9)
    assert (await olga.post("/operator/disk")).location == "/operator/disk"
    page = (await olga.get("/operator/disk")).text
    for told in ("Greengrocer", "Images 2.0 GB", "350 MB, may take 100 MB", "Up to 2.0 GB, in 1", "About 250 MB, of 1"):
        assert told in page
    assert "at this rate" not in page, "one look tells nothing of what comes"
    world.containers.away = True
    assert "Greengrocer" in (await olga.get("/operator/disk")).text


async def test_a_project_s_settings_say_what_it_takes(app: Quart, world: FakeWorld) -> None:
    project = await cast.project()
    alice = await Visitor(app).signed_in(await cast.alice())
    path = f"/projects/{project.slug}/settings"
    assert "On the disk it takes" not in (await alice.get(path)).text
    have_cache(world, project, "pip", 350)
    await disk.measure(world)
    assert "On the disk it takes 350 MB: build caches 350 MB." in (await alice.get(path)).text


async def test_a_disk_that_is_full_next_week_is_a_finding_before_it_is_full(world: FakeWorld) -> None:
    for hour in range(30):
        at = now() - timedelta(hours=30 - hour)
        await DiskSample.create(at=at, total=500_000 * MB, free=(200_000 - hour * 1000) * MB)
    assert {one.level for one in await checks.disk(Patient.of(world))} == {Level.ok}, "it is almost empty still"
    world.machine.disks[world.settings.data_dir] = Disk(1, 500_000 * MB, 171_000 * MB, 0, 0)
    world.machine.disks[Path("/var/lib/docker")] = world.machine.disks[world.settings.data_dir]
    found = await checks.disk(Patient.of(world))
    warned = [one for one in found if one.level == Level.warning]
    assert [one.cause for one in warned] == ["Full in about 7 days at this rate."]
