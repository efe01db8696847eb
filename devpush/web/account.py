"""One's own account: who one is, and where one is signed in. Every other card of its page has a room of its own."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from quart import Blueprint, Response, g, request
from tortoise.exceptions import IntegrityError

from devpush.deploy import teardown
from devpush.errors import NotFound, Refused
from devpush.models import EmailChange, Role, Session, User
from devpush.models.database import fetch
from devpush.models.names import RESERVED, SLUG
from devpush.models.people import now
from devpush.web import avatars, methods, session
from devpush.web.activity import did
from devpush.web.auth import me, signed_in
from devpush.web.forms import Errors, answer, flash, is_htmx, read_form, redirect_to, refusal, world
from devpush.web.identities import PROVIDERS

LONGEST_NAME = 60
BROWSERS = (("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)
TEAMS = """
    SELECT t.id, t.slug, t.name, t.avatar, m.role,
           (SELECT count(*) FROM member o WHERE o.team_id = t.id AND o.user_id <> m.user_id) AS others,
           (SELECT count(*) FROM member o WHERE o.team_id = t.id AND o.user_id <> m.user_id AND o.role = 'owner')
               AS other_owners,
           (SELECT count(*) FROM project p WHERE p.team_id = t.id AND p.removing_at IS NULL) AS projects,
           (SELECT count(*) FROM project p WHERE p.team_id = t.id AND p.ends_at > now()) AS deleted
    FROM member m JOIN team t ON t.id = m.team_id AND t.removing_at IS NULL
    WHERE m.user_id = $1
    ORDER BY t.created_at, t.id
"""

bp = Blueprint("account", __name__)


@dataclass(frozen=True, slots=True)
class SessionRow:
    id: UUID
    label: str
    ip: str
    created_at: datetime
    seen_at: datetime
    current: bool


@dataclass(frozen=True, slots=True)
class TeamRow:
    """A team of theirs, and what would become of it without them."""

    id: UUID
    slug: str
    name: str
    avatar: str | None
    role: str
    others: int
    """Members besides them; of whom `other_owners` own it as well."""
    other_owners: int
    projects: int
    deleted: int
    """Projects that can still be restored."""

    @property
    def needs_them(self) -> bool:
        """Others are in it, and none of them owns it."""
        return self.role == Role.owner and self.others > 0 and self.other_owners == 0


@bp.get("/account")
@signed_in
async def show() -> Response:
    return await page()


async def page(
    *, failed: str = "", form: dict[str, str] | None = None, errors: dict[str, str] | None = None, status: int = 200
) -> Response:
    """All cards. `failed` names the one whose form was refused, with what was typed and what is wrong with it."""
    change = await EmailChange.filter(user_id=me().id, expires_at__gt=now()).first()
    return answer(
        "account/show.html",
        status=status,
        failed=failed,
        form=form or {},
        errors=errors or {},
        general={"name": me().name, "username": me().username},
        change=change,
        mailbox=methods.has_mailbox(me()),
        mail_configured=world().settings.mail_configured,
        methods=await methods.of(me()),
        sessions=await _sessions(),
        memberships=await _teams(),
    )


# General


@bp.post("/account/general")
@signed_in
async def save_general() -> Response:
    form = await read_form()
    errors = Errors()
    with errors.of("name"):
        name = _name(form.text("name", limit=LONGEST_NAME))
    with errors.of("username"):
        username = _username(form.text("username", limit=40) or me().username)
    if not errors:
        try:
            await User.filter(id=me().id).update(name=name, username=username)
        except IntegrityError:
            errors["username"] = "Somebody has that user name already."
    if errors:
        return await _general(form.values, errors, status=422)
    me().name, me().username = name, username
    await did("account.changed", name=name, username=username)
    if is_htmx():
        return await _general({"name": name, "username": username}, saved=True)
    flash("success", "Saved.")
    return redirect_to("account.show")


@bp.post("/account/picture")
@signed_in
async def save_avatar() -> Response:
    try:
        me().avatar = await avatars.save("user", me().id, (await request.files).get("picture"))
    except Refused as error:
        return await page(failed="general", errors=refusal(error), status=422)
    await did("picture.changed", "of their account")
    flash("success", "That is your picture now.")
    return redirect_to("account.show")


@bp.post("/account/picture/removal")
@signed_in
async def remove_avatar() -> Response:
    await avatars.forget("user", me().id)
    await did("picture.changed", "of their account")
    flash("success", "Your picture is gone.")
    return redirect_to("account.show")


async def _general(
    form: dict[str, str], errors: dict[str, str] | None = None, *, saved: bool = False, status: int = 200
) -> Response:
    if not is_htmx():
        return await page(failed="general", form=form, errors=errors, status=status)
    context: dict[str, Any] = {"form": form, "errors": errors or {}, "saved": saved}
    return answer("account/_general.html", status=status, **context)


def _name(text: str) -> str:
    if not text:
        raise Refused("Please enter a name.", field="name")
    if re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text):
        raise Refused("A name has no line breaks or control characters.", field="name")
    return text


def _username(text: str) -> str:
    """Lower case is ours to make; whatever else doesn't fit is theirs to see."""
    username = text.lower()
    if not SLUG.fullmatch(username):
        raise Refused(
            "A user name has small letters, digits and hyphens, and begins and ends without a hyphen.", field="username"
        )
    if username in RESERVED and username != me().username:
        raise Refused("That user name is kept free. Please choose another one.", field="username")
    return username


# Ways to sign in


@bp.post("/account/methods/<any(github, google):provider>/removal")
@signed_in
async def disconnect(provider: str) -> Response:
    try:
        await methods.disconnect(me(), provider)
    except Refused as error:
        return await page(failed="methods", errors=refusal(error), status=422)
    await did("method.disconnected", PROVIDERS[provider])
    flash("success", f"{PROVIDERS[provider]} is disconnected.")
    return redirect_to("account.show", _anchor="account-methods")


# Sessions


@bp.post("/account/sessions/<uuid:session_id>/removal")
@signed_in
async def end_session(session_id: UUID) -> Response:
    if not await session.end(session_id, user=me()):
        raise NotFound
    await did("sessions.ended", "of one browser")
    flash("success", "That session has ended.")
    return redirect_to("account.show", _anchor="account-sessions")


@bp.post("/account/sessions/removal")
@signed_in
async def end_all_sessions() -> Response:
    """Signed out everywhere, here as well."""
    await session.end(user=me())
    await did("sessions.ended", "everywhere")
    g.session_token = ""
    flash("success", "You are signed out everywhere.")
    return redirect_to("auth.sign_in")


async def _sessions() -> list[SessionRow]:
    rows = await Session.filter(user=me(), expires_at__gt=datetime.now(UTC)).order_by("-used_at")
    return [
        SessionRow(row.id, label(row.user_agent), row.ip, row.created_at, row.used_at, row.id == g.visit.id)
        for row in rows
    ]


def label(user_agent: str) -> str:
    """Firefox on Linux."""
    browser = next((name for mark, name in BROWSERS if mark in user_agent), "A browser")
    system = next((name for mark, name in SYSTEMS if mark in user_agent), "")
    return f"{browser} on {system}" if system else browser


# Leaving for good


@bp.post("/account/removal")
@signed_in
async def remove() -> Response:
    """The account, and with it the teams that nobody else is in."""
    form = await read_form()
    try:
        form.confirm(me().username)
        await teardown.remove_user(world(), me())
    except Refused as error:
        return await page(failed="danger", form=form.values, errors=refusal(error), status=422)
    await did("account.deleted", me().email)
    g.session_token = ""
    flash("success", "Your account is gone.")
    return redirect_to("auth.sign_in")


async def _teams() -> list[TeamRow]:
    return [TeamRow(**row) for row in await fetch(TEAMS, me().id)]
