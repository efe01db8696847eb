"""Projects: what one shows first, its settings, its end."""

from collections.abc import Mapping, Sequence
from typing import Any

from quart import Blueprint, Response, request
from quart.typing import ResponseReturnValue

from devpush.deploy import detect, teardown
from devpush.deploy.findings import size
from devpush.deploy.news import tell_project
from devpush.deploy.outdated import outdated
from devpush.errors import Refused
from devpush.models import Project, reading, rules
from devpush.models.project import word
from devpush.models.reading_settings import ProjectSettings, project_settings
from devpush.web import avatars
from devpush.web.activity import did
from devpush.web.addresses import app_urls
from devpush.web.auth import may, this_project, this_team
from devpush.web.build_fields import build_values, presets, runner_choices, runner_value
from devpush.web.domain_card import domain_cards
from devpush.web.forms import Errors, Form, answer, flash, is_htmx, path_to, read_form, redirect_to, refusal, world
from devpush.web.metrics import overview_charts
from devpush.web.repository_card import Account, pushes_form, repository_card, repository_form

bp = Blueprint("projects", __name__)

# What a project shows first


@bp.get("/projects/<project_slug>")
@may("view")
async def overview(project_slug: str) -> ResponseReturnValue:
    project, url = this_project(), app_urls()
    production, *others = await reading.environment_cards(project.id, url=url)
    return answer(
        "projects/overview.html",
        tab="overview",
        production=production,
        others=others,
        charts=await overview_charts(project),
        deployments=await reading.latest_deployments(project_id=project.id, url=url),
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
    await did("picture.changed", "of the project")
    flash("success", "That is the project's picture now.")
    return redirect_to("projects.settings", project_slug=project_slug)


@bp.post("/projects/<project_slug>/picture/removal")
@may("change_project")
async def remove_avatar(project_slug: str) -> ResponseReturnValue:
    await avatars.forget("project", this_project().id)
    await did("picture.changed", "of the project")
    flash("success", "The picture is gone.")
    return redirect_to("projects.settings", project_slug=project_slug)


@bp.post("/projects/<project_slug>/settings/build")
@may("change_project")
async def save_build(project_slug: str) -> ResponseReturnValue:
    form, errors = await read_form(), Errors()
    values = build_values(form, errors)
    with errors.of("dependency_files"):
        values["dependency_files"] = _dependency_files(form)
    if errors:
        return await refused_card("build", form.values, errors)
    await _save(**values)
    return await saved_card("build")


def _dependency_files(form: Form) -> list[str]:
    """As typed; with another preset come its own, unless somebody has typed others."""
    there = this_project().dependency_files
    typed = rules.dependency_files(form.values.get("dependency_files", there))
    preset = detect.preset(form.text("preset", limit=40))
    if typed == there and preset and preset.slug != this_project().preset:
        return list(preset.dependency_files)
    return typed


@bp.post("/projects/<project_slug>/settings/resources")
@may("change_project")
async def save_resources(project_slug: str) -> ResponseReturnValue:
    form, errors = await read_form(), Errors()
    values: dict[str, Any] = {}
    with errors.of("cpu"):
        values["cpu_quota"] = rules.cpu_quota(form.text("cpu", limit=40), world().settings)
    with errors.of("memory_mb"):
        values["memory_mb"] = rules.memory_mb(form.text("memory_mb", limit=40), world().settings)
    if "drain_seconds" in form.values:
        with errors.of("drain_seconds"):
            values["drain_seconds"] = rules.drain_seconds(form.text("drain_seconds", limit=40))
    if "cache_mb" in form.values:
        with errors.of("cache_mb"):
            values["cache_mb"] = rules.cache_mb(form.text("cache_mb", limit=40))
    if errors:
        return await refused_card("resources", form.values, errors)
    await _save(**values)
    return await saved_card("resources")


async def _save(**values: Any) -> None:
    """Change the project; then open pages are told."""
    project = this_project()
    both = {word(name): (getattr(project, name), value) for name, value in values.items()}
    changed: dict[str, Any] = {name: _change(old, new) for name, (old, new) in both.items() if old != new}
    await project.update_from_dict(values).save(update_fields=[*values, "updated_at"])
    await did("project.changed", **changed)
    await tell_project(world(), project.id, project.team_id)


def _change(old: object, new: object) -> str:
    """From what to what, as far as a line of the audit log holds it."""
    return f"{str(old)[:100] or 'none'} → {str(new)[:100] or 'none'}"


async def saved_card(name: str, said: str = "") -> ResponseReturnValue:
    """The card again, saved; without htmx the whole page. What there is to say besides is said as a toast."""
    if said or not is_htmx():
        flash("success", said or "Saved.")
    if not is_htmx():
        return redirect_to("projects.settings", project_slug=this_project().slug, _anchor=f"settings-{name}")
    context = await settings_context()
    form = context["forms"].get(name, {})
    return answer(f"projects/settings/_{name}.html", form=form, errors={}, saved=not said, **context)


async def refused_card(
    name: str, form: Mapping[str, str], errors: Mapping[str, str], **more: Any
) -> ResponseReturnValue:
    """The card again as it was typed, each complaint under its field."""
    if not is_htmx():
        return await settings_page(failed=name, form=form, errors=errors, **more)
    context = await settings_context()
    fragment = f"projects/settings/_{name}.html"
    return answer(fragment, status=422, form=form, errors=errors, saved=False, **context, **more)


async def settings_page(
    failed: str = "",
    form: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    **more: Any,
) -> Response:
    return answer(
        "projects/settings.html",
        status=422 if failed else 200,
        tab="settings",
        failed=failed,
        form=form or {},
        errors=errors or {},
        **await settings_context(),
        **more,
    )


async def settings_context() -> dict[str, Any]:
    """What the cards show. The Git server isn't asked for its branches: settings open at once, also without it."""
    project, settings = this_project(), world().settings
    found, domains = await project_settings(project, url=app_urls()), await domain_cards(project)
    return {
        "forms": _settings_forms(project),
        "repository": repository_card(project, Account.of(found.installation)),
        "presets": presets(project.preset),
        "runners": runner_choices(),
        "variables": found.variables,
        "domains": domains,
        "environments": found.environments,
        "outdated": outdated(project.config(), found.environments, found.variables),
        "colors": rules.COLORS,
        "most": {
            "cpu": rules.in_cores(rules.most_cpu_quota(settings)),
            "memory_mb": rules.most_memory_mb(settings),
        },
        "removal": _removal(found, [domain.hostname for domain in domains]),
        "keep_days": settings.deleted_keep_days,
        "drain_seconds": settings.drain_seconds,
        "kept_images": settings.kept_images,
        "cache_mb": settings.build_cache_mb,
        "disk": _disk(found.disk),
    }


def _settings_forms(project: Project) -> dict[str, dict[str, object]]:
    commands = {name: getattr(project, name) for name in ("install", "build", "pre_deploy", "start")}
    return {
        "general": {"name": project.name},
        "repository": repository_form(project),
        "pushes": pushes_form(project),
        "build": {
            "preset": project.preset,
            "runner": runner_value(project.runner, project.runner_version),
            "root_dir": project.root_dir,
            "health_path": project.health_path,
            "dependency_files": "\n".join(project.dependency_files),
            **commands,
        },
        "resources": {
            "cpu": rules.in_cores(project.cpu_quota),
            "memory_mb": project.memory_mb,
            "drain_seconds": _typed(project.drain_seconds),
            "cache_mb": _typed(project.cache_mb),
        },
    }


def _disk(taken: Mapping[str, int]) -> str:
    """What the project takes of the disk, in words; "" before it was first measured."""
    told = [f"{word} {size(taken[kind])}" for kind, word in TAKEN.items() if taken.get(kind)]
    return f"{size(sum(taken.values()))}: {', '.join(told)}." if told else ""


TAKEN = {"images": "images", "caches": "build caches", "containers": "written by containers", "source": "source"}


def _typed(number: int | None) -> str:
    return "" if number is None else str(number)


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
    await did("project.deleted", project.name)
    if days := world().settings.deleted_keep_days:
        restoring = path_to("team_settings.show", team_slug=this_team().slug, _anchor="settings-deleted")
        flash("success", f"{project.name} is deleted. For {days} days it can be restored.", restoring, "Restore …")
    else:
        flash("success", f"{project.name} is being deleted.")
    return redirect_to("teams.overview", team_slug=this_team().slug)


def _removal(found: ProjectSettings, domains: Sequence[str]) -> dict[str, object]:
    """What goes with the project."""
    url = app_urls()
    return {
        "deployments": found.deployments,
        "variables": len(found.variables),
        "domains": domains,
        "hostnames": [url(label).split("://")[1] for label in found.labels],
    }
