"""What the pages show, read in few queries: plain SQL where row objects would cost more than the query.

Nothing here knows where apps are reached: whoever asks gives `url`, from an alias's label to its address.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

from devpush.errors import NotFound
from devpush.models.database import fetch, literally
from devpush.models.deployment import CANCELLABLE, UNFINISHED, State
from devpush.models.forge import Forge, forge
from devpush.models.project import PRODUCTION

PAGE = 25
CARDS = 24
MOST_COUNTED = 2_500
"""Counting goes no further: nobody turns 100 pages, and a large project must not make everyone wait."""

UNSHOWN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")

Role = Literal["current", "previous"]
Url = Callable[[str], str]
Record = Mapping[str, Any]
StepState = Literal["done", "running", "failed", "waiting", "skipped", "cancelled"]
ENDED_IN: dict[str, StepState] = {"failed": "failed", "cancelled": "cancelled", "skipped": "skipped"}
T = TypeVar("T")


# What there is to show


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentRow:
    """A deployment in a list."""

    id: UUID
    short_id: str
    number: int
    state: str
    reason: str
    environment_name: str
    environment_slug: str
    environment_color: str
    branch: str
    commit_sha: str
    commit_message: str
    commit_author: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    trigger: str
    role: Role | None
    url: str | None
    """Its own while it is served, else the environment's if that leads to it."""
    project_id: UUID
    project_name: str
    project_slug: str
    health: str
    health_note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentCard:
    """An environment: where it is, what serves there and what came last."""

    id: UUID
    name: str
    slug: str
    color: str
    branch: str
    url: str
    hostname: str
    current: DeploymentRow | None
    previous: DeploymentRow | None
    latest: DeploymentRow | None
    health: str
    health_note: str
    project_slug: str
    repo: str
    repo_page: str | None
    """Where its repository can be looked at."""
    repo_trouble: str
    connected: bool
    """By our GitHub App."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectCard:
    """A project in its team's list."""

    id: UUID
    name: str
    slug: str
    avatar: str | None
    repo: str
    url: str
    production: DeploymentRow | None
    latest: DeploymentRow | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a deployment's life."""

    name: str
    state: StepState
    started_at: datetime | None
    finished_at: datetime | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Hostname:
    """A hostname that was made for a deployment, and whether it leads there now."""

    hostname: str
    url: str
    kind: str
    live: bool


@dataclass(frozen=True, slots=True)
class Can:
    """What may be done with a deployment as it stands."""

    cancel: bool
    redeploy: bool
    roll_back: bool
    promote: bool


@dataclass(frozen=True, slots=True)
class Told:
    """What GitHub knows of a deployment, or why it doesn't."""

    page: str | None
    """Where GitHub shows it."""
    given_up: str
    knows: bool
    """How it stands now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentPage(DeploymentRow):
    """A deployment, whole."""

    repo_url: str
    commit_url: str | None
    branch_url: str | None
    delivery_source: str
    """Who told us of the push (models/delivery.py), if that led to it."""
    source_id: UUID | None
    """The deployment that it repeats, or whose image it runs."""
    told: Told | None
    """None: GitHub isn't to hear of it."""
    created_by_name: str | None
    environment_url: str | None
    steps: Sequence[Step]
    hostnames: Sequence[Hostname]
    can: Can
    image_reused: bool


@dataclass(frozen=True, slots=True)
class EnvironmentName:
    """An environment to choose from."""

    id: UUID
    name: str
    slug: str
    color: str


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of a list: the `number`-th of `pages`. `total` counts no further than MOST_COUNTED."""

    items: Sequence[T]
    number: int
    pages: int
    total: int


# Deployments in lists

# A list carries the beginning of messages and reasons only; the deployment's own page has them whole.
DEPLOYMENT = """
    SELECT d.id, d.number, d.state, left(d.reason, 500) AS reason, d.branch, d.commit_sha,
        left(d.commit_message, 500) AS commit_message, d.commit_author, d.created_at, d.building_at,
        d.finished_at, d.trigger, d.health, d.health_note, d.project_id,
        e.name AS environment_name, e.slug AS environment_slug, e.color AS environment_color,
        p.name AS project_name, p.slug AS project_slug,
        at.environment_label, at.own_label, at.of_branch,
        EXISTS (
            SELECT FROM alias a WHERE a.previous_id = d.id AND a.kind IN ('production', 'environment')
        ) AS previous
"""
OF_DEPLOYMENT = """
    JOIN project p ON p.id = d.project_id
    LEFT JOIN environment e ON e.id = d.environment_id
    LEFT JOIN LATERAL (
        SELECT min(a.label) FILTER (WHERE a.kind IN ('production', 'environment')) AS environment_label,
            min(a.label) FILTER (WHERE a.kind = 'deployment') AS own_label,
            bool_or(a.kind = 'branch') AS of_branch
        FROM alias a WHERE a.deployment_id = d.id
    ) at ON true
"""


async def latest_deployments(
    *, url: Url, team_id: UUID | None = None, project_id: UUID | None = None, limit: int = 10
) -> list[DeploymentRow]:
    """The newest deployments of a project or of all the team's projects."""
    if project_id:
        newest = "SELECT * FROM deployment WHERE project_id = $1 ORDER BY number DESC LIMIT $2"
    else:  # the projects that deployed last, of each its newest: two steps along an index, however many there are
        newest = """SELECT x.* FROM (
            SELECT y.id FROM project y CROSS JOIN LATERAL (
                SELECT FROM deployment z WHERE z.project_id = y.id ORDER BY z.number DESC LIMIT 1
            ) has_some WHERE y.team_id = $1 AND y.removing_at IS NULL ORDER BY y.active_at DESC LIMIT $2
        ) y CROSS JOIN LATERAL (
            SELECT * FROM deployment z WHERE z.project_id = y.id ORDER BY z.number DESC LIMIT $2
        ) x ORDER BY x.number DESC LIMIT $2"""
    sql = f"{DEPLOYMENT} FROM ({newest}) d {OF_DEPLOYMENT} ORDER BY d.number DESC"
    return [_row(record, url) for record in await fetch(sql, project_id or team_id, limit)]


async def deployment_row(deployment_id: UUID, *, url: Url) -> DeploymentRow | None:
    return (await deployment_rows([deployment_id], url=url)).get(deployment_id)


async def deployment_rows(ids: Sequence[UUID], *, url: Url) -> dict[UUID, DeploymentRow]:
    """These deployments, by id."""
    if not ids:
        return {}
    sql = f"{DEPLOYMENT} FROM deployment d {OF_DEPLOYMENT} WHERE d.id = ANY($1)"
    return {record["id"]: _row(record, url) for record in await fetch(sql, list(ids))}


def _row(record: Record, url: Url) -> DeploymentRow:
    return DeploymentRow(**_row_facts(record, url))


def _row_facts(record: Record, url: Url) -> dict[str, Any]:
    return {
        "id": record["id"],
        "short_id": record["id"].hex[:7],
        "number": record["number"],
        "state": record["state"],
        "reason": record["reason"],
        "environment_name": record["environment_name"] or "Removed environment",
        "environment_slug": record["environment_slug"] or "",
        "environment_color": record["environment_color"] or "slate",
        "branch": plain(record["branch"]),
        "commit_sha": record["commit_sha"],
        "commit_message": plain(record["commit_message"]),
        "commit_author": plain(record["commit_author"]),
        "created_at": record["created_at"],
        "started_at": record["building_at"],
        "finished_at": record["finished_at"],
        "trigger": record["trigger"],
        "role": _role(record),
        "url": _url(record, url),
        "project_id": record["project_id"],
        "project_name": record["project_name"],
        "project_slug": record["project_slug"],
        "health": record["health"],
        "health_note": record["health_note"],
    }


def plain(text: str) -> str:
    """What others wrote, for showing: without control characters and without what makes text read backwards."""
    return text if text.isascii() and text.isprintable() else UNSHOWN.sub("", text)


def _role(record: Record) -> Role | None:
    """What it is to its environment; a branch's name counts only where the environment's never led here: after
    a rollback the branch still leads to the newer one, which is "previous" then and can be gone back to."""
    if record["environment_label"]:
        return "current"
    if record["previous"]:
        return "previous"
    return "current" if record["of_branch"] else None


def _url(record: Record, url: Url) -> str | None:
    """Its own name leads to it only as long as its environment's or branch's does (traffic.SERVING)."""
    served = record["environment_label"] or record["of_branch"]
    label = record["own_label"] or record["environment_label"]
    return url(label) if served and label else None


# The deployments page


async def deployments_page(
    project_id: UUID,
    filters: Mapping[str, str],
    number: int,
    *,
    url: Url,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Page[DeploymentRow]:
    """A page of a project's deployments, newest first; filters: environment, status, branch."""
    conditions, values = _conditions(project_id, filters, since, until)
    counted = f"SELECT FROM deployment d WHERE {conditions} LIMIT {MOST_COUNTED}"
    [head] = await fetch(f"SELECT count(*) AS total FROM ({counted}) c", *values)  # noqa: S608
    pages = max(1, -(-head["total"] // PAGE))
    number = min(max(number, 1), pages)
    window = f"LIMIT {PAGE} OFFSET {(number - 1) * PAGE}"
    # Found in the index, which holds all that is asked for: of what is passed over no row is read.
    sql = f"""{DEPLOYMENT} FROM (
        SELECT d.id FROM deployment d WHERE {conditions} ORDER BY d.number DESC {window}
    ) found JOIN deployment d ON d.id = found.id {OF_DEPLOYMENT} ORDER BY d.number DESC"""  # noqa: S608 - only our own words stand in it
    rows = [_row(record, url) for record in await fetch(sql, *values)] if head["total"] else []
    return Page(rows, number, pages, head["total"])


def _conditions(
    project_id: UUID, filters: Mapping[str, str], since: datetime | None, until: datetime | None
) -> tuple[str, list[object]]:
    """SQL conditions on `d` with their values; what makes no sense is not asked for."""
    slug = filters.get("environment")
    conditions, values = [] if slug else ["d.project_id = $1"], list[object]([project_id])

    def have(condition: str, value: object) -> None:
        values.append(value)
        conditions.append(condition.format(f"${len(values)}"))

    if slug:  # by itself: PostgreSQL thinks that few of a project's deployments are of any one environment
        have("d.environment_id = (SELECT id FROM environment WHERE project_id = $1 AND slug = {})", slug)
    if filters.get("status") in set(State):
        have("d.state = {}", filters["status"])
    if branch := filters.get("branch"):
        have("d.branch = {}", branch)
    if since:
        have("d.created_at >= {}", since)
    if until:
        have("d.created_at < {}", until)
    return " AND ".join(conditions), values


async def find_deployment(project_id: UUID, text: str) -> UUID | None:
    """The project's deployment with that id, or the newest whose id begins so (at least 7 hex)."""
    prefix = text.strip().lower().replace("-", "")
    if not re.fullmatch(r"[0-9a-f]{7,32}", prefix):
        return None
    low, high = UUID(prefix.ljust(32, "0")), UUID(prefix.ljust(32, "f"))
    found = await fetch(
        """SELECT id FROM deployment WHERE project_id = $1 AND id BETWEEN $2 AND $3
        ORDER BY number DESC LIMIT 1""",
        project_id,
        low,
        high,
    )
    return found[0]["id"] if found else None


# Environments and projects


async def environment_cards(project_id: UUID, *, url: Url) -> list[EnvironmentCard]:
    """Production first, then the others in their order."""
    records = await fetch(
        """
        SELECT e.id, e.name, e.slug, e.color, e.branch, p.slug AS project_slug, a.label,
            p.repo_url, p.repo_local, p.repo_trouble, p.github_repo_id,
            a.deployment_id AS current_id, a.previous_id, latest.id AS latest_id
        FROM environment e
        JOIN project p ON p.id = e.project_id
        LEFT JOIN alias a ON a.environment_id = e.id AND a.project_id = e.project_id
            AND a.kind IN ('production', 'environment')
        LEFT JOIN LATERAL (
            SELECT d.id FROM deployment d WHERE d.environment_id = e.id ORDER BY d.number DESC LIMIT 1
        ) latest ON true
        WHERE e.project_id = $1 ORDER BY e.slug <> 'production', e.position, e.name
        """,
        project_id,
    )
    wanted = ("current_id", "previous_id", "latest_id")
    rows = await deployment_rows(list({record[name] for record in records for name in wanted if record[name]}), url=url)
    return [_environment_card(record, rows, url) for record in records]


def _environment_card(record: Record, rows: Mapping[UUID, DeploymentRow], url: Url) -> EnvironmentCard:
    current = rows.get(record["current_id"])
    address = url(record["label"]) if record["label"] else ""
    return EnvironmentCard(
        id=record["id"],
        name=record["name"],
        slug=record["slug"],
        color=record["color"],
        branch=record["branch"],
        url=address,
        hostname=urlsplit(address).hostname or "",
        current=current,
        previous=rows.get(record["previous_id"]),
        latest=rows.get(record["latest_id"]),
        health=(current.health if current else "") or "none",
        health_note=current.health_note if current else "",
        project_slug=record["project_slug"],
        repo=repository_name(record["repo_url"], local=record["repo_local"]),
        repo_page=pages.repository if (pages := _forge(record)) else None,
        repo_trouble=record["repo_trouble"],
        connected=record["github_repo_id"] is not None,
    )


PROJECT = """
    SELECT p.id, p.name, p.slug, p.avatar, p.repo_url, p.repo_local, p.active_at, a.label,
        a.deployment_id AS production_id, latest.id AS latest_id
"""
OF_PROJECT = """
    LEFT JOIN alias a ON a.project_id = p.id AND a.kind = 'production'
    LEFT JOIN LATERAL (
        SELECT d.id FROM deployment d WHERE d.project_id = p.id ORDER BY d.number DESC LIMIT 1
    ) latest ON true
"""


async def projects_page(team_id: UUID, q: str, number: int, *, url: Url) -> Page[ProjectCard]:
    """A page of the team's projects, as `project_cards` finds them."""
    conditions, values = _named(team_id, q)
    [head] = await fetch(f"SELECT count(*) AS total FROM project p WHERE {conditions}", *values)  # noqa: S608
    pages = max(1, -(-head["total"] // CARDS))
    number = min(max(number, 1), pages)
    cards = await project_cards(team_id, q, url=url, limit=CARDS, offset=(number - 1) * CARDS)
    return Page(cards, number, pages, head["total"])


async def project_cards(
    team_id: UUID, q: str = "", *, url: Url, limit: int | None = None, offset: int = 0
) -> list[ProjectCard]:
    """The team's projects whose name or slug holds `q`, the most recently active first."""
    conditions, values = _named(team_id, q)
    # The page first, along the index: what is joined is joined for its rows only.
    records = await fetch(
        f"""{PROJECT} FROM (
            SELECT * FROM project p WHERE {conditions} ORDER BY p.active_at DESC, p.slug
            LIMIT {limit or "ALL"} OFFSET {offset}
        ) p {OF_PROJECT} ORDER BY p.active_at DESC, p.slug""",  # noqa: S608 - only our own words stand in it
        *values,
    )
    return await _project_cards(records, url)


def _named(team_id: UUID, q: str) -> tuple[str, list[object]]:
    """SQL conditions on `p` with their values."""
    conditions, values = "p.team_id = $1 AND p.removing_at IS NULL", list[object]([team_id])
    if q := q.strip():
        conditions += " AND (p.name ILIKE $2 OR p.slug ILIKE $2)"
        values.append(f"%{literally(q)}%")
    return conditions, values


async def project_card(project_id: UUID, *, url: Url) -> ProjectCard | None:
    sql = f"{PROJECT} FROM project p {OF_PROJECT} WHERE p.id = $1 AND p.removing_at IS NULL"
    records = await fetch(sql, project_id)
    return next(iter(await _project_cards(records, url)), None)


async def _project_cards(records: Sequence[Record], url: Url) -> list[ProjectCard]:
    wanted = ("production_id", "latest_id")
    rows = await deployment_rows(list({record[name] for record in records for name in wanted if record[name]}), url=url)
    return [
        ProjectCard(
            id=record["id"],
            name=record["name"],
            slug=record["slug"],
            avatar=record["avatar"],
            repo=repository_name(record["repo_url"], local=record["repo_local"]),
            url=url(record["label"] or record["slug"]),
            production=rows.get(record["production_id"]),
            latest=rows.get(record["latest_id"]),
            updated_at=record["active_at"],
        )
        for record in records
    ]


# One deployment


async def deployment_page(project_id: UUID, deployment_id: UUID, *, url: Url) -> DeploymentPage:
    """All there is to see of a project's deployment. Raises NotFound."""
    records = await fetch(
        f"""{DEPLOYMENT}, d.reason AS whole_reason, d.commit_message AS whole_message, d.starting_at,
            d.routing_at, d.image, d.image_reused, d.source_id, p.repo_url, p.repo_local, p.github_repo_id,
            u.name AS user_name, u.email AS user_email, r.reported, r.given_up, r.github_id,
            told_by.source AS delivery_source,
            (SELECT min(label) FROM alias a WHERE a.environment_id = d.environment_id
                AND a.project_id = d.project_id AND a.kind IN ('production', 'environment')) AS home_label,
            (SELECT json_agg(json_build_object('label', label, 'kind', kind) ORDER BY label)
                FROM alias a WHERE a.deployment_id = d.id) AS aliases
        FROM deployment d {OF_DEPLOYMENT} LEFT JOIN "user" u ON u.id = d.created_by_id
        LEFT JOIN report r ON r.deployment_id = d.id
        LEFT JOIN LATERAL (
            SELECT source FROM delivery WHERE project_id = d.project_id AND deployment_id = d.id
                AND created_at BETWEEN d.created_at - interval '1 minute' AND d.created_at + interval '10 minutes'
            ORDER BY created_at LIMIT 1
        ) told_by ON true
        WHERE d.id = $1 AND d.project_id = $2""",  # noqa: S608 - only our own words stand in it
        deployment_id,
        project_id,
    )
    if not records:
        raise NotFound("There is no such deployment.")
    return _deployment_page(records[0], url)


def _deployment_page(record: Record, url: Url) -> DeploymentPage:
    facts = _row_facts(record, url)
    facts |= {"reason": record["whole_reason"], "commit_message": plain(record["whole_message"])}
    pages = _forge(record)
    return DeploymentPage(
        **facts,
        repo_url=repository_name(record["repo_url"], local=record["repo_local"]),
        commit_url=pages.commit(record["commit_sha"]) if pages else None,
        branch_url=pages.branch(record["branch"]) if pages else None,
        delivery_source=record["delivery_source"] or "",
        source_id=record["source_id"],
        told=_told(record, pages),
        created_by_name=record["user_name"] or record["user_email"],
        environment_url=url(record["home_label"]) if record["home_label"] else None,
        steps=steps(record),
        hostnames=_hostnames(json.loads(record["aliases"] or "[]"), url),
        can=can(record),
        image_reused=record["image_reused"],
    )


REPORTED: dict[str, tuple[str, ...]] = {"succeeded": ("live", "inactive")} | dict.fromkeys(
    ("building", "starting", "routing"), ("in_progress",)
)
"""What a report says of a state (deploy/outlook.py), where that has another name."""


def _told(record: Record, pages: Forge | None) -> Told | None:
    if record["reported"] is None or record["github_repo_id"] is None:
        return None
    reported = record["reported"] in REPORTED.get(record["state"], (record["state"],))
    page = f"{pages.repository}/deployments" if pages else None
    return Told(page, record["given_up"], bool(reported and record["github_id"] and not record["given_up"]))


KINDS = {"production": "production", "environment": "environment", "branch": "branch", "deployment": "id"}


def _hostnames(aliases: Sequence[Record], url: Url) -> list[Hostname]:
    served = any(alias["kind"] != "deployment" for alias in aliases)
    found = []
    for alias in sorted(aliases, key=lambda alias: list(KINDS).index(alias["kind"])):
        address = url(alias["label"])
        found.append(Hostname(urlsplit(address).hostname or "", address, KINDS[alias["kind"]], served))
    return found


def can(record: Record) -> Can:
    """From its state and image, its environment's slug, and that one's label if it leads to it."""
    ran = record["state"] == State.succeeded and bool(record["image"]) and record["environment_slug"] is not None
    return Can(
        cancel=record["state"] in CANCELLABLE,
        redeploy=record["state"] not in UNFINISHED,
        roll_back=ran and not record["environment_label"],
        promote=ran and record["environment_slug"] != PRODUCTION,
    )


def steps(record: Record) -> list[Step]:
    """The four steps on the way to live: what is done, what is being done, and where it ended."""
    begun = [record["created_at"], record["building_at"], record["starting_at"], record["routing_at"]]
    reached = max(index for index, at in enumerate(begun) if at)
    ended = [*begun[1:], None]
    ended[reached] = record["finished_at"]
    note = _build_note(record) if reached else ""
    return [
        Step(
            name,
            _step_state(record["state"], index, reached),
            begun[index],
            ended[index],
            note if index == 1 else "",
        )
        for index, name in enumerate(UNFINISHED)
    ]


def _step_state(state: str, index: int, reached: int) -> StepState:
    if state == State.succeeded or index < reached:
        return "done"
    if index > reached:
        return "waiting" if state in UNFINISHED else "skipped"
    return ENDED_IN.get(state, "running")


def _build_note(record: Record) -> str:
    if record["trigger"] == "promotion":
        return "Nothing to build: this image was built before."
    if not record["image_reused"]:
        return ""
    redeployed = record["trigger"] == "redeploy"  # its inputs may be others, where none of them is the build's
    return "Nothing to build: the earlier image is used." if redeployed else "Nothing to build: same inputs as before."


# Repositories as they are shown


def repository_name(repo_url: str, *, local: bool = False) -> str:
    """github.com/ada/engine: never a credential, never a path of the server."""
    if local:
        return PurePosixPath(repo_url).name.removesuffix(".git")
    parts = urlsplit(repo_url)
    return f"{parts.netloc.rpartition('@')[2]}{parts.path}".removesuffix(".git")


def _forge(record: Record) -> Forge | None:
    connected = record["github_repo_id"] is not None
    return forge(record["repo_url"], local=record["repo_local"], connected=connected)
