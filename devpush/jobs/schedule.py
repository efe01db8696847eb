"""What happens by the clock: a table of what and how often."""

import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from devpush.deploy import backup, certificates, disk, heads, images, inbox, restore, source
from devpush.models import EmailChange, OAuthAttempt, Session, SignInLink, metric
from devpush.models.database import TROUBLE
from devpush.models.people import now
from devpush.ports import World

log = logging.getLogger(__name__)
Job = Callable[[World], Awaitable[None]]


async def sweep_soon(world: World) -> None:
    world.jobs.sweep_soon()


async def forget_expired(_: World) -> None:
    """Sessions, links, metrics, certificates, and what came by webhooks, once their time is over."""
    for model in (Session, OAuthAttempt, EmailChange):
        await model.filter(expires_at__lt=now()).delete()
    await SignInLink.filter(expires_at__lt=now() - timedelta(days=1)).delete()
    await inbox.forget_old()
    await certificates.forget_unused()
    await metric.forget_old(now())


async def forget_lines(world: World) -> None:
    """Whole days, as they are kept: to look for single lines would take long, each time."""
    today = now().replace(hour=0, minute=0, second=0, microsecond=0)
    await world.logs.forget(before=today - timedelta(days=world.settings.log_retention_days))


TABLE: dict[str, tuple[Job, timedelta]] = {
    "sweep": (sweep_soon, timedelta(minutes=1)),
    "look for pushes": (heads.look_for_pushes, timedelta(minutes=1)),
    "retire images": (images.retire, timedelta(hours=1)),
    "look at the disk": (disk.look, timedelta(hours=1)),
    "forget mirrors": (source.forget_unused, timedelta(hours=1)),
    "forget expired": (forget_expired, timedelta(hours=1)),
    "forget log lines": (forget_lines, timedelta(hours=1)),
    "back up": (backup.back_up_if_due, timedelta(minutes=10)),
    "drill": (restore.drill_if_due, timedelta(hours=1)),
    "backup alarm": (backup.alarm, timedelta(hours=1)),
}


def schedule(world: World) -> AsyncIOScheduler:
    """Every job of the table, never twice at a time in this process; over all processes held by a lease."""
    scheduler = AsyncIOScheduler(timezone="UTC")
    for name, (job, every) in TABLE.items():
        scheduler.add_job(
            _one(name, job, world),
            "interval",
            seconds=every.total_seconds(),
            id=name,
            max_instances=1,
            coalesce=True,
            jitter=min(5, every.total_seconds() / 10),
        )
    return scheduler


def _one(name: str, job: Job, world: World) -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        try:
            async with world.leases.hold(f"job:{name}") as lease:
                if lease:
                    await job(world)
        except TROUBLE as trouble:
            log.warning("%s interrupted: %s", name, trouble)
        except Exception:
            log.exception("%s broke", name)

    return run
