"""Signing in with GitHub or Google, and connecting one's account there to the one here."""

import logging

from quart import Blueprint, Response, g, request

from devpush.deploy import github as our_app
from devpush.errors import Forbidden, Refused, Unavailable
from devpush.models import OAuthAttempt
from devpush.ports import App, GitHubRefused, TokenRefused
from devpush.web import attempts, door, identities
from devpush.web.activity import did
from devpush.web.attempts import Start
from devpush.web.forms import answer, flash, path_to, read_form, redirect_to_path, same_site, world
from devpush.web.identities import PROVIDERS, Account

log = logging.getLogger(__name__)

bp = Blueprint("oauth", __name__)

SIGN_IN, LINK = "sign_in", "link"
CALLBACKS = {
    ("github", SIGN_IN): "oauth.github",
    ("github", LINK): "oauth.github_authorized",
    ("google", SIGN_IN): "oauth.google",
    ("google", LINK): "oauth.google",
}
LONGEST_CODE = 4000


# There


@bp.post("/auth/<any(github, google):provider>")
async def begin(provider: str) -> Response:
    """Off to the provider. `purpose` is sign_in, or link for somebody who is signed in."""
    form = await read_form()
    linking = form.text("purpose") == LINK
    following = same_site(form.text("next"))
    if linking and g.visit is None:
        return redirect_to_path(path_to("auth.sign_in", next=following or path_to("account.show")))
    if door.too_often(door.door().visits):
        return _too_often()
    purpose = LINK if linking else SIGN_IN
    start = Start()
    try:
        url = await _authorize_url(provider, purpose, start)
    except (Refused, Unavailable) as error:
        return _cannot(error, purpose, following)
    away = Response("", 303, {"Location": url})
    return await attempts.begin(
        start, away, provider=provider, purpose=purpose, user=g.me if linking else None, following=following
    )


async def _authorize_url(provider: str, purpose: str, start: Start) -> str:
    back = _callback(provider, purpose)
    if provider == "github":
        return world().github.authorize_url(
            await _app(), redirect_uri=back, state=start.state, challenge=start.challenge
        )
    if not world().settings.google_configured:
        raise Refused("Signing in with Google isn't set up on this server.")
    return await world().openid.authorize_url(
        redirect_uri=back, state=start.state, nonce=start.nonce, challenge=start.challenge
    )


async def _app() -> App:
    found = await our_app.app(world())
    if found is None:
        raise Refused("Signing in with GitHub isn't set up on this server: it has no GitHub App yet.")
    return found


def _callback(provider: str, purpose: str) -> str:
    """The same in both steps. Its host is from the settings: the request's is whatever its sender wrote there."""
    return world().settings.dashboard_url + path_to(CALLBACKS[provider, purpose])


# And back


@bp.get("/auth/github/callback")
async def github() -> Response:
    return await _come_back("github")


@bp.get("/api/github/authorize/callback")
async def github_authorized() -> Response:
    return await _come_back("github")


@bp.get("/auth/google/callback")
async def google() -> Response:
    return await _come_back("google")


async def _come_back(provider: str) -> Response:
    """Nothing happens unless this browser began the visit, and has not come back from it before."""
    if door.too_often(door.door().visits):
        return _too_often()
    attempt = await attempts.finish(provider, SIGN_IN, LINK)
    if attempt is None:
        return _stray()
    try:
        account = await _account(attempt)
        return await (_connect if attempt.purpose == LINK else _sign_in)(attempt, account)
    except (Refused, GitHubRefused, Forbidden, Unavailable) as error:
        return _cannot(error, attempt.purpose, attempt.next)
    except TokenRefused:
        return _cannot(Refused("GitHub took its permission back. Please try again."), attempt.purpose, attempt.next)


async def _account(attempt: OAuthAttempt) -> Account:
    """Who they are there. Raises Refused, GitHubRefused, TokenRefused, Unavailable."""
    code = request.args.get("code", "")
    if not code or len(code) > LONGEST_CODE:
        raise Refused(_why_no_code(attempt))
    back = _callback(attempt.provider, attempt.purpose)
    if attempt.provider == "google":
        claims = await world().openid.claims(
            code=code, redirect_uri=back, verifier=attempt.verifier, nonce=attempt.nonce
        )
        issuer = world().settings.google_issuer
        return Account("google", issuer, claims.subject, claims.email or claims.name, claims.email, claims.name)
    token = await world().github.exchange(await _app(), code=code, redirect_uri=back, verifier=attempt.verifier)
    user = await world().github.user(token)
    issuer = world().settings.github_url
    return Account("github", issuer, str(user.id), user.login, user.email, user.name, user.login, token)


def _why_no_code(attempt: OAuthAttempt) -> str:
    """The provider's own words are not repeated: anybody can write them into an address."""
    title = PROVIDERS[attempt.provider]
    if request.args.get("error") == "access_denied":
        return f"You didn't let {title} tell us who you are, so nothing was changed."
    log.warning("provider refused", extra={"provider": attempt.provider, "error": request.args.get("error", "")[:100]})
    return f"{title} sent you back without an answer. Please try again."


async def _sign_in(attempt: OAuthAttempt, account: Account) -> Response:
    identity = await identities.find(account)
    if identity:
        await door.admit(identity.user.email, account.provider)
        await identities.renew(identity, account)
        user = identity.user
    else:
        await door.admit(identities.address(account), account.provider)
        user = await identities.join(account)
    await door.enter(user)
    return redirect_to_path(attempt.next or path_to("home.index"))


async def _connect(attempt: OAuthAttempt, account: Account) -> Response:
    if g.me is None or g.me.id != attempt.user_id:
        raise Refused("You are no longer signed in as you were when you began. Sign in, and connect it again.")
    await identities.connect(g.me, account)
    await did("method.connected", account.title, account=account.login)
    flash("success", f"{account.title} is connected, as {account.login}.")
    return redirect_to_path(attempt.next or path_to("account.show") + "#account-methods")


# Where it can't go on


def _stray() -> Response:
    return answer(
        "auth/trouble.html",
        status=400,
        heading="This can't be finished here",
        message="It was begun in another browser, took longer than 15 minutes, or was finished before. "
        "Nothing was changed. Please start again.",
        back=_back_to(SIGN_IN, ""),
    )


def _too_often() -> Response:
    return answer(
        "auth/trouble.html",
        status=429,
        heading="That was too often",
        message="Please wait ten minutes, then try again.",
        back=_back_to(SIGN_IN, ""),
    )


def _cannot(error: Exception, purpose: str, following: str) -> Response:
    status, heading = 422, "Not connected" if purpose == LINK else "You are not signed in"
    if isinstance(error, Unavailable):
        status = 503
        log.warning("provider unavailable", extra={"reason": str(error)})
    elif isinstance(error, Forbidden):
        status, heading = 403, "You can't sign in here"
    back = _back_to(purpose, following)
    return answer("auth/trouble.html", status=status, heading=heading, message=str(error), back=back)


def _back_to(purpose: str, following: str) -> tuple[str, str]:
    """(address, word) of the way out."""
    if purpose == LINK or g.visit:
        return path_to("account.show") + "#account-methods", "Back to your account"
    return path_to("auth.sign_in", next=following or None), "Back to signing in"
