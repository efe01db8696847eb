"""Asks Git servers where branches are: for pushes nobody told us of, and for those that come without a commit."""

import asyncio
import json
import logging
from collections import defaultdict
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from tortoise import connections
from tortoise.expressions import Q
from tortoise.transactions import in_transaction

from devpush.deploy import branches, github, payloads, push
from devpush.deploy.payloads import Look, Push
from devpush.deploy.push import Verdict
from devpush.deploy.source import repository
from devpush.errors import DeployFailed, Unavailable
from devpush.models import Deployment, Project
from devpush.models.database import column
from devpush.models.people import now
from devpush.ports import Commit, Repository, World

log = logging.getLogger(__name__)
SERVERS_AT_ONCE, OF_ONE_SERVER = 8, 4
PATIENCE = 30.0
"""Seconds for a server to tell its heads; one that takes longer isn't asked again in this round."""
CONNECTED_EVERY = 5
"""Minutes between two looks at a repository that GitHub tells us of; if it can't reach us, it is each minute too."""


async def look_for_pushes(world: World) -> None:
    """Compare the heads of projects' branches with what we know: of all that are polled each minute; as deliveries get
    lost, every few minutes also of those that GitHub tells us of. Each server is asked beside the others: a slow one
    delays nobody else's. What is new becomes a receipt, as if somebody had told us (inbox.look)."""
    minute = int(now().timestamp() // 60)
    every = CONNECTED_EVERY if github.reaches_us(world.settings) else 1
    wanted = Project.filter(Q(polled=True) | Q(github_repo_id__isnull=False), removing_at=None, team__removing_at=None)
    by_server: dict[str, list[Project]] = defaultdict(list)
    for project in await wanted.order_by("id"):
        if project.github_repo_id is None or (project.id.int + minute) % every == 0:
            by_server[_server(project)].append(project)
    gate = asyncio.Semaphore(SERVERS_AT_ONCE)
    await _all(_ask_server(world, projects, gate) for projects in by_server.values() for _ in range(OF_ONE_SERVER))


def _server(project: Project) -> str:
    return (urlsplit(project.repo_url).hostname or "").lower()


async def _ask_server(world: World, projects: list[Project], gate: asyncio.Semaphore) -> None:
    """Take one project after the other, until there is none left or the server keeps us waiting."""
    while projects:
        project = projects.pop()
        async with gate:
            asked = now()
            try:
                async with asyncio.timeout(PATIENCE):
                    heads = await world.git.heads(await repository(world, project))
            except TimeoutError:
                log.info("heads not seen in time", extra={"project": project.slug})
                projects.clear()
                return
            except (DeployFailed, Unavailable) as failure:
                log.info("heads not seen: %s", failure, extra={"project": project.slug})
                continue
        for branch, sha in (await _moved(project, heads)).items():
            await _remember(world, project, Look(branch, sha), asked)


async def _all(acts: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Each to its end; then the first trouble, as itself rather than in a group."""
    for trouble in await asyncio.gather(*acts, return_exceptions=True):
        if trouble:
            raise trouble


REMEMBER = """
    INSERT INTO receipt (source, key, event, facts, project_id, attempts, received_at)
    SELECT 'poll', $1, 'look', $2, $3, 0, $4 WHERE NOT EXISTS (
        SELECT FROM receipt WHERE project_id = $3 AND facts = $2 AND source = 'poll' AND handled_at IS NULL
    ) RETURNING id
"""


async def _remember(world: World, project: Project, fact: Look, asked: datetime) -> None:
    values = [uuid4().hex, json.dumps(payloads.keep([fact])), project.id, asked]
    if await connections.get("default").execute_query_dict(REMEMBER, values):
        world.jobs.work_soon("looks")


@dataclass(frozen=True)
class Found:
    """A commit that a branch is said to have come to."""

    branch: str
    sha: str
    head: str
    """Where the branch is."""
    named: bool
    """Somebody named the branch; else we came across it."""


async def look(world: World, project: Project, fact: Look, *, source: str, key: str, asked: datetime) -> int:
    """Deploy what is new: in the branch that somebody names, or in all that were deployed before. How many deliveries
    it made. Raises DeployFailed, Unavailable. `asked` is before the server was asked where its branches are."""
    where = await repository(world, project)
    made = 0
    for found in await _found(world, project, where, fact, polled=source == "poll"):
        commit = await world.git.fetch(where, found.sha)
        async with in_transaction():
            verdict = await _take_found(project, found, commit, asked)
            if verdict is None:
                continue
            await push.record(project, _as_push(found, commit), verdict, source=source, key=key)
            made += 1
        await push.announce(world, [verdict.queued] if verdict.queued else [])
    return made


async def _found(world: World, project: Project, where: Repository, fact: Look, *, polled: bool) -> list[Found]:
    if polled:
        return [Found(fact.branch, fact.sha, fact.sha, named=False)]
    heads = await world.git.heads(where)
    if not fact.branch:
        return [Found(branch, sha, sha, named=False) for branch, sha in (await _moved(project, heads)).items()]
    if fact.branch not in heads:
        raise DeployFailed(f"There is no branch {fact.branch}.")
    head = heads[fact.branch]
    return [Found(fact.branch, fact.sha or head, head, named=True)]


async def _take_found(project: Project, found: Found, commit: Commit, asked: datetime) -> Verdict | None:
    """None: what we came across was overtaken meanwhile by somebody who told us, and the next look sees what is so."""
    environments = await push.environments_of(project, in_turn=True)
    if environment := push.first_that_takes(environments, found.branch):
        newest = (await branches.past(project, environment, found.branch)).newest
        if found.named and newest and found.sha != found.head == newest.sha:
            return Verdict("ignored", f"A later commit of {found.branch} is deployed already.", stale=True)
        if not found.named and newest and (newest.sha == found.sha or newest.at >= asked):
            return None
        if not found.named and not newest and commit.at < environment.created_at:
            return Verdict("ignored", f"Nothing was pushed to {found.branch} since {environment.name} is there.")
    return await push.take(project, _as_push(found, commit), certain=found.sha == found.head)


def _as_push(found: Found, commit: Commit) -> Push:
    return Push(found.branch, commit.sha, message=commit.message, author=commit.author)


async def _moved(project: Project, heads: Mapping[str, str]) -> dict[str, str]:
    """The branches, with their heads, that we have news of. The first deployment of an environment is a person's
    choice."""
    environments = await push.environments_of(project)
    used = set(await column(Deployment.filter(project_id=project.id).distinct(), "environment_id"))
    taken = ((branch, push.first_that_takes(environments, branch)) for branch in heads)
    return await branches.moved(project, {branch: heads[branch] for branch, one in taken if one and one.id in used})
