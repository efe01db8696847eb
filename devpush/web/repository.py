"""A project's repository: where it is, what opens it, whether it does, and how we hear of pushes.

Secrets are in no page: a token isn't shown again, the webhook's secret only to who asks, of a key the public half.
"""

import secrets
from collections.abc import Mapping

from quart import Blueprint, Response
from quart.typing import ResponseReturnValue

from devpush.deploy import source
from devpush.deploy.keys import new_key
from devpush.deploy.news import tell_project
from devpush.errors import NotFound, Refused, Unavailable
from devpush.models import Environment, rules
from devpush.models.project import PRODUCTION
from devpush.web.activity import did
from devpush.web.auth import may, this_project
from devpush.web.choice import mind_the_pace
from devpush.web.forms import Errors, Form, answer, flash, is_htmx, read_form, redirect_to, world
from devpush.web.projects import refused_card, saved_card, settings_context

bp = Blueprint("repository", __name__)

ADD_KEY_FIRST = (
    "A deploy key was made for this address: please add its public half, shown below, to the repository there. "
    "Then save again."
)


@bp.post("/projects/<project_slug>/settings/repository")
@may("change_project")
async def save(project_slug: str) -> ResponseReturnValue:
    """Another repository, or another token for it. It is looked at before anything changes."""
    form, errors = await read_form(), Errors()
    found = ""
    with errors.of("url"):
        url = rules.repository_url(form.text("url", limit=rules.LONGEST_URL + 100), "url")
    with errors.of("username"):
        username = rules.credential(form.text("username", limit=400), "username")[:255]
    with errors.of("token"):
        token = rules.credential(form.text("token", limit=rules.LONGEST_CREDENTIAL + 100))
    if not errors:
        with errors.of("url"):
            found = await _change(form, url, username, token)
    if errors:
        typed = {name: value for name, value in form.values.items() if name != "token"}
        return await refused_card("repository", typed, errors)
    await did("repository.changed", this_project().repo_url)
    await tell_project(world(), this_project().id, this_project().team_id)
    return await _answer("success", f"Saved. {found}")


async def _change(form: Form, url: str, username: str, token: str) -> str:
    """What was found there. Raises Refused."""
    if rules.is_ssh(url) and not this_project().repo_key:
        await _make_key()
        raise Refused(ADD_KEY_FIRST)
    mind_the_pace()
    forget = bool(form.text("forget_token", limit=10))
    try:
        heads = await source.change(world(), this_project(), url, username=username, token=token, forget_token=forget)
    except Unavailable as failure:
        raise Refused(str(failure)) from None
    return await _said(heads)


@bp.post("/projects/<project_slug>/settings/repository/check")
@may("change_project")
async def check(project_slug: str) -> ResponseReturnValue:
    """Ask the server for the repository's branches, as a deployment would."""
    try:
        mind_the_pace()
        return await _answer("success", await _said(await source.check(world(), this_project())))
    except (Refused, Unavailable) as failure:
        return await _answer("error", str(failure))


@bp.post("/projects/<project_slug>/settings/repository/key")
@may("change_project")
async def make_key(project_slug: str) -> ResponseReturnValue:
    """Another deploy key in the place of the one there is."""
    await _make_key()
    return await _answer("info", "A new key was made. Deployments go on once it is added to the repository.")


async def _make_key() -> None:
    project = this_project()
    project.repo_key, project.repo_public_key = new_key(project.slug)
    await project.save(update_fields=["repo_key", "repo_public_key", "updated_at"])
    await did("deploy_key.made")


# How we hear of pushes


@bp.post("/projects/<project_slug>/settings/pushes")
@may("change_project")
async def save_pushes(project_slug: str) -> ResponseReturnValue:
    form, errors, project = await read_form(), Errors(), this_project()
    with errors.of("watch_paths"):
        project.watch_paths = rules.watch_paths(form.text("watch_paths", limit=20_000))
    if errors:
        return await refused_card("pushes", form.values, errors)
    if not project.github_repo_id:  # what GitHub couldn't tell us of is found in any case
        project.polled = bool(form.text("polled", limit=10))
    project.skip_by_message = bool(form.text("skip_by_message", limit=10))
    await project.save(update_fields=["watch_paths", "polled", "skip_by_message", "updated_at"])
    await did("project.changed", "how pushes are taken")
    return await saved_card("pushes")


@bp.get("/projects/<project_slug>/settings/hook/secret")
@may("change_project")
async def secret(project_slug: str) -> ResponseReturnValue:
    """The webhook's secret, for who asked to see it."""
    if this_project().hook_secret is None:
        raise NotFound("There is no secret yet.")
    return Response(this_project().hook_secret, content_type="text/plain; charset=utf-8")


@bp.post("/projects/<project_slug>/settings/hook/secret")
@may("change_project")
async def make_secret(project_slug: str) -> ResponseReturnValue:
    """Another secret in the place of the one there is."""
    project = this_project()
    project.hook_secret = secrets.token_urlsafe(32)
    await project.save(update_fields=["hook_secret", "updated_at"])
    await did("hook_secret.made")
    return await saved_card("webhook")


# What they answer


async def _said(heads: Mapping[str, str]) -> str:
    """What was found in the repository, and whether production has what it needs."""
    first = next(iter(heads))
    count = "one branch" if len(heads) == 1 else f"{len(heads)} branches"
    found = f"Connected: {count}, and {first} is at {heads[first][:7]}."
    wanted = (await Environment.get(project_id=this_project().id, slug=PRODUCTION)).branch
    if wanted not in heads:
        return f"{found} Production takes the branch {wanted}, which isn't there: please choose another one."
    return found


async def _answer(kind: str, sentence: str) -> ResponseReturnValue:
    """The card with what came of it; without htmx the whole page, which says it."""
    if not is_htmx():
        flash(kind, sentence)
        return redirect_to("projects.settings", project_slug=this_project().slug, _anchor="settings-repository")
    context = await settings_context()
    said = {"kind": kind, "sentence": sentence}
    return answer(
        "projects/settings/_repository.html",
        form=context["forms"]["repository"],
        errors={},
        saved=False,
        said=said,
        **context,
    )
