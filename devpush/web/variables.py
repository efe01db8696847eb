"""Environment variables: added, replaced, pasted as a .env file, shown one by one to who asks, removed.

Values are in no page: not those that are kept, and not one that was refused a moment ago.
"""

from collections.abc import Mapping
from uuid import UUID

from quart import Blueprint, Response
from quart.typing import ResponseReturnValue

from devpush.deploy.news import tell_project
from devpush.errors import NotFound, Refused
from devpush.models import Environment, Variable, dotenv, rules
from devpush.web.auth import may, this_project
from devpush.web.forms import Errors, Form, read_form, world
from devpush.web.projects import refused_card, saved_card

bp = Blueprint("variables", __name__)

SECRET_FIELDS = ("value", "dotenv")


@bp.post("/projects/<project_slug>/variables")
@may("change_project")
async def save(project_slug: str) -> ResponseReturnValue:
    """Add or replace one variable, or all of a pasted .env file."""
    form, errors = await read_form(), Errors()
    given: Mapping[str, str] = {}
    with errors.of("environment"):
        environment = await _environment(form.text("environment", limit=40))
    with errors.of("dotenv"):
        given = dotenv.parse(form.raw("dotenv")) if "dotenv" in form.values else _one(form, errors)
    if not errors:
        with errors.of("dotenv" if "dotenv" in form.values else "value"):
            await _keep(given, environment)
    if errors:
        typed = {name: value for name, value in form.values.items() if name not in SECRET_FIELDS}
        return await refused_card("variables", typed, errors)
    await tell_project(world(), this_project().id, this_project().team_id)
    return await saved_card("variables")


def _one(form: Form, errors: Errors) -> dict[str, str]:
    key = value = ""
    with errors.of("key"):
        key = rules.variable_key(form.text("key", limit=1000))
    with errors.of("value"):
        value = rules.variable_value(form.raw("value"))
    return {key: value}


async def _environment(id: str) -> UUID | None:
    """One of this project's environments; None is all of them."""
    if not id:
        return None
    try:
        found = await Environment.get_or_none(id=UUID(id), project_id=this_project().id)
    except ValueError:
        found = None
    if not found:
        raise Refused("Please choose one of the environments.")
    return found.id


async def _keep(given: Mapping[str, str], environment: UUID | None) -> None:
    if not given:
        raise Refused("There is no variable in it.")
    await Variable.keep(this_project().id, given, environment)


@bp.get("/projects/<project_slug>/variables/<uuid:variable_id>/value")
@may("change_project")
async def value(project_slug: str, variable_id: UUID) -> ResponseReturnValue:
    """The bare value, for who asked to see it."""
    variable = await _variable(variable_id)
    return Response(variable.value, content_type="text/plain; charset=utf-8")


@bp.post("/projects/<project_slug>/variables/<uuid:variable_id>/removal")
@may("change_project")
async def remove(project_slug: str, variable_id: UUID) -> ResponseReturnValue:
    await (await _variable(variable_id)).delete()
    await tell_project(world(), this_project().id, this_project().team_id)
    return await saved_card("variables")


async def _variable(id: UUID) -> Variable:
    variable = await Variable.get_or_none(id=id, project_id=this_project().id)
    if not variable:
        raise NotFound("There is no such variable.")
    return variable
