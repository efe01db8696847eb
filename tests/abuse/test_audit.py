"""The audit log: whatever people do leaves an entry that nobody changes, and only who looks after the team sees it."""

import csv
import inspect
import io
import json
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest
from quart import Quart
from tortoise import connections
from tortoise.exceptions import OperationalError

from devpush.deploy import audit
from devpush.deploy.audit import Search
from devpush.models import AuditEntry, Member, Role, User
from tests import cast
from tests.fakes import FakeWorld
from tests.visitor import Visitor, dashboard

pytestmark = [pytest.mark.integration, pytest.mark.abuse, pytest.mark.usefixtures("db")]

UNRECORDED = {
    "auth.follow_link": "signing in is recorded by the door (web/door.py)",
    "auth.send_link": "nothing changes until the link is followed",
    "deployments.find_commits": "Git is asked, nothing changes",
    "domains.check": "DNS is asked, nothing of ours changes",
    "email_change.ask": "nothing changes until the link is confirmed",
    "email_change.cancel": "nothing changes",
    "email_change.resend": "nothing changes until the link is confirmed",
    "new_project.choose": "nothing is kept",
    "new_project.detect": "nothing is kept",
    "new_project.unlock": "nothing is kept but a key that no project has yet",
    "oauth.begin": "nothing changes until the provider sends them back",
    "operator.manifest": "nothing changes until GitHub sends them back",
    "repository.check": "Git is asked, nothing changes",
    "server.look_at_disk": "it is only measured",
    "server.look_closely": "it is only looked",
    "variables.review": "nothing changes until it is confirmed",
    "webhooks.github": "pushes have a log of their own: deliveries",
    "webhooks.project": "pushes have a log of their own: deliveries",
}
"""State isn't changed there, or it is told elsewhere."""


@pytest.fixture
def app(world: FakeWorld) -> Quart:
    return dashboard(world)


async def entries(**about: Any) -> list[AuditEntry]:
    return await AuditEntry.filter(**about).order_by("id")


def source_with_what_it_calls(view: Callable[..., Any]) -> str:
    """Of a handler, and of the functions of its module that it calls."""
    module = inspect.getmodule(view)
    own = [getattr(module, name, None) for name in view.__code__.co_names]
    called = [each for each in own if inspect.isfunction(each) and each.__module__ == module.__name__]  # type: ignore[union-attr]
    everything: list[Any] = [view, *called]
    return "".join(inspect.getsource(each) for each in everything)


def test_every_route_that_changes_something_leaves_an_entry_or_says_why_not(app: Quart) -> None:
    """A new route fails here until it does one of both."""
    changing = {rule.endpoint for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())}
    silent = {name for name in changing if "did(" not in source_with_what_it_calls(app.view_functions[name])}
    assert silent == set(UNRECORDED)


async def test_who_did_what_to_what_and_from_where_is_kept(app: Quart) -> None:
    alice, project = await Visitor(app).signed_in(await cast.alice()), await cast.project()
    page = f"/projects/{project.slug}"
    await alice.post(f"{page}/variables", {"key": "TOKEN", "value": "canary-4711", "environment": ""})
    await alice.post(f"{page}/settings/resources", {"cpu": "0.5", "memory_mb": "256"})
    await alice.post(f"{page}/removal", {"confirmation": project.slug})
    saved, changed, deleted = await entries()
    assert (saved.who, saved.what, saved.target) == ("alice@example.com", "variable.saved", "TOKEN")
    assert (saved.project, saved.project_id, saved.team_id) == (project.name, project.id, project.team_id)
    assert saved.address == "127.0.0.1" or not saved.address
    assert changed.details == {"CPU": "100000 → 50000"}, "only what became different"
    assert deleted.what == "project.deleted"
    assert all("canary-4711" not in json.dumps(entry.details) for entry in await entries())


async def test_what_was_refused_leaves_no_entry(app: Quart) -> None:
    alice, project = await Visitor(app).signed_in(await cast.alice()), await cast.project()
    await alice.post(f"/projects/{project.slug}/variables", {"key": "not a key", "value": "x", "environment": ""})
    await alice.post(f"/projects/{project.slug}/removal", {"confirmation": "wrong"})
    assert await entries() == []


async def test_a_change_of_role_says_whose_and_to_what(app: Quart) -> None:
    alice, bob = await Visitor(app).signed_in(await cast.alice()), await cast.bob()
    await alice.post(f"/teams/alice/members/{bob.id}/role", {"role": "admin"})
    [entry] = await entries()
    assert (entry.what, entry.target, entry.details) == ("member.role_changed", "bob@example.com", {"to": "admin"})


@pytest.mark.parametrize("statement", ["UPDATE audit SET who = 'nobody'", "DELETE FROM audit", "TRUNCATE audit"])
async def test_an_entry_is_never_changed(statement: str) -> None:
    """By the database: whatever mistake we make in our own code, it refuses."""
    await audit.record(audit.COMMAND_LINE, "sign_in_link.made")
    with pytest.raises((OperationalError, asyncpg.PostgresError), match="keeps what it has"):
        await connections.get("default").execute_query(statement)
    assert len(await entries()) == 1


async def test_what_is_not_a_word_of_the_log_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="not in WORDS"):
        await audit.record(audit.COMMAND_LINE, "project.exploded")


async def test_an_entry_outlives_what_it_names(world: FakeWorld, app: Quart) -> None:
    alice, project = await Visitor(app).signed_in(await cast.alice()), await cast.project()
    await alice.post(f"/projects/{project.slug}/settings/general", {"name": "Renamed"})
    await project.delete()
    assert [entry.project for entry in await audit.find(Search(text="settings"), limit=9)] == ["Renamed"]


# Looking at it


async def test_only_those_who_look_after_the_team_see_it(app: Quart) -> None:
    alice, bob = await Visitor(app).signed_in(await cast.alice()), await Visitor(app).signed_in(await cast.bob())
    carol = await Visitor(app).signed_in(await cast.carol())
    await alice.post("/teams/alice/settings/general", {"name": "Acme", "slug": "alice"})
    assert "changed the team" in (await alice.get("/teams/alice/activity")).words
    assert (await bob.get("/teams/alice/activity")).status == 403
    assert (await carol.get("/teams/alice/activity")).status == 404
    assert "Acme" not in (await carol.get("/teams/carol/activity")).text
    await Member.filter(user=await cast.bob(), team=await cast.team_of(await cast.alice())).update(role=Role.admin)
    assert (await bob.get("/teams/alice/activity")).status == 200


async def test_it_is_searched_by_words_and_days_and_read_in_pages(app: Quart) -> None:
    alice, team = await Visitor(app).signed_in(await cast.alice()), await cast.team_of(await cast.alice())
    for number in range(60):
        await audit.record(audit.Actor("eve@example.com"), "variable.saved", f"KEY_{number:02}", team=team)
    await audit.record(audit.Actor("mallory@example.com"), "project.deleted", "100% mine", team=team)
    first = (await alice.get("/teams/alice/activity")).text
    assert "KEY_59" in first
    assert "KEY_00" not in first
    older = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    assert "KEY_00" in (await alice.get(older)).text
    for q in ("mallory", "deleted the project", "100%"):
        found = (await alice.get(f"/teams/alice/activity?q={q.replace('%', '%25').replace(' ', '+')}")).text
        assert "100% mine" in found
        assert "KEY_" not in found, q
    assert "Nothing was found" in (await alice.get("/teams/alice/activity?q=nobody-ever")).text
    assert "Nothing was found" in (await alice.get("/teams/alice/activity?to=2020-01-01")).text
    assert "100% mine" in (await alice.get("/teams/alice/activity?from=2020-01-01")).text


async def test_an_export_holds_everything_and_is_inert_in_a_spreadsheet(app: Quart) -> None:
    alice, team = await Visitor(app).signed_in(await cast.alice()), await cast.team_of(await cast.alice())
    for number in range(510):
        await audit.record(audit.COMMAND_LINE, "variable.saved", f"KEY_{number}", team=team)
    await audit.record(audit.COMMAND_LINE, "domain.added", "=HYPERLINK(evil)", team=team, branch="a,b")
    sheet = list(csv.DictReader(io.StringIO((await alice.get("/teams/alice/activity.csv")).text)))
    assert len(sheet) == 511
    assert sheet[0]["target"] == "'=HYPERLINK(evil)"
    assert json.loads(sheet[0]["details"]) == {"branch": "a,b"}
    lines = (await alice.get("/teams/alice/activity.jsonl?q=domain")).text.splitlines()
    assert [json.loads(line)["target"] for line in lines] == ["=HYPERLINK(evil)"]


async def test_the_operator_sees_the_whole_server(app: Quart) -> None:
    olga = await Visitor(app).signed_in(await User.with_email("olga@example.com", operator=True))
    await audit.record(audit.COMMAND_LINE, "keys.rotated", team=await cast.team_of(await cast.carol()))
    page = await olga.get("/operator/activity")
    assert "the server's command line" in page.words.replace("’", "'")
    alice = await Visitor(app).signed_in(await cast.alice())
    assert (await alice.get("/operator/activity")).status == 404
