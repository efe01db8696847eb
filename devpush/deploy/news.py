"""Tells open pages that something changed; they read the database again."""

from devpush.models import Deployment
from devpush.ports import Happening, World


async def tell(world: World, deployment: Deployment) -> None:
    """After a deployment's state, health or aliases changed."""
    project = deployment.project
    topics = (f"deployment:{deployment.id}", f"project:{project.id}", f"team:{project.team_id}")
    await world.live.publish([Happening(topic, "deployment", {"id": str(deployment.id)}) for topic in topics])


async def tell_project(world: World, project_id: object, team_id: object) -> None:
    """After something of the whole project changed."""
    topics = (f"project:{project_id}", f"team:{team_id}")
    await world.live.publish([Happening(topic, "project", {"id": str(project_id)}) for topic in topics])
