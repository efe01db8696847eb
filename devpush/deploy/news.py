"""Tells open pages that something changed; they read the database again. And GitHub, which hears of it later."""

from devpush.models import Deployment
from devpush.ports import Happening, World


async def tell(world: World, deployment: Deployment) -> None:
    """After a deployment's state, health or aliases changed, and that is committed."""
    project = deployment.project
    topics = (f"deployment:{deployment.id}", f"project:{project.id}", f"team:{project.team_id}")
    await world.live.publish([Happening(topic, "deployment", {"id": str(deployment.id)}) for topic in topics])
    if project.github_repo_id:
        world.jobs.work_soon("reports")


async def tell_project(world: World, project_id: object, team_id: object) -> None:
    """After something of the whole project changed."""
    topics = (f"project:{project_id}", f"team:{team_id}")
    await world.live.publish([Happening(topic, "project", {"id": str(project_id)}) for topic in topics])


async def tell_domains(world: World, project_id: object) -> None:
    """After something of a project's domains changed: only its settings show them."""
    await world.live.publish([Happening(f"project:{project_id}", "domain", {"id": str(project_id)})])


async def tell_reported(world: World, deployment_id: object) -> None:
    """After GitHub has heard of a deployment, or won't: only its own page shows that."""
    topic = f"deployment:{deployment_id}"
    await world.live.publish([Happening(topic, "report", {"id": str(deployment_id)})])
