"""A project's private network and the fixed addresses of its apps: no address ever becomes another tenant's."""

from tortoise.exceptions import IntegrityError

from devpush.deploy import plan
from devpush.deploy.plan import Names
from devpush.errors import DeployFailed
from devpush.models import Deployment, Project
from devpush.models.database import column
from devpush.ports import SubnetTaken, World


async def have_network(world: World, project: Project) -> str:
    """The name of the project's network, made if need be on a subnet that is free on this engine."""
    name = Names(world.installation).network(project)
    refused: set[str] = set()
    for _ in range(20):
        subnet = project.subnet or await _choose(world, project, refused)
        try:
            await world.containers.network(name, subnet, labels={plan.PROJECT: str(project.id)})
            return name
        except SubnetTaken:  # somebody else on this engine was quicker
            refused.add(subnet)
            await Project.filter(id=project.id, subnet=subnet).update(subnet=None)
            project.subnet = None
    raise DeployFailed("No private network is free on this Docker Engine: its address pools are taken by others.")


async def _choose(world: World, project: Project, refused: set[str]) -> str:
    ours = await column(Project.filter(subnet__isnull=False), "subnet")
    for subnet in plan.free_subnets([*await world.containers.taken_subnets(), *ours]):
        if subnet in refused:
            continue
        try:
            await Project.filter(id=project.id, subnet=None).update(subnet=subnet)
        except IntegrityError:  # another project was quicker
            continue
        await project.refresh_from_db(fields=["subnet"])
        if project.subnet:
            return project.subnet
    raise DeployFailed("No private network is left: every subnet of the platform's pool is taken.")


async def have_address(deployment: Deployment) -> str:
    """The deployment's own address on its project's network, kept as long as its container is."""
    subnet = deployment.project.subnet
    if not subnet:
        raise DeployFailed("The project has no network yet.")
    if deployment.address in plan.app_addresses(subnet):
        return str(deployment.address)
    rows = await column(Deployment.filter(project_id=deployment.project.id, address__isnull=False), "address")
    for address in plan.app_addresses(subnet):
        if address in rows:
            continue
        try:
            await deployment.note(address=address)
        except IntegrityError:  # a rival of the same project was quicker
            continue
        return address
    raise DeployFailed(
        f"The project already has {plan.MAX_APP_ADDRESSES} running or kept deployments. "
        "Remove branches you no longer need."
    )
