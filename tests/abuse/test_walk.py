"""Every route, asked by everybody: generated from the URL map, so that a new route fails until it is covered here."""

import asyncio
import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote, urlsplit, urlunsplit
from uuid import UUID, uuid4

import asyncpg
import pytest
from quart import Quart, Response
from tortoise import connections
from werkzeug.routing import Rule

from devpush.deploy import payloads, pictures, push, teardown
from devpush.errors import MovedMeanwhile, Refused, Unavailable, WrongKey
from devpush.models import (
    Alias,
    AliasKind,
    Delivery,
    Deployment,
    Domain,
    Invitation,
    Member,
    Project,
    Role,
    Session,
    SignInLink,
    State,
    Team,
    User,
    Variable,
)
from devpush.models.people import hash_token
from devpush.web import auth, csrf
from devpush.web.app import HEADERS, HSTS
from tests import cast
from tests.fakes import FakeWorld
from tests.visitor import Answer, Visitor, dashboard

pytestmark = [pytest.mark.integration, pytest.mark.abuse]

ANONYMOUS = {
    "assets.file": "a file that everybody may have",
    "auth.link": "a button, nothing else",
    "auth.follow_link": "the token in its address is the proof",
    "auth.send_link": "the same answer for every address",
    "auth.sign_in": "a form",
    "health.health": "alive",
    "health.ready": "the state of four parts, without details",
    "home.index": "a redirect",
    "metrics.prometheus": "nothing without METRICS_TOKEN",
    "oauth.begin": "a redirect to the provider, for who wants to sign in",
    "oauth.github": "what GitHub vouches for, in the browser that asked for it",
    "oauth.github_authorized": "the same",
    "oauth.google": "what Google vouches for, in the browser that asked for it",
    "webhooks.github": "GitHub, by its signature",
    "webhooks.project": "a Git server, by the project's secret",
}
"""Who isn't signed in may ask for these."""

EVERYBODY = "everybody who is signed in"
OPERATOR = "the server's operator"
LEAST = {
    "account.disconnect": EVERYBODY,
    "account.end_all_sessions": EVERYBODY,
    "account.end_session": EVERYBODY,
    "account.remove": EVERYBODY,
    "account.remove_avatar": EVERYBODY,
    "account.save_avatar": EVERYBODY,
    "account.save_general": EVERYBODY,
    "account.show": EVERYBODY,
    "activity.server": OPERATOR,
    "activity.server_export": OPERATOR,
    "activity.team": "admin",
    "activity.team_export": "admin",
    "auth.sign_out": EVERYBODY,
    "avatars.file": EVERYBODY,
    "deleted.end": "admin",
    "deleted.restore": "admin",
    "deliveries.index": "member",
    "deliveries.replay": "member",
    "deployments.cancel": "member",
    "deployments.commits": "member",
    "deployments.create": "member",
    "deployments.do_promote": "member",
    "deployments.do_roll_back": "member",
    "deployments.find_commits": "member",
    "deployments.index": "member",
    "deployments.log": "member",
    "deployments.log_text": "member",
    "deployments.promote": "member",
    "deployments.redeploy": "member",
    "deployments.roll_back": "member",
    "deployments.show": "member",
    "domains.add": "admin",
    "domains.check": "admin",
    "domains.remove": "admin",
    "domains.save": "admin",
    "email_change.ask": EVERYBODY,
    "email_change.cancel": EVERYBODY,
    "email_change.confirm": EVERYBODY,
    "email_change.link": EVERYBODY,
    "email_change.resend": EVERYBODY,
    "environments.add": "admin",
    "environments.branches": "admin",
    "environments.move": "admin",
    "environments.redeploy": "member",
    "environments.remove": "admin",
    "environments.save": "admin",
    "github.installed": EVERYBODY,
    "hosts.show": EVERYBODY,
    "invitations.accept": EVERYBODY,
    "invitations.decline": EVERYBODY,
    "invitations.index": EVERYBODY,
    "invitations.link": EVERYBODY,
    "invitations.menu": EVERYBODY,
    "logs.index": "member",
    "logs.text": "member",
    "members.change_role": "admin",
    "members.invite": "admin",
    "members.leave": "member",
    "members.remove": "admin",
    "members.resend": "admin",
    "members.revoke": "admin",
    "metrics.data": "member",
    "metrics.index": "member",
    "metrics.lately": "member",
    "new_project.choose": "member",
    "new_project.configure": "member",
    "new_project.create": "member",
    "new_project.detect": "member",
    "new_project.new": "member",
    "new_project.unlock": "member",
    "picker.repositories": "member",
    "operator.created": OPERATOR,
    "operator.manifest": OPERATOR,
    "operator.remove_app": OPERATOR,
    "operator.show": OPERATOR,
    "server.back_up": OPERATOR,
    "server.backups": OPERATOR,
    "server.certificates": OPERATOR,
    "server.disk": OPERATOR,
    "server.health": OPERATOR,
    "server.look": OPERATOR,
    "server.look_at_disk": OPERATOR,
    "server.look_closely": OPERATOR,
    "projects.overview": "member",
    "projects.remove": "admin",
    "projects.remove_avatar": "admin",
    "projects.save_avatar": "admin",
    "projects.save_build": "admin",
    "projects.save_general": "admin",
    "projects.save_resources": "admin",
    "projects.settings": "admin",
    "repository.check": "admin",
    "repository.make_key": "admin",
    "repository.make_secret": "admin",
    "repository.save": "admin",
    "repository.save_pushes": "admin",
    "repository.secret": "admin",
    "search.index": EVERYBODY,
    "streams.deployment": "member",
    "streams.logs": "member",
    "streams.project": "member",
    "streams.project_settings": "admin",
    "streams.team": "member",
    "streams.team_settings": "member",
    "streams.user": EVERYBODY,
    "team_settings.remove": "owner",
    "team_settings.remove_avatar": "admin",
    "team_settings.save_avatar": "admin",
    "team_settings.save_general": "admin",
    "team_settings.show": "member",
    "teams.create": EVERYBODY,
    "teams.new": EVERYBODY,
    "teams.overview": "member",
    "teams.project_menu": "member",
    "teams.projects": "member",
    "variables.change": "admin",
    "variables.remove": "admin",
    "variables.review": "admin",
    "variables.save": "admin",
    "variables.text": "admin",
    "variables.value": "admin",
}
"""Who is let through, by the least role in the team. Bob made nothing here: what a maker may is a test of its own."""

IDS = {
    "team_slug",
    "project_slug",
    "project_id",
    "deployment_id",
    "other_id",
    "delivery_id",
    "domain_id",
    "environment_id",
    "variable_id",
    "session_id",
    "hostname",
    "whose_id",
    "user_id",
    "invitation_id",
}
NOT_THERE = {
    "account.disconnect": "they are connected to nothing",
    "account.end_session": "Alice's session, asked for by others",
    "email_change.resend": "they asked for no other address",
    "invitations.accept": "it is for somebody else",
    "invitations.decline": "it is for somebody else",
}
"""What may be answered 404 although it is theirs to ask."""
LAST = ("auth.sign_out", "account.end_all_sessions", "projects.remove")
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self' https://github.com; frame-ancestors 'none'; object-src 'none'"
)
PICTURE = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;"
NOBODYS = "00000000-0000-4000-8000-000000000000"


@dataclass
class House:
    """An installation with people, a project and everything that a URL can name."""

    app: Quart
    dsn: str
    people: Mapping[str, User]
    project: Project
    names: Mapping[str, str]
    """What stands for each variable part of a URL."""

    def rules(self, method: str = "") -> list[Rule]:
        found = [rule for rule in self.app.url_map.iter_rules() if not method or method in (rule.methods or ())]
        return sorted(found, key=lambda rule: (rule.endpoint in LAST, rule.rule))

    def url(self, rule: Rule, **other: str) -> str:
        names = {**self.names, **other}
        return self.app.url_map.bind("").build(
            rule.endpoint, {name: names[name] for name in rule.arguments}, method=method_of(rule)
        )

    async def visitor(self, who: str) -> Visitor:
        """A browser of theirs, freshly signed in."""
        visitor = Visitor(self.app)
        return visitor if who == "anonymous" else await visitor.signed_in(self.people[who])

    async def put_back(self) -> None:
        """What an earlier visitor was free to remove, or to leave."""
        team = self.project.team_id
        if not await Variable.exists(id=self.names["variable_id"]):
            await Variable.create(id=self.names["variable_id"], project=self.project, key="TOKEN", value="secret")
        if not await Domain.exists(id=self.names["domain_id"]):
            await cast.domain(self.project, id=self.names["domain_id"])
        moment = datetime.now(UTC)
        await Project.filter(id=self.names["project_id"]).update(removing_at=moment, ends_at=moment + timedelta(days=7))
        for role in Role:
            await Member.get_or_create(team_id=team, user=self.people[role], defaults={"role": role})
        await Member.get_or_create(team_id=team, user_id=self.names["user_id"], defaults={"role": Role.member})
        if not await Invitation.exists(id=self.names["invitation_id"]):
            await invitation_for_eve(self.project.team_id, self.people["owner"], self.names["invitation_id"])
        if not await Team.exists(id=team, avatar=self.names["version"]):
            await pictures.keep(self.app.extensions["world"], "team", team, PICTURE)


async def invitation_for_eve(team_id: UUID, by: User, id: str) -> None:
    invitation = Invitation(id=id, team_id=team_id, email="eve@example.com", invited_by_id=by.id)
    invitation.token_hash, invitation.expires_at = hash_token(id), datetime.now(UTC) + timedelta(days=30)
    await invitation.save()


@pytest.fixture
async def house(db: str, world: FakeWorld) -> House:
    world.settings = replace(world.settings, smtp_host="127.0.0.1")
    app = dashboard(world)
    app.extensions["stopping"] = asyncio.Event()
    app.extensions["stopping"].set()  # streams say what they have to say, and end
    people = {"owner": await cast.alice(), "member": await cast.bob(), "stranger": await cast.carol()}
    people["admin"] = await User.with_email("dora@example.com")
    people["operator"] = await User.with_email("olga@example.com", operator=True)
    frank = await User.with_email("frank@example.com")
    project = await cast.project()
    team = await cast.team_of(people["owner"])
    await Member.create(team=team, user=people["admin"], role=Role.admin)
    variable = await Variable.create(project=project, key="TOKEN", value="a value that is secret")
    earlier = await cast.deployment(project, state=State.succeeded, image="sha256:1", variables={"TOKEN": "old"})
    current = await cast.deployment(project, state=State.succeeded, image="sha256:2", variables={"TOKEN": "new"})
    await Alias.create(
        label=project.slug,
        kind=AliasKind.production,
        project=project,
        environment=await cast.production(project),
        deployment=current,
        previous=earlier,
    )
    await Member.create(team=team, user=frank, role=Role.member)
    invitation = str(uuid4())
    await invitation_for_eve(team.id, people["owner"], invitation)
    await Session.begin(people["owner"], ip="", user_agent="")
    deleted = await cast.project()
    await teardown.remove_project(world, deleted)
    names = {
        "team_slug": team.slug,
        "project_id": str(deleted.id),
        "project_slug": project.slug,
        "deployment_id": str(earlier.id),
        "other_id": str(current.id),
        "delivery_id": str((await delivery(project)).id),
        "hook_id": str(project.hook_id),
        "domain_id": str((await cast.domain(project)).id),
        "environment_id": str((await cast.production(project)).id),
        "variable_id": str(variable.id),
        "user_id": str(frank.id),
        "invitation_id": invitation,
        "session_id": str((await Session.get()).id),
        "token": await SignInLink.make("eve@example.com"),
        "hostname": f"{project.slug}.localhost",
        "provider": "github",
        "kind": "team",
        "export": "csv",
        "whose_id": str(team.id),
        "version": await pictures.keep(world, "team", team.id, PICTURE),
        "name": "theme.js",
    }
    return House(app, db, people, project, names)


async def delivery(project: Project) -> Delivery:
    """A push that a Git server told us of."""
    verdict = push.Verdict("ignored", "Its commit message says [skip deploy].")
    await push.record(project, payloads.Push("main", cast.COMMIT), verdict, source="github")
    return await Delivery.get()


def method_of(rule: Rule) -> str:
    return "POST" if "POST" in (rule.methods or ()) else "GET"


async def ask(visitor: Visitor, rule: Rule, url: str) -> Answer:
    if method_of(rule) == "POST":
        return await visitor.post(url)
    return await visitor.get(url, headers={"Accept": "text/event-stream"} if url.endswith("/stream") else {})


async def digest() -> dict[str, object]:
    """What the database holds, table by table."""
    connection = connections.get("default")
    tables = await connection.execute_query_dict("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    found: dict[str, object] = {}
    for table in (row["tablename"] for row in tables):
        [row] = await connection.execute_query_dict(
            f"SELECT count(*) AS rows, md5(string_agg(t::text, '|' ORDER BY t::text)) AS sum FROM \"{table}\" t"
        )
        found[table] = (row["rows"], row["sum"])
    return found


def none(wrong: Iterable[str]) -> None:
    """All that is wrong at once, not the first of it."""
    found = list(wrong)
    assert not found, "\n" + "\n".join(found)


# A14


async def test_a14_a_stranger_finds_nothing_and_changes_nothing(house: House) -> None:
    carol, wrong = await house.visitor("stranger"), []
    unknown = {name: NOBODYS if name.endswith("_id") else "nobodys" for name in IDS} | {"hostname": "nobodys.localhost"}
    before = await digest()
    for rule in house.rules():
        if not rule.arguments & IDS:
            continue
        theirs, nobodys = await ask(carol, rule, house.url(rule)), await ask(carol, rule, house.url(rule, **unknown))
        if theirs.status != 404:
            wrong.append(f"{rule.endpoint}: {theirs.status}")
        if theirs.text != nobodys.text or theirs.status != nobodys.status:
            wrong.append(f"{rule.endpoint}: what is theirs looks different from what is nobody's")
    none(wrong)
    assert await digest() == before


OF_A_PROJECT = {"deployment_id", "delivery_id", "domain_id", "environment_id", "variable_id"}


async def test_a14_ids_of_others_in_a_url_of_ones_own_find_nothing(house: House) -> None:
    """Carol's own project, Alice's deployment and variable."""
    carol, wrong = await house.visitor("stranger"), []
    own = await cast.project(house.people["stranger"])
    before = await digest()
    for rule in house.rules():
        if "project_slug" in rule.arguments and rule.arguments & OF_A_PROJECT:
            answer = await ask(carol, rule, house.url(rule, project_slug=own.slug))
            if answer.status != 404:
                wrong.append(f"{rule.endpoint}: {answer.status}")
    none(wrong)
    assert await digest() == before


async def test_a14_a_project_that_is_being_removed_is_nobodys(house: House) -> None:
    owner = await house.visitor("owner")
    assert (await owner.get(f"/projects/{house.project.slug}")).status == 200
    await Project.filter(id=house.project.id).update(removing_at=datetime.now(UTC))
    assert (await owner.get(f"/projects/{house.project.slug}")).status == 404


# A15


async def test_a15_every_route_by_every_role_is_as_the_table_says(house: House) -> None:
    wrong = []
    for who in ("anonymous", "stranger", "operator", "member", "admin", "owner"):
        for rule in house.rules():
            if rule.endpoint in ANONYMOUS:
                continue
            if rule.endpoint == "projects.remove" and who == "admin":
                continue  # the owner does it, last of all
            await house.put_back()
            visitor = await house.visitor(who)
            answer = await ask(visitor, rule, house.url(rule))
            if complaint := complain(answer, who, LEAST[rule.endpoint], rule):
                wrong.append(f"{who} {method_of(rule)} {rule.rule}: {complaint}")
    none(wrong)
    assert set(LEAST) | set(ANONYMOUS) == {rule.endpoint for rule in house.rules()}, "the tables name what isn't there"


def complain(answer: Answer, who: str, least: str, rule: Rule) -> str:
    """What is wrong with this answer, if anything."""
    if who == "anonymous":
        good = answer.status == 401 if "stream" in rule.rule else answer.location.startswith("/auth/sign-in")
        return "" if good else f"{answer.status} instead of signing in"
    outside = who in ("stranger", "operator")
    if (least == OPERATOR and who != "operator") or (outside and rule.arguments & IDS):
        return "" if answer.status == 404 else f"{answer.status} instead of 404"
    if not outside and least not in (EVERYBODY, who) and Role(who).rank < Role(least).rank:
        return "" if answer.status == 403 else f"{answer.status} instead of 403"
    if rule.endpoint in NOT_THERE and answer.status == 404:
        return ""
    return f"{answer.status} instead of an answer" if answer.status in (401, 403, 404) or answer.status >= 500 else ""


async def test_a15_the_table_says_what_the_handlers_ask_for(house: House) -> None:
    """Said twice on purpose: a handler that asks for less than before, or an action that takes less, fails here."""
    says = {auth.SIGNED_IN: EVERYBODY, auth.OPERATE: OPERATOR, **auth.MAY}
    asked = {
        rule.endpoint: says[auth._asks[house.app.view_functions[rule.endpoint]]]
        for rule in house.rules()
        if rule.endpoint not in ANONYMOUS
    }
    none(
        f"{name}: asks for {asked.get(name)}, not {LEAST.get(name)}"
        for name in asked | LEAST
        if asked.get(name) != LEAST.get(name)
    )


async def test_a15_who_made_a_project_changes_it_and_removes_it_not(house: House) -> None:
    bobs = await cast.project(created_by=house.people["member"])
    bob = await house.visitor("member")
    assert (await bob.get(f"/projects/{bobs.slug}/settings")).status == 200
    saved = await bob.post(f"/projects/{bobs.slug}/settings/general", {"name": "Bob's shop"})
    assert (saved.status, (await Project.get(id=bobs.id)).name) == (303, "Bob's shop")
    assert (await bob.post(f"/projects/{bobs.slug}/removal", {"confirmation": bobs.slug})).status == 403
    assert (await bob.post(f"/projects/{house.project.slug}/settings/general", {"name": "Mine"})).status == 403


async def test_a15_a_role_taken_away_counts_at_once(house: House) -> None:
    bob = await house.visitor("member")
    assert (await bob.get(f"/projects/{house.project.slug}")).status == 200
    await Member.filter(user=house.people["member"], role=Role.member).delete()
    assert (await bob.get(f"/projects/{house.project.slug}")).status == 404


# A17


@pytest.mark.parametrize("who", ["anonymous", "owner"])
async def test_a17_no_get_changes_anything(house: House, who: str) -> None:
    visitor, wrong = await house.visitor(who), []
    for rule in house.rules("GET"):
        before = await digest()
        answer = await visitor.get(house.url(rule))
        await asyncio.gather(*house.app.background_tasks)
        if answer.status >= 500:
            wrong.append(f"{rule.rule}: {answer.status} {answer.text[:300]}")
        if changed := [table for table, sum in (await digest()).items() if before[table] != sum]:
            wrong.append(f"{rule.rule}: changed {', '.join(changed)}")
    none(wrong)


@pytest.mark.parametrize("who", ["anonymous", "owner"])
async def test_a17_no_post_works_without_its_proof_or_from_elsewhere(house: House, who: str) -> None:
    visitor, wrong = await house.visitor(who), []
    token = await visitor.csrf_token()
    stolen = await (await house.visitor("member")).csrf_token()
    assert token
    before = await digest()
    for rule in house.rules("POST"):
        if who == "anonymous" and rule.endpoint not in ANONYMOUS:
            continue  # the walk of A35 sends those to the sign-in page
        for trick, (form, headers) in forgeries(token, stolen).items():
            url = house.url(rule) + (f"?csrf_token={token}" if trick == "in the address" else "")
            answer = await visitor.ask("POST", url, form=form, headers=headers)
            if answer.status not in ((401, 404) if rule.endpoint in csrf.EXEMPT else (403,)):
                wrong.append(f"{rule.rule}, {trick}: {answer.status}")
    await asyncio.gather(*house.app.background_tasks)
    none(wrong)
    assert await digest() == before


def forgeries(token: str, stolen: str) -> dict[str, tuple[dict[str, str], dict[str, str]]]:
    """What was tried → form and headers."""
    good = {"csrf_token": token}
    return {
        "no token": ({}, {}),
        "empty token": ({"csrf_token": ""}, {"X-CSRF-Token": ""}),
        "garbled token": ({"csrf_token": token[:-6] + "AAAAA="}, {}),
        "no base64": ({"csrf_token": "ü" * 44}, {}),
        "somebody else's token": ({"csrf_token": stolen}, {}),
        "in the address": ({}, {}),
        "another origin": (good, {"Origin": "https://evil.example"}),
        "an app of ours": (good, {"Origin": "http://shop.localhost:8080", "Sec-Fetch-Site": "same-site"}),
        "another port": (good, {"Origin": "http://localhost:8080"}),
        "another scheme": (good, {"Origin": "https://localhost:8000"}),
        "no origin": (good, {"Origin": "null"}),
        "cross-site": (good, {"Sec-Fetch-Site": "cross-site"}),
        "same-site": (good, {"Sec-Fetch-Site": "same-site"}),
        "cross-site with the header": ({}, {"X-CSRF-Token": token, "Origin": "https://evil.example"}),
    }


async def test_a17_the_proof_is_taken_from_a_field_or_a_header(house: House) -> None:
    alice = await house.visitor("owner")
    token = await alice.csrf_token()
    assert token != await alice.csrf_token(), "masked anew in every page"
    for form, headers in (({"csrf_token": token}, {}), ({}, {"X-CSRF-Token": token})):
        answer = await alice.ask("POST", "/account/general", form={"name": "Alice", **form}, headers=headers)
        assert answer.status == 303


# A34


async def test_a34_every_answer_has_the_headers(house: House) -> None:
    wrong = []
    for who in ("anonymous", "owner"):
        for rule in house.rules():
            visitor = await house.visitor(who)
            wrong += missing_headers(rule.rule, await ask(visitor, rule, house.url(rule)))
    visitor = await house.visitor("owner")
    house.app.view_functions["health.health"] = broken
    odd = {
        "unknown": await visitor.get("/nothing/here"),
        "wrong method": await visitor.ask("DELETE", "/account"),
        "too large": await visitor.ask("POST", "/account/general", form={"name": "x" * 3_000_000}),
        "another host": await visitor.get("/", headers={"Host": "shop.example.com"}),
        "ours to mend": await visitor.get("/health"),
        "merged slashes": await visitor.get("//account//general"),
    }
    assert [answer.status for answer in odd.values()] == [404, 405, 413, 404, 500, 404]
    for name, answer in odd.items():
        wrong += missing_headers(name, answer)
    none(wrong)
    assert "script-src 'self';" in POLICY
    assert "unsafe" not in POLICY


def missing_headers(where: str, answer: Answer) -> list[str]:
    wanted = {**HEADERS, "Content-Security-Policy": POLICY}
    wrong = [f"{where}: {name}" for name, value in wanted.items() if answer.headers.get(name) != value]
    caching = answer.headers.get("Cache-Control", "")
    if answer.status == 200 and where.startswith("/avatars/"):
        wrong += [f"{where}: cached as {caching}"] if not caching.startswith("private, ") else []
    elif answer.status == 200 and not where.startswith("/static/"):
        good = caching == ("no-cache" if answer.headers["Content-Type"] == "text/event-stream" else "no-store")
        wrong += [] if good else [f"{where}: Cache-Control {caching}"]
    if "Server" in answer.headers:
        wrong.append(f"{where}: Server")
    return wrong


async def broken() -> Response:
    raise RuntimeError("a secret of ours")


async def test_a34_https_stays_https(db: str, world: FakeWorld) -> None:
    world.settings = replace(world.settings, url_scheme="https")
    visitor = Visitor(dashboard(world))
    assert (await visitor.get("/health")).headers["Strict-Transport-Security"] == HSTS
    visitor.host = "www.example.com"  # whoever has that name decides on it, and may want http again
    for told in ({}, {"X-Devpush-Redirect": "301 https://example.com"}):
        assert "Strict-Transport-Security" not in (await visitor.get("/", headers=told)).headers


async def test_a34_no_page_needs_what_the_policy_forbids(house: House) -> None:
    """Inline scripts, styles and handlers would be dropped by the browser, and the page would not work."""
    alice, wrong = await house.visitor("owner"), []
    for rule in house.rules("GET"):
        answer = await alice.get(house.url(rule))
        if not answer.headers["Content-Type"].startswith("text/html"):
            continue
        text = answer.text.lower()
        found = [
            bad for bad in ("<script>", "<style", " style=", " onclick=", " onload=", "javascript:") if bad in text
        ]
        wrong += [f"{rule.rule}: {bad}" for bad in found]
    none(wrong)


async def test_a_mistake_of_ours_is_answered_with_a_number_that_is_in_the_log(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.app.view_functions["health.health"] = broken
    answer = await (await house.visitor("anonymous")).get("/health")
    [record] = [record for record in caplog.records if record.message == "request failed"]
    assert record.exc_info
    assert record.error_id in answer.text  # type: ignore[attr-defined]  # a field of the record
    assert "RuntimeError" not in answer.text
    assert "a secret of ours" not in answer.text


# A35


async def test_a35_who_is_not_signed_in_gets_only_what_is_listed(house: House) -> None:
    assert set(ANONYMOUS) == auth.PUBLIC
    wrong = []
    for rule in house.rules():
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            answer = await (await house.visitor("anonymous")).ask(method, house.url(rule))
            if answer.status < 300 and rule.endpoint not in ANONYMOUS:
                owner_of_url = {other.endpoint for other in house.rules() if other.rule == rule.rule}
                if not owner_of_url & set(ANONYMOUS):
                    wrong.append(f"{method} {rule.rule}: {answer.status}")
    none(wrong)


async def test_a35_a_route_that_nobody_decided_about_stops_the_start(house: House) -> None:
    app = Quart("another", static_folder=None)

    async def view() -> str:
        return "hello"

    app.add_url_rule("/forgotten", "forgotten", view)
    with pytest.raises(RuntimeError, match="forgotten must be either"):
        auth.refuse_forgotten(app)
    auth.may("view")(view)
    with pytest.raises(RuntimeError, match="names neither team nor project"):
        auth.refuse_forgotten(app)
    with pytest.raises(ValueError, match="not in MAY"):
        auth.may("fly")


async def test_a35_other_hostnames_get_nothing_of_the_dashboard(house: House) -> None:
    alice, wrong = await house.visitor("owner"), []
    for host in (
        "shop-1.localhost:8080",
        "localhost.evil.com",
        "127.0.0.1.nip.io",
        "",
        "a" * 300,
        "x y<b>",
        "localhost@x",
    ):
        alice.host = host
        for rule in house.rules():
            if rule.endpoint in ("assets.file", "health.health", "health.ready"):
                continue
            answer = await alice.ask(method_of(rule), house.url(rule), form={})
            if answer.status != 404 or "Nothing is live here" not in answer.text or "Set-Cookie" in answer.headers:
                wrong.append(f"{host} {rule.rule}: {answer.status}")
            if "<b>" in answer.text:
                wrong.append(f"{host}: unescaped")
    none(wrong)
    for host in ("localhost", "LOCALHOST:8000", "localhost.", "127.0.0.1:8000", "[::1]:8000"):
        alice.host = host
        assert (await alice.get("/account")).status == 200, host


async def test_in_production_the_dashboard_has_one_name(db: str, world: FakeWorld) -> None:
    world.settings = replace(world.settings, env="production", hostname="push.example.com")
    visitor = Visitor(dashboard(world))
    for host, status in {"push.example.com": 200, "localhost": 404, "127.0.0.1:8000": 404, "[::1]": 404}.items():
        visitor.host = host
        assert (await visitor.get("/auth/sign-in")).status == status, host
        assert (await visitor.get("/health")).status == 200, host


# Parts that are away


async def test_a_database_that_is_away_is_said_in_a_sentence(house: House) -> None:
    alice = await house.visitor("owner")
    [name] = await connections.get("default").execute_query_dict("SELECT current_database() AS name")
    admin = await asyncpg.connect(admin_of(house.dsn))
    try:
        await admin.execute(f"ALTER DATABASE {name['name']} WITH CONNECTION LIMIT 0")
        await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name["name"])
        answers = [await alice.get("/account") for _ in range(8)]
        assert {answer.status for answer in answers} == {503}
        assert "The database doesn" in answers[0].text
        assert (await alice.get("/health")).status == 200
    finally:
        await admin.execute(f"ALTER DATABASE {name['name']} WITH CONNECTION LIMIT -1")
        await admin.close()
    assert (await alice.get("/account")).status == 200


def admin_of(dsn: str) -> str:
    """The same server, asked as its administrator in another database."""
    return urlunsplit(urlsplit(dsn.replace("devpush-app@", "postgres@", 1))._replace(path="/postgres"))


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConnectionRefusedError(111, "refused"), 503),
        (FileNotFoundError(2, "no socket there"), 503),
        (asyncpg.ConnectionDoesNotExistError("closed in the middle"), 503),
        (asyncpg.InterfaceError("the pool is closed"), 503),
        (Unavailable("Docker doesn't answer."), 503),
        (FileNotFoundError(2, "no such file", "/a/template"), 500),
        (WrongKey("Stored secrets can't be read."), 500),
        (Refused("The name is taken.", field="name"), 422),
        (MovedMeanwhile("Somebody was faster."), 500),
    ],
)
async def test_errors_become_answers(house: House, error: Exception, status: int) -> None:
    async def fail() -> Response:
        raise error

    house.app.view_functions["health.health"] = fail
    visitor = await house.visitor("anonymous")
    page, toast = await visitor.get("/health"), await visitor.get("/health", htmx=True)
    assert (page.status, toast.status) == (status, status)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert toast.text == unquote(toast.headers["X-Message"])
    if isinstance(error, Unavailable | WrongKey | Refused):
        assert str(error) in html.unescape(page.text)
        assert str(error) == toast.text


async def test_ready_tells_of_every_part(db: str, world: FakeWorld) -> None:
    parts = {"database": "ok", "redis": "ok", "docker": "no answer within 3 seconds", "traefik": "ok"}
    for state, given, status in (
        ("ready", {**parts, "docker": "ok"}, 200),
        ("starting", {**parts, "docker": "ok"}, 503),
        ("draining", {**parts, "docker": "ok"}, 503),
        ("ready", parts, 503),
    ):
        answer = await Visitor(dashboard(world, state=state, parts=given)).get("/ready")
        assert (answer.status, answer.headers["Content-Type"]) == (status, "application/json")
        assert f'"state":"{state}"' in answer.text.replace(" ", "")


async def test_pages_are_packed_for_who_can_unpack_them(house: House) -> None:
    alice = await house.visitor("owner")
    plain = await alice.get("/account")
    packed = await alice.get("/account", headers={"Accept-Encoding": "gzip, br"})
    assert packed.headers["Content-Encoding"] == "br"
    assert (await alice.get("/account", headers={"Accept-Encoding": "gzip"})).headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert len(packed.body) * 2 < len(plain.body)
    assert int(packed.headers["Content-Length"]) == len(packed.body)


async def test_static_files_are_kept_for_good_under_their_content(house: House) -> None:
    visitor = await house.visitor("anonymous")
    assets = house.app.extensions["assets"]
    lasting = await visitor.get(assets.url("theme.js"), headers={"Accept-Encoding": "gzip"})
    assert lasting.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    plain = await visitor.get("/static/theme.js")
    assert plain.headers["Cache-Control"] == "public, no-cache"
    assert plain.headers["Content-Type"] == "text/javascript; charset=utf-8"
    again = await visitor.get("/static/theme.js", headers={"If-None-Match": plain.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")
    assert (await visitor.get("/static/app.css", headers={"Accept-Encoding": "gzip, br"})).headers[
        "Content-Encoding"
    ] == "br"
    for accepted in ("gzip", "gzip, br;q=0", "gzip, brrr"):
        sent = await visitor.get("/static/app.css", headers={"Accept-Encoding": accepted})
        assert sent.headers["Content-Encoding"] == "gzip"
    for name in (
        "../app.py",
        "..%2f..%2fsettings.py",
        "src/package.json",
        f"packed/{assets.find('app.css').version}.br",
        "vendor/README.md",
        "%2e%2e/errors.py",
        "/etc/passwd",
    ):
        assert (await visitor.get(f"/static/{name}")).status in (404, 308), name


async def test_deployments_are_reached_by_their_hostname(house: House) -> None:
    alice = await house.visitor("owner")
    current = await Deployment.filter(project=house.project).order_by("-number").first()
    assert current
    found = await alice.get(f"/hosts/{house.project.slug}.localhost:8080")
    assert found.location == f"/projects/{house.project.slug}/deployments/{current.id}"
    await Alias.all().update(deployment_id=None)
    assert (await alice.get(f"/hosts/{house.project.slug}.localhost")).location == f"/projects/{house.project.slug}"
    for host in ("localhost", "shop.example.com", "a.b.localhost", "%00.localhost", "<b>.localhost"):
        assert (await alice.get(f"/hosts/{host}")).status == 404, host
