"""A team's settings: its name and picture, who is in it, its end."""

from collections.abc import Mapping
from typing import Any

from quart import Blueprint, Response, request
from tortoise.exceptions import IntegrityError

from devpush.deploy import membership, teardown
from devpush.errors import Refused
from devpush.models import Role, Team, reading_ends, rules
from devpush.models.names import RESERVED, SLUG
from devpush.web import avatars
from devpush.web.activity import did
from devpush.web.auth import allowed, may, me, my_role, this_team
from devpush.web.forms import Errors, Form, answer, flash, is_htmx, read_form, redirect_to, refusal, world

bp = Blueprint("team_settings", __name__)

CARDS = ("general", "picture", "members", "danger")


@bp.get("/teams/<team_slug>/settings")
@may("view")
async def show(team_slug: str) -> Response:
    return await page()


@bp.post("/teams/<team_slug>/settings/general")
@may("change_team")
async def save_general(team_slug: str) -> Response:
    form, errors, team = await read_form(), Errors(), this_team()
    values = _general_values(form, errors)
    if not errors:
        with errors.of("slug"):
            await _save(team, **values)
    if errors:
        return await refused("general", form.values, errors)
    await did("team.changed", values["name"], address=values["slug"])
    if is_htmx() and values["slug"] == team_slug:
        return await card("general", saved=True)
    flash("success", "Saved.")
    return redirect_to("team_settings.show", team_slug=values["slug"])


@bp.post("/teams/<team_slug>/picture")
@may("change_team")
async def save_avatar(team_slug: str) -> Response:
    try:
        await avatars.save("team", this_team().id, (await request.files).get("picture"))
    except Refused as error:
        return await refused("picture", {}, refusal(error))
    await did("picture.changed", "of the team")
    flash("success", "That is the team's picture now.")
    return redirect_to("team_settings.show", team_slug=team_slug)


@bp.post("/teams/<team_slug>/picture/removal")
@may("change_team")
async def remove_avatar(team_slug: str) -> Response:
    await avatars.forget("team", this_team().id)
    await did("picture.changed", "of the team")
    flash("success", "The picture is gone.")
    return redirect_to("team_settings.show", team_slug=team_slug)


@bp.post("/teams/<team_slug>/removal")
@may("remove_team")
async def remove(team_slug: str) -> Response:
    team, form = this_team(), await read_form()
    try:
        form.confirm(team.slug)
    except Refused as error:
        return await refused("danger", form.values, refusal(error))
    await teardown.remove_team(world(), team)
    await did("team.deleted", team.name)
    flash("success", f"{team.name} is being deleted.")
    return redirect_to("home.index")


# The page and its cards


async def page(*, status: int = 200, **more: Any) -> Response:
    return answer("teams/settings.html", status=status, tab="settings", **(await _context() | more))


async def card(name: str, *, status: int = 200, **more: Any) -> Response:
    """One card of the page, for htmx."""
    context = {"form": _form(name), "errors": {}, "saved": False} | more
    return answer(f"teams/settings/_{name}.html", status=status, **(await _context() | context))


async def refused(name: str, form: Mapping[str, str], errors: Mapping[str, str]) -> Response:
    """The card again as it was typed, each complaint under its field."""
    if is_htmx():
        return await card(name, status=422, form=form, errors=errors)
    return await page(status=422, failed=name, form=form, errors=errors)


async def _context() -> dict[str, Any]:
    """What the cards show, by what whoever asks may do."""
    team, role = this_team(), my_role()
    members = await membership.members(team.id)
    owners = sum(member.role == Role.owner for member in members)
    manages = allowed("manage_members")
    return {
        "forms": {name: _form(name) for name in CARDS},
        "members": members,
        "my_role": role,
        "givable": membership.givable(role),
        "changeable": {member.id for member in members if _may_change(member, role, owners)},
        "can": {"change": allowed("change_team"), "manage": manages, "remove": allowed("remove_team")},
        "may_leave": role != Role.owner or owners > 1,
        "invitations": await membership.pending(team.id) if manages else [],
        "mail_configured": world().settings.mail_configured,
        "removal": await reading_ends.team(team.id) if allowed("remove_team") else None,
        "may_audit": allowed("view_audit"),
        "deleted": await reading_ends.deleted_projects(team.id) if allowed("remove_project") else [],
        "me_id": me().id,
    }


def _may_change(member: membership.MemberRow, mine: Role, owners: int) -> bool:
    """Those below, and oneself, downwards; never the last owner."""
    if member.role == Role.owner and owners == 1:
        return False
    return membership.may_change(mine, member.role) or (member.id == me().id and mine != Role.member)


def _form(name: str) -> dict[str, str]:
    """What a card's fields hold before anything is typed."""
    if name == "general":
        return {"name": this_team().name, "slug": this_team().slug}
    return {"email": "", "role": Role.member} if name == "members" else {}


def _general_values(form: Form, errors: Errors) -> dict[str, str]:
    values = {"name": "", "slug": ""}
    with errors.of("name"):
        values["name"] = rules.project_name(form.text("name", limit=400))
    with errors.of("slug"):
        values["slug"] = _slug(form.text("slug", limit=400))
    return values


def _slug(text: str) -> str:
    slug = text.lower()
    if not SLUG.fullmatch(slug):
        raise Refused("Please use at most 40 letters a–z, digits and single hyphens in between.")
    if slug in RESERVED:
        raise Refused("That name is kept for the platform itself.")
    return slug


async def _save(team: Team, *, name: str, slug: str) -> None:
    """The slug is unique on the whole server: the database says whether somebody else has it."""
    try:
        await Team.filter(id=team.id, removing_at=None).update(name=name, slug=slug)
    except IntegrityError:
        raise Refused("Another team has that address already.") from None
    team.name, team.slug = name, slug
