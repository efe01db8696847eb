"""Abuse of signing in with GitHub and Google: whose account it opens, and which visit came back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from quart import Quart
from tortoise import connections

from devpush.errors import Refused
from devpush.models import GitHubApp, GitHubInstallation, Identity, OAuthAttempt, Session, SignInLink, Team, User
from devpush.models.people import normal_email
from devpush.ports import App, Claims
from devpush.settings import Settings
from devpush.web.app import policy
from devpush.web.attempts import COOKIE
from tests import cast
from tests.abuse.test_walk import digest
from tests.fakes import FakeWorld
from tests.integration.test_oauth import ADA, GOOGLE, by_github, by_google, path_of
from tests.visitor import Visitor, dashboard

pytestmark = [pytest.mark.integration, pytest.mark.abuse]

CALLBACKS = ("/auth/github/callback", "/api/github/authorize/callback", "/auth/google/callback")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, google_client_id="us", google_client_secret="secret", smtp_host="127.0.0.1")


@pytest.fixture
async def app(db: str, world: FakeWorld) -> Quart:
    await cast.github_app()
    return dashboard(world)


# A20: whose account


async def test_a20_an_address_alone_opens_nobodys_account(app: Quart, world: FakeWorld) -> None:
    """Mallory has GitHub and Google vouch for Alice's address: by a mistake of theirs, or by an old mailbox."""
    alice = await cast.alice()
    world.github.have_user("mallory", email="Alice@Example.com")
    before = await digest()
    for answer in (
        await by_github(Visitor(app), world, "mallory"),
        await by_google(Visitor(app), world, replace(ADA, email=alice.email)),
    ):
        assert answer.status == 422
        assert "There is an account with the address alice@example.com here already" in answer.text
        assert "Account → Sign-in methods" in answer.text
    assert await digest() == before


async def test_a20_an_address_that_is_not_verified_makes_no_account(app: Quart, world: FakeWorld) -> None:
    world.github.have_user("mallory", email="")
    answer = await by_github(Visitor(app), world, "mallory")
    assert (answer.status, "vouches for no e-mail address" in answer.text) == (422, True)
    answer = await by_google(Visitor(app), world, Claims(GOOGLE, "666", "", "Mallory"))
    assert (answer.status, "vouches for no e-mail address" in answer.text) == (422, True)
    assert await User.all().count() + await Identity.all().count() + await Session.all().count() == 0


async def test_a20_who_takes_over_a_name_or_address_elsewhere_is_somebody_else_here(
    app: Quart, world: FakeWorld
) -> None:
    """Alice gives up her login on GitHub, and Mallory registers it."""
    world.github.have_user("alice", email="alice@example.com")
    await by_github(Visitor(app), world, "alice")
    del world.github.users["alice"]
    world.github.have_user("alice", email="mallory@example.com")
    mallory = Visitor(app)
    await by_github(mallory, world, "alice")
    assert await User.all().count() == 2
    assert "mallory@example.com" in (await mallory.get("/account")).text


async def test_a20_the_same_subject_of_another_provider_is_somebody_else(app: Quart, world: FakeWorld) -> None:
    world.github.have_user("ada", email="ada@example.com")
    await by_github(Visitor(app), world, "ada")
    same = str(world.github.users["ada"].id)
    await by_google(Visitor(app), world, Claims(GOOGLE, same, "eve@example.com"))
    assert await User.all().count() == 2


async def test_a20_the_same_subject_at_another_issuer_is_somebody_else(app: Quart, world: FakeWorld) -> None:
    """The operator moves to an Enterprise Server, or to another OpenID provider: ids begin anew there."""
    await by_google(Visitor(app), world, Claims(GOOGLE, "1", "ada@example.com"))
    world.settings = replace(world.settings, google_issuer="https://id.example.com")
    mallory = Visitor(app)
    await by_google(mallory, world, Claims("https://id.example.com", "1", "mallory@example.com"))
    assert "mallory@example.com" in (await mallory.get("/account")).text
    assert await User.all().count() == 2


async def test_a20_an_account_made_in_the_same_moment_is_not_opened_either(
    app: Quart, world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alice signs in by mail for the first time, after Mallory's visit was told that there is no such account."""
    await cast.alice()
    world.github.have_user("mallory", email="alice@example.com")
    exists = User.exists

    async def not_yet(**asked: Any) -> bool:
        return "email" not in asked and await exists(**asked)

    monkeypatch.setattr(User, "exists", not_yet)
    answer = await by_github(Visitor(app), world, "mallory")
    assert (answer.status, await Identity.all().count(), await Session.all().count()) == (422, 0, 0)


async def test_a27_an_address_reads_as_it_is() -> None:
    for hostile in ("a\u202eb@example.com", "a\u2066b@example.com", "a\x9bb@example.com", "a\x7fb@example.com"):
        with pytest.raises(Refused):
            normal_email(hostile)


async def test_a27_a_name_from_elsewhere_is_one_line_that_stays_in_its_place(app: Quart, world: FakeWorld) -> None:
    """It becomes the name of a team as well, and stands in the subjects of mails."""
    world.github.have_user("mallory", email="mallory@example.com")
    hostile = "Mal\u202ely\u2066\0\x1b[31m\r\nBcc: all@example.com"
    world.github.users["mallory"] = replace(world.github.users["mallory"], name=hostile)
    for answer in (
        await by_github(Visitor(app), world, "mallory"),
        await by_google(Visitor(app), world, replace(ADA, name=hostile)),
    ):
        assert answer.status == 303
    for name in [user.name for user in await User.all()] + [team.name for team in await Team.all()]:
        assert name.isprintable(), ascii(name)


# A20: which visit


@pytest.mark.parametrize("path", CALLBACKS)
@pytest.mark.parametrize("purpose", ["sign_in", "link"])
async def test_a20_without_its_state_a_callback_does_nothing(
    app: Quart, world: FakeWorld, path: str, purpose: str
) -> None:
    visitor = await Visitor(app).signed_in(await cast.alice())
    provider = "google" if "google" in path else "github"
    world.github.have_user("mallory", email="mallory@example.com")
    away = await visitor.post(f"/auth/{provider}", {"purpose": purpose})
    good = _agree(world, away.location, provider)
    before = await digest()
    for query in (
        {},
        {"code": good["code"]},
        {"code": good["code"], "state": ""},
        {"code": good["code"], "state": "x" * 10_000},
        {"code": good["code"], "state": good["state"][:-1]},
        {"code": good["code"], "state": "a\0b\udcff"},
        {"error": "access_denied"},
    ):
        answer = await visitor.get(f"{path}?{urlencode(query, errors='replace')}")
        assert (answer.status, "finished here" in answer.text) == (400, True), query
        assert len(answer.headers.getlist("Set-Cookie")) == 0
    assert await digest() == before


async def test_a20_a_state_from_another_browser_is_refused(app: Quart, world: FakeWorld) -> None:
    """Mallory begins, agrees, and has Alice open the last address: she would be signed in as Mallory, or connect
    Mallory's account to her own."""
    alice, mallory = await Visitor(app).signed_in(await cast.alice()), await Visitor(app).signed_in(await cast.carol())
    world.github.have_user("mallory", email="mallory@example.com")
    for purpose in ("sign_in", "link"):
        away = await mallory.post("/auth/github", {"purpose": purpose})
        back = path_of(world.github.agree(away.location, "mallory"))
        assert (await alice.get(back)).status == 400
        await alice.post("/auth/github", {"purpose": purpose})  # with a visit of her own under way
        assert (await alice.get(back)).status == 400
    assert await Identity.all().count() == 0
    assert "alice@example.com" in (await alice.get("/account")).text


async def test_a20_a_state_works_once(app: Quart, world: FakeWorld) -> None:
    world.github.have_user("ada", email="ada@example.com")
    ada = Visitor(app)
    away = await ada.post("/auth/github", {"purpose": "sign_in"})
    back = path_of(world.github.agree(away.location, "ada"))
    assert (await ada.get(back)).status == 303
    assert (await ada.get(path_of(world.github.agree(away.location, "ada")))).status == 400
    assert await Session.all().count() == 1


async def test_a20_a_state_is_good_for_a_quarter_of_an_hour(app: Quart, world: FakeWorld) -> None:
    world.github.have_user("ada", email="ada@example.com")
    ada = Visitor(app)
    away = await ada.post("/auth/github", {"purpose": "sign_in"})
    [attempt] = await OAuthAttempt.all()
    assert attempt.expires_at - datetime.now(UTC) < timedelta(minutes=15)
    await OAuthAttempt.all().update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert (await ada.get(path_of(world.github.agree(away.location, "ada")))).status == 400
    assert await User.all().count() == 0


async def test_a20_the_state_of_one_provider_or_purpose_is_not_for_another(app: Quart, world: FakeWorld) -> None:
    world.github.have_user("ada", email="ada@example.com")
    operator = await Visitor(app).signed_in(await User.operator("localhost"))
    away = await operator.post("/auth/google", {"purpose": "sign_in"})
    state = parse_qs(urlsplit(away.location).query)["state"][0]
    world.github.agree(away.location.replace("nonce=", "x="), "ada")
    assert (await operator.get(f"/auth/github/callback?code=code-1&state={state}")).status == 400
    away = await operator.post("/auth/github", {"purpose": "sign_in"})
    state = parse_qs(urlsplit(away.location).query)["state"][0]
    world.github.manifests["theirs"] = App(1, "theirs", "x", "x", "x", "x")
    await GitHubApp.all().delete()
    await operator.get(f"/operator/github/created?code=theirs&state={state}")
    assert await GitHubApp.all().count() == 0


async def test_a20_a_code_of_another_visit_is_refused(app: Quart, world: FakeWorld) -> None:
    """Mallory puts a code that was issued to somebody else's browser beside a state of her own: PKCE, and Google's
    nonce, tell that they don't belong together."""
    world.github.have_user("ada", email="ada@example.com")
    ada, mallory = Visitor(app), Visitor(app)
    for provider in ("github", "google"):
        theirs = await ada.post(f"/auth/{provider}", {"purpose": "sign_in"})
        stolen = _agree(world, theirs.location, provider, "ada")["code"]
        own = await mallory.post(f"/auth/{provider}", {"purpose": "sign_in"})
        state = parse_qs(urlsplit(own.location).query)["state"][0]
        answer = await mallory.get(f"/auth/{provider}/callback?{urlencode({'code': stolen, 'state': state})}")
        assert answer.status == 422
        assert (await mallory.get("/account")).status == 303
    assert await User.all().count() == 0


async def test_a20_nothing_that_finishes_a_visit_lies_around(app: Quart, world: FakeWorld) -> None:
    ada = Visitor(app)
    away = await ada.post("/auth/google", {"purpose": "sign_in"})
    asked = parse_qs(urlsplit(away.location).query)
    attempt = await OAuthAttempt.get()
    kept = str(await connections.get("default").execute_query_dict("SELECT * FROM oauth_attempt"))
    assert asked["state"][0] not in kept
    assert ada.cookies[COOKIE] not in kept
    assert attempt.verifier not in kept
    assert attempt.verifier not in away.location
    [line] = [line for line in away.headers.getlist("Set-Cookie") if line.startswith(COOKIE)]
    assert "HttpOnly" in line
    assert "SameSite=Lax" in line
    assert ada.cookies[COOKIE] not in away.location


def _agree(world: FakeWorld, url: str, provider: str, login: str = "mallory") -> dict[str, str]:
    back = world.github.agree(url, login) if provider == "github" else world.openid.agree(url, ADA)
    return {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}


# A21, A22, A23


@pytest.mark.parametrize(
    "following",
    ["https://evil.example", "//evil.example", "/\\evil.example", "/\x09/evil.example", "javascript:alert(1)", "evil"],
)
async def test_a21_the_way_back_stays_on_this_site(app: Quart, world: FakeWorld, following: str) -> None:
    world.github.have_user("ada", email="ada@example.com")
    assert (await by_github(Visitor(app), world, "ada", next=following)).location == "/"


async def test_a21_a_forged_host_does_not_decide_where_the_code_goes(app: Quart, world: FakeWorld) -> None:
    ada = Visitor(app)
    proof = {"csrf_token": await ada.csrf_token(), "purpose": "sign_in"}
    forged = {"Host": "127.0.0.1:9999", "Origin": "http://127.0.0.1:9999", "X-Forwarded-Host": "evil.example"}
    away = await ada.ask("POST", "/auth/github", form=proof, headers=forged)
    assert parse_qs(urlsplit(away.location).query)["redirect_uri"] == ["http://localhost:8000/auth/github/callback"]


async def test_a22_a_flood_is_slowed_down(app: Quart, world: FakeWorld) -> None:
    """For each client: whom a request is counted for, test_magic_link tells."""
    ada = Visitor(app)
    proof = {"csrf_token": await ada.csrf_token(), "purpose": "sign_in"}
    answers = [await ada.ask("POST", "/auth/github", form=proof) for _ in range(61)]
    assert [answer.status for answer in answers] == [303] * 60 + [429]
    assert await OAuthAttempt.all().count() == 60
    assert (await ada.get("/auth/github/callback?code=x&state=y")).status == 429
    assert "wait ten minutes" in answers[-1].text


async def test_a22_visits_that_nobody_came_back_from_are_forgotten(app: Quart, world: FakeWorld) -> None:
    ada = Visitor(app)
    await ada.post("/auth/github", {"purpose": "sign_in"})
    await OAuthAttempt.all().update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    await ada.post("/auth/google", {"purpose": "sign_in"})
    assert [attempt.provider for attempt in await OAuthAttempt.all()] == ["google"]


async def test_a23_the_first_visitor_of_a_fresh_install_is_nobody_special(app: Quart, world: FakeWorld) -> None:
    world.github.have_user("mallory", email="mallory@example.com")
    mallory = Visitor(app)
    assert (await by_github(mallory, world, "mallory")).status == 303
    assert (await mallory.get("/operator")).status == 404
    token = await SignInLink.make("operator@localhost", operator=True)
    operator = Visitor(app)
    await operator.post(f"/auth/link/{token}")
    assert (await operator.get("/operator")).status == 200
    assert (await mallory.get("/operator")).status == 404
    assert await User.filter(is_operator=True).count() == 1


# A24: whose installation


async def test_a24_somebody_elses_installation_is_refused(app: Quart, world: FakeWorld) -> None:
    world.github.have_user("mallory")
    mallory = await Visitor(app).signed_in(await cast.carol())
    await by_github(mallory, world, "mallory", purpose="link")
    theirs = world.github.have_installation("acme", type="Organization", members=["alice"])
    before = await digest()
    for number in (theirs, theirs + 1000):
        answer = await mallory.get(f"/api/github/install/callback?installation_id={number}&setup_action=install")
        assert (answer.status, "yours" in answer.text) == (403, True)
    assert await digest() == before
    assert await GitHubInstallation.all().count() == 0


# A34


async def test_a34_forms_lead_to_us_and_to_where_people_sign_in(settings: Settings) -> None:
    def form_action(settings: Settings) -> str:
        [found] = [part for part in policy(settings).split("; ") if part.startswith("form-action")]
        return found

    assert form_action(settings) == "form-action 'self' https://github.com https://accounts.google.com"
    without = replace(settings, google_client_id="", github_url="https://github.example.com:8443/base")
    assert form_action(without) == "form-action 'self' https://github.example.com:8443"
    assert form_action(replace(without, github_url="https://x; script-src *")) == "form-action 'self'"
