"""An OpenID Connect provider, known by its discovery document. Google by default, and in every sentence."""

import hmac
import json
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic, time
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from devpush.errors import Refused, Unavailable
from devpush.ports import Claims
from devpush.settings import Settings

TIMEOUT = aiohttp.ClientTimeout(total=10, connect=5)
MOST_BYTES = 1_000_000
KEPT = 3600.0
"""Seconds that the discovery document and the keys are believed for."""
LEEWAY = 60
"""Seconds that two clocks may differ."""
ALGORITHMS = ("RS256", "ES256")
SCOPE = "openid email profile"
GOOGLE = "https://accounts.google.com"
UNTRUSTED = "What Google sent to prove who you are can't be trusted, so nobody was signed in. Please try again."


@dataclass(frozen=True)
class Discovery:
    """What we take from the discovery document."""

    issuer: str
    authorize: str
    token: str
    keys: str
    by_post: bool
    """Whether our secret goes into the form rather than into a header."""


class OpenIdProvider:
    """Implements ports.OpenId."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._discovery: tuple[float, Discovery] | None = None
        self._keys: tuple[float, KeySet] | None = None
        self._http: aiohttp.ClientSession

    async def __aenter__(self) -> "OpenIdProvider":
        self._http = aiohttp.ClientSession(
            timeout=TIMEOUT, cookie_jar=aiohttp.DummyCookieJar(), headers={"Accept": "application/json"}
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def authorize_url(self, *, redirect_uri: str, state: str, nonce: str, challenge: str) -> str:
        url: str = prepare_grant_uri(
            (await self._discover()).authorize,
            self._settings.google_client_id,
            "code",
            redirect_uri=redirect_uri,
            scope=SCOPE,
            state=state,
            nonce=nonce,
            code_challenge=challenge,
            code_challenge_method="S256",
            prompt="select_account",
        )
        return url

    async def claims(self, *, code: str, redirect_uri: str, verifier: str, nonce: str) -> Claims:
        where = await self._discover()
        found = await self._verified(await self._exchange(where, code, redirect_uri, verifier), where)
        _check(found, where.issuer, self._settings.google_client_id, nonce)
        verified = found.get("email_verified") is True
        return Claims(
            issuer=where.issuer,
            subject=found["sub"],
            email=_text(found.get("email"), 320) if verified else "",
            name=_text(found.get("name"), 120),
        )

    # Asking the provider

    async def _discover(self) -> Discovery:
        if self._discovery and self._clock() - self._discovery[0] < KEPT:
            return self._discovery[1]
        issuer = self._settings.google_issuer
        _, document = await self._ask("GET", f"{issuer}/.well-known/openid-configuration")
        found = _discovery(document, issuer)
        self._discovery = (self._clock(), found)
        return found

    async def _exchange(self, where: Discovery, code: str, redirect_uri: str, verifier: str) -> str:
        """The id_token for a code."""
        settings = self._settings
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        name, secret = settings.google_client_id, settings.google_client_secret
        if where.by_post:
            sent: dict[str, Any] = {"data": {**form, "client_id": name, "client_secret": secret}}
        else:
            sent = {"data": form, "headers": {"Authorization": _basic(name, secret)}}
        status, answer = await self._ask("POST", where.token, **sent)
        if status >= 400:
            raise Refused(_why_not(str(answer.get("error", ""))))
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise Refused(UNTRUSTED)
        return token

    async def _verified(self, token: str, where: Discovery) -> dict[str, Any]:
        """The claims of a token that the provider has signed. A key we don't know may be a new one."""
        try:
            try:
                return jwt.decode(token, await self._key_set(where), algorithms=ALGORITHMS).claims
            except InvalidKeyIdError:
                self._keys = None
                return jwt.decode(token, await self._key_set(where), algorithms=ALGORITHMS).claims
        except (JoseError, ValueError):
            raise Refused(UNTRUSTED) from None

    async def _key_set(self, where: Discovery) -> KeySet:
        if self._keys and self._clock() - self._keys[0] < KEPT:
            return self._keys[1]
        _, document = await self._ask("GET", where.keys)
        try:
            keys = KeySet.import_key_set({"keys": [key for key in document["keys"] if key.get("use", "sig") == "sig"]})
        except (JoseError, ValueError, KeyError, TypeError, AttributeError):
            raise Unavailable("Google's keys can't be read now.") from None
        self._keys = (self._clock(), keys)
        return keys

    async def _ask(self, method: str, url: str, **sent: Any) -> tuple[int, dict[str, Any]]:
        """Status and JSON. Redirects are not followed: what we send is for nobody else."""
        try:
            async with self._http.request(method, url, allow_redirects=False, **sent) as answer:
                body = await answer.content.read(MOST_BYTES + 1)
                while len(body) <= MOST_BYTES and (part := await answer.content.read(MOST_BYTES)):
                    body += part
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise Unavailable(f"Google doesn't answer now ({type(error).__name__}). Please try again soon.") from error
        refused = method == "POST" and 400 <= answer.status < 500  # a token endpoint says why, in JSON
        if answer.status != 200 and not refused:
            raise Unavailable(f"Google doesn't answer as it should (status {answer.status}). Please try again soon.")
        return answer.status, _json(body)


def _basic(name: str, secret: str) -> str:
    return "Basic " + b64encode(f"{quote(name, safe='')}:{quote(secret, safe='')}".encode()).decode()


def _json(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body) if len(body) <= MOST_BYTES else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Unavailable("Google doesn't answer as it should. Please try again soon.")
    return found


def _discovery(document: Mapping[str, Any], issuer: str) -> Discovery:
    """Raises Unavailable unless it is that issuer's, and its addresses are as safe as the issuer's own."""
    authorize, token, keys = (document.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"))
    scheme = urlsplit(issuer).scheme
    safe = all(_safe(url, scheme) for url in (authorize, token, keys))
    if str(document.get("issuer", "")).rstrip("/") != issuer or not safe:
        raise Unavailable(f"{issuer} is no OpenID provider that we can use: see GOOGLE_ISSUER.")
    methods = document.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    return Discovery(
        issuer=str(document["issuer"]),
        authorize=str(authorize),
        token=str(token),
        keys=str(keys),
        by_post="client_secret_post" in methods,
    )


def _safe(url: object, scheme: str) -> bool:
    """An issuer by https has everything by https."""
    parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
    return bool(parts.netloc) and parts.scheme in ("https", scheme)


def _why_not(error: str) -> str:
    if error in ("invalid_client", "unauthorized_client"):
        return "Google doesn't accept this server's GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET. Tell its operator."
    if error == "redirect_uri_mismatch":
        return "Google doesn't know this server's callback address. Its operator must enter it there."
    return "Google didn't accept the sign-in: it took too long, or was used already. Please try again."


def _check(claims: Mapping[str, Any], issuer: str, client: str, nonce: str) -> None:
    """Whether these claims were made by that issuer, for us, now, and for this very sign-in. Raises Refused."""
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    subject, sent = claims.get("sub"), claims.get("nonce")
    good = (
        claims.get("iss") in _names(issuer)
        and client in audiences
        and claims.get("azp", client if len(audiences) == 1 else None) == client
        and _timely(claims)
        and isinstance(subject, str)
        and re.fullmatch(r"[\x21-\x7e]{1,255}", subject)
        and isinstance(sent, str)
        and bool(nonce)
        and hmac.compare_digest(sent.encode(), nonce.encode())
    )
    if not good:
        raise Refused(UNTRUSTED)


def _names(issuer: str) -> tuple[str, ...]:
    """Google signs with and without the scheme."""
    return (issuer, "accounts.google.com") if issuer == GOOGLE else (issuer,)


def _timely(claims: Mapping[str, Any]) -> bool:
    made, ends, now = claims.get("iat"), claims.get("exp"), time()
    if not _number(made) or not _number(ends):
        return False
    return bool(made <= now + LEEWAY and now - LEEWAY < ends)  # type: ignore[operator]  # they are numbers


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: object, limit: int) -> str:
    """A person's text in one line."""
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", value).split())[:limit] if isinstance(value, str) else ""
