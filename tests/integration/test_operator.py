"""The operator's page of how people come in: the GitHub App in two clicks, how people sign in, and who may."""

import asyncio
import html
import json
import re
import urllib.error
import urllib.request
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from quart import Quart

from devpush.adapters.github import GitHubApi
from devpush.deploy import github
from devpush.models import GitHubApp, GitHubInstallation, GitHubToken, Identity, OAuthAttempt, User
from devpush.ports import App
from devpush.settings import Settings
from devpush.web.operator import EVENTS
from tests import cast
from tests.fakes import FakeWorld
from tests.github_server import GitHubServer
from tests.visitor import Visitor, access_file, dashboard

pytestmark = pytest.mark.integration

MADE = App(7, "our-push", "Iv1", "a client secret", "a private key", "a webhook secret", "Our Push")
FORM = re.compile(r'<form method="post" action="([^"]*)">\s*<input type="hidden" name="manifest" value="([^"]*)">')


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, hostname="push.example.com", url_scheme="http")


@pytest.fixture
def app(db: str, world: FakeWorld) -> Quart:
    return dashboard(world)


@pytest.fixture
async def olga(app: Quart) -> Visitor:
    """The operator."""
    return await Visitor(app).signed_in(await User.operator("localhost"))


async def prepared(olga: Visitor, **form: str) -> tuple[str, str, dict[str, Any]]:
    """What the page would post to GitHub: the address, the state in it, the manifest."""
    page = await olga.post("/operator/github/manifest", form)
    assert page.status == 200, page.text
    found = FORM.search(page.text)
    assert found, page.text
    action = html.unescape(found[1])
    return action, parse_qs(urlsplit(action).query)["state"][0], json.loads(html.unescape(found[2]))


# Who


async def test_only_the_operator_finds_it(app: Quart, olga: Visitor) -> None:
    assert (await olga.get("/operator/sign-in")).status == 200
    alice = await Visitor(app).signed_in(await cast.alice())
    for path in ("/operator/sign-in", "/operator/github/created?code=x&state=y"):
        assert (await alice.get(path)).status == 404
    assert (await alice.post("/operator/github/manifest")).status == 404
    assert (await alice.post("/operator/github/removal")).status == 404


# Making the App


async def test_the_manifest_says_all_that_github_must_know(olga: Visitor) -> None:
    action, _, manifest = await prepared(olga)
    assert action.startswith("https://github.com/settings/apps/new?state=")
    base = "http://push.example.com:8000"
    assert manifest == {
        "name": "devpush-push-example-com",
        "url": base,
        "description": "Push to deploy, on your own server",
        "redirect_url": f"{base}/operator/github/created",
        "callback_urls": [f"{base}/auth/github/callback", f"{base}/api/github/authorize/callback"],
        "request_oauth_on_install": False,
        "setup_url": f"{base}/api/github/install/callback",
        "setup_on_update": True,
        "public": False,
        "default_permissions": {
            "contents": "read",
            "metadata": "read",
            "statuses": "write",
            "deployments": "write",
            "emails": "read",
        },
        "hook_attributes": {"url": f"{base}/api/github/webhook", "active": True},
        "default_events": ["push", "repository", "installation_target"],
    }
    assert not {"installation", "installation_repositories"} & set(EVENTS), "GitHub refuses a manifest that names them"


async def test_an_organization_may_own_it_and_others_may_install_it(olga: Visitor) -> None:
    action, _, manifest = await prepared(olga, organization="@Acme-Inc", public="yes")
    assert action.startswith("https://github.com/organizations/Acme-Inc/settings/apps/new?state=")
    assert manifest["public"] is True


@pytest.mark.parametrize("name", ["a/b", "../x", "acme?x=", "-acme", "acme inc", "a" * 50, "acme#"])
async def test_what_is_no_organization_is_refused_beside_the_field(olga: Visitor, name: str) -> None:
    answer = await olga.post("/operator/github/manifest", {"organization": name})
    assert answer.status == 422
    assert "letters, digits and hyphens" in answer.text
    assert await OAuthAttempt.all().count() == 0


@pytest.mark.parametrize(
    ("host", "github_url", "hooked"),
    [
        ("push.example.com", "https://github.com", True),
        ("localhost", "https://github.com", False),
        ("push.localhost", "https://github.com", False),
        ("server", "https://github.com", False),
        ("192.168.1.7", "https://github.com", False),
        ("203.0.114.9", "https://github.com", True),
        ("192.168.1.7", "https://github.example.com", True),
        ("push.internal", "https://github.example.com", True),
        ("127.0.0.1", "https://github.example.com", False),
        ("localhost", "https://github.example.com", False),
    ],
)
async def test_a_webhook_is_asked_for_where_github_can_reach_it(
    olga: Visitor, world: FakeWorld, host: str, github_url: str, hooked: bool
) -> None:
    world.settings = replace(world.settings, hostname=host, github_url=github_url)
    olga.host = "127.0.0.1:8000"
    action, _, manifest = await prepared(olga)
    assert action.startswith(f"{github_url}/settings/apps/new?")
    assert ("hook_attributes" in manifest, "default_events" in manifest) == (hooked, hooked)
    told = "reach" in html.unescape((await olga.get("/operator/sign-in")).text)
    assert told is not hooked
    assert len(manifest["name"]) <= 34


async def test_the_app_that_github_made_is_kept_and_shown(olga: Visitor, world: FakeWorld) -> None:
    _, state, _ = await prepared(olga)
    world.github.manifests["a-code"] = MADE
    back = await olga.get(f"/operator/github/created?{urlencode({'code': 'a-code', 'state': state})}")
    assert back.location == "/operator/sign-in"
    assert await github.app(world) == MADE
    page = (await olga.get("/operator/sign-in")).text
    assert "The GitHub App Our Push is made" in page
    assert 'href="https://github.com/apps/our-push"' in page
    assert 'href="https://github.com/apps/our-push/installations/new"' in page
    assert not [secret for secret in ("a client secret", "a private key", "a webhook secret") if secret in page]
    assert "Continue with GitHub" in (await Visitor(olga.app).get("/auth/sign-in")).text


async def test_without_its_state_nothing_is_made(app: Quart, olga: Visitor, world: FakeWorld) -> None:
    world.github.manifests["a-code"] = MADE
    for state in ("", "x", "x" * 5000):
        back = await olga.get(f"/operator/github/created?{urlencode({'code': 'a-code', 'state': state})}")
        assert back.location == "/operator/sign-in"
        assert "begin here" in (await olga.get("/operator/sign-in")).text
    _, state, _ = await prepared(olga)
    elsewhere = await Visitor(app).signed_in(await User.operator("localhost"))
    await elsewhere.get(f"/operator/github/created?code=a-code&state={state}")
    assert await GitHubApp.all().count() == 0
    assert "a-code" in world.github.manifests, "nothing was asked of GitHub"
    await olga.get(f"/operator/github/created?code=a-code&state={state}")
    assert await GitHubApp.all().count() == 1


async def test_what_github_refuses_is_told(olga: Visitor, world: FakeWorld) -> None:
    _, state, _ = await prepared(olga)
    await olga.get(f"/operator/github/created?code=old&state={state}")
    assert "works once, within an hour" in (await olga.get("/operator/sign-in")).text
    _, state, _ = await prepared(olga)
    world.github.away = 1
    await olga.get(f"/operator/github/created?code=old&state={state}")
    assert "answer" in (await olga.get("/operator/sign-in")).text
    assert await GitHubApp.all().count() == 0


async def test_there_is_one_app_at_a_time(olga: Visitor, world: FakeWorld) -> None:
    _, first, _ = await prepared(olga)
    _, second, _ = await prepared(olga)
    world.github.manifests |= {"one": MADE, "two": replace(MADE, id=8, name="Another")}
    await olga.get(f"/operator/github/created?code=one&state={first}")
    await olga.get(f"/operator/github/created?code=two&state={second}")
    assert "There is a GitHub App already: Our Push" in (await olga.get("/operator/sign-in")).text
    assert (await olga.post("/operator/github/manifest")).status == 422
    assert (await GitHubApp.get()).app_id == 7


async def test_the_app_of_the_settings_wins_and_is_not_removed_here(olga: Visitor, world: FakeWorld) -> None:
    await github.keep_app(MADE)
    world.settings = replace(
        world.settings,
        github_app_id="12",
        github_app_name="Company Push",
        github_url="https://github.example.com",
    )
    page = (await olga.get("/operator/sign-in")).text
    assert "Company Push" in page
    assert "GITHUB_APP_*" in page
    assert "Forget the App" not in page
    assert 'href="https://github.example.com/github-apps/company-push"' in page
    assert (await olga.post("/operator/github/removal", {"confirmation": "company-push"})).status == 422


async def test_the_app_is_forgotten_when_its_name_is_typed(olga: Visitor, world: FakeWorld) -> None:
    await github.keep_app(MADE)
    user = await cast.alice()
    await GitHubInstallation.create(id=1, account_id=2, account_login="acme")
    await Identity.create(
        user=user,
        provider="github",
        issuer="https://github.com",
        subject="1",
        access_token="ghu_1",
        refresh_token="ghr_1",
    )
    await cast.project(github_repo_id=22, github_installation_id=1)
    assert "1 project from GitHub" in (await olga.get("/operator/sign-in")).text
    refused = await olga.post("/operator/github/removal", {"confirmation": "something"})
    assert (refused.status, "Please type our-push" in refused.text) == (422, True)
    assert await GitHubApp.all().count() == 1
    assert (await olga.post("/operator/github/removal", {"confirmation": "our-push"})).location == "/operator/sign-in"
    assert await github.app(world) is None
    assert await GitHubInstallation.all().count() + await GitHubToken.all().count() == 0
    kept = await Identity.get()
    assert not kept.access_token
    assert "Create GitHub App" in (await olga.get("/operator/sign-in")).text


# How and who


async def test_it_tells_which_ways_of_signing_in_work_and_what_the_others_lack(olga: Visitor, world: FakeWorld) -> None:
    page = (await olga.get("/operator/sign-in")).text
    assert "Set SMTP_HOST" in page
    assert "Set GOOGLE_CLIENT_ID" in page
    assert "http://push.example.com:8000/auth/google/callback" in page
    world.settings = replace(
        world.settings, smtp_host="smtp.example.com", google_client_id="us", google_client_secret="secret"
    )
    page = (await olga.get("/operator/sign-in")).text
    assert "Sent by smtp.example.com" in page
    assert "By OpenID Connect" in page


async def test_it_tells_who_may_sign_in(olga: Visitor, world: FakeWorld) -> None:
    assert "Everybody" in (await olga.get("/operator/sign-in")).text
    access_file(world).write_text('{"emails": ["a@b.c", "d@e.f"], "globs": ["*@x.org"]}')
    page = (await olga.get("/operator/sign-in")).text
    assert "3 rules" in page
    assert "2 addresses, 1 pattern with *" in page
    assert "These rules shut you out: operator@localhost" in page
    access_file(world).write_text('{"emails": ["operator@localhost"]}')
    page = (await olga.get("/operator/sign-in")).text
    assert "1 rule<" in page
    assert "shut you out" not in page
    access_file(world).write_text("{")
    page = (await olga.get("/operator/sign-in")).text
    assert "Nobody may sign in" in page
    assert "it is not JSON" in page


# The whole way, at a GitHub that isn't ours


async def test_app_made_and_signed_in_with_it(
    db: str, world: FakeWorld, settings: Settings, github_server: GitHubServer
) -> None:
    world.settings = replace(settings, github_url=github_server.url, github_api_url=github_server.url)
    async with GitHubApi(world.settings) as api:
        world.github = api  # type: ignore[assignment]  # the real one
        app = dashboard(world)
        olga = await Visitor(app).signed_in(await User.operator("localhost"))
        action, _, manifest = await prepared(olga)
        assert action.startswith(github_server.url)
        state = parse_qs(urlsplit(action).query)["state"][0]
        made = await click(f"{github_server.url}/settings/apps", {"manifest": json.dumps(manifest), "state": state})
        assert (await olga.get(made)).location == "/operator/sign-in"
        assert manifest["name"] in (await olga.get("/operator/sign-in")).text

        alice = Visitor(app)
        away = await alice.post("/auth/github", {"purpose": "sign_in"})
        back = urlsplit(await asyncio.to_thread(github_server.agree, away.location, "alice"))
        assert (await alice.get(f"{back.path}?{back.query}")).location == "/"
        assert "alice@example.com" in (await alice.get("/account")).text

        [install] = re.findall(r'href="([^"]*/installations/new)"', (await olga.get("/operator/sign-in")).text)
        setup = await click(install, {"account": "acme", "state": ""})
        arrived = await alice.get(setup)
        assert arrived.location.startswith("/teams/")
        assert (await GitHubInstallation.get()).account_login == "acme"
        carol = Visitor(app)
        away = await carol.post("/auth/github", {"purpose": "sign_in"})
        back = urlsplit(await asyncio.to_thread(github_server.agree, away.location, "carol"))
        await carol.get(f"{back.path}?{back.query}")
        assert (await carol.get(setup)).status == 403, "acme is none of hers"


async def click(url: str, form: dict[str, str]) -> str:
    """Press a button over there; the path here that the browser is sent back to."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: Any) -> None:
            return None

    def press() -> str:
        try:
            urllib.request.build_opener(Stay).open(url, urlencode(form).encode())
        except urllib.error.HTTPError as answer:
            return str(answer.headers["Location"])
        raise AssertionError(url)

    where = urlsplit(await asyncio.to_thread(press))
    return f"{where.path}?{where.query}"
