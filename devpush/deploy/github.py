"""Our GitHub App, whoever made it, and the tokens we hold: of installations, and of users."""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from urllib.parse import quote
from uuid import UUID
from weakref import WeakValueDictionary

from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from devpush.errors import DeployFailed
from devpush.models import GitHubApp, GitHubInstallation, GitHubToken, Identity, Project, User
from devpush.models.forge import full_name
from devpush.models.names import slugify
from devpush.ports import App, GitHubAccount, GitHubRefused, Repository, Token, TokenRefused, World
from devpush.settings import Settings

USERNAME = "x-access-token"
"""By which Git takes an installation's token for a password; kept as the project's `repo_username`."""
PROVIDER = "github"
GITHUB = "https://github.com"
READ = {"contents": "read"}
MARGIN = timedelta(minutes=5)
"""A token that ends sooner than this counts as ended: what begins with it has time to finish."""
PERMISSIONS = {
    "contents": ("Contents", "read", "To fetch what is deployed"),
    "metadata": ("Metadata", "read", "To list repositories; every App has it"),
    "statuses": ("Commit statuses", "write", "To show beside a commit whether it is live"),
    "deployments": ("Deployments", "write", "To show where it is live"),
    "emails": ("E-mail addresses of people", "read", "To sign them in with the address GitHub has verified"),
}
"""What our App needs: manifests' name → people's, level, and what for."""
NO_APP = "This server has no GitHub App yet. Its operator makes one on the page “Server”."
BAD_KEY = "GitHub doesn't accept our App's key: its private key isn't that App's, or this server's clock is wrong."

_turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
"""Who refreshes a token keeps the others of this process waiting. Two processes may both ask: that costs a call."""


# The App


async def app(world: World) -> App | None:
    return await app_of(world.settings)


async def app_of(settings: Settings) -> App | None:
    """The App of the GITHUB_APP_* settings, or the one that the manifest flow made; None: there is none yet."""
    if settings.github_app_id:
        return App(
            id=int(settings.github_app_id),
            slug=slugify(settings.github_app_name, "app", limit=120),
            client_id=settings.github_app_client_id,
            client_secret=settings.github_app_client_secret,
            private_key=settings.github_app_private_key,
            webhook_secret=settings.github_app_webhook_secret,
            name=settings.github_app_name,
        )
    if (row := await GitHubApp.first()) is None:
        return None
    return App(
        id=row.app_id,
        slug=row.slug,
        client_id=row.client_id,
        client_secret=row.client_secret,
        private_key=row.private_key,
        webhook_secret=row.webhook_secret,
        name=row.name,
    )


def page(world: World, app: App) -> str:
    """The App's own page. GitHub Enterprise Server keeps Apps elsewhere."""
    base = world.settings.github_url
    return f"{base}/{'apps' if base == GITHUB else 'github-apps'}/{quote(app.slug)}"


def reaches_us(settings: Settings) -> bool:
    """Whether webhooks can arrive: github.com sees only the internet, an Enterprise Server its own network."""
    host, enterprise = settings.hostname, settings.github_url != GITHUB
    try:
        address = ip_address(host)
    except ValueError:
        alone = "." not in host or host.endswith((".localhost", ".local", ".internal", ".test", ".lan"))
        return not alone or (enterprise and "localhost" not in host)
    return address.is_global or (enterprise and not address.is_loopback)


async def keep_app(app: App) -> bool:
    """Keep the App that GitHub made of our manifest; False if there is one already."""
    try:
        await GitHubApp.create(
            app_id=app.id,
            slug=app.slug,
            name=app.name or app.slug,
            client_id=app.client_id,
            client_secret=app.client_secret,
            private_key=app.private_key,
            webhook_secret=app.webhook_secret,
        )
    except IntegrityError:
        return False
    return True


async def forget_app() -> None:
    """And all that was given to it. On GitHub it stays; identities stay as well, GitHub's ids of people are lasting."""
    async with in_transaction():
        await GitHubApp.all().delete()
        await GitHubInstallation.all().delete()
        await GitHubToken.all().delete()
        await Identity.filter(provider=PROVIDER).update(**token_facts(None))


# Tokens of installations


async def repository(world: World, project: Project) -> Repository:
    """A connected project's repository with a token that may read just it. Raises DeployFailed, Unavailable."""
    where, name = Repository(url=project.repo_url, username=USERNAME), full_name(project.repo_url)
    if project.github_installation_id is None:
        raise DeployFailed(f"GitHub no longer lets us read {name}. Connect it again in the settings.")
    try:
        token = await installation_token(
            world, project.github_installation_id, repo=project.github_repo_id, permissions=READ
        )
    except GitHubRefused as refusal:
        raise DeployFailed(_refusal(refusal, name)) from None
    return replace(where, token=token.value)


async def installation_token(
    world: World, installation: int, *, repo: int | None, permissions: Mapping[str, str]
) -> Token:
    """A token for one repository (None: all of the installation) and just these permissions, kept until shortly before
    it ends. Raises DeployFailed where there is no App, GitHubRefused, Unavailable."""
    scope = _scope(repo, permissions)
    if token := await _kept(installation, scope):
        return token
    async with _turn(f"{installation} {scope}"):
        return await _kept(installation, scope) or await _ask(world, installation, scope, repo, permissions)


async def _kept(installation: int, scope: str) -> Token | None:
    row = await GitHubToken.get_or_none(installation_id=installation, scope=scope, expires_at__gt=_soon())
    return Token(row.token, row.expires_at) if row else None


async def _ask(world: World, installation: int, scope: str, repo: int | None, permissions: Mapping[str, str]) -> Token:
    if (ours := await app(world)) is None:
        raise DeployFailed(NO_APP)
    repositories = () if repo is None else (repo,)
    try:
        token = await world.github.installation_token(
            ours, installation, repositories=repositories, permissions=permissions
        )
    except TokenRefused:
        raise GitHubRefused(BAD_KEY, status=401) from None
    if token.expires_at:
        row = GitHubToken(installation_id=installation, scope=scope, token=token.value, expires_at=token.expires_at)
        await GitHubToken.bulk_create(
            [row], on_conflict=("installation_id", "scope"), update_fields=("token", "expires_at")
        )
    return token


def _scope(repo: int | None, permissions: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps([repo, sorted(permissions.items())]).encode()).hexdigest()


def _refusal(refusal: GitHubRefused, repository: str) -> str:
    if refusal.status in (404, 422):
        return (
            f"The GitHub App is no longer installed where {repository} is, or may not read it. "
            "Give it access on GitHub, or connect the repository again in the settings."
        )
    if refusal.status == 403:
        return f"GitHub doesn't let us read {repository} now: {refusal} If the App was suspended there, unsuspend it."
    return f"GitHub doesn't let us read {repository}: {refusal}"


# Where the App is installed


def installation_page(world: World, id: int, *, login: str, type: str) -> str:
    """Where the account's people choose what the App may read there."""
    whose = f"organizations/{quote(login)}/settings" if type == "Organization" else "settings"
    return f"{world.settings.github_url}/{whose}/installations/{id}"


async def remember_installation(world: World, account: GitHubAccount) -> None:
    """Keep what GitHub says of one. The tokens of a suspended one are of no use."""
    known = {
        "account_id": account.id,
        "account_login": account.login,
        "account_type": account.type,
        "suspended_at": datetime.now(UTC) if account.suspended else None,
    }
    row = GitHubInstallation(id=account.installation, **known)
    await GitHubInstallation.bulk_create([row], on_conflict=("id",), update_fields=tuple(known))
    if account.suspended:
        await GitHubToken.filter(installation_id=account.installation).delete()


async def forget_installation(world: World, id: int) -> None:
    """It is gone from there, and its tokens with it."""
    await GitHubInstallation.filter(id=id).delete()
    await GitHubToken.filter(installation_id=id).delete()


# Tokens of users


async def user_token(world: World, user: User) -> Token | None:
    """What the user lets us do on GitHub in their name, refreshed if need be; None: not linked, or no longer."""
    identity = await Identity.get_or_none(user_id=user.id, provider=PROVIDER)
    if identity is None or (token := _held(identity)) is None:
        return None
    if _fresh(token):
        return token
    async with _turn(f"user {identity.id}"):
        return await _refreshed(world, identity.id)


async def forget_user_token(user: User) -> None:
    """GitHub refused it: they must connect again. The identity stays, they sign in with it as before."""
    await Identity.filter(user_id=user.id, provider=PROVIDER).update(**token_facts(None))


def token_facts(token: Token | None) -> dict[str, str | datetime | None]:
    """How an identity keeps a token."""
    if token is None:
        return {"access_token": None, "refresh_token": None, "token_expires_at": None}
    return {
        "access_token": token.value,
        "refresh_token": token.refresh or None,
        "token_expires_at": token.expires_at,
    }


async def _refreshed(world: World, identity_id: UUID) -> Token | None:
    """A refresh token works once, and whoever waited for their turn finds that it was."""
    identity = await Identity.get(id=identity_id)
    held = _held(identity)
    if held is None or _fresh(held):
        return held
    ours = await app(world)
    if ours is None:
        return None
    try:
        if not held.refresh:
            raise TokenRefused
        token = await world.github.refresh(ours, held.refresh)
    except TokenRefused:
        as_it_was = Identity.filter(id=identity_id, token_expires_at=identity.token_expires_at)
        if await as_it_was.update(**token_facts(None)):
            return None
        return _held(await Identity.get(id=identity_id))  # another process was quicker: ours was refused for that
    await Identity.filter(id=identity_id).update(**token_facts(token))
    return token


def _held(identity: Identity) -> Token | None:
    if not identity.access_token:
        return None
    return Token(identity.access_token, identity.token_expires_at, identity.refresh_token or "")


def _fresh(token: Token) -> bool:
    return token.expires_at is None or token.expires_at > _soon()


def _soon() -> datetime:
    return datetime.now(UTC) + MARGIN


def _turn(key: str) -> asyncio.Lock:
    return _turns.setdefault(key, asyncio.Lock())
