"""Where Git servers tell us what happened: proved by a secret, written down as one row, answered; the work comes after.

Nothing else is read for such a request, neither a session nor a form: what proves it is the signature of its body.
"""

import asyncio
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import TypeAlias, TypeVar, cast
from uuid import UUID

from quart import Blueprint, Response, current_app, request
from tortoise import connections
from werkzeug.exceptions import RequestTimeout

from devpush.deploy import github as github_app
from devpush.deploy import payloads
from devpush.deploy.inbox import LOOK
from devpush.deploy.payloads import Facts, Garbled, Look, Parser
from devpush.errors import Unavailable
from devpush.models.secret import decrypt
from devpush.web.bodies import MOST_BYTES
from devpush.web.session import client_ip
from devpush.web.throttle import Throttle, client_key
from devpush.web.world import world

bp = Blueprint("webhooks", __name__)
T = TypeVar("T")

MOST_WRONG, WITHIN = 60, 60.0
"""Wrong signatures of one client, and in how many seconds, until it is told to go slower."""
SECRET_KEPT = 10.0
"""Seconds for which the App's secret is remembered: a push costs one query, the row's."""
MOST_LARGE = 4
"""Bodies above the usual limit that are read at a time: anybody may begin to send one."""
LONG = 256 * 1024
"""Bytes from which a body is checked and understood in a thread, where it keeps nobody waiting."""
DELIVERY = re.compile(r"[\x21-\x7e]{1,60}")
MOST_REFUSED = 1_000
"""Projects whose refused calls are remembered, in memory: strangers write no rows."""
NOBODYS_SECRET = secrets.token_hex(32)


@dataclass(frozen=True)
class Sender:
    """A kind of server: the headers in which it names the event, and the delivery, and proves itself; the first that is
    there counts."""

    events: tuple[str, ...]
    deliveries: tuple[str, ...]
    proofs: tuple[str, ...]
    signs: bool = True
    """The proof is a signature of the body; else it is the secret itself."""


SENDERS: Mapping[str, Sender] = {
    "gitlab": Sender(("X-Gitlab-Event",), ("Idempotency-Key", "X-Gitlab-Event-UUID"), ("X-Gitlab-Token",), signs=False),
    "gitea": Sender(
        ("X-Gitea-Event", "X-Forgejo-Event", "X-Gogs-Event"),
        ("X-Gitea-Delivery", "X-Forgejo-Delivery", "X-Gogs-Delivery"),
        ("X-Gitea-Signature", "X-Forgejo-Signature", "X-Gogs-Signature"),
    ),
    "bitbucket": Sender(("X-Event-Key",), ("X-Request-UUID", "X-Request-Id"), ("X-Hub-Signature",)),
    "github": Sender(("X-GitHub-Event",), ("X-GitHub-Delivery",), ("X-Hub-Signature-256",)),
    "plain": Sender((), (), ("X-Devpush-Token", "Authorization"), signs=False),
}
"""In the order in which they are recognised: Gitea says that it is GitHub as well."""

FIND = """
    SELECT p.id, p.hook_secret FROM project p JOIN team t ON t.id = p.team_id
    WHERE p.hook_id = $1 AND p.hook_secret IS NOT NULL AND p.removing_at IS NULL AND t.removing_at IS NULL
"""


@bp.post("/api/github/webhook")
async def github() -> Response:
    """Everything that GitHub tells our App."""
    secret = await _door().app_secret()
    if not secret:
        return _say(404, "There is no GitHub App here.")
    sender = SENDERS["github"]
    async with _body() as body:
        if not await _proved(sender, body, secret):
            return _refuse()
        event, delivery = _first(sender.events), _first(sender.deliveries)
        if not event or not DELIVERY.fullmatch(delivery):
            return _say(400, "GitHub names the event and the delivery in headers. They are missing.")
        return await _receive("github", delivery, event, payloads.github, body)


@bp.post("/api/hooks/<uuid:hook_id>")
async def project(hook_id: UUID) -> Response:
    """What the server of one project's repository tells us. Who doesn't know the secret doesn't learn whether there is
    such a hook."""
    found = await connections.get("default").execute_query_dict(FIND, [hook_id])
    secret = decrypt(found[0]["hook_secret"].decode()) if found else NOBODYS_SECRET
    source = next((name for name, sender in SENDERS.items() if _first(sender.events)), "plain")
    async with _body() as body:
        proved = await _proved(SENDERS[source], body, secret)
        if found:
            _door().remember(found[0]["id"], proved)
        if not proved or not found:
            return _refuse()
        id, event = found[0]["id"], _first(SENDERS[source].events)
        key = f"{id.hex}:{_delivery(source, body)}"
        return await _receive(source, key, event, payloads.HOOKS[source], body.strip() or b"{}", id)


def _delivery(source: str, body: bytes) -> str:
    """The same for the same delivery only. Of GitLab two events may have one id, and older servers give none: the body
    counts as well. Whoever writes to us plainly means it each time."""
    if source == "plain":
        return secrets.token_hex(8)
    told = _first(SENDERS[source].deliveries).replace(":", "-")
    return f"{told if DELIVERY.fullmatch(told) else ''}:{hashlib.sha256(body).hexdigest()[:16]}"


def refused(project_id: UUID) -> "Refused | None":
    """The calls of a project's webhook that could not prove themselves since the last that could; for its page."""
    return _door().refused.get(project_id)


# Reading


@asynccontextmanager
async def _body() -> AsyncIterator[bytes]:
    """What was sent, and for a large one a place: what nobody has proved yet is kept in memory. Raises Unavailable."""
    door, told = _door(), request.content_length
    large = told is None or told > MOST_BYTES
    if large and door.large >= MOST_LARGE:
        raise Unavailable("Too much is being sent here at once. Please send it again in a minute.")
    door.large += large
    try:
        yield await _read()
    finally:
        door.large -= large


async def _read() -> bytes:
    """As request.get_data does, without a task of its own for waiting."""
    try:
        async with asyncio.timeout(request.body_timeout):
            body: bytes = await request.body
            return body
    except TimeoutError:
        raise RequestTimeout from None


async def _proved(sender: Sender, body: bytes, secret: str) -> bool:
    given = _first(sender.proofs).removeprefix("sha256=").removeprefix("Bearer ").encode()

    def proves() -> bool:
        expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest() if sender.signs else secret
        return hmac.compare_digest(expected.encode(), given)

    return await _apart_if_long(body, proves)


def _first(names: Iterable[str]) -> str:
    """Of these headers."""
    return next((value for name in names if (value := request.headers.get(name))), "")


async def _apart_if_long(body: bytes, act: Callable[[], T]) -> T:
    if len(body) < LONG:
        return act()
    async with _door().one_long:
        return await asyncio.to_thread(act)


# Writing it down


async def _receive(
    source: str, key: str, event: str, parser: Parser, body: bytes, project: UUID | None = None
) -> Response:
    form = request.mimetype == "application/x-www-form-urlencoded" and body != b"{}"
    try:
        facts = await _apart_if_long(body, lambda: parser(event, payloads.read(body, form=form)))
    except Garbled as garbled:
        return _say(400, str(garbled))
    if not facts:
        return _say(200, "Thank you. There is nothing to do about this.")
    return await _write(source, key, event, facts, project)


async def _write(source: str, key: str, event: str, facts: Facts, project: UUID | None) -> Response:
    asks = any(isinstance(fact, Look) for fact in facts)
    event = LOOK if asks else event[:60]
    if not await _door().book.write(source, key, event, json.dumps(payloads.keep(facts)), project):
        return _say(200, "This delivery was already received.")
    world().jobs.work_soon("looks" if asks else "receipts")
    return _say(202, "Received.")


# Answering


def _refuse() -> Response:
    """Whoever can't prove themselves. What is proved is heard however much of this there is: it may come from the same
    address, and GitHub's are everybody's."""
    if not _door().wrong.allows(client_key(client_ip())):
        return _say(429, "Too many wrong signatures came from your address.", {"Retry-After": f"{WITHIN:.0f}"})
    return _say(401, "There is no such webhook, or the secret that proves it is missing or wrong.")


def _say(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(f"{sentence}\n", status, dict(headers or {}), content_type="text/plain; charset=utf-8")


# What is remembered between requests

WRITE = """
    INSERT INTO receipt (source, key, event, facts, project_id, attempts, received_at)
    SELECT *, 0, now() FROM unnest($1::text[], $2::text[], $3::text[], $4::jsonb[], $5::uuid[])
    ON CONFLICT (source, key) DO NOTHING RETURNING source, key
"""
Row: TypeAlias = tuple[str, str, str, str, UUID | None]


class Book:
    """Where receipts are written. What comes while the database is busy with the last ones is written together: a
    statement and its way to the disk cost the same for one row and for eight."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Row, asyncio.Future[bool]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def write(self, *row: *Row) -> bool:
        """Once it is written: whether it wasn't there yet."""
        new: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((row, new))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        return await new

    async def _write(self) -> None:
        try:
            while self._waiting:
                together, self._waiting = self._waiting, []
                await self._write_together(together)
        finally:
            self._writing = None

    async def _write_together(self, together: list[tuple[Row, asyncio.Future[bool]]]) -> None:
        columns = [list(column) for column in zip(*(row for row, _ in together), strict=True)]
        try:
            written = await connections.get("default").execute_query_dict(WRITE, columns)
        except Exception as error:  # each of them answers as if it had been alone
            for _, new in together:
                if not new.done():
                    new.set_exception(error)
            return
        fresh = {(row["source"], row["key"]) for row in written}
        for (source, key, *_), new in together:
            if not new.done():  # whoever asked may be gone
                new.set_result((source, key) in fresh)
            fresh.discard((source, key))


@dataclass(frozen=True)
class Refused:
    """The commonest mistake in setting up a webhook is its secret: whoever looks for what came in shall see it."""

    count: int
    last_at: datetime


class Door:
    """One for each application."""

    def __init__(self) -> None:
        self.wrong = Throttle(MOST_WRONG, WITHIN)
        self.large = 0
        self.one_long = asyncio.Lock()
        self.book = Book()
        self.refused: dict[UUID, Refused] = {}
        self._secret = ""
        self._good_until = 0.0

    async def app_secret(self) -> str:
        """Our GitHub App's; "" while there is none."""
        if monotonic() >= self._good_until:
            app = await github_app.app(world())
            self._secret = app.webhook_secret if app else ""
            self._good_until = monotonic() + SECRET_KEPT if self._secret else 0.0
        return self._secret

    def remember(self, project: UUID, proved: bool) -> None:
        """How the last calls of a project's webhook went. One that proves itself makes the others good."""
        before = self.refused.pop(project, None)
        if proved:
            return
        self.refused[project] = Refused(before.count + 1 if before else 1, datetime.now(UTC))
        if len(self.refused) > MOST_REFUSED:
            self.refused.pop(next(iter(self.refused)))


def _door() -> Door:
    return cast(Door, current_app.extensions.setdefault("webhooks", Door()))
