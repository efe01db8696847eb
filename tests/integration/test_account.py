"""One's own account: name, address, ways to sign in, teams, and leaving for good."""

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from quart import Quart

from devpush.models import EmailChange, GitHubApp, Identity, Member, Project, Role, Session, Team, User
from devpush.ports import Mail
from devpush.settings import Settings
from tests import cast
from tests.fakes import FakeWorld
from tests.visitor import Answer, Visitor, access_file, dashboard

pytestmark = pytest.mark.integration

NEW = "alice@new.example"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, smtp_host="127.0.0.1", google_client_id="id", google_client_secret="a secret")


@pytest.fixture
def app(db: str, world: FakeWorld) -> Quart:
    return dashboard(world)


@pytest.fixture
async def alice(app: Quart) -> Visitor:
    return await Visitor(app).signed_in(await cast.alice())


async def user() -> User:
    """Alice as the database has her now."""
    return await User.get(id=(await Member.filter(role=Role.owner).order_by("created_at").first()).user_id)  # type: ignore[union-attr]


async def mails(app: Quart, world: FakeWorld, to: str) -> list[Mail]:
    """What has arrived there."""
    await asyncio.gather(*app.background_tasks)
    return [mail for mail in world.mailer.sent if mail.to == to]


async def link(app: Quart, world: FakeWorld, to: str = NEW) -> str:
    """The address in the newest mail to that mailbox, without its host."""
    mail = (await mails(app, world, to))[-1]
    found = re.search(r"http://localhost:8000(/account/email-change/\S+)", mail.text)
    assert found, mail.text
    assert f'href="http://localhost:8000{found[1]}"' in mail.html
    return found[1]


async def ask_for(visitor: Visitor, address: str) -> Answer:
    return await visitor.post("/account/email-change", {"email": address})


async def with_github(user: User, **facts: Any) -> Identity:
    if not await GitHubApp.exists():
        await cast.github_app()
    known: dict[str, Any] = {
        "provider": "github",
        "issuer": "https://github.com",
        "subject": "1",
        "login": "octo-alice",
    }
    return await Identity.create(**{"user": user, "access_token": "gho_1", **known, **facts})


async def with_google(user: User) -> Identity:
    return await Identity.create(
        user=user, provider="google", issuer="https://accounts.google.com", subject="2", email="alice@gmail.example"
    )


# General


async def test_name_and_user_name_are_changed(alice: Visitor) -> None:
    saved = await alice.post("/account/general", {"name": "Ada Lovelace", "username": " Ada-1815 "})
    assert saved.location == "/account"
    assert ((await user()).name, (await user()).username) == ("Ada Lovelace", "ada-1815")
    saved = await alice.post("/account/general", {"name": "Ada", "username": "ada"}, htmx=True)
    assert (saved.status, "Saved" in saved.text, 'id="account-general"' in saved.text) == (200, True, True)


@pytest.mark.parametrize(
    ("username", "sentence"),
    [
        ("bob", "Somebody has that user name already."),
        ("BOB", "Somebody has that user name already."),
        ("-ada", "small letters, digits and hyphens"),
        ("ada lovelace", "small letters, digits and hyphens"),
        ("ädä", "small letters, digits and hyphens"),
        ("a/../b", "small letters, digits and hyphens"),
        ("admin", "kept free"),
        ("a" * 41, "at most 40"),
    ],
)
async def test_a_user_name_is_a_slug_that_nobody_else_has(alice: Visitor, username: str, sentence: str) -> None:
    await cast.bob()
    for htmx in (False, True):
        refused = await alice.post("/account/general", {"name": "Ada", "username": username}, htmx=htmx)
        assert refused.status == 422
        assert sentence in refused.text
        assert f'value="{username}"' in refused.text, "what was typed is still there"
    assert ((await user()).name, (await user()).username) == ("alice", "alice"), "all of the form or nothing"


async def test_the_page_shows_what_there_is(app: Quart, alice: Visitor) -> None:
    await with_github(await user())
    await cast.bob()
    await Member.filter(role=Role.member).update(role=Role.owner)
    page = (await alice.get("/account")).text
    for shown in ("alice@example.com", "octo-alice", "Link by mail", "Google", "2 members", "Delete account"):
        assert shown in page
    for card in ("general", "email", "methods", "sessions", "teams", "danger"):
        assert f'id="account-{card}"' in page
        assert f'href="#account-{card}"' in page


# Another address


async def test_a_new_address_counts_once_its_link_was_followed(app: Quart, world: FakeWorld, alice: Visitor) -> None:
    asked = await ask_for(alice, " Alice@New.example ")
    assert asked.location == "/account#account-email"
    assert "waits to be confirmed" in (await alice.get("/account")).text
    where = await link(app, world)
    [warning] = await mails(app, world, "alice@example.com")
    assert NEW in warning.text
    assert "/account/email-change/" not in warning.text, "the link goes to the new mailbox only"

    page = await alice.get(where)
    assert "Use this address" in page.text
    assert (await user()).email == "alice@example.com", "a mail scanner opens links, too"
    done = await alice.post(where)
    assert done.location == "/account#account-email"
    assert (await user()).email == NEW
    assert not await EmailChange.exists()
    assert "has changed" in (await mails(app, world, "alice@example.com"))[-1].subject
    account = (await alice.get("/account")).text
    assert NEW in account
    assert "waits to be confirmed" not in account


async def test_the_link_is_good_for_an_hour(app: Quart, world: FakeWorld, alice: Visitor) -> None:
    await ask_for(alice, NEW)
    where = await link(app, world)
    change = await EmailChange.get()
    assert timedelta(minutes=59) < change.expires_at - datetime.now(UTC) <= timedelta(hours=1)
    await EmailChange.all().update(expires_at=datetime.now(UTC))
    assert ((await alice.get(where)).status, (await alice.post(where)).status) == (410, 410)
    assert "waits to be confirmed" not in (await alice.get("/account")).text
    assert (await user()).email == "alice@example.com"


async def test_sent_again_the_first_link_is_worth_nothing(app: Quart, world: FakeWorld, alice: Visitor) -> None:
    await ask_for(alice, NEW)
    first = await link(app, world)
    assert (await alice.post("/account/email-change/resending")).location == "/account#account-email"
    second = await link(app, world)
    assert first != second
    assert (await alice.post(first)).status == 410
    assert (await alice.post(second)).status == 303
    assert len(await mails(app, world, "alice@example.com")) == 2, "warned once, and told once"
    assert (await alice.post("/account/email-change/resending")).status == 404


async def test_cancelled_the_link_is_worth_nothing(app: Quart, world: FakeWorld, alice: Visitor) -> None:
    await ask_for(alice, NEW)
    where = await link(app, world)
    assert (await alice.post("/account/email-change/removal")).status == 303
    assert (await alice.post(where)).status == 410
    assert (await user()).email == "alice@example.com"


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("alice@example.com", "That is your address already."),
        ("ALICE@example.com", "That is your address already."),
        ("alice", "Please enter an e-mail address"),
        ("", "Please enter an e-mail address"),
        ("a@b.example\nBcc: c@d.example", "Please enter an e-mail address"),
    ],
)
async def test_what_is_no_new_address_is_refused(
    app: Quart, world: FakeWorld, alice: Visitor, address: str, sentence: str
) -> None:
    refused = await ask_for(alice, address)
    assert refused.status == 422
    assert sentence in refused.text
    assert not await EmailChange.exists()
    assert not world.mailer.sent


async def test_a_new_address_must_be_allowed_when_asked_and_when_confirmed(
    app: Quart, world: FakeWorld, alice: Visitor
) -> None:
    access_file(world).write_text('{"domains": ["example.com"]}')
    refused = await ask_for(alice, NEW)
    assert (refused.status, "may not sign in here" in refused.text) == (422, True)
    access_file(world).write_text('{"domains": ["example.com", "new.example"]}')
    await ask_for(alice, NEW)
    where = await link(app, world)
    access_file(world).write_text('{"domains":  ["example.com"]}')
    assert (await alice.post(where)).status == 403
    assert (await user()).email == "alice@example.com"


async def test_without_mail_no_address_can_be_confirmed(app: Quart, world: FakeWorld, alice: Visitor) -> None:
    world.settings = replace(world.settings, smtp_host="")
    assert "This server sends no mail" in (await alice.get("/account")).text
    assert (await ask_for(alice, NEW)).status == 422


async def test_a_mail_server_that_is_away_breaks_nothing(app: Quart, world: FakeWorld, alice: Visitor) -> None:
    world.mailer.away = 2
    await ask_for(alice, NEW)
    assert await mails(app, world, NEW) == []
    await alice.post("/account/email-change/resending")
    assert (await alice.post(await link(app, world))).status == 303


# Ways to sign in


async def test_a_method_is_given_up_while_another_one_works(alice: Visitor) -> None:
    await with_github(await user())
    gone = await alice.post("/account/methods/github/removal")
    assert gone.location == "/account#account-methods"
    assert not await Identity.exists()
    assert (await alice.post("/account/methods/github/removal")).status == 404


async def test_the_first_operators_address_is_no_way_to_sign_in(app: Quart, world: FakeWorld) -> None:
    operator = await User.operator("localhost")
    visitor = await Visitor(app).signed_in(operator)
    assert "receives no mail" in (await visitor.get("/account")).text
    await with_github(operator)
    refused = await visitor.post("/account/methods/github/removal")
    assert (refused.status, "the only way you can sign in" in refused.text) == (422, True)
    assert await Identity.exists()
    await ask_for(visitor, "ops@example.com")
    assert not await mails(app, world, "operator@localhost"), "nobody reads it there"
    await visitor.post(await link(app, world, "ops@example.com"))
    assert (await visitor.post("/account/methods/github/removal")).status == 303


async def test_a_provider_that_is_no_longer_set_up_can_be_disconnected(app: Quart, world: FakeWorld) -> None:
    world.settings = replace(world.settings, google_client_id="", google_client_secret="")
    alice = await Visitor(app).signed_in(await cast.alice())
    await with_google(await user())
    assert "No longer set up" in (await alice.get("/account")).text
    assert (await alice.post("/account/methods/google/removal")).status == 303
    assert "Google is disconnected" in (await alice.get("/account")).text
    assert "Google" not in (await alice.get("/account")).text, "what this server hasn't got is not offered"


# Teams, and leaving for good


async def test_the_card_of_teams_tells_role_and_members(alice: Visitor) -> None:
    bob = await cast.bob()
    page = (await alice.get("/account")).text
    assert "Its only owner" in page
    await Member.filter(user=bob).update(role=Role.owner)
    assert "Its only owner" not in (await alice.get("/account")).text


async def test_deleting_the_account_takes_the_user_name_typed(alice: Visitor) -> None:
    for typed in ("", "bob", "alice@example.com"):
        refused = await alice.post("/account/removal", {"confirmation": typed})
        assert refused.status == 422
        assert "Please type alice to confirm." in refused.text
    assert (await user()).removing_at is None


async def test_a_deleted_account_is_gone_at_once(app: Quart, world: FakeWorld, alice: Visitor) -> None:
    me = await user()
    project = await cast.project()
    elsewhere = await Visitor(app).signed_in(me)
    gone = await alice.post("/account/removal", {"confirmation": "alice"})
    assert gone.location == "/auth/sign-in"
    assert "Your account is gone." in (await alice.get("/auth/sign-in")).text
    assert (await elsewhere.get("/account")).location.startswith("/auth/sign-in")
    assert not await Session.exists()
    assert (await Project.get(id=project.id)).removing_at, "a team that is nobody's goes with its projects"
    assert (await Team.get(id=project.team_id)).removing_at
    assert "removals" in world.jobs.queues


async def test_who_alone_owns_a_team_with_others_hands_it_over_first(alice: Visitor) -> None:
    bob = await cast.bob()
    assert "You are the only owner of" in (await alice.get("/account")).text
    refused = await alice.post("/account/removal", {"confirmation": "alice"})
    assert (refused.status, "Make somebody else an owner there" in refused.text) == (422, True)
    team = await cast.team_of(await user())
    await Member.filter(user=bob, team=team).update(role=Role.owner)
    assert (await alice.post("/account/removal", {"confirmation": "alice"})).status == 303
    assert (await Team.get(id=team.id)).removing_at is None
