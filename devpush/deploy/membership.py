"""Who belongs to a team, and as what: the rules, each holding under rivals.

Whatever changes a team's members first locks the team's row, then looks, then writes: of two owners who leave at once
one finds that they are the last. Where a user's row is locked as well (they may be on their way out), it comes before
any team's, and teams in the order of their ids: one order, so that rivals never deadlock.
"""

import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tortoise.transactions import in_transaction

from devpush.errors import Forbidden, NotFound, Refused
from devpush.models import Identity, Invitation, Member, Role, Team, User
from devpush.models.database import column, fetch
from devpush.models.people import INVITATION_LIFE, hash_token, normal_email, now
from devpush.ports import Happening, World

MANAGES = Role.admin
"""The least role that decides about others."""
MOST_PENDING = 100
MOST_TEAMS = 50
"""Owned by one user."""

STANDS = """EXISTS (
    SELECT FROM member s WHERE s.team_id = i.team_id AND s.user_id = i.invited_by_id
        AND (s.role = 'owner' OR (s.role = 'admin' AND i.role <> 'owner'))
)"""
"""Of an invitation `i`: whoever sent it could still send it today. Nobody gets what they may no longer give."""

WAITING = f"""i.expires_at > now() AND {STANDS} AND NOT EXISTS (
    SELECT FROM member j WHERE j.team_id = i.team_id AND j.user_id = u.id
) AND i.email = ANY (ARRAY(SELECT u.email UNION ALL SELECT lower(o.email) FROM identity o WHERE o.user_id = u.id))"""  # noqa: S608
"""Of an invitation `i` and a user `u`: it waits for them."""

HOW_MANY_WAIT = f"""SELECT count(*) FROM invitation i JOIN team t ON t.id = i.team_id AND t.removing_at IS NULL
    WHERE {WAITING}"""  # noqa: S608
"""Of a user `u`."""


# Who may what


def may_give(mine: Role, role: Role) -> bool:
    """Whether somebody with my role may make somebody else this: nobody gives what they haven't got."""
    return mine.rank >= MANAGES.rank and role.rank <= mine.rank


def may_change(mine: Role, theirs: Role) -> bool:
    """Whether somebody with my role may take away or change theirs: only of those below, and owners of everybody."""
    return mine == Role.owner or (mine.rank >= MANAGES.rank and theirs.rank < mine.rank)


def givable(mine: Role) -> list[Role]:
    return [role for role in Role if may_give(mine, role)]


# Teams


async def found(world: World, owner: User, name: str) -> Team:
    """A new team of theirs."""
    async with in_transaction():
        await _still_here(owner)
        if await Member.filter(user_id=owner.id, role=Role.owner).count() >= MOST_TEAMS:
            raise Refused(f"You own {MOST_TEAMS} teams already. Delete one you no longer need first.", field="name")
        team = await Team.found(owner, name)
    await tell_members(world, team.id, [owner.id])
    return team


# Members


async def change_role(world: World, team: Team, user_id: UUID, role: Role, *, by: User) -> Member:
    """Make a member something else. Raises NotFound, Forbidden, or Refused where the last owner would go."""
    async with _locked(team):
        mine, member = await _role_of(team, by), await _member(team, user_id)
        if member.role == role:
            return member
        if user_id == by.id:
            if role.rank > mine.rank:
                raise Forbidden("Nobody raises their own role.")
        elif not may_change(mine, member.role):
            raise Forbidden(f"This takes more than the role of {mine}: they are {a(member.role)}.")
        elif not may_give(mine, role):
            raise Forbidden(f"You can't make somebody {a(role)}: you are {a(mine)} yourself.")
        if member.role == Role.owner:
            await _leave_an_owner(team, user_id)
        member.role = role
        await member.save(update_fields=["role"])
    await tell_members(world, team.id, [user_id])
    return member


async def remove_member(world: World, team: Team, user_id: UUID, *, by: User) -> None:
    """Take somebody off the team. Raises as `change_role` does."""
    if user_id == by.id:
        await leave(world, team, by)
        return
    async with _locked(team):
        mine, member = await _role_of(team, by), await _member(team, user_id)
        if not may_change(mine, member.role):
            raise Forbidden(f"This takes more than the role of {mine}: they are {a(member.role)}.")
        await member.delete()
    await tell_members(world, team.id, [user_id])


async def leave(world: World, team: Team, user: User) -> None:
    async with _locked(team):
        member = await _member(team, user.id)
        if member.role == Role.owner:
            if await Member.filter(team_id=team.id).count() == 1:
                raise Refused("Nobody else is in this team. Delete it instead.")
            await _leave_an_owner(team, user.id)
        await member.delete()
    await tell_members(world, team.id, [user.id])


async def _leave_an_owner(team: Team, without: UUID) -> None:
    if not await Member.filter(team_id=team.id, role=Role.owner).exclude(user_id=without).exists():
        raise Refused("A team keeps at least one owner. Make somebody else an owner first.")


# Invitations


@dataclass(frozen=True)
class Invited:
    """An invitation and what opens it. The token is known only now: of it a hash is kept."""

    invitation: Invitation
    token: str


async def invite(world: World, team: Team, email: str, role: Role, *, by: User) -> Invited:
    """Into the team, for 30 days, for whoever owns that address."""
    address, token = normal_email(email), secrets.token_urlsafe(32)
    async with _locked(team):
        mine = await _role_of(team, by)
        if not may_give(mine, role):
            raise Forbidden(f"You can't invite {a(role)}: you are {a(mine)} yourself.")
        await _refuse_members(team, address)
        await Invitation.filter(team_id=team.id, email=address, expires_at__lte=now()).delete()
        if await Invitation.exists(team_id=team.id, email=address):
            raise Refused("They are invited already. You can send that invitation again.", field="email")
        if await Invitation.filter(team_id=team.id).count() >= MOST_PENDING:
            raise Refused(f"{MOST_PENDING} invitations are waiting already. Withdraw one first.", field="email")
        invitation = await Invitation.create(
            team_id=team.id,
            email=address,
            role=role,
            invited_by_id=by.id,
            token_hash=hash_token(token),
            expires_at=now() + INVITATION_LIFE,
        )
    await _tell_invited(world, team.id, address)
    return Invited(invitation, token)


async def resend(world: World, team: Team, invitation_id: UUID, *, by: User) -> Invited:
    """Once more, in the name of who sends it now: another link, 30 days from today; the link before is dead."""
    token = secrets.token_urlsafe(32)
    async with _locked(team):
        mine, invitation = await _role_of(team, by), await _invitation(team, invitation_id)
        if not may_give(mine, invitation.role):
            raise Forbidden(f"You can't invite {a(invitation.role)}: you are {a(mine)} yourself.")
        await _refuse_members(team, invitation.email)
        facts = {"invited_by_id": by.id, "token_hash": hash_token(token), "sent_at": None}
        await invitation.update_from_dict({**facts, "expires_at": now() + INVITATION_LIFE}).save()
    await _tell_invited(world, team.id, invitation.email)
    return Invited(invitation, token)


async def address_of(team: Team, invitation_id: UUID) -> str:
    """Whom an invitation of that team's is for. Raises NotFound."""
    return (await _invitation(team, invitation_id)).email


async def sent(world: World, invited: Invited) -> None:
    """Its mail has left the house (unless it was sent once more meanwhile: then that mail counts)."""
    this = Invitation.filter(id=invited.invitation.id, token_hash=hash_token(invited.token))
    if await this.update(sent_at=now()):
        await tell_members(world, invited.invitation.team_id, [])


async def revoke(world: World, team: Team, invitation_id: UUID, *, by: User) -> None:
    async with _locked(team):
        mine, invitation = await _role_of(team, by), await _invitation(team, invitation_id)
        if not may_give(mine, invitation.role):
            raise Forbidden(f"This takes more than the role of {mine}: they are invited as {a(invitation.role)}.")
        await invitation.delete()
    await _tell_invited(world, team.id, invitation.email)


async def accept(world: World, user: User, invitation_id: UUID) -> Team:
    """Join the team. The row goes with it: an invitation works once. Whoever is in the team already keeps their role.
    Raises NotFound for what isn't theirs, Refused for what came too late."""
    async with in_transaction():
        await _still_here(user)
        invitation = await _theirs(user, invitation_id)
        team = await Team.filter(id=invitation.team_id, removing_at=None).select_for_update(no_key=True).first()
        if team is None:
            raise Refused("That team is being deleted.")
        if not await _stands(invitation.id):
            raise Refused(
                "Who invited you may no longer do so, or the invitation was withdrawn or has expired. "
                "Ask the team for a new one."
            )
        await Invitation.filter(id=invitation.id).delete()
        await Member.get_or_create(team_id=team.id, user_id=user.id, defaults={"role": invitation.role})
    await tell_members(world, team.id, [user.id])
    await _tell_invited(world, team.id, invitation.email)
    return team


async def decline(world: World, user: User, invitation_id: UUID) -> None:
    invitation = await _theirs(user, invitation_id)
    await Invitation.filter(id=invitation.id).delete()
    await _tell_invited(world, invitation.team_id, invitation.email)


async def _refuse_members(team: Team, address: str) -> None:
    """Who is in the team already, under that address or with an account of theirs that has it."""
    ids = await _owners_of(address)
    if await Member.filter(team_id=team.id, user_id__in=ids).exists():
        raise Refused(f"{address} is in this team already.", field="email")


async def _theirs(user: User, invitation_id: UUID) -> Invitation:
    invitation = await Invitation.get_or_none(id=invitation_id)
    if invitation is None or invitation.email not in await addresses(user):
        raise NotFound
    return invitation


async def _stands(invitation_id: UUID) -> bool:
    """Whether it can be accepted now. Asked once the team is locked: nobody's role changes meanwhile."""
    sql = f"SELECT FROM invitation i WHERE i.id = $1 AND i.expires_at > now() AND {STANDS}"
    return bool(await fetch(sql, invitation_id))


async def addresses(user: User) -> frozenset[str]:
    """Those that are proved to be theirs: what an invitation may be bound to."""
    others = await column(Identity.filter(user_id=user.id).exclude(email=""), "email")
    return frozenset({user.email, *map(str.lower, others)})


async def _owners_of(address: str) -> list[UUID]:
    """Whose address that is: one user's own, or that of accounts elsewhere."""
    sql = """SELECT id FROM "user" WHERE email = $1
        UNION SELECT user_id FROM identity WHERE lower(email) = $1"""
    return [row["id"] for row in await fetch(sql, address)]


# What pages show of it


@dataclass(frozen=True, slots=True)
class MemberRow:
    """Somebody of the team."""

    id: UUID
    """The user's."""
    name: str
    email: str
    avatar: str | None
    role: Role


@dataclass(frozen=True, slots=True)
class InvitationRow:
    """An invitation, as the team sees it."""

    id: UUID
    email: str
    role: Role
    by: str
    """Who sent it; "" if they are gone."""
    stands: bool
    expired: bool
    sent_at: datetime | None
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """An invitation, as the one sees it whom it is for."""

    id: UUID
    team_id: UUID
    team_name: str
    team_avatar: str | None
    role: Role
    by: str
    expires_at: datetime


async def members(team_id: UUID) -> list[MemberRow]:
    """Owners first, then admins, then everybody else; by name."""
    rows = await fetch(
        """SELECT u.id, coalesce(nullif(u.name, ''), u.username) AS name, u.email, u.avatar, m.role
        FROM member m JOIN "user" u ON u.id = m.user_id
        WHERE m.team_id = $1 AND u.removing_at IS NULL
        ORDER BY array_position(ARRAY['owner', 'admin', 'member'], m.role::text), lower(u.name), u.email""",
        team_id,
    )
    return [MemberRow(**{**row, "role": Role(row["role"])}) for row in rows]


async def pending(team_id: UUID) -> list[InvitationRow]:
    rows = await fetch(
        f"""SELECT i.id, i.email, i.role, coalesce(nullif(u.name, ''), u.email, '') AS by, {STANDS} AS stands,
            i.expires_at <= now() AS expired, i.sent_at, i.created_at, i.expires_at
        FROM invitation i LEFT JOIN "user" u ON u.id = i.invited_by_id AND u.removing_at IS NULL
        WHERE i.team_id = $1 ORDER BY i.created_at DESC, i.email""",  # noqa: S608 - only our own words stand in it
        team_id,
    )
    return [InvitationRow(**{**row, "role": Role(row["role"])}) for row in rows]


async def waiting_for(user: User) -> list[Waiting]:
    """The invitations that this user can accept now, newest first."""
    rows = await fetch(
        f"""SELECT i.id, t.id AS team_id, t.name AS team_name, t.avatar AS team_avatar, i.role, i.expires_at,
            (SELECT coalesce(nullif(b.name, ''), b.email) FROM "user" b WHERE b.id = i.invited_by_id) AS by
        FROM "user" u JOIN invitation i ON {WAITING} JOIN team t ON t.id = i.team_id AND t.removing_at IS NULL
        WHERE u.id = $1 ORDER BY i.created_at DESC, i.id""",  # noqa: S608 - only our own words stand in it
        user.id,
    )
    return [Waiting(**{**row, "role": Role(row["role"])}) for row in rows]


async def count_waiting(user_id: UUID) -> int:
    rows = await fetch(f'SELECT ({HOW_MANY_WAIT}) AS waiting FROM "user" u WHERE u.id = $1', user_id)  # noqa: S608
    return sum(int(row["waiting"]) for row in rows)


# Open pages follow


async def tell_members(world: World, team_id: UUID, users: Iterable[UUID]) -> None:
    """After what these users are in the team has changed: their pages show what they may do now, or go away."""
    topics = [*(f"user:{id}" for id in users), f"team:{team_id}"]  # who may no longer look isn't told to look again
    await world.live.publish([Happening(topic, "membership", {"team": str(team_id)}) for topic in topics])


async def _tell_invited(world: World, team_id: UUID, address: str) -> None:
    """After an invitation came or went: the bell of whom it is for, and the team's list of them."""
    bells = [Happening(f"user:{id}", "invitation") for id in await _owners_of(address)]
    await world.live.publish([Happening(f"team:{team_id}", "membership"), *bells])


# What the rules stand on


@asynccontextmanager
async def _locked(team: Team) -> AsyncIterator[None]:
    """As long as this lasts, nobody else changes who belongs to the team. Its projects go on."""
    async with in_transaction():
        if not await Team.filter(id=team.id, removing_at=None).select_for_update(no_key=True).first():
            raise NotFound
        yield


async def _still_here(user: User) -> None:
    """Keep the user from being removed meanwhile."""
    if not await User.filter(id=user.id, removing_at=None).select_for_update(no_key=True).first():
        raise NotFound


async def _role_of(team: Team, user: User) -> Role:
    """As it is now, not as it was when the request came in."""
    member = await Member.get_or_none(team_id=team.id, user_id=user.id)
    if member is None:
        raise NotFound
    return member.role


async def _member(team: Team, user_id: UUID) -> Member:
    member = await Member.get_or_none(team_id=team.id, user_id=user_id)
    if member is None:
        raise NotFound
    return member


async def _invitation(team: Team, invitation_id: UUID) -> Invitation:
    invitation = await Invitation.get_or_none(team_id=team.id, id=invitation_id)
    if invitation is None:
        raise NotFound
    return invitation


def a(role: Role) -> str:
    """With its article."""
    return f"{'an' if role[0] in 'ao' else 'a'} {role}"
