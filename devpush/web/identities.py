"""Whose account here an account elsewhere opens: known by issuer and subject, never by an address."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from devpush.deploy.github import token_facts
from devpush.errors import Refused
from devpush.models import Identity, User
from devpush.models.people import normal_email
from devpush.models.reading import plain
from devpush.ports import Token

PROVIDERS = {"github": "GitHub", "google": "Google"}
MEANWHILE = "Somebody did the same at the same moment. Please try again."


@dataclass(frozen=True)
class Account:
    """Somebody's account at a provider, as the provider vouches for it."""

    provider: str
    issuer: str
    """Which GitHub, which OpenID provider."""
    subject: str
    login: str
    """What it is called there, for people."""
    email: str = ""
    """"" unless the provider has verified it."""
    name: str = ""
    username: str = ""
    token: Token | None = None

    @property
    def key(self) -> dict[str, Any]:
        """What it is known by."""
        return {"provider": self.provider, "issuer": self.issuer, "subject": self.subject}

    @property
    def title(self) -> str:
        return PROVIDERS[self.provider]

    def facts(self) -> dict[str, Any]:
        """What an identity remembers of it, anew at each visit."""
        return {
            "login": self.login[:255],
            "email": self.email[:320],
            "used_at": datetime.now(UTC),
            **token_facts(self.token),
        }


async def find(account: Account) -> Identity | None:
    """With its user."""
    return await Identity.filter(**account.key).select_related("user").first()


async def renew(identity: Identity, account: Account) -> None:
    await Identity.filter(id=identity.id).update(**account.facts())


def address(account: Account) -> str:
    """The address that a new user would have. Raises Refused where the provider vouches for none."""
    if not account.email:
        raise Refused(
            f"{account.title} vouches for no e-mail address of yours. Verify your primary address there, and try again."
        )
    return normal_email(account.email)


async def join(account: Account) -> User:
    """A new user for an account that nobody has connected. An address that is known here stays with who has it:
    that somebody has it elsewhere as well is no proof that they are the same. Raises Refused."""
    email = address(account)
    try:
        async with in_transaction():
            if await User.exists(email=email):
                if rival := await find(account):  # made meanwhile by the same person, who pressed twice
                    return rival.user
                raise Refused(
                    f"There is an account with the address {email} here already. Sign in to it the usual way, then "
                    f"connect {account.title} under Account → Sign-in methods."
                )
            name = " ".join(plain(account.name).split())
            user = await User.join(email, name=name, username=account.username, alone=True)
            await Identity.create(user=user, **account.key, **account.facts())
            return user
    except IntegrityError:  # likewise; or by who came by mail meanwhile
        rival = await find(account)
        if rival is None:
            raise Refused(MEANWHILE) from None
        return rival.user


async def connect(user: User, account: Account) -> None:
    """From now on this account opens theirs as well. Raises Refused."""
    known = await find(account)
    if known and known.user_id == user.id:
        return await renew(known, account)
    if known:
        raise Refused(f"This {account.title} account opens somebody else's account here. Nothing was changed.")
    try:
        await Identity.create(user_id=user.id, **account.key, **account.facts())
    except IntegrityError:
        other = await Identity.get_or_none(user_id=user.id, provider=account.provider)
        if other is None:
            raise Refused(MEANWHILE) from None
        raise Refused(
            f"Your account is connected to {other.login or 'another account'} on {account.title}. "
            "Disconnect that one first."
        ) from None
    return None
