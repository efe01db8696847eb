"""What takes how much of the disk: measured once an hour, kept by project, held to a budget, and looked ahead."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from devpush.deploy.findings import size
from devpush.deploy.plan import PROJECT
from devpush.deploy.source import place
from devpush.models import Deployment, DiskSample, Project, State
from devpush.models.database import column, fetch
from devpush.models.people import now
from devpush.ports import Containers, Disk, Machine, Sized, World
from devpush.settings import Settings

MB = 1_000_000
KEPT = timedelta(days=30)
"""How long samples are kept."""
LOOKED_BACK = timedelta(days=14)
"""What was longer ago says little of what comes."""
LEAST = timedelta(days=1)
"""Less than a day has no night in it: nothing can be told from that."""
LEAST_SAMPLES = 12
FAR = timedelta(days=180)
"""Nobody plans for later, and no line drawn through two weeks reaches so far."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TooLarge:
    """A build cache that goes, so that its project is within its budget again."""

    name: str
    size: int
    why: str


# Measuring ------------------------------------------------------------------------------------------------------------


async def look(world: World) -> None:
    """Once an hour: measure, and hold the caches to their budgets."""
    sizes = await measure(world)
    await trim(world, sizes)


async def measure(world: World) -> Sequence[Sized]:
    """Keep what each project takes and how full the disk is; what the engine told. One dear question for all."""
    sizes = await world.containers.sizes()
    await _keep(await _by_project(world, sizes))
    if disk := await engines_disk(world.settings, world.containers, world.machine):
        await DiskSample.create(at=now(), total=disk.size, free=disk.free)
    await DiskSample.filter(at__lt=now() - KEPT).delete()
    return sizes


async def engines_disk(settings: Settings, containers: Containers, machine: Machine) -> Disk | None:
    """Docker's, where that can be seen from here, or ours."""
    root = Path((await containers.about()).root)
    return await machine.disk(root) or await machine.disk(settings.data_dir)


async def _by_project(world: World, sizes: Sequence[Sized]) -> list[dict[str, object]]:
    rows = []
    for project in await Project.all().only("id", "repo_url", "repo_username", "repo_local"):
        own = [one for one in sizes if one.labels.get(PROJECT) == str(project.id)]
        rows.append(
            {
                "project": project.id,
                "images": _sum(own, "image"),
                "caches": _sum(own, "volume"),
                "containers": _sum(own, "container"),
                "source": await world.git.size(place(project)),
            }
        )
    return rows


def _sum(sizes: Sequence[Sized], kind: str) -> int:
    return sum(one.size for one in sizes if one.kind == kind)


KEEP = """
    INSERT INTO project_disk (project_id, images, caches, containers, source, looked_at)
    SELECT p.id, seen.images, seen.caches, seen.containers, seen.source, $6
    FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
        AS seen (id, images, caches, containers, source) JOIN project p ON p.id = seen.id
    ON CONFLICT (project_id) DO UPDATE SET images = excluded.images, caches = excluded.caches,
        containers = excluded.containers, source = excluded.source, looked_at = excluded.looked_at
"""


async def _keep(rows: Sequence[Mapping[str, object]]) -> None:
    """Of those projects that are still there."""
    columns = [[row[name] for row in rows] for name in ("project", "images", "caches", "containers", "source")]
    await fetch(KEEP, *columns, now())


# Budgets --------------------------------------------------------------------------------------------------------------


async def trim(world: World, sizes: Sequence[Sized]) -> None:
    """Remove caches above their project's budget. One that a build has just begun to use stays: the engine refuses."""
    for cache in await too_large(world, sizes):
        log.warning("build cache removed", extra={"volume": cache.name, "reason": cache.why})
        await world.containers.remove_volume(cache.name)


async def too_large(world: World, sizes: Sequence[Sized]) -> list[TooLarge]:
    """Which caches go, the largest of a project first; none of a project that builds now."""
    building = set(await column(Deployment.filter(state=State.building), "project_id"))
    found = []
    for project in await Project.all().only("id", "slug", "cache_mb"):
        if project.id not in building:
            caches = [one for one in sizes if one.kind == "volume" and one.labels.get(PROJECT) == str(project.id)]
            found += above(project.slug, budget_mb(project, world.settings), caches)
    return found


def budget_mb(project: Project, settings: Settings) -> int:
    return settings.build_cache_mb if project.cache_mb is None else project.cache_mb


def above(slug: str, most_mb: int, caches: Sequence[Sized]) -> list[TooLarge]:
    """The largest ones, until the rest fits: so the fewest builds begin without theirs."""
    total, gone = sum(cache.size for cache in caches), []
    why = f"the caches of {slug} take {size(total)}, and may take {size(most_mb * MB)}"
    for cache in sorted(caches, key=lambda one: -one.size):
        if total <= most_mb * MB:
            break
        gone.append(TooLarge(cache.name, cache.size, why))
        total -= cache.size
    return gone


# Looking ahead --------------------------------------------------------------------------------------------------------


async def full_in() -> timedelta | None:
    """When the disk is full if all goes on as it did; None if it doesn't fill, or too little is known."""
    rows = await DiskSample.filter(at__gte=now() - LOOKED_BACK).order_by("at").values_list("at", "free")
    return forecast([(at, free) for at, free in rows])


def forecast(samples: Sequence[tuple[datetime, int]]) -> timedelta | None:
    """From (when, bytes free), the oldest first: where the straight line through all of them ends. Between two sweeps a
    disk fills up and is emptied again, so single steps tell nothing."""
    if len(samples) < LEAST_SAMPLES or samples[-1][0] - samples[0][0] < LEAST:
        return None
    begun = samples[0][0]
    xs = [(at - begun).total_seconds() for at, _ in samples]
    ys = [float(free) for _, free in samples]
    middle, height = sum(xs) / len(xs), sum(ys) / len(ys)
    rise = sum((x - middle) * (y - height) for x, y in zip(xs, ys, strict=True))
    slope = rise / sum((x - middle) ** 2 for x in xs)
    if slope >= 0 or ys[-1] / -slope > FAR.total_seconds():
        return None
    return timedelta(seconds=ys[-1] / -slope)


# What is shown --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A project, and what it took when it was last looked at."""

    id: UUID
    name: str
    slug: str
    team: str
    images: int
    caches: int
    containers: int
    source: int
    total: int
    budget: int
    """Of its caches, bytes."""
    removing: bool
    looked_at: datetime


USES = """
    SELECT p.id, p.name, p.slug, t.name AS team, p.removing_at IS NOT NULL AS removing,
        k.images, k.caches, k.containers, k.source, k.images + k.caches + k.containers + k.source AS total,
        coalesce(p.cache_mb, $1)::bigint * 1000000 AS budget, k.looked_at
    FROM project_disk k JOIN project p ON p.id = k.project_id JOIN team t ON t.id = p.team_id
    ORDER BY total DESC, p.slug
"""


async def uses(settings: Settings) -> list[Use]:
    """Every project, the largest first."""
    return [Use(**row) for row in await fetch(USES, settings.build_cache_mb)]
