"""The task pool: works on what is unfinished in the database, each deployment under a lease, teams in turns."""

import asyncio
import logging
import time
from contextlib import suppress
from uuid import UUID

from devpush.deploy.rollout import Rollout
from devpush.deploy.sweep import Sweeper
from devpush.jobs.queues import Queues
from devpush.models import Deployment
from devpush.models.database import TROUBLE, fetch
from devpush.ports import World

LOOK_EVERY = 2.0
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
log = logging.getLogger(__name__)

# Teams take turns: a team's first waiting deployment comes before another team's second; running ones count. Of one
# branch in one environment only one is worked on: what comes meanwhile waits, and of that only the newest is left.
NEXT_UP = """
    SELECT id FROM (
        SELECT d.id, d.number, (d.state <> 'queued') AS interrupted,
               row_number() OVER (PARTITION BY p.team_id, (d.state <> 'queued') ORDER BY d.number)
               + (SELECT count(*) FROM deployment r JOIN project q ON q.id = r.project_id
                  WHERE q.team_id = p.team_id AND r.id = ANY($1::uuid[])) AS turn
        FROM deployment d JOIN project p ON p.id = d.project_id
        WHERE d.state IN ('queued', 'building', 'starting', 'routing') AND d.id <> ALL($1::uuid[])
            AND NOT (d.state = 'queued' AND EXISTS (SELECT FROM deployment o WHERE o.project_id = d.project_id
                AND o.environment_id = d.environment_id AND o.branch = d.branch
                AND o.state IN ('building', 'starting', 'routing')))
    ) waiting
    ORDER BY interrupted DESC, turn, number LIMIT $2
"""


class Pool:
    """`run` is its life."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.tasks: dict[UUID, asyncio.Task[None]] = {}
        self.not_before: dict[UUID, float] = {}
        self.failures: dict[UUID, int] = {}
        self.taking = True
        self.queues = Queues()
        self._woken, self._sweep_wanted = asyncio.Event(), asyncio.Event()

    # What others may ask

    def wake(self) -> None:
        self._woken.set()

    def stop(self, deployment: str) -> None:
        if task := self.tasks.get(UUID(deployment)):
            task.cancel()

    def sweep_soon(self) -> None:
        self._sweep_wanted.set()

    def work_soon(self, queue: str) -> None:
        self.queues.soon(queue)

    # Its life

    async def run(self, world: World) -> None:
        """Until cancelled. What runs then is dropped where it is; whoever comes next takes it up. Every task is begun
        from here: one begun inside somebody's transaction would inherit its connection."""
        sweeper = Sweeper(world)
        helpers = [asyncio.create_task(self._sweeping(sweeper)), asyncio.create_task(sweeper.watch())]
        try:
            while True:
                self._woken.clear()
                with suppress(*TROUBLE):
                    await self._fill(world)
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_EVERY):
                        await self._woken.wait()
        finally:
            await sweeper.close()
            await end([*helpers, *self.tasks.values()])

    async def finish(self, wait: float) -> int:
        """Take nothing new; wait for what runs, at most `wait` seconds. How many are left for the next process."""
        self.taking = False
        if self.tasks:
            await asyncio.wait(list(self.tasks.values()), timeout=wait)
        return len(self.tasks)

    async def _fill(self, world: World) -> None:
        free = self.limit - len(self.tasks)
        if not self.taking or free <= 0:
            return
        later = [id for id, when in self.not_before.items() if when > time.monotonic()]
        busy = [*self.tasks, *later]
        rows = await fetch(NEXT_UP, busy, free)
        for row in rows:
            id = UUID(str(row["id"]))
            self.tasks[id] = asyncio.create_task(self._work(world, id))
            self.tasks[id].add_done_callback(lambda _, id=id: self._done(id))  # type: ignore[misc]

    def _done(self, id: UUID) -> None:
        self.tasks.pop(id, None)
        self.wake()

    async def _work(self, world: World, id: UUID) -> None:
        """One deployment, under its lease, as far as it goes."""
        try:
            async with world.leases.hold(f"deployment:{id}") as lease:
                deployment = await Deployment.take(id) if lease else None
                if deployment is None:
                    self._later(id, LOOK_EVERY)  # another process has it, or it is finished
                    return
                await Rollout(world, deployment).run()
            self.not_before.pop(id, None)
            self.failures.pop(id, None)
        except TROUBLE as trouble:
            self._put_off(id)
            log.warning("deployment interrupted: %s", trouble, extra={"deployment": str(id)})
        except Exception:
            log.exception("deployment broke", extra={"deployment": str(id)})
            await self._broken(id)

    def _put_off(self, id: UUID) -> None:
        self.failures[id] = self.failures.get(id, 0) + 1
        self._later(id, min(FIRST_PAUSE * 2 ** self.failures[id], LONGEST_PAUSE))

    def _later(self, id: UUID, seconds: float) -> None:
        self.not_before[id] = time.monotonic() + seconds

    async def _broken(self, id: UUID) -> None:
        """A mistake of ours ends the deployment with words; its log has the rest."""
        self._put_off(id)
        with suppress(*TROUBLE):
            reason = f"Something went wrong on our side. Tell the operator: the server's log has it under {id.hex[:7]}."
            await Deployment.end_broken(id, reason)

    async def _sweeping(self, sweeper: Sweeper) -> None:
        while True:
            await self._sweep_wanted.wait()
            await asyncio.sleep(0.05)  # what comes together is swept together
            self._sweep_wanted.clear()
            again = False
            try:
                again = not await sweeper.sweep()  # who has the lease may be dead, or has looked there already
            except TROUBLE as trouble:
                again = True
                log.warning("sweep interrupted: %s", trouble)
            except Exception:
                log.exception("sweep broke")
                await asyncio.sleep(5)
            if again:
                await asyncio.sleep(1)
                self._sweep_wanted.set()


async def end(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel tasks and wait for their ends."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
