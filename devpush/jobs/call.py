"""How the processes of an installation speak to each other: over the live stream. Lost calls cost seconds, not work:
the pool looks by itself."""

import asyncio
from collections.abc import Awaitable, Callable

from devpush.errors import Unavailable
from devpush.jobs.pool import Pool
from devpush.ports import Happening, Live

TOPIC = "installation"


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


async def answer(live: Live, pool: Pool, drain: Callable[[], Awaitable[None]]) -> None:
    """Do what other processes call for, until cancelled."""
    while True:
        try:
            async with live.subscribe([TOPIC]) as happenings:
                async for happening in happenings:
                    if happening is None:
                        continue
                    if happening.kind in ("wake", "gap"):
                        pool.wake()
                    elif happening.kind == "stop":
                        pool.stop(str(happening.payload["deployment"]))
                    elif happening.kind == "sweep":
                        pool.sweep_soon()
                    elif happening.kind == "work":
                        pool.work_soon(str(happening.payload["queue"]))
                    elif happening.kind == "drain":
                        await drain()
        except Unavailable:
            await asyncio.sleep(1)
