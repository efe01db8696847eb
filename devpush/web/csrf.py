"""The proof that a form was ours: a token bound to the session, and a browser that says it came from us."""

import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode

from quart import Response, g, request

from devpush.errors import Forbidden
from devpush.web.session import cookie_name, put_cookie
from devpush.web.world import world

COOKIE = "devpush_csrf"
SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
SIZE = 16
EXEMPT = frozenset({"webhooks.github", "webhooks.project"})
"""Endpoints that prove themselves otherwise (signed webhooks). Each one is a decision."""


async def check() -> None:
    """Before every request that may change something."""
    if request.method in SAFE or request.url_rule is None or request.endpoint in EXEMPT:
        return
    if not _from_us():
        raise Forbidden("This was sent from another site, so nothing was done.")
    sent = request.headers.get("X-CSRF-Token") or (await request.form).get("csrf_token", "")
    if not _proves(sent):
        raise Forbidden("This page was open for too long. Reload it, and try again.")


def token() -> str:
    """For the page's forms. Masked anew each time: a compressed answer must not give it away bit by bit (BREACH)."""
    bound = _bound() or _bound_anonymously()
    pad = secrets.token_bytes(SIZE)
    return urlsafe_b64encode(pad + _xor(pad, bound)).decode()


def set_cookies(response: Response) -> None:
    """After every request: what binds an anonymous visitor's forms to their browser, once they have seen one."""
    if fresh := g.get("csrf_cookie"):
        put_cookie(response, COOKIE, fresh)


def _from_us() -> bool:
    """Apps of tenants live on sibling hostnames, which browsers call "same-site": only the same origin will do."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = request.headers.get("Origin")
    return origin is None or origin in (
        f"{world().settings.url_scheme}://{request.host}",
        request.host_url.rstrip("/"),
    )


def _proves(sent: str) -> bool:
    bound = _bound()
    try:
        raw = urlsafe_b64decode(sent)
    except ValueError:
        return False
    if bound is None or len(raw) != 2 * SIZE:
        return False
    return hmac.compare_digest(_xor(raw[:SIZE], raw[SIZE:]), bound)


def _bound() -> bytes | None:
    """What the token of this browser must hold; None if it has neither a session nor our cookie."""
    if g.visit:
        return _sign("session", g.visit.token)
    value, _, signature = request.cookies.get(cookie_name(world().settings, COOKIE), "").partition(".")
    if value and hmac.compare_digest(_sign("cookie", value).hex().encode(), signature.encode()):
        return _sign("anonymous", value)
    return None


def _bound_anonymously() -> bytes:
    value = g.get("csrf_value")
    if value is None:
        value = g.csrf_value = secrets.token_urlsafe(SIZE)
        g.csrf_cookie = f"{value}.{_sign('cookie', value).hex()}"
    return _sign("anonymous", value)


def _sign(purpose: str, text: str) -> bytes:
    key = world().settings.secret_key.encode()
    return hmac.digest(key, f"csrf {purpose} {text}".encode(), "sha256")[:SIZE]


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
