"""What changed since the last deployment: on its page, and before a rollback or a promotion."""

from typing import Any

import pytest
from cryptography.fernet import Fernet
from quart import Quart

from devpush.deploy import compare
from devpush.models import Alias, AliasKind, Deployment, Project, State, Variable, secret
from tests import cast
from tests.conftest import KEY
from tests.fakes import FakeWorld
from tests.visitor import Visitor, dashboard

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("db")]
FILES = {"main.py": "app = 1"}


@pytest.fixture
def app(world: FakeWorld) -> Quart:
    return dashboard(world)


@pytest.fixture
async def project() -> Project:
    return await cast.project(repo_url="https://github.com/ada/engine.git")


async def alice(app: Quart) -> Visitor:
    return await Visitor(app).signed_in(await cast.alice())


async def ran(project: Project, sha: str = cast.COMMIT, **facts: Any) -> Deployment:
    return await cast.deployment(project, state=State.succeeded, image="sha256:1", commit_sha=sha, **facts)


async def serves(project: Project, deployment: Deployment) -> None:
    environment = await cast.production(project)
    await Alias.create(
        label=project.slug,
        kind=AliasKind.production,
        project=project,
        environment=environment,
        deployment=deployment,
    )


async def test_it_compares_with_what_went_live_in_the_same_environment_before(project: Project) -> None:
    preview = await cast.environment(project, "preview", branch="*")
    first = await ran(project, variables={"A": "1", "B": "2"}, config={"start": "x", "cpu_quota": 50_000})
    await ran(project, environment=preview)
    await cast.deployment(project, state=State.failed)
    now = {"start": "y", "cpu_quota": 100_000, "runner": "python"}
    this = await cast.deployment(project, variables={"B": "3", "C": "4"}, config=now, commit_sha="d" * 40)
    await ran(project)

    changes = await compare.since_last(project.id, this.id)

    assert changes.before
    assert (changes.before.id, changes.after.id, changes.commits) == (first.id, this.id, None)
    assert changes.variables
    found = (changes.variables.added, changes.variables.changed, changes.variables.removed)
    assert found == (["C"], ["B"], ["A"])
    assert [(each.word, each.before, each.after) for each in changes.settings] == [
        ("Start command", "x", "y"),
        ("CPU", "0.5 cores", "1 core"),
    ]
    assert (await compare.since_last(project.id, first.id)).before is None


async def test_the_page_says_what_changed_without_any_value(app: Quart, project: Project) -> None:
    before = await ran(project, variables={"SECRET": "canary-1"}, config={"start": "python main.py"})
    this = await ran(project, variables={"SECRET": "canary-2"}, config={"start": "gunicorn"})
    page = await (await alice(app)).get(f"/projects/{project.slug}/deployments/{this.id}")
    assert "What changed Same commit 1 variable 1 setting" in page.words
    assert f"Since {before.short_id}" in page.words
    assert "Changed SECRET" in page.words
    assert "Start command python main.py → gunicorn" in page.words
    assert "canary" not in page.text
    first = await (await alice(app)).get(f"/projects/{project.slug}/deployments/{before.id}")
    assert "Nothing was live here before" in first.words


async def test_the_commits_are_asked_of_git_once_when_somebody_looks(
    app: Quart, world: FakeWorld, project: Project
) -> None:
    shas = [world.git.commit(project.repo_url, FILES, message=f"Number {n}\n\nmore") for n in range(4)]
    await ran(project, shas[0])
    this = await ran(project, shas[3])
    visitor, path = await alice(app), f"/projects/{project.slug}/deployments/{this.id}"

    page = await visitor.get(path)
    assert "Another commit" in page.words
    assert 'hx-trigger="load, submit"' in page.text
    assert f"github.com/ada/engine/compare/{shas[0]}...{shas[3]}" in page.text
    assert (await Deployment.get(id=this.id)).commits is None, "looking at a page changes nothing"

    fragment = await visitor.post(f"{path}/commits", htmx=True)
    assert fragment.text.lstrip().startswith('<details class="card changes" id="deployment-changes"')
    assert "3 commits" in fragment.words
    assert fragment.words.index("Number 3") < fragment.words.index("Number 1")
    assert f"https://github.com/ada/engine/commit/{shas[2]}" in fragment.text
    assert "more" not in fragment.words

    world.git.away = -1
    assert "3 commits" in (await visitor.get(path)).words
    assert (await visitor.post(f"{path}/commits")).location == f"{path}#deployment-changes"


async def test_a_repository_that_does_not_answer_is_said_and_asked_again(app: Quart, project: Project) -> None:
    await ran(project, "a" * 40)
    this = await ran(project, "b" * 40)
    visitor, path = await alice(app), f"/projects/{project.slug}/deployments/{this.id}"
    fragment = await visitor.post(f"{path}/commits", htmx=True)
    assert "can't be reached" in fragment.words
    assert "Try again" in fragment.words
    assert 'hx-trigger="submit"' in fragment.text, "by itself it asks once"
    assert (await Deployment.get(id=this.id)).commits is None
    answer = await visitor.post(f"{path}/commits")
    assert "can't be reached" in (await visitor.get(answer.location.partition("#")[0])).words


async def test_variables_of_another_key_do_not_keep_the_page_from_showing(app: Quart, project: Project) -> None:
    await ran(project)
    this = await ran(project)
    visitor = await alice(app)
    other = Fernet.generate_key().decode()
    secret.use_keys([other])
    try:
        changes = await compare.since_last(project.id, this.id)
    finally:
        secret.use_keys([KEY])
    assert changes.variables is None
    assert not changes.nothing
    assert (await visitor.get(f"/projects/{project.slug}/deployments/{this.id}")).status == 200


async def test_a_rollback_shows_the_commits_that_go(app: Quart, world: FakeWorld, project: Project) -> None:
    shas = [world.git.commit(project.repo_url, FILES, message=f"Number {n}") for n in range(3)]
    past, now = await ran(project, shas[0]), await ran(project, shas[2])
    await serves(project, now)
    visitor, path = await alice(app), f"/projects/{project.slug}/deployments/{past.id}"
    assert f'hx-get="{path}/commits/{now.id}"' in (await visitor.get(f"{path}/rollback", htmx=True)).text
    exchange = await visitor.get(f"{path}/commits/{now.id}", htmx=True)
    assert "2 commits go: Number 2" in exchange.words
    assert "come" not in exchange.words
    world.git.away = -1
    assert "can't be asked now" in (await visitor.get(f"{path}/commits/{now.id}", htmx=True)).words


async def test_a_promotion_gets_productions_variables_and_settings_of_today(app: Quart, project: Project) -> None:
    preview = await cast.environment(project, "preview", branch="*")
    await serves(project, await ran(project, variables={"OLD": "1"}))
    await Variable.create(project=project, key="TODAY", value="canary")
    image = await ran(project, environment=preview, variables={"PREVIEWS": "1"})
    answer = await (await alice(app)).get(f"/projects/{project.slug}/deployments/{image.id}/promotion", htmx=True)
    assert "Variables + Added TODAY − Removed OLD" in answer.words
    assert "PREVIEWS" not in answer.words
    assert "canary" not in answer.text
