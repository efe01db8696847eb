"""Resend, asked over its HTTP API: the mail as it arrives, and what becomes of a bad moment."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiohttp import web
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from devpush.adapters.mail import ResendMailer, mailer
from devpush.errors import Unavailable
from devpush.ports import Mail
from devpush.settings import Settings
from tests.conftest import free_port
from tests.emulate import Emulate

pytestmark = pytest.mark.integration

MAIL = Mail(to="ada@example.com", subject="Sign in to /dev/push", text="Press here.", html="<p>Press <b>here</b>.</p>")


@dataclass
class Resend:
    """A local one that answers as it is told, then 200."""

    address: str = ""
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    asked: list[tuple[dict[str, Any], dict[str, str]]] = field(default_factory=list)

    said: tuple[int, dict[str, Any]] = (200, {"data": [{"name": "example.com", "status": "verified"}]})
    """What it says of the domains it may send from."""

    async def domains(self, _: web.Request) -> web.Response:
        status, body = self.said
        return web.json_response(body, status=status)

    async def take(self, request: web.Request) -> web.Response:
        self.asked.append((await request.json(), dict(request.headers)))
        status, headers = self.answers.pop(0) if self.answers else (200, {})
        return web.json_response({"id": "1"}, status=status, headers=headers)


@pytest.fixture
async def resend() -> AsyncIterator[Resend]:
    here, port = Resend(), free_port()
    app = web.Application()
    app.router.add_post("/emails", here.take)
    app.router.add_get("/domains", here.domains)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    here.address = f"http://127.0.0.1:{port}"
    yield here
    await runner.cleanup()


def sender(settings: Settings, address: str) -> ResendMailer:
    facts = {"resend_api_key": "re_a_key_for_tests", "email_sender_address": "push@example.com"}
    return ResendMailer(replace(settings, resend_api_url=address, **facts), pause=0.01)  # type: ignore[arg-type]


async def test_a_mail_is_handed_over(settings: Settings, resend: Resend) -> None:
    await sender(settings, resend.address).send(MAIL)
    [(body, headers)] = resend.asked
    assert body == {
        "from": "/dev/push <push@example.com>",
        "to": ["ada@example.com"],
        "subject": MAIL.subject,
        "text": MAIL.text,
        "html": MAIL.html,
    }
    assert headers["Authorization"] == "Bearer re_a_key_for_tests"


@pytest.mark.parametrize("trouble", [(429, {"Retry-After": "0"}), (500, {}), (503, {"Retry-After": "soon"})])
async def test_a_bad_moment_is_survived_and_nothing_sent_twice(
    settings: Settings, resend: Resend, trouble: tuple[int, dict[str, str]]
) -> None:
    resend.answers = [trouble]
    await sender(settings, resend.address).send(MAIL)
    keys = [headers["Idempotency-Key"] for _, headers in resend.asked]
    assert len(keys) == 2
    assert len(set(keys)) == 1, "Resend knows that it is the same mail"
    await sender(settings, resend.address).send(MAIL)
    assert resend.asked[-1][1]["Idempotency-Key"] not in keys, "and that the next one is not"


async def test_trouble_that_lasts_is_told(settings: Settings, resend: Resend) -> None:
    resend.answers = [(500, {})] * 2
    with pytest.raises(Unavailable, match="doesn't take our mail now"):
        await sender(settings, resend.address).send(MAIL)
    assert len(resend.asked) == 2


@pytest.mark.parametrize("status", [302, 401, 403, 422])
async def test_a_refusal_is_told_and_not_tried_again(settings: Settings, resend: Resend, status: int) -> None:
    resend.answers = [(status, {"Location": "http://127.0.0.1:1/"})]
    with pytest.raises(Unavailable, match="RESEND_API_KEY") as told:
        await sender(settings, resend.address).send(MAIL)
    assert len(resend.asked) == 1
    assert "re_a_key" not in str(told.value)


async def test_a_resend_that_is_away_is_told(settings: Settings) -> None:
    with pytest.raises(Unavailable, match="doesn't answer now"):
        await sender(settings, f"http://127.0.0.1:{free_port()}").send(MAIL)


async def test_the_setting_says_where_resend_is(settings: Settings, resend: Resend) -> None:
    found = mailer(
        replace(settings, resend_api_key="re_a_key", resend_api_url=resend.address, smtp_host="mail.example")
    )
    await found.send(MAIL)
    assert len(resend.asked) == 1


async def test_a_resend_that_we_did_not_write_takes_our_mail(settings: Settings, emulate: Emulate) -> None:
    await sender(settings, emulate.resend).send(MAIL)
    mail = emulate.mails()[0]
    assert (mail["to"], mail["subject"]) == (["ada@example.com"], MAIL.subject)
    assert mail["from"] == "/dev/push <push@example.com>"


# Whether mail would be taken


async def test_a_key_and_a_domain_that_resend_knows_are_well(settings: Settings, resend: Resend) -> None:
    await sender(settings, resend.address).check()
    resend.said = (401, {"name": "restricted_api_key", "message": "This API key is restricted to only send emails"})
    await sender(settings, resend.address).check()
    assert resend.asked == []


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ((403, {"name": "invalid_api_key"}), "RESEND_API_KEY"),
        ((500, {}), "status 500"),
        ((200, {"data": [{"name": "example.com", "status": "pending"}]}), "its state there is pending"),
        ((200, {"data": []}), "its state there is unknown"),
    ],
)
async def test_what_resend_would_refuse_is_told(
    settings: Settings, resend: Resend, said: tuple[int, dict[str, Any]], words: str
) -> None:
    resend.said = said
    with pytest.raises(Unavailable, match=words):
        await sender(settings, resend.address).check()


@dataclass
class Smtp:
    """A local mail server that takes mail from one address, and knows nobody's password."""

    port: int
    mails: int = 0

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address != "push@example.com":
            return "550 not from here"
        envelope.mail_from = address
        return "250 OK"

    async def handle_DATA(self, *_: Any) -> str:  # noqa: N802
        self.mails += 1
        return "250 OK"


@pytest.fixture
async def smtp() -> AsyncIterator[Smtp]:
    here = Smtp(free_port())

    def connection() -> SMTP:
        refuse = lambda *_: AuthResult(success=False, handled=False)  # noqa: E731
        return SMTP(here, authenticator=refuse, auth_require_tls=False, loop=asyncio.get_running_loop())

    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", here.port)
    yield here
    server.close()
    await server.wait_closed()


async def test_an_smtp_server_is_asked_without_a_mail(settings: Settings, smtp: "Smtp") -> None:
    ours = replace(settings, smtp_host="127.0.0.1", smtp_port=smtp.port, email_sender_address="push@example.com")
    await mailer(ours).check()
    assert smtp.mails == 0
    with pytest.raises(Unavailable, match="EMAIL_SENDER_ADDRESS"):
        await mailer(replace(ours, email_sender_address="refused@example.com")).check()
    with pytest.raises(Unavailable, match="SMTP_USERNAME"):
        await mailer(replace(ours, smtp_username="ada", smtp_password="wrong")).check()
    with pytest.raises(Unavailable, match="doesn't take our mail now"):
        await mailer(replace(ours, smtp_port=free_port())).check()


async def test_without_mail_the_check_says_what_is_missing(settings: Settings) -> None:
    with pytest.raises(Unavailable, match="SMTP_HOST"):
        await mailer(settings).check()
