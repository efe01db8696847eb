"""A real platform with a mailbox, a real Chromium, and windows that fail a test by what went wrong in them."""

import asyncio
import email
import email.policy
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from email.message import EmailMessage

import pytest
from aiosmtpd.smtp import SMTP, Envelope
from playwright.async_api import Browser, StorageState, async_playwright

from tests.browser.window import WIDE, Window
from tests.conftest import free_port
from tests.life.platform import Platform, own_platform

ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
PATIENCE = 60_000
"""Milliseconds after which what a page should show won't come. Long: two cores may be busy with other things."""

OpenWindow = Callable[..., Awaitable[Window]]


class Mailbox(asyncio.Queue[EmailMessage]):
    """What the platform has mailed."""

    async def handle_DATA(self, _server: SMTP, _session: object, envelope: Envelope) -> str:  # noqa: N802  # theirs
        self.put_nowait(email.message_from_bytes(bytes(envelope.content or b""), policy=email.policy.default))  # type: ignore[arg-type]
        return "250 OK"

    async def link(self, path: str = "/auth/link/") -> str:
        """The link of the next mail: one that signs in, or leads elsewhere."""
        body = (await asyncio.wait_for(self.get(), 30)).get_body(("plain",))
        assert body
        found = re.search(rf"http://\S+{re.escape(path)}\S+", body.get_content())
        assert found, body.get_content()
        return found[0]


@pytest.fixture(scope="session")
def mail_port() -> int:
    return free_port()


@pytest.fixture(scope="session")
async def mailbox(mail_port: int) -> AsyncIterator[Mailbox]:
    box, loop = Mailbox(), asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(box, loop=loop), "127.0.0.1", mail_port)
    yield box
    server.close()


@pytest.fixture(scope="session")
async def platform(mailbox: Mailbox, mail_port: int) -> AsyncIterator[Platform]:
    """One for all: each test has its own projects."""
    mail = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(mail_port), "EMAIL_SENDER_ADDRESS": "devpush@localhost"}
    async with own_platform(**mail) as started:
        await started.command("prepare", "python", "node", "static")
        yield started


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or "/usr/bin/chromium"
    async with async_playwright() as player:
        browser = await player.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        await browser.close()


@asynccontextmanager
async def windows(browser: Browser, platform: Platform) -> AsyncIterator[OpenWindow]:
    """Opens windows with nothing kept from before but what they are given. Fails at its end if one saw a fault."""
    opened: list[Window] = []

    async def another(kept: StorageState | None = None) -> Window:
        context = await browser.new_context(viewport=WIDE, storage_state=kept, reduced_motion="reduce")  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE)
        opened.append(await Window.on(context, f"http://localhost:{platform.port}"))
        return opened[-1]

    yield another
    faults = [fault for window in opened for fault in window.faults]
    for window in opened:
        await window.context.close()
    assert not faults, "\n".join(faults)


@pytest.fixture
async def open_window(browser: Browser, platform: Platform) -> AsyncIterator[OpenWindow]:
    """A window of one's own."""
    async with windows(browser, platform) as another:
        yield another


@pytest.fixture(scope="session")
async def operator(browser: Browser, platform: Platform) -> StorageState:
    """The cookies of somebody signed in by the operator's link."""
    link = (await platform.command("sign-in-link")).last
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(link)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/teams/*")
    state = await context.storage_state()
    await context.close()
    return state


@pytest.fixture
async def window(open_window: OpenWindow, operator: StorageState) -> Window:
    """Signed in."""
    return await open_window(operator)
