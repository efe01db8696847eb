"""What a project's deployments and log lines can be narrowed to."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from devpush.models.database import fetch
from devpush.models.reading import EnvironmentName, plain

MOST_BRANCHES = 100
NEWEST = 20


@dataclass(frozen=True, slots=True)
class DeploymentName:
    """A deployment to choose."""

    short_id: str
    title: str


@dataclass(frozen=True, slots=True)
class Choices:
    environments: Sequence[EnvironmentName]
    branches: Sequence[str]
    """Those that were deployed from, by name."""
    deployments: Sequence[DeploymentName]
    """The newest."""


# From one branch to the next along the index: as many steps as there are branches, however many deployments.
CHOICES = f"""
    WITH RECURSIVE known (branch, nth) AS (
        (SELECT branch, 1 FROM deployment WHERE project_id = $1 ORDER BY branch LIMIT 1)
        UNION ALL
        SELECT (SELECT d.branch FROM deployment d WHERE d.project_id = $1 AND d.branch > known.branch
                ORDER BY d.branch LIMIT 1), nth + 1
        FROM known WHERE branch IS NOT NULL AND nth <= {MOST_BRANCHES}
    )
    SELECT
        (SELECT json_agg(json_build_array(id, name, slug, color) ORDER BY slug <> 'production', position, name)
            FROM environment WHERE project_id = $1) AS environments,
        (SELECT json_agg(branch ORDER BY branch) FROM known WHERE branch IS NOT NULL) AS branches,
        (SELECT json_agg(json_build_array(id, title) ORDER BY number DESC) FROM (
            SELECT id, number, left(split_part(commit_message, E'\\n', 1), 100) AS title
            FROM deployment WHERE project_id = $1 ORDER BY number DESC LIMIT {NEWEST}
        ) newest) AS deployments
"""  # noqa: S608  # numbers of ours


async def choices(project_id: UUID) -> Choices:
    [found] = await fetch(CHOICES, project_id)
    environments, branches, deployments = (json.loads(found[name] or "[]") for name in found)
    return Choices(
        [EnvironmentName(UUID(id), name, slug, color) for id, name, slug, color in environments],
        [plain(branch) for branch in branches[:MOST_BRANCHES]],
        [DeploymentName(id[:7], plain(title)) for id, title in deployments],
    )
