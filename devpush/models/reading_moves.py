"""What a rollback or a promotion would move, read in two queries for the page that asks before the act."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

from devpush.errors import NotFound
from devpush.models import reading
from devpush.models.database import fetch
from devpush.models.project import PRODUCTION
from devpush.models.reading import Can, DeploymentRow, Record, Url


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A deployment, and the environment that would come to run it."""

    deployment: DeploymentRow
    can: Can
    environment_id: UUID | None
    environment_name: str
    current: DeploymentRow | None
    hostnames: Sequence[str]
    """Those that would lead to it from then on: the environment's, its branch's, then its domains."""


# The branch comes along with a rollback to what was deployed from it: what was promoted is of another environment.
MOVE = """
    SELECT d.state, d.image, own.slug AS environment_slug, e.id AS environment_id, e.name AS environment_name,
        home.label, home.deployment_id AS current_id,
        (SELECT min(a.label) FROM alias a
            WHERE a.deployment_id = d.id AND a.kind IN ('production', 'environment')) AS environment_label,
        (SELECT a.label FROM alias a WHERE a.project_id = d.project_id AND a.kind = 'branch' AND a.branch = d.branch
            AND a.deployment_id IS DISTINCT FROM d.id AND e.id = own.id AND d.trigger <> 'promotion') AS branch_label,
        ARRAY(SELECT hostname FROM domain
            WHERE environment_id = e.id AND held IS NOT NULL AND redirect_to = '' ORDER BY hostname) AS domains
    FROM deployment d
    LEFT JOIN environment own ON own.id = d.environment_id
    LEFT JOIN environment e ON e.project_id = d.project_id AND e.slug = coalesce($3, own.slug)
    LEFT JOIN alias home ON home.environment_id = e.id AND home.project_id = e.project_id
        AND home.kind IN ('production', 'environment')
    WHERE d.id = $1 AND d.project_id = $2
"""


async def rollback(project_id: UUID, deployment_id: UUID, *, url: Url) -> Move:
    """Its own environment would run it again. Raises NotFound."""
    return await _move(project_id, deployment_id, None, url)


async def promotion(project_id: UUID, deployment_id: UUID, *, url: Url) -> Move:
    """Production would run its image. Raises NotFound."""
    return await _move(project_id, deployment_id, PRODUCTION, url)


async def _move(project_id: UUID, deployment_id: UUID, environment: str | None, url: Url) -> Move:
    found = await fetch(MOVE, deployment_id, project_id, environment)
    if not found:
        raise NotFound("There is no such deployment.")
    [record] = found
    rows = await reading.deployment_rows([id for id in (deployment_id, record["current_id"]) if id], url=url)
    return Move(
        deployment=rows[deployment_id],
        can=reading.can(record),
        environment_id=record["environment_id"],
        environment_name=record["environment_name"] or "",
        current=rows.get(record["current_id"]),
        hostnames=_hostnames(record, url),
    )


def _hostnames(record: Record, url: Url) -> list[str]:
    labels = [record[name] for name in ("label", "branch_label") if record[name]]
    return [*(urlsplit(url(label)).hostname or "" for label in labels), *record["domains"]]
