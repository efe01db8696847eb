"""Google by OpenID Connect: against `emulate`, and against a provider that does everything wrong in turn."""

import hmac
import json
import re
import urllib.error
import urllib.request
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from time import time
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from devpush.adapters.openid import KEPT, OpenIdProvider, _discovery
from devpush.errors import Refused, Unavailable
from devpush.ports import Claims
from devpush.settings import Settings
from devpush.web.attempts import Start
from tests import emulate
from tests.conftest import free_port

pytestmark = pytest.mark.integration

BACK = "http://localhost:8000/auth/google/callback"
CLIENT = "us.apps.example.com"
RSA = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
NEWER = RSAKey.generate_key(2048, {"kid": "two", "use": "sig", "alg": "RS256"})
CURVE = ECKey.generate_key("P-256", {"kid": "curve", "use": "sig", "alg": "ES256"})
START = Start()


@dataclass
class Provider:
    """An OpenID provider that says what it is told to say."""

    url: str
    keys: list[Any] = field(default_factory=lambda: [RSA, CURVE])
    key: Any = field(default_factory=lambda: RSA)
    header: dict[str, Any] = field(default_factory=lambda: {"alg": "RS256", "kid": "one"})
    claims: dict[str, Any] = field(default_factory=dict)
    document: dict[str, Any] = field(default_factory=dict)
    id_token: str = ""
    status: int = 200
    answer: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    forms: list[dict[str, Any]] = field(default_factory=list)
    authorization: str = ""

    async def discovery(self, request: web.Request) -> web.Response:
        self.asked.append("discovery")
        document = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        }
        return web.json_response(document | self.document)

    async def key_set(self, request: web.Request) -> web.Response:
        self.asked.append("keys")
        return web.json_response(KeySet(self.keys).as_dict(private=False))

    async def token(self, request: web.Request) -> web.Response:
        self.asked.append("token")
        self.forms.append(dict(await request.post()))
        self.authorization = request.headers.get("Authorization", "")
        said = {
            "iss": self.url,
            "aud": CLIENT,
            "sub": "1234",
            "iat": int(time()),
            "exp": int(time()) + 3600,
            "nonce": START.nonce,
            "email": "ada@example.com",
            "email_verified": True,
            "name": "Ada\n Lovelace",
        } | self.claims
        made = jwt.encode(self.header, {name: value for name, value in said.items() if value is not None}, self.key)
        return web.json_response({"id_token": self.id_token or made} | self.answer, status=self.status)

    async def elsewhere(self, request: web.Request) -> web.Response:
        raise web.HTTPFound(f"{self.url}/token")


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    port = free_port()
    made = Provider(f"http://127.0.0.1:{port}")
    system = web.Application()
    system.router.add_get("/.well-known/openid-configuration", made.discovery)
    system.router.add_get("/keys", made.key_set)
    system.router.add_post("/token", made.token)
    system.router.add_route("*", "/elsewhere", made.elsewhere)
    runner = web.AppRunner(system)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield made
    await runner.cleanup()


@pytest.fixture
async def openid(settings: Settings, provider: Provider) -> AsyncIterator[OpenIdProvider]:
    asked = replace(
        settings, google_issuer=provider.url, google_client_id=CLIENT, google_client_secret="a secret of ours"
    )
    async with OpenIdProvider(asked) as openid:
        yield openid


async def claims(openid: OpenIdProvider) -> Claims:
    return await openid.claims(code="a code", redirect_uri=BACK, verifier=START.verifier, nonce=START.nonce)


# What is right


async def test_who_somebody_is_comes_out_of_a_signed_token(openid: OpenIdProvider, provider: Provider) -> None:
    found = await claims(openid)
    assert found == Claims(provider.url, "1234", "ada@example.com", "Ada Lovelace")
    assert provider.forms == [
        {
            "grant_type": "authorization_code",
            "code": "a code",
            "redirect_uri": BACK,
            "code_verifier": START.verifier,
            "client_id": CLIENT,
            "client_secret": "a secret of ours",
        }
    ]


async def test_the_browser_is_sent_with_all_that_comes_back(openid: OpenIdProvider, provider: Provider) -> None:
    url = await openid.authorize_url(redirect_uri=BACK, state=START.state, nonce=START.nonce, challenge=START.challenge)
    assert url.startswith(f"{provider.url}/authorize?")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert asked == {
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": BACK,
        "scope": "openid email profile",
        "state": START.state,
        "nonce": START.nonce,
        "code_challenge": START.challenge,
        "code_challenge_method": "S256",
        "prompt": "select_account",
    }
    assert "secret" not in url


@pytest.mark.parametrize("verified", [False, None, "true", 1])
async def test_an_address_counts_only_when_it_is_verified(
    openid: OpenIdProvider, provider: Provider, verified: object
) -> None:
    provider.claims["email_verified"] = verified
    assert (await claims(openid)).email == ""


async def test_a_signature_by_an_elliptic_curve_is_good_as_well(openid: OpenIdProvider, provider: Provider) -> None:
    provider.key, provider.header = CURVE, {"alg": "ES256", "kid": "curve"}
    assert (await claims(openid)).subject == "1234"


async def test_several_audiences_need_to_say_that_it_is_for_us(openid: OpenIdProvider, provider: Provider) -> None:
    provider.claims = {"aud": [CLIENT, "others"], "azp": CLIENT}
    assert (await claims(openid)).subject == "1234"
    provider.claims = {"aud": [CLIENT, "others"]}
    with pytest.raises(Refused):
        await claims(openid)


async def test_clocks_may_differ_by_a_minute(openid: OpenIdProvider, provider: Provider) -> None:
    provider.claims = {"iat": time() + 30, "exp": time() - 30}
    assert (await claims(openid)).subject == "1234"


async def test_the_secret_goes_where_the_provider_wants_it(openid: OpenIdProvider, provider: Provider) -> None:
    provider.document["token_endpoint_auth_methods_supported"] = ["client_secret_basic"]
    await claims(openid)
    assert provider.authorization.startswith("Basic ")
    assert "client_secret" not in provider.forms[0]


# Asking seldom


async def test_what_the_provider_says_of_itself_is_kept_for_an_hour(settings: Settings, provider: Provider) -> None:
    now = [0.0]
    asked = replace(settings, google_issuer=provider.url, google_client_id=CLIENT, google_client_secret="secret")
    async with OpenIdProvider(asked, clock=lambda: now[0]) as openid:
        for _ in range(3):
            await claims(openid)
        assert provider.asked == ["discovery", "token", "keys", "token", "token"]
        now[0] = KEPT + 1
        await claims(openid)
        assert provider.asked[5:] == ["discovery", "token", "keys"]


async def test_a_key_that_is_new_is_fetched_once(openid: OpenIdProvider, provider: Provider) -> None:
    await claims(openid)
    provider.keys, provider.key, provider.header = [NEWER], NEWER, {"alg": "RS256", "kid": "two"}
    assert (await claims(openid)).subject == "1234"
    assert provider.asked.count("keys") == 2
    provider.header = {"alg": "RS256", "kid": "three"}
    with pytest.raises(Refused):
        await claims(openid)
    assert provider.asked.count("keys") == 3


# What is wrong


@pytest.mark.parametrize(
    "said",
    [
        {"iss": "https://evil.example"},
        {"iss": "accounts.google.com"},
        {"iss": None},
        {"aud": "somebody-else"},
        {"aud": []},
        {"aud": None},
        {"azp": "somebody-else"},
        {"sub": None},
        {"sub": ""},
        {"sub": 1234},
        {"sub": "x" * 256},
        {"sub": "a\0b"},
        {"exp": 1},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": True},
        {"iat": 9_999_999_999},
        {"iat": None},
        {"nonce": None},
        {"nonce": ""},
        {"nonce": "of another visit"},
        {"nonce": ["x"]},
    ],
)
async def test_a20_a_token_that_says_anything_else_is_refused(
    openid: OpenIdProvider, provider: Provider, said: dict[str, Any]
) -> None:
    provider.claims = said
    with pytest.raises(Refused, match="can't be trusted"):
        await claims(openid)


@pytest.mark.parametrize(
    "forge",
    [
        lambda token: ".".join([*token.split(".")[:2], ""]),
        lambda token: ".".join([token.split(".")[0], token.split(".")[1][:-4] + "AAAA", token.split(".")[2]]),
        lambda token: "eyJhbGciOiJub25lIn0." + token.split(".")[1] + ".",
        lambda token: jwt.encode({"alg": "RS256", "kid": "one"}, {"sub": "1"}, RSAKey.generate_key(2048)),
        lambda token: with_our_key_as_a_password(token),
        lambda token: "no token at all",
        lambda token: "..",
        lambda token: "é.é.é",
    ],
)
async def test_a20_a_token_that_was_not_signed_by_the_provider_is_refused(
    openid: OpenIdProvider, provider: Provider, forge: Callable[[str], str]
) -> None:
    good = jwt.encode({"alg": "RS256", "kid": "one"}, {"iss": provider.url, "sub": "1"}, RSA)
    provider.id_token = forge(good)
    with pytest.raises(Refused, match="can't be trusted"):
        await claims(openid)


def with_our_key_as_a_password(token: str) -> str:
    """The old trick: the public key, known to everybody, is taken for the secret of an HMAC."""
    header = urlsafe_b64encode(b'{"alg":"HS256","kid":"one"}').decode().rstrip("=")
    signed = f"{header}.{token.split('.')[1]}"
    signature = hmac.digest(RSA.as_pem(private=False), signed.encode(), "sha256")
    return f"{signed}.{urlsafe_b64encode(signature).decode().rstrip('=')}"


@pytest.mark.parametrize(
    ("status", "said", "sentence"),
    [
        (400, {"error": "invalid_grant"}, "took too long, or was used already"),
        (401, {"error": "invalid_client"}, "GOOGLE_CLIENT_ID"),
        (400, {"error": "redirect_uri_mismatch"}, "callback address"),
        (200, {"id_token": None}, "can't be trusted"),
    ],
)
async def test_a_refusal_is_told_in_a_sentence(
    openid: OpenIdProvider, provider: Provider, status: int, said: dict[str, Any], sentence: str
) -> None:
    provider.status, provider.answer = status, said
    with pytest.raises(Refused, match=re.escape(sentence)):
        await claims(openid)


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"token_endpoint": "file:///etc/passwd"},
        {"jwks_uri": None},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
)
async def test_a_document_that_is_not_the_issuers_is_not_used(
    openid: OpenIdProvider, provider: Provider, document: dict[str, Any]
) -> None:
    provider.document = document
    with pytest.raises(Unavailable, match="GOOGLE_ISSUER"):
        await claims(openid)


@pytest.mark.parametrize("endpoint", ["token_endpoint", "jwks_uri"])
async def test_a26_what_we_send_is_not_passed_on_elsewhere(
    openid: OpenIdProvider, provider: Provider, endpoint: str
) -> None:
    provider.document[endpoint] = f"{provider.url}/elsewhere"
    with pytest.raises(Unavailable):
        await claims(openid)
    assert endpoint == "jwks_uri" or "token" not in provider.asked


async def test_a_provider_in_trouble_is_said_in_a_sentence(openid: OpenIdProvider, provider: Provider) -> None:
    provider.status = 500
    with pytest.raises(Unavailable, match="status 500"):
        await claims(openid)
    nobody = replace(openid._settings, google_issuer=f"http://127.0.0.1:{free_port()}")
    async with OpenIdProvider(nobody) as away:
        with pytest.raises(Unavailable, match="doesn't answer now"):
            await claims(away)


async def test_an_issuer_by_https_has_nothing_by_http(provider: Provider) -> None:
    document = {
        "issuer": "https://accounts.example.com",
        "authorization_endpoint": "https://accounts.example.com/authorize",
        "token_endpoint": "http://accounts.example.com/token",
        "jwks_uri": "https://accounts.example.com/keys",
    }
    with pytest.raises(Unavailable):
        _discovery(document, "https://accounts.example.com")
    document["token_endpoint"] = "https://accounts.example.com/token"
    assert _discovery(document, "https://accounts.example.com").token == document["token_endpoint"]


# A counterpart that we did not write


@pytest.fixture(scope="module")
def google() -> Iterator[str]:
    with emulate.running([BACK]) as found:
        yield found.google


async def test_emulates_google_signs_people_in(settings: Settings, google: str) -> None:
    name, secret = emulate.GOOGLE_CLIENT
    asked = replace(settings, google_issuer=google, google_client_id=name, google_client_secret=secret)
    async with OpenIdProvider(asked) as openid:
        for email, verified in (("alice@example.com", True), (emulate.UNVERIFIED, False)):
            start = Start()
            url = await openid.authorize_url(
                redirect_uri=BACK, state=start.state, nonce=start.nonce, challenge=start.challenge
            )
            back = agree(google, url, email)
            assert back["state"] == start.state
            found = await openid.claims(
                code=back["code"], redirect_uri=BACK, verifier=start.verifier, nonce=start.nonce
            )
            assert found.issuer == google
            assert found.subject
            assert found.email == (email if verified else "")
            with pytest.raises(Refused):
                await openid.claims(code=back["code"], redirect_uri=BACK, verifier=start.verifier, nonce=start.nonce)
            again = agree(google, url, email)
            with pytest.raises(Refused):
                await openid.claims(code=again["code"], redirect_uri=BACK, verifier=Start().verifier, nonce=start.nonce)


def agree(google: str, url: str, email: str) -> dict[str, str]:
    """Somebody opens the address and chooses their account; with what their browser is sent back."""
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: Any) -> None:
            return None

    form = urlencode({**asked, "email": email}).encode()
    try:
        urllib.request.build_opener(Stay).open(f"{google}/o/oauth2/v2/auth/callback", form)
    except urllib.error.HTTPError as answer:
        where = answer.headers["Location"]
        return {name: values[0] for name, values in parse_qs(urlsplit(where).query).items()}
    raise AssertionError(json.dumps(asked))
