"""Deleted projects of a team, as long as they can be restored."""

from uuid import UUID

from quart import Blueprint, Response

from devpush.deploy import teardown
from devpush.web.activity import did
from devpush.web.auth import may, this_team
from devpush.web.forms import flash, redirect_to, world

bp = Blueprint("deleted", __name__)


@bp.post("/teams/<team_slug>/deleted/<uuid:project_id>/restoration")
@may("remove_project")
async def restore(team_slug: str, project_id: UUID) -> Response:
    project = await teardown.restore_project(world(), this_team(), project_id)
    await did("project.restored", project.name, project=project)
    flash("success", f"{project.name} is back. What served before starts again.")
    return redirect_to("projects.overview", project_slug=project.slug)


@bp.post("/teams/<team_slug>/deleted/<uuid:project_id>/removal")
@may("remove_project")
async def end(team_slug: str, project_id: UUID) -> Response:
    project = await teardown.end_project(world(), this_team(), project_id)
    await did("project.ended", project.name, project=project)
    flash("success", f"{project.name} is gone for good.")
    return redirect_to("team_settings.show", team_slug=team_slug)
