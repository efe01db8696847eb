"""A project's environments in its settings: made, changed, put in order, deleted, brought up to date."""

from contextlib import suppress
from typing import Any
from uuid import UUID

from quart import Blueprint
from quart.typing import ResponseReturnValue

from devpush.deploy import environments, push
from devpush.deploy.traffic import name_environment
from devpush.errors import NotFound, Refused
from devpush.models import Deployment, Environment, rules
from devpush.models.project import PRODUCTION
from devpush.web import throttle
from devpush.web.activity import did
from devpush.web.auth import may, me, this_project
from devpush.web.forms import Errors, Form, answer, flash, is_htmx, read_form, redirect_to, refusal, world
from devpush.web.projects import refused_card, saved_card, settings_page

bp = Blueprint("environments", __name__)

MOST_LOOKS = 60
"""At a repository's branches, within ten minutes, by one user; after that, those are shown that were deployed."""


@bp.post("/projects/<project_slug>/environments")
@may("change_project")
async def add(project_slug: str) -> ResponseReturnValue:
    form, errors = await read_form(), Errors()
    facts = _facts(form, errors)
    if not errors:
        with errors.of("form"):
            made = await environments.add(world(), this_project(), **facts)
            await did("environment.added", made.name, branch=made.branch)
            return await saved_card("environments", f"{made.name} is there. It takes {made.branch}.")
    return await refused_card("environments", form.values, errors)


@bp.post("/projects/<project_slug>/environments/<uuid:environment_id>")
@may("change_project")
async def save(project_slug: str, environment_id: UUID) -> ResponseReturnValue:
    form, errors = await read_form(), Errors()
    facts = _facts(form, errors, production=(await _environment(environment_id)).slug == PRODUCTION)
    if not errors:
        with errors.of("form"):
            saved = await environments.change(world(), this_project(), environment_id, **facts)
            await did("environment.changed", saved.name, branch=saved.branch)
            return await saved_card("environments", f"Saved. {saved.name} takes {saved.branch}.")
    return await refused_card("environments", {**form.values, "which": str(environment_id)}, errors)


def _facts(form: Form, errors: Errors, *, production: bool = False) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    if not production:
        with errors.of("name"):
            facts["name"] = rules.environment_name(form.text("name", limit=400))
    with errors.of("branch"):
        pattern = form.text("branch", limit=400)
        facts["branch"] = rules.branch(pattern) if production else rules.branch_pattern(pattern)
    with errors.of("color"):
        facts["color"] = rules.color(form.text("color", limit=40))
    if "kept_images" in form.values:
        with errors.of("kept_images"):
            facts["kept_images"] = rules.kept_images(form.text("kept_images", limit=40))
    return facts


@bp.post("/projects/<project_slug>/environments/<uuid:environment_id>/place")
@may("change_project")
async def move(project_slug: str, environment_id: UUID) -> ResponseReturnValue:
    """One up or one down: a push goes to the first that takes its branch."""
    environment = await _environment(environment_id)
    by = {"up": -1, "down": 1}.get((await read_form()).text("to", limit=10))
    if by is None:
        raise Refused("An environment moves up or down.")
    await environments.move(world(), this_project(), environment.id, by)
    await did("environment.moved", environment.name)
    return await saved_card("environments")


@bp.post("/projects/<project_slug>/environments/<uuid:environment_id>/removal")
@may("change_project")
async def remove(project_slug: str, environment_id: UUID) -> ResponseReturnValue:
    environment, form = await _environment(environment_id), await read_form()
    try:
        form.confirm(environment.slug)
        await environments.remove(world(), this_project(), environment_id)
    except Refused as error:
        return await refused_card("environments", {**form.values, "which": str(environment_id)}, refusal(error))
    await did("environment.removed", environment.name)
    flash("success", f"{environment.name} is deleted.")
    return redirect_to("projects.settings", project_slug=project_slug, _anchor="settings-environments")


@bp.get("/projects/<project_slug>/branches")
@may("change_project")
async def branches(project_slug: str) -> ResponseReturnValue:
    """Which of the repository's branches goes where; without htmx, as part of the settings."""
    project = this_project()
    ask = throttle.allows("branches", str(me().id), limit=MOST_LOOKS, per=600)
    found, trouble = await environments.branches(world(), project, ask=ask)
    there = await push.environments_of(project)
    goes = [(branch, push.first_that_takes(there, branch)) for branch in found]
    if is_htmx():
        return answer("projects/settings/_branches.html", goes=goes, trouble=trouble)
    return await settings_page(goes=goes, trouble=trouble)


@bp.post("/projects/<project_slug>/environments/<uuid:environment_id>/redeployment")
@may("deploy")
async def redeploy(project_slug: str, environment_id: UUID) -> ResponseReturnValue:
    """What runs there once more, with today's settings and variables; without a build, unless that is asked for."""
    environment = await _environment(environment_id)
    rebuild = bool((await read_form()).text("rebuild", limit=10))
    alias = await name_environment(this_project(), environment)
    current = await Deployment.get_or_none(id=alias.deployment_id) if alias.deployment_id else None
    if not current:
        flash("error", f"Nothing runs in {environment.name} yet. Deploy its branch.")
        return redirect_to("projects.overview", project_slug=project_slug)
    made = await push.redeploy(world(), current, by=me(), keep_image=not rebuild)
    await did("deployment.redeployed", current.short_id, environment=environment.name)
    return redirect_to("deployments.show", project_slug=project_slug, deployment_id=made.id)


async def chosen(id: str) -> Environment | None:
    """One of this project's environments, by what a form sends; None if it sends nothing of the kind."""
    with suppress(ValueError):
        return await Environment.get_or_none(id=UUID(id), project_id=this_project().id)
    return None


async def _environment(id: UUID) -> Environment:
    environment = await Environment.get_or_none(id=id, project_id=this_project().id)
    if not environment:
        raise NotFound("There is no such environment.")
    return environment
