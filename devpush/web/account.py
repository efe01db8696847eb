"""One's own account: name, and where one is signed in."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from quart import Blueprint, Response, g

from devpush.errors import NotFound, Refused
from devpush.models import Session, User
from devpush.web import session
from devpush.web.auth import me, signed_in
from devpush.web.forms import answer, flash, is_htmx, read_form, redirect_to, refusal

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

bp = Blueprint("account", __name__)


@dataclass(frozen=True, slots=True)
class SessionRow:
    id: UUID
    label: str
    ip: str
    created_at: datetime
    seen_at: datetime
    current: bool


@bp.get("/account")
@signed_in
async def show() -> Response:
    return answer("account/show.html", sessions=await _sessions(), form={"name": me().name}, errors={})


@bp.post("/account/general")
@signed_in
async def save_general() -> Response:
    form = await read_form()
    try:
        name = _name(form.text("name", limit=LONGEST_NAME))
    except Refused as error:
        return await _general(form.values, refusal(error), status=422)
    await User.filter(id=me().id).update(name=name)
    me().name = name
    if is_htmx():
        return await _general({"name": name}, saved=True)
    flash("success", "Saved.")
    return redirect_to("account.show")


@bp.post("/account/sessions/<uuid:session_id>/removal")
@signed_in
async def end_session(session_id: UUID) -> Response:
    if not await session.end(session_id, user=me()):
        raise NotFound
    flash("success", "That session has ended.")
    return redirect_to("account.show")


@bp.post("/account/sessions/removal")
@signed_in
async def end_all_sessions() -> Response:
    """Signed out everywhere, here as well."""
    await session.end(user=me())
    g.session_token = ""
    flash("success", "You are signed out everywhere.")
    return redirect_to("auth.sign_in")


async def _general(
    form: dict[str, str], errors: dict[str, str] | None = None, *, saved: bool = False, status: int = 200
) -> Response:
    context: dict[str, Any] = {"form": form, "errors": errors or {}, "saved": saved}
    if is_htmx():
        return answer("account/_general.html", status=status, **context)
    return answer("account/show.html", status=status, sessions=await _sessions(), **context)


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


def _name(text: str) -> str:
    if not text:
        raise Refused("Please enter a name.", field="name")
    if re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text):
        raise Refused("A name has no line breaks or control characters.", field="name")
    return text
