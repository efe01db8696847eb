"""Server-sent events: what changes on an open page, as the fragments the page itself is made of, and log lines live.

A stream first listens, then reads the state, so that nothing falls between the two; afterwards every happening makes
it read again what it may have changed. Whoever becomes something else in the team gets the page anew. A stream ends
when the right to see it ends, and takes the page with it; and when the process does: the browser then comes back by
itself, with the id of the last line it has.
"""

import asyncio
import logging
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar, cast
from uuid import UUID

from jinja2 import Environment as Pages
from quart import Blueprint, Response, current_app, g, request
from quart.typing import ResponseReturnValue

from devpush.deploy import membership
from devpush.errors import NotFound, Unavailable
from devpush.models import reading
from devpush.models.database import AWAY
from devpush.models.deployment import State
from devpush.ports import Happening, LogStore
from devpush.web.addresses import app_urls
from devpush.web.auth import Standing, may, me, permission, signed_in, this_project, this_team
from devpush.web.forms import world
from devpush.web.logs import Line, Search, asked_search, search_for
from devpush.web.query import asked_number, number

bp = Blueprint("streams", __name__)

TOGETHER = 0.1
"""Happenings within this time are answered together: a page is never drawn anew more often."""
LINES_WAIT = 0.05
"""Log lines cost less to draw, and are looked at as they come."""
ASK_AGAIN = 4.0
"""A stream outlives the right to see it by no more than this, and its queries."""
HEARTBEAT = 12.0
"""Less than the 15 seconds after which proxies and browsers may lose patience."""
LINES_TOGETHER = 500
MOST_CAUGHT_UP = 5_000
"""A page that missed more lines than this begins anew with the newest."""
LAST_LINES = 3.0
"""Seconds within which the last lines of an ended deployment are written."""
ENDED = (State.failed, State.cancelled, State.skipped)
"""In these states nothing comes any more; what succeeded runs and writes on."""
CARDS = 12

GONE = Happening("", "gone")
BROKEN = (NotFound, Unavailable, *AWAY)
NO_LONGER = "That page is no longer yours to see: it was removed, or you were taken off the team."

Still = Callable[[], Awaitable[Standing]]
Batch = Sequence[Happening]
Subscription = AbstractAsyncContextManager[AsyncIterator[Happening | None]]
T = TypeVar("T")
log = logging.getLogger(__name__)


@bp.get("/stream")
@signed_in
async def user() -> ResponseReturnValue:
    """Of pages where nothing else happens by itself: the bell, and what one may do."""
    return _stream(StillPage())


@bp.get("/teams/<team_slug>/stream")
@may("view")
async def team(team_slug: str) -> ResponseReturnValue:
    return _stream(TeamPage(_screen(), this_team().id), f"team:{this_team().id}")


@bp.get("/teams/<team_slug>/settings/stream")
@may("view")
async def team_settings(team_slug: str) -> ResponseReturnValue:
    return _stream(TeamSettingsPage(), f"team:{this_team().id}")


@bp.get("/projects/<project_slug>/stream")
@may("view")
async def project(project_slug: str) -> ResponseReturnValue:
    return _stream(ProjectPage(_screen(), this_project().id), f"project:{this_project().id}")


@bp.get("/projects/<project_slug>/deployments/<uuid:deployment_id>/stream")
@may("view")
async def deployment(project_slug: str, deployment_id: UUID) -> ResponseReturnValue:
    project = this_project()
    if not await reading.find_deployment(project.id, deployment_id.hex):
        raise NotFound("There is no such deployment.")
    search = Search(str(project.id), deployments=frozenset([str(deployment_id)]), named=False)
    lines = Lines(_screen(), search, _last_seen())
    page = DeploymentPage(_screen(), project.id, deployment_id, lines)
    return _stream(page, f"project:{project.id}", f"log:{deployment_id}")


@bp.get("/projects/<project_slug>/logs/stream")
@may("view")
async def logs(project_slug: str) -> ResponseReturnValue:
    search = await search_for(this_project(), *asked_search())
    return _stream(Lines(_screen(), search, _last_seen()), f"log:project:{this_project().id}")


def _last_seen() -> int:
    """The last line the browser has: by itself after a broken stream, in the address when the page is new."""
    again = number(request.headers.get("Last-Event-ID", ""))
    return again if again is not None else asked_number("after") or 0


# A stream, from its first word to its last


def _stream(page: "Page", *topics: str) -> Response:
    stopping = current_app.extensions.setdefault("stopping", asyncio.Event())
    visitor = Visitor(me().id, this_team().id if "team" in g else None, _screen())
    response = Response(
        _events(page, visitor, world().live.subscribe((*topics, visitor.topic)), permission(), stopping),
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
        content_type="text/event-stream",
    )
    response.timeout = None
    return response


async def _events(
    page: "Page", visitor: "Visitor", subscription: Subscription, still: Still, stopping: asyncio.Event
) -> AsyncIterator[bytes]:
    yield b"retry: 2000\n\n"
    try:
        async with subscription as happenings, aclosing(_batches(happenings, still, stopping)) as batches:
            async for event in page.begin():
                yield event
            async for batch in batches:
                if page.over:
                    break
                async for event in _heard(batch, visitor, page):
                    yield event
        if not page.over and not stopping.is_set() and (farewell := _farewell(await still())):
            yield farewell
    except BROKEN as failure:  # the browser comes back, and by then so will they
        log.warning("stream broke", extra={"reason": f"{type(failure).__name__}: {failure}"})
    if page.over:
        yield b"event: end\ndata: Nothing more will come.\n\n"
    elif stopping.is_set():
        yield b"retry: 500\n\n"


async def _heard(batch: Batch, visitor: "Visitor", page: "Page") -> AsyncIterator[bytes]:
    if not batch:
        yield b": still here\n\n"
    async for event in visitor.hear(batch):
        yield event
    async for event in page.hear(batch):
        yield event


def _farewell(standing: Standing) -> bytes:
    """What an open page does when its stream ends: signs in again, goes home with a sentence, or comes back."""
    if standing == "signed out":
        return _event("reload", "now")
    return _event("leave", NO_LONGER) if standing == "gone" else b""


async def _batches(
    happenings: AsyncIterator[Happening | None], still: Still, stopping: asyncio.Event
) -> AsyncGenerator[Batch, None]:
    """What happened since the last batch, at most ten times a second; an empty one to begin with, and now and then.
    Ends when the right to hear it ends, or the process does."""
    following, stop = _soon(_next(happenings)), _soon(stopping.wait())
    batch: list[Happening] = []
    told, asked = -HEARTBEAT, time.monotonic()
    try:
        while not stop.done():
            wait = max(0.0, min(told + _pause(batch), asked + ASK_AGAIN) - time.monotonic())
            await asyncio.wait((following, stop), timeout=wait, return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                if (happening := following.result()) is GONE:
                    return
                batch += [happening] if happening else []
                following = _soon(_next(happenings))
            now = time.monotonic()
            if now >= asked + ASK_AGAIN or any(happening.topic.startswith("user:") for happening in batch):
                if await still() != "may":
                    return
                asked = now
            if now >= told + _pause(batch):
                yield batch
                batch, told = [], time.monotonic()
    finally:
        for task in (following, stop):
            task.cancel()
        await asyncio.wait((following, stop))  # the subscription may be closed only when nobody waits for it


def _pause(batch: Batch) -> float:
    """How long after the last batch this one may go out."""
    if not batch:
        return HEARTBEAT
    return LINES_WAIT if all(happening.kind == "lines" for happening in batch) else TOGETHER


async def _next(happenings: AsyncIterator[Happening | None]) -> Happening | None:
    return await anext(happenings, GONE)


def _soon(work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
    return asyncio.create_task(work)


# What pages are made of


@dataclass(frozen=True, slots=True)
class Screen:
    """What it takes to draw, long after the request that asked for the stream."""

    pages: Pages
    store: LogStore
    url: Callable[[str], str]

    def fragment(self, template: str, **context: object) -> bytes:
        return _event("fragment", self.pages.get_template(template).render(context))


def _screen() -> Screen:
    return Screen(cast(Pages, current_app.extensions["pages"]), world().logs, app_urls())


def _event(name: str, text: str, id: int | None = None) -> bytes:
    """An event whose text may have line ends of any kind: none of them ends a line of the protocol early."""
    data = "".join(f"data: {line}\n" for line in re.split(r"\r\n|\r|\n", text.strip()))
    number = "" if id is None else f"id: {id}\n"
    return f"event: {name}\n{number}{data}\n".encode()


class Page(Protocol):
    """An open page, as its stream sees it."""

    over: bool
    """Nothing more will come, ever."""

    def begin(self) -> AsyncIterator[bytes]:
        """The state as it is now: the page may be seconds old, or come back after a while."""

    def hear(self, batch: Batch, /) -> AsyncIterator[bytes]:
        """What has changed by what happened."""


class Rows:
    """The list of the latest deployments: a changed row by itself, the whole list when there is a new one."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self._shown: dict[UUID, int] = {}

    def draw(self, rows: Sequence[reading.DeploymentRow]) -> Iterator[bytes]:
        before, self._shown = self._shown, {row.id: hash(row) for row in rows}
        if list(before) != list(self._shown) or not rows:
            yield self.screen.fragment("deployments/_list.html", deployments=rows)
            return
        for row in rows:
            if before[row.id] != hash(row):
                yield self.screen.fragment("deployments/_row.html", deployment=row)

    async def others(self, batch: Batch) -> AsyncIterator[bytes]:
        """Those that are not in the list: a longer page may show them."""
        ids = {happening.payload.get("id") for happening in batch if happening.kind == "deployment"}
        for id in sorted({str(id) for id in ids} - {str(shown) for shown in self._shown}):
            if row := await reading.deployment_row(UUID(id), url=self.screen.url):
                yield self.screen.fragment("deployments/_row.html", deployment=row)


class Cards:
    """Cards, each drawn again when it has changed."""

    def __init__(self, screen: Screen, template: str, name: str) -> None:
        self.screen, self.template, self.name = screen, template, name
        self._shown: dict[UUID, int] = {}

    def draw(self, cards: Sequence[reading.EnvironmentCard] | Sequence[reading.ProjectCard]) -> Iterator[bytes]:
        for card in cards:
            if self._shown.get(card.id) != hash(card):
                self._shown[card.id] = hash(card)
                yield self.screen.fragment(self.template, **{self.name: card})


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whose page it is, and in which team: whatever it shows, it follows what becomes of them."""

    user_id: UUID
    team_id: UUID | None
    screen: Screen

    @property
    def topic(self) -> str:
        return f"user:{self.user_id}"

    async def hear(self, batch: Batch) -> AsyncIterator[bytes]:
        mine = [happening for happening in batch if happening.topic == self.topic]
        if any(happening.kind == "invitation" for happening in mine):
            waiting = await membership.count_waiting(self.user_id)
            yield self.screen.fragment("invitations/_bell.html", waiting=waiting)
        if any(happening.kind == "membership" and self._concerns(happening) for happening in mine):
            yield _event("reload", "Your role in this team has changed.")

    def _concerns(self, happening: Happening) -> bool:
        """What one becomes in another team changes nothing on this page."""
        return self.team_id is None or happening.payload.get("team") == str(self.team_id)


class StillPage:
    """A page that shows nothing which changes by itself."""

    over = False

    def begin(self) -> AsyncIterator[bytes]:
        return _nothing()

    def hear(self, _: Batch) -> AsyncIterator[bytes]:
        return _nothing()


async def _nothing() -> AsyncIterator[bytes]:
    for event in tuple[bytes, ...]():
        yield event


class TeamSettingsPage(StillPage):
    """A team's settings: who is in it and who is invited is fetched again, as not everybody sees the same of it."""

    async def hear(self, batch: Batch) -> AsyncIterator[bytes]:
        if any(happening.kind == "membership" and happening.topic.startswith("team:") for happening in batch):
            yield _event("refresh", "members")


class ProjectPage:
    """A project's overview, and its list of deployments."""

    over = False

    def __init__(self, screen: Screen, project_id: UUID) -> None:
        self.screen, self.project_id = screen, project_id
        self.rows = Rows(screen)
        self.cards = Cards(screen, "projects/_environment.html", "environment")

    async def begin(self) -> AsyncIterator[bytes]:
        cards = await reading.environment_cards(self.project_id, url=self.screen.url)
        rows = await reading.latest_deployments(project_id=self.project_id, url=self.screen.url)
        for event in (*self.cards.draw(cards), *self.rows.draw(rows)):
            yield event

    async def hear(self, batch: Batch) -> AsyncIterator[bytes]:
        if not batch:
            return
        async for event in self.begin():
            yield event
        async for event in self.rows.others(batch):
            yield event


class TeamPage:
    """A team's overview, and its list of projects."""

    over = False

    def __init__(self, screen: Screen, team_id: UUID) -> None:
        self.screen, self.team_id = screen, team_id
        self.rows = Rows(screen)
        self.cards = Cards(screen, "projects/_card.html", "project_card")

    async def begin(self) -> AsyncIterator[bytes]:
        cards = await reading.project_cards(self.team_id, url=self.screen.url, limit=CARDS)
        rows = await reading.latest_deployments(team_id=self.team_id, url=self.screen.url)
        for event in (*self.cards.draw(cards), *self.rows.draw(rows)):
            yield event

    async def hear(self, batch: Batch) -> AsyncIterator[bytes]:
        if batch:
            async for event in self.begin():
                yield event


class Lines:
    """Log lines: first those that were kept meanwhile, then each as it is written, none twice."""

    over = False

    def __init__(self, screen: Screen, search: Search, after: int) -> None:
        self.screen, self.search = screen, search
        self.after = self.last = after
        self._sent: dict[str, int] = {}
        """The last line of each deployment: ids grow with each one's lines, but two deployments' may cross."""

    async def begin(self) -> AsyncIterator[bytes]:
        caught_up = 0
        while lines := await self.search.following(self.screen.store, self.last, limit=LINES_TOGETHER):
            yield self._draw(lines)
            caught_up += len(lines)
            if len(lines) < LINES_TOGETHER:
                return
            if caught_up >= MOST_CAUGHT_UP:
                break
        newest, _ = await self.search.newest(self.screen.store, limit=LINES_TOGETHER)
        if newest := [line for line in newest if line.id > self.last]:
            yield self._draw(newest)

    async def hear(self, batch: Batch) -> AsyncIterator[bytes]:
        if any(happening.kind == "gap" for happening in batch):
            async for event in self.begin():
                yield event
        lines = [line for happening in batch if happening.kind == "lines" for line in self._fitting(happening)]
        for start in range(0, len(lines), LINES_TOGETHER):
            yield self._draw(lines[start : start + LINES_TOGETHER])

    def _fitting(self, happening: Happening) -> Iterator[Line]:
        deployment = str(happening.payload["deployment"])
        for line in cast(Sequence[Mapping[str, Any]], happening.payload["lines"]):
            if line["id"] > self._sent.get(deployment, self.after) and self.search.fits(line, deployment):
                self._sent[deployment] = line["id"]
                yield self.search.live(line, deployment)

    def _draw(self, lines: Sequence[Line]) -> bytes:
        for line in lines:
            self._sent[line.deployment] = line.id
        self.last = max(self.last, lines[-1].id)
        html = self.screen.pages.get_template("deployments/_lines.html").render(lines=lines)
        return _event("lines", html, self.last)


class DeploymentPage:
    """A deployment: how it stands, and its log."""

    over = False

    def __init__(self, screen: Screen, project_id: UUID, deployment_id: UUID, lines: Lines) -> None:
        self.screen, self.project_id, self.deployment_id, self.lines = screen, project_id, deployment_id, lines
        self._shown: reading.DeploymentPage | None = None

    async def begin(self) -> AsyncIterator[bytes]:
        for event in await self._draw():
            yield event
        async for event in self.lines.begin():
            yield event
        self.over = self._ended()

    async def hear(self, batch: Batch) -> AsyncIterator[bytes]:
        if any(happening.kind != "lines" for happening in batch):
            for event in await self._draw():
                yield event
        async for event in self.lines.hear(batch):
            yield event
        if self._ended():
            async for event in self.lines.begin():
                yield event
            self.over = True

    async def _draw(self) -> list[bytes]:
        before = self._shown
        self._shown = await reading.deployment_page(self.project_id, self.deployment_id, url=self.screen.url)
        if self._shown == before:
            return []
        names = ("header", "timeline")
        return [self.screen.fragment(f"deployments/_{name}.html", deployment=self._shown) for name in names]

    def _ended(self) -> bool:
        """Whether it came to nothing, long enough ago for its last lines to be kept."""
        shown = self._shown
        return bool(
            shown
            and shown.state in ENDED
            and shown.finished_at
            and (datetime.now(UTC) - shown.finished_at).total_seconds() > LAST_LINES
        )
