"""Mails as we write them: a template in HTML and text, inside one frame."""

import logging
from typing import Any

from devpush.errors import Unavailable
from devpush.ports import Mail
from devpush.web.door import door
from devpush.web.forms import render
from devpush.web.world import world

log = logging.getLogger(__name__)


async def send(to: str, subject: str, template: str, **context: Any) -> bool:
    """Compose and send it, a few at a time; whether it has left the house. Whoever asked for it has their answer
    already, so what fails is for the log."""
    async with door().sending:
        try:
            await world().mailer.send(compose(to, subject, template, **context))
        except Unavailable as error:
            log.error("mail not sent", extra={"template": template, "reason": str(error)})
            return False
    return True


def compose(to: str, subject: str, template: str, **context: Any) -> Mail:
    """templates/mail/<template>.html and .txt, made out to that address. Links in it start with `dashboard_url`,
    never with the Host of a request: that is whatever its sender wrote there."""
    settings = world().settings
    context |= {"email": to, "logo": settings.email_logo, "dashboard_url": settings.dashboard_url}
    return Mail(
        to=to,
        subject=" ".join(subject.split()),
        text=render(f"mail/{template}.txt", **context),
        html=render(f"mail/{template}.html", **context),
    )
