"""What stands between a visitor and a session, whichever way they come: access.json, and how often one may knock."""

import asyncio
import logging
from dataclasses import dataclass, field

from quart import current_app, request

from devpush.access import Access, Denial, report
from devpush.errors import Forbidden
from devpush.models import User
from devpush.web import session
from devpush.web.activity import did
from devpush.web.throttle import Throttle, client_key
from devpush.web.world import world

log = logging.getLogger(__name__)

MOST_AT_ONCE = 10
"""Mails on their way at the same time; likewise reports of denials."""
BEING_DELETED = "This account is being deleted."


@dataclass
class Door:
    """One in each process."""

    access: Access
    clients: Throttle = field(default_factory=lambda: Throttle(20, per=600))
    """Who asks for mails."""
    addresses: Throttle = field(default_factory=lambda: Throttle(5, per=900))
    """Who gets them."""
    visits: Throttle = field(default_factory=lambda: Throttle(60, per=600))
    """Who goes to a provider, and who comes back from one."""
    sending: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_AT_ONCE))
    reporting: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_AT_ONCE))

    async def admits(self, denial: Denial) -> bool:
        """Whether that address may sign in. If not, the operator's system hears of it."""
        if await self.access.allows(denial.email):
            return True
        log.warning("sign-in denied", extra={"email": denial.email, "provider": denial.provider})
        if url := world().settings.access_email_denied_webhook_url:
            current_app.add_background_task(self._report, url, denial)
        return False

    async def _report(self, url: str, denial: Denial) -> None:
        async with self.reporting:
            await report(url, denial)


def door() -> Door:
    found: Door = current_app.extensions["door"]
    return found


def knock(email: str, provider: str) -> Denial:
    """Who asks now, as it would be reported."""
    return Denial(email, provider, session.client_ip(), request.user_agent.string[:300])


def too_often(throttle: Throttle) -> bool:
    """Whether this client must wait."""
    return not throttle.allows(client_key(session.client_ip()))


async def admit(email: str, provider: str) -> None:
    """Ask the rules, at every sign-in and before anything is made for it. Raises Forbidden."""
    if not await door().admits(knock(email, provider)):
        raise Forbidden(world().settings.access_email_denied_message)


async def enter(user: User) -> None:
    """Begin a session. Raises Forbidden for whoever is being deleted."""
    if user.removing_at:
        raise Forbidden(BEING_DELETED)
    await session.sign_in(user)
    await did("session.begun", by=user)
