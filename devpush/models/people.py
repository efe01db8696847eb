"""Who uses the platform: users, how they sign in, their sessions, teams and who belongs to them."""

import hashlib
import re
import secrets
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID, uuid4

from tortoise import Model, fields
from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from devpush.errors import Refused
from devpush.models.names import free_slug
from devpush.models.secret import SecretField

SESSION_LIFE = timedelta(days=30)
SIGN_IN_LIFE = timedelta(minutes=15)
OPERATOR_LINK_LIFE = timedelta(hours=24)
INVITATION_LIFE = timedelta(days=30)
OAUTH_LIFE = timedelta(minutes=15)
EMAIL = re.compile(
    r"[^@\s<>,;\"()\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]{1,64}@[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?"
)


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
    front = fields.CharField(max_length=64, null=True)
    """The process that serves the dashboard, as Traefik reaches it (http://127.0.0.1:8000)."""
    alarmed_at = fields.DatetimeField(null=True)
    """When the operator was last told that backups are missing."""
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
    username = fields.CharField(max_length=40, unique=True)
    name = fields.CharField(max_length=120, default="")
    avatar = fields.CharField(max_length=16, null=True)
    """Which picture it is (a hash of it); null: none, and the first letter is shown. Likewise of teams and projects."""
    is_operator = fields.BooleanField(default=False)
    removing_at = fields.DatetimeField(null=True)
    """Since when it is being deleted: it can do nothing any more. Likewise of teams and projects."""
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "user"

    @classmethod
    async def with_email(cls, address: str, *, operator: bool = False) -> "User":
        """The user with that address, made with a personal team at the first sign-in."""
        email = normal_email(address)
        return await cls.get_or_none(email=email) or await cls.join(email, operator=operator)

    @classmethod
    async def join(
        cls, email: str, *, name: str = "", username: str = "", operator: bool = False, alone: bool = False
    ) -> "User":
        """A new user with a personal team; of two rivals with one address both get the same, unless one wants it
        `alone`: that one gets an IntegrityError."""
        local = email.split("@")[0]
        async with in_transaction():
            slug = await free_slug(username or local, "user", lambda slug: cls.exists(username=slug))
            facts = {"username": slug, "name": (name or local)[:120], "is_operator": operator}
            user, created = await cls.get_or_create(email=email, defaults=facts)
            if created:
                await Team.found(user)
            elif alone:
                raise IntegrityError(f"There is a user with the address {email}.")
        return user

    @classmethod
    async def operator(cls, hostname: str) -> "User":
        """Who installed the platform; made at the first start. Whoever had that address before stays who they are."""
        if found := await cls.filter(is_operator=True).order_by("created_at").first():
            return found
        address = f"operator@{hostname}"
        if await cls.exists(email=address):
            address = f"operator-{secrets.token_hex(4)}@{hostname}"
        return await cls.join(address, operator=True)


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
    avatar = fields.CharField(max_length=16, null=True)
    removing_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "team"

    @classmethod
    async def found(cls, owner: User, name: str = "") -> "Team":
        """A team with its first owner; a new user's own one has the user's name."""
        slug = await free_slug(name or owner.name, "team", lambda slug: cls.exists(slug=slug))
        team = await cls.create(slug=slug, name=name or owner.name)
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


class Identity(Model):
    """A way to sign in besides the mailbox: an account elsewhere, known by issuer and subject, not by address."""

    id = fields.UUIDField(primary_key=True, default=uuid4)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField("models.User", related_name="identities")
    user_id: UUID
    provider = fields.CharField(max_length=20)
    """github or google."""
    issuer = fields.CharField(max_length=255)
    """Which GitHub, which OpenID provider: an id there says nothing elsewhere."""
    subject = fields.CharField(max_length=255)
    """The account's lasting id there."""
    login = fields.CharField(max_length=255, default="")
    """What it is called there, for people."""
    email = fields.CharField(max_length=320, default="")
    """An address that the provider has verified, or none."""
    access_token = SecretField(null=True)
    """GitHub only: what the user lets us do in their name."""
    refresh_token = SecretField(null=True)
    token_expires_at = fields.DatetimeField(null=True)
    """Null: the token lasts until it is taken back."""
    created_at = fields.DatetimeField(auto_now_add=True)
    used_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "identity"
        unique_together = (("issuer", "subject"), ("user", "provider"))


class OAuthAttempt(Model):
    """A visit to a provider that has begun: used up by its callback, in the browser that began it."""

    id = fields.UUIDField(primary_key=True, default=uuid4)
    state_hash = fields.CharField(max_length=64, unique=True)
    browser_hash = fields.CharField(max_length=64)
    """Of a cookie of the browser that began it."""
    provider = fields.CharField(max_length=20)
    purpose = fields.CharField(max_length=20)
    """sign_in, link (to the account of `user`), install (GitHub's App) or manifest (making the App)."""
    user: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="oauth_attempts", null=True
    )
    user_id: UUID | None
    nonce = fields.CharField(max_length=64, default="")
    verifier = SecretField(default="")
    """PKCE's."""
    next = fields.CharField(max_length=2000, default="")
    """The path of ours to go to afterwards."""
    expires_at = fields.DatetimeField()

    class Meta:
        table = "oauth_attempt"

    @classmethod
    async def use(cls, state: str, browser: str, provider: str) -> "OAuthAttempt | None":
        """Use it up: None if it is unknown, used, too old, or began in another browser."""
        known = cls.filter(state_hash=hash_token(state), browser_hash=hash_token(browser), provider=provider)
        attempt = await known.filter(expires_at__gt=now()).first()
        if attempt is None or not await cls.filter(id=attempt.id).delete():  # a rival was quicker
            return None
        return attempt


class EmailChange(Model):
    """A new address that isn't proved yet; a user has one at most."""

    id = fields.UUIDField(primary_key=True, default=uuid4)
    user: fields.OneToOneRelation[User] = fields.OneToOneField("models.User", related_name="email_change")
    user_id: UUID
    email = fields.CharField(max_length=320)
    token_hash = fields.CharField(max_length=64, unique=True)
    created_at = fields.DatetimeField(auto_now_add=True)
    expires_at = fields.DatetimeField()

    class Meta:
        table = "email_change"


class Invitation(Model):
    """Into a team, for whoever owns the address. The row is gone once it was accepted, declined or revoked."""

    id = fields.UUIDField(primary_key=True, default=uuid4)
    team: fields.ForeignKeyRelation[Team] = fields.ForeignKeyField("models.Team", related_name="invitations")
    team_id: UUID
    email = fields.CharField(max_length=320)
    role = fields.CharEnumField(Role, default=Role.member)
    invited_by: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="invitations_sent", null=True, on_delete=fields.SET_NULL
    )
    invited_by_id: UUID | None
    token_hash = fields.CharField(max_length=64, unique=True)
    created_at = fields.DatetimeField(auto_now_add=True)
    sent_at = fields.DatetimeField(null=True)
    """Null: it could not be mailed."""
    expires_at = fields.DatetimeField()

    class Meta:
        table = "invitation"
        unique_together = (("team", "email"),)


def hash_token(token: str) -> str:
    """Tokens are long and random, so a plain hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()
