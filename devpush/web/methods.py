"""The ways somebody can sign in, and how one of them is given up: never the last one that works."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from tortoise.transactions import in_transaction

from devpush.deploy import github
from devpush.errors import NotFound, Refused
from devpush.models import Identity, User
from devpush.web.identities import PROVIDERS
from devpush.web.world import world

MAIL = "mail"


@dataclass(frozen=True, slots=True)
class Method:
    """A provider, as the account page shows it."""

    provider: str
    name: str
    set_up: bool
    """On this server."""
    known_as: str
    """What they are called there."""
    since: datetime | None
    """None: they aren't connected."""
    last: bool
    """Without it they could not sign in any more."""


async def of(user: User) -> list[Method]:
    """Every provider that is set up here, or that they are connected with."""
    identities = {identity.provider: identity for identity in await Identity.filter(user_id=user.id)}
    set_up = await offered()
    working = _working(user, set_up, identities)
    return [
        Method(
            provider=provider,
            name=name,
            set_up=provider in set_up,
            known_as=(identity.login or identity.email) if identity else "",
            since=identity.created_at if identity else None,
            last=working == {provider},
        )
        for provider, name in PROVIDERS.items()
        if (identity := identities.get(provider)) or provider in set_up
    ]


async def disconnect(user: User, provider: str) -> None:
    """Of two rivals who give up one each, the second is told that it is the last one."""
    set_up = await offered()
    async with in_transaction():
        locked = await User.filter(id=user.id).select_for_update(no_key=True).get()
        connected = {identity.provider for identity in await Identity.filter(user_id=user.id)}
        if provider not in connected:
            raise NotFound
        if not _working(locked, set_up, connected - {provider}):
            raise Refused("This is the only way you can sign in. Add another one first.")
        await Identity.filter(user_id=user.id, provider=provider).delete()


def has_mailbox(user: User) -> bool:
    """Whether their address can receive mail: the first operator's was made up when the platform was installed."""
    made_up = ("operator@localhost", f"operator@{world().settings.hostname}")
    return not (user.is_operator and user.email in made_up)


def _working(user: User, set_up: frozenset[str], connected: Iterable[str]) -> frozenset[str]:
    """By what they can sign in now."""
    mail = {MAIL} if world().settings.mail_configured and has_mailbox(user) else set()
    return frozenset(mail | (set_up & set(connected)))


async def offered() -> frozenset[str]:
    """The providers that are set up on this server."""
    found = {"google"} if world().settings.google_configured else set()
    if await github.app(world()):
        found.add("github")
    return frozenset(found)
