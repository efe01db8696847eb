"""What somebody may mean by a few letters: projects and deployments of their teams."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from devpush.models.database import fetch, literally
from devpush.models.reading import plain

PROJECTS, DEPLOYMENTS = 8, 8
SHORTEST = 3
"""Fewer letters stand in every commit message, and in no index."""

FIND_DEPLOYMENTS = """
    SELECT d.id, d.state, left(d.commit_message, 200) AS commit_message, d.created_at,
        p.slug AS project_slug, p.name AS project_name
    FROM deployment d JOIN project p ON p.id = d.project_id
    WHERE p.team_id = ANY($1) AND p.removing_at IS NULL
        AND ((d.commit_sha || ' ' || left(d.commit_message, 200)) ILIKE $2 OR d.id BETWEEN $3 AND $4)
    ORDER BY d.number DESC LIMIT $5
"""
NEWEST = "WITH deployment AS MATERIALIZED (SELECT * FROM public.deployment ORDER BY number DESC LIMIT 1000)"
"""Looked through first: a word that is everywhere is in these, and the index would bring all of them to be sorted
(100,000 deployments: 300 ms)."""


@dataclass(frozen=True, slots=True)
class FoundProject:
    id: UUID
    slug: str
    name: str
    avatar: str | None
    team_name: str


@dataclass(frozen=True, slots=True)
class FoundDeployment:
    id: UUID
    short_id: str
    state: str
    commit_message: str
    created_at: datetime
    project_slug: str
    project_name: str


@dataclass(frozen=True, slots=True)
class Production:
    """Where a project's production stands: what serves, and what served before."""

    branch: str
    current_id: UUID | None
    previous_id: UUID | None


async def projects(q: str, teams: Sequence[UUID], *, first: UUID | None = None) -> list[FoundProject]:
    """Whose name or slug holds `q`: of the team that one is in before others', the most recently active first."""
    records = await fetch(
        """SELECT p.id, p.slug, p.name, p.avatar, t.name AS team_name
        FROM project p JOIN team t ON t.id = p.team_id
        WHERE p.team_id = ANY($1) AND p.removing_at IS NULL AND (p.name ILIKE $2 OR p.slug ILIKE $2)
        ORDER BY p.name ILIKE $3 DESC, p.team_id IS NOT DISTINCT FROM $4 DESC,
            p.active_at DESC LIMIT $5""",
        list(teams),
        f"%{literally(q)}%",
        f"{literally(q)}%",
        first,
        PROJECTS,
    )
    return [FoundProject(**record) for record in records]


async def deployments(q: str, teams: Sequence[UUID]) -> list[FoundDeployment]:
    """Whose id begins with `q`, or whose commit's id or message holds it; the newest first."""
    if len(q) < SHORTEST:
        return []
    values = (list(teams), f"%{literally(q)}%", *_ids(q), DEPLOYMENTS)
    records = await fetch(f"{NEWEST} {FIND_DEPLOYMENTS}", *values)
    if len(records) < DEPLOYMENTS:
        records = await fetch(FIND_DEPLOYMENTS, *values)
    return [FoundDeployment(short_id=record["id"].hex[:7], **_shown(record)) for record in records]


async def production(project_id: UUID) -> Production:
    [record] = await fetch(
        """SELECT e.branch, a.deployment_id AS current_id, a.previous_id FROM environment e
        LEFT JOIN alias a ON a.environment_id = e.id AND a.project_id = e.project_id AND a.kind = 'production'
        WHERE e.project_id = $1 AND e.slug = 'production'""",
        project_id,
    )
    return Production(**record)


def _shown(record: dict[str, Any]) -> dict[str, Any]:
    return record | {"commit_message": plain(record["commit_message"])}


def _ids(q: str) -> tuple[UUID | None, UUID | None]:
    """The first and the last id that begin so."""
    prefix = q.lower().replace("-", "")
    if not re.fullmatch(r"[0-9a-f]{4,32}", prefix):
        return None, None
    return UUID(prefix.ljust(32, "0")), UUID(prefix.ljust(32, "f"))
