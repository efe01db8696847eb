"""From a push, or a person's wish, to a queued deployment: rows first, in one transaction; then the pool is told."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from tortoise import connections
from tortoise.transactions import in_transaction

from devpush.deploy import branches, payloads, traffic, watch
from devpush.deploy import environment as variables
from devpush.deploy.branches import SUPERSEDES, Past
from devpush.deploy.news import tell
from devpush.deploy.outdated import needs_build
from devpush.deploy.payloads import NotAPush, Push
from devpush.deploy.source import repository
from devpush.errors import DeployFailed, Refused
from devpush.models import Delivery, Deployment, Environment, Project, State, User
from devpush.models.deployment import UNFINISHED, next_act
from devpush.models.people import now
from devpush.models.project import PRODUCTION
from devpush.ports import Commit, World

SKIP = re.compile(r"\[(skip deploy|deploy skip)\]", re.IGNORECASE)


# A person's wish


async def deploy_branch(
    world: World, project: Project, branch: str, *, by: User | None, trigger: str = "manual"
) -> Deployment:
    """Deploy the newest commit of a branch. Raises Refused with what is wrong with the branch or the repository."""
    environments = await environments_of(project)
    environment = first_that_takes(environments, branch)
    if not environment:
        raise Refused(_nobody_takes(environments, branch), field="branch")
    number = await next_act()  # before we ask: a push that comes while Git answers is the newer one
    try:
        commit = await world.git.fetch(await repository(world, project), branch)
    except DeployFailed as failure:
        raise Refused(str(failure), field="branch") from None
    return await queue(world, project, environment, branch, commit, by=by, trigger=trigger, number=number)


async def redeploy(world: World, deployment: Deployment, *, by: User | None, keep_image: bool = False) -> Deployment:
    """The same commit once more, with today's settings and variables. `keep_image`: without a build, as long as nothing
    that goes into the image was set otherwise meanwhile."""
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
        keep_image=keep_image and bool(deployment.image and await world.containers.image(deployment.image)),
    )


async def build_again(world: World, deployment: Deployment) -> Deployment | None:
    """The same once more from Git, with the settings and variables it had: its image is gone, and it should serve.
    None while something newer is on its way there, which may well make this needless."""
    project, environment = deployment.project, deployment.environment
    if not environment:
        return None
    async with in_transaction():
        await environments_of(project, in_turn=True)
        if await Deployment.exists(environment_id=environment.id, state__in=UNFINISHED):
            return None
        queued = await _make(
            project,
            environment,
            deployment.branch,
            _commit(deployment),
            by=None,
            trigger="rebuild",
            source=deployment,
            as_before=True,
        )
        note = f"Its image is gone. It is built again from Git, as {queued.deployment.short_id}."
        await Deployment.filter(id=deployment.id).update(health="crashed", health_note=note)
    await announce(world, [queued])
    return queued.deployment


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
    environments = await environments_of(project)
    environment = first_that_takes(environments, push.branch)
    if not environment:
        raise Refused(_nobody_takes(environments, push.branch))
    async with in_transaction():
        await environments_of(project, in_turn=True)
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
    keep_image: bool = False,
) -> Deployment:
    """One more deployment, with a snapshot of today's settings and variables. Older ones that haven't begun are
    skipped: the newest commit of a branch is what people wait for. `keep_image`: the source's, if it would do."""
    project = await Project.get(id=project.id)
    image = source.image if source and keep_image and not needs_build(source.config, project.config()) else None
    async with in_transaction():
        await environments_of(project, in_turn=True)
        queued = await _make(
            project, environment, branch, commit, by=by, trigger=trigger, source=source, number=number, image=image
        )
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
    image: str | None = None,
    as_before: bool = False,
) -> Queued:
    """Inside a transaction. `as_before`: with the source's settings and variables, and not with today's."""
    before = source if as_before else None
    deployment = await Deployment.create(
        number=number or await next_act(),
        project=project,
        environment=environment,
        created_by=by,
        source=source,
        image=image,
        trigger=trigger,
        branch=branch,
        commit_sha=commit.sha,
        commit_message=commit.message,
        commit_author=commit.author[:255],
        config=before.config if before else project.config(),
        variables=before.variables if before else await variables.snapshot(project, environment.id),
    )
    await Project.filter(id=project.id).update(active_at=deployment.created_at)
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


async def take(project: Project, push: Push | NotAPush, *, certain: bool = False) -> Verdict:
    """Queue a deployment of it, or say why not. Inside a transaction; then the caller records and announces it.
    `certain`: the server was asked, and the branch is there."""
    if isinstance(push, NotAPush):
        return Verdict("ignored", push.sentence)
    environments = await environments_of(project, in_turn=True)
    environment = first_that_takes(environments, push.branch)
    if not environment:
        return Verdict("ignored", _nobody_takes(environments, push.branch))
    past = await branches.past(project, environment, push.branch)
    if sentence := past.stale(push, certain=certain):
        return Verdict("ignored", sentence, stale=True)
    if sentence := _unwanted(project, push, past):
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


def _unwanted(project: Project, push: Push, past: Past) -> str:
    """Why nobody wants it deployed, if so."""
    if project.skip_by_message and (marker := SKIP.search(push.message)):
        return f"Its commit message says {marker[0]}."
    changed = push.changed if past.followed_by(push) else None  # else there was a push of which we know nothing
    if not watch.concerns(changed, project.watch_paths):
        return f"Nothing changed in {_listed(project.watch_paths)}."
    return ""


async def environments_of(project: Project, *, in_turn: bool = False) -> list[Environment]:
    """Production, then in the order shown. `in_turn`: until the transaction's end nobody else queues or decides for one
    of them; of two who bring the same commit the second sees the first."""
    found = Environment.filter(project_id=project.id).order_by("position")
    environments = await (found.select_for_update(no_key=True) if in_turn else found)
    return sorted(environments, key=lambda environment: environment.slug != PRODUCTION)


def first_that_takes(environments: Iterable[Environment], branch: str) -> Environment | None:
    return next((environment for environment in environments if environment.takes(branch)), None)


def _nobody_takes(environments: Sequence[Environment], branch: str) -> str:
    return f"No environment takes the branch {branch}. Production takes {environments[0].branch}."


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
