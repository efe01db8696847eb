"""From a push, or a person's wish, to a queued deployment: rows first, in one transaction; then the pool is told."""

import logging
from collections.abc import Mapping

from tortoise.transactions import in_transaction

from devpush.deploy import environment as variables
from devpush.deploy import traffic
from devpush.deploy.news import tell
from devpush.deploy.source import repository
from devpush.errors import DeployFailed, Refused, Unavailable
from devpush.models import Deployment, Environment, Project, State, User
from devpush.models.deployment import next_act
from devpush.models.project import PRODUCTION
from devpush.ports import Commit, World

log = logging.getLogger(__name__)
SUPERSEDES = ("push", "manual", "cli")
"""What brings a branch's newest commit; a redeploy or a promotion is about another one."""


async def deploy_branch(
    world: World, project: Project, branch: str, *, by: User | None, trigger: str = "manual"
) -> Deployment:
    """Deploy the newest commit of a branch. Raises Refused with what is wrong with the branch or the repository."""
    environment = await _environment(project, branch)
    if not environment:
        raise Refused(
            f"No environment takes the branch {branch}. Production takes {await _production_branch(project)}.",
            field="branch",
        )
    try:
        commit = await world.git.fetch(await repository(world, project), branch)
    except DeployFailed as failure:
        raise Refused(str(failure), field="branch") from None
    return await queue(world, project, environment, branch, commit, by=by, trigger=trigger)


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
) -> Deployment:
    """One more deployment, with a snapshot of today's settings and variables. Older ones that haven't begun are
    skipped: the newest commit of a branch is what people wait for."""
    project = await Project.get(id=project.id)
    async with in_transaction():
        deployment = await Deployment.create(
            number=await next_act(),
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
        overtaken = await _skip_older(deployment) if trigger in SUPERSEDES else []
    for old in overtaken:
        await tell(world, old)
    await tell(world, deployment)
    world.jobs.wake()
    return deployment


async def _skip_older(newer: Deployment) -> list[Deployment]:
    waiting = await Deployment.filter(
        environment_id=newer.environment_id, branch=newer.branch, state=State.queued, number__lt=newer.number
    ).select_related("project")
    skipped = []
    for old in waiting:
        reason = f"Deployment {newer.short_id} of a newer commit took its place before it began."
        if await Deployment.filter(id=old.id, state=State.queued).update(
            state=State.skipped, reason=reason, finished_at=newer.created_at
        ):
            skipped.append(old)
    return skipped


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


async def look_for_pushes(world: World) -> None:
    """Compare the heads of every project's branches with what was deployed: pushes nobody told us of."""
    for project in await Project.filter(removing_at__isnull=True):
        try:
            heads = await world.git.heads(await repository(world, project))
        except (DeployFailed, Unavailable) as failure:
            log.info("heads not seen: %s", failure, extra={"project": project.slug})
            continue
        await _deploy_new_heads(world, project, heads)


async def _deploy_new_heads(world: World, project: Project, heads: Mapping[str, str]) -> None:
    for branch, sha in heads.items():
        environment = await _environment(project, branch)
        if not environment or await Deployment.exists(project_id=project.id, branch=branch, commit_sha=sha):
            continue
        if not await Deployment.exists(project_id=project.id, environment_id=environment.id):
            continue  # the first deployment of an environment is a person's choice
        commit = await world.git.fetch(await repository(world, project), sha)
        await queue(world, project, environment, branch, commit, by=None, trigger="push")


async def _environment(project: Project, branch: str) -> Environment | None:
    """The first environment that takes the branch: production, then in the order shown."""
    environments = await Environment.filter(project_id=project.id).order_by("position")
    environments.sort(key=lambda environment: environment.slug != PRODUCTION)
    return next((environment for environment in environments if environment.takes(branch)), None)


async def _production_branch(project: Project) -> str:
    return (await Environment.get(project_id=project.id, slug=PRODUCTION)).branch


def _commit(deployment: Deployment) -> Commit:
    return Commit(
        sha=deployment.commit_sha,
        message=deployment.commit_message,
        author=deployment.commit_author,
        at=deployment.created_at,
    )
