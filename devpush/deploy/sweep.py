"""Makes Docker and Traefik follow the database: at start, on Docker's events, every minute. The only place where a
container is stopped or removed."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

from devpush.deploy import front, plan, push, scratch, traffic
from devpush.deploy.news import tell
from devpush.deploy.plan import Names
from devpush.deploy.rollback import forget_cut_off, make_again
from devpush.deploy.traffic import Wanted
from devpush.errors import DeployFailed, Unavailable
from devpush.models import Deployment, Project, State
from devpush.models.database import AWAY, column
from devpush.models.deployment import UNFINISHED
from devpush.ports import APP_PORT, Container, ContainerEvent, ImageMissing, RouteTable, World

DRAIN_AT_LEAST = 0.3
"""Seconds that a container goes on after its route has moved; then until nobody is connected, but not for ever."""
STOP_GRACE = 10
LOOK_AGAIN = 1.0
"""Docker tells of a death before its own list knows it: so many seconds later a sweep looks once more."""
CRASHES, CRASH_WINDOW = 10, timedelta(minutes=5)
log = logging.getLogger(__name__)
Verdict = Literal["leave", "start", "stop", "remove"]


def verdict(container: Container, wanted: Wanted, working: frozenset[UUID], crashed: frozenset[UUID]) -> Verdict:
    """What is to become of a container. `working`: deployments that somebody may be building or starting now."""
    try:
        deployment = UUID(container.labels.get(plan.DEPLOYMENT, ""))
    except ValueError:
        return "leave"  # not one of ours to judge
    if container.labels.get(plan.KIND) != "app":
        return "leave" if deployment in working else "remove"
    up = container.state in ("running", "restarting")
    if deployment in wanted.running:
        return "leave" if up or deployment in working or deployment in crashed else "start"
    if deployment in wanted.kept:
        return "stop" if up else "leave"
    return "leave" if deployment in working else "stop" if up else "remove"


@dataclass(frozen=True)
class Crash:
    deployment: UUID
    at: datetime


class Sweeper:
    """One a process; the lease `sweep` lets only one process of the installation sweep at a time."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.retiring: dict[str, asyncio.Task[None]] = {}
        self.crashes: list[Crash] = []

    async def sweep(self) -> bool:
        """Once through everything, unless somebody else is at it: then False. Safe to run at any time and twice."""
        async with self.world.leases.hold("sweep") as lease:
            if lease is None:
                return False
            await front.follow(self.world)
            await forget_cut_off(self.world)
            containers = await self.world.containers.list()
            # Before what is wanted: whoever is at work now either still is by then, or is wanted.
            working = frozenset(await column(Deployment.filter(state__in=UNFINISHED)))
            wanted = await traffic.wanted(self.world.settings)
            await self._containers(containers, wanted, working)
            await self._missing(containers, wanted)
            await self._routes(wanted)
            await self._leftovers()
        return True

    async def watch(self) -> None:
        """Docker's events, for ever: crashes are counted, and whatever happened, a sweep looks at it soon."""
        while True:
            try:
                self.world.jobs.sweep_soon()
                async for event in self.world.containers.events():
                    await self._look_at(event)
            except (Unavailable, *AWAY) as trouble:
                log.warning("events interrupted: %s", trouble)
            except Exception:
                log.exception("an event broke")
            await asyncio.sleep(1)

    async def _look_at(self, event: ContainerEvent) -> None:
        if event.action == "die" and event.labels.get(plan.KIND) == "app":
            await self._died(event)
        if event.action in ("die", "oom", "destroy"):
            self.world.jobs.sweep_soon()
        if event.action == "die":
            asyncio.get_running_loop().call_later(LOOK_AGAIN, self.world.jobs.sweep_soon)

    async def close(self) -> None:
        """Drop what is draining; the next process begins anew."""
        for task in self.retiring.values():
            task.cancel()
        await asyncio.gather(*self.retiring.values(), return_exceptions=True)

    # Containers

    async def _containers(self, containers: Sequence[Container], wanted: Wanted, working: frozenset[UUID]) -> None:
        crashed = frozenset(await column(Deployment.filter(health="crashed")))
        verdicts = [(container, verdict(container, wanted, working, crashed)) for container in containers]
        for container, what in verdicts:
            if what == "start":
                await self._start(container)
            elif what == "stop" and container.name not in self.retiring:
                self._retire(container)
            elif what == "leave" and container.name in self.retiring:
                self.retiring[container.name].cancel()  # wanted again: the next time, it has all of its time again
        await asyncio.gather(*(self._remove(container) for container, what in verdicts if what == "remove"))
        await self._healthy()

    async def _start(self, container: Container) -> None:
        try:
            await self.world.containers.start(container.name)
            await self.world.containers.keep_running(container.name)
            self.world.shipping.attach(container.name)
        except (DeployFailed, ImageMissing) as failure:
            log.warning("not started: %s", failure, extra={"container": container.name})

    def _retire(self, container: Container) -> None:
        task = asyncio.create_task(self._drain_and_stop(container), name=f"retire {container.name}")
        self.retiring[container.name] = task
        task.add_done_callback(lambda _: self.retiring.pop(container.name, None))

    async def _drain_and_stop(self, container: Container) -> None:
        """Stop it once nobody is connected any more; unless it is wanted again by then."""
        loop = asyncio.get_running_loop()
        begun, at_most = loop.time(), await self._drains_for(container)
        await asyncio.sleep(DRAIN_AT_LEAST)
        address = container.address or ""
        while loop.time() - begun < at_most:
            held = await self.world.containers.open_connections(address, APP_PORT) if address else 0
            if held == 0:
                break
            await asyncio.sleep(0.2)
        wanted = await traffic.wanted(self.world.settings, UUID(container.labels[plan.PROJECT]))
        if UUID(container.labels[plan.DEPLOYMENT]) in wanted.running:
            return
        await self.world.containers.stop(container.name, grace=STOP_GRACE)
        self.world.jobs.sweep_soon()

    async def _drains_for(self, container: Container) -> int:
        chosen = await column(Project.filter(id=container.labels[plan.PROJECT]), "drain_seconds")
        return chosen[0] if chosen and chosen[0] is not None else self.world.settings.drain_seconds

    async def _remove(self, container: Container) -> None:
        if container.labels.get(plan.KIND) == "app":
            await self.world.shipping.drained(container.name)
        await self.world.containers.remove(container.name)
        if container.labels.get(plan.KIND) == "app":
            await Deployment.filter(id=container.labels[plan.DEPLOYMENT]).update(address=None)

    async def _missing(self, containers: Sequence[Container], wanted: Wanted) -> None:
        """Wanted, but not there (somebody removed it, or the engine was wiped): made again from its image, and where
        that is gone too (a restore on another server), from Git."""
        there = {container.labels.get(plan.DEPLOYMENT) for container in containers}
        missing = Deployment.filter(id__in=[id for id in wanted.running if str(id) not in there])
        # The older before the newer: of two that claim a branch's name, the newer one has the later act again.
        for deployment in await missing.order_by("number").select_related("project", "environment"):
            if deployment.state != State.succeeded or deployment.health == "crashed":
                continue
            try:
                await make_again(self.world, deployment)
                self.world.jobs.sweep_soon()
            except ImageMissing:
                if await push.build_again(self.world, deployment):
                    await tell(self.world, deployment)
            except DeployFailed as failure:
                await self._health(deployment, "crashed", f"The container could not be made again. {failure}")

    # Health

    async def _died(self, event: ContainerEvent) -> None:
        id, now = UUID(event.labels[plan.DEPLOYMENT]), datetime.now(UTC)
        self.crashes = [crash for crash in self.crashes if now - crash.at < CRASH_WINDOW] + [Crash(id, now)]
        deployment = await Deployment.get_or_none(id=id, state=State.succeeded).select_related("project")
        wanted = deployment and await traffic.wanted(self.world.settings, deployment.project.id)
        if not deployment or not wanted or id not in wanted.running or deployment.health == "crashed":
            return  # it was told to stop
        code = event.labels.get("exitCode", "0")  # the container itself may be up again and know nothing of it
        how = f"exited with code {code}" if code != "0" else "exited"
        times = sum(crash.deployment == id for crash in self.crashes)
        if times < CRASHES:
            note = f"The app {how} and was started again ({times} in the last 5 minutes)."
            await self._health(deployment, "restarting", note)
            return
        await self._health(
            deployment,
            "crashed",
            f"The app {how} {times} times within 5 minutes, so it was stopped. Look at its log, then redeploy "
            "or roll back.",
        )
        await self.world.containers.stop(event.container, grace=0)

    async def _healthy(self) -> None:
        """What has run for a while after a crash is well again."""
        names, settled = Names(self.world.installation), datetime.now(UTC) - timedelta(seconds=30)
        for deployment in await Deployment.filter(health="restarting").select_related("project"):
            container = await self.world.containers.inspect(names.container(deployment, "app"))
            if container and container.state == "running" and container.started_at and container.started_at < settled:
                await self._health(deployment, "ok", "")

    async def _health(self, deployment: Deployment, health: str, note: str) -> None:
        await Deployment.filter(id=deployment.id).update(health=health, health_note=note)
        await tell(self.world, deployment)

    # Routes and leftovers

    async def _routes(self, wanted: Wanted) -> None:
        """Files that don't say what the aliases say; files of projects that are gone."""
        known = set(map(str, wanted.tables))
        for project in await self.world.proxy.projects():
            if project not in known:
                await self.world.proxy.write(RouteTable(project, []))
        for id, table in wanted.tables.items():
            if await self.world.proxy.read(str(id)) != table:
                await traffic.follow(self.world, id)

    async def _leftovers(self) -> None:
        """Networks and volumes of projects that are gone; files of deployments that have ended."""
        await scratch.clear(self.world)
        networks, volumes = await leftovers(self.world)
        for name in networks:
            await self.world.containers.remove_network(name)
        for name in volumes:
            await self.world.containers.remove_volume(name)


async def leftovers(world: World) -> tuple[list[str], list[str]]:
    """Networks and volumes of ours whose project is gone."""
    there = set(map(str, await column(Project.all())))

    def of_nobody(found: Sequence[tuple[str, Mapping[str, str]]]) -> list[str]:
        return [name for name, labels in found if labels.get(plan.PROJECT) and labels[plan.PROJECT] not in there]

    return of_nobody(await world.containers.networks()), of_nobody(await world.containers.volumes())
