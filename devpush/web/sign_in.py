"""Signing in and out: by a link that was mailed, or the operator's, printed at start."""

from quart import Blueprint, Response, current_app, g, request

from devpush.access import Denial
from devpush.errors import Refused
from devpush.models import SignInLink, User
from devpush.models.people import normal_email
from devpush.web import door, mails, methods, session
from devpush.web.activity import did
from devpush.web.auth import signed_in
from devpush.web.forms import (
    answer,
    path_to,
    read_form,
    redirect_to,
    redirect_to_path,
    refusal,
    same_site,
    world,
)
from devpush.web.identities import PROVIDERS

bp = Blueprint("auth", __name__)

BY_MAIL = "email"
"""As a denial names this way of signing in."""


@bp.get("/auth/sign-in")
async def sign_in() -> Response:
    if g.visit:
        return redirect_to("home.index")
    return await _ask({"next": same_site(request.args.get("next", ""))})


@bp.post("/auth/sign-in")
async def send_link() -> Response:
    """Everybody gets the same answer in the same time: who is known and who may come is found out afterwards."""
    form = await read_form()
    try:
        email = normal_email(form.text("email", limit=320))
        _mind_the_pace()
    except Refused as error:
        return await _ask(form.values, refusal(error), status=422)
    if not world().settings.mail_configured:
        return await _ask(form.values, status=503)
    if door.door().addresses.allows(email):
        current_app.add_background_task(_send, door.knock(email, BY_MAIL), same_site(form.text("next")))
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
    if used.operator:  # whatever access.json says: this is how a broken one is mended
        user = await User.operator(world().settings.hostname)
    else:
        await door.admit(used.email, BY_MAIL)
        user = await User.with_email(used.email)
    await door.enter(user)
    return redirect_to_path(same_site(request.args.get("next", "")) or path_to("home.index"))


@bp.post("/auth/sign-out")
@signed_in
async def sign_out() -> Response:
    await did("session.ended")
    await session.sign_out()
    return redirect_to("auth.sign_in")


async def _ask(form: dict[str, str], errors: dict[str, str] | None = None, *, status: int = 200) -> Response:
    return answer(
        "auth/sign_in.html",
        status=status,
        form=form,
        errors=errors or {},
        mail_configured=world().settings.mail_configured,
        providers=await providers(),
    )


async def providers() -> list[tuple[str, str]]:
    """(name, title) of those by which one can sign in here."""
    set_up = await methods.offered()
    return [(name, title) for name, title in PROVIDERS.items() if name in set_up]


def _mind_the_pace() -> None:
    if door.too_often(door.door().clients):
        raise Refused("That was too often. Please wait ten minutes.", field="email")


async def _send(who: Denial, following: str) -> None:
    """Who may not come is told so by mail: the page that asked must not tell a stranger who may."""
    settings, email = world().settings, who.email
    if await door.door().admits(who):
        path = path_to("auth.link", token=await SignInLink.make(email), next=following or None)
        # The host of the request is whatever its sender wrote there: the link's is from the settings.
        url = settings.dashboard_url + path
        await mails.send(email, f"Sign in to {settings.app_name}", "sign_in", url=url)
    else:
        message = settings.access_email_denied_message
        await mails.send(email, f"Signing in to {settings.app_name}", "denied", message=message)
