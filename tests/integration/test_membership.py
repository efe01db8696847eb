"""Who belongs to a team, and as what: the rules, also when several act at once."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

import pytest

from devpush.deploy import membership
from devpush.errors import Forbidden, NotFound, Refused
from devpush.models import Identity, Invitation, Member, Role, Team, User
from devpush.models.people import hash_token, now
from tests import cast
from tests.fakes import FakeWorld

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("db")]


async def dora() -> User:
    """An admin of Alice's team."""
    user = await User.with_email("dora@example.com")
    team = await cast.team_of(await cast.alice())
    await Member.get_or_create(team=team, user=user, defaults={"role": Role.admin})
    return user


async def teams() -> Team:
    """Alice's team: she owns it, Dora is an admin, Bob a member."""
    await cast.bob()
    await dora()
    return await cast.team_of(await cast.alice())


async def roles(team: Team) -> dict[str, Role]:
    rows = await Member.filter(team=team).select_related("user")
    return {row.user.email.split("@")[0]: row.role for row in rows}


async def together(*acts: Awaitable[Any]) -> list[Any]:
    """All at once; what each came to."""
    return await asyncio.gather(*acts, return_exceptions=True)


# Roles


async def test_an_owner_makes_an_admin_and_open_pages_hear_of_it(world: FakeWorld) -> None:
    team, bob = await teams(), await cast.bob()
    await membership.change_role(world, team, bob.id, Role.admin, by=await cast.alice())
    assert (await roles(team))["bob"] == Role.admin
    heard = {(told.topic, told.kind) for told in world.live.said}
    assert {(f"user:{bob.id}", "membership"), (f"team:{team.id}", "membership")} <= heard


async def test_a_team_keeps_an_owner(world: FakeWorld) -> None:
    team, alice = await teams(), await cast.alice()
    for act in (
        membership.change_role(world, team, alice.id, Role.admin, by=alice),
        membership.leave(world, team, alice),
        membership.remove_member(world, team, alice.id, by=alice),
    ):
        with pytest.raises(Refused, match="at least one owner"):
            await act
    await membership.change_role(world, team, (await cast.bob()).id, Role.owner, by=alice)
    await membership.change_role(world, team, alice.id, Role.member, by=alice)
    assert await roles(team) == {"alice": Role.member, "bob": Role.owner, "dora": Role.admin}


async def test_who_is_alone_deletes_the_team_rather_than_leaving_it(world: FakeWorld) -> None:
    carol = await cast.carol()
    with pytest.raises(Refused, match="Delete it instead"):
        await membership.leave(world, await cast.team_of(carol), carol)


async def test_two_owners_who_leave_at_once_leave_one(world: FakeWorld) -> None:
    team, alice, bob = await teams(), await cast.alice(), await cast.bob()
    for _ in range(5):
        await Member.filter(team=team, user=bob).update(role=Role.owner)
        came = await together(membership.leave(world, team, alice), membership.leave(world, team, bob))
        assert [type(each) for each in came].count(Refused) == 1, came
        assert list((await roles(team)).values()).count(Role.owner) == 1
        for user in (alice, bob):
            await Member.get_or_create(team=team, user=user, defaults={"role": Role.owner})


async def test_two_owners_who_demote_each_other_at_once_leave_one(world: FakeWorld) -> None:
    team, alice, bob = await teams(), await cast.alice(), await cast.bob()
    for _ in range(5):
        await Member.filter(team=team, user_id__in=[alice.id, bob.id]).update(role=Role.owner)
        came = await together(
            membership.change_role(world, team, bob.id, Role.member, by=alice),
            membership.change_role(world, team, alice.id, Role.member, by=bob),
        )
        assert [type(each) for each in came].count(Forbidden) == 1, came
        assert list((await roles(team)).values()).count(Role.owner) == 1


async def test_a_role_counts_as_it_is_not_as_it_was_when_the_page_was_drawn(world: FakeWorld) -> None:
    team, alice, bob = await teams(), await cast.alice(), await cast.bob()
    admin = await dora()
    await membership.change_role(world, team, admin.id, Role.member, by=alice)
    with pytest.raises(Forbidden):
        await membership.remove_member(world, team, bob.id, by=admin)
    with pytest.raises(Forbidden):
        await membership.invite(world, team, "eve@example.com", Role.member, by=admin)
    await membership.remove_member(world, team, admin.id, by=alice)
    with pytest.raises(NotFound):
        await membership.invite(world, team, "eve@example.com", Role.member, by=admin)
    assert (await roles(team)).keys() == {"alice", "bob"}


async def test_nobody_owns_teams_without_end(world: FakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(membership, "MOST_TEAMS", 3)
    carol = await cast.carol()
    came = await together(*(membership.found(world, carol, f"Team {number}") for number in range(5)))
    assert sum(isinstance(each, Team) for each in came) == 2, came
    assert await Member.filter(user=carol, role=Role.owner).count() == 3


# Invitations


async def test_whoever_owns_the_address_joins_once(world: FakeWorld) -> None:
    team, carol = await teams(), await cast.carol()
    invited = await membership.invite(world, team, " Carol@Example.com ", Role.admin, by=await cast.alice())
    assert invited.invitation.token_hash == hash_token(invited.token)
    assert timedelta(days=29) < invited.invitation.expires_at - now() <= timedelta(days=30)
    assert (await membership.accept(world, carol, invited.invitation.id)).id == team.id
    assert (await roles(team))["carol"] == Role.admin
    assert not await Invitation.exists()
    with pytest.raises(NotFound):
        await membership.accept(world, carol, invited.invitation.id)


async def test_an_account_elsewhere_with_that_address_will_do(world: FakeWorld) -> None:
    team, carol = await teams(), await cast.carol()
    await Identity.create(
        user=carol, provider="github", issuer="https://github.com", subject="1", email="Carol@Work.example"
    )
    invited = await membership.invite(world, team, "carol@work.example", Role.member, by=await cast.alice())
    assert [waiting.id for waiting in await membership.waiting_for(carol)] == [invited.invitation.id]
    assert await membership.count_waiting(carol.id) == 1
    assert {told.kind for told in world.live.said if told.topic == f"user:{carol.id}"} == {"invitation"}
    await membership.accept(world, carol, invited.invitation.id)
    assert "carol" in await roles(team)


async def test_somebody_else_gets_nothing_from_it(world: FakeWorld) -> None:
    team, carol = await teams(), await cast.carol()
    invited = await membership.invite(world, team, "eve@example.com", Role.member, by=await cast.alice())
    for act in (membership.accept, membership.decline):
        with pytest.raises(NotFound):
            await act(world, carol, invited.invitation.id)
    assert await membership.waiting_for(carol) == []
    assert "carol" not in await roles(team)


async def test_an_invitation_accepted_twice_at_once_works_once(world: FakeWorld) -> None:
    """Also by two users, each with the address on an account elsewhere."""
    team, carol, eve = await teams(), await cast.carol(), await User.with_email("eve@example.com")
    for user, provider in ((carol, "github"), (eve, "google")):
        await Identity.create(user=user, provider=provider, issuer=provider, subject="1", email="shared@example.com")
    for _ in range(5):
        invited = await membership.invite(world, team, "shared@example.com", Role.member, by=await cast.alice())
        came = await together(*(membership.accept(world, user, invited.invitation.id) for user in (carol, eve, carol)))
        assert sum(isinstance(each, Team) for each in came) == 1, came
        assert len(await roles(team)) == 4
        await Member.filter(team=team, user_id__in=[carol.id, eve.id]).delete()


@pytest.mark.parametrize(
    "how", ["lost the role", "left", "deleted their account", "gives less now", "expired", "revoked"]
)
async def test_what_its_sender_may_no_longer_give_nobody_gets(world: FakeWorld, how: str) -> None:
    team, carol, alice, admin = await teams(), await cast.carol(), await cast.alice(), await dora()
    await Member.filter(team=team, user=admin).update(role=Role.owner)
    invited = await membership.invite(world, team, carol.email, Role.owner, by=admin)
    id = invited.invitation.id
    assert len(await membership.waiting_for(carol)) == 1
    if how == "lost the role":
        await membership.change_role(world, team, admin.id, Role.member, by=alice)
    elif how == "gives less now":
        await membership.change_role(world, team, admin.id, Role.admin, by=alice)
    elif how == "left":
        await membership.leave(world, team, admin)
    elif how == "deleted their account":
        await User.filter(id=admin.id).delete()
    elif how == "expired":
        await Invitation.filter(id=id).update(expires_at=now())
    else:
        await membership.revoke(world, team, id, by=alice)
    with pytest.raises((Refused, NotFound)):
        await membership.accept(world, carol, id)
    assert "carol" not in await roles(team)
    assert await membership.waiting_for(carol) == []
    assert await membership.count_waiting(carol.id) == 0

    if how != "revoked":  # sent again in the name of somebody who may, it is good again
        await membership.resend(world, team, id, by=alice)
        await membership.accept(world, carol, id)
        assert (await roles(team))["carol"] == Role.owner


async def test_sent_again_only_the_newer_link_is_good(world: FakeWorld) -> None:
    team, alice = await teams(), await cast.alice()
    first = await membership.invite(world, team, "eve@example.com", Role.member, by=alice)
    await membership.sent(world, first)
    again = await membership.resend(world, team, first.invitation.id, by=alice)
    assert (await Invitation.get()).token_hash == hash_token(again.token) != hash_token(first.token)
    await membership.sent(world, first)
    assert (await Invitation.get()).sent_at is None, "that was the mail before"
    await membership.sent(world, again)
    assert (await Invitation.get()).sent_at


async def test_who_is_in_the_team_is_not_invited(world: FakeWorld) -> None:
    team, alice, bob = await teams(), await cast.alice(), await cast.bob()
    await Identity.create(
        user=bob, provider="github", issuer="https://github.com", subject="1", email="bob@work.example"
    )
    for address in ("bob@example.com", "BOB@work.example", "alice@example.com"):
        with pytest.raises(Refused, match="in this team already"):
            await membership.invite(world, team, address, Role.member, by=alice)
    with pytest.raises(Refused, match="e-mail address"):
        await membership.invite(world, team, "bob", Role.member, by=alice)


async def test_who_joined_by_another_way_keeps_their_role(world: FakeWorld) -> None:
    team, carol = await teams(), await cast.carol()
    invited = await membership.invite(world, team, carol.email, Role.owner, by=await cast.alice())
    await Member.create(team=team, user=carol, role=Role.member)
    assert await membership.count_waiting(carol.id) == 0
    await membership.accept(world, carol, invited.invitation.id)
    assert (await roles(team))["carol"] == Role.member, "nobody raises their own role"


async def test_an_address_is_invited_once_and_again_when_it_has_expired(world: FakeWorld) -> None:
    team, alice = await teams(), await cast.alice()
    came = await together(
        *(membership.invite(world, team, "eve@example.com", Role.member, by=alice) for _ in range(4)),
    )
    assert [type(each) for each in came].count(Refused) == 3, came
    await Invitation.all().update(expires_at=now() - timedelta(days=1))
    await membership.invite(world, team, "eve@example.com", Role.admin, by=alice)
    assert (await Invitation.get()).role == Role.admin


async def test_invitations_of_a_team_have_a_limit(world: FakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(membership, "MOST_PENDING", 3)
    team, alice = await teams(), await cast.alice()
    came = await together(
        *(membership.invite(world, team, f"eve{number}@example.com", Role.member, by=alice) for number in range(6))
    )
    assert [type(each) for each in came].count(Refused) == 3, came
    assert await Invitation.filter(team=team).count() == 3


async def test_a_team_that_is_being_deleted_takes_nobody_in(world: FakeWorld) -> None:
    team, carol = await teams(), await cast.carol()
    invited = await membership.invite(world, team, carol.email, Role.member, by=await cast.alice())
    await Team.filter(id=team.id).update(removing_at=now())
    assert await membership.count_waiting(carol.id) == 0
    with pytest.raises(Refused, match="being deleted"):
        await membership.accept(world, carol, invited.invitation.id)
    with pytest.raises(NotFound):
        await membership.invite(world, team, "eve@example.com", Role.member, by=await cast.alice())
    assert "carol" not in await roles(team)


async def test_a_declined_invitation_is_gone(world: FakeWorld) -> None:
    team, carol = await teams(), await cast.carol()
    invited = await membership.invite(world, team, carol.email, Role.member, by=await cast.alice())
    await membership.decline(world, carol, invited.invitation.id)
    assert not await Invitation.exists()
