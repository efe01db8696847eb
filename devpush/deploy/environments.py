"""A project's environments: added, changed, put in order, deleted; and which of its branches go where."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from tortoise.transactions import in_transaction

from devpush.deploy import source, traffic
from devpush.deploy.news import tell, tell_project
from devpush.deploy.push import environments_of
from devpush.errors import DeployFailed, NotFound, Refused, Unavailable
from devpush.models import Alias, AliasKind, Deployment, Domain, DomainState, Environment, Project, State
from devpush.models.database import fetch
from devpush.models.deployment import CANCELLABLE, next_act
from devpush.models.names import free_slug, label
from devpush.models.people import now
from devpush.models.project import PRODUCTION
from devpush.ports import World

MOST = 40
MOST_BRANCHES = 200


async def add(
    world: World, project: Project, *, name: str, color: str, branch: str, kept_images: int | None = None
) -> Environment:
    """The last in the order; its address is known from now on. Raises Refused."""
    async with in_transaction():
        there = await environments_of(project, in_turn=True)
        if len(there) >= MOST:
            raise Refused(f"A project has at most {MOST} environments. A pattern with “*” takes many branches.")
        _refuse_twice(there, name)
        slug = await _free_slug(there, name)
        position = max(environment.position for environment in there) + 1
        made = await Environment.create(
            project=project,
            name=name,
            slug=slug,
            color=color,
            branch=branch,
            position=position,
            kept_images=kept_images,
        )
        await _take_back_name(project, made)
        await traffic.name_environment(project, made)
    await tell_project(world, project.id, project.team_id)
    return made


async def change(world: World, project: Project, id: UUID, **facts: Any) -> Environment:
    """Another name, color or pattern; addresses stay. Raises NotFound, Refused."""
    async with in_transaction():
        there = await environments_of(project, in_turn=True)
        environment = _find(there, id)
        if environment.slug == PRODUCTION:
            facts.pop("name", None)
        _refuse_twice([other for other in there if other.id != id], facts.get("name", ""))
        await environment.update_from_dict(facts).save(update_fields=list(facts))
    await tell_project(world, project.id, project.team_id)
    return environment


async def move(world: World, project: Project, id: UUID, by: int) -> None:
    """So many places down the order, or up it; production stays first. Raises NotFound."""
    async with in_transaction():
        there = await environments_of(project, in_turn=True)
        environment = _find(there, id)
        if environment.slug == PRODUCTION:
            return
        others = [other for other in there[1:] if other.id != id]
        place = min(max(there.index(environment) - 1 + by, 0), len(others))
        others.insert(place, environment)
        for position, other in enumerate([there[0], *others]):
            await Environment.filter(id=other.id).update(position=position)
    await tell_project(world, project.id, project.team_id)


LEAD_NOWHERE = """
    WITH its AS (SELECT id FROM deployment WHERE project_id = $1 AND environment_id = $2)
    UPDATE alias SET act = $3,
        deployment_id = CASE WHEN deployment_id IN (SELECT id FROM its) THEN NULL ELSE deployment_id END,
        previous_id = CASE WHEN previous_id IN (SELECT id FROM its) THEN NULL ELSE previous_id END
    WHERE project_id = $1 AND kind IN ('environment', 'branch') AND (
        environment_id = $2 OR deployment_id IN (SELECT id FROM its) OR previous_id IN (SELECT id FROM its)
    )
"""


async def remove(world: World, project: Project, id: UUID) -> Environment:
    """Its variables go, its addresses lead nowhere, its domains are disabled; its deployments can still be read.
    Raises NotFound, Refused."""
    async with in_transaction():
        environment = _find(await environments_of(project, in_turn=True), id)
        if environment.slug == PRODUCTION:
            raise Refused("Every project has its production: it can't be deleted.")
        cancelled = await _end_unfinished(environment)
        await fetch(LEAD_NOWHERE, project.id, id, await next_act())
        reason = f"Its environment {environment.name} was deleted. Choose another one for it, or remove it."
        await Domain.filter(environment_id=id).update(state=DomainState.disabled, reason=reason, held=None)
        await environment.delete()
    await _follow(world, project, cancelled)
    return environment


async def _end_unfinished(environment: Environment) -> list[UUID]:
    """Cancel what can be; nothing goes live in an environment that is gone."""
    unfinished = Deployment.filter(environment_id=environment.id)
    cancellable = unfinished.filter(state__in=CANCELLABLE)
    ids: list[Any] = [deployment.id for deployment in await cancellable.select_for_update().only("id")]
    await Deployment.filter(id__in=ids).update(state=State.cancelled, finished_at=now())
    if await unfinished.filter(state=State.routing).exists():
        raise Refused("A deployment is going live there right now. Please try again in a moment.")
    return ids


async def _follow(world: World, project: Project, cancelled: Sequence[UUID]) -> None:
    for id in cancelled:
        world.jobs.stop(str(id))
    for deployment in await Deployment.filter(id__in=cancelled).select_related("project") if cancelled else ():
        await tell(world, deployment)
    await traffic.follow(world, project.id)
    world.jobs.sweep_soon()
    await tell_project(world, project.id, project.team_id)


# Names


def _find(there: Sequence[Environment], id: UUID) -> Environment:
    for environment in there:
        if environment.id == id:
            return environment
    raise NotFound("There is no such environment.")


def _refuse_twice(others: Sequence[Environment], name: str) -> None:
    if name.casefold() in {other.name.casefold() for other in others}:
        raise Refused("There is an environment of that name already.", field="name")


async def _free_slug(there: Sequence[Environment], name: str) -> str:
    taken = {environment.slug for environment in there}

    async def is_taken(slug: str) -> bool:
        return slug in taken

    return await free_slug(name, "environment", is_taken)


async def _take_back_name(project: Project, environment: Environment) -> None:
    """A hostname belongs to its project for good: an environment that was deleted and is made anew has it again."""
    wanted = label(f"{project.slug}-env-{environment.slug}")
    left = Alias.filter(project_id=project.id, kind=AliasKind.environment, environment_id=None, label=wanted)
    await left.update(environment_id=environment.id)


# Branches

DEPLOYED = f"""
    WITH RECURSIVE known AS (
        (SELECT branch FROM deployment WHERE project_id = $1 ORDER BY branch LIMIT 1)
        UNION ALL
        SELECT (SELECT branch FROM deployment WHERE project_id = $1 AND branch > known.branch ORDER BY branch LIMIT 1)
        FROM known WHERE known.branch IS NOT NULL
    ) SELECT branch FROM known WHERE branch IS NOT NULL LIMIT {MOST_BRANCHES}
"""  # noqa: S608 - a walk along the index: counting every deployment would take long where there are many


async def branches(world: World, project: Project, *, ask: bool) -> tuple[list[str], str]:
    """The repository's branches, its default one first, and a sentence if its server didn't tell; then those that were
    deployed. `ask` it at all."""
    heads: Sequence[str] = ()
    trouble = ""
    try:
        heads = list(await world.git.heads(await source.repository(world, project))) if ask else ()
    except (DeployFailed, Unavailable) as failure:
        trouble = str(failure)
    deployed = [row["branch"] for row in await fetch(DEPLOYED, project.id)] if not heads else []
    return list(dict.fromkeys([*heads, *deployed]))[:MOST_BRANCHES], trouble
