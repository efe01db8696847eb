"""How mail leaves the house: an SMTP server, Resend's HTTP API, or not at all."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from email.message import EmailMessage
from email.utils import formataddr, formatdate, make_msgid
from ipaddress import ip_address
from typing import Any
from uuid import uuid4

import aiohttp
import aiosmtplib

from devpush.errors import Unavailable
from devpush.ports import Mail, Mailer
from devpush.settings import Settings

TIMEOUT = 20
IMPLICIT_TLS = 465
PAUSE = 1.0
LONGEST_PAUSE = 10.0
CHECK_WITHIN = 8.0
NO_MAIL = "This server can't send mail: its operator has set neither SMTP_HOST nor RESEND_API_KEY."


def mailer(settings: Settings) -> Mailer:
    """What the settings ask for; Resend wins over SMTP."""
    if settings.resend_api_key:
        return ResendMailer(settings)
    if settings.smtp_host:
        return SmtpMailer(settings)
    return NoMailer()


class NoMailer:
    async def check(self) -> None:
        raise Unavailable(NO_MAIL)

    async def send(self, mail: Mail) -> None:
        raise Unavailable(NO_MAIL)


class SmtpMailer:
    """One connection a mail; sign-in links are rare."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def check(self) -> None:
        """It knows us, and takes mail from our address: the transaction is given up before a recipient is named."""
        async with _told(CHECK_WITHIN), self._connection(CHECK_WITHIN) as connection:
            await connection.mail(self._settings.email_sender_address or f"devpush@{self._settings.hostname}")
            await connection.rset()

    async def send(self, mail: Mail) -> None:
        async with _told(TIMEOUT), self._connection(TIMEOUT) as connection:
            await connection.send_message(_message(mail, self._settings))

    def _connection(self, timeout: float) -> aiosmtplib.SMTP:
        settings = self._settings
        near = _loopback(settings.smtp_host)
        return aiosmtplib.SMTP(
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            username=settings.smtp_username or None,
            password=settings.smtp_password or None,
            use_tls=settings.smtp_port == IMPLICIT_TLS,
            # Credentials never leave the machine in the clear; without them TLS is taken where it is offered.
            start_tls=None if near or not settings.smtp_username else True,
            validate_certs=not near,
            timeout=timeout,
        )


@asynccontextmanager
async def _told(timeout: float) -> AsyncIterator[None]:
    """What a mail server answers, in words."""
    try:
        async with asyncio.timeout(timeout):
            yield
    except aiosmtplib.SMTPAuthenticationError:
        raise Unavailable("The mail server refused our user name and password (SMTP_USERNAME).") from None
    except aiosmtplib.SMTPRecipientsRefused:
        raise Unavailable("The mail server refused that address.") from None
    except aiosmtplib.SMTPSenderRefused:
        raise Unavailable("The mail server doesn't take mail from our address (EMAIL_SENDER_ADDRESS).") from None
    except ssl.SSLError as error:
        raise Unavailable(f"The mail server's certificate can't be trusted ({error.reason}).") from None
    except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
        raise Unavailable(f"The mail server doesn't take our mail now ({type(error).__name__}).") from error


class ResendMailer:
    """One connection a mail. What Resend couldn't take just now is tried once more, under the same key, so that a mail
    it took without being able to say so isn't sent twice."""

    def __init__(self, settings: Settings, pause: float = PAUSE) -> None:
        self._settings = settings
        self._pause = pause

    async def check(self) -> None:
        """A key that may only send is refused this list, and told so."""
        status, said = await self._get("domains")
        if status in (401, 403) and "restricted" in str(said.get("name")):
            return
        if status in (400, 401, 403):
            raise Unavailable("Resend doesn't know our key (RESEND_API_KEY).")
        if status >= 300:
            raise Unavailable(f"Resend doesn't answer as it should (status {status}).")
        domain = self._settings.email_sender_address.rpartition("@")[2].lower()
        known = {str(one["name"]).lower(): str(one["status"]) for one in said.get("data") or ()}
        if known.get(domain) != "verified":
            raise Unavailable(
                f"Resend doesn't send from {domain}: its state there is {known.get(domain, 'unknown')} "
                "(EMAIL_SENDER_ADDRESS)."
            )

    async def send(self, mail: Mail) -> None:
        body = {
            "from": _sender(self._settings),
            "to": [mail.to],
            "subject": mail.subject,
            "text": mail.text,
            "html": mail.html,
        }
        key = str(uuid4())
        status, wait = await self._post(body, key)
        if status == 429 or status >= 500:
            await asyncio.sleep(min(wait, LONGEST_PAUSE))
            status, _ = await self._post(body, key)
        if status == 429 or status >= 500:
            raise Unavailable(f"Resend doesn't take our mail now (status {status}).")
        if status >= 300:
            raise Unavailable(
                f"Resend refused the mail (status {status}): see RESEND_API_KEY and EMAIL_SENDER_ADDRESS."
            )

    async def _get(self, path: str) -> tuple[int, Mapping[str, Any]]:
        headers = {"Authorization": f"Bearer {self._settings.resend_api_key}"}
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=CHECK_WITHIN), headers=headers) as http,
                http.get(f"{self._settings.resend_api_url}/{path}", allow_redirects=False) as answer,
            ):
                said = await answer.json(content_type=None)
                return answer.status, said if isinstance(said, dict) else {}
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise Unavailable(f"Resend doesn't answer now ({type(error).__name__}).") from error

    async def _post(self, body: Mapping[str, object], key: str) -> tuple[int, float]:
        """The status, and how long Resend asks us to wait."""
        headers = {"Authorization": f"Bearer {self._settings.resend_api_key}", "Idempotency-Key": key}
        url = f"{self._settings.resend_api_url}/emails"
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT), headers=headers) as http,
                http.post(url, json=body, allow_redirects=False) as answer,
            ):
                asked = answer.headers.get("Retry-After", "")
                return answer.status, float(asked) if asked.isdecimal() else self._pause
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unavailable(f"Resend doesn't answer now ({type(error).__name__}).") from error


def _message(mail: Mail, settings: Settings) -> EmailMessage:
    message = EmailMessage()  # refuses line ends in headers by itself
    message["From"] = _sender(settings)
    message["To"] = mail.to
    message["Subject"] = mail.subject
    message["Date"] = formatdate(usegmt=True)
    message["Message-ID"] = make_msgid(domain=settings.hostname)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    return message


def _sender(settings: Settings) -> str:
    address = settings.email_sender_address or f"devpush@{settings.hostname}"
    return formataddr((settings.email_sender_name or settings.app_name, address))


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
