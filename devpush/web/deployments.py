"""Deployments: listed, shown with their log, and what can be done with one."""

import asyncio
from collections.abc import Awaitable
from uuid import UUID

from quart import Blueprint, Response
from quart.typing import ResponseReturnValue

from devpush.deploy import compare, push, rollback
from devpush.errors import DeployFailed, NotFound, Refused
from devpush.models import Deployment, forge, reading, reading_moves, rules
from devpush.models.choices import choices
from devpush.web.activity import did
from devpush.web.addresses import app_urls
from devpush.web.auth import may, me, this_project
from devpush.web.forms import answer, flash, is_htmx, path_to, read_form, redirect_to, redirect_to_path, world
from devpush.web.logs import SOURCES, Search, file_of, lines_fragment, newest_or_why
from devpush.web.query import asked, asked_number, moment

bp = Blueprint("deployments", __name__)

FILTERS = ("environment", "status", "branch", "from", "to")
CHANGES = "deployment-changes"
"""The anchor of what changed."""


# The list


@bp.get("/projects/<project_slug>/deployments")
@may("view")
async def index(project_slug: str) -> ResponseReturnValue:
    filters = asked(*FILTERS)
    moments = {name: at for name in ("from", "to") if (at := moment(filters.get(name, "")))}
    page = await reading.deployments_page(
        this_project().id,
        filters,
        asked_number("page") or 1,
        since=moments.get("from"),
        until=moment(filters.get("to", ""), end=True),
        url=app_urls(),
    )
    return answer(
        "deployments/index.html",
        tab="deployments",
        page=page,
        most=reading.MOST_COUNTED,
        choices=await choices(this_project().id),
        filters=filters,
        moments=moments,
    )


@bp.post("/projects/<project_slug>/deployments")
@may("deploy")
async def create(project_slug: str) -> ResponseReturnValue:
    """Deploy the newest commit of a branch."""
    form = await read_form()
    try:
        branch = rules.branch(form.text("branch", limit=400))
        deployment = await push.deploy_branch(world(), this_project(), branch, by=me())
        await did("deployment.started", branch, commit=deployment.commit_sha[:7])
    except Refused as refused:
        flash("error", str(refused))
        return redirect_to("projects.overview", project_slug=project_slug)
    return _to(deployment.id)


# One of them


@bp.get("/projects/<project_slug>/deployments/<uuid:deployment_id>")
@may("view")
async def show(project_slug: str, deployment_id: UUID) -> ResponseReturnValue:
    deployment = await reading.deployment_page(this_project().id, deployment_id, url=app_urls())
    search = _search(deployment_id)
    lines, has_older, away = await newest_or_why(search, world().logs)
    before = 0
    if has_older and search.source is None:
        before = await world().logs.count(search.project, deployment=str(deployment_id), before=lines[0].id)
    return answer(
        "deployments/show.html",
        tab="deployments",
        deployment=deployment,
        changes=await compare.since_last(this_project().id, deployment_id),
        pages=_pages(),
        trouble="",
        source=search.source or "",
        lines=lines,
        has_older=has_older,
        away=away,
        first_number=1 + before,
    )


@bp.post("/projects/<project_slug>/deployments/<uuid:deployment_id>/commits")
@may("view")
async def find_commits(project_slug: str, deployment_id: UUID) -> ResponseReturnValue:
    """Ask Git what came in since the last deployment; from then on the page has it."""
    await _deployment(deployment_id)
    changes, trouble = await compare.since_last(this_project().id, deployment_id), ""
    try:
        changes = await compare.keep_commits(world(), this_project(), changes)
    except DeployFailed as failure:
        trouble = str(failure)
    if is_htmx():
        open = asked("open").get("open") == "yes"
        return answer("deployments/_changes.html", changes=changes, pages=_pages(), trouble=trouble, open=open)
    if trouble:
        flash("error", trouble)
    here = path_to("deployments.show", project_slug=project_slug, deployment_id=deployment_id, _anchor=CHANGES)
    return redirect_to_path(here)


@bp.get("/projects/<project_slug>/deployments/<uuid:deployment_id>/commits/<uuid:other_id>")
@may("view")
async def commits(project_slug: str, deployment_id: UUID, other_id: UUID) -> ResponseReturnValue:
    """What comes and what goes when this deployment takes the other's place."""
    new, old = await _deployment(deployment_id), await _deployment(other_id)
    try:
        between = [(old.commit_sha, new.commit_sha), (new.commit_sha, old.commit_sha)]
        come, go = [await compare.commits_between(world(), this_project(), *shas) for shas in between]
    except DeployFailed as failure:
        return answer("deployments/_exchange.html", trouble=str(failure))
    return answer("deployments/_exchange.html", come=come, go=go, pages=_pages(), trouble="")


@bp.post("/projects/<project_slug>/deployments/<uuid:deployment_id>/redeployment")
@may("deploy")
async def redeploy(project_slug: str, deployment_id: UUID) -> ResponseReturnValue:
    deployment = await _deployment(deployment_id)
    return await _to_new(deployment, push.redeploy(world(), deployment, by=me()), "deployment.redeployed")


@bp.post("/projects/<project_slug>/deployments/<uuid:deployment_id>/cancellation")
@may("deploy")
async def cancel(project_slug: str, deployment_id: UUID) -> ResponseReturnValue:
    deployment = await _deployment(deployment_id)
    try:
        await push.cancel(world(), deployment)
        await did("deployment.cancelled", deployment.short_id)
        flash("success", f"{deployment.short_id} is cancelled.")
    except Refused as refused:
        flash("error", str(refused))
    return _to(deployment.id)


# Back to one, or forward to production: first what will change, then the act


@bp.get("/projects/<project_slug>/deployments/<uuid:deployment_id>/rollback", endpoint="roll_back")
@may("deploy")
async def confirm_roll_back(project_slug: str, deployment_id: UUID) -> ResponseReturnValue:
    move = await reading_moves.rollback(this_project().id, deployment_id, url=app_urls())
    if not move.can.roll_back:
        raise Refused(f"{move.deployment.short_id} can't be rolled back to: it serves already, or never did.")
    now = move.current.id if move.current else None
    return _confirmation("rollback", move, await compare.rolled_back(this_project(), now, deployment_id))


@bp.post("/projects/<project_slug>/deployments/<uuid:deployment_id>/rollback", endpoint="do_roll_back")
@may("deploy")
async def roll_back(project_slug: str, deployment_id: UUID) -> ResponseReturnValue:
    deployment = await _deployment(deployment_id)
    try:
        # Once asked for it goes to its end, also when the browser has gone away meanwhile.
        flash("success", await asyncio.shield(_roll_back(deployment)))
    except (Refused, DeployFailed) as failure:
        flash("error", str(failure))
        return _to(deployment.id)
    return redirect_to("projects.overview", project_slug=project_slug)


async def _roll_back(deployment: Deployment) -> str:
    said = await rollback.roll_back(world(), deployment, by=me())
    await did("deployment.rolled_back", deployment.short_id)
    return said


@bp.get("/projects/<project_slug>/deployments/<uuid:deployment_id>/promotion", endpoint="promote")
@may("deploy")
async def confirm_promote(project_slug: str, deployment_id: UUID) -> ResponseReturnValue:
    move = await reading_moves.promotion(this_project().id, deployment_id, url=app_urls())
    if not (move.can.promote and move.environment_id):
        raise Refused("Only what succeeded in another environment can be promoted to production.")
    now = move.current.id if move.current else None
    changes = await compare.promoted(this_project(), move.environment_id, now, deployment_id)
    return _confirmation("promotion", move, changes)


@bp.post("/projects/<project_slug>/deployments/<uuid:deployment_id>/promotion", endpoint="do_promote")
@may("deploy")
async def promote(project_slug: str, deployment_id: UUID) -> ResponseReturnValue:
    deployment = await _deployment(deployment_id)
    return await _to_new(deployment, push.promote(world(), deployment, by=me()), "deployment.promoted")


def _confirmation(name: str, move: reading_moves.Move, changes: compare.Changes) -> Response:
    """What serves now, what will, which addresses move, and what else will be different."""
    return answer(
        f"deployments/{'_' if is_htmx() else ''}{name}.html",
        tab="deployments",
        deployment=move.deployment,
        current=move.current,
        environment_name=move.environment_name,
        hostnames=move.hostnames,
        changes=changes,
    )


# Its log


@bp.get("/projects/<project_slug>/deployments/<uuid:deployment_id>/log")
@may("view")
async def log(project_slug: str, deployment_id: UUID) -> ResponseReturnValue:
    """Lines before another, as a fragment; `q` and `source` narrow them."""
    await _deployment(deployment_id)
    return lines_fragment(*await _search(deployment_id).newest(world().logs, before=asked_number("before")))


@bp.get("/projects/<project_slug>/deployments/<uuid:deployment_id>/log.txt")
@may("view")
async def log_text(project_slug: str, deployment_id: UUID) -> ResponseReturnValue:
    """The whole log as a file."""
    deployment = await _deployment(deployment_id)
    return await file_of(_search(deployment_id), f"{project_slug}-{deployment.short_id}.log")


def _search(deployment_id: UUID) -> Search:
    """Its lines; all of them, or those that are asked for."""
    given = asked("source", "q")
    source = next((source for source in SOURCES if source == given.get("source")), None)
    only = frozenset([str(deployment_id)])
    return Search(str(this_project().id), given.get("q", ""), deployments=only, named=False, source=source)


# What several acts need


async def _deployment(id: UUID) -> Deployment:
    deployment = await Deployment.get_or_none(id=id, project_id=this_project().id)
    if not deployment:
        raise NotFound("There is no such deployment.")
    return deployment


async def _to_new(old: Deployment, making: Awaitable[Deployment], what: str) -> ResponseReturnValue:
    """To the deployment that is made; back to the old one, with the reason, if it is refused."""
    try:
        made = await making
        await did(what, old.short_id, branch=old.branch)
        return _to(made.id)
    except Refused as refused:
        flash("error", str(refused))
        return _to(old.id)


def _to(id: UUID) -> Response:
    return redirect_to("deployments.show", project_slug=this_project().slug, deployment_id=id)


def _pages() -> forge.Forge | None:
    """Where commits can be looked at."""
    project = this_project()
    return forge.forge(project.repo_url, local=project.repo_local, connected=project.github_repo_id is not None)
