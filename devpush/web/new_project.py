"""A new project: choose a repository, configure it, deploy it."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from quart import Blueprint, Response, request
from quart.typing import ResponseReturnValue

from devpush.deploy import connect, create, detect, github, keys, push
from devpush.errors import Refused, Unavailable
from devpush.models import Project, dotenv, rules
from devpush.web import choice as choices
from devpush.web import picker
from devpush.web.activity import did
from devpush.web.ansi import plain
from devpush.web.auth import may, me, this_team
from devpush.web.build_fields import build_values, presets, runner_choices, runner_value
from devpush.web.choice import Choice
from devpush.web.forms import Errors, Form, answer, flash, path_to, read_form, redirect_to, refusal, world

bp = Blueprint("new_project", __name__)

DRAFT_LIFE = 2 * 3600


# Choose a repository …


@bp.get("/teams/<team_slug>/new")
@may("create_project")
async def new(team_slug: str) -> ResponseReturnValue:
    return await picker.new_page(request.args)


@bp.post("/teams/<team_slug>/new")
@may("create_project")
async def choose(team_slug: str) -> ResponseReturnValue:
    """Look at the repository: its branches, and which preset fits. One with an SSH address gets a key first."""
    form = await read_form()
    try:
        choice = await _chosen(form)
        if choice.wants_key:
            return _key_page(choice)
        look = await choices.look(choice)
    except Refused as refused:
        return await picker.new_page(form.values, refusal(refused))
    return _configure_page(choice.seen(look), _fields(choice, look))


@bp.post("/teams/<team_slug>/new/key")
@may("create_project")
async def unlock(team_slug: str) -> ResponseReturnValue:
    """The key was added where the repository is: look whether it opens it."""
    choice = choices.opened((await read_form()).raw("draft"))
    if choice is None:
        return _too_old()
    try:
        look = await choices.look(choice)
    except Refused as refused:
        return _key_page(choice, str(refused))
    return _configure_page(choice.seen(look), _fields(choice, look))


async def _chosen(form: Form) -> Choice:
    choice = Choice(user=str(me().id), team=str(this_team().id), until=time.time() + DRAFT_LIFE, source="")
    if form.values.get("repository"):
        return await _picked(form, choice)
    if slug := form.text("example", limit=40):
        return replace(choice, source=slug, example=choices.example(slug).slug)
    source = rules.repository_url(form.text("source", limit=rules.LONGEST_URL))
    token = rules.credential(form.text("token", limit=rules.LONGEST_CREDENTIAL))
    if not rules.is_ssh(source):
        return replace(choice, source=source, token=token)
    if token:
        raise Refused("An SSH address is opened by a key, which comes next: please leave this empty.", field="token")
    private, public = keys.new_key(_short_name(source))
    return replace(choice, source=source, key=private, public_key=public)


async def _picked(form: Form, choice: Choice) -> Choice:
    """One of GitHub's. The ids are only what somebody wrote into a form: `connect.chosen` asks GitHub."""
    installation, repository = (picker.number(form.values.get(name, "")) for name in ("installation", "repository"))
    found = (await connect.chosen(world(), me(), installation, repository)).repository
    return replace(
        choice, source=found.clone_url, name=found.full_name, installation=installation, repository=repository
    )


def _fields(choice: Choice, look: detect.Look) -> dict[str, str]:
    """The form as the look fills it in."""
    name = plain(_short_name(choice.shown))
    return {"name": name, "branch": look.default_branch, "health_path": "/", **_detected(look)}


def _detected(look: detect.Look) -> dict[str, str]:
    return {
        "preset": look.preset.slug,
        "runner": runner_value(look.preset.runner, look.version),
        "install": look.preset.install,
        "build": look.preset.build,
        "pre_deploy": look.preset.pre_deploy,
        "start": look.preset.start,
    }


def _short_name(source: str) -> str:
    return source.rstrip("/").replace(":", "/").rpartition("/")[2].removesuffix(".git")


def _key_page(choice: Choice, error: str = "") -> Response:
    errors = {"form": error} if error else {}
    host = urlsplit(choice.source).hostname or choice.source
    status = 422 if errors else 200
    return answer("projects/key.html", status=status, draft=choice, host=host, errors=errors)


# … configure it …


@bp.get("/teams/<team_slug>/new/configure")
@bp.get("/teams/<team_slug>/new/key")
@bp.get("/teams/<team_slug>/new/detection")
@may("create_project")
async def configure(team_slug: str) -> ResponseReturnValue:
    """These pages belong to a choice, which is in nobody's history: begin again."""
    return redirect_to("new_project.new", team_slug=team_slug)


@bp.post("/teams/<team_slug>/new/detection", endpoint="detect")
@may("create_project")
async def detect_again(team_slug: str) -> ResponseReturnValue:
    """Look at another folder or branch, and fill in what fits there. What else was typed stays."""
    form, errors = await read_form(), Errors()
    choice = choices.opened(form.raw("draft"))
    if choice is None:
        return _too_old()
    typed = form.values | {"root_dir": form.values.get("folder", form.values.get("root_dir", ""))}
    with errors.of("root_dir"):
        root_dir = rules.root_dir(typed["root_dir"])
    with errors.of("branch"):
        branch = rules.branch(form.text("branch", limit=400))
    if errors:
        return _configure_page(choice, typed, errors)
    try:
        look = await choices.look(choice, branch=branch, root_dir=root_dir)
    except Refused as refused:
        return _configure_page(choice, typed, refusal(refused))
    seen = choice.seen(look, branch=branch, root_dir=root_dir)
    return _configure_page(seen, typed | {"root_dir": root_dir, **_detected(look)})


def _too_old() -> Response:
    flash("warning", "That page was too old. Please choose the repository again.")
    return redirect_to("new_project.new", team_slug=this_team().slug)


def _configure_page(choice: Choice, form: Mapping[str, str], errors: Mapping[str, str] | None = None) -> Response:
    return answer(
        "projects/configure.html",
        status=422 if errors else 200,
        draft=choice,
        form=form,
        errors=errors or {},
        detected={"preset": choice.preset, "why": choice.why},
        branches=choice.branches,
        folders=choice.folders,
        presets=presets(form.get("preset", "")),
        runners=runner_choices(),
    )


# … and deploy


@bp.post("/teams/<team_slug>/new/configure", endpoint="create")
@may("create_project")
async def make(team_slug: str) -> ResponseReturnValue:
    """Make the project and deploy it."""
    form = await read_form()
    choice = choices.opened(form.raw("draft"))
    if choice is None:
        return _too_old()
    errors = Errors()
    draft = await _draft(form, choice, errors)
    if draft is None:
        return _configure_page(choice, form.values, errors)
    try:
        project = await create.create_project(world(), this_team(), draft, by=me())
    except Refused as refused:
        return _configure_page(choice, form.values, refusal(refused))
    await did("project.created", project.name, project=project, repository=project.repo_url)
    return await _deploy_first(project, draft.branch)


async def _draft(form: Form, choice: Choice, errors: Errors) -> create.Draft | None:
    """The whole draft, or None with every complaint in `errors`."""
    values = build_values(form, errors)
    with errors.of("name"):
        values["name"] = rules.project_name(form.text("name", limit=400))
    with errors.of("branch"):
        values["branch"] = rules.branch(form.text("branch", limit=400))
    with errors.of("dotenv"):
        values["variables"] = dotenv.parse(form.raw("dotenv"))
    if errors:
        return None
    with errors.of("form"):
        if (values["branch"], values["root_dir"]) != (choice.branch, choice.root_dir):
            await choices.look(choice, branch=values["branch"], root_dir=values["root_dir"])
        values |= await _source(choice)
    return None if errors else create.Draft(**values)


async def _source(choice: Choice) -> dict[str, Any]:
    """Where the source is and what opens it. The right to one of GitHub's may be gone since it was chosen."""
    if choice.connected:
        connection = await connect.chosen(world(), me(), choice.installation, choice.repository)
        await github.remember_installation(world(), connection.account)
        return {
            "source": connection.repository.clone_url,
            "github_repo_id": connection.repository.id,
            "github_installation_id": connection.account.installation,
        }
    place = choices.place(choice)
    opens = {"token": place.token, "key": place.key, "public_key": choice.public_key}
    return {"source": place.url, "local": place.local, **opens}


async def _deploy_first(project: Project, branch: str) -> ResponseReturnValue:
    try:
        deployment = await push.deploy_branch(world(), project, branch, by=me())
    except (Refused, Unavailable) as failure:
        flash("warning", f"{project.name} was created, but not deployed yet. {failure}")
        return redirect_to("projects.overview", project_slug=project.slug)
    if project.polled and not project.repo_local and project.github_repo_id is None:
        settings = path_to("projects.settings", project_slug=project.slug, _anchor="settings-repository")
        flash(
            "info", "Pushes are looked for every minute. With a webhook they are deployed at once.", settings, "Add one"
        )
    return redirect_to("deployments.show", project_slug=project.slug, deployment_id=deployment.id)
