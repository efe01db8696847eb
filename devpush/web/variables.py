"""Environment variables: added, replaced, pasted as a .env file, edited as one, shown to who asks, removed.

Values are in no page: not those that are kept, and not one that was typed a moment ago. What is typed as a file is
looked at first: the page that shows what would change, by name, carries it along encrypted, readable to this server.
"""

import json
import time
from dataclasses import asdict, dataclass, replace
from uuid import UUID

from quart import Blueprint, Response
from quart.typing import ResponseReturnValue

from devpush.deploy import variables
from devpush.deploy.news import tell_project
from devpush.deploy.outdated import Difference
from devpush.deploy.variables import Edit, SeenOtherwise
from devpush.errors import NotFound, Refused, WrongKey
from devpush.models import Environment, Variable, dotenv, rules
from devpush.models.secret import decrypt, encrypt
from devpush.web import environments
from devpush.web.activity import did
from devpush.web.auth import may, me, this_project
from devpush.web.forms import Errors, Form, answer, is_htmx, read_form, refusal, world
from devpush.web.projects import refused_card, saved_card, settings_page
from devpush.web.query import asked

bp = Blueprint("variables", __name__)

SECRET_FIELDS = ("value", "dotenv", "sealed")
LOOKED_AT = 3600.0
"""Seconds for which a look at the changes holds."""
LONGEST_SEAL = 1_900_000


# One


@bp.post("/projects/<project_slug>/variables")
@may("change_project")
async def save(project_slug: str) -> ResponseReturnValue:
    """Add one, or replace its value."""
    form, errors = await read_form(), Errors()
    key = value = ""
    with errors.of("environment"):
        environment = await _environment(form)
    with errors.of("key"):
        key = rules.variable_key(form.text("key", limit=1000))
    with errors.of("value"):
        value = rules.variable_value(form.raw("value"))
    if not errors:
        with errors.of("value"):
            await Variable.keep(this_project().id, {key: value}, environment.id if environment else None)
    if errors:
        return await refused_card("variables", _without_secrets(form), errors)
    await did("variable.saved", key, environment=environment.name if environment else "all")
    return await _saved(f"{key} is saved.")


@bp.get("/projects/<project_slug>/variables/<uuid:variable_id>/value")
@may("change_project")
async def value(project_slug: str, variable_id: UUID) -> ResponseReturnValue:
    """The bare value, for who asked to see it."""
    variable = await _variable(variable_id)
    return Response(variable.value, content_type="text/plain; charset=utf-8")


@bp.post("/projects/<project_slug>/variables/<uuid:variable_id>/removal")
@may("change_project")
async def remove(project_slug: str, variable_id: UUID) -> ResponseReturnValue:
    variable = await _variable(variable_id)
    await variable.delete()
    await did("variable.removed", variable.key)
    return await _saved(f"{variable.key} is removed.")


# Many, as a .env file


@bp.get("/projects/<project_slug>/variables.env")
@may("change_project")
async def text(project_slug: str) -> ResponseReturnValue:
    """All that are for one environment, or for all, as a file; for who asked to see or edit them."""
    environment = await _environment(Form(asked("environment")))
    there = await variables.scope(this_project(), environment.id if environment else None)
    return Response(dotenv.render(there), content_type="text/plain; charset=utf-8")


@bp.post("/projects/<project_slug>/variables/review")
@may("change_project")
async def review(project_slug: str) -> ResponseReturnValue:
    """What a file would change. It is added to what is there, or takes the place of all of it."""
    form, errors = await read_form(), Errors()
    whole = bool(form.text("whole", limit=10))
    with errors.of("environment"):
        environment = await _environment(form)
    with errors.of("dotenv"):
        given = dotenv.parse(form.raw("dotenv"))
        if not given and not whole:
            raise Refused("There is no variable in it.")
    if errors:
        return await _review(None, form, errors)
    edit = Edit(environment_id=environment.id if environment else None, given=given, whole=whole)
    return await _review(await _look(edit), form, errors)


@bp.post("/projects/<project_slug>/variables/changes")
@may("change_project")
async def change(project_slug: str) -> ResponseReturnValue:
    """Make the changes that were looked at."""
    edit = _opened((await read_form()).raw("sealed", limit=LONGEST_SEAL))
    if edit is None:
        sentence = "That was too long ago, or it isn't whole. Please look at the changes once more."
        return await refused_card("variables", {}, {"form": sentence})
    try:
        await variables.apply(this_project(), edit)
    except SeenOtherwise as otherwise:
        return await refused_card("variables", {}, refusal(otherwise), review=await _look(edit))
    except Refused as refused:
        return await refused_card("variables", {}, refusal(refused))
    await did("variables.changed", given=sorted(edit.given), in_place_of_all=edit.whole)
    return await _saved("The variables are saved.")


@dataclass(frozen=True)
class Review:
    """What saving would do, as it is shown."""

    difference: Difference
    environment_name: str
    sealed: str


async def _look(edit: Edit) -> Review:
    there = await variables.scope(this_project(), edit.environment_id)
    environment = await Environment.get_or_none(id=edit.environment_id) if edit.environment_id else None
    seen = replace(edit, seen=variables.fingerprint(there))
    name = environment.name if environment else "all environments"
    return Review(variables.changes(there, edit), name, _sealed(seen))


async def _review(review: Review | None, form: Form, errors: Errors) -> ResponseReturnValue:
    if is_htmx():
        return answer("projects/settings/_review.html", status=422 if errors else 200, review=review, errors=errors)
    if errors:
        return await settings_page("variables", _without_secrets(form), errors)
    return await settings_page(review=review)


def _sealed(edit: Edit) -> str:
    facts = asdict(edit) | {"environment_id": str(edit.environment_id or "")}
    return encrypt(json.dumps({"for": _whose(), "until": time.time() + LOOKED_AT, "edit": facts}))


def _opened(token: str) -> Edit | None:
    """The edit that a form brings back, if it is this user's, of this project, and not too old."""
    try:
        sealed = json.loads(decrypt(token))
        facts = sealed["edit"]
        edit = Edit(**facts | {"environment_id": UUID(facts["environment_id"]) if facts["environment_id"] else None})
    except (WrongKey, ValueError, TypeError, KeyError):
        return None
    return edit if sealed["for"] == _whose() and sealed["until"] > time.time() else None


def _whose() -> list[str]:
    return ["variables", str(me().id), str(this_project().id)]


# What several of them need


async def _environment(form: Form) -> Environment | None:
    """One of this project's environments; None is all of them. Raises Refused."""
    id = form.text("environment", limit=40)
    if not id:
        return None
    if found := await environments.chosen(id):
        return found
    raise Refused("Please choose one of the environments.", field="environment")


async def _variable(id: UUID) -> Variable:
    variable = await Variable.get_or_none(id=id, project_id=this_project().id)
    if not variable:
        raise NotFound("There is no such variable.")
    return variable


def _without_secrets(form: Form) -> dict[str, str]:
    return {name: value for name, value in form.values.items() if name not in SECRET_FIELDS}


async def _saved(said: str) -> ResponseReturnValue:
    await tell_project(world(), this_project().id, this_project().team_id)
    return await saved_card("variables", said)
