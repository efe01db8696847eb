"""Metrics: every fifteen seconds Docker is asked what apps use; what they answer is counted, and kept along with it."""

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID

from tortoise.exceptions import BaseORMException

from devpush.deploy import plan
from devpush.deploy.requests import Requests
from devpush.errors import DeployFailed, Unavailable
from devpush.models import metric
from devpush.models.database import TROUBLE
from devpush.models.metric import FINEST, Measured
from devpush.ports import Container, Lease, Served, Total, Usage, World

log = logging.getLogger(__name__)

LEASE = 3.0
AGAIN_AFTER = 1.0
ASKED_AT_ONCE = 50
"""Docker looks once a second for all who ask; who asks one after the other waits as many seconds."""
LAST_WORDS = 3.0
"""Seconds that the end of the process waits for what wasn't kept yet."""
MOST_WAITING = 20_000
"""Measurements that wait for a database that is away; then the oldest are given up."""


class Meter:
    """Implements ports.Metering."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.used: dict[str, Usage] = {}
        """Container → what it had used at the last look, which was at `looked`."""
        self.looked: datetime | None = None
        self.counts: dict[tuple[str, datetime], _Count] = {}
        self.waiting: list[Measured] = []
        self.total: dict[str, Total] = {}

    async def run(self) -> None:
        """During an update two processes live for a while: one of them measures."""
        while True:
            try:
                async with self.world.leases.hold("meter", ttl=LEASE) as lease:
                    if lease:
                        await self._measure(lease)
            except Unavailable as problem:
                log.warning("meter waits", extra={"reason": str(problem)})
            except Exception:  # whatever it is, it must not end the measuring for good
                log.exception("meter broke")
            await asyncio.sleep(AGAIN_AFTER)

    def totals(self) -> Mapping[str, Total]:
        return self.total

    async def _measure(self, lease: Lease) -> None:
        requests = Requests(self.world, self.count)
        tasks = [
            asyncio.create_task(requests.keeper.run(), name="request keeper"),
            asyncio.create_task(_go_on(requests), name="requests"),
        ]
        try:
            following = _tick_after(time.time())
            while not lease.lost:
                await asyncio.sleep(AGAIN_AFTER)
                if time.time() >= following:
                    await self.tick(datetime.fromtimestamp(following, UTC))
                    following = _tick_after(time.time())
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_WORDS):
                    await self._keep()
            self.total = {}  # another process measures from here on

    async def tick(self, now: datetime) -> None:
        """What was used and answered until now, into the database."""
        try:
            await self._sample(now)
        except (Unavailable, DeployFailed) as problem:
            log.warning("apps not measured", extra={"reason": str(problem)})
        await self._keep()

    # What apps answer

    def count(self, project: str, served: Served) -> None:
        key = served.deployment, metric.beginning(served.at, FINEST)
        place = None if served.lasting else metric.place_of(served.duration)
        if key not in self.counts:
            self.counts[key] = _Count(project)
        self.counts[key].add(served.status, place)
        total = self._total_of(served.deployment, project)
        kind = f"{served.status // 100}xx"
        total.requests[kind] = total.requests.get(kind, 0) + 1
        if place is not None:
            total.durations[place] += 1
            total.seconds += served.duration / 1000

    def _total_of(self, deployment: str, project: str) -> Total:
        if deployment not in self.total:
            self.total[deployment] = Total(project, durations=[0] * (len(metric.BOUNDS) + 1))
        return self.total[deployment]

    # What apps use

    async def _sample(self, now: datetime) -> None:
        containers = await self.world.containers.list({plan.KIND: "app"})
        running = [container for container in containers if container.state == "running"]
        seen = await self._usages(running)
        begin = now - timedelta(seconds=FINEST)
        before = self.used if self.looked == begin else {}  # what was used in minutes is no use of seconds
        for container in running:
            if usage := seen.get(container.name):
                self._measured(container, before.get(container.name), usage, begin)
        self.used, self.looked = seen, now
        self._forget_ended(running)

    async def _usages(self, containers: Iterable[Container]) -> dict[str, Usage]:
        """What each uses that still runs when it is asked."""
        few = asyncio.Semaphore(ASKED_AT_ONCE)

        async def ask(container: Container) -> tuple[str, Usage | None]:
            async with few:
                return container.name, await self.world.containers.usage(container.name)

        answers = await asyncio.gather(*map(ask, containers))
        return {name: usage for name, usage in answers if usage}

    def _measured(self, container: Container, before: Usage | None, usage: Usage, at: datetime) -> None:
        """The difference to the last look; without one only what can be seen at once."""
        deployment, project = container.labels[plan.DEPLOYMENT], container.labels[plan.PROJECT]
        self._total_of(deployment, project).usage = usage
        if before is None:
            return
        self.waiting.append(
            Measured(
                project=UUID(project),
                deployment=UUID(deployment),
                at=at,
                samples=1,
                cpu_ms=_more(before.cpu_ms, usage.cpu_ms),
                memory=usage.memory,
                memory_max=usage.memory,
                received=_more(before.received, usage.received),
                sent=_more(before.sent, usage.sent),
                restarts=_more(before.restarts, usage.restarts),
            )
        )

    def _forget_ended(self, running: Iterable[Container]) -> None:
        """Of what doesn't run there is nothing more to tell."""
        there = {container.labels[plan.DEPLOYMENT] for container in running}
        self.total = {deployment: total for deployment, total in self.total.items() if deployment in there}

    # Keeping

    async def _keep(self) -> None:
        self.waiting += [count.measured(deployment, at) for (deployment, at), count in self.counts.items()]
        self.counts = {}
        keeping = self.waiting[-MOST_WAITING:]
        try:
            await metric.keep(keeping)
            keeping = []
        except TROUBLE as problem:
            log.warning("metrics wait", extra={"count": len(keeping), "reason": str(problem)})
        self.waiting = keeping


class _Count:
    """What one deployment answered in fifteen seconds."""

    def __init__(self, project: str) -> None:
        self.project = project
        self.requests = self.refused = self.failed = 0
        self.durations = [0] * (len(metric.BOUNDS) + 1)

    def add(self, status: int, place: int | None) -> None:
        self.requests += 1
        self.refused += 400 <= status < 500
        self.failed += status >= 500
        if place is not None:
            self.durations[place] += 1

    def measured(self, deployment: str, at: datetime) -> Measured:
        return Measured(
            project=UUID(self.project),
            deployment=UUID(deployment),
            at=at,
            requests=self.requests,
            refused=self.refused,
            failed=self.failed,
            durations=tuple(self.durations),
        )


async def _go_on(requests: Requests) -> None:
    """Take requests in, whatever is away in between."""
    while True:
        try:
            await requests.run()
        except (*TROUBLE, BaseORMException) as problem:
            log.warning("requests wait", extra={"reason": str(problem)})
        except Exception:  # nor may it end the listing
            log.exception("requests broke")
        await asyncio.sleep(AGAIN_AFTER)


def _tick_after(now: float) -> float:
    """The next moment whose seconds are a multiple of FINEST: each look is in a time of its own."""
    return now - now % FINEST + FINEST


def _more(before: int, now: int) -> int:
    """How much came to it; all of it, if it has begun anew."""
    return now - before if now >= before else now
