"""The end of a project, a team, a user: gone for everybody at once, and wholly in the end, wherever it was cut off."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from devpush.deploy import membership, pictures, teardown
from devpush.deploy.plan import PROJECT, Names
from devpush.errors import NotFound, Refused, Unavailable
from devpush.models import (
    Deployment,
    EmailChange,
    Identity,
    Invitation,
    Member,
    Project,
    Role,
    Session,
    SignInLink,
    State,
    Team,
    User,
)
from devpush.models.people import hash_token, now
from devpush.ports import ContainerSpec, Limits, NewLine, RouteTable
from tests import cast
from tests.fakes import FakeWorld

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("db")]

OUTSIDE = {
    "proxy": ("write",),
    "containers": ("list", "remove", "images", "remove_image", "volumes", "remove_volume", "remove_network"),
    "logs": ("forget",),
    "git": ("forget",),
}
"""What the work asks of the outer world: each of these may be the moment in which it is cut off."""


class CutOff(Exception):
    """kill -9, in tests."""


async def full_project(world: FakeWorld, owner: User, **facts: Any) -> Project:
    """With something of everything."""
    project = await cast.project(owner, **facts)
    running = await cast.deployment(project, state=State.succeeded, image="sha256:1")
    await cast.deployment(project, state=State.building)
    mine = {PROJECT: str(project.id)}
    image = world.containers.have_image(f"devpush/{project.slug}:app-1", mine)
    network, number = Names(world.installation).network(project), len(world.containers.known_networks)
    await world.containers.network(network, f"10.204.{number}.0/25", labels=mine)
    limits = Limits(memory_mb=64, cpu_quota=10_000)
    await world.containers.create(ContainerSpec(f"app-{project.slug}", image, mine, limits, network))
    await world.proxy.write(RouteTable(str(project.id), []))
    await world.logs.append([NewLine(str(project.id), str(running.id), now(), "run", "out", "hello")])
    _picture(world, "project", project.id)
    return project


def _picture(world: FakeWorld, kind: str, id: Any) -> Path:
    path = pictures.place(world, kind, id, "0" * 16)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"webp")
    return path


@contextmanager
def cut_off_at(world: FakeWorld, step: int) -> Iterator[list[str]]:
    """The step-th thing that is asked of the outer world or the database never comes back. Yields what was asked."""
    asked: list[str] = []

    def counted(name: str, call: Any) -> Any:
        async def step_or_end(*given: Any, **more: Any) -> Any:
            asked.append(name)
            if len(asked) > step:
                raise CutOff
            return await call(*given, **more)

        return step_or_end

    places = [(getattr(world, part), name) for part, names in OUTSIDE.items() for name in names]
    with pytest.MonkeyPatch.context() as patch:
        for part, name in places:
            patch.setattr(part, name, counted(name, getattr(part, name)))
        for model in (Project, Team, User):
            patch.setattr(model, "filter", _counted_filter(model, asked, step))
        yield asked


def _counted_filter(model: Any, asked: list[str], step: int) -> Any:
    real = model.filter

    def filter(*given: Any, **more: Any) -> Any:
        asked.append(f"{model.__name__}.filter")
        if len(asked) > step:
            raise CutOff
        return real(*given, **more)

    return filter


async def leftovers(world: FakeWorld, project: Project) -> list[str]:
    """What there still is of a project."""
    mine = {PROJECT: str(project.id)}
    found = {
        "rows": await Project.exists(id=project.id) or await Deployment.exists(project_id=project.id),
        "containers": await world.containers.list(mine),
        "network": [labels for _, labels in await world.containers.networks() if labels == mine],
        "images": await world.containers.images(mine),
        "lines": await world.logs.search(str(project.id)),
        "picture": list(pictures.place(world, "project", project.id, "0" * 16).parent.glob(f"{project.id}*")),
    }
    return [name for name, there in found.items() if there]


# Teams


async def test_a_team_goes_with_everything_that_is_in_it(world: FakeWorld) -> None:
    alice, bob = await cast.alice(), await cast.bob()
    team, picture = await cast.team_of(alice), _picture(world, "team", (await cast.team_of(alice)).id)
    first, second = await full_project(world, alice), await full_project(world, alice)
    await membership.invite(world, team, "eve@example.com", Role.member, by=alice)
    world.live.said.clear()

    await teardown.remove_team(world, team)
    heard = {told.topic for told in world.live.said if told.kind == "membership"}
    assert {f"user:{alice.id}", f"user:{bob.id}", f"team:{team.id}"} <= heard
    for project in (first, second):
        states = await Deployment.filter(project=project).values_list("state", flat=True)
        assert sorted(map(str, states)) == ["cancelled", "succeeded"]
    assert len(world.jobs.stopped) == 2
    assert "removals" in world.jobs.queues

    assert await teardown.work(world) is False
    assert await leftovers(world, first) == await leftovers(world, second) == []
    assert not await Team.exists(id=team.id)
    assert not await Invitation.exists()
    assert not picture.exists()
    assert {user.email for user in await User.all()} == {"alice@example.com", "bob@example.com"}


async def test_a_team_cut_off_anywhere_goes_in_the_end(world: FakeWorld) -> None:
    alice, carol = await cast.alice(), await cast.carol()
    kept = await full_project(world, carol)
    steps = 0
    while True:
        team = await membership.found(world, alice, "Short-lived")
        project = await full_project(world, alice, team=team)
        with cut_off_at(world, steps) as asked, suppress(CutOff):
            await teardown.remove_team(world, team)
            await teardown.work(world)
        if len(asked) <= steps:
            break  # it came to its end before that step
        if await Team.exists(id=team.id, removing_at=None):
            assert await Project.exists(id=project.id, removing_at=None), "marked together, or not at all"
            await teardown.remove_team(world, team)
        await teardown.work(world)
        assert not await Team.exists(id=team.id), f"after {asked[-1]}, step {steps}"
        assert await leftovers(world, project) == [], f"after {asked[-1]}, step {steps}"
        steps += 1
    assert steps > 12, "it was cut off in every one of them"
    assert await leftovers(world, kept) == ["rows", "containers", "network", "images", "lines", "picture"], (
        "nothing of anybody else's went"
    )


async def test_a_project_made_in_the_moment_in_which_its_team_was_marked_goes_as_well(world: FakeWorld) -> None:
    alice = await cast.alice()
    team = await cast.team_of(alice)
    await teardown.remove_team(world, team)
    late = await full_project(world, alice)
    await teardown.work(world)
    await teardown.work(world)
    assert await leftovers(world, late) == []
    assert not await Team.exists(id=team.id)


async def test_docker_that_is_away_stops_the_work_and_loses_nothing(world: FakeWorld) -> None:
    project = await full_project(world, await cast.alice())
    await teardown.remove_team(world, await cast.team_of(await cast.alice()))
    world.containers.away = 1
    with pytest.raises(Unavailable):
        await teardown.work(world)
    assert await Project.exists(id=project.id)
    await teardown.work(world)
    assert await leftovers(world, project) == []


# Users


async def test_a_user_goes_with_the_teams_in_which_they_are_alone(world: FakeWorld) -> None:
    alice, bob = await cast.alice(), await cast.bob()
    own, shared = await cast.team_of(bob), await cast.team_of(alice)
    mine, ours = await full_project(world, bob), await full_project(world, alice)
    await Project.filter(id=ours.id).update(created_by_id=bob.id)
    await Session.begin(bob, ip="", user_agent="")
    await Identity.create(
        user=bob, provider="github", issuer="https://github.com", subject="1", email="bob@work.example"
    )
    await EmailChange.create(user=bob, email="b@example.com", token_hash="x", expires_at=now())
    link = await SignInLink.make("bob@example.com")
    picture = _picture(world, "user", bob.id)
    world.live.said.clear()

    await teardown.remove_user(world, bob)
    assert not await Session.exists()
    assert {told.kind for told in world.live.said if told.topic == f"user:{bob.id}"} == {"signed_out", "membership"}
    assert await Member.filter(team=shared).count() == 1
    assert not await SignInLink.exists(token_hash=hash_token(link))

    newcomer = await User.with_email("bob@example.com")
    assert newcomer.id != bob.id, "whoever has the address now is somebody new, at once"
    await Identity.create(user=newcomer, provider="github", issuer="https://github.com", subject="1")

    await teardown.work(world)
    assert not await User.exists(id=bob.id)
    assert not await Team.exists(id=own.id)
    assert await leftovers(world, mine) == []
    assert not picture.exists()
    assert (await Project.get(id=ours.id)).created_by_id is None
    assert await User.exists(id=newcomer.id)


async def test_the_only_owner_of_a_team_with_others_hands_it_over_first(world: FakeWorld) -> None:
    alice, bob = await cast.alice(), await cast.bob()
    team = await cast.team_of(alice)
    await Team.filter(id=team.id).update(name="Acme")
    second = await membership.found(world, alice, "Beta")
    await Member.create(team=second, user=bob, role=Role.admin)
    with pytest.raises(Refused, match="only owner of Acme and Beta"):
        await teardown.remove_user(world, alice)
    assert not await User.exists(removing_at__isnull=False)
    for each in (team, second):
        await membership.change_role(world, each, bob.id, Role.owner, by=alice)
    await teardown.remove_user(world, alice)
    await teardown.work(world)
    assert {each.name for each in await Team.all()} == {"Acme", "Beta", "bob"}
    with pytest.raises(NotFound):
        await teardown.remove_user(world, alice)


async def test_two_owners_who_delete_their_accounts_at_once_leave_no_orphans(world: FakeWorld) -> None:
    team, bob = await cast.team_of(await cast.alice()), await cast.bob()
    carol = await cast.carol()
    await Member.filter(team=team, user=bob).update(role=Role.owner)
    await Member.create(team=team, user=carol, role=Role.member)
    both = [teardown.remove_user(world, user) for user in (await cast.alice(), bob)]
    came = await asyncio.gather(*both, return_exceptions=True)
    assert [type(each) for each in came].count(Refused) == 1, came
    assert await Member.filter(team=team, role=Role.owner).count() == 1


async def test_who_is_being_deleted_joins_and_makes_nothing_meanwhile(world: FakeWorld) -> None:
    alice, carol = await cast.alice(), await cast.carol()
    team = await cast.team_of(alice)
    for _ in range(5):
        user = await User.with_email("eve@example.com")
        invited = await membership.invite(world, team, user.email, Role.member, by=alice)
        came = await asyncio.gather(
            teardown.remove_user(world, user),
            membership.accept(world, user, invited.invitation.id),
            membership.found(world, user, "Late"),
            return_exceptions=True,
        )
        assert came[0] is None, came
        assert all(isinstance(each, Team | NotFound) for each in came[1:]), came
        await teardown.work(world)
        assert not await User.exists(id=user.id)
        assert not await Member.exists(user_id=user.id)
        assert await Member.filter(team=team).count() == 1
        assert not await Team.exists(name="Late")
        await Invitation.all().delete()
    assert await User.exists(id=carol.id)


async def test_a_user_cut_off_anywhere_goes_in_the_end(world: FakeWorld) -> None:
    await cast.alice()
    steps = 0
    while True:
        user = await User.join(f"eve{steps}@example.com")
        project = await full_project(world, user)
        with cut_off_at(world, steps) as asked, suppress(CutOff):
            await teardown.remove_user(world, user)
            await teardown.work(world)
        if len(asked) <= steps:
            break
        if await User.exists(id=user.id, removing_at=None):
            await teardown.remove_user(world, user)
        await teardown.work(world)
        assert not await User.exists(id=user.id), f"after {asked[-1]}, step {steps}"
        assert await leftovers(world, project) == [], f"after {asked[-1]}, step {steps}"
        steps += 1
    assert steps > 12
    assert await Team.all().count() == 1


async def test_the_operator_who_goes_leaves_the_server_to_the_next_link(world: FakeWorld) -> None:
    operator = await User.operator("localhost")
    await teardown.remove_user(world, operator)
    again = await User.operator("localhost")
    assert again.id != operator.id
    assert again.is_operator
