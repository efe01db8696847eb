"""Stops what writes more into its container than it may, before the disk is full: Docker itself sets no such limit."""

import asyncio
import logging
import time
from pathlib import Path
from uuid import UUID

from devpush.deploy import plan
from devpush.deploy.news import tell
from devpush.errors import DeployFailed, Unavailable
from devpush.models import Deployment, State
from devpush.models.database import AWAY
from devpush.models.deployment import UNFINISHED
from devpush.ports import Container, World

EVERY = 2.0
"""Seconds between two looks at the disk, which cost nothing."""
AT_LEAST_EVERY = 60.0
"""Seconds between two looks at what containers have written, which Docker counts file by file; sooner while the disk
fills."""
MB = 1_000_000
log = logging.getLogger(__name__)


class Guard:
    """One process of the installation watches at a time."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.free: int | None = None
        """Bytes, when containers were last looked at, which was at `looked` (monotonic)."""
        self.looked = float("-inf")

    async def run(self) -> None:
        """Its life, until cancelled."""
        while True:
            try:
                async with self.world.leases.hold("guard") as lease:
                    while lease and not lease.lost:
                        await self.tick()
                        await asyncio.sleep(EVERY)
            except (Unavailable, DeployFailed, *AWAY) as trouble:
                log.warning("guard waits: %s", trouble)
            except Exception:  # whatever it is, it must not end the watch for good
                log.exception("guard broke")
            await asyncio.sleep(EVERY)

    async def tick(self) -> None:
        """Look at what containers have written, if there is a reason to."""
        free, now = await self._free(), time.monotonic()
        if now - self.looked < AT_LEAST_EVERY and not self._fills(free):
            return
        self.free, self.looked = free, now
        await look(self.world)

    def _fills(self, free: int | None) -> bool:
        """Less than at the last look by a good part of what one app may write."""
        return None not in (self.free, free) and self.free - free > self.world.settings.app_disk_mb * MB / 4  # type: ignore[operator]  # neither is None

    async def _free(self) -> int | None:
        """Of the disk that containers write to: Docker's, where that can be seen from here, or ours."""
        root = Path((await self.world.containers.about()).root)
        disk = await self.world.machine.disk(root) or await self.world.machine.disk(self.world.settings.data_dir)
        return disk.free if disk else None


async def look(world: World) -> None:
    """At all that runs now."""
    for container, size in await world.containers.written():
        at_most = most(world, container)
        if size > at_most * MB:
            log.warning("stopped for what it wrote", extra={"container": container.name, "mb": size // MB})
            await _stop(world, container, at_most)


def most(world: World, container: Container) -> int:
    """MB. A build has room for what it only needs on the way."""
    app = container.labels.get(plan.KIND) in ("app", "predeploy")
    return world.settings.app_disk_mb * (1 if app else plan.BUILDS_WRITE)


async def _stop(world: World, container: Container, at_most: int) -> None:
    """Say why first: then whoever finds it gone knows. Removed, for what is merely stopped gives nothing back."""
    deployment = await _deployment(container)
    if deployment is None:  # of a Dockerfile's build: the builder removes it, once it has ended
        await world.containers.stop(container.id, grace=0)
        return
    facts = {"health": "crashed"} if deployment.state == State.succeeded else {}
    who = "app" if container.labels[plan.KIND] in ("app", "predeploy") else "build"
    note = plan.wrote_too_much(who, at_most)
    await Deployment.filter(id=deployment.id, state=deployment.state).update(health_note=note, **facts)
    await tell(world, deployment)
    await world.containers.stop(container.name, grace=0)
    await world.shipping.drained(container.name)
    await world.containers.remove(container.name)


async def _deployment(container: Container) -> Deployment | None:
    id = container.labels.get(plan.DEPLOYMENT)
    states = [State.succeeded, *UNFINISHED]
    return await Deployment.get_or_none(id=UUID(id), state__in=states).select_related("project") if id else None
