"""The end of a project, a team, a user: marked first, and from then on nothing of it is to be seen or wanted; then
everything of it ends. Cut off anywhere, it is taken up again. A project's end can be taken back for some days."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from tortoise.expressions import Q
from tortoise.transactions import in_transaction

from devpush.deploy import pictures
from devpush.deploy.membership import tell_members
from devpush.deploy.news import tell_project
from devpush.deploy.plan import PROJECT, Names
from devpush.deploy.source import place
from devpush.errors import NotFound, Refused
from devpush.models import (
    Deployment,
    EmailChange,
    Identity,
    Member,
    OAuthAttempt,
    Project,
    Role,
    Session,
    SignInLink,
    Team,
    User,
)
from devpush.models.database import column
from devpush.models.deployment import CANCELLABLE, State
from devpush.models.people import now
from devpush.ports import Happening, RouteTable, World

# Marking: short, in one transaction, and from then on it is gone for everybody


async def remove_project(world: World, project: Project) -> None:
    """From now on nothing of it is to be seen or served. Its rows, images, log and name stay for DELETED_KEEP_DAYS, in
    which it can be restored; the rest is `work`, then."""
    days = world.settings.deleted_keep_days
    ends_at = now() + timedelta(days=days) if days else None
    await Project.filter(id=project.id, removing_at=None).update(removing_at=now(), ends_at=ends_at)
    await _stop(world, [project])
    world.jobs.work_soon("removals")


async def restore_project(world: World, team: Team, project_id: UUID) -> Project:
    """Take its deletion back: what served serves again, as soon as the sweep has made its containers from their images.
    Raises NotFound: it isn't the team's, wasn't deleted, or it is too late."""
    project = await _deleted(team, project_id)
    if not await Project.filter(id=project_id, ends_at__gt=now()).update(removing_at=None, ends_at=None):
        raise NotFound
    world.jobs.sweep_soon()
    await tell_project(world, project.id, project.team_id)
    return project


async def end_project(world: World, team: Team, project_id: UUID) -> Project:
    """End a deleted project now, and not after its days. Raises NotFound as restore_project does."""
    project = await _deleted(team, project_id)
    if not await Project.filter(id=project_id, ends_at__gt=now()).update(ends_at=now()):
        raise NotFound
    world.jobs.work_soon("removals")
    await tell_project(world, project.id, project.team_id)
    return project


async def _deleted(team: Team, project_id: UUID) -> Project:
    project = await Project.get_or_none(id=project_id, team_id=team.id, ends_at__gt=now())
    if project is None:
        raise NotFound
    return project


async def remove_team(world: World, team: Team) -> None:
    """With its projects. Nobody is in it any more from now on: its pages and streams are gone within seconds."""
    async with in_transaction():
        members, projects = await _mark_team(team.id)
    await _stop(world, projects)
    await tell_members(world, team.id, members)
    world.jobs.work_soon("removals")


async def remove_user(world: World, user: User) -> None:
    """With the teams in which they are alone. Raises Refused where a team with others would be left without an owner.

    Their sessions end at once. So does their claim on the address, the name and the accounts elsewhere: whoever signs
    in with them from now on is somebody new, also while this is still being worked on."""
    async with in_transaction():
        if not await User.filter(id=user.id, removing_at=None).select_for_update(no_key=True).first():
            raise NotFound
        shared, alone = await _teams_of(user)
        marked = [await _mark_team(team.id) for team in alone]
        await Member.filter(user_id=user.id, team_id__in=[team.id for team in shared]).delete()
        for model in (Session, Identity, EmailChange, OAuthAttempt):
            await model.filter(user_id=user.id).delete()
        await SignInLink.filter(email=user.email).delete()
        gone = f"removed-{user.id.hex[:24]}"
        facts = {"email": f"{gone}@removed.invalid", "username": gone, "is_operator": False}
        await User.filter(id=user.id).update(removing_at=now(), **facts)
    await _stop(world, [project for _, projects in marked for project in projects])
    await world.live.publish([Happening(f"user:{user.id}", "signed_out")])
    for team in (*shared, *alone):
        await tell_members(world, team.id, [user.id])
    world.jobs.work_soon("removals")


async def _teams_of(user: User) -> tuple[list[Team], list[Team]]:
    """The teams they share, and those in which they are alone; all of them locked, in one order."""
    mine = await column(Member.filter(user_id=user.id), "team_id")
    locked = Team.filter(id__in=mine, removing_at=None).order_by("id").select_for_update(no_key=True)
    shared: list[Team] = []
    alone: list[Team] = []
    orphaned: list[str] = []
    for team in await locked:
        others = Member.filter(team_id=team.id).exclude(user_id=user.id)
        if not await others.exists():
            alone.append(team)
        elif await others.filter(role=Role.owner).exists():
            shared.append(team)
        else:
            orphaned.append(team.name)
    if orphaned:
        names = _and(sorted(orphaned))
        raise Refused(f"You are the only owner of {names}. First make somebody else an owner, or delete the team.")
    return shared, alone


async def _mark_team(team_id: UUID) -> tuple[list[UUID], list[Project]]:
    """The users who were in it, and the projects that go with it."""
    await Team.filter(id=team_id, removing_at=None).update(removing_at=now())
    return await column(Member.filter(team_id=team_id), "user_id"), await _mark_projects(team_id)


async def _mark_projects(team_id: UUID) -> list[Project]:
    await Project.filter(team_id=team_id, removing_at=None).update(removing_at=now())
    await Project.filter(team_id=team_id).update(ends_at=None)  # without the team there is nothing to restore it to
    return await Project.filter(team_id=team_id)


async def _stop(world: World, projects: Iterable[Project]) -> None:
    """Whatever is being built or started for them, and what runs."""
    for project in projects:
        for id in await column(Deployment.filter(project_id=project.id, state__in=CANCELLABLE)):
            if await Deployment.filter(id=id, state__in=CANCELLABLE).update(state=State.cancelled, finished_at=now()):
                world.jobs.stop(str(id))
        await tell_project(world, project.id, project.team_id)
    world.jobs.sweep_soon()


# The work: every step may run twice


async def work(world: World) -> bool:
    """Take whatever is marked to its end. Projects first: the rows above them are how they are found again."""
    for team_id in await column(Team.filter(removing_at__isnull=False)):
        await _stop(world, await _mark_projects(team_id))
    for project in await Project.filter(Q(ends_at=None) | Q(ends_at__lte=now()), removing_at__isnull=False):
        await _end_project(world, project)
    for team in await Team.filter(removing_at__isnull=False):
        await _end_team(world, team)
    for user in await User.filter(removing_at__isnull=False):
        await _end_user(world, user)
    return False


async def _end_project(world: World, project: Project) -> None:
    """Routes, containers, images, caches, network, log, mirror, picture, rows."""
    mine = {PROJECT: str(project.id)}
    await world.proxy.write(RouteTable(str(project.id), []))
    for container in await world.containers.list(mine):
        await world.containers.remove(container.name)
    for name, _, _ in await world.containers.images(mine):
        await world.containers.remove_image(name)
    for name, labels in await world.containers.volumes():
        if labels.get(PROJECT) == str(project.id):
            await world.containers.remove_volume(name)
    await world.containers.remove_network(Names(world.installation).network(project))
    await world.logs.forget(project=str(project.id))
    same_source = Project.filter(repo_url=project.repo_url, repo_username=project.repo_username)
    if not await same_source.exclude(id=project.id).exists():
        await world.git.forget(place(project))
    await pictures.forget(world, "project", project.id)
    await Project.filter(id=project.id).delete()
    await tell_project(world, project.id, project.team_id)


async def _end_team(world: World, team: Team) -> None:
    """Members and invitations go with its row, which goes once no project needs it: one may have been made in the
    moment in which the team was marked."""
    await pictures.forget(world, "team", team.id)
    async with in_transaction():
        await Team.filter(id=team.id).select_for_update().first()
        if not await Project.filter(team_id=team.id).exists():
            await Team.filter(id=team.id).delete()


async def _end_user(world: World, user: User) -> None:
    await pictures.forget(world, "user", user.id)
    await User.filter(id=user.id).delete()


def _and(names: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
