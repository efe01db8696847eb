"""What would go with a team or with a deleted project, counted for the page that says so before it happens."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from devpush.models.database import fetch
from devpush.models.reading import MOST_COUNTED

SHOWN_PROJECTS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletedProject:
    """One that can still be restored, and what goes with it."""

    id: UUID
    name: str
    removing_at: datetime
    ends_at: datetime
    deployments: int
    """Counted no further than MOST_COUNTED."""
    variables: int
    domains: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamEnd:
    """What a team has."""

    projects: Sequence[str]
    """Names, of the first SHOWN_PROJECTS."""
    more: int
    deployments: int
    """Counted no further than MOST_COUNTED."""
    variables: int
    domains: Sequence[str]


DELETED = f"""
    SELECT p.id, p.name, p.removing_at, p.ends_at,
        (SELECT count(*) FROM (SELECT FROM deployment WHERE project_id = p.id LIMIT {MOST_COUNTED}) c) AS deployments,
        (SELECT count(*) FROM variable WHERE project_id = p.id) AS variables,
        ARRAY(SELECT hostname FROM domain WHERE project_id = p.id ORDER BY hostname) AS domains
    FROM project p WHERE p.team_id = $1 AND p.ends_at > now() ORDER BY p.removing_at DESC
"""  # noqa: S608 - only our own words stand in it
TEAM = f"""
    WITH its AS (SELECT id, name FROM project WHERE team_id = $1 AND removing_at IS NULL)
    SELECT ARRAY(SELECT name FROM its ORDER BY name LIMIT {SHOWN_PROJECTS}) AS projects,
        greatest(0, (SELECT count(*) FROM its) - {SHOWN_PROJECTS}) AS more,
        (SELECT count(*) FROM (
            SELECT FROM deployment WHERE project_id IN (SELECT id FROM its) LIMIT {MOST_COUNTED}
        ) c) AS deployments,
        (SELECT count(*) FROM variable WHERE project_id IN (SELECT id FROM its)) AS variables,
        ARRAY(SELECT hostname FROM domain WHERE project_id IN (SELECT id FROM its) ORDER BY hostname) AS domains
"""  # noqa: S608 - only our own words stand in it


async def deleted_projects(team_id: UUID) -> list[DeletedProject]:
    """Those of a team that can be restored, the last deleted first."""
    return [DeletedProject(**row) for row in await fetch(DELETED, team_id)]


async def team(team_id: UUID) -> TeamEnd:
    [row] = await fetch(TEAM, team_id)
    return TeamEnd(**row)
