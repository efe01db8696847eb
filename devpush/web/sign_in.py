"""Signing in and out: by a link that was mailed, or the operator's, printed at start."""

import asyncio
import logging
from dataclasses import dataclass, field

from quart import Blueprint, Response, current_app, g, request

from devpush.access import Access
from devpush.errors import Forbidden, Refused, Unavailable
from devpush.models import SignInLink, User
from devpush.models.people import normal_email
from devpush.ports import Mail
from devpush.web import session
from devpush.web.auth import signed_in
from devpush.web.forms import (
    answer,
    path_to,
    read_form,
    redirect_to,
    redirect_to_path,
    refusal,
    render,
    same_site,
    world,
)
from devpush.web.throttle import Throttle, client_key

log = logging.getLogger(__name__)
bp = Blueprint("auth", __name__)

MOST_AT_ONCE = 10
"""Mails on their way at the same time."""


@dataclass
class Door:
    """What stands between a visitor and a session."""

    access: Access
    clients: Throttle = field(default_factory=lambda: Throttle(20, per=600))
    addresses: Throttle = field(default_factory=lambda: Throttle(5, per=900))
    sending: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_AT_ONCE))


@bp.get("/auth/sign-in")
async def sign_in() -> Response:
    if g.visit:
        return redirect_to("home.index")
    return _ask({"next": same_site(request.args.get("next", ""))})


@bp.post("/auth/sign-in")
async def send_link() -> Response:
    """Everybody gets the same answer in the same time: who is known and who may come is found out afterwards."""
    form = await read_form()
    try:
        email = normal_email(form.text("email", limit=320))
        _mind_the_pace()
    except Refused as error:
        return _ask(form.values, refusal(error), status=422)
    if not world().settings.mail_configured:
        return _ask(form.values, status=503)
    if _door().addresses.allows(email):
        current_app.add_background_task(_send, email, same_site(form.text("next")))
    return answer("auth/link_sent.html", email=email)


@bp.get("/auth/link/<token>")
async def link(token: str) -> Response:
    """Only a button: mail scanners open links too, and must not use them up."""
    if not await SignInLink.usable(token):
        return answer("auth/link_expired.html", status=410)
    return answer("auth/link.html")


@bp.post("/auth/link/<token>")
async def follow_link(token: str) -> Response:
    used = await SignInLink.use(token)
    if used is None:
        return answer("auth/link_expired.html", status=410)
    settings = world().settings
    if used.operator:
        user = await User.operator(settings.hostname)
    elif await _door().access.allows(used.email):
        user = await User.with_email(used.email)
    else:
        raise Forbidden(settings.access_email_denied_message)
    await session.sign_in(user)
    return redirect_to_path(same_site(request.args.get("next", "")) or path_to("home.index"))


@bp.post("/auth/sign-out")
@signed_in
async def sign_out() -> Response:
    await session.sign_out()
    return redirect_to("auth.sign_in")


def _ask(form: dict[str, str], errors: dict[str, str] | None = None, *, status: int = 200) -> Response:
    configured = world().settings.mail_configured
    return answer("auth/sign_in.html", status=status, form=form, errors=errors or {}, mail_configured=configured)


def _mind_the_pace() -> None:
    if not _door().clients.allows(client_key(session.client_ip())):
        raise Refused("That was too often. Please wait ten minutes.", field="email")


async def _send(email: str, following: str) -> None:
    """Who may not come is told so by mail: the page that asked must not tell a stranger who may."""
    door, settings = _door(), world().settings
    async with door.sending:
        if await door.access.allows(email):
            path = path_to("auth.link", token=await SignInLink.make(email), next=following or None)
            # The host of the request is whatever its sender wrote there: the link's is from the settings.
            mail = _mail(email, f"Sign in to {settings.app_name}", "sign_in", url=settings.dashboard_url + path)
        else:
            log.warning("sign-in denied", extra={"email": email})
            mail = _mail(
                email, f"Signing in to {settings.app_name}", "denied", message=settings.access_email_denied_message
            )
        try:
            await world().mailer.send(mail)
        except Unavailable as error:
            log.error("sign-in mail not sent", extra={"reason": str(error)})


def _mail(to: str, subject: str, template: str, **context: str) -> Mail:
    settings = world().settings
    context |= {"email": to, "logo": settings.email_logo, "dashboard_url": settings.dashboard_url}
    return Mail(
        to=to,
        subject=" ".join(subject.split()),
        text=render(f"mail/{template}.txt", **context),
        html=render(f"mail/{template}.html", **context),
    )


def _door() -> Door:
    door: Door = current_app.extensions["door"]
    return door
