"""A27: what people and programs write is text on every page and in every event, whatever it looks like."""

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from quart import Quart

from devpush.models import Alias, AliasKind, Deployment, Environment, Project, State, Team, User
from devpush.ports import NewLine
from devpush.web.pages import FOLDER
from tests import cast
from tests.fakes import FakeWorld
from tests.visitor import Visitor, dashboard

pytestmark = [pytest.mark.abuse, pytest.mark.usefixtures("db")]

SCRIPT = "<script>alert(1)</script>"
QUOTES = "\"'><img src=x onerror=alert(1)>"
TEMPLATE = "{{ 7 * 191 }}{% include 'x' %}${7*191}"
LINK = "javascript:alert(1)"
ALL = f"{SCRIPT}{QUOTES}{TEMPLATE}{LINK}"
ESCAPES = "\x1b[31mred\x1b[0m\x1b]8;;http://evil.example\x07click\x1b]8;;\x07\x1b]0;title\x07\x1b[2J\u202egpj.exe\u2066"


class Elements(HTMLParser):
    """What a browser would make elements of; alive is what could run."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.alive: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        runs = tag in ("img", "style", "iframe", "object", "base") or (tag == "script" and "src" not in given)
        links = [given.get(name) or "" for name in ("href", "src", "action", "formaction", "hx-get", "hx-post")]
        if runs or any(name.startswith("on") for name in given) or any("javascript:" in link[:20] for link in links):
            self.alive.append(self.get_starttag_text() or tag)


def inert(page: str) -> bool:
    return not Elements(page).alive and "1337" not in page


@pytest.fixture
def app(world: FakeWorld) -> Quart:
    return dashboard(world)


async def _hostile(world: FakeWorld) -> tuple[Project, Deployment]:
    """A team, a project and a deployment whose every word is hostile."""
    alice = await cast.alice()
    await User.filter(id=alice.id).update(name=ALL[:120])
    await Team.filter(slug="alice").update(name=f"{SCRIPT}{QUOTES}")
    project = await cast.project(name=f"{SCRIPT}{QUOTES}", repo_url=f"https://git.example.com/{QUOTES}")
    production = await cast.production(project)
    await Environment.filter(id=production.id).update(name=f"{SCRIPT}{QUOTES}"[:60], branch=ALL, color='x" onclick="')
    deployment = await cast.deployment(
        project,
        state=State.succeeded,
        branch=ALL[:255],
        commit_message=f"{ALL}\n\n{ALL}",
        commit_author=ALL[:255],
        reason=ALL,
        image="sha256:1",
        health="crashed",
        health_note=ALL,
        created_by=alice,
    )
    await Alias.create(
        label=project.slug, kind=AliasKind.production, project=project, environment=production, deployment=deployment
    )
    failed = await cast.deployment(project, state=State.failed, reason=ALL, commit_message=ESCAPES, branch=ESCAPES)
    for each in (deployment, failed):
        await world.logs.append(
            [
                NewLine(str(project.id), str(each.id), datetime.now(UTC), "build", "out", text, level='x" onclick="')
                for text in (ALL, ESCAPES)
            ]
        )
    return project, failed


async def test_hostile_words_are_inert_on_every_page(app: Quart, world: FakeWorld) -> None:
    project, failed = await _hostile(world)
    visitor = await Visitor(app).signed_in(await cast.alice())
    here = f"/projects/{project.slug}"
    first = await Deployment.filter(project=project).order_by("number").first()
    assert first
    query = "q=%3Cscript%3Ealert(1)%3C/script%3E%22%3E%3Cimg%20src=x%20onerror=alert(1)%3E"
    for path in (
        "/teams/alice",
        f"/teams/alice/projects?{query}",
        "/teams/alice/projects/menu",
        "/teams/alice/new",
        "/account",
        here,
        f"{here}/deployments",
        f"{here}/deployments?{query.replace('q=', 'branch=')}",
        f"{here}/deployments/{first.id}",
        f"{here}/deployments/{failed.id}",
        f"{here}/deployments/{failed.id}/log",
        f"{here}/logs",
        f"{here}/logs?{query}",
        f"{here}/settings",
    ):
        page = await visitor.get(path)
        assert page.status == 200, path
        assert inert(page.text), (path, Elements(page.text).alive)
        assert not set(page.text) & set("\x1b\x07\u202e\u2066"), path
        assert "unsafe-inline" not in page.headers["Content-Security-Policy"]


async def test_escapes_in_log_lines_neither_link_nor_turn_text_around(app: Quart, world: FakeWorld) -> None:
    project, failed = await _hostile(world)
    visitor = await Visitor(app).signed_in(await cast.alice())
    for path in (f"deployments/{failed.id}/log", f"deployments/{failed.id}", "logs"):
        page = await visitor.get(f"/projects/{project.slug}/{path}")
        lines = re.findall(r'<\w+ class="line".*', page.text)
        assert lines
        for line in lines:
            assert not set(line) & set("\x1b\x07\u202e\u2066\x9b")
            assert "evil.example" not in line
        assert any('<span class="ansi-fg-1">red</span>' in line for line in lines)
    text = (await visitor.get(f"/projects/{project.slug}/deployments/{failed.id}/log.txt")).text
    assert not set(text) & set("\x1b\x07\u202e")


async def test_hostile_forms_are_shown_again_as_text(app: Quart, world: FakeWorld) -> None:
    project = await cast.project()
    visitor = await Visitor(app).signed_in(await cast.alice())
    here = f"/projects/{project.slug}"
    hostile = dict.fromkeys(
        ("name", "source", "branch", "preset", "runner", "root_dir", "install", "start", "health_path", "key", "cpu"),
        ALL + "\0",
    )
    for path in ("/teams/alice/new", f"{here}/settings/general", f"{here}/settings/build", f"{here}/variables"):
        for htmx in (True, False):
            answer = await visitor.post(path, hostile, htmx=htmx)
            assert answer.status == 422, path
            assert inert(answer.text), (path, Elements(answer.text).alive)


def test_no_template_marks_text_as_safe() -> None:
    """Static: only our own filter `ansi` makes markup, and it escapes."""
    for template in Path(FOLDER).rglob("*.html"):
        if template.parent.name == "mail":  # mail programs know no style sheets
            continue
        text = template.read_text()
        assert not re.search(r"\|\s*safe\b|autoescape\s+false|Markup\(", text), template.name
        assert not re.search(r"<script(?![^>]*\bsrc=)|\bon\w+\s*=\s*[\"']|<style|\bstyle=", text), template.name
