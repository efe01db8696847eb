"""The pages of log lines: what can be asked of them, and what they show when the log can't be read."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from quart import Quart

from devpush.deploy.keeper import _shown
from devpush.models import Deployment, Member, Project, State
from devpush.ports import NewLine, Request, Source
from devpush.web import auth, logs
from devpush.web.logs import Search
from tests import cast
from tests.fakes import FakeWorld
from tests.visitor import Answer, Visitor, dashboard

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("db")]
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture
def app(world: FakeWorld) -> Quart:
    return dashboard(world)


async def alice(app: Quart) -> Visitor:
    return await Visitor(app).signed_in(await cast.alice())


async def say(world: FakeWorld, deployment: Deployment, text: str, source: Source = "run", **facts: Any) -> None:
    line = {"at": NOON, "stream": "out", **facts}
    ids = (str(deployment.project_id), str(deployment.id))
    await world.logs.append([NewLine(*ids, source=source, text=text, **line)])


async def request(world: FakeWorld, deployment: Deployment, path: str, status: int, duration: float) -> None:
    await say(world, deployment, f"GET {path}", "request", request=Request(status, duration))


def texts(answer: Answer) -> list[str]:
    return [
        line.split("</time>")[1].partition("<span>")[2] for line in answer.text.split("\n") if 'class="line"' in line
    ]


@pytest.fixture
async def project(world: FakeWorld) -> Project:
    """One with two environments, a branch each, and lines of every kind."""
    project = await cast.project()
    preview = await cast.environment(project, "preview", branch="*")
    live = await cast.deployment(project, state=State.succeeded)
    side = await cast.deployment(project, state=State.succeeded, environment=preview, branch="side")
    await say(world, live, "building", "build")
    await say(world, live, "hello", level="error")
    await say(world, side, "from the side", at=NOON + timedelta(hours=1))
    await request(world, live, "/", 200, 12)
    await request(world, live, "/slow", 503, 900)
    return project


ASKED: dict[str, int] = {
    "": 5,
    "?source=build": 1,
    "?source=request": 2,
    "?source=request&status=5": 1,
    "?source=request&slower=500": 1,
    "?source=request&slower=5": 2,
    "?source=run&status=5": 2,
    "?level=error": 1,
    "?branch=side": 1,
    "?environment=preview": 1,
    "?environment=production": 4,
    "?environment=production&branch=side": 0,
    "?q=SIDE": 1,
    "?from=2026-11-23T12:30%2B00:00": 1,
    "?from=2026-11-23T14:00%2B02:00&to=2026-11-23T14:00%2B02:00": 4,
    "?to=2026-11-22": 0,
    "?from=2026-11-23&to=2026-11-23": 5,
    "?from=yesterday&to=0001-01-01T00:00%2B23:00&level=loud&source=x&status=9&slower=-1": 5,
}
"""What stands in the address, and how many lines are found."""


async def test_lines_are_found_by_what_they_are(app: Quart, project: Project) -> None:
    visitor = await alice(app)
    for query, found in ASKED.items():
        page = await visitor.get(f"/projects/{project.slug}/logs{query}")
        assert (query, page.status, len(texts(page))) == (query, 200, found)


async def test_a_request_shows_its_status_and_how_long_it_took(app: Quart, project: Project) -> None:
    page = await (await alice(app)).get(f"/projects/{project.slug}/logs?source=request&status=5")
    assert texts(page) == ['<b data-status="5">503</b> GET /slow <i>900 ms</i></span></div>']
    assert 'name="slower"' in page.text
    assert "Level" not in page.words


async def test_what_fits_is_downloaded(app: Quart, project: Project) -> None:
    visitor = await alice(app)
    page = await visitor.get(f"/projects/{project.slug}/logs?source=request&q=slow")
    path = f"/projects/{project.slug}/logs.txt?source=request&amp;q=slow"
    assert path in page.text
    answer = await visitor.get(path.replace("&amp;", "&"))
    assert answer.text == "2026-11-23T12:00:00.000000Z request 503 GET /slow 900 ms\n"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{project.slug}.log"'


@pytest.mark.abuse
async def test_a32_a_download_ends_with_the_right_to_see_it(
    app: Quart, world: FakeWorld, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However slowly it is read, and however much there is: an app may write on for ever."""
    bob = await cast.bob()
    visitor, search = await Visitor(app).signed_in(bob), world.logs.search

    async def taken_off_the_team_meanwhile(*asked: Any, **bounds: Any) -> Any:
        if bounds["after"]:
            await Member.filter(user=bob, team_id=project.team_id).delete()
        return await search(*asked, **bounds)

    assert auth.ASK_AGAIN <= 4
    monkeypatch.setattr(logs, "ASK_AGAIN", 0.0)
    monkeypatch.setattr(logs, "LINES", 2)
    monkeypatch.setattr(world.logs, "search", taken_off_the_team_meanwhile)
    first, second, *rest = (await visitor.get(f"/projects/{project.slug}/logs.txt")).text.splitlines()
    assert (first.split()[-1], second.split()[-1]) == ("building", "hello")
    assert rest == [logs.NO_LONGER]


async def test_a_page_up_to_some_moment_waits_for_nothing(app: Quart, project: Project) -> None:
    visitor, path = await alice(app), f"/projects/{project.slug}/logs"
    assert f'data-stream="{path}/stream?from=' in (await visitor.get(f"{path}?from=2026-11-23")).text
    assert 'data-stream="/stream"' in (await visitor.get(f"{path}?to=2026-11-23")).text


async def test_a_log_that_cannot_be_read_is_a_note(app: Quart, world: FakeWorld, project: Project) -> None:
    visitor, deployment = await alice(app), await Deployment.filter(project=project).first()
    assert deployment
    world.logs.away = -1
    for path in ("logs", f"deployments/{deployment.id}"):
        page = await visitor.get(f"/projects/{project.slug}/{path}")
        assert page.status == 200
        assert "The log can't be read now" in page.words
        assert "Nothing is lost" in page.words
    for path in ("logs?before=5", "logs.txt", f"deployments/{deployment.id}/log.txt"):
        assert (await visitor.get(f"/projects/{project.slug}/{path}")).status == 503


async def test_one_source_of_a_deployments_log(app: Quart, world: FakeWorld, project: Project) -> None:
    deployment = await Deployment.filter(project=project).order_by("number").first()
    assert deployment
    visitor, path = await alice(app), f"/projects/{project.slug}/deployments/{deployment.id}"
    for _ in range(300):
        await request(world, deployment, "/flood", 200, 1)
    page = await visitor.get(f"{path}?source=build")
    assert texts(page) == ["building</span></div>"]
    assert f'href="{path}?source=build" data-source="build" aria-current="true"' in page.text
    assert len(texts(await visitor.get(path))) == 250
    assert (await visitor.get(f"{path}/log.txt?source=build")).text.endswith("building\n")


async def test_a_line_that_comes_fits_as_one_that_is_kept(world: FakeWorld, project: Project) -> None:
    """Whatever a page asks for, its stream goes on with it."""
    deployment = await Deployment.filter(project=project).order_by("number").first()
    searches: list[dict[str, Any]] = [
        {},
        {"source": "run"},
        {"status": (500, 599)},
        {"slower_than": 5.0},
        {"level": "error"},
        {"since": NOON + timedelta(minutes=1)},
        {"until": NOON + timedelta(minutes=1)},
        {"deployments": frozenset([str(deployment.id if deployment else "")])},
        {"q": "SLOW"},
    ]
    for facts in searches:
        search = Search(str(project.id), **facts)
        kept, _ = await search.newest(world.logs)
        told = [(_shown(line), line.deployment) for line in world.logs.lines]
        assert [search.live(*each) for each in told if search.fits(*each)] == kept, facts
