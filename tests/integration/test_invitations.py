"""Invitations: the mail, the link, the bell, yes and no."""

import asyncio
import re
from dataclasses import replace
from datetime import timedelta
from urllib.parse import unquote

import pytest
from quart import Quart

from devpush.models import Identity, Invitation, Member, Role, Team, User
from devpush.models.people import now
from devpush.ports import Mail
from devpush.web import members
from devpush.web.invitations import masked
from tests import cast
from tests.fakes import FakeWorld
from tests.visitor import Answer, Visitor, dashboard

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("db")]

SETTINGS = "/teams/alice/settings"
LINK = re.compile(r"http://localhost:8000(/invitations/[\w-]{43})")


@pytest.fixture
def app(world: FakeWorld) -> Quart:
    world.settings = replace(world.settings, smtp_host="127.0.0.1")
    return dashboard(world)


async def visit(app: Quart, user: User) -> Visitor:
    return await Visitor(app).signed_in(user)


async def invite(app: Quart, email: str, role: str = "member", **more: bool) -> Answer:
    """Alice does, and the mail is out."""
    alice = await visit(app, await cast.alice())
    answer = await alice.post("/teams/alice/invitations", {"email": email, "role": role}, **more)
    await asyncio.gather(*app.background_tasks)
    return answer


def link(mail: Mail) -> str:
    found = LINK.search(mail.text)
    assert found, mail.text
    return found[1]


# By mail


async def test_an_invitation_goes_out_by_mail_and_lets_its_address_in(app: Quart, world: FakeWorld) -> None:
    answer = await invite(app, "Carol@Example.com", "admin")
    assert answer.location == f"{SETTINGS}#settings-members"
    [mail] = world.mailer.sent
    assert (mail.to, mail.subject) == ("carol@example.com", "alice invites you to alice")
    assert link(mail) in mail.html
    assert "as admin" in mail.text
    assert (await Invitation.get()).sent_at

    carol = await visit(app, await cast.carol())
    page = await carol.get(link(mail))
    assert (page.status, "Join alice" in page.words) == (200, True)
    found = re.search(r'action="(/invitations/[^"]+/acceptance)"', page.text)
    assert found
    joined = await carol.post(found[1])
    assert joined.location == "/teams/alice"
    assert "You are in alice now." in (await carol.get(joined.location)).words
    assert (await Member.get(team__slug="alice", user=await cast.carol())).role == Role.admin
    assert (await carol.get(link(mail))).status == 410
    assert (await carol.post(found[1])).status == 404


async def test_who_is_signed_out_signs_in_first_and_comes_back(app: Quart, world: FakeWorld) -> None:
    await invite(app, "carol@example.com")
    path = link(world.mailer.sent[0])
    answer = await Visitor(app).get(path)
    assert (answer.status, unquote(answer.location)) == (303, f"/auth/sign-in?next={path}")


async def test_the_wrong_address_is_told_which_one_is_right_and_nothing_else(app: Quart, world: FakeWorld) -> None:
    await cast.alice()
    await Team.filter(slug="alice").update(name="Secret plans")
    await invite(app, "bobby.tables@example.com")
    carol = await visit(app, await cast.carol())
    page = await carol.get(link(world.mailer.sent[0]))
    assert (page.status, "b…s@example.com" in page.words) == (403, True)
    assert "carol@example.com" in page.words
    assert "bobby.tables" not in page.text
    assert "Secret plans" not in page.text


@pytest.mark.parametrize(
    ("address", "shown"),
    [("b@x.de", "b…@x.de"), ("bo@x.de", "b…@x.de"), ("bob@x.de", "b…b@x.de"), ("bobby@x.de", "b…y@x.de")],
)
def test_an_address_is_masked(address: str, shown: str) -> None:
    assert masked(address) == shown


async def test_a_link_that_never_was_looks_like_one_that_is_over(app: Quart, world: FakeWorld) -> None:
    await invite(app, "carol@example.com")
    carol = await visit(app, await cast.carol())
    await Invitation.all().update(expires_at=now() - timedelta(seconds=1))
    over, never = await carol.get(link(world.mailer.sent[0])), await carol.get("/invitations/" + "a" * 43)
    assert (over.status, never.status) == (410, 410)
    assert "can’t be used any more" in over.words
    assert (await carol.get("/invitations/" + "a" * 3000)).status == 410
    assert (await carol.get("/invitations/%00")).status == 410


async def test_sending_again_makes_another_link(app: Quart, world: FakeWorld) -> None:
    await invite(app, "carol@example.com")
    alice, id = await visit(app, await cast.alice()), (await Invitation.get()).id
    assert (await alice.post(f"/teams/alice/invitations/{id}/mail")).status == 303
    await asyncio.gather(*app.background_tasks)
    first, second = map(link, world.mailer.sent)
    carol = await visit(app, await cast.carol())
    assert ((await carol.get(first)).status, (await carol.get(second)).status) == (410, 200)


async def test_a_mail_that_does_not_get_out_is_seen(app: Quart, world: FakeWorld) -> None:
    world.mailer.away = -1
    assert (await invite(app, "carol@example.com")).status == 303
    alice = await visit(app, await cast.alice())
    assert "Its mail has not gone out yet." in (await alice.get(SETTINGS)).words
    world.mailer.away = 0
    await alice.post(f"/teams/alice/invitations/{(await Invitation.get()).id}/mail")
    await asyncio.gather(*app.background_tasks)
    assert "Its mail has not gone out yet." not in (await alice.get(SETTINGS)).words


@pytest.mark.parametrize("htmx", [False, True])
async def test_without_mail_the_link_is_shown_once(world: FakeWorld, htmx: bool) -> None:
    app = dashboard(world)
    answer = await invite(app, "carol@example.com", htmx=htmx)
    assert (answer.status, world.mailer.sent) == (200, [])
    found = LINK.search(answer.text)
    assert found
    assert "carol@example.com" in answer.words
    alice = await visit(app, await cast.alice())
    again = await alice.get(SETTINGS)
    assert not LINK.search(again.text)
    assert "New link" in again.words
    assert (await (await visit(app, await cast.carol())).get(found[1])).status == 200


async def test_mails_are_not_sent_without_end(app: Quart, world: FakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """A22."""
    monkeypatch.setattr(members, "MAILS_BY_ONE", 4)
    alice = await visit(app, await cast.alice())
    for number in range(6):
        answer = await alice.post("/teams/alice/invitations", {"email": f"eve{number}@example.com", "role": "member"})
    assert (answer.status, "That was too often." in answer.words) == (422, True)
    assert await Invitation.all().count() == 4


async def test_one_address_is_not_flooded(app: Quart, world: FakeWorld) -> None:
    """A22: withdrawn and sent anew, or sent again and again."""
    alice = await visit(app, await cast.alice())
    for _ in range(8):
        await alice.post("/teams/alice/invitations", {"email": "eve@example.com", "role": "member"})
        if invitation := await Invitation.first():
            await alice.post(f"/teams/alice/invitations/{invitation.id}/removal")
    await asyncio.gather(*app.background_tasks)
    assert len(world.mailer.sent) == members.MAILS_TO_ONE
    await Invitation.create(
        team=await Team.get(slug="alice"),
        email="mallory@example.com",
        token_hash="x",
        expires_at=now() + timedelta(days=1),
    )
    for _ in range(8):
        await alice.post(f"/teams/alice/invitations/{(await Invitation.get()).id}/mail")
    await asyncio.gather(*app.background_tasks)
    assert len(world.mailer.sent) == 2 * members.MAILS_TO_ONE


async def test_one_address_is_not_flooded_by_invitations_that_are_sent_again(app: Quart, world: FakeWorld) -> None:
    """A22: an invitation and its repetitions are mails to one and the same mailbox."""
    alice = await visit(app, await cast.alice())
    for _ in range(4):
        await alice.post("/teams/alice/invitations", {"email": "eve@example.com", "role": "member"})
        invitation = await Invitation.get()
        for _ in range(3):
            await alice.post(f"/teams/alice/invitations/{invitation.id}/mail")
        await alice.post(f"/teams/alice/invitations/{invitation.id}/removal")
        if len(world.mailer.sent) >= members.MAILS_TO_ONE:
            break
    await asyncio.gather(*app.background_tasks)
    assert len(world.mailer.sent) == members.MAILS_TO_ONE


async def test_line_ends_in_an_address_or_a_name_reach_no_header(app: Quart, world: FakeWorld) -> None:
    answer = await invite(app, "eve@example.com\r\nBcc: all@example.com")
    assert (answer.status, await Invitation.exists()) == (422, False)
    await User.filter(email="alice@example.com").update(name="Alice\r\nBcc: all@example.com")
    await invite(app, "eve@example.com")
    assert "\n" not in world.mailer.sent[0].subject


# In the team's settings


async def test_who_is_invited_is_listed_with_what_can_be_done(app: Quart) -> None:
    await invite(app, "carol@example.com", "owner")
    alice, admin = await visit(app, await cast.alice()), await User.with_email("dora@example.com")
    await Member.create(team=await Team.get(slug="alice"), user=admin, role=Role.admin)
    id = (await Invitation.get()).id
    assert f"/invitations/{id}/mail" in (await alice.get(SETTINGS)).text
    theirs = await (await visit(app, admin)).get(SETTINGS)
    assert "carol@example.com" in theirs.text
    assert f"/invitations/{id}/" not in theirs.text, "an admin can't give what only owners give"
    await alice.post(f"/teams/alice/invitations/{id}/removal")
    assert "carol@example.com" not in (await alice.get(SETTINGS)).text


async def test_what_is_wrong_is_said_under_its_field_and_typed_text_stays(app: Quart) -> None:
    await cast.bob()
    for email, sentence in (
        ("bob@example.com", "is in this team already"),
        ("carol", "Please enter an e-mail address"),
    ):
        for htmx in (False, True):
            answer = await invite(app, email, "admin", htmx=htmx)
            assert (answer.status, sentence in answer.words) == (422, True)
            assert f'value="{email}"' in answer.text
            assert '<option value="admin" selected>' in answer.text


# The bell


async def test_the_bell_counts_and_its_menu_answers(app: Quart) -> None:
    carol = await visit(app, await cast.carol())
    assert "No invitations" in (await carol.get("/account")).words
    await invite(app, "carol@example.com")
    assert "1 invitation" in (await carol.get("/account")).words
    menu = await carol.get("/invitations/menu", htmx=True)
    assert "alice invites you as member" in menu.words
    found = re.search(r'action="(/invitations/[^"]+/refusal)"', menu.text)
    assert found
    assert (await carol.post(found[1])).location == "/"
    assert "No invitations" in (await carol.get("/account")).words
    assert not await Invitation.exists()


async def test_invitations_of_every_address_of_mine_are_listed(app: Quart) -> None:
    carol = await cast.carol()
    await Identity.create(
        user=carol, provider="github", issuer="https://github.com", subject="7", email="carol@work.example"
    )
    await invite(app, "carol@work.example")
    page = await (await visit(app, carol)).get("/invitations")
    assert "alice invites you as member" in page.words


async def test_an_invitation_whose_sender_lost_the_role_is_said_to_be_void(app: Quart) -> None:
    bob = await cast.bob()
    await Member.filter(user=bob, team__slug="alice").update(role=Role.admin)
    await (await visit(app, bob)).post("/teams/alice/invitations", {"email": "carol@example.com", "role": "admin"})
    await Member.filter(user=bob, team__slug="alice").update(role=Role.member)
    carol, alice = await visit(app, await cast.carol()), await visit(app, await cast.alice())
    assert "No invitations" in (await carol.get("/invitations")).words
    id = (await Invitation.get()).id
    refused = await carol.post(f"/invitations/{id}/acceptance")
    assert refused.location == "/invitations"
    assert "may no longer do so" in (await carol.get("/invitations")).words
    assert "bob may no longer give that role" in (await alice.get(SETTINGS)).words
    await alice.post(f"/teams/alice/invitations/{id}/mail")
    assert (await carol.post(f"/invitations/{id}/acceptance")).location == "/teams/alice"
