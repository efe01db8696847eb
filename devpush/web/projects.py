"""Projects: a new one from a repository, what it shows first, its settings, its end."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from quart import Blueprint, Response
from quart.typing import ResponseReturnValue
from tortoise.transactions import in_transaction

from devpush.deploy import create, detect, push, runners, teardown
from devpush.deploy.news import tell_project
from devpush.errors import Refused, Unavailable, WrongKey
from devpush.models import Alias, Deployment, Environment, Project, dotenv, reading, rules
from devpush.models.project import PRODUCTION
from devpush.models.secret import decrypt, encrypt
from devpush.ports import Repository
from devpush.web.addresses import app_urls
from devpush.web.auth import may, me, this_project, this_team
from devpush.web.forms import Errors, Form, answer, flash, is_htmx, read_form, redirect_to, refusal, world

bp = Blueprint("projects", __name__)

DRAFT_LIFE = 2 * 3600
MOST_BRANCHES = 200
NO_STORE = {"Cache-Control": "no-store"}


# A new project: choose a repository …


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What was chosen and seen of a repository, between the two pages of a new project.

    It travels as an encrypted field of the form: nothing is kept for those who go away, nothing is lost when Redis is
    flushed, and the token it may hold is readable to this server only. It names its user and team, and ends by itself.
    """

    user: str
    team: str
    until: float
    source: str
    """As shown: an address, or an example's name."""
    branches: Sequence[str]
    branch: str
    preset: str
    why: str
    token: str = ""
    example: str = ""

    @property
    def id(self) -> str:
        return encrypt(json.dumps(asdict(self)))

    @property
    def token_kept(self) -> bool:
        return bool(self.token)

    def repository(self) -> Repository:
        if self.example:
            return Repository(_example(self.example).source, local=True)
        return Repository(self.source, token=self.token)


@bp.get("/teams/<team_slug>/new")
@may("create_project")
async def new(team_slug: str) -> ResponseReturnValue:
    return _new_page({})


@bp.post("/teams/<team_slug>/new")
@may("create_project")
async def choose(team_slug: str) -> ResponseReturnValue:
    """Look at the repository: its branches, and which preset fits."""
    form = await read_form()
    try:
        choice, look = await _look(form)
    except Refused as refused:
        return _new_page({"source": form.values.get("source", "")}, refusal(refused))
    fields = {
        "name": choice.source.rstrip("/").rpartition("/")[2].removesuffix(".git"),
        "branch": look.default_branch,
        "preset": look.preset.slug,
        "runner": look.preset.runner,
        "install": look.install,
        "build": look.preset.build,
        "pre_deploy": look.preset.pre_deploy,
        "start": look.start,
        "health_path": "/",
    }
    return _configure_page(choice, fields)


async def _look(form: Form) -> tuple[Choice, detect.Look]:
    example = form.text("example", limit=40)
    source = example or rules.repository_url(form.text("source", limit=rules.LONGEST_URL))
    token = "" if example else rules.credential(form.text("token", limit=rules.LONGEST_CREDENTIAL))
    choice = Choice(
        user=str(me().id),
        team=str(this_team().id),
        until=time.time() + DRAFT_LIFE,
        source=source,
        branches=[],
        branch="",
        preset="",
        why="",
        token=token,
        example=example,
    )
    look = await _seen(choice.repository())
    branches = look.branches[:MOST_BRANCHES]
    seen = replace(choice, branches=branches, branch=look.default_branch, preset=look.preset.slug, why=look.why)
    return seen, look


async def _seen(repository: Repository, *, branch: str = "", root_dir: str = "") -> detect.Look:
    """A look at the repository; a server that doesn't answer is the address's fault as far as we can tell."""
    try:
        return await detect.look(world(), repository, branch=branch, root_dir=root_dir)
    except Unavailable as failure:
        raise Refused(str(failure), field="source") from None


def _example(slug: str) -> create.Example:
    for example in create.examples(world()):
        if example.slug == slug:
            return example
    raise Refused("There is no such example.", field="example")


def _new_page(form: Mapping[str, str], errors: Mapping[str, str] | None = None) -> Response:
    examples = create.examples(world())
    status = 422 if errors else 200
    return answer("projects/new.html", status=status, examples=examples, form=form, errors=errors or {})


# … configure it, and deploy


@bp.get("/teams/<team_slug>/new/configure")
@may("create_project")
async def configure(team_slug: str) -> ResponseReturnValue:
    """The page belongs to a choice, which is in nobody's history: begin again."""
    return redirect_to("projects.new", team_slug=team_slug)


@bp.post("/teams/<team_slug>/new/configure", endpoint="create")
@may("create_project")
async def make(team_slug: str) -> ResponseReturnValue:
    """Make the project and deploy it."""
    form = await read_form()
    choice = _choice(form.raw("draft"))
    if choice is None:
        flash("warning", "That page was too old. Please choose the repository again.")
        return redirect_to("projects.new", team_slug=team_slug)
    errors = Errors()
    draft = await _draft(form, choice, errors)
    if draft is None:
        return _configure_page(choice, form.values, errors)
    try:
        project = await create.create_project(world(), this_team(), draft, by=me())
    except Refused as refused:
        return _configure_page(choice, form.values, refusal(refused))
    return await _deploy_first(project, draft.branch)


def _choice(token: str) -> Choice | None:
    """The choice a form brings back, if it is this user's, of this team, and not too old."""
    try:
        choice = Choice(**json.loads(decrypt(token)))
    except (WrongKey, ValueError, TypeError):
        return None
    theirs = (choice.user, choice.team) == (str(me().id), str(this_team().id))
    return choice if theirs and choice.until > time.time() else None


async def _draft(form: Form, choice: Choice, errors: Errors) -> create.Draft | None:
    """The whole draft, or None with every complaint in `errors`."""
    values = _build_values(form, errors)
    with errors.of("name"):
        values["name"] = rules.project_name(form.text("name", limit=400))
    with errors.of("branch"):
        values["branch"] = rules.branch(form.text("branch", limit=400))
    with errors.of("dotenv"):
        values["variables"] = dotenv.parse(form.raw("dotenv"))
    if errors:
        return None
    with errors.of("form"):
        if values["branch"] != choice.branch or values["root_dir"]:
            await _seen(choice.repository(), branch=values["branch"], root_dir=values["root_dir"])
    if errors:
        return None
    repository = choice.repository()
    return create.Draft(source=repository.url, token=repository.token, local=repository.local, **values)


def _build_values(form: Form, errors: Errors) -> dict[str, Any]:
    """How a project is built and run, as checked fields."""
    values: dict[str, Any] = {}
    with errors.of("preset"):
        values["preset"] = _one_of(form.text("preset", limit=40), ["", *(preset.slug for preset in detect.PRESETS)])
    with errors.of("runner"):
        values["runner"] = _one_of(form.text("runner", limit=40), list(runners.runners()))
    with errors.of("root_dir"):
        values["root_dir"] = rules.root_dir(form.raw("root_dir"))
    for name in ("install", "build", "pre_deploy", "start"):
        with errors.of(name):
            values[name] = rules.command(form.raw(name), name)
    with errors.of("start"):
        if not values.get("start", "?"):
            raise Refused("Please say how the app is started, like “gunicorn main:app”.")
    with errors.of("health_path"):
        values["health_path"] = rules.health_path(form.raw("health_path"))
    return values


def _one_of(choice: str, choices: Sequence[str]) -> str:
    if choice not in choices:
        raise Refused("Please choose one of the list.")
    return choice


async def _deploy_first(project: Project, branch: str) -> ResponseReturnValue:
    try:
        deployment = await push.deploy_branch(world(), project, branch, by=me())
    except (Refused, Unavailable) as failure:
        flash("warning", f"{project.name} was created, but not deployed yet. {failure}")
        return redirect_to("projects.overview", project_slug=project.slug)
    return redirect_to("deployments.show", project_slug=project.slug, deployment_id=deployment.id)


def _configure_page(choice: Choice, form: Mapping[str, str], errors: Mapping[str, str] | None = None) -> Response:
    return answer(
        "projects/configure.html",
        status=422 if errors else 200,
        headers=NO_STORE,
        draft=choice,
        form=form,
        errors=errors or {},
        detected={"preset": choice.preset, "why": choice.why},
        branches=choice.branches,
        presets=presets(form.get("preset", "")),
        runners=runner_choices(),
    )


@dataclass(frozen=True, slots=True)
class Named:
    """A preset or runner to choose, with what it fills in."""

    slug: str
    name: str
    runner: str = ""
    install: str = ""
    build: str = ""
    pre_deploy: str = ""
    start: str = ""


def presets(chosen: str) -> list[Named]:
    """Every preset; and none, where a project has none."""
    none = [Named("", "None")] if chosen == "" else []
    return none + [
        Named(preset.slug, preset.title, preset.runner, preset.install, preset.build, preset.pre_deploy, preset.start)
        for preset in detect.PRESETS
    ]


def runner_choices() -> list[Named]:
    return [Named(runner.slug, runner.title) for runner in runners.runners().values()]


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
    values = _build_values(form, errors)
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
