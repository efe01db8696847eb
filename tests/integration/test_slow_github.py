"""GitHub may take its time, break, or be gone: pages that don't need it never ask it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
from quart import Quart

from devpush.deploy import reports
from devpush.errors import Unavailable
from devpush.models import Deployment, Identity, Project, State
from tests import cast
from tests.fakes import FakeGitHub, FakeWorld
from tests.patience import until
from tests.visitor import Visitor, dashboard

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("db")]


def silent(github: FakeGitHub) -> None:
    github.delay = 3600


def broken(github: FakeGitHub) -> None:
    calls = [name for name in dir(FakeGitHub) if not name.startswith("_")]
    github.refuse = dict.fromkeys(calls, Unavailable("GitHub answered 500."))


def away(github: FakeGitHub) -> None:
    github.away = -1


@pytest.fixture
async def project(world: FakeWorld) -> Project:
    """Alice's, connected by our GitHub App, and she signs in with GitHub."""
    await cast.github_app()
    token = world.github.have_user("alice")
    await Identity.create(
        user=await cast.alice(), provider="github", issuer="https://github.com", subject="1", access_token=token.value
    )
    installation = world.github.have_installation("alice")
    repository = world.github.have_repository("alice/shop", installation, pushers=["alice"], files={"main.py": "1"})
    project = await cast.project(
        repo_url=repository.clone_url, github_repo_id=repository.id, github_installation_id=installation
    )
    await cast.deployment(project, state=State.succeeded)
    await cast.deployment(project)
    return project


@pytest.fixture
def app(world: FakeWorld) -> Quart:
    return dashboard(world)


async def pages(project: Project) -> list[str]:
    """Those that tell what we know ourselves."""
    team = (await cast.team_of(await cast.alice())).slug
    here = f"/projects/{project.slug}"
    deployments = [f"{here}/deployments/{each.id}" for each in await Deployment.filter(project_id=project.id)]
    lists = [f"/teams/{team}", f"/teams/{team}/projects", f"/teams/{team}/settings"]
    return [*lists, here, f"{here}/deployments", *deployments, f"{here}/logs", f"{here}/settings", "/account"]


@asynccontextmanager
async def waiting_for_ever(work: Coroutine[Any, Any, object]) -> AsyncIterator[asyncio.Task[object]]:
    """Begun now, and ended when the test is."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("trouble", [silent, broken, away])
async def test_pages_that_dont_need_github_dont_ask_it(
    app: Quart, world: FakeWorld, project: Project, trouble: Callable[[FakeGitHub], None]
) -> None:
    trouble(world.github)
    visitor = await Visitor(app).signed_in(await cast.alice())
    for page in await pages(project):
        assert (await visitor.get(page)).status == 200, page
    assert world.github.calls == []


async def test_pages_answer_while_github_keeps_the_reports_waiting(
    app: Quart, world: FakeWorld, project: Project
) -> None:
    silent(world.github)
    async with waiting_for_ever(reports.work(world)) as telling:
        await until(lambda: world.github.calls)
        calls = list(world.github.calls)
        visitor = await Visitor(app).signed_in(await cast.alice())
        for page in await pages(project):
            assert (await visitor.get(page)).status == 200, page
        assert world.github.calls == calls
        assert not telling.done()


async def test_a_deployments_page_says_what_github_was_not_told_and_what_to_do(
    app: Quart, world: FakeWorld, project: Project
) -> None:
    world.github.installations.clear()
    await reports.work(world)
    visitor = await Visitor(app).signed_in(await cast.alice())
    queued = await Deployment.get(project_id=project.id, state=State.queued)
    page = await visitor.get(f"/projects/{project.slug}/deployments/{queued.id}")
    assert "GitHub was not told that this deployment waits for its turn" in page.text
    assert "Look on GitHub whether the App is still installed for alice/shop" in page.text
