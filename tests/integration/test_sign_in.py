"""Signing in: a link by mail, the operator's link, sessions, and signing out."""

import asyncio
import email
import email.policy
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest
from aiosmtpd.smtp import SMTP, Envelope
from quart import Quart

from devpush.adapters.mail import NoMailer, SmtpMailer, mailer
from devpush.errors import Unavailable
from devpush.models import Session, SignInLink, Team, User
from devpush.models.people import SESSION_LIFE
from devpush.ports import Mail
from devpush.settings import Settings
from devpush.web.account import label
from tests import cast
from tests.conftest import free_port
from tests.fakes import FakeMailer, FakeWorld
from tests.patience import PATIENCE
from tests.visitor import Visitor, access_file, dashboard

pytestmark = pytest.mark.integration


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, smtp_host="127.0.0.1", smtp_port=free_port())


@pytest.fixture
def app(db: str, world: FakeWorld) -> Quart:
    return dashboard(world)


async def test_a_mailed_link_signs_in_and_makes_a_team(app: Quart, world: FakeWorld) -> None:
    async with mail_server(world.settings) as inbox:
        world.mailer = mailer(world.settings)  # type: ignore[assignment]  # the real one
        ada = Visitor(app)
        sent = await ada.post("/auth/sign-in", {"email": " Ada@Example.com "})
        assert sent.status == 200
        assert "Look at your mail" in sent.text
        message = await asyncio.wait_for(inbox.get(), PATIENCE)

    assert message["To"] == "ada@example.com"
    assert message["Subject"] == "Sign in to /dev/push"
    link = link_in(message)
    assert link.startswith("http://localhost:8000/auth/link/")

    page = await ada.get(link)
    assert "Sign in" in page.text
    arrived = await ada.post(link)
    assert (arrived.status, arrived.location) == (303, "/")
    assert (await ada.get("/")).location == f"/teams/{(await Team.get()).slug}"
    user = await User.get()
    assert (user.email, user.is_operator) == ("ada@example.com", False)
    assert link not in str(await SignInLink.all().values()), "only the hash of the token is kept"


async def test_the_way_leads_back_to_the_page_that_was_asked_for(app: Quart, world: FakeWorld) -> None:
    ada = Visitor(app)
    asked = await ada.get("/projects/shop/deployments?page=2")
    assert asked.status == 303
    assert asked.location == "/auth/sign-in?next=/projects/shop/deployments?page%3D2"
    assert 'value="/projects/shop/deployments?page=2"' in (await ada.get(asked.location)).text
    await ada.post("/auth/sign-in", {"email": "ada@example.com", "next": "/projects/shop/deployments?page=2"})
    arrived = await ada.post(await mailed_link(app, world))
    assert arrived.location == "/projects/shop/deployments?page=2"


async def test_a_link_in_both_parts_of_the_mail(app: Quart, world: FakeWorld) -> None:
    await Visitor(app).post("/auth/sign-in", {"email": "ada@example.com"})
    link = await mailed_link(app, world)
    [mail] = sent_mails(world)
    assert f'href="{link}"' in mail.html
    assert link in mail.text


@pytest.mark.parametrize(
    "typed", ["", "ada", "ada@", "@example.com", "a b@example.com", "a@b@c.org", "ada@example.com\nBcc: x@y.z"]
)
async def test_what_is_no_address_is_refused_beside_the_field(app: Quart, world: FakeWorld, typed: str) -> None:
    answer = await Visitor(app).post("/auth/sign-in", {"email": typed})
    assert answer.status == 422
    assert "Please enter an e-mail address" in answer.text
    await settle(app)
    assert sent_mails(world) == []


async def test_the_operators_link_works_once_and_whatever_access_json_says(app: Quart, world: FakeWorld) -> None:
    access_file(world).write_text('{"emails": ["somebody@else.org"]}')
    operator = await User.operator("localhost")
    token = await SignInLink.make(operator.email, operator=True)
    visitor = Visitor(app)
    assert (await visitor.post(f"/auth/link/{token}")).status == 303
    assert (await visitor.get("/account")).status == 200
    assert (await Visitor(app).post(f"/auth/link/{token}")).status == 410


async def test_without_mail_the_sign_in_page_tells_of_the_operators_link(app: Quart, world: FakeWorld) -> None:
    world.settings = replace(world.settings, smtp_host="")
    page = await Visitor(app).get("/auth/sign-in")
    assert "one-time sign-in link" in page.text
    assert (await Visitor(app).post("/auth/sign-in", {"email": "ada@example.com"})).status == 403, "no form, no proof"
    with pytest.raises(Unavailable, match="SMTP_HOST"):
        await NoMailer().send(Mail("a@b.c", "x", "x", "x"))


async def test_a_mail_server_that_is_away_is_answered_with_a_sentence(settings: Settings) -> None:
    with pytest.raises(Unavailable, match="mail server"):
        await SmtpMailer(settings).send(Mail("ada@example.com", "Hello", "text", "<p>html</p>"))


async def test_credentials_never_leave_the_machine_in_the_clear(settings: Settings) -> None:
    distant = replace(settings, smtp_host="localhost.", smtp_username="us", smtp_password="secret")
    async with mail_server(settings) as inbox:
        with pytest.raises(Unavailable):
            await SmtpMailer(distant).send(Mail("ada@example.com", "Hello", "text", "<p>html</p>"))
        assert inbox.empty()


async def test_signing_out_ends_the_session(app: Quart) -> None:
    alice = await Visitor(app).signed_in(await cast.alice())
    assert (await alice.get("/account")).status == 200
    before = dict(alice.cookies)
    assert (await alice.post("/auth/sign-out")).location == "/auth/sign-in"
    assert alice.cookies.keys() & before.keys() == set()
    alice.cookies = before
    assert (await alice.get("/account")).location.startswith("/auth/sign-in"), "the cookie's copy is worth nothing"


async def test_sessions_are_listed_and_ended_one_by_one_or_all(app: Quart, world: FakeWorld) -> None:
    user = await cast.alice()
    here, there = await Visitor(app).signed_in(user), await Visitor(app).signed_in(user)
    page = await here.get("/account")
    assert page.text.count("Firefox on Linux") == 2
    other = await Session.filter(user=user).order_by("-created_at").first()
    assert other
    assert (await here.post(f"/account/sessions/{other.id}/removal")).status == 303
    assert (await there.get("/account")).status == 303
    assert (await here.get("/account")).status == 200
    assert any(happening.topic == f"user:{user.id}" for happening in world.live.said)
    await there.signed_in(user)
    assert (await here.post("/account/sessions/removal")).location == "/auth/sign-in"
    assert (await there.get("/account")).status == 303
    assert await Session.filter(user=user).count() == 0


async def test_a_session_ends_after_thirty_days_and_is_renewed_once_a_day_in_use(app: Quart) -> None:
    alice = await Visitor(app).signed_in(await cast.alice())
    session = await Session.get()
    assert session.expires_at - session.created_at >= SESSION_LIFE - timedelta(minutes=1)

    await alice.get("/account")
    assert (await Session.get()).used_at == session.used_at, "used within the day: nothing is written"

    yesterday = datetime.now(UTC) - timedelta(days=2)
    await Session.all().update(used_at=yesterday, expires_at=yesterday + SESSION_LIFE)
    answer = await alice.get("/account")
    assert "Max-Age=2592000" in answer.headers["Set-Cookie"]
    assert (await Session.get()).expires_at > datetime.now(UTC) + SESSION_LIFE - timedelta(minutes=1)

    await Session.all().update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert (await alice.get("/account")).status == 303


async def test_signing_in_always_begins_a_new_session(app: Quart) -> None:
    """Whoever planted a session in this browser isn't in it afterwards."""
    alice = await Visitor(app).signed_in(await cast.alice())
    planted = dict(alice.cookies)
    await alice.post(f"/auth/link/{await SignInLink.make('carol@example.com')}")
    assert alice.cookies != planted
    alice.cookies = planted
    assert (await alice.get("/account")).status == 303


async def test_cookies_over_https_are_bound_to_the_host(db: str, world: FakeWorld) -> None:
    world.settings = replace(world.settings, env="production", url_scheme="https", hostname="push.example.com")
    visitor = Visitor(dashboard(world))
    visitor.host = "push.example.com"
    secure = {"Origin": "https://push.example.com"}
    token = await SignInLink.make("ada@example.com")
    await visitor.get("/auth/sign-in")
    form = {"csrf_token": await visitor.csrf_token()}
    answer = await visitor.ask("POST", f"/auth/link/{token}", form=form, headers=secure)
    cookie = next(line for line in answer.headers.getlist("Set-Cookie") if "session" in line)
    assert cookie.startswith("__Host-devpush_session=")
    assert all(word in cookie for word in ("; Secure", "; HttpOnly", "; SameSite=Lax", "; Path=/"))
    assert "Domain" not in cookie


async def test_a_name_is_changed(app: Quart) -> None:
    alice = await Visitor(app).signed_in(await cast.alice())
    saved = await alice.post("/account/general", {"name": " Alice L. "}, htmx=True)
    assert saved.status == 200
    assert "Saved" in saved.text
    assert saved.text.lstrip().startswith('<div class="card" id="account-general">')
    assert (await User.get(email="alice@example.com")).name == "Alice L."
    for bad in ("", "x" * 61, "a\u202eb"):
        refused = await alice.post("/account/general", {"name": bad}, htmx=True)
        assert refused.status == 422
        assert 'aria-invalid="true"' in refused.text
    assert (await alice.post("/account/general", {"name": "Al"})).status == 303
    assert "Saved." in (await alice.get("/account")).text, "said once, on the next page"
    assert "Saved." not in (await alice.get("/account")).text


def test_browsers_are_named_as_people_know_them() -> None:
    chrome = (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0 Safari/537.36"
    )
    assert label(chrome) == "Chrome on Windows"
    assert label(chrome + " Edg/156.0") == "Edge on Windows"
    iphone = (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Mobile Safari/604.1"
    )
    assert label(iphone) == "Safari on iPhone"
    assert label("") == "A browser"


# Helpers


class Keeper:
    """A mail server's handler that keeps what it is given."""

    def __init__(self) -> None:
        self.inbox: asyncio.Queue[EmailMessage] = asyncio.Queue()

    async def handle_DATA(self, _server: SMTP, _session: object, envelope: Envelope) -> str:  # noqa: N802  # theirs
        assert isinstance(envelope.content, bytes)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.inbox.put_nowait(message)
        return "250 OK"


@asynccontextmanager
async def mail_server(settings: Settings) -> AsyncIterator["asyncio.Queue[EmailMessage]"]:
    """A real SMTP server where the settings say it is."""
    keeper, loop = Keeper(), asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(keeper, loop=loop), settings.smtp_host, settings.smtp_port)
    async with server:
        yield keeper.inbox


async def settle(app: Quart) -> None:
    """Let what goes on behind the answer come to its end."""
    await asyncio.gather(*app.background_tasks)


def sent_mails(world: FakeWorld) -> list[Mail]:
    assert isinstance(world.mailer, FakeMailer)
    return world.mailer.sent


async def mailed_link(app: Quart, world: FakeWorld) -> str:
    await settle(app)
    return first_link(sent_mails(world)[-1].text)


def link_in(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body
    return first_link(body.get_content())


def first_link(text: str) -> str:
    found = re.search(r"https?://\S+", text)
    assert found, text
    return found[0]
