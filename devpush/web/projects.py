"""Projects: what one shows first, its settings, its end."""

from collections.abc import Mapping
from typing import Any

from quart import Blueprint, Response
from quart.typing import ResponseReturnValue
from tortoise.transactions import in_transaction

from devpush.deploy import detect, teardown
from devpush.deploy.news import tell_project
from devpush.models import Alias, Deployment, Environment, Project, reading, rules
from devpush.models.project import PRODUCTION
from devpush.web.addresses import app_urls
from devpush.web.auth import may, this_project, this_team
from devpush.web.build_fields import build_values, presets, runner_choices
from devpush.web.forms import Errors, answer, flash, is_htmx, read_form, redirect_to, world

bp = Blueprint("projects", __name__)

NO_STORE = {"Cache-Control": "no-store"}


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
    return answer(fragment, status=422, headers=NO_STORE, form=form, errors=errors, saved=False, **context)


async def settings_page(
    failed: str = "", form: Mapping[str, str] | None = None, errors: Mapping[str, str] | None = None
) -> Response:
    return answer(
        "projects/settings.html",
        status=422 if failed else 200,
        headers=NO_STORE,
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
    return {
        "forms": _settings_forms(project, cards[0].branch),
        "repository": reading.repository_name(project.repo_url, local=project.repo_local),
        "presets": presets(project.preset),
        "runners": runner_choices(),
        "branches": [],
        "variables": await reading.variables(project.id),
        "environments": cards,
        "redeploy": cards[0].current,
        "removal": await _removal(project),
    }


def _settings_forms(project: Project, branch: str) -> dict[str, dict[str, object]]:
    commands = {name: getattr(project, name) for name in ("install", "build", "pre_deploy", "start")}
    return {
        "general": {"name": project.name},
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
    if form.text("confirmation", limit=400) != project.slug:
        return await settings_page("danger", form.values, {"confirmation": f"Please type {project.slug} to confirm."})
    await teardown.remove_project(world(), project)
    flash("success", f"{project.name} is being deleted.")
    return redirect_to("teams.overview", team_slug=this_team().slug)


async def _removal(project: Project) -> dict[str, object]:
    """What goes with the project."""
    url = app_urls()
    labels = await Alias.filter(project_id=project.id, kind__in=("production", "environment")).order_by("label")
    return {
        "deployments": await Deployment.filter(project_id=project.id).count(),
        "hostnames": [url(alias.label).split("://")[1] for alias in labels],
    }
