"""Taking over an account by its address or its ways to sign in (A14, A20, A21, A32)."""

import asyncio
import time
from dataclasses import replace

import pytest
from quart import Quart

from devpush.models import EmailChange, Identity, User
from devpush.models.people import hash_token
from devpush.settings import Settings
from tests import cast
from tests.fakes import FakeWorld
from tests.integration.test_account import NEW, ask_for, link, mails, user, with_github, with_google
from tests.visitor import Visitor, dashboard

pytestmark = [pytest.mark.integration, pytest.mark.abuse]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, smtp_host="127.0.0.1", google_client_id="id", google_client_secret="a secret")


@pytest.fixture
def app(db: str, world: FakeWorld) -> Quart:
    return dashboard(world)


@pytest.fixture
async def alice(app: Quart) -> Visitor:
    return await Visitor(app).signed_in(await cast.alice())


async def test_a_link_works_once(app: Quart, world: FakeWorld, alice: Visitor) -> None:
    await ask_for(alice, NEW)
    where = await link(app, world)
    form = {"csrf_token": await alice.csrf_token()}
    answers = await asyncio.gather(*(alice.ask("POST", where, form=form) for _ in range(4)))
    assert sorted(answer.status for answer in answers) == [303, 410, 410, 410]
    await User.all().update(email="alice@example.com")
    assert (await alice.post(where)).status == 410, "replayed, it changes nothing back"
    assert (await user()).email == "alice@example.com"


async def test_only_who_asked_can_confirm(app: Quart, world: FakeWorld, alice: Visitor) -> None:
    """Else Carol could have Bob's mailbox made hers by mailing him a link that he presses."""
    await ask_for(alice, NEW)
    where = await link(app, world)
    carol = await Visitor(app).signed_in(await cast.carol())
    assert ((await carol.get(where)).status, (await carol.post(where)).status) == (410, 410)
    anonymous = Visitor(app)
    assert (await anonymous.get(where)).location.startswith("/auth/sign-in?next=/account/email-change/")
    assert (await anonymous.post(where)).location.startswith("/auth/sign-in")
    assert ((await user()).email, (await User.get(email="carol@example.com")).username) == (
        "alice@example.com",
        "carol",
    )
    assert (await alice.post(where)).status == 303, "and nobody else used it up"


async def test_a_taken_address_is_told_to_its_mailbox_only(app: Quart, world: FakeWorld, alice: Visitor) -> None:
    await cast.bob()
    taken, free = await ask_for(alice, "bob@example.com"), await ask_for(alice, NEW)
    assert (taken.status, taken.location, taken.text) == (free.status, free.location, free.text)
    await ask_for(alice, "bob@example.com")
    page = (await alice.get("/account")).text
    assert "waits to be confirmed" in page
    for mail in await mails(app, world, "bob@example.com"):
        assert "has an account already" in mail.subject
        assert "/account/email-change/" not in mail.text + mail.html
    assert (await user()).email == "alice@example.com"


async def test_a_taken_address_takes_no_longer_to_answer(app: Quart, world: FakeWorld, alice: Visitor) -> None:
    """Who has it is looked up after the answer."""
    began = time.monotonic()
    world.mailer.send = never  # type: ignore[assignment, method-assign]  # a mail server that hangs
    await cast.bob()
    await ask_for(alice, "bob@example.com")
    await ask_for(alice, NEW)
    assert time.monotonic() - began < 5
    for task in app.background_tasks:
        task.cancel()
    await asyncio.gather(*app.background_tasks, return_exceptions=True)


async def never(_: object) -> None:
    await asyncio.sleep(60)


async def test_an_address_taken_meanwhile_stays_with_who_has_it(app: Quart, world: FakeWorld, alice: Visitor) -> None:
    await ask_for(alice, NEW)
    where = await link(app, world)
    other = await User.with_email(NEW)
    refused = await alice.post(where)
    assert (refused.status, "belongs to another account" in refused.text) == (422, True)
    assert ((await user()).email, (await User.get(email=NEW)).id) == ("alice@example.com", other.id)
    assert (await alice.post(where)).status == 410


async def test_two_who_want_one_address_do_not_both_get_it(app: Quart, world: FakeWorld, alice: Visitor) -> None:
    carol = await Visitor(app).signed_in(await cast.carol())
    await ask_for(alice, NEW)
    hers = await link(app, world)
    await ask_for(carol, NEW)
    carols = await link(app, world)
    answers = await asyncio.gather(alice.post(hers), carol.post(carols))
    assert sorted(answer.status for answer in answers) == [303, 422]
    assert await User.filter(email=NEW).count() == 1


async def test_an_address_that_nobody_confirmed_opens_nothing(app: Quart, world: FakeWorld, alice: Visitor) -> None:
    """Alice says that she is bob@…; when the real Bob signs in, he gets an account of his own."""
    await ask_for(alice, "bob@example.com")
    bob = await User.with_email("bob@example.com")
    assert bob.id != (await user()).id


async def test_the_host_of_a_request_is_in_no_mail(app: Quart, world: FakeWorld, alice: Visitor) -> None:
    for headers in ({"X-Forwarded-Host": "evil.example"}, {"Forwarded": "host=evil.example"}):
        await alice.post("/account/email-change", {"email": NEW}, headers=headers)
    answer = await alice.ask("POST", "/account/email-change", form={"email": NEW}, headers={"Host": "evil.example"})
    assert answer.status == 404
    await mails(app, world, NEW)
    assert len(world.mailer.sent) == 4
    assert not [mail for mail in world.mailer.sent if "evil" in mail.text + mail.html + mail.subject]


async def test_only_the_hash_of_a_token_is_kept(app: Quart, world: FakeWorld, alice: Visitor) -> None:
    await ask_for(alice, NEW)
    token = (await link(app, world)).rpartition("/")[2]
    change = await EmailChange.get()
    assert (change.token_hash, token in str(await EmailChange.all().values())) == (hash_token(token), False)


@pytest.mark.parametrize("token", ["x", "%00", "x" * 9000, "..%2f", "%27%20OR%201=1", "\u202e"])
async def test_a_made_up_token_is_worth_nothing(alice: Visitor, token: str) -> None:
    assert (await alice.post(f"/account/email-change/{token}")).status in (404, 410)


async def test_nobody_floods_a_mailbox(app: Quart, world: FakeWorld, alice: Visitor) -> None:
    answers = [await ask_for(alice, NEW) for _ in range(8)]
    assert [answer.status for answer in answers] == [303] * 5 + [422] * 3
    carol = await Visitor(app).signed_in(await cast.carol())
    assert (await ask_for(carol, NEW)).status == 422, "the address is spared whoever asks"
    assert len(await mails(app, world, NEW)) == 5


async def test_markup_in_an_address_is_inert(app: Quart, world: FakeWorld, alice: Visitor) -> None:
    await ask_for(alice, "<script>@example.com")
    await ask_for(alice, "a'&b@example.com")
    [mail] = await mails(app, world, "a'&b@example.com")
    assert "a&#39;&amp;b@example.com" in mail.html
    assert "a'&b@example.com" in mail.text
    assert "<script>@" not in (await alice.get("/account")).text


# Ways to sign in


async def test_the_last_way_in_cannot_be_given_up(app: Quart, world: FakeWorld, alice: Visitor) -> None:
    world.settings = replace(world.settings, smtp_host="")
    await with_github(await user())
    await with_google(await user())
    assert (await alice.post("/account/methods/google/removal")).status == 303
    refused = await alice.post("/account/methods/github/removal")
    assert (refused.status, "This is the only way you can sign in." in refused.text) == (422, True)
    assert await Identity.filter(provider="github").exists()


async def test_two_ways_in_given_up_at_once_leave_one(app: Quart, world: FakeWorld, alice: Visitor) -> None:
    world.settings = replace(world.settings, smtp_host="")
    await with_github(await user())
    await with_google(await user())
    ways = ("github", "google")
    answers = await asyncio.gather(*(alice.post(f"/account/methods/{way}/removal") for way in ways))
    assert sorted(answer.status for answer in answers) == [303, 422]
    assert await Identity.all().count() == 1


async def test_a_provider_that_is_not_set_up_is_no_way_in(app: Quart, world: FakeWorld, alice: Visitor) -> None:
    world.settings = replace(world.settings, smtp_host="", google_client_id="", google_client_secret="")
    await with_github(await user())
    await with_google(await user())
    assert (await alice.post("/account/methods/github/removal")).status == 422


async def test_nobody_disconnects_what_is_not_theirs(app: Quart, alice: Visitor) -> None:
    await with_github(await user())
    carol = await Visitor(app).signed_in(await cast.carol())
    assert (await carol.post("/account/methods/github/removal")).status == 404
    assert (await carol.post("/account/methods/mail/removal")).status == 404
    assert await Identity.exists()


async def test_what_a_provider_calls_somebody_is_inert(alice: Visitor) -> None:
    await with_github(await user(), login="<script>alert(1)</script>\u202eevil")
    page = (await alice.get("/account")).text
    assert "<script>alert" not in page
    assert "\u202e" not in page


async def test_no_token_of_a_provider_is_on_the_page(alice: Visitor) -> None:
    await with_github(await user(), access_token="gho_CANARY", refresh_token="ghr_CANARY")
    assert "CANARY" not in (await alice.get("/account")).text
