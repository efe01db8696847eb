"""A new project: choose a repository, configure it, deploy it."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from quart import Blueprint, Response
from quart.typing import ResponseReturnValue

from devpush.deploy import create, detect, push
from devpush.errors import Refused, Unavailable, WrongKey
from devpush.models import Project, dotenv, rules
from devpush.models.secret import decrypt, encrypt
from devpush.ports import Repository
from devpush.web.auth import may, me, this_team
from devpush.web.build_fields import build_values, presets, runner_choices
from devpush.web.forms import Errors, Form, answer, flash, read_form, redirect_to, refusal, world

bp = Blueprint("new_project", __name__)

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
    return redirect_to("new_project.new", team_slug=team_slug)


@bp.post("/teams/<team_slug>/new/configure", endpoint="create")
@may("create_project")
async def make(team_slug: str) -> ResponseReturnValue:
    """Make the project and deploy it."""
    form = await read_form()
    choice = _choice(form.raw("draft"))
    if choice is None:
        flash("warning", "That page was too old. Please choose the repository again.")
        return redirect_to("new_project.new", team_slug=team_slug)
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
        if values["branch"] != choice.branch or values["root_dir"]:
            await _seen(choice.repository(), branch=values["branch"], root_dir=values["root_dir"])
    if errors:
        return None
    repository = choice.repository()
    return create.Draft(source=repository.url, token=repository.token, local=repository.local, **values)


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
