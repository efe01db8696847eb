"""Who uses the platform: users, their sessions and sign-in links, teams and who belongs to them."""

import hashlib
import re
import secrets
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID, uuid4

from tortoise import Model, fields
from tortoise.transactions import in_transaction

from devpush.errors import Refused
from devpush.models.names import free_slug
from devpush.models.secret import SecretField

SESSION_LIFE = timedelta(days=30)
SIGN_IN_LIFE = timedelta(minutes=15)
OPERATOR_LINK_LIFE = timedelta(hours=24)
EMAIL = re.compile(r"[^@\s<>,;\"()\x00-\x1f]{1,64}@[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


def now() -> datetime:
    return datetime.now(UTC)


class Role(StrEnum):
    """What a member of a team may do; from the least to the most."""

    member = "member"
    admin = "admin"
    owner = "owner"

    @property
    def rank(self) -> int:
        return list(Role).index(self)


class Installation(Model):
    """This installation: one row. Its id marks everything we make on the Docker engine."""

    id = fields.CharField(max_length=8, primary_key=True)
    key_check = SecretField()
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "installation"

    @classmethod
    async def this(cls) -> "Installation":
        """The row, made the first time. Raises WrongKey if ENCRYPTION_KEY isn't the one it was made with."""
        return await cls.first() or await cls.create(id=secrets.token_hex(4), key_check="devpush")


class User(Model):
    id = fields.UUIDField(primary_key=True, default=uuid4)
    email = fields.CharField(max_length=320, unique=True)
    name = fields.CharField(max_length=120, default="")
    is_operator = fields.BooleanField(default=False)
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "user"

    @classmethod
    async def with_email(cls, address: str, *, operator: bool = False) -> "User":
        """The user with that address, made with a personal team at the first sign-in."""
        email = normal_email(address)
        if user := await cls.get_or_none(email=email):
            return user
        async with in_transaction():
            user, created = await cls.get_or_create(
                email=email, defaults={"name": email.split("@")[0][:120], "is_operator": operator}
            )
            if created:
                await Team.found(user)
        return user

    @classmethod
    async def operator(cls, hostname: str) -> "User":
        """Who installed the platform; made at the first start."""
        return await cls.filter(is_operator=True).order_by("created_at").first() or await cls.with_email(
            f"operator@{hostname}", operator=True
        )


def normal_email(address: str) -> str:
    """Lower case, trimmed. Raises Refused for what is no address."""
    email = address.strip().lower()
    if not EMAIL.fullmatch(email):
        raise Refused("Please enter an e-mail address, like ada@example.com.", field="email")
    return email


class Team(Model):
    id = fields.UUIDField(primary_key=True, default=uuid4)
    slug = fields.CharField(max_length=40, unique=True)
    name = fields.CharField(max_length=120)
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "team"

    @classmethod
    async def found(cls, owner: User) -> "Team":
        """A new user's own team."""
        slug = await free_slug(owner.name, "team", lambda slug: cls.exists(slug=slug))
        team = await cls.create(slug=slug, name=owner.name)
        await Member.create(team=team, user=owner, role=Role.owner)
        return team


class Member(Model):
    id = fields.UUIDField(primary_key=True, default=uuid4)
    team: fields.ForeignKeyRelation[Team] = fields.ForeignKeyField("models.Team", related_name="members")
    team_id: UUID
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField("models.User", related_name="memberships")
    user_id: UUID
    role = fields.CharEnumField(Role, default=Role.member)
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "member"
        unique_together = (("team", "user"),)


class Session(Model):
    """A browser that is signed in; the cookie holds a token of which only the hash is here."""

    id = fields.UUIDField(primary_key=True, default=uuid4)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField("models.User", related_name="sessions")
    user_id: UUID
    token_hash = fields.CharField(max_length=64, unique=True)
    ip = fields.CharField(max_length=45, default="")
    user_agent = fields.CharField(max_length=300, default="")
    created_at = fields.DatetimeField(auto_now_add=True)
    used_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()

    class Meta:
        table = "session"

    @classmethod
    async def begin(cls, user: User, *, ip: str, user_agent: str) -> str:
        """A new session; the token for the cookie."""
        token = secrets.token_urlsafe(32)
        await cls.create(
            user=user,
            token_hash=hash_token(token),
            ip=ip[:45],
            user_agent=user_agent[:300].replace("\0", ""),
            used_at=now(),
            expires_at=now() + SESSION_LIFE,
        )
        return token


class SignInLink(Model):
    """A link that signs in once: by mail, or the operator's, printed at start. Only its token's hash is here."""

    id = fields.UUIDField(primary_key=True, default=uuid4)
    token_hash = fields.CharField(max_length=64, unique=True)
    email = fields.CharField(max_length=320)
    operator = fields.BooleanField(default=False)
    created_at = fields.DatetimeField(auto_now_add=True)
    expires_at = fields.DatetimeField()
    used_at = fields.DatetimeField(null=True)

    class Meta:
        table = "sign_in_link"

    @classmethod
    async def make(cls, email: str, *, operator: bool = False) -> str:
        """A new link's token. An operator's link takes the place of the one before."""
        token = secrets.token_urlsafe(32)
        if operator:
            await cls.filter(operator=True, used_at=None).delete()
        life = OPERATOR_LINK_LIFE if operator else SIGN_IN_LIFE
        await cls.create(token_hash=hash_token(token), email=email, operator=operator, expires_at=now() + life)
        return token

    @classmethod
    async def usable(cls, token: str) -> bool:
        """Whether it would sign somebody in now. Changes nothing: mail scanners open links too."""
        return await cls.exists(token_hash=hash_token(token), used_at=None, expires_at__gt=now())

    @classmethod
    async def use(cls, token: str) -> "SignInLink | None":
        """Use it up: of two rivals one gets the link, the other None."""
        usable = cls.filter(token_hash=hash_token(token), used_at=None, expires_at__gt=now())
        if not await usable.update(used_at=now()):
            return None
        return await cls.get(token_hash=hash_token(token))


def hash_token(token: str) -> str:
    """Tokens are long and random, so a plain hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()
