"""Who is asking: the session behind the cookie, its user and their teams, in one query."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any
from uuid import UUID

from quart import Response, g, request

from devpush.deploy.membership import HOW_MANY_WAIT
from devpush.models import Role, Session, Team, User
from devpush.models.database import fetch
from devpush.models.people import SESSION_LIFE, hash_token
from devpush.ports import Happening
from devpush.settings import Settings
from devpush.web.world import world

COOKIE = "devpush_session"
RENEW_AFTER = timedelta(days=1)
LONGEST_TOKEN = 100
UNASKED = frozenset({"assets.file", "health.health", "health.ready", "webhooks.github", "webhooks.project"})
"""Answer the same to everybody: nothing is read for them."""

# Which invitations are good is a longer question, asked only if there are any.
FIND = f"""
    WITH visit AS MATERIALIZED (
        SELECT s.id AS session_id, s.used_at, u.id, u.email, u.username, u.name, u.avatar, u.is_operator, u.created_at,
               CASE WHEN EXISTS (SELECT FROM invitation i WHERE i.email = u.email)
                      OR EXISTS (SELECT FROM identity o JOIN invitation i ON i.email = lower(o.email)
                                 WHERE o.user_id = u.id)
                    THEN ({HOW_MANY_WAIT}) ELSE 0 END AS waiting
        FROM session s JOIN "user" u ON u.id = s.user_id AND u.removing_at IS NULL
        WHERE s.token_hash = $1 AND s.expires_at > $2
    )
    SELECT v.*, m.role, t.id AS team_id, t.slug AS team_slug, t.name AS team_name, t.avatar AS team_avatar,
           t.created_at AS team_created_at
    FROM visit v LEFT JOIN (member m JOIN team t ON t.id = m.team_id AND t.removing_at IS NULL) ON m.user_id = v.id
    ORDER BY t.created_at, t.id
"""  # noqa: S608 - only our own words stand in it
USER = ("id", "email", "username", "name", "avatar", "is_operator", "created_at")


@dataclass(frozen=True, slots=True)
class Membership:
    team: Team
    role: Role


@dataclass(frozen=True, slots=True)
class Visit:
    """A session that is good now, whose it is, and the teams they are in (oldest first)."""

    id: UUID
    token: str
    user: User
    memberships: tuple[Membership, ...]
    used_at: datetime
    waiting: int
    """Invitations."""


async def find(token: str) -> Visit | None:
    """Asked of the database every time: a revoked session ends at once, in every process."""
    if not token or len(token) > LONGEST_TOKEN:
        return None
    rows = await fetch(FIND, hash_token(token), datetime.now(UTC))
    return _visit(token, rows) if rows else None


async def load() -> None:
    """Before every request: `g.visit`, and `g.me`, `g.teams` and `g.waiting` (invitations) for the templates."""
    g.visit = g.me = None
    g.teams, g.waiting = [], 0
    if request.url_rule is None or request.endpoint in UNASKED:
        return
    visit = await find(request.cookies.get(cookie_name(world().settings, COOKIE), ""))
    if visit is None:
        return
    g.visit, g.me = visit, visit.user
    g.teams = [membership.team for membership in visit.memberships]
    g.waiting = visit.waiting
    if datetime.now(UTC) - visit.used_at > RENEW_AFTER:
        await _renew(visit)


async def sign_in(user: User) -> None:
    """Begin a session for this browser; the one it had, whosever it was, ends."""
    if g.visit:
        await Session.filter(id=g.visit.id).delete()
    g.session_token = await Session.begin(user, ip=client_ip(), user_agent=request.user_agent.string)


async def end(*sessions: UUID, user: User) -> int:
    """End these sessions of the user's, or all of them; how many there were. Their open streams close."""
    query = Session.filter(user_id=user.id)
    ended = await (query.filter(id__in=sessions) if sessions else query).delete()
    await world().live.publish([Happening(f"user:{user.id}", "signed_out")])
    return ended


async def sign_out() -> None:
    """End this browser's session."""
    await end(g.visit.id, user=g.visit.user)
    g.session_token = ""


def set_cookies(response: Response) -> None:
    """After every request: the session cookie, where it has changed."""
    token: str | None = g.get("session_token")
    if token is not None:
        put_cookie(response, COOKIE, token, life=SESSION_LIFE)


def put_cookie(response: Response, name: str, value: str, *, life: timedelta | None = None) -> None:
    """A cookie that only we can read; an empty value takes it away."""
    settings = world().settings
    response.set_cookie(
        cookie_name(settings, name),
        value,
        max_age=life if value else 0,
        path="/",
        secure=settings.url_scheme == "https",
        httponly=True,
        samesite="Lax",
    )


def cookie_name(settings: Settings, name: str) -> str:
    """With `__Host-` an app on a sibling hostname can't set our cookies; browsers take it over https only."""
    return f"__Host-{name}" if settings.url_scheme == "https" else name


def client_ip() -> str:
    """The browser's address. Only a peer on this machine, our Traefik, is believed about whom it speaks for:
    it overwrites what a client claims, so the last entry is what it saw."""
    peer = _address((request.scope.get("client") or ("",))[0])
    if peer is None or not peer.is_loopback:
        return str(peer or "")
    told = _address(request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip())
    return str(told or peer)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _visit(token: str, rows: list[dict[str, Any]]) -> Visit:
    first = rows[0]
    user = User.construct(
        _saved_in_db=True,
        **{name: first[name] for name in USER},
    )
    memberships = tuple(Membership(_team(row), Role(row["role"])) for row in rows if row["team_id"])
    return Visit(first["session_id"], token, user, memberships, first["used_at"], first["waiting"])


def _team(row: dict[str, Any]) -> Team:
    return Team.construct(
        _saved_in_db=True,
        id=row["team_id"],
        slug=row["team_slug"],
        name=row["team_name"],
        avatar=row["team_avatar"],
        created_at=row["team_created_at"],
    )


async def _renew(visit: Visit) -> None:
    """A session in use lives on; written once a day at most."""
    now = datetime.now(UTC)
    await Session.filter(id=visit.id).update(used_at=now, expires_at=now + SESSION_LIFE)
    g.session_token = visit.token
