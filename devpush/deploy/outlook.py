"""What GitHub should know of a deployment, in words: derived from its state and where its environment's name leads.

A report is behind as long as `reported` isn't the deployment's outlook; nothing else is remembered of what to say.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from tortoise import connections

from devpush.models.database import fetch
from devpush.models.forge import full_name
from devpush.models.project import PRODUCTION
from devpush.models.reading import plain
from devpush.settings import Settings

PER_ACCOUNT = 2
"""So many are sent of one account at a time: where GitHub makes one wait, the others don't."""
LONGEST = 140
"""Characters of a description, as GitHub allows."""


class Outlook(StrEnum):
    """What there is to say of a deployment."""

    queued = "queued"
    in_progress = "in_progress"
    live = "live"
    inactive = "inactive"
    failed = "failed"
    cancelled = "cancelled"
    skipped = "skipped"


@dataclass(frozen=True)
class Words:
    """An outlook as GitHub calls it, of a commit's status and of a deployment's, and as we do."""

    status: str
    deployment: str
    clause: str


WORDS = {
    Outlook.queued: Words("pending", "queued", "waits for its turn"),
    Outlook.in_progress: Words("pending", "in_progress", "is under way"),
    Outlook.live: Words("success", "success", "is live"),
    Outlook.inactive: Words("success", "inactive", "is no longer live"),
    Outlook.failed: Words("failure", "failure", "failed"),
    Outlook.cancelled: Words("error", "inactive", "was cancelled"),
    Outlook.skipped: Words("error", "inactive", "was skipped"),
}
CAME_TO_NOTHING = (Outlook.cancelled, Outlook.skipped)


@dataclass(frozen=True)
class Due:
    """A report that is behind, and all that is said in it."""

    id: UUID
    lane: UUID
    """Its environment, whose deployments are told of one after the other."""
    outlook: Outlook
    reported: str
    github_id: int | None
    attempts: int
    next_at: datetime
    given_up: str
    repo_id: int
    installation: int | None
    repo_url: str
    project_name: str
    project_slug: str
    commit_sha: str
    reason: str
    label: str | None
    """Of the environment's hostname, if that leads to it."""
    environment_name: str | None
    environment_slug: str | None
    newest: bool
    """No later deployment of this commit in this environment has something to say of it."""

    @property
    def repository(self) -> str:
        """owner/name, as it is called now."""
        return full_name(self.repo_url)

    @property
    def words(self) -> Words:
        return WORDS[self.outlook]


# Which are behind -----------------------------------------------------------------------------------------------------

# What has ended long ago without a report is from before its project was connected. What came to nothing before a word
# was said of it needs none. The newest few of each project are looked at: this runs every few seconds.
BEGIN = """
    INSERT INTO report (deployment_id, reported, attempts, next_at, given_up)
    SELECT d.id, '', 0, now(), '' FROM project p
    CROSS JOIN LATERAL (
        SELECT id, state, finished_at FROM deployment WHERE project_id = p.id ORDER BY number DESC LIMIT 20
    ) d
    WHERE p.github_repo_id IS NOT NULL AND p.removing_at IS NULL AND d.state NOT IN ('skipped', 'cancelled')
        AND coalesce(d.finished_at, now()) > now() - interval '10 minutes'
        AND NOT EXISTS (SELECT FROM report r WHERE r.deployment_id = d.id)
    ON CONFLICT DO NOTHING
"""

# While a newer one is being routed it may still come to nothing: until then the one before counts as live.
# Each environment's are told one at a time, in their order: GitHub lists them so, and shows a commit's last status.
BEHIND = """
    WITH candidate AS (
        SELECT deployment_id FROM report
        WHERE reported IN ('', 'queued', 'in_progress', 'live') AND next_at <= now()
        UNION
        SELECT r.deployment_id FROM alias a JOIN report r ON r.deployment_id = a.deployment_id
        WHERE a.kind IN ('production', 'environment') AND r.reported = 'inactive' AND r.next_at <= now()
    ), seen AS (
        SELECT d.id, d.number, d.project_id, d.environment_id, coalesce(d.environment_id, d.id) AS lane, home.label,
            CASE WHEN d.state = 'succeeded' THEN CASE WHEN home.label IS NULL THEN 'inactive' ELSE 'live' END
                WHEN d.state IN ('building', 'starting', 'routing') THEN 'in_progress'
                ELSE d.state END AS outlook
        FROM candidate c JOIN deployment d ON d.id = c.deployment_id
        LEFT JOIN LATERAL (
            SELECT a.label FROM alias a LEFT JOIN deployment n ON n.id = a.deployment_id
            WHERE a.project_id = d.project_id AND a.kind IN ('production', 'environment')
                AND a.environment_id = d.environment_id
                AND (a.deployment_id = d.id OR (a.previous_id = d.id AND n.state = 'routing'))
            LIMIT 1
        ) home ON true
    ), behind AS (
        SELECT s.*, r.reported, r.github_id, r.attempts, r.next_at, r.given_up, p.github_repo_id AS repo_id,
            p.github_installation_id AS installation, p.repo_url, p.name AS project_name, p.slug AS project_slug,
            row_number() OVER (PARTITION BY s.lane ORDER BY s.number) AS place
        FROM seen s JOIN report r ON r.deployment_id = s.id JOIN project p ON p.id = s.project_id
        WHERE s.outlook <> r.reported AND p.github_repo_id IS NOT NULL AND p.removing_at IS NULL
    ), turns AS (
        SELECT *, row_number() OVER (PARTITION BY installation ORDER BY number) AS turn FROM behind
        WHERE place = 1 AND lane <> ALL($1::uuid[]) AND coalesce(installation, 0) <> ALL($2::bigint[])
    )
    SELECT t.*, d.commit_sha, d.reason, e.name AS environment_name, e.slug AS environment_slug,
        NOT EXISTS (
            SELECT FROM deployment n WHERE n.project_id = t.project_id AND n.number > t.number
                AND n.environment_id = t.environment_id AND n.commit_sha = d.commit_sha
                AND n.state NOT IN ('skipped', 'cancelled')
        ) AS newest
    FROM turns t JOIN deployment d ON d.id = t.id LEFT JOIN environment e ON e.id = t.environment_id
    WHERE t.turn <= $3 ORDER BY t.turn, t.number LIMIT $4
"""


async def begin_reports() -> None:
    """One for each deployment that GitHub should hear of."""
    await connections.get("default").execute_query(BEGIN)


async def due(sending: Collection[Due], most: int) -> list[Due]:
    """What can be sent beside these: the first of each environment that is behind, the accounts in turns."""
    accounts = Counter(each.installation for each in sending)
    full = [account for account, share in accounts.items() if account and share >= PER_ACCOUNT]
    lanes = [each.lane for each in sending]
    found = []
    for row in await fetch(BEHIND, lanes, full, PER_ACCOUNT, most):
        accounts[row["installation"]] += 1
        if accounts[row["installation"]] <= PER_ACCOUNT:
            facts = {name: row[name] for name in Due.__dataclass_fields__}
            found.append(Due(**facts | {"outlook": Outlook(row["outlook"])}))
    return found


# What is said ---------------------------------------------------------------------------------------------------------


def wants_status(due: Due) -> bool:
    """Whether the commit gets a status. The newest deployment of it speaks, or the one that serves; one that served
    and doesn't any more has left its success, and that stays true."""
    if due.environment_slug is None or unspoken(due):
        return False
    if due.outlook == Outlook.inactive and due.reported == Outlook.live and not due.given_up:
        return False
    return due.newest or due.outlook == Outlook.live


def wants_deployment(due: Due) -> bool:
    """Whether GitHub's deployment gets a status; none is made only to say that it is over."""
    over = due.outlook in (Outlook.inactive, *CAME_TO_NOTHING)
    return due.github_id is not None or (due.environment_slug is not None and not over)


def unspoken(due: Due) -> bool:
    """It came to nothing before a word was said of it."""
    return due.outlook in CAME_TO_NOTHING and not (due.reported or due.attempts)


def description(due: Due, settings: Settings, reason: str) -> str:
    """One line, as long as GitHub takes it."""
    line = {
        Outlook.queued: "Waiting for its turn.",
        Outlook.in_progress: "Building and starting.",
        Outlook.live: f"Live at {address(due, settings)}",
        Outlook.inactive: "Another deployment serves now.",
        Outlook.failed: reason or "It failed.",
        Outlook.cancelled: "Cancelled.",
        Outlook.skipped: reason or "A newer push took its place.",
    }[due.outlook]
    line = " ".join(plain(line).split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def context(due: Due) -> str:
    """Under which name the commit's status stands: each project of a repository has its own, and each environment."""
    name = f"devpush/{due.project_slug}"
    return name if due.environment_slug == PRODUCTION else f"{name}/{due.environment_slug}"


def environment(due: Due) -> str:
    """As GitHub lists it, where several projects of a repository have each a production."""
    return f"{due.environment_name} – {due.project_slug}"


def page(due: Due, settings: Settings) -> str:
    return f"{settings.dashboard_url}/projects/{due.project_slug}/deployments/{due.id}"


def address(due: Due, settings: Settings) -> str:
    """Where it serves, or "" where it doesn't."""
    serves = due.label and due.outlook == Outlook.live
    return settings.app_url(f"{due.label}.{settings.deploy_domain}") if serves else ""
