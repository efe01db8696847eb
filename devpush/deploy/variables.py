"""Edits of a project's variables: what one would change, by name; and making it, unless the variables are no longer
those that were looked at."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from tortoise.transactions import in_transaction

from devpush.deploy.outdated import Difference, difference
from devpush.deploy.push import environments_of
from devpush.errors import Refused
from devpush.models import Project, Variable


@dataclass(frozen=True, kw_only=True)
class Edit:
    """Variables for one environment, or for all (None). `whole`: those that aren't given go."""

    environment_id: UUID | None
    given: Mapping[str, str] = field(repr=False)
    whole: bool = False
    seen: str = ""
    """What the variables looked like (fingerprint) to whoever decided on it."""


class SeenOtherwise(Refused):
    """Somebody has changed the same variables meanwhile."""


async def scope(project: Project, environment_id: UUID | None) -> dict[str, str]:
    """The variables for exactly this environment, or for all."""
    rows = await Variable.filter(project_id=project.id, environment_id=environment_id).order_by("key")
    return {row.key: row.value for row in rows}


def changes(there: Mapping[str, str], edit: Edit) -> Difference:
    """What the edit changes."""
    return difference(there, edit.given if edit.whole else {**there, **edit.given})


def fingerprint(there: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(sorted(there.items())).encode()).hexdigest()


async def apply(project: Project, edit: Edit) -> None:
    """Raises SeenOtherwise, or Refused when it is too much together; nothing is changed then."""
    async with in_transaction():
        environments = await environments_of(project, in_turn=True)
        if edit.environment_id and edit.environment_id not in [environment.id for environment in environments]:
            raise Refused("That environment was deleted meanwhile.")
        there = await scope(project, edit.environment_id)
        if fingerprint(there) != edit.seen:
            raise SeenOtherwise("Somebody has changed these variables meanwhile. This is what saving would do now.")
        wanted = changes(there, edit)
        gone = Variable.filter(project_id=project.id, environment_id=edit.environment_id, key__in=wanted.removed)
        await gone.delete()
        new = {key: edit.given[key] for key in (*wanted.added, *wanted.changed)}
        await Variable.keep(project.id, new, edit.environment_id)
