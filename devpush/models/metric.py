"""What deployments used and answered, in decreasing detail: plain SQL, since there are many rows.

A row is a deployment's time of `step` seconds. Whatever is measured is added to the row of every step at once: nothing
has to be summed up later, and the newest hour is as true as the newest fifteen seconds.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any
from uuid import UUID

from devpush.models.database import fetch
from devpush.models.deployment import UNFINISHED

FINEST = 15
KEPT = {
    FINEST: timedelta(hours=2),
    60: timedelta(days=1),
    600: timedelta(days=2),
    3600: timedelta(days=30),
}
"""Step in seconds → how long its rows are kept."""

SPANS = {
    "1h": (timedelta(hours=1), FINEST),
    "6h": (timedelta(hours=6), 60),
    "24h": (timedelta(hours=24), 600),
    "7d": (timedelta(days=7), 3600),
    "30d": (timedelta(days=30), 3600),
}
"""What pages show, and by which step."""

BOUNDS = (
    *(1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700),
    *(1000, 1500, 2000, 3000, 5000, 7000, 10_000, 15_000, 30_000),
)
"""Milliseconds. Durations are counted between these, and a last time above: counts can be added, percentiles can't."""
MOST_NAMED = 20


# Measuring


@dataclass(frozen=True, slots=True)
class Measured:
    """What one deployment used and answered in some seconds."""

    project: UUID
    deployment: UUID
    at: datetime
    samples: int = 0
    cpu_ms: int = 0
    memory: int = 0
    """Bytes, summed over the samples."""
    memory_max: int = 0
    received: int = 0
    sent: int = 0
    restarts: int = 0
    requests: int = 0
    refused: int = 0
    """Answered with 4xx."""
    failed: int = 0
    """Answered with 5xx."""
    durations: tuple[int, ...] = ()
    """How many requests took so long: one number for each of BOUNDS and one above, or nothing."""

    def __add__(self, other: "Measured") -> "Measured":
        """Both together, at the time of the first."""
        added = {name: getattr(self, name) + getattr(other, name) for name in SUMMED}
        highest = max(self.memory_max, other.memory_max)
        return replace(self, **added, memory_max=highest, durations=merged(self.durations, other.durations))


SUMMED = ("samples", "cpu_ms", "memory", "received", "sent", "restarts", "requests", "refused", "failed")
COLUMNS = (*SUMMED, "memory_max")


def merged(one: Sequence[int], other: Sequence[int]) -> tuple[int, ...]:
    """Counted durations, added."""
    if not one or not other:
        return tuple(one or other)
    return tuple(a + b for a, b in zip(one, other, strict=True))


def place_of(duration: float) -> int:
    """Where a duration (milliseconds) is counted."""
    return next((place for place, bound in enumerate(BOUNDS) if duration <= bound), len(BOUNDS))


def percentile(counts: Sequence[int], share: float) -> float | None:
    """The duration that this share of the requests stayed below, guessed between two bounds; None without any."""
    left = sum(counts) * share
    if not left:
        return None
    for place, count in enumerate(counts):
        if count and left <= count:
            low = BOUNDS[place - 1] if place else 0
            high = BOUNDS[place] if place < len(BOUNDS) else low
            return low + (high - low) * left / count
        left -= count
    return float(BOUNDS[-1])


# Keeping

KEEP = f"""
INSERT INTO metric AS kept (project_id, deployment_id, step, at, {", ".join(COLUMNS)}, durations)
SELECT m.project_id, m.deployment_id, m.step, m.at, {", ".join(f"m.{name}" for name in COLUMNS)}, m.durations
FROM jsonb_to_recordset($1::text::jsonb) AS m (
    project_id uuid, deployment_id uuid, step int, at timestamptz,
    {", ".join(f"{name} bigint" for name in COLUMNS)}, durations int[]
) JOIN project ON project.id = m.project_id
ON CONFLICT (project_id, step, at, deployment_id) DO UPDATE SET
    {", ".join(f"{name} = kept.{name} + excluded.{name}" for name in SUMMED)},
    memory_max = greatest(kept.memory_max, excluded.memory_max),
    durations = CASE
        WHEN kept.durations IS NULL THEN excluded.durations
        WHEN excluded.durations IS NULL THEN kept.durations
        ELSE ARRAY(
            SELECT one + other FROM unnest(kept.durations, excluded.durations) WITH ORDINALITY AS x (one, other, place)
            ORDER BY place
        )
    END
"""  # noqa: S608 - only our own words stand in it


async def keep(measured: Iterable[Measured]) -> None:
    """Add to what is kept, at every step, in one statement: all of it or nothing. A project that is gone has none."""
    rows = [_record(step, one) for (step, *_), one in rolled(measured).items()]
    if rows:
        await fetch(KEEP, json.dumps(rows))


def rolled(measured: Iterable[Measured]) -> dict[tuple[int, datetime, UUID], Measured]:
    """Everything measured, by step, time and deployment."""
    found: dict[tuple[int, datetime, UUID], Measured] = {}
    for one in measured:
        for step in KEPT:
            key = step, beginning(one.at, step), one.deployment
            found[key] = found[key] + one if key in found else replace(one, at=key[1])
    return found


def beginning(at: datetime, step: int) -> datetime:
    """Where the time of `step` seconds begins in which that moment is."""
    seconds = int(at.timestamp())
    return datetime.fromtimestamp(seconds - seconds % step, UTC)


def _record(step: int, one: Measured) -> dict[str, object]:
    return {
        "project_id": str(one.project),
        "deployment_id": str(one.deployment),
        "step": step,
        "at": one.at.isoformat(),
        **{name: getattr(one, name) for name in COLUMNS},
        "durations": one.durations or None,
    }


async def forget_old(now: datetime) -> None:
    """What was kept for its time."""
    for step, time in KEPT.items():
        await fetch("DELETE FROM metric WHERE step = $1 AND at < $2", step, now - time)


# Showing


@dataclass(frozen=True, slots=True)
class Point:
    """What a project, or one of its deployments, used and answered in a step that begins at `at`."""

    at: datetime
    seconds: float
    """How much of the step is over."""
    cpu: float | None
    """Cores."""
    memory: float | None
    """Bytes."""
    memory_max: int
    """The most that one deployment used."""
    received: int
    sent: int
    restarts: int
    requests: int
    refused: int
    failed: int
    durations: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """A deployment that was measured."""

    id: UUID
    short_id: str
    environment_name: str
    message: str


READ = f"""
    SELECT at, {", ".join(f"sum({name})::bigint AS {name}" for name in SUMMED)}, max(memory_max)::bigint AS memory_max,
        array_agg(durations) FILTER (WHERE durations IS NOT NULL) AS durations
    FROM metric WHERE project_id = $1 AND step = $2 AND at >= $3 AND ($4::uuid IS NULL OR deployment_id = $4)
    GROUP BY at ORDER BY at
"""  # noqa: S608 - only our own words stand in it


async def points(
    project_id: UUID, since: datetime, step: int, *, now: datetime, deployment_id: UUID | None = None
) -> list[Point]:
    """One after the other, without those in which nothing ran."""
    first = beginning(since, step)
    return [_point(record, step, now) for record in await fetch(READ, project_id, step, first, deployment_id)]


async def named(project_id: UUID, since: datetime, step: int) -> list[Named]:
    """The newest deployments that were measured since then."""
    rows = await fetch(
        """SELECT d.id, coalesce(e.name, 'Removed environment') AS environment_name,
            left(d.commit_message, 200) AS message
        FROM deployment d LEFT JOIN environment e ON e.id = d.environment_id
        WHERE d.project_id = $1 AND d.id IN (
            SELECT deployment_id FROM metric WHERE project_id = $1 AND step = $2 AND at >= $3
        ) ORDER BY d.number DESC LIMIT $4""",
        project_id,
        step,
        beginning(since, step),
        MOST_NAMED,
    )
    return [Named(row["id"], row["id"].hex[:7], row["environment_name"], row["message"]) for row in rows]


def _point(record: Mapping[str, Any], step: int, now: datetime) -> Point:
    seconds = min(float(step), max(float(FINEST), (now - record["at"]).total_seconds()))
    samples = min(record["samples"], max(1, round(seconds / FINEST)))  # of one after another, or of several at once
    return Point(
        at=record["at"],
        seconds=seconds,
        cpu=record["cpu_ms"] / 1000 / seconds if samples else None,
        memory=record["memory"] / samples if samples else None,
        durations=reduce(merged, record["durations"] or [], ()),
        **{name: record[name] for name in POINTED},
    )


POINTED = ("memory_max", "received", "sent", "restarts", "requests", "refused", "failed")


# For Prometheus


@dataclass(frozen=True, slots=True)
class Labels:
    """How a deployment is called."""

    project: str
    environment: str
    deployment: str


async def labels(deployments: Iterable[str]) -> dict[str, Labels]:
    """Those that are there, by id."""
    rows = await fetch(
        """SELECT d.id, p.slug AS project, coalesce(e.slug, '') AS environment
        FROM deployment d JOIN project p ON p.id = d.project_id LEFT JOIN environment e ON e.id = d.environment_id
        WHERE d.id = ANY($1::uuid[])""",
        list(deployments),
    )
    return {str(row["id"]): Labels(row["project"], row["environment"], row["id"].hex[:7]) for row in rows}


async def unfinished() -> dict[str, int]:
    """How many deployments are in each state that isn't their last."""
    states = sorted(UNFINISHED)
    rows = await fetch("SELECT state, count(*) AS count FROM deployment WHERE state = ANY($1) GROUP BY state", states)
    return dict.fromkeys(states, 0) | {row["state"]: row["count"] for row in rows}
