"""GitHub's API against `emulate`, which others wrote, and against everything that can go wrong on the way there."""

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from devpush.adapters.github import GitHubApi
from devpush.errors import Unavailable
from devpush.ports import App, GitHubRefused, Token, TokenRefused
from devpush.settings import Settings
from tests.conftest import free_port
from tests.emulate import INSTALLATIONS
from tests.github_server import GitHubServer, Served, send_webhook
from tests.gitserver import Origin

pytestmark = pytest.mark.integration

ACME = INSTALLATIONS["acme"]
BACK = "https://push.example.com/api/github/authorize/callback"
SHA = "c0ffee" + "0" * 34
SHORT = (0.05, 0.1)
WRITE = {"contents": "read", "statuses": "write", "deployments": "write"}


@pytest.fixture
async def api(github_server: GitHubServer, settings: Settings) -> AsyncIterator[GitHubApi]:
    async with GitHubApi(at(github_server, settings), pauses=SHORT) as api:
        yield api


@pytest.fixture
async def hasty(github_server: GitHubServer, settings: Settings) -> AsyncIterator[GitHubApi]:
    """Waits for a second where GitHubApi waits for ten."""
    async with GitHubApi(at(github_server, settings), timeout=1.0, pauses=SHORT) as api:
        yield api


def at(server: GitHubServer, settings: Settings, below: str = "") -> Settings:
    return replace(settings, github_url=server.url, github_api_url=server.url + below)


async def token_of(server: GitHubServer, login: str) -> Token:
    return Token(await asyncio.to_thread(server.user_token, login))


async def ours(api: GitHubApi, server: GitHubServer, *repositories: Served) -> Token:
    ids = [one.id for one in repositories]
    return await api.installation_token(server.app, ACME, repositories=ids, permissions=WRITE)


def challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


async def agreed(api: GitHubApi, server: GitHubServer, login: str, verifier: str) -> str:
    """The code that Alice's browser comes back with."""
    url = api.authorize_url(server.app, redirect_uri=BACK, state="a state", challenge=challenge(verifier))
    back = await asyncio.to_thread(server.agree, url, login)
    said = parse_qs(urlsplit(back).query)
    assert back.startswith(BACK)
    assert said["state"] == ["a state"]
    return said["code"][0]


# Signing in


async def test_alice_signs_in_with_github(api: GitHubApi, github_server: GitHubServer) -> None:
    code = await agreed(api, github_server, "alice", "verifier")
    token = await api.exchange(github_server.app, code=code, redirect_uri=BACK, verifier="verifier")
    user = await api.user(token)
    assert (user.login, user.name, user.email) == ("alice", "Alice", "alice@example.com")
    assert (token.expires_at, token.refresh) == (None, "")
    with pytest.raises(GitHubRefused, match="Please start again"):
        await api.exchange(github_server.app, code=code, redirect_uri=BACK, verifier="verifier")


async def test_a_stolen_code_is_of_no_use_without_its_verifier(api: GitHubApi, github_server: GitHubServer) -> None:
    code = await agreed(api, github_server, "alice", "verifier")
    with pytest.raises(GitHubRefused, match="Please start again"):
        await api.exchange(github_server.app, code=code, redirect_uri=BACK, verifier="another")


async def test_what_oauth_refuses_is_a_sentence(api: GitHubApi, github_server: GitHubServer) -> None:
    code = await agreed(api, github_server, "alice", "verifier")
    forged = replace(github_server.app, client_secret="wrong")
    with pytest.raises(GitHubRefused, match="client secret") as refused:
        await api.exchange(forged, code=code, redirect_uri=BACK, verifier="verifier")
    assert "wrong" not in str(refused.value)
    with pytest.raises(GitHubRefused, match="callback address"):
        await api.exchange(github_server.app, code=code, redirect_uri=BACK + "/x", verifier="verifier")


async def test_a_token_that_expires_is_refreshed_once(api: GitHubApi, github_server: GitHubServer) -> None:
    github_server.expire_in = 28_800
    code = await agreed(api, github_server, "bob", "verifier")
    token = await api.exchange(github_server.app, code=code, redirect_uri=BACK, verifier="verifier")
    assert token.expires_at
    assert timedelta(hours=7) < token.expires_at - datetime.now(UTC) < timedelta(hours=9)
    fresh = await api.refresh(github_server.app, token.refresh)
    assert (await api.user(fresh)).login == "bob"
    with pytest.raises(TokenRefused):
        await api.refresh(github_server.app, token.refresh)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, b'{"message": "Resource not accessible by integration"}'),
        (200, b"[]"),
        (200, b'[{"email": "alice@example.com", "primary": true, "verified": false}]'),
        (200, b'[{"email": "alice@example.com", "primary": false, "verified": true}]'),
    ],
)
async def test_an_address_counts_only_if_it_is_verified_and_the_first(
    api: GitHubApi, github_server: GitHubServer, status: int, body: bytes
) -> None:
    token = await token_of(github_server, "alice")
    github_server.trouble("/user/emails", status=status, body=body)
    assert (await api.user(token)).email == ""


# The App


async def test_the_manifest_becomes_an_app_once(api: GitHubApi, github_server: GitHubServer) -> None:
    github_server.manifests["code"] = {"name": "push of acme", "hook_attributes": {"url": "https://x.example.com"}}
    app = await api.convert_manifest("code")
    assert app == replace(github_server.app, name="push of acme")
    with pytest.raises(GitHubRefused):
        await api.convert_manifest("code")


async def test_the_app_is_made_and_installed_with_a_click_each(api: GitHubApi, github_server: GitHubServer) -> None:
    """The pages of our test server, as a browser goes through them."""
    with GitHubServer(github_server.emulate).serving() as ours:  # whose addresses stand for the dashboard's
        ours.trouble("/hook", status=202)
        manifest = {
            "name": "push of acme",
            "redirect_url": f"{ours.url}/made",
            "setup_url": f"{ours.url}/set-up",
            "hook_attributes": {"url": f"{ours.url}/hook"},
        }
        form = {"manifest": json.dumps(manifest)}
        async with aiohttp.ClientSession() as browser:
            async with browser.post(f"{github_server.url}/settings/apps/new?state=s", data=form) as page:
                assert "Create GitHub App for push of acme" in await page.text()
            made = await clicked(browser, f"{github_server.url}/settings/apps", form | {"state": "s"})
            assert made["state"] == "s"
            app = await api.convert_manifest(made["code"])
            page_url = f"{github_server.url}/apps/{app.slug}/installations/new"
            installed = await clicked(browser, page_url, {"account": "alice", "state": "t"})
        assert installed == {"installation_id": str(INSTALLATIONS["alice"]), "setup_action": "install", "state": "t"}
        [heard] = ours.asked
        assert heard.headers["x-github-event"] == "installation"
        assert heard.json()["installation"]["account"]["login"] == "alice"


async def clicked(browser: aiohttp.ClientSession, url: str, form: dict[str, str]) -> dict[str, str]:
    """What the browser brings back."""
    async with browser.post(url, data=form, allow_redirects=False) as answer:
        return {name: said for name, [said] in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


async def test_a_push_is_told_as_github_tells_it(github_server: GitHubServer) -> None:
    shop = github_server.have_repository("acme/shop", private=True)
    payload = github_server.push_payload(shop, SHA, message="Sell shoes", modified=["shoes.py"])
    with GitHubServer(github_server.emulate).serving() as ours:
        ours.trouble("/hook", status=202, body=b"thanks")
        assert await send_webhook(f"{ours.url}/hook", "secret", "push", payload, delivery="1-2-3") == (202, "thanks")
    [heard] = ours.asked
    assert (heard.headers["x-github-event"], heard.headers["x-github-delivery"]) == ("push", "1-2-3")
    signature = hmac.new(b"secret", heard.body, hashlib.sha256).hexdigest()
    assert heard.headers["x-hub-signature-256"] == f"sha256={signature}"
    said = heard.json()
    assert (said["ref"], said["after"], said["head_commit"]["message"]) == ("refs/heads/main", SHA, "Sell shoes")
    assert (said["repository"]["id"], said["repository"]["full_name"]) == (shop.id, "acme/shop")
    assert said["installation"]["id"] == ACME
    assert b"odertocat" not in heard.body


async def test_an_installation_is_what_github_says_of_it(api: GitHubApi, github_server: GitHubServer) -> None:
    account = await api.installation(github_server.app, ACME)
    assert (account.installation, account.login, account.type, account.suspended) == (
        ACME,
        "acme",
        "Organization",
        False,
    )
    github_server.suspended.add(ACME)
    assert (await api.installation(github_server.app, ACME)).suspended
    with pytest.raises(GitHubRefused, match="suspended"):
        await ours(api, github_server)
    with pytest.raises(GitHubRefused) as unknown:
        await api.installation(github_server.app, INSTALLATIONS["carol"])
    assert unknown.value.status == 404


async def test_a_token_is_for_one_repository_and_what_it_is_needed_for(
    api: GitHubApi, github_server: GitHubServer
) -> None:
    shop = github_server.have_repository("acme/shop", private=True, files={"main.py": "print(1)"})
    other = github_server.have_repository("acme/other", private=True, files={"main.py": "print(2)"})
    token = await api.installation_token(
        github_server.app, ACME, repositories=[shop.id], permissions={"contents": "read"}
    )
    assert token.expires_at
    assert token.expires_at.tzinfo
    assert (await api.repository(token, shop.id)).full_name == "acme/shop"
    with pytest.raises(GitHubRefused):
        await api.repository(token, other.id)
    with pytest.raises(GitHubRefused, match="doesn't allow this"):
        await say(api, token)
    with pytest.raises(GitHubRefused):
        await api.installation_token(github_server.app, ACME, permissions={"administration": "write"})


async def test_a_clock_that_is_a_minute_ahead_does_no_harm(
    api: GitHubApi, github_server: GitHubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = time.time
    for ahead in (55, -55):
        monkeypatch.setattr("devpush.adapters.github.time.time", lambda ahead=ahead: true() + ahead)
        await api.installation(github_server.app, ACME)


async def test_an_app_with_another_key_is_refused(api: GitHubApi, github_server: GitHubServer) -> None:
    for key in ("no key at all", "", stranger_key()):
        with pytest.raises(TokenRefused):
            await api.installation(replace(github_server.app, private_key=key), ACME)


# What a user may do there


async def test_everybody_sees_what_is_theirs(api: GitHubApi, github_server: GitHubServer) -> None:
    github_server.install("alice")
    shop = github_server.have_repository("acme/shop", private=True, pushers=["alice"], readers=["bob"])
    alice, bob, carol = [await token_of(github_server, name) for name in ("alice", "bob", "carol")]
    assert {one.login for one in await api.accounts(alice)} == {"acme", "alice"}
    assert [one.login for one in await api.accounts(bob)] == ["acme"]
    assert await api.accounts(carol) == []
    [seen] = (await api.repositories(alice, ACME)).items
    assert (seen.id, seen.full_name, seen.private, seen.default_branch) == (shop.id, "acme/shop", True, "main")
    assert (seen.can_push, seen.clone_url) == (True, shop.clone_url)
    assert seen.pushed_at
    assert seen.pushed_at.tzinfo
    assert not (await api.repository(bob, shop.id)).can_push
    for ask in (api.repository(carol, shop.id), api.repositories(carol, ACME)):
        with pytest.raises(GitHubRefused) as unknown:
            await ask
        assert unknown.value.status == 404


async def test_long_lists_are_followed_to_their_end(
    api: GitHubApi, github_server: GitHubServer, tmp_path: Path
) -> None:
    for number in range(130):
        name = f"acme/shop-{number}"
        github_server.repositories[number + 9000] = Served(number + 9000, name, False, "main", "", set(), set())
    alice = await token_of(github_server, "alice")
    first = await api.repositories(alice, ACME)
    second = await api.repositories(alice, ACME, page=2)
    assert (len(first.items), first.more, len(second.items), second.more) == (100, True, 30, False)
    origin = Origin.make(tmp_path / "many.git")
    sha = origin.commit({"main.py": "print(1)"})
    lines = "".join(f"create refs/heads/branch-{number} {sha}\n" for number in range(250))
    origin.git("update-ref", "--stdin", feed=lines.encode())
    many = github_server.have_repository("acme/many", origin=origin.path)
    heads = await api.heads(await ours(api, github_server, many), "acme/many")
    assert len(heads) == 251
    assert set(heads.values()) == {sha}


async def test_the_next_page_is_nowhere_else(api: GitHubApi, github_server: GitHubServer) -> None:
    alice = await token_of(github_server, "alice")
    for link in ("http://127.0.0.1:9/user/installations?page=2", "http://[", "mailto:x@example.com", "//other/x"):
        github_server.troubles.clear()
        elsewhere = {"Link": f'<{link}>; rel="next"'}
        github_server.trouble("/user/installations", status=200, body=b'{"installations": []}', headers=elsewhere)
        with pytest.raises(Unavailable):
            await api.accounts(alice)


async def test_files_are_listed_and_read(api: GitHubApi, github_server: GitHubServer, tmp_path: Path) -> None:
    """As emulate has them, and as a repository of Git's has them."""
    files = {"main.py": "print('é')", "web/app py.txt": "x"}
    made = Origin.make(tmp_path / "two.git")
    sha = made.commit(files, branch="feature/a+b")
    one = github_server.have_repository("acme/one", private=True, files=files)
    two = github_server.have_repository("acme/two", private=True, origin=made.path)
    for served, branch in ((one, "main"), (two, "feature/a+b")):
        token = await ours(api, github_server, served)
        found, paths = await api.files(token, served.full_name, branch)
        assert set(files) <= set(paths)
        assert "web" not in paths
        assert served is one or found == sha
        assert (await api.heads(token, served.full_name))[branch] == found
        assert await api.files(token, served.full_name, found) == (found, paths)
        for path, text in files.items():
            assert await api.read(token, served.full_name, found, path) == text.encode()
        assert await api.read(token, served.full_name, found, "main.py", limit=3) is None
        assert await api.read(token, served.full_name, found, "web") is None
        assert await api.read(token, served.full_name, found, "nothing/here") is None
        with pytest.raises(GitHubRefused):
            await api.files(token, served.full_name, "no-such-branch")


async def test_what_is_no_repository_is_not_asked_for(api: GitHubApi, github_server: GitHubServer) -> None:
    asked = len(github_server.asked)
    for name in ("acme", "acme/../user", "acme/shop/x", "a b/c", "acme/shop?x", "../.."):
        with pytest.raises(GitHubRefused):
            await api.heads(Token("t"), name)
    assert len(github_server.asked) == asked


async def test_enterprise_server_has_its_api_below_a_path(github_server: GitHubServer, settings: Settings) -> None:
    github_server.have_repository("acme/shop", files={"main.py": "print(1)"})
    async with GitHubApi(at(github_server, settings, "/api/v3"), per_page=1) as api:
        token = await ours(api, github_server)
        assert len((await api.files(token, "acme/shop", "main"))[1]) == 2
        alice = await token_of(github_server, "alice")
        github_server.install("alice")
        assert len(await api.accounts(alice)) == 2
    assert all(one.path.startswith("/api/v3/") for one in github_server.asked if not one.path.startswith("/login"))


async def test_a_renamed_repository_is_found_by_its_former_name(api: GitHubApi, github_server: GitHubServer) -> None:
    shop = github_server.have_repository("acme/shop", files={"main.py": "print(1)"})
    token = await ours(api, github_server, shop)
    github_server.rename(shop, "acme/store")
    await say(api, token)
    assert github_server.statuses[0]["repository"] == "acme/store"


# Speaking back


async def test_github_hears_of_a_deployment(api: GitHubApi, github_server: GitHubServer) -> None:
    shop = github_server.have_repository("acme/shop")
    token = await ours(api, github_server, shop)
    long = "Building " * 40
    await api.set_status(
        token,
        "acme/shop",
        SHA,
        state="pending",
        context="devpush/production",
        description=long,
        url="https://a.example",
    )
    [status] = github_server.statuses
    assert (status["state"], status["context"]) == ("pending", "devpush/production")
    assert (status["target_url"], len(status["description"])) == ("https://a.example", 140)
    id = await api.create_deployment(token, "acme/shop", SHA, environment="Production", description="", production=True)
    assert github_server.deployments[id]["production_environment"] is True
    await api.set_deployment_status(
        token,
        "acme/shop",
        id,
        state="success",
        description="Live",
        log_url="https://log.example",
        url="https://a.example",
    )
    [said] = github_server.deployment_statuses
    assert (said["deployment"], said["state"], said["environment_url"]) == (id, "success", "https://a.example")
    assert said["log_url"] == "https://log.example"


async def test_every_question_says_who_asks(api: GitHubApi, github_server: GitHubServer) -> None:
    await api.installation(github_server.app, ACME)
    headers = github_server.asked[-1].headers
    assert headers["accept"] == "application/vnd.github+json"
    assert headers["x-github-api-version"]
    assert headers["user-agent"] == "devpush"


# What goes wrong


async def say(api: GitHubApi, token: Token) -> None:
    await api.set_status(token, "acme/shop", SHA, state="success", context="c", description="d", url="")


async def deploy(api: GitHubApi, token: Token) -> None:
    await api.create_deployment(token, "acme/shop", SHA, environment="e", description="d", production=False)


async def test_a_token_taken_back_is_refused(api: GitHubApi, github_server: GitHubServer) -> None:
    token = await token_of(github_server, "alice")
    del github_server.users[token.value]
    for ask in (api.user(token), api.accounts(token), api.repositories(token, ACME), api.heads(token, "acme/shop")):
        with pytest.raises(TokenRefused):
            await ask


async def test_a_short_trouble_is_not_noticed(api: GitHubApi, github_server: GitHubServer) -> None:
    shop = github_server.have_repository("acme/shop")
    token = await ours(api, github_server, shop)
    for trouble in ({"status": 502}, {"status": 500}, {"status": 429, "headers": {"Retry-After": "1"}}, {"lost": True}):
        github_server.trouble("acme/shop|/installations", times=1, **trouble)
        await say(api, token)
        github_server.trouble("acme/shop|/installations", times=1, **trouble)
        await api.installation(github_server.app, ACME)


async def test_github_that_is_broken_is_unavailable(api: GitHubApi, github_server: GitHubServer) -> None:
    github_server.trouble(status=503)
    with pytest.raises(Unavailable, match="503"):
        await api.user(Token("t"))
    assert len(github_server.asked) == 3


@pytest.mark.parametrize("trouble", [{"after": 10.0}, {"silent": True}])
async def test_github_that_is_slow_or_silent_is_given_up_in_time(
    hasty: GitHubApi, github_server: GitHubServer, trouble: dict[str, float]
) -> None:
    github_server.trouble(**trouble)  # type: ignore[arg-type]
    for ask in (hasty.user(Token("t")), deploy(hasty, Token("t")), hasty.convert_manifest("code")):
        begun = time.monotonic()
        with pytest.raises(Unavailable, match="within 1 seconds"):
            await ask
        assert time.monotonic() - begun < 5


async def test_github_that_is_not_there_is_unavailable(settings: Settings) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    async with GitHubApi(replace(settings, github_url=nowhere, github_api_url=nowhere), pauses=SHORT) as api:
        with pytest.raises(Unavailable, match="can't be reached"):
            await api.user(Token("t"))


@pytest.mark.parametrize("trouble", [{"status": 502}, {"lost": True}, {"silent": True}])
async def test_what_may_have_arrived_is_never_sent_twice(
    hasty: GitHubApi, github_server: GitHubServer, trouble: dict[str, bool]
) -> None:
    shop = github_server.have_repository("acme/shop")
    token = await ours(hasty, github_server, shop)
    app = github_server.app
    for where, ask in (
        ("/deployments", lambda: deploy(hasty, token)),
        ("/access_token", lambda: hasty.exchange(app, code="c", redirect_uri=BACK, verifier="v")),
        ("/access_token", lambda: hasty.refresh(app, "r")),
        ("/app-manifests", lambda: hasty.convert_manifest("c")),
    ):
        github_server.asked.clear()
        github_server.troubles.clear()
        github_server.trouble(where, **trouble)  # type: ignore[arg-type]
        with pytest.raises(Unavailable):
            await ask()
        assert len(github_server.asked) == 1
    assert len(github_server.deployments) == ("lost" in trouble)


async def test_a_connection_that_github_has_closed_loses_no_deployment(
    api: GitHubApi, github_server: GitHubServer
) -> None:
    """Each comes by a connection of its own."""
    shop = github_server.have_repository("acme/shop")
    token = await ours(api, github_server, shop)
    for _ in range(3):
        await deploy(api, token)
    assert len(github_server.deployments) == 3


async def test_a_rate_limit_is_kept_to_and_says_when(api: GitHubApi, github_server: GitHubServer) -> None:
    alice, bob = await token_of(github_server, "alice"), await token_of(github_server, "bob")
    spent = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 1500)}
    github_server.trouble("/user", status=403, headers=spent, times=1)
    for _ in range(3):
        with pytest.raises(Unavailable, match="try again in 25 minutes"):
            await api.user(alice)
    assert [one.path for one in github_server.asked].count("/user") == 1
    assert (await api.user(bob)).login == "bob"
    github_server.trouble("/app", status=429, headers={"Retry-After": "90"}, times=1)
    for _ in range(2):
        with pytest.raises(Unavailable, match="try again in"):
            await api.installation(github_server.app, ACME)
        await asyncio.sleep(1.1)  # the App's pass is another one each second
    assert [one.path for one in github_server.asked].count(f"/app/installations/{ACME}") == 1


async def test_a_short_wait_is_sat_out(api: GitHubApi, github_server: GitHubServer) -> None:
    shop = github_server.have_repository("acme/shop")
    token = await ours(api, github_server, shop)
    github_server.trouble("/deployments", status=429, headers={"Retry-After": "1"}, times=1)
    begun = time.monotonic()
    await deploy(api, token)  # it was refused: to send it again is safe
    assert time.monotonic() - begun >= 1
    assert len(github_server.deployments) == 1


async def test_a_second_limit_without_a_time_is_a_minute(api: GitHubApi, github_server: GitHubServer) -> None:
    body = b'{"message": "You have exceeded a secondary rate limit. Please wait."}'
    github_server.trouble(status=403, body=body)
    with pytest.raises(Unavailable, match="60 seconds"):
        await api.user(Token("t"))


@pytest.mark.parametrize(
    "body", [b"<html>a proxy's page</html>", b"", b"[" * 100_000, b'"text"', b'{"id": null}', b"[1]"]
)
async def test_an_answer_that_makes_no_sense_is_unavailable(
    api: GitHubApi, github_server: GitHubServer, body: bytes
) -> None:
    github_server.trouble(status=200, body=body)
    token, app = Token("t"), github_server.app
    asks: list[Callable[[], Awaitable[object]]] = [
        lambda: api.user(token),
        lambda: api.accounts(token),
        lambda: api.repositories(token, 1),
        lambda: api.repository(token, 1),
        lambda: api.files(token, "acme/shop", "main"),
        lambda: api.files(token, "acme/shop", SHA),
        lambda: api.heads(token, "acme/shop"),
        lambda: api.installation(app, 1),
        lambda: api.installation_token(app, 1, permissions={}),
        lambda: api.convert_manifest("code"),
        lambda: api.exchange(app, code="c", redirect_uri=BACK, verifier="v"),
        lambda: deploy(api, token),
    ]
    for ask in asks:
        with pytest.raises(Unavailable):
            await ask()


async def test_a_huge_answer_is_not_read_to_its_end(github_server: GitHubServer, settings: Settings) -> None:
    github_server.trouble(status=200, body=b" " * 3_000_000 + b"{}")
    async with GitHubApi(at(github_server, settings), max_answer=1_000_000) as api:
        with pytest.raises(Unavailable, match="larger than 1 MB"):
            await api.user(Token("t"))


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_elsewhere_is_not_followed(
    api: GitHubApi, github_server: GitHubServer, settings: Settings, status: int
) -> None:
    """Nor is our token shown there."""
    with GitHubServer(github_server.emulate).serving() as elsewhere:
        for to in (f"{elsewhere.url}/user", github_server.url.replace("127.0.0.1", "localhost") + "/user", "//[", ""):
            github_server.troubles.clear()
            github_server.trouble("/user|/statuses|/access_token", status=status, headers={"Location": to})
            for ask in (
                api.user(Token("t")),
                say(api, Token("t")),
                api.exchange(github_server.app, code="c", redirect_uri=BACK, verifier="v"),
            ):
                with pytest.raises(GitHubRefused):
                    await ask
        assert elsewhere.asked == []


async def test_no_secret_is_in_a_sentence_or_a_log(
    api: GitHubApi, github_server: GitHubServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    app: App = github_server.app
    token = Token("ghs_canary", refresh="ghr_canary")
    said = [repr(token), repr(app), repr(api)]
    for trouble in ({"status": 500}, {"status": 404}, {"status": 401}, {"status": 429}, {"lost": True}):
        github_server.troubles.clear()
        github_server.trouble(**trouble)
        for ask in (
            api.user(token),
            say(api, token),
            api.exchange(app, code="canary-code", redirect_uri=BACK, verifier="canary-verifier"),
            api.refresh(app, token.refresh),
            api.convert_manifest("canary-code"),
            api.installation(app, ACME),
        ):
            with pytest.raises((Unavailable, GitHubRefused, TokenRefused)) as failed:
                await ask
            said += [str(failed.value), repr(failed.value)]
    whole = "\n".join([*said, caplog.text, *(str(record.__dict__) for record in caplog.records)])
    assert "GitHub is asked again" in whole
    for secret in ("canary", app.client_secret, app.private_key[60:120], "eyJ"):
        assert secret not in whole


def stranger_key() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
