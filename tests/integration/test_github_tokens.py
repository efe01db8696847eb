"""Our GitHub App and the tokens we hold: kept encrypted, asked for once, refreshed before they end."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tortoise import connections

from devpush.deploy import github
from devpush.errors import DeployFailed, Unavailable
from devpush.models import GitHubApp, GitHubInstallation, GitHubToken, Identity, User
from devpush.ports import App, GitHubAccount, GitHubRefused, Token, TokenRefused
from tests import cast
from tests.fakes import FakeWorld

pytestmark = pytest.mark.integration

READ = {"contents": "read"}


class Tokens:
    """Of GitHub only this: gives tokens, each another one, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, tuple[int, ...], dict[str, str]]] = []
        self.refreshed: list[str] = []
        self.lasts = timedelta(hours=1)
        self.refuses: Exception | None = None

    async def installation_token(
        self, app: App, installation: int, *, repositories: Sequence[int] = (), permissions: Mapping[str, str]
    ) -> Token:
        self.asked.append((installation, tuple(repositories), dict(permissions)))
        await asyncio.sleep(0.01)
        if self.refuses:
            raise self.refuses
        return Token(f"ghs_{len(self.asked)}", datetime.now(UTC) + self.lasts)

    async def refresh(self, app: App, refresh: str) -> Token:
        self.refreshed.append(refresh)
        await asyncio.sleep(0.01)
        if self.refuses:
            raise self.refuses
        return Token("ghu_new", datetime.now(UTC) + timedelta(hours=8), refresh="ghr_new")


@pytest.fixture
def tokens(db: str, world: FakeWorld) -> Tokens:
    world.github = Tokens()  # type: ignore[assignment]  # nothing else of GitHub is asked here
    return world.github  # type: ignore[return-value]


@pytest.fixture
async def app(tokens: Tokens) -> GitHubApp:
    return await cast.github_app()


async def test_the_app_of_the_settings_wins_over_the_one_that_was_made(world: FakeWorld, app: GitHubApp) -> None:
    made = await github.app(world)
    assert made
    assert (made.id, made.slug, made.private_key) == (7, "ours", "a private key")
    world.settings = replace(world.settings, github_app_id="12", github_app_name="Our Push", github_app_client_id="Iv2")
    found = await github.app(world)
    assert found
    assert (found.id, found.slug, found.client_id) == (12, "our-push", "Iv2")


async def test_without_an_app_it_says_who_makes_one(world: FakeWorld, tokens: Tokens) -> None:
    assert await github.app(world) is None
    with pytest.raises(DeployFailed, match="operator"):
        await github.installation_token(world, 1, repo=2, permissions=READ)


async def test_a_token_is_asked_for_once_for_its_repository_and_permissions(
    world: FakeWorld, app: GitHubApp, tokens: Tokens
) -> None:
    many = await asyncio.gather(*(github.installation_token(world, 1, repo=2, permissions=READ) for _ in range(10)))
    assert {token.value for token in many} == {"ghs_1"}
    assert (await github.installation_token(world, 1, repo=3, permissions=READ)).value == "ghs_2"
    assert (await github.installation_token(world, 1, repo=None, permissions={"statuses": "write"})).value == "ghs_3"
    assert tokens.asked == [(1, (2,), READ), (1, (3,), READ), (1, (), {"statuses": "write"})]


async def test_a_token_is_replaced_before_it_ends(world: FakeWorld, app: GitHubApp, tokens: Tokens) -> None:
    tokens.lasts = timedelta(minutes=4)
    assert (await github.installation_token(world, 1, repo=2, permissions=READ)).value == "ghs_1"
    tokens.lasts = timedelta(hours=1)
    assert (await github.installation_token(world, 1, repo=2, permissions=READ)).value == "ghs_2"
    assert (await github.installation_token(world, 1, repo=2, permissions=READ)).value == "ghs_2"
    assert await GitHubToken.all().count() == 1


async def test_tokens_lie_encrypted(world: FakeWorld, app: GitHubApp, tokens: Tokens) -> None:
    await github.installation_token(world, 1, repo=2, permissions=READ)
    await identity(await cast.alice())
    connection = connections.get("default")
    for table in ("github_token", "github_app", "identity"):
        rows = str(await connection.execute_query_dict(f"SELECT * FROM {table}"))
        assert rows != "[]"
        assert not [word for word in ("ghs_1", "ghu_old", "ghr_old", "client secret", "private key") if word in rows]


async def test_a_connected_project_is_read_with_a_token_for_just_it(
    world: FakeWorld, app: GitHubApp, tokens: Tokens
) -> None:
    project = await cast.project(
        repo_url="https://github.com/alice/shop.git", github_repo_id=22, github_installation_id=1
    )
    found = await github.repository(world, project)
    assert (found.url, found.username, found.token) == (project.repo_url, "x-access-token", "ghs_1")
    assert tokens.asked == [(1, (22,), READ)]


@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [
        (GitHubRefused("Not Found", status=404), "no longer installed where alice/shop is"),
        (GitHubRefused("no such repository", status=422), "or may not read it"),
        (GitHubRefused("This installation has been suspended.", status=403), "unsuspend"),
        (TokenRefused("bad JWT"), "doesn't accept our App's key"),
    ],
)
async def test_what_github_refuses_is_the_reason_of_the_deployment(
    world: FakeWorld, app: GitHubApp, tokens: Tokens, trouble: Exception, sentence: str
) -> None:
    project = await cast.project(
        repo_url="https://github.com/alice/shop.git", github_repo_id=22, github_installation_id=1
    )
    tokens.refuses = trouble
    with pytest.raises(DeployFailed, match=sentence):
        await github.repository(world, project)


async def test_a_project_whose_installation_is_gone_says_so(world: FakeWorld, app: GitHubApp, tokens: Tokens) -> None:
    project = await cast.project(github_repo_id=22, github_installation_id=None)
    with pytest.raises(DeployFailed, match="Connect it again"):
        await github.repository(world, project)
    assert tokens.asked == []


async def test_github_that_is_away_is_no_reason_to_fail(world: FakeWorld, app: GitHubApp, tokens: Tokens) -> None:
    tokens.refuses = Unavailable("GitHub doesn't answer now.")
    with pytest.raises(Unavailable):
        await github.repository(world, await cast.project(github_repo_id=22, github_installation_id=1))


async def test_a_suspended_or_removed_installation_has_no_tokens(
    world: FakeWorld, app: GitHubApp, tokens: Tokens
) -> None:
    acme = GitHubAccount(installation=1, id=5, login="acme", type="Organization")
    await github.remember_installation(world, acme)
    await github.installation_token(world, 1, repo=2, permissions=READ)
    await github.remember_installation(world, replace(acme, login="acme-inc", suspended=True))
    row = await GitHubInstallation.get()
    assert (row.id, row.account_login, row.account_type) == (1, "acme-inc", "Organization")
    assert row.suspended_at
    assert await GitHubToken.all().count() == 0
    await github.remember_installation(world, acme)
    assert (await GitHubInstallation.get()).suspended_at is None
    await github.installation_token(world, 1, repo=2, permissions=READ)
    await github.forget_installation(world, 1)
    assert await GitHubInstallation.all().count() + await GitHubToken.all().count() == 0


# Tokens of users


async def identity(user: User, **facts: Any) -> Identity:
    return await Identity.create(
        **{
            "user": user,
            "provider": "github",
            "issuer": "https://github.com",
            "subject": "1",
            "access_token": "ghu_old",
            "refresh_token": "ghr_old",
            "token_expires_at": datetime.now(UTC) + timedelta(minutes=1),
            **facts,
        }
    )


async def test_a_users_token_is_refreshed_once_whoever_asks(world: FakeWorld, app: GitHubApp, tokens: Tokens) -> None:
    user = await cast.alice()
    await identity(user)
    found = await asyncio.gather(*(github.user_token(world, user) for _ in range(5)))
    assert {token.value for token in found if token} == {"ghu_new"}
    assert tokens.refreshed == ["ghr_old"]
    assert (await Identity.get()).refresh_token == "ghr_new"


async def test_a_users_token_that_lasts_is_used_as_it_is(world: FakeWorld, app: GitHubApp, tokens: Tokens) -> None:
    user = await cast.alice()
    assert await github.user_token(world, user) is None
    await identity(user, token_expires_at=None, refresh_token=None)
    token = await github.user_token(world, user)
    assert token
    assert token.value == "ghu_old"
    assert tokens.refreshed == []


async def test_a_users_token_that_was_taken_back_is_forgotten(world: FakeWorld, app: GitHubApp, tokens: Tokens) -> None:
    user = await cast.alice()
    await identity(user)
    tokens.refuses = TokenRefused("bad refresh token")
    assert await github.user_token(world, user) is None
    kept = await Identity.get()
    assert kept.subject == "1"
    assert not kept.access_token
    assert not kept.refresh_token
    assert await github.user_token(world, user) is None
    assert tokens.refreshed == ["ghr_old"]


async def test_a_refusal_that_comes_late_takes_nothing_from_who_was_quicker(
    world: FakeWorld, app: GitHubApp, tokens: Tokens
) -> None:
    """Another process refreshed it meanwhile: the refusal was about the token before."""
    user = await cast.alice()
    kept = await identity(user)

    async def refresh(app: App, refresh: str) -> Token:
        fresh = Token("ghu_theirs", datetime.now(UTC) + timedelta(hours=8), refresh="ghr_theirs")
        await Identity.filter(id=kept.id).update(**github.token_facts(fresh))
        raise TokenRefused("it was used already")

    tokens.refresh = refresh  # type: ignore[method-assign]
    await github.user_token(world, user)
    token = await github.user_token(world, user)
    assert token
    assert token.value == "ghu_theirs"


async def test_github_that_is_away_costs_nobody_their_token(world: FakeWorld, app: GitHubApp, tokens: Tokens) -> None:
    user = await cast.alice()
    await identity(user)
    tokens.refuses = Unavailable("GitHub doesn't answer now.")
    with pytest.raises(Unavailable):
        await github.user_token(world, user)
    assert (await Identity.get()).refresh_token == "ghr_old"
