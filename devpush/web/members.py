"""Who is in a team: inviting, roles, taking off, leaving. The rules are in deploy/membership.py."""

from typing import Any
from uuid import UUID

from quart import Blueprint, Response, current_app

from devpush.deploy import membership
from devpush.deploy.membership import Invited
from devpush.errors import Refused
from devpush.models import Role, User
from devpush.web import mails, team_settings, throttle
from devpush.web.activity import did
from devpush.web.auth import may, me, this_team
from devpush.web.forms import flash, is_htmx, path_to, read_form, redirect_to, refusal, world

bp = Blueprint("members", __name__)

MAILS_BY_ONE, MAILS_TO_ONE = 50, 5
"""Within an hour: sent by one user; sent to one address, by whomever."""


@bp.post("/teams/<team_slug>/invitations")
@may("manage_members")
async def invite(team_slug: str) -> Response:
    form = await read_form()
    try:
        email, role = form.text("email", limit=320), _role(form.text("role", limit=20))
        _mind_the_pace(email.lower())
        invited = await membership.invite(world(), this_team(), email, role, by=me())
    except Refused as error:
        return await team_settings.refused("members", form.values, refusal(error))
    await did("invitation.sent", email, role=role)
    return await _sent(invited)


@bp.post("/teams/<team_slug>/invitations/<uuid:invitation_id>/mail")
@may("manage_members")
async def resend(team_slug: str, invitation_id: UUID) -> Response:
    try:
        _mind_the_pace(await membership.address_of(this_team(), invitation_id))
        invited = await membership.resend(world(), this_team(), invitation_id, by=me())
    except Refused as error:
        return await team_settings.refused("members", {}, {"form": str(error)})
    await did("invitation.sent_again", invited.invitation.email)
    return await _sent(invited)


@bp.post("/teams/<team_slug>/invitations/<uuid:invitation_id>/removal")
@may("manage_members")
async def revoke(team_slug: str, invitation_id: UUID) -> Response:
    email = await membership.address_of(this_team(), invitation_id)
    await membership.revoke(world(), this_team(), invitation_id, by=me())
    await did("invitation.withdrawn", email)
    return await _members("The invitation is withdrawn.")


@bp.post("/teams/<team_slug>/members/<uuid:user_id>/role")
@may("manage_members")
async def change_role(team_slug: str, user_id: UUID) -> Response:
    form = await read_form()
    try:
        role = _role(form.text("role", limit=20))
        await membership.change_role(world(), this_team(), user_id, role, by=me())
        await did("member.role_changed", await _address(user_id), to=role)
    except Refused as error:
        return await team_settings.refused("members", {}, {"form": str(error)})
    if user_id == me().id:
        flash("success", f"You are {membership.a(role)} now.")
        return Response("", 204, {"HX-Refresh": "true"}) if is_htmx() else _anew()
    return await _members("The role is changed.")


@bp.post("/teams/<team_slug>/members/<uuid:user_id>/removal")
@may("manage_members")
async def remove(team_slug: str, user_id: UUID) -> Response:
    try:
        await membership.remove_member(world(), this_team(), user_id, by=me())
        await did("member.removed", await _address(user_id))
    except Refused as error:
        return await team_settings.refused("members", {}, {"form": str(error)})
    if user_id == me().id:
        return redirect_to("home.index")
    return await _members("They are no longer in the team.")


@bp.post("/teams/<team_slug>/departure")
@may("leave_team")
async def leave(team_slug: str) -> Response:
    team = this_team()
    try:
        await membership.leave(world(), team, me())
        await did("member.left", team.name)
    except Refused as error:
        return await team_settings.refused("members", {}, {"form": str(error)})
    flash("success", f"You have left {team.name}.")
    return redirect_to("home.index")


async def _address(user_id: UUID) -> str:
    user = await User.get_or_none(id=user_id)
    return user.email if user else "somebody who is gone"


async def _members(sentence: str) -> Response:
    """The card as it is now; without htmx the page."""
    flash("success", sentence)
    return await team_settings.card("members") if is_htmx() else _anew()


def _anew() -> Response:
    return redirect_to("team_settings.show", team_slug=this_team().slug, _anchor="settings-members")


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError:
        raise Refused("Please choose a role.", field="role") from None


# The mail


async def _sent(invited: Invited) -> Response:
    """The mail goes out after the answer. Without mail the link is shown instead, this once: only its hash is kept."""
    email = invited.invitation.email
    if not world().settings.mail_configured:
        shown: dict[str, Any] = {"link": _link(invited), "link_for": email}
        return await (team_settings.card("members", **shown) if is_htmx() else team_settings.page(**shown))
    current_app.add_background_task(_mail, invited, this_team().name, me().name or me().email)
    return await _members(f"{email} is invited; the mail is on its way.")


def _link(invited: Invited) -> str:
    return world().settings.dashboard_url + path_to("invitations.link", token=invited.token)


async def _mail(invited: Invited, team: str, by: str) -> None:
    """A mail that doesn't get out is seen in the list, where it can be sent again."""
    invitation = invited.invitation
    context = {"team": team, "by": by, "role": invitation.role, "expires_at": invitation.expires_at}
    subject = f"{by} invites you to {team}"
    if await mails.send(invitation.email, subject, "invitation", url=_link(invited), **context):
        await membership.sent(world(), invited)


def _mind_the_pace(address: str) -> None:
    """Mails to strangers go out in our name: not in any number."""
    by_one = throttle.allows("invitations by one", str(me().id), limit=MAILS_BY_ONE, per=3600)
    if not by_one or not throttle.allows("invitations to one", address, limit=MAILS_TO_ONE, per=3600):
        raise Refused("That was too often. Please wait an hour.", field="email")
