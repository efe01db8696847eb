"""A project that was deleted: gone for everybody at once, and back again if somebody thinks better of it in time."""

from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest
from quart import Quart
from tortoise import connections
from tortoise.exceptions import OperationalError

from devpush.deploy import teardown, traffic
from devpush.errors import NotFound
from devpush.models import Alias, AliasKind, Deployment, Member, Project, Role, State, Variable
from devpush.models.people import now
from tests import cast
from tests.fakes import FakeWorld
from tests.visitor import Visitor, dashboard

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("db")]


@pytest.fixture
def app(world: FakeWorld) -> Quart:
    return dashboard(world)


async def live_project() -> Project:
    """With a variable and a deployment that serves."""
    project = await cast.project()
    await Variable.create(project=project, key="TOKEN", value="a secret")
    deployment = await cast.deployment(project, state=State.succeeded, image="sha256:1", address="10.204.0.2")
    environment = await cast.production(project)
    await Alias.create(
        label=project.slug, kind=AliasKind.production, project=project, environment=environment, deployment=deployment
    )
    return project


async def served(world: FakeWorld, project: Project) -> bool:
    wanted = await traffic.wanted(world.settings)
    return project.id in wanted.tables and bool(wanted.running)


async def test_what_is_deleted_is_nobodys_and_what_is_restored_is_as_it_was(world: FakeWorld, app: Quart) -> None:
    project = await live_project()
    alice = await Visitor(app).signed_in(await cast.alice())
    page = f"/projects/{project.slug}"
    assert "For 7 days it can be restored" in (await alice.get(f"{page}/settings")).text
    assert (await alice.post(f"{page}/removal", {"confirmation": project.slug})).location == "/teams/alice"
    assert "Restore …" in (await alice.get("/teams/alice")).text
    assert (await alice.get(page)).status == 404
    assert not await served(world, project)
    await teardown.work(world)
    settings = (await alice.get("/teams/alice/settings")).text
    assert "Deleted projects" in settings
    assert project.name in settings

    answer = await alice.post(f"/teams/alice/deleted/{project.id}/restoration")
    assert (answer.status, answer.location) == (303, page)
    assert (await alice.get(page)).status == 200
    assert await served(world, project), "the sweep makes its container again"
    assert (await Variable.get(project=project)).value == "a secret"
    assert await Deployment.filter(project=project, state=State.succeeded).count() == 1
    assert "Deleted projects" not in (await alice.get("/teams/alice/settings")).text


async def test_after_its_days_it_goes_for_good(world: FakeWorld) -> None:
    project, team = await live_project(), await cast.team_of(await cast.alice())
    await teardown.remove_project(world, project)
    await teardown.work(world)
    assert await Project.exists(id=project.id), "there are days left"
    await Project.filter(id=project.id).update(ends_at=now() - timedelta(seconds=1))
    with pytest.raises(NotFound):
        await teardown.restore_project(world, team, project.id)
    await teardown.work(world)
    assert not await Project.exists(id=project.id)


async def test_it_can_go_at_once_and_is_then_not_restored(world: FakeWorld, app: Quart) -> None:
    project = await live_project()
    await teardown.remove_project(world, project)
    alice = await Visitor(app).signed_in(await cast.alice())
    assert (await alice.post(f"/teams/alice/deleted/{project.id}/removal")).status == 303
    assert "removals" in world.jobs.queues
    assert (await alice.post(f"/teams/alice/deleted/{project.id}/restoration")).status == 404
    await teardown.work(world)
    assert not await Project.exists(id=project.id)


async def test_a_server_that_keeps_nothing_ends_it_at_once(world: FakeWorld, app: Quart) -> None:
    world.settings = replace(world.settings, deleted_keep_days=0)
    project = await live_project()
    alice = await Visitor(app).signed_in(await cast.alice())
    assert "At once and for good." in (await alice.get(f"/projects/{project.slug}/settings")).text
    await alice.post(f"/projects/{project.slug}/removal", {"confirmation": project.slug})
    await teardown.work(world)
    assert not await Project.exists(id=project.id)


async def test_what_was_never_deleted_is_neither_restored_nor_ended(world: FakeWorld) -> None:
    project, team = await live_project(), await cast.team_of(await cast.alice())
    for act in (teardown.restore_project, teardown.end_project):
        with pytest.raises(NotFound):
            await act(world, team, project.id)
    assert await Project.exists(id=project.id, removing_at=None)


async def test_another_teams_deleted_project_is_not_there(world: FakeWorld) -> None:
    project, carols = await live_project(), await cast.team_of(await cast.carol())
    await teardown.remove_project(world, project)
    for act in (teardown.restore_project, teardown.end_project):
        with pytest.raises(NotFound):
            await act(world, carols, project.id)
    assert await Project.exists(id=project.id, ends_at__gt=now())


async def test_with_its_team_a_deleted_project_goes_at_once(world: FakeWorld) -> None:
    project, team = await live_project(), await cast.team_of(await cast.alice())
    await teardown.remove_project(world, project)
    await teardown.remove_team(world, team)
    with pytest.raises(NotFound):
        await teardown.restore_project(world, team, project.id)
    await teardown.work(world)
    assert not await Project.exists(id=project.id)


async def test_who_may_not_delete_does_not_see_what_was_deleted(world: FakeWorld, app: Quart) -> None:
    project = await live_project()
    await teardown.remove_project(world, project)
    bob = await Visitor(app).signed_in(await cast.bob())
    assert "Deleted projects" not in (await bob.get("/teams/alice/settings")).text
    await Member.filter(user=await cast.bob(), team=await cast.team_of(await cast.alice())).update(role=Role.admin)
    assert "Deleted projects" in (await bob.get("/teams/alice/settings")).text


async def test_the_database_itself_keeps_a_deleted_project_until_its_end(world: FakeWorld) -> None:
    """A process of the version before, side by side during an update, would end it at once."""
    project = await live_project()
    await teardown.remove_project(world, project)
    with pytest.raises((OperationalError, asyncpg.PostgresError), match="keeps what it has"):
        await connections.get("default").execute_query("DELETE FROM project WHERE id = $1", [project.id])
    assert await Project.exists(id=project.id)
