"""Hostnames and where they lead: aliases move in one transaction, then Traefik's file for the project follows."""

import asyncio
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tortoise.exceptions import IntegrityError
from tortoise.expressions import Q
from tortoise.transactions import in_transaction

from devpush.deploy import certificates
from devpush.deploy.plan import Names
from devpush.errors import DeployFailed, MovedMeanwhile
from devpush.models import Alias, AliasKind, Deployment, Domain, DomainState, Environment, Project, State
from devpush.models.database import column
from devpush.models.names import label, slugify
from devpush.models.project import PRODUCTION
from devpush.ports import APP_PORT, Redirect, Route, RouteTable, World
from devpush.settings import Settings

SEEN_TIMEOUT = 20
OF_ENVIRONMENT = (AliasKind.production, AliasKind.environment)
SERVING = (AliasKind.production, AliasKind.environment, AliasKind.branch)
"""What keeps a deployment running: its own `-id-` name leads to it only as long as one of these does."""
ROUTED = (DomainState.verified, DomainState.failing)
"""Domains that are served. Where to follows from the aliases: they move with their environment."""
VALID = "valid"
"""A domain's certificate is there."""
COMING = Q(state__in=(State.starting, State.routing)) | Q(health="waking")
"""Not serving yet, or not surely: what served before goes on until it does."""


def hostname(settings: Settings, alias: Alias) -> str:
    return f"{alias.label}.{settings.deploy_domain}"


# Names ----------------------------------------------------------------------------------------------------------------


async def name_environment(project: Project, environment: Environment) -> Alias:
    """The environment's hostname, made once and kept for good."""
    production = environment.slug == PRODUCTION
    kind = AliasKind.production if production else AliasKind.environment
    wanted = project.slug if production else f"{project.slug}-env-{environment.slug}"
    there = await Alias.get_or_none(project_id=project.id, kind=kind, environment_id=environment.id)
    return there or await _claim(project, kind, wanted, environment_id=environment.id)


async def _name_branch(project: Project, branch: str) -> Alias:
    there = await Alias.get_or_none(project_id=project.id, kind=AliasKind.branch, branch=branch)
    wanted = f"{project.slug}-branch-{slugify(branch, 'branch', limit=200)}"
    return there or await _claim(project, AliasKind.branch, wanted, branch=branch)


async def _name_deployment(deployment: Deployment) -> Alias:
    there = await Alias.get_or_none(deployment_id=deployment.id, kind=AliasKind.deployment)
    wanted = f"{deployment.project.slug}-id-{deployment.short_id}"
    return there or await _claim(deployment.project, AliasKind.deployment, wanted, deployment_id=deployment.id)


async def _claim(project: Project, kind: AliasKind, wanted: str, **about: Any) -> Alias:
    """Take a label that nobody on this server has; a taken one gets a suffix."""
    name = label(wanted)
    for _ in range(20):
        try:
            async with in_transaction():
                return await Alias.create(label=name, kind=kind, project_id=project.id, **about)
        except IntegrityError:
            name = label(f"{wanted}-{secrets.token_hex(2)}")
    raise DeployFailed(f"No hostname is free for {wanted}.")


# Pointing -------------------------------------------------------------------------------------------------------------


async def names_for(deployment: Deployment) -> list[Alias]:
    """Every alias this deployment may take: its environment's, its branch's (of a push there), its own."""
    names = [await _name_deployment(deployment)]
    if deployment.environment:
        names.append(await name_environment(deployment.project, deployment.environment))
    if deployment.trigger != "promotion":
        names.append(await _name_branch(deployment.project, deployment.branch))
    return names


async def point(deployment: Deployment, aliases: Sequence[Alias], act: int) -> list[Alias]:
    """Point aliases at a deployment by one act, all or none; those moved. What a later act has moved stays."""
    async with in_transaction():
        for alias in sorted(aliases, key=lambda alias: alias.label):  # one order, so that rivals never deadlock
            await _point_one(alias, deployment, act)
    return [alias for alias in aliases if alias.deployment_id == deployment.id]


async def point_back(deployment: Deployment) -> None:
    """Undo what a deployment that never answered has moved: its aliases lead to what served before. Raises
    MovedMeanwhile: whoever has taken it up since may have seen it answer."""
    mine = Deployment.filter(id=deployment.id, state=State.routing, holder=deployment.holder)
    async with in_transaction():
        if not await mine.select_for_update():
            raise MovedMeanwhile("The deployment is no longer ours to take back.")
        for alias in await Alias.filter(deployment_id=deployment.id, kind__in=SERVING).select_for_update():
            alias.deployment_id, alias.previous_id = alias.previous_id, None
            await alias.save(update_fields=["deployment_id", "previous_id"])


async def _point_one(alias: Alias, deployment: Deployment, act: int) -> None:
    row = await Alias.select_for_update().get(id=alias.id)
    if row.act < act:
        if row.deployment_id != deployment.id:
            row.previous_id = row.deployment_id
        row.deployment_id, row.act = deployment.id, act
        await row.save(update_fields=["deployment_id", "previous_id", "act"])
    alias.deployment_id, alias.previous_id, alias.act = row.deployment_id, row.previous_id, row.act


# What is wanted -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wanted:
    """What should be, from the database: which deployments run, which are kept stopped, which routes lead where."""

    running: frozenset[UUID]
    kept: frozenset[UUID]
    tables: Mapping[UUID, RouteTable]


async def wanted(settings: Settings, project_id: UUID | None = None) -> Wanted:
    """For one project or for all."""
    of_project = Q(project_id=project_id) if project_id else Q()
    aliases = await Alias.filter(of_project, Q(deployment_id__isnull=False) | Q(previous_id__isnull=False))
    removing = set(await column(Project.filter(removing_at__isnull=False)))
    aliases = [alias for alias in aliases if alias.project_id not in removing]
    serving = {alias.deployment_id for alias in aliases if alias.kind in SERVING and alias.deployment_id}
    coming = set(await column(Deployment.filter(of_project, COMING)))
    still = {alias.previous_id for alias in aliases if alias.deployment_id in coming and alias.previous_id}
    running = frozenset(serving | coming | still)
    kept = frozenset(alias.previous_id for alias in aliases if alias.previous_id and alias.kind in SERVING) - running
    addresses = dict(await Deployment.filter(id__in=list(serving), address__isnull=False).values_list("id", "address"))
    domains = await Domain.filter(of_project, state__in=ROUTED, held__isnull=False)
    secured = await certificates.secured(settings, [hostname(settings, alias) for alias in aliases])
    by_project: dict[UUID, tuple[list[Alias], list[Domain]]] = {}
    for alias in aliases:
        by_project.setdefault(alias.project_id, ([], []))[0].append(alias)
    for domain in domains:
        if domain.project_id not in removing:
            by_project.setdefault(domain.project_id, ([], []))[1].append(domain)
    tables = {id: route_table(settings, id, *rows, addresses, secured) for id, rows in by_project.items()}
    return Wanted(running, kept, tables)


def route_table(
    settings: Settings,
    project_id: UUID,
    aliases: Sequence[Alias],
    domains: Sequence[Domain],
    addresses: Mapping[UUID, str],
    secured: Collection[str] = (),
) -> RouteTable:
    """A route for every alias whose deployment has an address, and for every domain of its environment; in the order in
    which they are read back. `secured`: those of our own hostnames that have their certificate."""
    secure = settings.url_scheme == "https"
    upstreams = {id: f"http://{address}:{APP_PORT}" for id, address in addresses.items()}
    live = [(alias, id) for alias in aliases if (id := alias.deployment_id) and id in upstreams]
    serving = {of: id for alias, id in live if (of := alias.environment_id) and alias.kind in OF_ENVIRONMENT}
    routes = [
        Route(host, str(id), upstreams[id], certificate=settings.certified(host), secured=host in secured)
        for alias, id in live
        if (host := hostname(settings, alias))
    ]
    routes += [
        Route(domain.hostname, str(id), upstreams[id], secure, secured=secure and domain.certificate == VALID)
        for domain in domains
        if not domain.redirect_to and domain.environment_id and (id := serving.get(domain.environment_id))
    ]
    redirects = [
        Redirect(
            domain.hostname,
            domain.redirect_to,
            domain.redirect_status or 307,
            certificate=secure,
            secured=secure and domain.certificate == VALID,
        )
        for domain in domains
        if domain.redirect_to
    ]
    return RouteTable(str(project_id), tuple(sorted(routes, key=_host)), tuple(sorted(redirects, key=_host)))


def _host(each: Route | Redirect) -> str:
    return each.host


# Following ------------------------------------------------------------------------------------------------------------


async def follow(world: World, project_id: UUID) -> None:
    """Make Traefik's file say what the aliases say. The row's lock keeps rivals, also of another process, in line."""
    async with in_transaction():
        await Project.select_for_update().filter(id=project_id).values_list("id", flat=True)
        table = (await wanted(world.settings, project_id)).tables.get(project_id)
        await world.proxy.write(table or RouteTable(str(project_id), []))


async def go_live(world: World, deployment: Deployment, alias: Alias) -> None:
    """Watch the deployment answer at that alias through Traefik, and have Docker keep its container from now on.
    Raises DeployFailed if the answer doesn't come; whichever goes wrong ends the other."""
    container = Names(world.installation).container(deployment, "app")
    both = [
        asyncio.ensure_future(_see(world, deployment, alias)),
        asyncio.ensure_future(world.containers.keep_running(container)),
    ]
    try:
        await asyncio.gather(*both)
    finally:
        for each in both:
            each.cancel()


async def _see(world: World, deployment: Deployment, alias: Alias) -> None:
    host = hostname(world.settings, alias)
    path = deployment.config["health_path"]
    if not await world.proxy.seen(host, path, str(deployment.id), timeout=SEEN_TIMEOUT):
        raise unseen(host)


def unseen(host: str) -> DeployFailed:
    """Why a deployment failed whose route never led to it."""
    return DeployFailed(
        f"The app runs, but did not answer at {host} through Traefik within {SEEN_TIMEOUT} seconds. "
        "The operator can look at Traefik's log; redeploy to try again."
    )
