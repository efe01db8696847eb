"""The fakes behave like what they stand for."""

import base64
import hashlib
from contextlib import nullcontext
from urllib.parse import parse_qs, urlsplit

import pytest

from devpush.errors import Refused
from devpush.models import User
from devpush.ports import App, Claims, ContainerSpec, GitHubRefused, Limits, TokenRefused
from tests import cast
from tests.fakes import Behaviour, FakeWorld, Ran

APP = App(1, "devpush", "Iv1.client", "secret", "key", "hook secret")


def spec(name: str, address: str | None = None) -> ContainerSpec:
    return ContainerSpec(
        name=name,
        image="runner",
        labels={"devpush.kind": "app"},
        limits=Limits(256, 100_000),
        network="net",
        address=address,
    )


async def test_the_cast_is_who_they_say(db: str) -> None:
    alice, bob, carol = await cast.alice(), await cast.bob(), await cast.carol()
    assert await User.all().count() == 3
    team = await cast.team_of(alice)
    assert {member.user_id for member in await team.members.all()} == {alice.id, bob.id}  # type: ignore[attr-defined]
    assert (await cast.team_of(carol)).id != team.id
    project = await cast.project()
    deployment = await cast.deployment(project, variables={"KEY": "value"})
    assert (await cast.production(project)).takes("main")
    assert deployment.number > 0


async def test_a_fake_container_lives_and_dies_like_a_real_one(world: FakeWorld) -> None:
    engine = world.containers
    engine.have_image("runner")
    engine.behave = lambda spec: Behaviour(
        output=["hello"],
        exits=3 if spec.name == "brief" else None,
        commands={"npm": Ran(1, ["no such file"])},
    )
    for name, address in (("lasting", "10.0.0.2"), ("brief", "10.0.0.3")):
        await engine.create(spec(name, address))
        await engine.start(name)
    assert (await engine.wait("brief")).code == 3
    assert await world.probe.status("10.0.0.2", "/") == 200
    assert await world.probe.status("10.0.0.3", "/") is None
    assert [line.text async for line in engine.logs("brief", follow=True)] == ["hello"]
    heard: list[str] = []
    ended = await engine.run("lasting", ["npm", "ci"], environment={}, on_output=lambda _, text: heard.append(text))
    assert (ended.code, heard) == (1, ["no such file"])


async def test_the_fake_github_shows_each_user_what_is_theirs(world: FakeWorld) -> None:
    github = world.github
    alice, carol = github.have_user("alice", email="alice@example.com"), github.have_user("carol")
    installation = github.have_installation("acme", type="Organization", members=["alice"])
    shop = github.have_repository("acme/shop", installation, private=True, pushers=["alice"], files={"main.py": "1"})
    [account] = await github.accounts(alice)
    assert (account.installation, account.login) == (installation, "acme")
    assert [one.can_push for one in (await github.repositories(alice, installation)).items] == [True]
    assert await github.accounts(carol) == []
    with pytest.raises(GitHubRefused):
        await github.repository(carol, shop.id)
    del github.user_tokens[alice.value]
    with pytest.raises(TokenRefused):
        await github.user(alice)


async def test_a_fake_installation_token_opens_its_repository_only(world: FakeWorld) -> None:
    github = world.github
    installation = github.have_installation("acme")
    shop = github.have_repository("acme/shop", installation, files={"main.py": "1"})
    github.have_repository("acme/other", installation, files={})
    token = await github.installation_token(APP, installation, repositories=[shop.id], permissions={"contents": "read"})
    sha, paths = await github.files(token, "acme/shop", "main")
    assert (paths, await github.read(token, "acme/shop", sha, "main.py")) == (["main.py"], b"1")
    with pytest.raises(GitHubRefused):
        await github.heads(token, "acme/other")


async def test_the_fake_sign_ins_are_strict_about_pkce(world: FakeWorld) -> None:
    world.github.have_user("alice")
    back = "https://push.example.com/auth/github/callback"
    for verifier, ends in (("right", None), ("wrong", GitHubRefused)):
        asked = world.github.authorize_url(APP, redirect_uri=back, state="s", challenge=challenge("right"))
        code = parse_qs(urlsplit(world.github.agree(asked, "alice")).query)["code"][0]
        with nullcontext() if ends is None else pytest.raises(ends):
            token = await world.github.exchange(APP, code=code, redirect_uri=back, verifier=verifier)
            assert (await world.github.user(token)).login == "alice"
    claims = Claims("https://accounts.google.com", "1", "alice@example.com")
    asked = await world.openid.authorize_url(redirect_uri=back, state="s", nonce="n", challenge=challenge("right"))
    code = parse_qs(urlsplit(world.openid.agree(asked, claims)).query)["code"][0]
    with pytest.raises(Refused):
        await world.openid.claims(code=code, redirect_uri=back, verifier="right", nonce="other")
    assert await world.openid.claims(code=code, redirect_uri=back, verifier="right", nonce="n") == claims


def challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
