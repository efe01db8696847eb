"""Projects: what one shows first, its settings, its end."""

from collections.abc import Mapping, Sequence
from typing import Any

from quart import Blueprint, Response, request
from quart.typing import ResponseReturnValue
from tortoise.transactions import in_transaction

from devpush.deploy import detect, teardown
from devpush.deploy.news import tell_project
from devpush.errors import Refused
from devpush.models import Environment, Project, reading, rules
from devpush.models.database import fetch
from devpush.models.project import PRODUCTION
from devpush.web import avatars
from devpush.web.addresses import app_urls
from devpush.web.auth import may, this_project, this_team
from devpush.web.build_fields import build_values, presets, runner_choices
from devpush.web.forms import Errors, answer, flash, is_htmx, read_form, redirect_to, refusal, world
from devpush.web.repository_card import Account, pushes_form, repository_card, repository_form

bp = Blueprint("projects", __name__)

MORE = """
    SELECT (SELECT count(*) FROM deployment WHERE project_id = $1) AS deployments,
        ARRAY(SELECT label FROM alias WHERE project_id = $1 AND kind IN ('production', 'environment') ORDER BY label)
            AS labels,
        i.id AS installation, i.account_login, i.account_type, i.suspended_at
    FROM (SELECT $2::bigint AS id) AS asked LEFT JOIN github_installation i ON i.id = asked.id
"""
"""What settings show beside the project itself: what goes with it, and the GitHub account it comes from."""


# What a project shows first


@bp.get("/projects/<project_slug>")
@may("view")
async def overview(project_slug: str) -> ResponseReturnValue:
    project, url = this_project(), app_urls()
    production, *others = await reading.environment_cards(project.id, url=url)
    deployments = await reading.latest_deployments(project_id=project.id, url=url)
    return answer(
        "projects/overview.html", tab="overview", production=production, others=others, deployments=deployments
    )


# Its settings: each card is a form of its own


@bp.get("/projects/<project_slug>/settings")
@may("change_project")
async def settings(project_slug: str) -> ResponseReturnValue:
    return await settings_page()


@bp.post("/projects/<project_slug>/settings/general")
@may("change_project")
async def save_general(project_slug: str) -> ResponseReturnValue:
    form, errors = await read_form(), Errors()
    with errors.of("name"):
        name = rules.project_name(form.text("name", limit=400))
    if errors:
        return await refused_card("general", form.values, errors)
    await _save(name=name)
    return await saved_card("general")


@bp.post("/projects/<project_slug>/picture")
@may("change_project")
async def save_avatar(project_slug: str) -> ResponseReturnValue:
    try:
        await avatars.save("project", this_project().id, (await request.files).get("picture"))
    except Refused as error:
        return await refused_card("picture", {}, refusal(error))
    flash("success", "That is the project's picture now.")
    return redirect_to("projects.settings", project_slug=project_slug)


@bp.post("/projects/<project_slug>/picture/removal")
@may("change_project")
async def remove_avatar(project_slug: str) -> ResponseReturnValue:
    await avatars.forget("project", this_project().id)
    flash("success", "The picture is gone.")
    return redirect_to("projects.settings", project_slug=project_slug)


@bp.post("/projects/<project_slug>/settings/build")
@may("change_project")
async def save_build(project_slug: str) -> ResponseReturnValue:
    form, errors = await read_form(), Errors()
    values = build_values(form, errors)
    with errors.of("branch"):
        branch = rules.branch(form.text("branch", limit=400))
    if errors:
        return await refused_card("build", form.values, errors)
    if values["preset"] != this_project().preset and (preset := detect.preset(values["preset"])):
        values["dependency_files"] = list(preset.dependency_files)
    await _save(branch, **values)
    return await saved_card("build")


@bp.post("/projects/<project_slug>/settings/resources")
@may("change_project")
async def save_resources(project_slug: str) -> ResponseReturnValue:
    form, errors = await read_form(), Errors()
    values: dict[str, Any] = {}
    with errors.of("cpu"):
        values["cpu_quota"] = rules.cpu_quota(form.text("cpu", limit=40), world().settings)
    with errors.of("memory_mb"):
        values["memory_mb"] = rules.memory_mb(form.text("memory_mb", limit=40), world().settings)
    if errors:
        return await refused_card("resources", form.values, errors)
    await _save(**values)
    return await saved_card("resources")


async def _save(branch: str = "", **values: Any) -> None:
    """Change the project, and the branch of its production; then open pages are told."""
    project = this_project()
    project.update_from_dict(values)
    async with in_transaction():
        await project.save(update_fields=[*values, "updated_at"])
        if branch:
            await Environment.filter(project_id=project.id, slug=PRODUCTION).update(branch=branch)
    await tell_project(world(), project.id, project.team_id)


async def saved_card(name: str) -> ResponseReturnValue:
    """The card again, saved; without htmx the whole page."""
    if not is_htmx():
        flash("success", "Saved.")
        return redirect_to("projects.settings", project_slug=this_project().slug, _anchor=f"settings-{name}")
    context = await settings_context()
    form = context["forms"].get(name, {})
    return answer(f"projects/settings/_{name}.html", form=form, errors={}, saved=True, **context)


async def refused_card(name: str, form: Mapping[str, str], errors: Mapping[str, str]) -> ResponseReturnValue:
    """The card again as it was typed, each complaint under its field."""
    if not is_htmx():
        return await settings_page(failed=name, form=form, errors=errors)
    context = await settings_context()
    fragment = f"projects/settings/_{name}.html"
    return answer(fragment, status=422, form=form, errors=errors, saved=False, **context)


async def settings_page(
    failed: str = "", form: Mapping[str, str] | None = None, errors: Mapping[str, str] | None = None
) -> Response:
    return answer(
        "projects/settings.html",
        status=422 if failed else 200,
        tab="settings",
        failed=failed,
        form=form or {},
        errors=errors or {},
        **await settings_context(),
    )


async def settings_context() -> dict[str, Any]:
    """What the cards show. The Git server isn't asked for its branches: settings open at once, also without it."""
    project = this_project()
    cards = await reading.environment_cards(project.id, url=app_urls())
    [more] = await fetch(MORE, project.id, project.github_installation_id)
    return {
        "forms": _settings_forms(project, cards[0].branch),
        "repository": repository_card(project, Account.of(more)),
        "presets": presets(project.preset),
        "runners": runner_choices(),
        "branches": [],
        "variables": await reading.variables(project.id),
        "environments": cards,
        "redeploy": cards[0].current,
        "removal": _removal(more["deployments"], more["labels"]),
    }


def _settings_forms(project: Project, branch: str) -> dict[str, dict[str, object]]:
    commands = {name: getattr(project, name) for name in ("install", "build", "pre_deploy", "start")}
    return {
        "general": {"name": project.name},
        "repository": repository_form(project),
        "pushes": pushes_form(project),
        "build": {
            "branch": branch,
            "preset": project.preset,
            "runner": project.runner,
            "root_dir": project.root_dir,
            "health_path": project.health_path,
            **commands,
        },
        "resources": {"cpu": f"{project.cpu_quota / rules.ONE_CORE:g}", "memory_mb": project.memory_mb},
    }


# Its end


@bp.post("/projects/<project_slug>/removal")
@may("remove_project")
async def remove(project_slug: str) -> ResponseReturnValue:
    project, form = this_project(), await read_form()
    try:
        form.confirm(project.slug)
    except Refused as error:
        return await settings_page("danger", form.values, refusal(error))
    await teardown.remove_project(world(), project)
    flash("success", f"{project.name} is being deleted.")
    return redirect_to("teams.overview", team_slug=this_team().slug)


def _removal(deployments: int, labels: Sequence[str]) -> dict[str, object]:
    """What goes with the project."""
    url = app_urls()
    return {"deployments": deployments, "hostnames": [url(label).split("://")[1] for label in labels]}
