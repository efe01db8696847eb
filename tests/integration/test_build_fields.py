"""The fields that say how a project is built: runners with versions, and Dockerfiles without a start command."""

from dataclasses import replace

import pytest

from devpush.deploy import push, runners
from devpush.models import Deployment, Project
from tests import cast
from tests.fakes import FakeWorld
from tests.visitor import Visitor, dashboard

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
async def alice(world: FakeWorld) -> Visitor:
    return await Visitor(dashboard(world)).signed_in(await cast.alice())


async def save(visitor: Visitor, project: Project, **form: str) -> int:
    fields = {"preset": "", "runner": "python", "start": "run", "health_path": "/", "branch": "main"} | form
    answer = await visitor.post(f"/projects/{project.slug}/settings/build", fields)
    await project.refresh_from_db()
    return int(answer.status)


async def test_a_version_is_chosen_shown_and_part_of_each_deployment(world: FakeWorld, alice: Visitor) -> None:
    project = await cast.project(runner="python")
    page = await alice.get(f"/projects/{project.slug}/settings")
    assert 'value="python" selected' in page.text
    assert '<option value="python:3.12">Python 3.12</option>' in page.text
    assert await save(alice, project, runner="python:3.12") == 303
    assert (project.runner, project.runner_version) == ("python", "3.12")
    assert 'value="python:3.12" selected' in (await alice.get(f"/projects/{project.slug}/settings")).text
    world.git.commit(project.repo_url, {"main.py": ""})
    queued = await push.deploy_branch(world, project, "main", by=None)
    assert (await Deployment.get(id=queued.id)).config["runner_version"] == "3.12"


@pytest.mark.parametrize("runner", ["python:2.7", "python:", "docker:1", "node:3.12", "cobol", ":3.12"])
async def test_a_version_that_there_is_not_is_refused(alice: Visitor, runner: str) -> None:
    project = await cast.project(runner="python")
    assert await save(alice, project, runner=runner) == 422
    assert (project.runner, project.runner_version) == ("python", "")


async def test_on_the_servers_own_base_image_there_is_one_version_each(world: FakeWorld, alice: Visitor) -> None:
    project = await cast.project(runner="python", runner_version="3.12")
    world.settings = replace(world.settings, base_image="acme-base:1")
    page = await alice.get(f"/projects/{project.slug}/settings")
    assert '<option value="python" selected>Python (on the server&#39;s own base image)</option>' in page.text
    assert "python:3.12" not in page.text
    assert runners.runner("python").base_image(world.settings, "3.12") == "acme-base:1"


async def test_only_a_dockerfile_needs_no_start_command(alice: Visitor) -> None:
    project = await cast.project(runner="python")
    assert await save(alice, project, start="") == 422
    assert await save(alice, project, runner="docker", preset="dockerfile", start="") == 303
    assert (project.runner, project.start) == ("docker", "")
