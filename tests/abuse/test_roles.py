"""A15: what somebody may make of somebody else, and of themselves: every role, every act, every other role."""

import asyncio
from dataclasses import dataclass
from itertools import product

import pytest
from quart import Quart

from devpush.models import Invitation, Member, Role, Team, User
from tests import cast
from tests.fakes import FakeWorld
from tests.visitor import Visitor, dashboard

pytestmark = [pytest.mark.abuse, pytest.mark.integration, pytest.mark.usefixtures("db")]

ALL = ("member", "admin", "owner")
CHANGES = {
    ("admin", "member"): {"member", "admin", "nothing"},
    ("owner", "member"): {"member", "admin", "owner", "nothing"},
    ("owner", "admin"): {"member", "admin", "owner", "nothing"},
    ("owner", "owner"): {"member", "admin", "owner", "nothing"},
}
"""(Who acts, on whom) → what they may make of them; `nothing` takes them off the team. What isn't here, nobody may."""
OF_ONESELF = {"member": set[str](), "admin": {"member", "admin"}, "owner": {"member", "admin", "owner"}}
"""Who → what they may make of themselves, where another owner is left."""
INVITES = {"member": set[str](), "admin": {"member", "admin"}, "owner": {"member", "admin", "owner"}}


@dataclass
class Crew:
    """A team with two of each role, and browsers of theirs."""

    app: Quart
    team: Team
    users: dict[str, tuple[User, User]]

    async def restore(self) -> None:
        for role, both in self.users.items():
            for user in both:
                await Member.update_or_create(team=self.team, user=user, defaults={"role": Role(role)})

    async def roles(self) -> dict[object, Role]:
        return dict(await Member.filter(team=self.team).values_list("user_id", "role"))

    async def visitor(self, user: User) -> Visitor:
        return await Visitor(self.app).signed_in(user)

    def path(self, user: User, act: str) -> str:
        return f"/teams/{self.team.slug}/members/{user.id}/{act}"


@pytest.fixture
async def crew(world: FakeWorld) -> Crew:
    owner, team = await cast.alice(), await cast.team_of(await cast.alice())
    users: dict[str, tuple[User, User]] = {}
    for role in ALL:
        first, second = [await User.with_email(f"{role}-{number}@example.com") for number in (1, 2)]
        users[role] = (first, second)
    crew = Crew(dashboard(world), team, users)
    await crew.restore()
    await Member.filter(team=team, user=owner).delete()
    return crew


async def make(crew: Crew, who: User, whom: User, what: str) -> None:
    visitor = await crew.visitor(who)
    if what == "nothing":
        await visitor.post(crew.path(whom, "removal"))
    else:
        await visitor.post(crew.path(whom, "role"), {"role": what})


async def test_a15_nobody_changes_more_than_the_table_says(crew: Crew) -> None:
    wrong = []
    for mine, theirs, what in product(ALL, ALL, (*ALL, "nothing")):
        await crew.restore()
        before, whom = await crew.roles(), crew.users[theirs][1]
        await make(crew, crew.users[mine][0], whom, what)
        expected = dict(before)
        if what in CHANGES.get((mine, theirs), set()):
            if what == "nothing":
                del expected[whom.id]
            else:
                expected[whom.id] = Role(what)
        if await crew.roles() != expected:
            wrong.append(f"{mine} makes {theirs} {what}: {await crew.roles()}")
    assert not wrong, "\n".join(wrong)


async def test_a15_nobody_raises_their_own_role(crew: Crew) -> None:
    for mine, what in product(ALL, ALL):
        await crew.restore()
        me = crew.users[mine][0]
        await make(crew, me, me, what)
        expected = Role(what) if what in OF_ONESELF[mine] else Role(mine)
        assert (await crew.roles())[me.id] == expected, f"{mine} makes themselves {what}"


async def test_a15_an_invitation_gives_no_more_than_its_sender_has(crew: Crew) -> None:
    for mine, what in product(ALL, ALL):
        visitor = await crew.visitor(crew.users[mine][0])
        form = {"email": f"eve-of-{mine}-as-{what}@example.com", "role": what}
        await visitor.post(f"/teams/{crew.team.slug}/invitations", form)
        assert await Invitation.exists() == (what in INVITES[mine]), f"{mine} invites as {what}"
        await Invitation.all().delete()


async def test_a15_an_admin_neither_sends_again_nor_withdraws_what_only_an_owner_may_give(crew: Crew) -> None:
    owner, admin = await crew.visitor(crew.users["owner"][0]), await crew.visitor(crew.users["admin"][0])
    await owner.post(f"/teams/{crew.team.slug}/invitations", {"email": "eve@example.com", "role": "owner"})
    before = await Invitation.get()
    for act in ("mail", "removal"):
        answer = await admin.post(f"/teams/{crew.team.slug}/invitations/{before.id}/{act}")
        assert answer.status == 403
    assert (await Invitation.get()).token_hash == before.token_hash


async def test_a15_whom_one_invites_from_outside_or_into_another_team_comes_to_nothing(crew: Crew) -> None:
    """A stranger; an owner of another team with this team's members and invitations in the address."""
    carol = await cast.carol()
    own = await cast.team_of(carol)
    visitor, owner = await crew.visitor(carol), await crew.visitor(crew.users["owner"][0])
    await owner.post(f"/teams/{crew.team.slug}/invitations", {"email": "eve@example.com", "role": "member"})
    invitation, before = await Invitation.get(), await crew.roles()
    bob = crew.users["member"][0]
    for slug, status in ((crew.team.slug, 404), (own.slug, 404)):
        for path, form in (
            (f"/teams/{slug}/members/{bob.id}/role", {"role": "owner"}),
            (f"/teams/{slug}/members/{bob.id}/removal", {}),
            (f"/teams/{slug}/invitations/{invitation.id}/mail", {}),
            (f"/teams/{slug}/invitations/{invitation.id}/removal", {}),
            (f"/invitations/{invitation.id}/acceptance", {}),
            (f"/invitations/{invitation.id}/refusal", {}),
        ):
            assert (await visitor.post(path, form)).status == status, path
    assert await crew.roles() == before
    assert (await Invitation.get()).token_hash == invitation.token_hash


@pytest.mark.parametrize("role", ["", "Owner", "OWNER", "operator", "owner\0", "owner,member", "1"])
async def test_a15_there_are_three_roles_and_no_more(crew: Crew, role: str) -> None:
    owner, bob = await crew.visitor(crew.users["owner"][0]), crew.users["member"][0]
    answer = await owner.post(crew.path(bob, "role"), {"role": role})
    assert answer.status == 422
    answer = await owner.post(f"/teams/{crew.team.slug}/invitations", {"email": "eve@example.com", "role": role})
    assert answer.status == 422
    assert (await crew.roles())[bob.id] == Role.member
    assert not await Invitation.exists()


async def test_a15_two_owners_leaving_at_once_leave_one(crew: Crew) -> None:
    for _ in range(3):
        await crew.restore()
        both = [await crew.visitor(user) for user in crew.users["owner"]]
        answers = await asyncio.gather(*(visitor.post(f"/teams/{crew.team.slug}/departure") for visitor in both))
        assert sorted(answer.status for answer in answers) == [303, 422]
        assert list((await crew.roles()).values()).count(Role.owner) == 1
