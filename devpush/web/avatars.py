"""Pictures of users, teams and projects: sent in a form, seen by those who may see whose they are."""

from uuid import UUID

from quart import Blueprint, Response, g, request
from quart.datastructures import FileStorage

from devpush.deploy import membership, pictures
from devpush.errors import NotFound, Refused
from devpush.models import Member, Project
from devpush.web import throttle
from devpush.web.auth import me, signed_in
from devpush.web.forms import world

MOST_OFTEN = 20
"""Pictures within ten minutes, by one user."""

bp = Blueprint("avatars", __name__)


@bp.get("/avatars/<any(user, team, project):kind>/<uuid:whose_id>/<version>.webp")
@signed_in
async def file(kind: str, whose_id: UUID, version: str) -> Response:
    """Its address changes with its content, so browsers may keep it."""
    if not pictures.VERSION.fullmatch(version) or not await _may_see(kind, whose_id):
        raise NotFound
    headers = {"Cache-Control": "private, max-age=31536000, immutable", "ETag": f'"{version}"'}
    if request.headers.get("If-None-Match") == headers["ETag"]:
        return Response(b"", 304, headers)
    picture = await pictures.read(world(), kind, whose_id, version)
    if picture is None:
        raise NotFound
    return Response(picture, headers=headers, content_type="image/webp")


async def save(kind: str, id: UUID, upload: FileStorage | None) -> str:
    """Make the file that was sent their picture; its version. Its name says nothing, its bytes say what it is."""
    if upload is None:
        raise Refused("Please choose a picture.", field="picture")
    if not throttle.allows("pictures", str(me().id), limit=MOST_OFTEN, per=600):
        raise Refused("That was too often. Please wait ten minutes.", field="picture")
    return await pictures.keep(world(), kind, id, upload.read(pictures.MOST_BYTES + 1))


async def forget(kind: str, id: UUID) -> None:
    """From now on the first letter is shown."""
    await pictures.forget(world(), kind, id)


async def _may_see(kind: str, id: UUID) -> bool:
    """One's own, and those of one's teams: the team, its members, its projects. A team that invites shows itself."""
    mine = [team.id for team in g.teams]
    if kind == "user":
        return id == me().id or await Member.exists(user_id=id, team_id__in=mine)
    if kind == "team":
        return id in mine or any(invitation.team_id == id for invitation in await membership.waiting_for(me()))
    return await Project.exists(id=id, team_id__in=mine, removing_at=None)
