"""Invitations, as those see them whom they are for: the link in the mail, the bell, yes and no."""

from uuid import UUID

from quart import Blueprint, Response

from devpush.deploy import membership
from devpush.errors import Refused
from devpush.models import Invitation
from devpush.models.people import hash_token
from devpush.web.activity import did
from devpush.web.auth import me, signed_in
from devpush.web.forms import answer, flash, redirect_to, world

bp = Blueprint("invitations", __name__)

LONGEST_TOKEN = 100


@bp.get("/invitations")
@signed_in
async def index() -> Response:
    return answer("invitations/index.html", invitations=await membership.waiting_for(me()))


@bp.get("/invitations/menu")
@signed_in
async def menu() -> Response:
    return answer("invitations/_menu.html", invitations=await membership.waiting_for(me()))


@bp.get("/invitations/<token>")
@signed_in
async def link(token: str) -> Response:
    """Changes nothing: mail scanners open links too. The link isn't what lets them in, their address is."""
    found = await Invitation.get_or_none(token_hash=hash_token(token[:LONGEST_TOKEN]))
    if found is None:
        return answer("invitations/gone.html", status=410)
    if found.email not in await membership.addresses(me()):
        return answer("invitations/not_yours.html", status=403, address=masked(found.email))
    for waiting in await membership.waiting_for(me()):
        if waiting.id == found.id:
            return answer("invitations/show.html", invitation=waiting)
    return answer("invitations/gone.html", status=410)


@bp.post("/invitations/<uuid:invitation_id>/acceptance")
@signed_in
async def accept(invitation_id: UUID) -> Response:
    try:
        team = await membership.accept(world(), me(), invitation_id)
    except Refused as error:
        flash("error", str(error))
        return redirect_to("invitations.index")
    await did("invitation.accepted", team.name, team=team)
    flash("success", f"You are in {team.name} now.")
    return redirect_to("teams.overview", team_slug=team.slug)


@bp.post("/invitations/<uuid:invitation_id>/refusal")
@signed_in
async def decline(invitation_id: UUID) -> Response:
    await membership.decline(world(), me(), invitation_id)
    await did("invitation.declined")
    flash("success", "Declined. Whoever invited you isn't told.")
    return redirect_to("home.index")


def masked(address: str) -> str:
    """Enough to recognise one's own: b…b@example.com."""
    name, _, host = address.partition("@")
    return f"{name[0]}…{name[-1] if len(name) > 2 else ''}@{host}"
