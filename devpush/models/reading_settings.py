"""What a project's settings show beside the project itself, read in one query."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from devpush.errors import WrongKey
from devpush.models.database import fetch
from devpush.models.project import Project
from devpush.models.reading import MOST_COUNTED, Record, Url
from devpush.models.secret import decrypt


@dataclass(frozen=True, slots=True)
class Running:
    """What an environment's current deployment was made with. Values are here to be compared, never to be shown."""

    deployment_id: UUID
    config: Mapping[str, Any]
    variables: Mapping[str, str] | None = field(repr=False)
    """None: they can't be read with the server's present key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentRow:
    """An environment as it is set up."""

    id: UUID
    name: str
    slug: str
    color: str
    branch: str
    kept_images: int | None
    url: str
    hostname: str
    running: Running | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableRow:
    """A variable; `environment_id` None means all environments."""

    id: UUID
    key: str
    value: str | None = field(repr=False)
    """None: it can't be read with the server's present key."""
    environment_id: UUID | None
    environment_name: str
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectSettings:
    environments: Sequence[EnvironmentRow]
    """Production first, then in their order."""
    variables: Sequence[VariableRow]
    """By key."""
    deployments: int
    """Counted no further than MOST_COUNTED."""
    labels: Sequence[str]
    disk: Mapping[str, int]
    """Bytes of each kind, when it was last measured; empty before."""
    installation: Record
    """A row of github_installation, its columns null where there is none."""


READ = f"""
    SELECT (SELECT count(*) FROM (SELECT FROM deployment WHERE project_id = $1 LIMIT {MOST_COUNTED}) c) AS deployments,
        ARRAY(SELECT label FROM alias WHERE project_id = $1 AND kind IN ('production', 'environment')
            AND environment_id IS NOT NULL ORDER BY label) AS labels,
        (SELECT json_build_object('images', images, 'caches', caches, 'containers', containers, 'source', source)
            FROM project_disk WHERE project_id = $1) AS disk,
        (SELECT json_agg(e ORDER BY e.production DESC, e.position, e.name) FROM (
            SELECT e.id, e.name, e.slug, e.color, e.branch, e.kept_images, e.position,
                e.slug = 'production' AS production, a.label,
                d.id AS deployment_id, d.config, convert_from(d.variables, 'UTF8') AS variables
            FROM environment e
            LEFT JOIN alias a ON a.environment_id = e.id AND a.project_id = e.project_id
                AND a.kind IN ('production', 'environment')
            LEFT JOIN deployment d ON d.id = a.deployment_id
            WHERE e.project_id = $1
        ) e) AS environments,
        (SELECT json_agg(v ORDER BY v.key, v.position NULLS FIRST) FROM (
            SELECT v.id, v.key, convert_from(v.value, 'UTF8') AS value, v.environment_id, v.updated_at,
                coalesce(e.name, 'All environments') AS environment_name, e.position
            FROM variable v LEFT JOIN environment e ON e.id = v.environment_id WHERE v.project_id = $1
        ) v) AS variables,
        i.id AS installation, i.account_login, i.account_type, i.suspended_at
    FROM (SELECT $2::bigint AS id) AS asked LEFT JOIN github_installation i ON i.id = asked.id
"""  # noqa: S608 - only our own words stand in it


async def project_settings(project: Project, *, url: Url) -> ProjectSettings:
    [record] = await fetch(READ, project.id, project.github_installation_id)
    return ProjectSettings(
        environments=[_environment(row, url) for row in _rows(record["environments"])],
        variables=[_variable(row) for row in _rows(record["variables"])],
        deployments=record["deployments"],
        labels=record["labels"],
        disk=json.loads(record["disk"] or "{}"),
        installation={name: record[name] for name in ("installation", "account_login", "account_type", "suspended_at")},
    )


def _rows(aggregated: str | None) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(aggregated or "[]")
    return rows


def _environment(row: Record, url: Url) -> EnvironmentRow:
    address = url(row["label"]) if row["label"] else ""
    return EnvironmentRow(
        **{name: row[name] for name in ("name", "slug", "color", "branch", "kept_images")},
        id=UUID(row["id"]),
        url=address,
        hostname=urlsplit(address).hostname or "",
        running=_running(row) if row["deployment_id"] else None,
    )


def _running(row: Record) -> Running:
    variables = _readable(row["variables"])
    return Running(UUID(row["deployment_id"]), row["config"], json.loads(variables) if variables else None)


def _readable(token: str) -> str | None:
    """Settings open whatever the key is: who lost one puts the values in anew here."""
    try:
        return decrypt(token)
    except WrongKey:
        return None


def _variable(row: Record) -> VariableRow:
    return VariableRow(
        id=UUID(row["id"]),
        key=row["key"],
        value=_readable(row["value"]),
        environment_id=UUID(row["environment_id"]) if row["environment_id"] else None,
        environment_name=row["environment_name"],
        updated_at=datetime.fromisoformat(row["updated_at"]),
    )
