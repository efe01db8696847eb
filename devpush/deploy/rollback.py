"""Back to an earlier deployment: its stopped container starts, the aliases move, the route is seen. No build."""

import asyncio
import time
from uuid import UUID

from devpush.deploy import environment, plan, traffic
from devpush.deploy.network import have_network
from devpush.deploy.news import tell
from devpush.deploy.plan import Names
from devpush.errors import DeployFailed, Refused
from devpush.models import Deployment, State, User
from devpush.models.database import column
from devpush.models.deployment import next_act
from devpush.ports import AddressTaken, ImageMissing, World

READY_WITHIN = 60
STILL_RUNS_EVERY = 0.1
"""Seconds between two questions to Docker: asked at every look, they take the processor from the app that starts."""


async def roll_back(world: World, deployment: Deployment, *, by: User | None) -> str:
    """Point the deployment's environment (and its branch, and its domains) at it again; the sentence that says so.
    Until it answers, whatever serves goes on serving. Raises Refused."""
    await deployment.fetch_related("project", "environment")
    target = deployment.environment
    if deployment.state != State.succeeded or not deployment.image or not target:
        raise Refused("Only a deployment that succeeded, in an environment that still exists, can be rolled back to.")
    act = await next_act()
    alias = await traffic.name_environment(deployment.project, target)
    if alias.deployment_id == deployment.id:
        raise Refused(f"{target.name} already runs {deployment.short_id}.")
    before = alias.deployment_id
    async with world.leases.hold(_lease(deployment.id)):
        names, _ = await asyncio.gather(traffic.names_for(deployment), _wake_up(world, deployment))
        moved = await traffic.point(deployment, names, act)
        await asleep_again(deployment)
    if alias.id not in {each.id for each in moved}:
        raise Refused(f"A newer deployment of {target.name} went live meanwhile. Look again, then decide.")
    await traffic.follow(world, deployment.project.id)
    await traffic.go_live(world, deployment, alias)
    world.jobs.sweep_soon()
    await _tell_both(world, deployment, before)
    return f"Rolled back to {deployment.short_id}. {target.name} now runs “{_title(deployment)}”."


async def _wake_up(world: World, deployment: Deployment) -> None:
    """Have its container running and answering: started again, or made again from its image."""
    name = Names(world.installation).container(deployment, "app")
    await Deployment.filter(id=deployment.id).update(health="waking", health_note="")  # the sweep leaves it alone
    try:
        container = await world.containers.inspect(name)
        if container is None or container.address != deployment.address:
            await make_again(world, deployment)
        elif container.state != "running":
            await world.containers.start(name)
        world.shipping.attach(name)
        await _answers(world, deployment, name)
    except ImageMissing:
        await asleep_again(deployment)
        raise Refused(f"The image of {deployment.short_id} is no longer kept. Redeploy it instead.") from None
    except DeployFailed as failure:
        await asleep_again(deployment)
        world.jobs.sweep_soon()
        raise Refused(f"{deployment.short_id} did not come up again, so nothing was changed. {failure}") from None


async def forget_cut_off(world: World) -> None:
    """Rollbacks that nobody is at any more have moved nothing; what they woke, the sweep stops again."""
    for id in await column(Deployment.filter(health="waking")):
        async with world.leases.hold(_lease(id)) as lease:
            if lease:
                await Deployment.filter(id=id, health="waking").update(health="ok")


def _lease(id: UUID) -> str:
    return f"rollback:{id}"


async def asleep_again(deployment: Deployment) -> None:
    """It serves by its aliases now, or is stopped by the sweep."""
    await Deployment.filter(id=deployment.id, health="waking").update(health="ok")


async def make_again(world: World, deployment: Deployment) -> None:
    """The app's container anew from its image, with the variables it had. Raises ImageMissing, DeployFailed."""
    await have_network(world, deployment.project)
    names = Names(world.installation)
    variables = await environment.running(world.settings, deployment)
    for address in plan.app_addresses(str(deployment.project.subnet)):
        if deployment.address is None and not await _take_address(deployment, address):
            continue
        try:
            await world.containers.create(plan.app(names, deployment, variables))
            await world.containers.start(names.container(deployment, "app"))
            await world.containers.keep_running(names.container(deployment, "app"))
        except AddressTaken:
            await Deployment.filter(id=deployment.id).update(address=None)
            deployment.address = None
            continue
        return
    raise DeployFailed("No address on the project's network is free.")


async def _take_address(deployment: Deployment, address: str) -> bool:
    taken = await Deployment.exists(project_id=deployment.project.id, address=address)
    if not taken:
        await Deployment.filter(id=deployment.id).update(address=address)
        deployment.address = address
    return not taken


async def _answers(world: World, deployment: Deployment, name: str) -> None:
    deadline, next_look = time.monotonic() + READY_WITHIN, 0.0
    path = deployment.config["health_path"]
    while (status := await world.probe.status(str(deployment.address), path)) is None or status >= 500:
        if (now := time.monotonic()) >= next_look:
            next_look = now + STILL_RUNS_EVERY
            container = await world.containers.inspect(name)
            if now > deadline or container is None or container.state not in ("running", "restarting"):
                raise DeployFailed("Look at its log for why.")
        await asyncio.sleep(0.01)


async def _tell_both(world: World, deployment: Deployment, before: object) -> None:
    await tell(world, deployment)
    if before and (old := await Deployment.get_or_none(id=before).select_related("project")):
        await tell(world, old)


def _title(deployment: Deployment) -> str:
    return (deployment.commit_message.splitlines() or [deployment.commit_sha[:7]])[0][:80]
