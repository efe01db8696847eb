"""The pages of projects and deployments: what they show, and what they do when asked."""

import html
import re
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from quart import Quart

from devpush.models import (
    Alias,
    AliasKind,
    Deployment,
    Environment,
    Member,
    Project,
    Role,
    State,
    Variable,
    database,
    reading,
)
from devpush.models.secret import decrypt
from devpush.ports import NewLine
from devpush.web import new_project
from tests import cast
from tests.fakes import FakeWorld
from tests.visitor import Answer, Visitor, dashboard

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("db")]

URL = "https://git.example.com/ada/engine.git"
FILES = {"requirements.txt": "flask\ngunicorn\n", "main.py": "app = 1"}


@pytest.fixture
def app(world: FakeWorld) -> Quart:
    return dashboard(world)


async def alice(app: Quart) -> Visitor:
    return await Visitor(app).signed_in(await cast.alice())


def plain(answer: Answer) -> str:
    return html.unescape(re.sub(r"\s+", " ", answer.text))


async def say(world: FakeWorld, deployment: Deployment, *texts: str) -> None:
    project = str(deployment.project.id)
    await world.logs.append(
        [NewLine(project, str(deployment.id), datetime.now(UTC), "build", "out", text) for text in texts]
    )


# A new project


async def test_a_repository_becomes_a_project_and_its_first_deployment(app: Quart, world: FakeWorld) -> None:
    world.git.commit(URL, FILES, message="First")
    world.git.commit(URL, FILES, branch="next")
    visitor = await alice(app)
    assert (await visitor.get("/teams/alice/new")).status == 200

    page = await visitor.post("/teams/alice/new", {"source": URL, "token": "ghp_canary"})
    assert page.status == 200
    assert "The dependencies name flask." in plain(page)
    assert (page.field("name"), page.field("install")) == ("engine", "pip install -r requirements.txt")
    assert "ghp_canary" not in page.text
    assert page.headers["Cache-Control"] == "no-store"

    form = {
        "draft": page.field("draft"),
        "name": "My engine",
        "branch": "main",
        "preset": "flask",
        "runner": "python",
        "install": "pip install -r requirements.txt",
        "start": "gunicorn main:app",
        "health_path": "/up",
        "dotenv": "KEY='a\r\nb'",
    }
    answer = await visitor.post("/teams/alice/new/configure", form)

    project = await Project.get(name="My engine")
    deployment = await Deployment.get(project=project)
    assert answer.status == 303
    assert answer.location == f"/projects/{project.slug}/deployments/{deployment.id}"
    assert (project.repo_url, project.repo_token, project.health_path) == (URL, "ghp_canary", "/up")
    assert (deployment.commit_message, deployment.trigger, deployment.state) == ("First", "manual", State.queued)
    assert (await Variable.get(project=project)).value == "a\nb"
    assert world.jobs.woken == 1
    assert (await visitor.get(answer.location)).status == 200


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("", "Please enter the repository's address"),
        ("file:///etc", "must begin with https://"),
        ("https://git.example.com/nobody/home", "can't be reached"),
    ],
)
async def test_a_repository_that_cannot_be_had_is_refused_beside_its_field(app: Quart, source: str, says: str) -> None:
    visitor = await alice(app)
    page = await visitor.post("/teams/alice/new", {"source": source, "token": "ghp_canary"})
    assert page.status == 422
    assert says in plain(page)
    assert page.field("source") == source
    assert "ghp_canary" not in page.text


async def test_what_was_typed_stays_when_a_new_project_is_refused(app: Quart, world: FakeWorld) -> None:
    world.git.commit(URL, FILES)
    visitor = await alice(app)
    page = await visitor.post("/teams/alice/new", {"source": URL})
    typed = {
        "draft": page.field("draft"),
        "name": "x" * 121,
        "branch": "no..branch",
        "preset": "flask",
        "runner": "cobol",
        "root_dir": "../..",
        "start": "",
        "health_path": "//evil",
        "dotenv": "PORT=1",
    }
    page = await visitor.post("/teams/alice/new/configure", typed)
    assert page.status == 422
    for sentence in (
        "at most 120 characters",
        "Git allows no branch",
        "choose one of the list",
        "must be inside the repository",
        "how the app is started",
        "begins with one “/”",
        "Line 1: PORT is set by the platform",
    ):
        assert sentence in plain(page)
    assert page.field("root_dir") == "../.."
    assert not await Project.exists()


async def test_another_branch_or_folder_is_looked_at_before_anything_is_made(app: Quart, world: FakeWorld) -> None:
    world.git.commit(URL, FILES | {"apps/web/index.html": "hello"})
    visitor = await alice(app)
    page = await visitor.post("/teams/alice/new", {"source": URL})
    form = {"draft": page.field("draft"), "name": "Web", "preset": "", "runner": "python", "start": "x"}
    page = await visitor.post("/teams/alice/new/configure", form | {"branch": "other"})
    assert (page.status, await Project.exists()) == (422, False)
    assert "There is no branch other" in plain(page)
    page = await visitor.post("/teams/alice/new/configure", form | {"branch": "main", "root_dir": "apps/none"})
    assert (page.status, await Project.exists()) == (422, False)
    assert "There is no folder apps/none" in plain(page)
    made = await visitor.post("/teams/alice/new/configure", form | {"branch": "main", "root_dir": "./apps/web/"})
    assert made.status == 303
    assert (await Project.get(name="Web")).root_dir == "apps/web"


async def test_a_draft_is_for_one_user_one_team_and_a_while(
    app: Quart, world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.git.commit(URL, FILES)
    visitor, bob = await alice(app), await Visitor(app).signed_in(await cast.bob())
    draft = (await visitor.post("/teams/alice/new", {"source": URL})).field("draft")
    assert URL in decrypt(draft)
    form = {"draft": draft, "name": "Engine", "branch": "main", "preset": "flask", "runner": "python", "start": "x"}
    monkeypatch.setattr(new_project, "DRAFT_LIFE", -1)
    old = (await visitor.post("/teams/alice/new", {"source": URL})).field("draft")
    for who, sent in (
        (bob, form),
        (visitor, form | {"draft": draft[:-9] + "AAAAAAAA="}),
        (visitor, form | {"draft": old}),
    ):
        answer = await who.post("/teams/alice/new/configure", sent)
        assert (answer.status, answer.location) == (303, "/teams/alice/new")
    assert not await Project.exists()
    assert (await visitor.post("/teams/alice/new/configure", form)).status == 303
    assert (await visitor.get("/teams/alice/new/configure")).location == "/teams/alice/new"


# A project


async def test_a_projects_overview_shows_what_runs(app: Quart) -> None:
    project = await cast.project()
    production = await cast.production(project)
    deployment = await cast.deployment(project, state=State.succeeded, commit_message="Fix totals")
    await Alias.create(
        label=project.slug, kind=AliasKind.production, project=project, environment=production, deployment=deployment
    )
    page = await (await alice(app)).get(f"/projects/{project.slug}")
    assert page.status == 200
    assert f'href="http://{project.slug}.localhost:8080"' in page.text
    assert "Fix totals" in page.text
    assert f'id="environment-{production.id}"' in page.text
    assert f'id="deployment-{deployment.id}"' in page.text


async def test_settings_are_saved_card_by_card(app: Quart) -> None:
    project = await cast.project()
    visitor, path = await alice(app), f"/projects/{project.slug}/settings"
    page = await visitor.get(path)
    assert page.status == 200
    assert page.field("start") == "python main.py"

    answer = await visitor.post(f"{path}/general", {"name": " A new  name "}, htmx=True)
    assert (answer.status, "Saved" in answer.text, answer.field("name")) == (200, True, "A new name")
    answer = await visitor.post(f"{path}/resources", {"cpu": "0.25", "memory_mb": "128"}, htmx=True)
    assert (answer.status, answer.field("cpu")) == (200, "0.25")
    for typed, kept in (("600", 600), ("", None), ("0", 0)):
        form = {"cpu": "0.25", "memory_mb": "128", "drain_seconds": typed}
        answer = await visitor.post(f"{path}/resources", form, htmx=True)
        assert (answer.status, answer.field("drain_seconds")) == (200, typed)
        assert (await Project.get(id=project.id)).drain_seconds == kept
    for typed in ("86401", "-1", "1.5", "³", "soon"):
        form = {"cpu": "0.25", "memory_mb": "128", "drain_seconds": typed}
        answer = await visitor.post(f"{path}/resources", form, htmx=True)
        assert (answer.status, "seconds from 0 to 86,400" in answer.text) == (422, True), typed
    for typed, kept in (("900", 900), ("", None), ("0", 0)):
        answer = await visitor.post(
            f"{path}/resources", {"cpu": "0.25", "memory_mb": "128", "cache_mb": typed}, htmx=True
        )
        assert (answer.status, answer.field("cache_mb")) == (200, typed)
        assert (await Project.get(id=project.id)).cache_mb == kept
    answer = await visitor.post(f"{path}/resources", {"cpu": "0.25", "memory_mb": "128", "cache_mb": "-1"}, htmx=True)
    assert (answer.status, "MB from 0 to 1,048,576" in answer.text) == (422, True)
    build = {"preset": "static", "runner": "static", "root_dir": "site", "start": "serve-static ."}
    assert (await visitor.post(f"{path}/build", build)).location == f"{path}#settings-build"

    project = await Project.get(id=project.id)
    assert (project.name, project.cpu_quota, project.memory_mb) == ("A new name", 25_000, 128)
    assert (project.preset, project.root_dir, project.install, project.health_path) == ("static", "site", "", "/")
    assert project.dependency_files == []


async def test_a_refused_card_says_why_and_keeps_what_was_typed(app: Quart) -> None:
    project = await cast.project()
    visitor, path = await alice(app), f"/projects/{project.slug}/settings"
    build = {"root_dir": "../x", "preset": "cobol", "runner": "python", "start": "run"}
    for htmx in (True, False):
        answer = await visitor.post(f"{path}/general", {"name": ""}, htmx=htmx)
        assert (answer.status, "Please give it a name." in answer.text) == (422, True)
        answer = await visitor.post(f"{path}/resources", {"cpu": "lots", "memory_mb": "1"}, htmx=htmx)
        assert (answer.status, "number of cores" in answer.text, "whole megabytes" in answer.text) == (422, True, True)
        answer = await visitor.post(f"{path}/build", build, htmx=htmx)
        assert (answer.status, "inside the repository" in answer.text, answer.field("root_dir")) == (422, True, "../x")
    assert (await Project.get(id=project.id)).updated_at == project.updated_at


async def test_members_see_a_project_and_its_maker_and_admins_change_it(app: Quart) -> None:
    project = await cast.project()
    bob = await cast.bob()
    own = await cast.project(created_by=bob)
    visitor = await Visitor(app).signed_in(bob)
    for path in ("", "/deployments", "/logs"):
        assert (await visitor.get(f"/projects/{project.slug}{path}")).status == 200
    assert (await visitor.get(f"/projects/{project.slug}/settings")).status == 403
    assert (await visitor.get(f"/projects/{own.slug}/settings")).status == 200
    assert (await visitor.post(f"/projects/{own.slug}/removal", {"confirmation": own.slug})).status == 403
    await Member.filter(user=bob, team=project.team).update(role=Role.admin)
    assert (await visitor.get(f"/projects/{project.slug}/settings")).status == 200
    stranger = await Visitor(app).signed_in(await cast.carol())
    assert (await stranger.get(f"/projects/{project.slug}")).status == 404


async def test_a_project_is_removed_by_typing_its_slug(app: Quart, world: FakeWorld) -> None:
    project = await cast.project()
    visitor, path = await alice(app), f"/projects/{project.slug}/removal"
    answer = await visitor.post(path, {"confirmation": project.slug.upper()})
    assert (answer.status, f"Please type {project.slug}" in answer.text) == (422, True)
    assert world.jobs.sweeps == 0
    answer = await visitor.post(path, {"confirmation": project.slug})
    assert (answer.status, answer.location) == (303, "/teams/alice")
    assert world.jobs.sweeps == 1
    assert (await visitor.get(f"/projects/{project.slug}")).status == 404


# Deployments


async def test_the_deployments_page_takes_filters_and_nonsense(app: Quart) -> None:
    project = await cast.project()
    one = await cast.deployment(project, state=State.failed, reason="It broke.")
    other = await cast.deployment(project, state=State.succeeded)
    visitor, path = await alice(app), f"/projects/{project.slug}/deployments"
    page = await visitor.get(f"{path}?status=failed&environment=production&branch=main&from=2020-01-01&to=")
    assert (f"deployment-{one.id}" in page.text, f"deployment-{other.id}" in page.text) == (True, False)
    nonsense = ["page=x", "page=-1", "page=99999999999999999999", "page=9223372036854775807", "status=%00", "from=%00"]
    nonsense += ["branch=%00", "branch=%ff%fe", "environment=%27%22%3Cb%3E", "to=0000-00-00", "from=9999-12-31"]
    for query in nonsense:
        answer = await visitor.get(f"{path}?{query}")
        assert answer.status == 200, query
        assert "<b>" not in answer.text


async def test_a_branch_is_deployed_by_hand(app: Quart, world: FakeWorld) -> None:
    project = await cast.project()
    visitor, path = await alice(app), f"/projects/{project.slug}/deployments"
    for branch, says in (
        ("", "choose a branch"),
        ("-x", "no branch"),
        ("other", "No environment"),
        ("main", "reached"),
    ):
        answer = await visitor.post(path, {"branch": branch})
        assert answer.location == f"/projects/{project.slug}"
        assert says in plain(await visitor.get(answer.location))
    world.git.commit(project.repo_url, FILES, message="By hand")
    answer = await visitor.post(path, {"branch": "main"})
    made = await Deployment.get(project=project).select_related("created_by")
    assert answer.location == f"{path}/{made.id}"
    assert (made.commit_message, made.created_by) == ("By hand", await cast.alice())


async def test_a_deployments_page_shows_how_it_stands_and_its_log(app: Quart, world: FakeWorld) -> None:
    project = await cast.project()
    deployment = await cast.deployment(project, state=State.failed, reason="The build broke. Look at line 3.")
    await say(world, deployment, *(f"line {number}" for number in range(1, 1501)))
    await say(world, await cast.deployment(project), "of another")
    visitor, path = await alice(app), f"/projects/{project.slug}/deployments/{deployment.id}"

    page = await visitor.get(path)
    assert page.status == 200
    assert "Look at line 3." in plain(page)
    assert (page.text.count('class="line"'), "line 1251<" in page.text, "line 1250<" in page.text) == (250, True, False)
    assert 'data-first="1251"' in page.text
    assert "of another" not in page.text

    older = await visitor.get(f"{path}/log?before=501")
    assert (older.text.count('class="line"'), older.headers["X-Has-Older"]) == (500, "0")
    assert (await visitor.get(f"{path}/log?before=1200")).headers["X-Has-Older"] == "1"
    assert (await visitor.get(f"{path}/log?q=line+77")).text.count('class="line"') == 11
    assert 'class="line"' not in (await visitor.get(f"{path}/log?source=run")).text
    for query in ("before=x", "before=99999999999999999999", "q=%00", "source=x", "q=%5C%27%22%7B%7D%5B("):
        assert (await visitor.get(f"{path}/log?{query}")).status == 200


async def test_the_log_is_downloaded_whole_and_without_escapes(app: Quart, world: FakeWorld) -> None:
    project = await cast.project()
    deployment = await cast.deployment(project)
    await say(world, deployment, *(f"line {number}" for number in range(2500)), "\x1b[31mred\x1b]8;;http://evil\x07!")
    answer = await (await alice(app)).get(f"/projects/{project.slug}/deployments/{deployment.id}/log.txt")
    lines = answer.text.splitlines()
    assert len(lines) == 2501
    assert lines[2499].endswith("build   line 2499")
    assert lines[2500].endswith("build   red!")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{project.slug}-{deployment.short_id}.log"'
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


async def test_redeploy_cancel_and_their_refusals(app: Quart, world: FakeWorld) -> None:
    project = await cast.project()
    old = await cast.deployment(project, state=State.failed)
    visitor, path = await alice(app), f"/projects/{project.slug}/deployments"

    answer = await visitor.post(f"{path}/{old.id}/redeployment")
    made = await Deployment.get(project=project, trigger="redeploy")
    assert answer.location == f"{path}/{made.id}"
    answer = await visitor.post(f"{path}/{made.id}/cancellation")
    assert (await Deployment.get(id=made.id)).state == State.cancelled
    assert world.jobs.stopped == [str(made.id)]
    assert "is cancelled" in plain(await visitor.get(answer.location))
    answer = await visitor.post(f"{path}/{made.id}/cancellation")
    assert "too late to cancel" in plain(await visitor.get(answer.location))
    answer = await visitor.post(f"{path}/{made.id}/promotion")
    assert "Only a deployment that succeeded" in plain(await visitor.get(answer.location))
    await Deployment.filter(id=old.id).update(environment_id=None)
    answer = await visitor.post(f"{path}/{old.id}/redeployment")
    assert "environment of this deployment is gone" in plain(await visitor.get(answer.location))


async def test_a_rollback_shows_first_what_will_change(app: Quart) -> None:
    project = await cast.project()
    production = await cast.production(project)
    past, now = [
        await cast.deployment(
            project, state=State.succeeded, image=f"sha256:{n}", commit_message=f"Number {n}", variables={"KEY": str(n)}
        )
        for n in (1, 2)
    ]
    await Alias.create(
        label=project.slug, kind=AliasKind.production, project=project, environment=production, deployment=now
    )
    await Alias.create(
        label=f"{project.slug}-branch-main", kind=AliasKind.branch, branch="main", project=project, deployment=now
    )
    visitor, path = await alice(app), f"/projects/{project.slug}/deployments"

    fragment = await visitor.get(f"{path}/{past.id}/rollback", htmx=True)
    assert fragment.text.lstrip().startswith('<div class="confirm" id="confirmation">')
    for text in (f"Roll Production back to {past.short_id}?", "Number 1", "Number 2"):
        assert text in plain(fragment)
    assert "Variables ± Changed KEY" in fragment.words
    for host in (f"{project.slug}.localhost<", f"{project.slug}-branch-main.localhost<"):
        assert host in fragment.text
    assert "<html" in (await visitor.get(f"{path}/{past.id}/rollback")).text
    assert (await visitor.get(f"{path}/{now.id}/rollback")).status == 422
    assert (await visitor.get(f"{path}/{past.id}/promotion")).status == 422


async def test_a_promotion_shows_first_what_will_change(app: Quart) -> None:
    project = await cast.project()
    preview = await cast.environment(project, "preview", branch="*")
    deployment = await cast.deployment(project, state=State.succeeded, image="sha256:1", environment=preview)
    answer = await (await alice(app)).get(f"/projects/{project.slug}/deployments/{deployment.id}/promotion", htmx=True)
    assert answer.status == 200
    assert f"Promote {deployment.short_id} to Production?" in plain(answer)
    assert "Nothing" in answer.text


async def test_everything_of_another_project_is_not_there(app: Quart, world: FakeWorld) -> None:
    mine, theirs = await cast.project(), await cast.project(await cast.carol())
    foreign = await cast.deployment(theirs, state=State.succeeded, image="sha256:1")
    variable = await Variable.create(project=theirs, key="KEY", value="canary")
    visitor = await alice(app)
    for id in (foreign.id, uuid4()):
        path = f"/projects/{mine.slug}/deployments/{id}"
        for get in ("", "/log", "/log.txt", "/rollback", "/promotion", "/stream"):
            assert (await visitor.get(path + get)).status == 404, get
        for post in ("/redeployment", "/cancellation", "/rollback", "/promotion"):
            assert (await visitor.post(path + post)).status == 404, post
    path = f"/projects/{mine.slug}/variables/{variable.id}"
    assert (await visitor.get(f"{path}/value")).status == 404
    assert (await visitor.post(f"{path}/removal")).status == 404
    environment = await cast.production(theirs)
    form = {"key": "A", "value": "b", "environment": str(environment.id)}
    assert (await visitor.post(f"/projects/{mine.slug}/variables", form)).status == 422
    assert await Variable.all().count() == 1
    assert await Deployment.all().count() == 1


# Logs


async def test_the_projects_logs_are_searched_and_filtered(app: Quart, world: FakeWorld) -> None:
    project = await cast.project()
    preview = await cast.environment(project, "preview", branch="*")
    one, two = await cast.deployment(project), await cast.deployment(project, environment=preview)
    await say(world, one, "alpha [x] 100%", "Beta {y}")
    await say(world, two, "gamma\\n'\"")
    visitor, path = await alice(app), f"/projects/{project.slug}/logs"

    async def found(query: str = "") -> list[str]:
        page = await visitor.get(f"{path}?{query}")
        assert page.status == 200
        return [name for name in ("alpha", "Beta", "gamma") if f"<span>{name}" in page.text]

    assert await found() == ["alpha", "Beta", "gamma"]
    assert await found("q=[X]") == ["alpha"]
    assert await found("q=%7By%7D") == ["Beta"]
    assert await found("q=%5Cn%27%22") == ["gamma"]
    assert await found("q=.*") == []
    assert await found("environment=preview") == ["gamma"]
    assert await found(f"deployment={one.short_id}") == ["alpha", "Beta"]
    assert await found(f"deployment={one.short_id}&environment=preview") == []
    assert await found("deployment=nonsense") == []
    assert await found("level=error") == []
    assert await found("level=nonsense") == ["alpha", "Beta", "gamma"]
    older = await visitor.get(f"{path}?before=3")
    assert (older.text.count('class="line"'), "<html" in older.text) == (2, False)


async def test_the_pages_ask_few_queries(app: Quart, world: FakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three after authorization (two queries) is what the hot pages may cost."""
    project = await cast.project()
    await cast.deployment(project)
    visitor = await alice(app)
    asked: list[str] = []

    async def counted(sql: str, *values: object) -> list[dict[str, object]]:
        asked.append(sql)
        return await database.fetch(sql, *values)

    monkeypatch.setattr(reading, "fetch", counted)
    for path in ("", "/deployments"):
        asked.clear()
        assert (await visitor.get(f"/projects/{project.slug}{path}")).status == 200
        assert 1 < len(asked) <= 3, path


async def test_environments_that_were_taken_away_leave_their_deployments_readable(app: Quart) -> None:
    project = await cast.project()
    preview = await cast.environment(project, "preview", branch="*")
    deployment = await cast.deployment(project, environment=preview, state=State.succeeded, image="sha256:1")
    await Environment.filter(id=preview.id).delete()
    visitor = await alice(app)
    page = await visitor.get(f"/projects/{project.slug}/deployments/{deployment.id}")
    assert (page.status, "Removed environment" in page.text) == (200, True)
    for act in ("rollback", "promotion"):
        assert (await visitor.get(f"/projects/{project.slug}/deployments/{deployment.id}/{act}")).status == 422


async def test_a_row_is_drawn_anew_when_what_it_shows_has_changed(app: Quart) -> None:
    visitor, project = await alice(app), await cast.project()
    deployment = await cast.deployment(project, state=State.succeeded, finished_at=datetime.now(UTC))
    path = f"/projects/{project.slug}/deployments"
    assert "Change it" in plain(await visitor.get(path))
    await Deployment.filter(id=deployment.id).update(commit_message="Another title")
    shown = plain(await visitor.get(path))
    assert "Another title" in shown
    assert "Change it" not in shown
