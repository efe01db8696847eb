"""From a push, or a person's wish, to a queued deployment: rows first, in one transaction; then the pool is told."""

import asyncio
import json
import logging
import re
from collections import defaultdict
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from tortoise import connections
from tortoise.expressions import Q
from tortoise.transactions import in_transaction

from devpush.deploy import environment as variables
from devpush.deploy import payloads, traffic, watch
from devpush.deploy.news import tell
from devpush.deploy.payloads import Look, NotAPush, Push
from devpush.deploy.source import repository
from devpush.errors import DeployFailed, Refused, Unavailable
from devpush.models import Delivery, Deployment, Environment, Project, State, User
from devpush.models.database import column
from devpush.models.deployment import next_act
from devpush.models.people import now
from devpush.models.project import PRODUCTION
from devpush.ports import Commit, Repository, World

log = logging.getLogger(__name__)
SUPERSEDES = ("push", "manual", "cli")
"""What brings a branch's newest commit; a redeploy or a promotion is about another one."""
SKIP = re.compile(r"\[(skip deploy|deploy skip)\]", re.IGNORECASE)
SERVERS_AT_ONCE, OF_ONE_SERVER = 8, 4
PATIENCE = 30.0
"""Seconds for a server to tell its heads; one that takes longer isn't asked again in this round."""
CONNECTED_EVERY = 5
"""Minutes between two looks at a repository that GitHub tells us of."""
SETTLED = timedelta(minutes=5)
"""A branch that went back to an earlier commit is believed only after that time: servers may answer with what was."""


# A person's wish


async def deploy_branch(
    world: World, project: Project, branch: str, *, by: User | None, trigger: str = "manual"
) -> Deployment:
    """Deploy the newest commit of a branch. Raises Refused with what is wrong with the branch or the repository."""
    environment = await _environment(project, branch)
    if not environment:
        raise Refused(await _nobody_takes(project, branch), field="branch")
    number = await next_act()  # before we ask: a push that comes while Git answers is the newer one
    try:
        commit = await world.git.fetch(await repository(world, project), branch)
    except DeployFailed as failure:
        raise Refused(str(failure), field="branch") from None
    return await queue(world, project, environment, branch, commit, by=by, trigger=trigger, number=number)


async def redeploy(world: World, deployment: Deployment, *, by: User | None) -> Deployment:
    """The same commit once more, with today's settings and variables."""
    await deployment.fetch_related("project", "environment")
    if not deployment.environment:
        raise Refused("The environment of this deployment is gone. Deploy a branch instead.")
    return await queue(
        world,
        deployment.project,
        deployment.environment,
        deployment.branch,
        _commit(deployment),
        by=by,
        trigger="redeploy",
        source=deployment,
    )


async def promote(world: World, deployment: Deployment, *, by: User | None) -> Deployment:
    """Production gets another environment's image, without a rebuild, with production's own variables."""
    await deployment.fetch_related("project", "environment")
    if deployment.state != State.succeeded or not deployment.image:
        raise Refused("Only a deployment that succeeded can be promoted.")
    if not await world.containers.image(deployment.image):
        raise Refused("The image of this deployment is no longer kept. Redeploy it first.")
    production = await Environment.get(project_id=deployment.project.id, slug=PRODUCTION)
    if deployment.environment_id == production.id:
        raise Refused("This deployment is production's already. Roll back to it instead.")
    return await queue(
        world,
        deployment.project,
        production,
        deployment.branch,
        _commit(deployment),
        by=by,
        trigger="promotion",
        source=deployment,
    )


async def cancel(world: World, deployment: Deployment) -> None:
    """A fact in the database, then a poke to the task. Raises Refused when it is too late."""
    if not await Deployment.cancel(deployment.id):
        raise Refused("It is too late to cancel: the deployment is already going live or has ended.")
    await deployment.fetch_related("project")
    world.jobs.stop(str(deployment.id))
    world.jobs.sweep_soon()
    await tell(world, deployment)


async def replay(world: World, project: Project, delivery: Delivery, *, by: User | None) -> Deployment:
    """What a delivery told us, deployed anew: by the environments and settings of today. Raises Refused."""
    pushes = [fact for fact in payloads.kept(delivery.facts) if isinstance(fact, Push)]
    if not pushes:
        raise Refused("Only a push to a branch can be deployed again.")
    push = pushes[0]
    environment = await _environment(project, push.branch)
    if not environment:
        raise Refused(await _nobody_takes(project, push.branch))
    async with in_transaction():
        await _in_turn(environment)
        queued = await _make(project, environment, push.branch, _commit_of(push), by=by, trigger="redeploy")
        verdict = Verdict("deployed", f"Deployed again to {environment.name}.", queued)
        await record(project, push, verdict, source="replay", event=delivery.event, key=delivery.key)
    await announce(world, [queued])
    return queued.deployment


# Queueing


@dataclass(frozen=True)
class Queued:
    """A deployment that was made, and the ids of those that it overtook before they began."""

    deployment: Deployment
    overtaken: Sequence[UUID] = ()


async def queue(
    world: World,
    project: Project,
    environment: Environment,
    branch: str,
    commit: Commit,
    *,
    by: User | None,
    trigger: str,
    source: Deployment | None = None,
    number: int | None = None,
) -> Deployment:
    """One more deployment, with a snapshot of today's settings and variables. Older ones that haven't begun are
    skipped: the newest commit of a branch is what people wait for."""
    project = await Project.get(id=project.id)
    async with in_transaction():
        await _in_turn(environment)
        queued = await _make(project, environment, branch, commit, by=by, trigger=trigger, source=source, number=number)
    await announce(world, [queued])
    return queued.deployment


async def announce(world: World, made: Sequence[Queued]) -> None:
    """After the commit: open pages hear of it, and the pool."""
    if not made:
        return
    new = {queued.deployment.id: queued.deployment for queued in made}
    overtaken = {id for queued in made for id in queued.overtaken} - new.keys()
    for old in await Deployment.filter(id__in=overtaken).select_related("project") if overtaken else ():
        await tell(world, old)
    for deployment in new.values():
        await tell(world, deployment)
    world.jobs.wake()


async def _in_turn(environment: Environment) -> None:
    """Until the transaction's end nobody else queues or decides for this environment: of two who bring the same commit
    the second sees the first."""
    await Environment.filter(id=environment.id).select_for_update(no_key=True).values_list("id")


async def _make(
    project: Project,
    environment: Environment,
    branch: str,
    commit: Commit,
    *,
    by: User | None,
    trigger: str,
    source: Deployment | None = None,
    number: int | None = None,
) -> Queued:
    """Inside a transaction."""
    deployment = await Deployment.create(
        number=number or await next_act(),
        project=project,
        environment=environment,
        created_by=by,
        source=source,
        trigger=trigger,
        branch=branch,
        commit_sha=commit.sha,
        commit_message=commit.message,
        commit_author=commit.author[:255],
        config=project.config(),
        variables=await variables.snapshot(project, environment),
    )
    await traffic.name_environment(project, environment)
    return Queued(deployment, await _skip_older(deployment) if trigger in SUPERSEDES else ())


OVERTAKE = """
    UPDATE deployment SET state = 'skipped', reason = $5, finished_at = $6
    WHERE project_id = $1 AND environment_id = $2 AND branch = $3 AND state = 'queued' AND number < $4 RETURNING id
"""


async def _skip_older(newer: Deployment) -> list[UUID]:
    reason = f"Deployment {newer.short_id} of a newer commit took its place before it began."
    place = [newer.project_id, newer.environment_id, newer.branch, newer.number]
    rows = await connections.get("default").execute_query_dict(OVERTAKE, [*place, reason, newer.created_at])
    return [row["id"] for row in rows]


# Deciding about a push


@dataclass(frozen=True)
class Verdict:
    """What becomes of something that a Git server told us, for one project."""

    word: str
    """deployed, ignored, noted or failed"""
    sentence: str
    queued: Queued | None = None
    stale: bool = False
    """It told nothing new: what the branch was already, or had been before."""


async def take(project: Project, push: Push | NotAPush) -> Verdict:
    """Queue a deployment of it, or say why not. Inside a transaction; then the caller records and announces it."""
    if isinstance(push, NotAPush):
        return Verdict("ignored", push.sentence)
    environment = await _environment(project, push.branch)
    if not environment:
        return Verdict("ignored", await _nobody_takes(project, push.branch))
    await _in_turn(environment)
    known = await _known(project, environment, push.branch)
    if sentence := _stale(push, known):
        return Verdict("ignored", sentence, stale=True)
    if sentence := _unwanted(project, push, known):
        return Verdict("ignored", sentence)
    queued = await _make(project, environment, push.branch, _commit_of(push), by=None, trigger="push")
    return Verdict("deployed", f"Goes to {environment.name}.", queued)


async def record(
    project: Project, push: Push | NotAPush, verdict: Verdict, *, source: str, event: str = "push", key: str = ""
) -> None:
    """In the project's delivery log."""
    facts = payloads.keep([push]) | ({"stale": True} if verdict.stale else {})
    await Delivery.create(
        project=project,
        source=source,
        event=event,
        key=key,
        branch=push.branch,
        commit_sha=push.sha if isinstance(push, Push) else "",
        commit_message=push.message if isinstance(push, Push) else "",
        facts=facts,
        verdict=verdict.word,
        sentence=verdict.sentence,
        deployment_id=verdict.queued.deployment.id if verdict.queued else None,
    )


@dataclass(frozen=True)
class Known:
    """A commit that a branch is known to have come to, and how we know."""

    sha: str
    at: datetime
    before: str | None = None
    pushed_at: int | None = None
    deployment: UUID | None = None


# What tells nothing new doesn't count, and a replay is about another day.
KNOWN = """
    (SELECT commit_sha AS sha, created_at AS at, NULL AS before, NULL::bigint AS pushed_at, id AS deployment
     FROM deployment WHERE project_id = $1 AND environment_id = $2 AND branch = $3 AND trigger = ANY($4)
     ORDER BY number DESC LIMIT 1)
    UNION ALL
    (SELECT commit_sha, created_at, facts->'facts'->0->>'before', (facts->'facts'->0->>'pushed_at')::bigint,
            deployment_id
     FROM delivery WHERE project_id = $1 AND branch = $3 AND commit_sha <> '' AND source <> 'replay'
         AND verdict IN ('deployed', 'ignored') AND NOT facts ? 'stale'
     ORDER BY created_at DESC LIMIT 50)
    ORDER BY at DESC
"""


async def _known(project: Project, environment: Environment, branch: str) -> list[Known]:
    """Newest first."""
    values = [project.id, environment.id, branch, list(SUPERSEDES)]
    return [Known(**row) for row in await connections.get("default").execute_query_dict(KNOWN, values)]


def _stale(push: Push, known: Sequence[Known]) -> str:
    """Why the push tells nothing new, if so: servers repeat what they told, and don't keep its order."""
    if not known:
        return ""
    newest = known[0]
    if newest.sha == push.sha:
        had = f"Deployment {newest.deployment.hex[:7]} has" if newest.deployment else "An earlier delivery told us of"
        return f"{had} this commit already."
    if push.before and push.before == newest.sha:
        return ""
    times = [one.pushed_at for one in known if one.pushed_at]
    if push.pushed_at and times and push.pushed_at != max(times):
        earlier = push.pushed_at < max(times)
    else:
        earlier = any(one.before == push.sha for one in known)
    return f"A later push to {push.branch} came before this one." if earlier else ""


def _unwanted(project: Project, push: Push, known: Sequence[Known]) -> str:
    """Why nobody wants it deployed, if so."""
    if marker := SKIP.search(push.message):
        return f"Its commit message says {marker[0]}."
    followed = bool(known) and push.before == known[0].sha  # else there were pushes of which we don't know the paths
    if not watch.concerns(push.changed if followed else None, project.watch_paths):
        return f"Nothing changed in {_listed(project.watch_paths)}."
    return ""


async def _environment(project: Project, branch: str) -> Environment | None:
    """The first environment that takes the branch."""
    return _takes(await _environments(project), branch)


async def _environments(project: Project) -> list[Environment]:
    """Production, then in the order shown."""
    environments = await Environment.filter(project_id=project.id).order_by("position")
    return sorted(environments, key=lambda environment: environment.slug != PRODUCTION)


def _takes(environments: Iterable[Environment], branch: str) -> Environment | None:
    return next((environment for environment in environments if environment.takes(branch)), None)


async def _nobody_takes(project: Project, branch: str) -> str:
    production = await Environment.get(project_id=project.id, slug=PRODUCTION)
    return f"No environment takes the branch {branch}. Production takes {production.branch}."


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + ("…" if len(names) > 5 else "")


def _commit(deployment: Deployment) -> Commit:
    return Commit(
        sha=deployment.commit_sha,
        message=deployment.commit_message,
        author=deployment.commit_author,
        at=deployment.created_at,
    )


def _commit_of(push: Push) -> Commit:
    return Commit(sha=push.sha, message=push.message, author=push.author, at=now())


# Asking for pushes nobody told us of


async def look_for_pushes(world: World) -> None:
    """Compare the heads of projects' branches with what we know: of all that are polled each minute; as deliveries get
    lost, every few minutes also of those that GitHub tells us of. Each server is asked beside the others: a slow one
    delays nobody else's. What is new becomes a receipt, as if somebody had told us (inbox.look)."""
    minute = int(now().timestamp() // 60)
    wanted = Project.filter(Q(polled=True) | Q(github_repo_id__isnull=False), removing_at=None, team__removing_at=None)
    by_server: dict[str, list[Project]] = defaultdict(list)
    for project in await wanted.order_by("id"):
        if project.github_repo_id is None or (project.id.int + minute) % CONNECTED_EVERY == 0:
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
        for branch, sha in await _unknown(project, heads):
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
            push = Push(found.branch, commit.sha, message=commit.message, author=commit.author)
            await record(project, push, verdict, source=source, key=key)
            made += 1
        await announce(world, [verdict.queued] if verdict.queued else [])
    return made


async def _found(world: World, project: Project, where: Repository, fact: Look, *, polled: bool) -> list[Found]:
    if polled:
        return [Found(fact.branch, fact.sha, fact.sha, named=False)]
    heads = await world.git.heads(where)
    if not fact.branch:
        return [Found(branch, sha, sha, named=False) for branch, sha in await _unknown(project, heads)]
    if fact.branch not in heads:
        raise DeployFailed(f"There is no branch {fact.branch}.")
    head = heads[fact.branch]
    return [Found(fact.branch, fact.sha or head, head, named=True)]


async def _take_found(project: Project, found: Found, commit: Commit, asked: datetime) -> Verdict | None:
    """None: what we came across was overtaken meanwhile by somebody who told us, and the next look sees what is so."""
    if environment := await _environment(project, found.branch):
        await _in_turn(environment)
        known = await _known(project, environment, found.branch)
        if found.named and known and found.sha != found.head == known[0].sha:
            return Verdict("ignored", f"A later commit of {found.branch} is deployed already.", stale=True)
        if not found.named and known and (known[0].sha == found.sha or known[0].at >= asked):
            return None
        if not found.named and not known and commit.at < environment.created_at:
            return Verdict("ignored", f"Nothing was pushed to {found.branch} since {environment.name} is there.")
    return await take(project, Push(found.branch, commit.sha, message=commit.message, author=commit.author))


SEEN = """
    SELECT DISTINCT ON (branch) branch, sha, at FROM (
        SELECT branch, commit_sha AS sha, created_at AS at FROM deployment
        WHERE project_id = $1 AND trigger = ANY($2) AND branch = ANY($3)
        UNION ALL
        SELECT branch, commit_sha, created_at FROM delivery
        WHERE project_id = $1 AND branch = ANY($3) AND commit_sha <> '' AND source <> 'replay'
            AND verdict IN ('deployed', 'ignored') AND NOT facts ? 'stale'
    ) seen ORDER BY branch, at DESC
"""
HAD = "SELECT DISTINCT branch, commit_sha AS sha FROM deployment WHERE project_id = $1 AND commit_sha = ANY($2)"


async def _unknown(project: Project, heads: Mapping[str, str]) -> list[tuple[str, str]]:
    """The branches, with their heads, that aren't where we know them to be. The first deployment of an environment is a
    person's choice."""
    environments = await _environments(project)
    used = set(await column(Deployment.filter(project_id=project.id).distinct(), "environment_id"))
    taken = {
        branch: sha
        for branch, sha in heads.items()
        if (environment := _takes(environments, branch)) and environment.id in used
    }
    ask = connections.get("default").execute_query_dict
    seen = {row["branch"]: row for row in await ask(SEEN, [project.id, list(SUPERSEDES), list(taken)])}
    had = {(row["branch"], row["sha"]) for row in await ask(HAD, [project.id, list(set(taken.values()))])}
    return [(branch, sha) for branch, sha in taken.items() if _is_new(sha, seen.get(branch), (branch, sha) in had)]


def _is_new(sha: str, seen: Mapping[str, Any] | None, had: bool) -> bool:
    if seen is None:
        return True
    return bool(seen["sha"] != sha) and not (had and seen["at"] > now() - SETTLED)
