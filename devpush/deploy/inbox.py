"""What webhooks told us, worked on in its order: which projects it concerns, and what becomes of it there.

A receipt, the deployments and the entries in delivery logs that come of it are one transaction: cut off anywhere, it is
as if it hadn't begun.
"""

import asyncio
import logging
from collections.abc import Collection
from datetime import timedelta

from tortoise import connections
from tortoise.expressions import F
from tortoise.transactions import in_transaction

from devpush.deploy import changes, heads, payloads, push
from devpush.deploy.news import tell_project
from devpush.deploy.payloads import Look, NotAPush, Push
from devpush.errors import DeployFailed, Unavailable
from devpush.models import Delivery, Project, Receipt
from devpush.models.database import AWAY, TROUBLE
from devpush.models.people import now
from devpush.ports import World

log = logging.getLogger(__name__)
LOOK = "look"
"""The event of a receipt for which a server has to be asked something: `look` does that, beside all others."""
TOGETHER = 200
"""Receipts in one transaction: of a burst of pushes only the last is ever seen waiting."""
GATHER = 0.05
"""Seconds in which the pushes of a burst come together: handled one by one, they keep waiting those that come in."""
TRIES = 3
LOOKS = 8
"""Servers asked at a time."""
KEPT, DELIVERIES_KEPT = timedelta(days=7), timedelta(days=30)
MOST_DELIVERIES = 500
OURS = "Something went wrong on our side. Tell the operator: the server's log has it under receipt {}."


# What needs nobody else


async def work(world: World) -> bool:
    """Handle what waits; whether there may be more."""
    await asyncio.sleep(GATHER)
    try:
        return await _handle(world, TOGETHER) == TOGETHER
    except TROUBLE:
        raise
    except Exception:
        log.exception("receipts broke, one by one now")
    while await _handle_one(world):
        pass
    return False


async def _handle_one(world: World) -> bool:
    """The oldest by itself; whether there was one. One that breaks is tried again, then passed over."""
    waiting = await Receipt.filter(handled_at=None).exclude(event=LOOK).order_by("id").first()
    if waiting is None:
        return False
    try:
        await _handle(world, 1)
    except TROUBLE:
        raise
    except Exception:
        log.exception("receipt broke", extra={"receipt": waiting.id})
        await _broke(world, waiting)
    return True


async def _handle(world: World, limit: int) -> int:
    """So many of the oldest, all or none; how many there were."""
    outcome = Outcome()
    async with in_transaction():
        waiting = Receipt.filter(handled_at=None).exclude(event=LOOK).order_by("id").limit(limit)
        receipts = await waiting.select_for_update()
        for receipt in receipts:
            await _take(world, receipt, outcome)
        await Receipt.filter(id__in=[receipt.id for receipt in receipts]).update(handled_at=now())
    await outcome.announce(world)
    return len(receipts)


class Outcome:
    """What is to be told once the transaction is over."""

    def __init__(self) -> None:
        self.queued: list[push.Queued] = []
        self.projects: dict[object, Project] = {}
        self.on: dict[object, list[Project]] = {}
        """What was found for receipts of this transaction, as many are of one repository."""

    async def announce(self, world: World) -> None:
        await push.announce(world, self.queued)
        for project in self.projects.values():
            await tell_project(world, project.id, project.team_id)


async def _take(world: World, receipt: Receipt, outcome: Outcome) -> None:
    for fact in payloads.kept(receipt.facts):
        if isinstance(fact, Push | NotAPush):
            for project in await _projects(receipt, fact, outcome.on):
                verdict = await push.take(project, fact)
                await push.record(
                    project, fact, verdict, source=receipt.source, event=receipt.event, key=_shown(receipt)
                )
                if verdict.queued:
                    outcome.queued.append(verdict.queued)
                if project.repo_trouble and not receipt.project_id:  # GitHub lets us see it again
                    await Project.filter(id=project.id).update(repo_trouble="")
                    project.repo_trouble = ""
                    outcome.projects[project.id] = project
        elif not isinstance(fact, Look):
            outcome.on.clear()
            for news in await changes.learn(world, fact):
                await _note(news.project, receipt, "noted", news.sentence)
                outcome.projects[news.project.id] = news.project


async def _projects(
    receipt: Receipt, fact: Push | NotAPush, known: dict[object, list[Project]] | None = None
) -> list[Project]:
    """The one whose own webhook it was; or all that are connected to the repository."""
    known = {} if known is None else known
    key = (receipt.project_id, fact.repository, fact.installation)
    if key not in known:
        known[key] = await _find_projects(receipt, fact)
    return known[key]


async def _find_projects(receipt: Receipt, fact: Push | NotAPush) -> list[Project]:
    if receipt.project_id:
        return await Project.filter(id=receipt.project_id, removing_at=None)
    if fact.repository is None:
        return []
    return await changes.connected(fact.repository, fact.installation).order_by("created_at")


async def _note(project: Project, receipt: Receipt, verdict: str, sentence: str) -> None:
    await Delivery.create(
        project=project,
        source=receipt.source,
        event=receipt.event,
        key=_shown(receipt),
        verdict=verdict,
        sentence=sentence,
    )


def _shown(receipt: Receipt) -> str:
    """The delivery's id as its server knows it."""
    return receipt.key.partition(":")[2] if receipt.project_id else receipt.key


async def _broke(world: World, receipt: Receipt) -> None:
    """Once more, or it is over with words."""
    if receipt.attempts + 1 < TRIES:
        await Receipt.filter(id=receipt.id).update(attempts=F("attempts") + 1)
        return
    sentence = OURS.format(receipt.id)
    async with in_transaction():
        for fact in payloads.kept(receipt.facts):
            if isinstance(fact, Push | NotAPush):
                for project in await _projects(receipt, fact):
                    failed = push.Verdict("failed", sentence)
                    await push.record(
                        project, fact, failed, source=receipt.source, event=receipt.event, key=_shown(receipt)
                    )
        await Receipt.filter(id=receipt.id).update(handled_at=now(), attempts=F("attempts") + 1)


# What a server has to be asked for


async def look(world: World) -> bool:
    """Handle the receipts that say only that something was pushed: several at a time, of a project one after the other.
    A slow server takes up one place, for as long as Git waits for it."""
    running: dict[asyncio.Task[None], Receipt] = {}
    try:
        while True:
            for receipt in await _lookable(running.values()):
                running[asyncio.create_task(_look(world, receipt))] = receipt
            if not running:
                return False
            done, _ = await asyncio.wait(running, timeout=1, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                del running[task]
                task.result()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


NEXT_LOOKS = """
    SELECT DISTINCT ON (project_id) id FROM receipt
    WHERE handled_at IS NULL AND event = 'look' AND project_id <> ALL($1) ORDER BY project_id, id
"""


async def _lookable(running: Collection[Receipt]) -> list[Receipt]:
    """The oldest of each project that isn't looked at now, as many as there are places for."""
    busy = [receipt.project_id for receipt in running]
    rows = await connections.get("default").execute_query_dict(NEXT_LOOKS, [busy])
    ids = sorted(row["id"] for row in rows)[: LOOKS - len(busy)]
    return await Receipt.filter(id__in=ids).order_by("id") if ids else []


async def _look(world: World, receipt: Receipt) -> None:
    asked = now()
    try:
        await _look_at(world, receipt)
    except AWAY:
        raise
    except (DeployFailed, Unavailable) as failure:
        log.info("nothing seen: %s", failure, extra={"receipt": receipt.id})
        await _failed(receipt, str(failure))
    except Exception:
        log.exception("look broke", extra={"receipt": receipt.id})
        await _failed(receipt, OURS.format(receipt.id))
    await connections.get("default").execute_query(LOOKED, [receipt.id, receipt.project_id, asked])


# Whoever asked the same before we looked has the same answer.
LOOKED = """
    UPDATE receipt SET handled_at = now() WHERE id = $1 OR (
        project_id = $2 AND event = 'look' AND handled_at IS NULL AND received_at <= $3
        AND source <> 'poll' AND facts = (SELECT facts FROM receipt WHERE id = $1)
    )
"""


async def _look_at(world: World, receipt: Receipt) -> None:
    project = await Project.get_or_none(id=receipt.project_id, removing_at=None)
    if project is None:
        return
    polled = receipt.source == "poll"
    asked, key = (receipt.received_at, "") if polled else (now(), _shown(receipt))
    made = 0
    for fact in payloads.kept(receipt.facts):
        if isinstance(fact, Look):
            made += await heads.look(world, project, fact, source=receipt.source, key=key, asked=asked)
    if not made and not polled:
        await _note(project, receipt, "ignored", "No branch has a commit that isn't known already.")


async def _failed(receipt: Receipt, sentence: str) -> None:
    """Who polls looks again soon; who told us may read what was wrong."""
    project = await Project.get_or_none(id=receipt.project_id, removing_at=None)
    if project and receipt.source != "poll":
        await _note(project, receipt, "failed", sentence)


# Their end


OLD_DELIVERIES = """
    DELETE FROM delivery WHERE created_at < $1 OR id IN (
        SELECT id FROM (
            SELECT id, row_number() OVER (PARTITION BY project_id ORDER BY created_at DESC) AS place FROM delivery
        ) numbered WHERE place > $2
    )
"""


async def forget_old() -> None:
    """Receipts and deliveries nobody will look at any more."""
    await Receipt.filter(handled_at__lt=now() - KEPT).delete()
    await connections.get("default").execute_query(OLD_DELIVERIES, [now() - DELIVERIES_KEPT, MOST_DELIVERIES])
