"""Deployments: listed, shown with their log, and what can be done with one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from uuid import UUID

from quart import Blueprint, Response
from quart.typing import ResponseReturnValue

from devpush.deploy import push, rollback
from devpush.errors import DeployFailed, NotFound, Refused
from devpush.models import Alias, Deployment, Environment, reading, rules
from devpush.models.project import PRODUCTION
from devpush.ports import LogLine, LogStore, Source
from devpush.web.addresses import app_urls
from devpush.web.ansi import NOT_TEXT
from devpush.web.auth import may, me, this_project
from devpush.web.forms import answer, flash, is_htmx, read_form, redirect_to, world
from devpush.web.logs import LINES, lines_fragment
from devpush.web.query import asked, asked_number

bp = Blueprint("deployments", __name__)

FILTERS = ("environment", "status", "branch", "from", "to")


# The list


@bp.get("/projects/<project_slug>/deployments")
@may("view")
async def index(project_slug: str) -> ResponseReturnValue:
    filters = asked(*FILTERS)
    number = asked_number("page") or 1
    found = await reading.deployments_page(this_project().id, filters, number, url=app_urls())
    return answer(
        "deployments/index.html",
        tab="deployments",
        page=found.page,
        environments=found.environments,
        filters=filters,
    )


@bp.post("/projects/<project_slug>/deployments")
@may("deploy")
async def create(project_slug: str) -> ResponseReturnValue:
    """Deploy the newest commit of a branch."""
    form = await read_form()
    try:
        branch = rules.branch(form.text("branch", limit=400))
        deployment = await push.deploy_branch(world(), this_project(), branch, by=me())
    except Refused as refused:
        flash("error", str(refused))
        return redirect_to("projects.overview", project_slug=project_slug)
    return _to(deployment.id)


# One of them


@bp.get("/projects/<project_slug>/deployments/<uuid:deployment_id>")
@may("view")
async def show(project_slug: str, deployment_id: UUID) -> ResponseReturnValue:
    deployment = await reading.deployment_page(this_project().id, deployment_id, url=app_urls())
    lines, has_older = await _newest(deployment_id)
    return answer(
        "deployments/show.html",
        tab="deployments",
        deployment=deployment,
        lines=lines,
        has_older=has_older,
        first_number=1 + (await _lines_before(lines[0]) if has_older else 0),
    )


@bp.post("/projects/<project_slug>/deployments/<uuid:deployment_id>/redeployment")
@may("deploy")
async def redeploy(project_slug: str, deployment_id: UUID) -> ResponseReturnValue:
    deployment = await _deployment(deployment_id)
    return await _to_new(deployment, push.redeploy(world(), deployment, by=me()))


@bp.post("/projects/<project_slug>/deployments/<uuid:deployment_id>/cancellation")
@may("deploy")
async def cancel(project_slug: str, deployment_id: UUID) -> ResponseReturnValue:
    deployment = await _deployment(deployment_id)
    try:
        await push.cancel(world(), deployment)
        flash("success", f"{deployment.short_id} is cancelled.")
    except Refused as refused:
        flash("error", str(refused))
    return _to(deployment.id)


# Back to one, or forward to production: first what will change, then the act


@bp.get("/projects/<project_slug>/deployments/<uuid:deployment_id>/rollback", endpoint="roll_back")
@may("deploy")
async def confirm_roll_back(project_slug: str, deployment_id: UUID) -> ResponseReturnValue:
    page = await reading.deployment_page(this_project().id, deployment_id, url=app_urls())
    if not page.can.roll_back:
        raise Refused(f"{page.short_id} can't be rolled back to: it serves already, or never did.")
    return await _confirmation("rollback", page, page.environment_slug)


@bp.post("/projects/<project_slug>/deployments/<uuid:deployment_id>/rollback", endpoint="do_roll_back")
@may("deploy")
async def roll_back(project_slug: str, deployment_id: UUID) -> ResponseReturnValue:
    deployment = await _deployment(deployment_id)
    try:
        # Once asked for it goes to its end, also when the browser has gone away meanwhile.
        flash("success", await asyncio.shield(rollback.roll_back(world(), deployment, by=me())))
    except (Refused, DeployFailed) as failure:
        flash("error", str(failure))
        return _to(deployment.id)
    return redirect_to("projects.overview", project_slug=project_slug)


@bp.get("/projects/<project_slug>/deployments/<uuid:deployment_id>/promotion", endpoint="promote")
@may("deploy")
async def confirm_promote(project_slug: str, deployment_id: UUID) -> ResponseReturnValue:
    page = await reading.deployment_page(this_project().id, deployment_id, url=app_urls())
    if not page.can.promote:
        raise Refused("Only what succeeded in another environment can be promoted to production.")
    return await _confirmation("promotion", page, PRODUCTION)


@bp.post("/projects/<project_slug>/deployments/<uuid:deployment_id>/promotion", endpoint="do_promote")
@may("deploy")
async def promote(project_slug: str, deployment_id: UUID) -> ResponseReturnValue:
    deployment = await _deployment(deployment_id)
    return await _to_new(deployment, push.promote(world(), deployment, by=me()))


async def _confirmation(name: str, page: reading.DeploymentPage, slug: str) -> Response:
    """What serves now, what will, which addresses move, and what else will be different."""
    cards = await reading.environment_cards(this_project().id, url=app_urls())
    card = next(card for card in cards if card.slug == slug)
    environment = await Environment.get(id=card.id)
    _, *notes = await rollback.difference(await _deployment(page.id), environment)  # the commits are shown anyway
    return answer(
        f"deployments/{'_' if is_htmx() else ''}{name}.html",
        tab="deployments",
        deployment=page,
        current=card.current,
        environment_name=card.name,
        hostnames=await _moving(page, card),
        notes=notes,
    )


async def _moving(page: reading.DeploymentPage, card: reading.EnvironmentCard) -> list[str]:
    hostnames = [card.hostname] if card.hostname else []
    if page.environment_slug == card.slug and page.trigger != "promotion":
        label = await Alias.get_or_none(project_id=page.project_id, kind="branch", branch=page.branch)
        if label and label.deployment_id != page.id:
            hostnames.append(app_urls()(label.label).split("://")[1].split(":")[0])
    return hostnames


# Its log


@bp.get("/projects/<project_slug>/deployments/<uuid:deployment_id>/log")
@may("view")
async def log(project_slug: str, deployment_id: UUID) -> ResponseReturnValue:
    """Lines before another, as a fragment; `q` and `source` narrow them."""
    await _deployment(deployment_id)
    given = asked("q", "source")
    source: Source | None = "build" if given.get("source") == "build" else None
    source = "run" if given.get("source") == "run" else source
    before = asked_number("before")
    lines, has_older = await _newest(deployment_id, before=before, text=given.get("q", ""), source=source)
    return lines_fragment(lines, has_older)


@bp.get("/projects/<project_slug>/deployments/<uuid:deployment_id>/log.txt")
@may("view")
async def log_text(project_slug: str, deployment_id: UUID) -> ResponseReturnValue:
    """The whole log as a file; read and sent piece by piece, however long it is."""
    deployment = await _deployment(deployment_id)
    headers = {
        "Content-Disposition": f'attachment; filename="{project_slug}-{deployment.short_id}.log"',
        "Cache-Control": "no-store",
    }
    pieces = _whole_log(world().logs, str(this_project().id), str(deployment.id))
    response = Response(pieces, headers=headers, content_type="text/plain; charset=utf-8")
    response.timeout = None
    return response


async def _whole_log(store: LogStore, project: str, deployment: str) -> AsyncIterator[bytes]:
    last = 0
    while lines := await store.search(project, deployments=[deployment], after=last, limit=LINES):
        last = lines[-1].id
        yield "".join(map(_as_text, lines)).encode()


def _as_text(line: LogLine) -> str:
    """Without escapes: whoever prints the file in a terminal sees text, and nothing else happens there."""
    text = NOT_TEXT.sub("", line.text).replace("\n", " ")
    return f"{line.at:%Y-%m-%dT%H:%M:%S.%f}Z {line.source:<5} {text}\n"


async def _newest(
    deployment: UUID, *, before: int | None = None, text: str = "", source: Source | None = None
) -> tuple[list[LogLine], bool]:
    """The newest lines (before one), and whether there are older ones."""
    project = str(this_project().id)
    lines = await world().logs.search(
        project, deployments=[str(deployment)], before=before, text=text, source=source, limit=LINES + 1
    )
    return lines[-LINES:], len(lines) > LINES


async def _lines_before(line: LogLine) -> int:
    return await world().logs.count(str(this_project().id), deployment=line.deployment, before=line.id)


# What several acts need


async def _deployment(id: UUID) -> Deployment:
    deployment = await Deployment.get_or_none(id=id, project_id=this_project().id)
    if not deployment:
        raise NotFound("There is no such deployment.")
    return deployment


async def _to_new(old: Deployment, making: Awaitable[Deployment]) -> ResponseReturnValue:
    """To the deployment that is made; back to the old one, with the reason, if it is refused."""
    try:
        return _to((await making).id)
    except Refused as refused:
        flash("error", str(refused))
        return _to(old.id)


def _to(id: UUID) -> Response:
    return redirect_to("deployments.show", project_slug=this_project().slug, deployment_id=id)
