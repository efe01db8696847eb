"""The end of a project: marked first, then everything of it ends; cut off anywhere, it is taken up again."""

from devpush.deploy.news import tell_project
from devpush.deploy.plan import PROJECT, Names
from devpush.deploy.source import place
from devpush.models import Deployment, Project
from devpush.models.database import column
from devpush.models.deployment import CANCELLABLE, State
from devpush.models.people import now
from devpush.ports import RouteTable, World


async def remove_project(world: World, project: Project) -> None:
    """Mark it: from now on nothing of it is wanted. The rest is `finish`, soon."""
    await Project.filter(id=project.id, removing_at=None).update(removing_at=now())
    stopped = Deployment.filter(project_id=project.id, state__in=CANCELLABLE)
    for id in await column(stopped):
        if await Deployment.filter(id=id, state__in=CANCELLABLE).update(state=State.cancelled, finished_at=now()):
            world.jobs.stop(str(id))
    await tell_project(world, project.id, project.team_id)
    world.jobs.sweep_soon()
    world.jobs.work_soon("removals")


async def work(world: World) -> bool:
    """Take every project that is marked to its end: routes, containers, images, caches, network, log, mirror, rows."""
    for project in await Project.filter(removing_at__isnull=False):
        await _end(world, project)
    return False


async def _end(world: World, project: Project) -> None:
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
    await Project.filter(id=project.id).delete()
    await tell_project(world, project.id, project.team_id)
