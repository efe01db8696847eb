"""Mails as we write them: a template in HTML and text, inside one frame."""

from typing import Any

from devpush.ports import Mail
from devpush.web.forms import render
from devpush.web.world import world


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
