"""Signing in with GitHub and Google, and connecting them to an account."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web
from quart import Quart

from devpush.models import GitHubApp, GitHubInstallation, Identity, OAuthAttempt, Session, SignInLink, User
from devpush.ports import Claims, TokenRefused
from devpush.settings import Settings
from tests import cast
from tests.conftest import free_port
from tests.fakes import FakeWorld
from tests.visitor import Answer, Visitor, access_file, dashboard

pytestmark = pytest.mark.integration

GOOGLE = "https://accounts.google.com"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, google_client_id="us", google_client_secret="secret", smtp_host="127.0.0.1")


@pytest.fixture
async def app(db: str, world: FakeWorld) -> Quart:
    await cast.github_app()
    return dashboard(world)


# How people come and go


async def by_github(visitor: Visitor, world: FakeWorld, login: str, **form: str) -> Answer:
    """Press the button, agree on GitHub, come back."""
    away = await visitor.post("/auth/github", {"purpose": "sign_in", **form})
    assert away.status == 303, away.text
    return await visitor.get(path_of(world.github.agree(away.location, login)))


async def by_google(visitor: Visitor, world: FakeWorld, claims: Claims, **form: str) -> Answer:
    away = await visitor.post("/auth/google", {"purpose": "sign_in", **form})
    assert away.status == 303, away.text
    return await visitor.get(path_of(world.openid.agree(away.location, claims)))


def path_of(url: str) -> str:
    parts = urlsplit(url)
    assert f"{parts.scheme}://{parts.netloc}" == "http://localhost:8000", "the host is the settings'"
    return f"{parts.path}?{parts.query}"


ADA = Claims(GOOGLE, "1234", "ada@example.com", "Ada Lovelace")


# Signing in


async def test_somebody_new_signs_in_with_github_and_has_a_team(app: Quart, world: FakeWorld) -> None:
    world.github.have_user("ada", email="Ada@Example.com", name="Ada Lovelace")
    ada = Visitor(app)
    arrived = await by_github(ada, world, "ada")
    assert (arrived.status, arrived.location) == (303, "/")
    user = await User.get()
    assert (user.email, user.username, user.name) == ("ada@example.com", "ada", "Ada Lovelace")
    assert not user.is_operator
    identity = await Identity.get()
    assert (identity.provider, identity.login, identity.email) == ("github", "ada", "Ada@Example.com")
    assert identity.subject == str(world.github.users["ada"].id)
    assert identity.access_token in world.github.user_tokens
    assert (await ada.get("/")).location.startswith("/teams/")
    assert await OAuthAttempt.all().count() == 0


async def test_somebody_new_signs_in_with_google(app: Quart, world: FakeWorld) -> None:
    ada = Visitor(app)
    assert (await by_google(ada, world, ADA)).location == "/"
    assert (await ada.get("/account")).status == 200
    identity = await Identity.get().select_related("user")
    assert (identity.provider, identity.subject, identity.user.email) == ("google", "1234", "ada@example.com")
    assert identity.access_token is None


async def test_who_comes_again_is_the_same_whatever_their_address_is_by_now(app: Quart, world: FakeWorld) -> None:
    world.github.have_user("ada", email="ada@example.com")
    await by_github(Visitor(app), world, "ada")
    world.github.have_user("ada", email="ada@newer.org")
    ada = Visitor(app)
    assert (await by_github(ada, world, "ada")).location == "/"
    assert await User.all().count() == 1
    assert (await Identity.get()).email == "ada@newer.org"
    assert (await User.get()).email == "ada@example.com", "the account's address is changed in the account only"


async def test_the_same_person_pressing_twice_has_one_account(app: Quart, world: FakeWorld) -> None:
    world.github.have_user("ada", email="ada@example.com")
    world.github.delay = 0.02
    answers = await asyncio.gather(*(by_github(Visitor(app), world, "ada") for _ in range(4)))
    assert [answer.status for answer in answers] == [303] * 4
    assert (await User.all().count(), await Identity.all().count()) == (1, 1)


async def test_the_way_leads_back_to_the_page_that_was_asked_for(app: Quart, world: FakeWorld) -> None:
    world.github.have_user("ada", email="ada@example.com")
    ada = Visitor(app)
    asked = await ada.get("/projects/shop/deployments?page=2")
    page = await ada.get(asked.location)
    assert page.text.count('name="next" value="/projects/shop/deployments?page=2"') == 3
    arrived = await by_github(ada, world, "ada", next="/projects/shop/deployments?page=2")
    assert arrived.location == "/projects/shop/deployments?page=2"


async def test_the_sign_in_page_shows_what_is_set_up(app: Quart, world: FakeWorld) -> None:
    page = (await Visitor(app).get("/auth/sign-in")).text
    assert "Continue with GitHub" in page
    assert "Continue with Google" in page
    assert "E-mail me a sign-in link" in page
    await GitHubApp.all().delete()
    world.settings = replace(world.settings, google_client_id="", smtp_host="")
    page = (await Visitor(app).get("/auth/sign-in")).text
    assert "Continue with" not in page
    assert "one-time sign-in link" in page


async def test_what_is_not_set_up_says_so(app: Quart, world: FakeWorld) -> None:
    visitor = Visitor(app)
    proof = {"csrf_token": await visitor.csrf_token()}
    await GitHubApp.all().delete()
    world.settings = replace(world.settings, google_client_id="")
    for provider, words in (("github", "no GitHub App yet"), ("google", "set up on this server")):
        answer = await visitor.ask("POST", f"/auth/{provider}", form=proof)
        assert answer.status == 422
        assert words in answer.text
    assert (await visitor.ask("POST", "/auth/myspace", form=proof)).status == 404
    assert await OAuthAttempt.all().count() == 0


async def test_saying_no_there_leads_back_here(app: Quart, world: FakeWorld) -> None:
    ada = Visitor(app)
    away = await ada.post("/auth/github", {"purpose": "sign_in", "next": "/account"})
    state = parse_qs(urlsplit(away.location).query)["state"][0]
    answer = await ada.get(f"/auth/github/callback?error=access_denied&error_description=<b>x&state={state}")
    assert answer.status == 422
    assert "You didn&#39;t let GitHub tell us who you are" in answer.text
    assert 'href="/auth/sign-in?next=/account"' in answer.text
    assert "<b>" not in answer.text


async def test_a_provider_that_is_away_is_said_in_a_sentence(app: Quart, world: FakeWorld) -> None:
    ada = Visitor(app)
    world.openid.away = 1
    answer = await ada.post("/auth/google", {"purpose": "sign_in"})
    assert (answer.status, "Back to signing in" in answer.text) == (503, True)
    world.github.have_user("ada", email="ada@example.com")
    world.github.away = 1
    answer = await by_github(ada, world, "ada")
    assert (answer.status, "Back to signing in" in answer.text) == (503, True)
    world.github.refuse["user"] = TokenRefused("no")
    assert "took its permission back" in (await by_github(ada, world, "ada")).text
    assert await User.all().count() == 0


async def test_whoever_is_being_deleted_does_not_get_in(app: Quart, world: FakeWorld) -> None:
    world.github.have_user("ada", email="ada@example.com")
    await by_github(Visitor(app), world, "ada")
    await User.all().update(removing_at=datetime.now(UTC))
    await Session.all().delete()
    answer = await by_github(Visitor(app), world, "ada")
    assert (answer.status, "being deleted" in answer.text) == (403, True)
    answer = await Visitor(app).post(f"/auth/link/{await SignInLink.make('ada@example.com')}")
    assert (answer.status, "being deleted" in answer.text) == (403, True)
    assert await Session.all().count() == 0


# access.json


async def test_access_json_is_asked_at_every_sign_in(app: Quart, world: FakeWorld) -> None:
    world.github.have_user("ada", email="ada@example.com")
    access_file(world).write_text('{"domains": ["example.com"]}')
    assert (await by_github(Visitor(app), world, "ada")).status == 303
    access_file(world).write_text('{"domains": ["elsewhere.org"]}')
    link = f"/auth/link/{await SignInLink.make('ada@example.com')}"
    ways: list[Callable[[Visitor], Awaitable[Answer]]] = [
        lambda visitor: by_github(visitor, world, "ada"),
        lambda visitor: by_google(visitor, world, replace(ADA, email="eve@example.com")),
        lambda visitor: visitor.post(link),
    ]
    for way in ways:
        visitor = Visitor(app)
        answer = await way(visitor)
        assert answer.status == 403
        assert world.settings.access_email_denied_message in answer.text
        assert (await visitor.get("/account")).status == 303
    assert await User.all().count() == 1, "nothing is made for who may not come"


async def test_a_broken_access_json_denies_everybody_but_the_operators_link(app: Quart, world: FakeWorld) -> None:
    world.github.have_user("ada", email="ada@example.com")
    access_file(world).write_text('{"domains": ')
    assert (await by_github(Visitor(app), world, "ada")).status == 403
    token = await SignInLink.make("operator@localhost", operator=True)
    assert (await Visitor(app).post(f"/auth/link/{token}")).status == 303
    access_file(world).unlink()
    assert (await by_github(Visitor(app), world, "ada")).status == 303, "mended without a restart"


async def test_the_operators_own_system_hears_who_was_turned_away(app: Quart, world: FakeWorld) -> None:
    async with denials(world) as heard:
        world.github.have_user("ada", email="ada@example.com")
        access_file(world).write_text('{"domains": ["elsewhere.org"]}')
        agent = {"User-Agent": "Mozilla/5.0 (X11; Linux) Firefox/140.0"}
        ada = Visitor(app)
        away = await ada.post("/auth/github", {"purpose": "sign_in"})
        await ada.get(path_of(world.github.agree(away.location, "ada")), headers=agent)
        await asyncio.gather(*app.background_tasks)
        await ada.post("/auth/sign-in", {"email": "eve@example.com"}, headers=agent)
        await asyncio.gather(*app.background_tasks)
        await asyncio.gather(*app.background_tasks)
    known = {"ip": "", "user_agent": agent["User-Agent"]}
    assert [{**told, "ip": ""} for told in heard] == [
        {"email": "ada@example.com", "provider": "github", **known},
        {"email": "eve@example.com", "provider": "email", **known},
    ]


async def test_a_denial_is_answered_at_once_whatever_that_system_does(app: Quart, world: FakeWorld) -> None:
    world.github.have_user("ada", email="ada@example.com")
    access_file(world).write_text('{"domains": ["elsewhere.org"]}')
    async with denials(world, takes=30):
        async with asyncio.timeout(2):
            assert (await by_github(Visitor(app), world, "ada")).status == 403
        async with asyncio.timeout(6):
            await asyncio.gather(*app.background_tasks)  # given up after three seconds


@asynccontextmanager
async def denials(world: FakeWorld, *, takes: float = 0) -> AsyncIterator[list[dict[str, str]]]:
    """The operator's own system; what it heard."""
    heard: list[dict[str, str]] = []

    async def hear(request: web.Request) -> web.Response:
        heard.append(json.loads(await request.text()))
        await asyncio.sleep(takes)
        return web.Response()

    system = web.Application()
    system.router.add_post("/denied", hear)
    runner = web.AppRunner(system, shutdown_timeout=0.1)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    world.settings = replace(world.settings, access_email_denied_webhook_url=f"http://127.0.0.1:{port}/denied")
    try:
        yield heard
    finally:
        await runner.cleanup()


# Connecting


async def test_github_is_connected_to_an_account_and_signs_in_to_it_from_then_on(app: Quart, world: FakeWorld) -> None:
    user = await cast.alice()
    world.github.have_user("alice-on-github", email="alice@elsewhere.org")
    alice = await Visitor(app).signed_in(user)
    connected = await by_github(alice, world, "alice-on-github", purpose="link")
    assert connected.location == "/account#account-methods"
    assert (await Identity.get()).user_id == user.id
    another = Visitor(app)
    await by_github(another, world, "alice-on-github")
    assert "alice@example.com" in (await another.get("/account")).text
    assert await User.all().count() == 1


async def test_connecting_the_same_account_again_renews_its_token(app: Quart, world: FakeWorld) -> None:
    alice = await Visitor(app).signed_in(await cast.alice())
    world.github.have_user("alice", email="alice@example.com")
    await by_github(alice, world, "alice", purpose="link")
    await Identity.all().update(access_token=None)
    await by_github(alice, world, "alice", purpose="link", next="/account")
    assert (await Identity.get()).access_token in world.github.user_tokens


async def test_an_account_elsewhere_opens_one_account_here(app: Quart, world: FakeWorld) -> None:
    alice, bob = await Visitor(app).signed_in(await cast.alice()), await Visitor(app).signed_in(await cast.bob())
    world.github.have_user("alice")
    world.github.have_user("alice-at-work")
    await by_github(alice, world, "alice", purpose="link")
    refused = await by_github(bob, world, "alice", purpose="link")
    assert (refused.status, "somebody else" in refused.text) == (422, True)
    refused = await by_github(alice, world, "alice-at-work", purpose="link")
    assert refused.status == 422
    assert "connected to alice on GitHub" in refused.text
    assert [identity.login for identity in await Identity.all()] == ["alice"]


async def test_who_signed_out_or_changed_meanwhile_connects_nothing(app: Quart, world: FakeWorld) -> None:
    world.github.have_user("alice")
    alice = await Visitor(app).signed_in(await cast.alice())
    away = await alice.post("/auth/github", {"purpose": "link"})
    await alice.signed_in(await cast.bob())
    answer = await alice.get(path_of(world.github.agree(away.location, "alice")))
    assert (answer.status, "no longer signed in" in answer.text) == (422, True)
    assert await Identity.all().count() == 0
    assert (await Visitor(app).post("/auth/github", {"purpose": "link"})).location.startswith("/auth/sign-in?next=")


async def test_the_two_callbacks_are_told_apart_by_what_was_begun(app: Quart, world: FakeWorld) -> None:
    visitor = await Visitor(app).signed_in(await cast.alice())
    for purpose, path in (("sign_in", "/auth/github/callback"), ("link", "/api/github/authorize/callback")):
        away = await visitor.post("/auth/github", {"purpose": purpose})
        asked = parse_qs(urlsplit(away.location).query)
        assert asked["redirect_uri"] == [f"http://localhost:8000{path}"]
        assert asked["code_challenge_method"] == ["S256"]


# Installing the App


async def test_an_installation_of_ones_own_is_remembered_and_leads_to_its_repositories(
    app: Quart, world: FakeWorld
) -> None:
    user = await cast.alice()
    alice = await Visitor(app).signed_in(user)
    world.github.have_user("alice")
    installation = world.github.have_installation("acme", type="Organization", members=["alice"])
    path = f"/api/github/install/callback?installation_id={installation}&setup_action=install"
    page = await alice.get(path)
    assert "Connect GitHub" in page.text
    assert await GitHubInstallation.all().count() == 0
    back = await by_github(alice, world, "alice", purpose="link", next=path)
    assert back.location == path
    arrived = await alice.get(path)
    team = await cast.team_of(user)
    assert arrived.location == f"/teams/{team.slug}/new?installation={installation}"
    row = await GitHubInstallation.get()
    assert (row.id, row.account_login, row.account_type) == (installation, "acme", "Organization")


async def test_the_team_that_the_picker_named_is_the_one_it_leads_to(app: Quart, world: FakeWorld) -> None:
    bob = await Visitor(app).signed_in(await cast.bob())
    world.github.have_user("bob")
    await by_github(bob, world, "bob", purpose="link")
    installation = world.github.have_installation("bob")
    path = f"/api/github/install/callback?installation_id={installation}&setup_action=install"
    shared, carols = await cast.team_of(await cast.alice()), await cast.team_of(await cast.carol())
    assert (await bob.get(f"{path}&state={shared.slug}")).location.startswith(f"/teams/{shared.slug}/new?")
    assert not (await bob.get(f"{path}&state={carols.slug}")).location.startswith(f"/teams/{carols.slug}/")


async def test_an_organization_that_must_agree_first_is_told_so(app: Quart, world: FakeWorld) -> None:
    alice = await Visitor(app).signed_in(await cast.alice())
    page = await alice.get("/api/github/install/callback?setup_action=request")
    assert (page.status, "must agree" in page.text) == (200, True)
    for wrong in (
        "",
        "?installation_id=",
        "?installation_id=-1",
        "?installation_id=x%00",
        "?installation_id=" + "9" * 40,
    ):
        assert (await alice.get(f"/api/github/install/callback{wrong}")).status == 400


async def test_a_token_that_was_taken_back_asks_to_connect_again(app: Quart, world: FakeWorld) -> None:
    alice = await Visitor(app).signed_in(await cast.alice())
    world.github.have_user("alice")
    await by_github(alice, world, "alice", purpose="link")
    installation = world.github.have_installation("alice")
    world.github.user_tokens.clear()
    page = await alice.get(f"/api/github/install/callback?installation_id={installation}")
    assert "Connect GitHub" in page.text
    assert (await Identity.get()).access_token is None
    world.github.have_user("alice")
    await by_github(alice, world, "alice", purpose="link")
    world.github.away = 1
    page = await alice.get(f"/api/github/install/callback?installation_id={installation}")
    assert (page.status, "reload this page" in page.text) == (503, True)
