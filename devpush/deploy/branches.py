"""What we know of a project's branches: to which commits they came, and whether a push tells anything new."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tortoise import connections

from devpush.deploy.payloads import Push
from devpush.models import Environment, Project
from devpush.models.people import now

SUPERSEDES = ("push", "manual", "cli")
"""What brings a branch's newest commit; a redeploy or a promotion is about another one."""
LATE = timedelta(minutes=10)
"""For how long deliveries may overtake each other. Later, a push that continues an earlier commit means that the branch
went back there, and nobody told us."""
SETTLED = timedelta(minutes=5)
"""After which a server is believed that a branch went back to an earlier commit: sooner, it may tell what was."""


@dataclass(frozen=True)
class Known:
    """A commit that a branch came to, and how we know."""

    sha: str
    at: datetime
    before: str | None = None
    pushed_at: int | None = None
    deployment: UUID | None = None
    stale: bool = False
    """It was no news when we heard of it."""


@dataclass(frozen=True)
class Past:
    """Of one branch, the newest first."""

    known: Sequence[Known]

    @property
    def newest(self) -> Known | None:
        return next((one for one in self.known if not one.stale), None)

    def followed_by(self, push: Push) -> bool:
        """Whether nothing is missing between what we know and this push."""
        return self.newest is not None and push.before == self.newest.sha

    def stale(self, push: Push, *, certain: bool = False) -> str:
        """Why the push is no news, if so: servers repeat what they told, and don't keep its order. `certain`: it is
        where the branch is now."""
        if self.newest is None:
            return ""
        if self.newest.sha == push.sha:
            had = self.newest.deployment
            return f"{f'Deployment {had.hex[:7]} has' if had else 'We were told of'} this commit already."
        if certain or self.followed_by(push) or not self._overtook(push, self.newest):
            return ""
        return f"A later push to {push.branch} came before this one."

    def _overtook(self, push: Push, newest: Known) -> bool:
        times = [one.pushed_at for one in self.known if one.pushed_at]
        if push.pushed_at and times and push.pushed_at != max(times):
            return push.pushed_at < max(times)
        lately = newest.at > now() - LATE
        if any(one.before == push.sha for one in self.known if lately or not one.stale):
            return True
        return lately and push.before in {one.sha for one in self.known}


# A replay is about another day.
KNOWN = """
    (SELECT commit_sha AS sha, created_at AS at, NULL AS before, NULL::bigint AS pushed_at, id AS deployment,
            false AS stale
     FROM deployment WHERE project_id = $1 AND environment_id = $2 AND branch = $3 AND trigger = ANY($4)
     ORDER BY number DESC LIMIT 1)
    UNION ALL
    (SELECT commit_sha, created_at, facts->'facts'->0->>'before', (facts->'facts'->0->>'pushed_at')::bigint,
            deployment_id, facts ? 'stale'
     FROM delivery WHERE project_id = $1 AND branch = $3 AND commit_sha <> '' AND source <> 'replay'
         AND verdict IN ('deployed', 'ignored')
     ORDER BY created_at DESC LIMIT 50)
    ORDER BY at DESC
"""


async def past(project: Project, environment: Environment, branch: str) -> Past:
    values = [project.id, environment.id, branch, list(SUPERSEDES)]
    return Past([Known(**row) for row in await connections.get("default").execute_query_dict(KNOWN, values)])


SEEN = """
    SELECT DISTINCT ON (branch) branch, sha, at FROM (
        SELECT branch, commit_sha AS sha, created_at AS at, number FROM deployment
        WHERE project_id = $1 AND trigger = ANY($2) AND branch = ANY($3)
        UNION ALL
        SELECT branch, commit_sha, created_at, 0 FROM delivery
        WHERE project_id = $1 AND branch = ANY($3) AND commit_sha <> '' AND source <> 'replay'
            AND verdict IN ('deployed', 'ignored') AND NOT facts ? 'stale'
    ) seen ORDER BY branch, at DESC, number DESC
"""
HAD = "SELECT DISTINCT branch, commit_sha AS sha FROM deployment WHERE project_id = $1 AND commit_sha = ANY($2)"


async def moved(project: Project, heads: Mapping[str, str]) -> dict[str, str]:
    """Those of the branches, with their heads, that aren't where we know them to be."""
    ask = connections.get("default").execute_query_dict
    seen = {row["branch"]: row for row in await ask(SEEN, [project.id, list(SUPERSEDES), list(heads)])}
    had = {(row["branch"], row["sha"]) for row in await ask(HAD, [project.id, list(set(heads.values()))])}
    return {name: sha for name, sha in heads.items() if _is_new(sha, seen.get(name), (name, sha) in had)}


def _is_new(sha: str, seen: Mapping[str, Any] | None, had: bool) -> bool:
    if seen is None:
        return True
    return bool(seen["sha"] != sha) and not (had and seen["at"] > now() - SETTLED)
