"""Teams: making one, its settings, who sees what of them, where home is."""

import html
import re
from io import BytesIO

import pytest
from quart import Quart
from quart.datastructures import FileStorage

from devpush.models import Member, Project, Role, Team, User
from tests import cast
from tests.fakes import FakeWorld
from tests.visitor import Visitor, dashboard

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("db")]

SETTINGS = "/teams/alice/settings"


@pytest.fixture
def app(world: FakeWorld) -> Quart:
    return dashboard(world)


async def visit(app: Quart, user: User) -> Visitor:
    return await Visitor(app).signed_in(user)


# A new one


async def test_a_new_team_has_its_maker_as_owner(app: Quart) -> None:
    alice = await visit(app, await cast.alice())
    assert (await alice.get("/teams/new")).status == 200
    answer = await alice.post("/teams", {"name": "  Acme   & Sons "})
    assert (answer.status, answer.location) == (303, "/teams/acme-sons/settings#settings-members")
    assert (await Team.get(slug="acme-sons")).name == "Acme & Sons"
    assert "acme-sons" in (await alice.get("/teams/alice")).text, "it is in the switcher"
    assert (await Member.get(team__slug="acme-sons")).role == Role.owner


@pytest.mark.parametrize("name", ["", "   ", "a" * 121, "Acme\u202egnp"])
async def test_a_team_needs_a_name_that_can_be_read(app: Quart, name: str) -> None:
    alice = await visit(app, await cast.alice())
    answer = await alice.post("/teams", {"name": name})
    assert answer.status == 422
    assert 'id="name-error"' in answer.text
    assert await Team.all().count() == 1


async def test_two_teams_may_have_one_name_but_not_one_address(app: Quart) -> None:
    for user in (await cast.alice(), await cast.carol()):
        await (await visit(app, user)).post("/teams", {"name": "New"})
    slugs = sorted([team.slug for team in await Team.filter(name="New")])
    assert len(set(slugs)) == 2
    assert "new" not in slugs, "that is the address of the page that makes one"


# Home


async def test_home_is_the_team_one_was_in_last(app: Quart) -> None:
    bob = await visit(app, await cast.bob())
    own = (await cast.team_of(await cast.bob())).slug
    assert (await bob.get("/")).location == f"/teams/{own}", "the oldest"
    await bob.get("/teams/alice")
    await bob.get("/account")
    assert (await bob.get("/")).location == "/teams/alice"
    await Member.filter(user=await cast.bob(), team__slug="alice").delete()
    assert (await bob.get("/")).location == f"/teams/{own}"


async def test_without_a_team_home_offers_one_and_shows_invitations(app: Quart, world: FakeWorld) -> None:
    carol, alice = await cast.carol(), await visit(app, await cast.alice())
    await Team.filter(id=(await cast.team_of(carol)).id).delete()
    visitor = await visit(app, carol)
    page = await visitor.get("/")
    assert (page.status, "You are in no team" in page.words) == (200, True)
    assert "/teams/new" in page.text
    await alice.post("/teams/alice/invitations", {"email": carol.email, "role": "member"})
    assert "invites you as member" in (await visitor.get("/")).words


# Settings


async def test_an_admin_renames_the_team(app: Quart) -> None:
    admin = await User.with_email("dora@example.com")
    await Member.create(team=await cast.team_of(await cast.alice()), user=admin, role=Role.admin)
    dora = await visit(app, admin)
    answer = await dora.post(f"{SETTINGS}/general", {"name": "Acme", "slug": "Acme"})
    assert (answer.status, answer.location) == (303, "/teams/acme/settings")
    assert (await dora.get("/teams/alice")).status == 404
    saved = await dora.post("/teams/acme/settings/general", {"name": "Acme Inc", "slug": "acme"}, htmx=True)
    assert (saved.status, "Saved" in saved.text) == (200, True)
    assert (await Team.get(slug="acme")).name == "Acme Inc"


@pytest.mark.parametrize(
    "slug", ["", "carol", "new", "-a", "a-", "a b", "ä", "a/b", "a" * 41, "a\0", "../x", "<b>", "x\ny"]
)
async def test_an_address_is_free_and_plain(app: Quart, slug: str) -> None:
    await cast.carol()
    alice = await visit(app, await cast.alice())
    answer = await alice.post(f"{SETTINGS}/general", {"name": "Acme", "slug": slug})
    assert answer.status == 422
    assert 'id="general-slug-error"' in answer.text
    assert 'value="Acme"' in answer.text, "what was typed stays"
    assert (await Team.get(slug="alice")).name == "alice"


async def test_members_see_who_is_there_and_change_nothing(app: Quart) -> None:
    bob = await visit(app, await cast.bob())
    page = await bob.get(SETTINGS)
    assert page.status == 200
    assert "alice@example.com" in page.text
    acts = set(re.findall(r'<form[^>]* action="(/teams/[^"]*)"', page.text))
    assert acts == {"/teams/alice/departure"}


async def test_an_admin_is_offered_what_an_admin_may_do(app: Quart) -> None:
    team = await cast.team_of(await cast.alice())
    admin, bob, alice = await User.with_email("dora@example.com"), await cast.bob(), await cast.alice()
    await Member.create(team=team, user=admin, role=Role.admin)
    page = await (await visit(app, admin)).get(SETTINGS)
    assert f"/members/{bob.id}/role" in page.text
    assert f"/members/{admin.id}/role" in page.text, "one's own, downwards"
    assert f"/members/{alice.id}/" not in page.text
    assert 'value="owner"' not in page.text
    assert "/teams/alice/removal" not in page.text


async def test_the_last_owner_is_not_offered_to_leave(app: Quart) -> None:
    alice, bob = await cast.alice(), await cast.bob()
    visitor = await visit(app, alice)
    assert "departure" not in (await visitor.get(SETTINGS)).text
    await visitor.post(f"/teams/alice/members/{bob.id}/role", {"role": "owner"})
    assert "departure" in (await visitor.get(SETTINGS)).text
    answer = await visitor.post("/teams/alice/departure")
    assert answer.location == "/"
    assert "You have left alice." in (await visitor.get("/")).words
    assert (await visitor.get(SETTINGS)).status == 404


async def test_a_role_changed_by_htmx_is_the_card_again(app: Quart) -> None:
    alice, bob = await visit(app, await cast.alice()), await cast.bob()
    card = await alice.post(f"/teams/alice/members/{bob.id}/role", {"role": "admin"}, htmx=True)
    assert (card.status, 'id="settings-members"' in card.text, "The role is changed." in card.text) == (200, True, True)
    refused = await alice.post(f"/teams/alice/members/{(await cast.alice()).id}/role", {"role": "member"}, htmx=True)
    assert (refused.status, "at least one owner" in refused.words) == (422, True)
    gone = await alice.post(f"/teams/alice/members/{bob.id}/removal", htmx=True)
    assert (gone.status, "bob@example.com" in gone.text) == (200, False)


async def test_who_steps_down_sees_the_page_anew(app: Quart) -> None:
    alice, bob = await cast.alice(), await cast.bob()
    visitor = await visit(app, alice)
    await visitor.post(f"/teams/alice/members/{bob.id}/role", {"role": "owner"})
    answer = await visitor.post(f"/teams/alice/members/{alice.id}/role", {"role": "member"}, htmx=True)
    assert (answer.status, answer.headers["HX-Refresh"]) == (204, "true")
    assert "You are a member now." in (await visitor.get(SETTINGS)).words


async def test_a_name_that_would_be_code_is_text_everywhere(app: Quart, world: FakeWorld) -> None:
    """A27."""
    evil = "<script>alert(1)</script>"
    alice = await visit(app, await cast.alice())
    await User.filter(email="alice@example.com").update(name=evil + "\u202e")
    await alice.post(f"{SETTINGS}/general", {"name": evil, "slug": "alice"})
    await alice.post("/teams/alice/invitations", {"email": "carol@example.com", "role": "member"})
    carol = await visit(app, await cast.carol())
    for visitor, path in (
        (alice, "/teams/alice"),
        (alice, SETTINGS),
        (carol, "/invitations"),
        (carol, "/invitations/menu"),
    ):
        page = await visitor.get(path)
        assert evil not in page.text
        assert "\u202e" not in page.text
        assert html.escape(evil) in page.text


# Its picture


PIXEL = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;"


async def test_a_team_has_a_picture_that_its_members_see(app: Quart) -> None:
    alice, bob = await visit(app, await cast.alice()), await visit(app, await cast.bob())
    sent = await alice.post("/teams/alice/picture", files={"picture": FileStorage(BytesIO(PIXEL), "a.gif", "picture")})
    assert (sent.status, sent.location) == (303, SETTINGS)
    team = await cast.team_of(await cast.alice())
    assert team.avatar
    page = await bob.get(SETTINGS)
    assert f"/avatars/team/{team.id}/{team.avatar}.webp" in page.text
    assert (await bob.get(f"/avatars/team/{team.id}/{team.avatar}.webp")).headers["Content-Type"] == "image/webp"
    await alice.post("/teams/alice/picture/removal")
    assert (await cast.team_of(await cast.alice())).avatar is None


async def test_what_is_no_picture_is_refused_beside_the_button(app: Quart) -> None:
    alice = await visit(app, await cast.alice())
    for files in ({}, {"picture": FileStorage(BytesIO(b"<svg>"), "a.svg", "picture")}):
        answer = await alice.post("/teams/alice/picture", files=files)
        assert (answer.status, 'id="picture-error"' in answer.text) == (422, True)


# Its end


async def test_deleting_a_team_takes_its_slug_typed(app: Quart, world: FakeWorld) -> None:
    project = await cast.project(name="The shop")
    alice = await visit(app, await cast.alice())
    assert "1 project: The shop" in (await alice.get(SETTINGS)).words
    refused = await alice.post("/teams/alice/removal", {"confirmation": "alic"})
    assert (refused.status, "Please type alice to confirm." in refused.words) == (422, True)
    assert (await alice.get("/teams/alice")).status == 200

    await cast.bob()
    answer = await alice.post("/teams/alice/removal", {"confirmation": "alice"})
    assert (answer.status, answer.location) == (303, "/")
    assert "removals" in world.jobs.queues
    for visitor in (alice, await visit(app, await cast.bob())):
        assert (await visitor.get("/teams/alice")).status == 404
        assert (await visitor.get(f"/projects/{project.slug}")).status == 404
    assert "You are in no team" in (await alice.get("/")).words
    assert (await Project.get(id=project.id)).removing_at


async def test_deleting_a_team_shows_what_goes(app: Quart) -> None:
    for number in range(11):
        await cast.project(name=f"App {number:02}")
    await cast.bob()
    page = (await (await visit(app, await cast.alice())).get(SETTINGS)).words
    assert "11 projects: App 00, App 01" in page
    assert "App 07 and 3 more" in page
    assert "App 08" not in page
    assert "its 2 members lose sight of everything in it" in page
