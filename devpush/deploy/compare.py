"""What is different between two deployments: commits, variables by name only, settings with their values."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from devpush.deploy import environment
from devpush.deploy.outdated import Difference, difference
from devpush.deploy.source import repository
from devpush.errors import DeployFailed, Unavailable, WrongKey
from devpush.models import Deployment, Project, rules
from devpush.models.database import fetch
from devpush.models.project import CONFIG, word
from devpush.models.reading import plain
from devpush.models.secret import decrypt
from devpush.ports import Commit, World

MOST_COMMITS = 50
AWAY = "The repository can't be asked now. Try again in a moment."


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two."""

    id: UUID
    commit_sha: str
    title: str
    created_at: datetime

    @property
    def short_id(self) -> str:
        return self.id.hex[:7]


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting that is another."""

    word: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Changes:
    """From one deployment to another."""

    before: Side | None
    """None: there was nothing."""
    after: Side
    variables: Difference | None
    """None: they can't be read with the server's present key."""
    settings: Sequence[Setting]
    commits: Sequence[Commit] | None
    """The commits that came in between, newest first; None while nobody has asked Git."""

    @property
    def same_commit(self) -> bool:
        return self.before is not None and self.before.commit_sha == self.after.commit_sha

    @property
    def nothing(self) -> bool:
        """Not a single thing, as far as we can see."""
        return self.same_commit and self.variables is not None and not self.variables and not self.settings


SIDE = "SELECT d.id, d.number, d.commit_sha, d.commit_message, d.created_at, d.config, d.variables, d.commits"
SINCE_LAST = f"""
    {SIDE} FROM deployment d WHERE d.id = $2 AND d.project_id = $1
    UNION ALL (
        {SIDE} FROM deployment d JOIN deployment this ON this.id = $2 AND this.project_id = $1
        WHERE d.environment_id = this.environment_id AND d.state = 'succeeded' AND d.number < this.number
        ORDER BY d.number DESC LIMIT 1
    ) ORDER BY number
"""
BETWEEN = f"{SIDE} FROM deployment d WHERE d.project_id = $1 AND d.id = ANY($2)"


async def since_last(project_id: UUID, deployment_id: UUID) -> Changes:
    """Against the deployment that went live in the same environment before this one was made."""
    *before, after = await fetch(SINCE_LAST, project_id, deployment_id)
    return _changes(before[0] if before else None, after)


async def rolled_back(project: Project, now: UUID | None, then: UUID) -> Changes:
    """From what serves to what would, as it was then."""
    found = await _both(project.id, now, then)
    return _changes(found.get(now), found[then])


async def promoted(project: Project, production: UUID, now: UUID | None, image: UUID) -> Changes:
    """From what serves to another environment's image, which runs with production's settings and variables of today."""
    found = await _both(project.id, now, image)
    today = {"config": json.dumps(project.config()), "today": await environment.snapshot(project, production)}
    return _changes(found.get(now), found[image] | today)


async def _both(project_id: UUID, *ids: UUID | None) -> dict[UUID | None, dict[str, Any]]:
    rows = await fetch(BETWEEN, project_id, [id for id in ids if id])
    return {row["id"]: row | {"commits": None} for row in rows}


def _changes(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> Changes:
    if before is None:
        return Changes(None, _side(after), Difference((), (), ()), (), ())
    commits = _kept(after["commits"])
    if before["commit_sha"] == after["commit_sha"]:
        commits = ()
    return Changes(_side(before), _side(after), _variables(before, after), _settings(before, after), commits)


def _side(row: Mapping[str, Any]) -> Side:
    title = plain((row["commit_message"].strip().splitlines() or [""])[0])[:200]
    return Side(row["id"], row["commit_sha"], title or row["commit_sha"][:7], row["created_at"])


def _variables(before: Mapping[str, Any], after: Mapping[str, Any]) -> Difference | None:
    try:
        return difference(_read(before), _read(after))
    except WrongKey:
        return None


def _read(row: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = json.loads(row.get("today") or decrypt(bytes(row["variables"]).decode()))
    return found


def _settings(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Setting]:
    """Those that both know: a deployment made before there was a setting had none of it."""
    had, have = json.loads(before["config"]), json.loads(after["config"])
    changed = [name for name in CONFIG if name in had and name in have and had[name] != have[name]]
    return [Setting(_word(name), _shown(name, had[name]), _shown(name, have[name])) for name in changed]


def _word(name: str) -> str:
    plain = word(name)
    return plain[0].upper() + plain[1:]


def _shown(name: str, value: object) -> str:
    if name == "cpu_quota":
        return rules.cores(int(str(value)))
    if name == "memory_mb":
        return f"{value} MB"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value or "")


# Commits


async def commits_between(world: World, project: Project, old: str, new: str) -> Sequence[Commit]:
    """What `new` has and `old` hasn't, asked of Git. Raises DeployFailed with a sentence."""
    if old == new:
        return []
    try:
        return await world.git.history(await repository(world, project), old, new, limit=MOST_COMMITS)
    except Unavailable:
        raise DeployFailed(AWAY) from None


async def keep_commits(world: World, project: Project, changes: Changes) -> Changes:
    """With the commits, which the deployment remembers from now on. Raises DeployFailed."""
    before, after = changes.before, changes.after
    if before is None or changes.commits is not None:
        return changes
    commits = await commits_between(world, project, before.commit_sha, after.commit_sha)
    kept = [_keepable(commit) for commit in commits]
    await Deployment.filter(id=after.id).update(commits=kept)
    return Changes(before, after, changes.variables, changes.settings, _commits(kept))


def _keepable(commit: Commit) -> dict[str, str]:
    title = (commit.message.strip().splitlines() or [""])[0][:500]
    return {"sha": commit.sha, "message": title, "author": commit.author, "at": commit.at.isoformat()}


def _kept(stored: str | None) -> Sequence[Commit] | None:
    found = json.loads(stored) if stored else None
    return None if found is None else _commits(found)


def _commits(kept: Sequence[Mapping[str, str]]) -> list[Commit]:
    return [Commit(one["sha"], one["message"], one["author"], datetime.fromisoformat(one["at"])) for one in kept]
