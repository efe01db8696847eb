"""How the processes of an installation speak to each other: over the live stream. Lost calls cost seconds, not work:
the pool looks by itself."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from devpush.errors import Unavailable
from devpush.jobs.pool import Pool
from devpush.ports import Happening, Live

TOPIC = "installation"
Order = Callable[[Mapping[str, Any]], None]
"""What a process does when it is told so; it hears what was told with it."""


class Caller:
    """Implements ports.Jobs for a process that has no pool of its own (the command line)."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self._calls: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        self._call("wake")

    def stop(self, deployment: str) -> None:
        self._call("stop", deployment=deployment)

    def sweep_soon(self) -> None:
        self._call("sweep")

    def work_soon(self, queue: str) -> None:
        self._call("work", queue=queue)

    def _call(self, kind: str, **payload: object) -> None:
        task = asyncio.create_task(self.live.publish([Happening(TOPIC, kind, payload)]))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)


class OneOfTwo(Caller):
    """Implements ports.Jobs for a process with a pool: what isn't ours to do, or no longer, the other one is told."""

    def __init__(self, live: Live, pool: Pool) -> None:
        super().__init__(live)
        self.pool = pool

    def wake(self) -> None:
        if self.pool.taking:
            self.pool.wake()
        else:
            super().wake()

    def stop(self, deployment: str) -> None:
        if UUID(deployment) in self.pool.tasks:
            self.pool.stop(deployment)
        else:
            super().stop(deployment)

    def sweep_soon(self) -> None:
        self.pool.sweep_soon()

    def work_soon(self, queue: str) -> None:
        self.pool.work_soon(queue)


async def answer(live: Live, pool: Pool, orders: Mapping[str, Order]) -> None:
    """Do what other processes call for, until cancelled: what the pool can do, and these orders."""
    can: dict[str, Order] = {
        "wake": lambda _: pool.wake(),
        "gap": lambda _: pool.wake(),
        "stop": lambda told: pool.stop(str(told["deployment"])),
        "sweep": lambda _: pool.sweep_soon(),
        "work": lambda told: pool.work_soon(str(told["queue"])),
        **orders,
    }
    while True:
        try:
            async with live.subscribe([TOPIC]) as happenings:
                async for happening in happenings:
                    if happening and happening.kind in can:
                        can[happening.kind](happening.payload)
        except Unavailable:
            await asyncio.sleep(1)
