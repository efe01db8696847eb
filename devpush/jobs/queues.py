"""Queues in the database, each worked on in its order by one process at a time: what webhooks told us, what GitHub
waits to hear, which domains and certificates are to be looked at, what is being deleted."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from devpush.deploy import certificates, domains, inbox, reports, teardown
from devpush.models.database import TROUBLE
from devpush.ports import World

log = logging.getLogger(__name__)
Work = Callable[[World], Awaitable[bool]]
"""Does some of it; whether there may be more at once."""

QUEUES: dict[str, tuple[Work, float]] = {
    "receipts": (inbox.work, 5),
    "looks": (inbox.look, 5),
    "reports": (reports.work, 5),
    "domains": (domains.work, 5),
    "certificates": (certificates.work, 5),
    "removals": (teardown.work, 5),
}
"""Name → what works on it, and after how many seconds it looks without being told."""
AFTER_TROUBLE = 2.0


class Queues:
    """`run` is its life; `soon` wakes one of them."""

    def __init__(self) -> None:
        self._told = {name: asyncio.Event() for name in QUEUES}

    def soon(self, queue: str) -> None:
        self._told[queue].set()

    async def run(self, world: World) -> None:
        """Until cancelled. Begun outside of any transaction: see Pool.run."""
        async with asyncio.TaskGroup() as group:
            for name in QUEUES:
                group.create_task(self._work(world, name))

    async def _work(self, world: World, name: str) -> None:
        work, every = QUEUES[name]
        told = self._told[name]
        while True:
            told.clear()
            try:
                async with world.leases.hold(f"queue:{name}") as lease:
                    while lease and not lease.lost and await work(world):
                        await asyncio.sleep(0)
            except TROUBLE as trouble:
                log.warning("%s interrupted: %s", name, trouble)
                await asyncio.sleep(AFTER_TROUBLE)
            except Exception:
                log.exception("%s broke", name)
                await asyncio.sleep(AFTER_TROUBLE)
            with suppress(TimeoutError):
                async with asyncio.timeout(every):
                    await told.wait()
