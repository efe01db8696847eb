"""Visits to a provider: begun here, in one browser, and finished there by coming back with what we gave along."""

import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from quart import Response, request

from devpush.models import OAuthAttempt, User
from devpush.models.people import OAUTH_LIFE, hash_token
from devpush.web.session import cookie_name, put_cookie
from devpush.web.world import world

COOKIE = "devpush_oauth"
SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


def _secret() -> str:
    return secrets.token_urlsafe(32)


@dataclass(frozen=True)
class Start:
    """What goes along: `state` comes back in the address, `nonce` inside the id_token, `verifier` never leaves us."""

    state: str = field(default_factory=_secret, repr=False)
    nonce: str = field(default_factory=_secret, repr=False)
    verifier: str = field(default_factory=_secret, repr=False)

    @property
    def challenge(self) -> str:
        """PKCE's S256."""
        challenge: str = create_s256_code_challenge(self.verifier)
        return challenge


async def begin(
    start: Start, response: Response, *, provider: str, purpose: str, user: User | None = None, following: str = ""
) -> Response:
    """Remember it, and mark the browser that this answer goes to. Visits that nobody came back from are forgotten."""
    now = datetime.now(UTC)
    await OAuthAttempt.filter(expires_at__lt=now).delete()
    browser = _browser() or _secret()
    await OAuthAttempt.create(
        state_hash=hash_token(start.state),
        browser_hash=hash_token(browser),
        provider=provider,
        purpose=purpose,
        user_id=user.id if user else None,
        nonce=start.nonce,
        verifier=start.verifier,
        next=following,
        expires_at=now + OAUTH_LIFE,
    )
    put_cookie(response, COOKIE, browser, life=OAUTH_LIFE)
    return response


async def finish(provider: str, *purposes: str) -> OAuthAttempt | None:
    """The visit that this request comes back from, used up; None where there is no such, in this browser, for that."""
    browser = _browser()
    attempt = browser and await OAuthAttempt.use(request.args.get("state", ""), browser, provider)
    return attempt if attempt and attempt.purpose in purposes else None


def _browser() -> str:
    """Two visits at once, in two tabs, share their cookie."""
    value = request.cookies.get(cookie_name(world().settings, COOKIE), "")
    return value if SECRET.fullmatch(value) else ""
