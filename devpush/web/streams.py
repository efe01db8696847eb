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
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, cast
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
from devpush.web.auth import ASK_AGAIN, Standing, may, me, permission, signed_in, this_project, this_team
from devpush.web.ears import Ear, Ears
from devpush.web.forms import world
from devpush.web.logs import Line, Search, asked_search, search_for
from devpush.web.query import asked_number, number
from devpush.web.questions import Questions

bp = Blueprint("streams", __name__)

TOGETHER = 0.1
"""Happenings within this time are answered together: a page is never drawn anew more often."""
LINES_WAIT = 0.05
"""Log lines cost less to draw, and are looked at as they come."""
ASKED_TOGETHER = 0.5
"""Streams of one session to one place ask once for all that ask within this time."""
HEARTBEAT = 12.0
"""Less than the 15 seconds after which proxies and browsers may lose patience."""
LINES_TOGETHER = 500
DRAWINGS = 200
"""Happenings whose lines are kept as they were drawn."""
MOST_CAUGHT_UP = 5_000
"""A page that missed more lines than this begins anew with the newest."""
LAST_LINES = 3.0
"""Seconds within which the last lines of an ended deployment are written."""
ENDED = (State.failed, State.cancelled, State.skipped)
"""In these states nothing comes any more; what succeeded runs and writes on."""
CARDS = 12

BROKEN = (NotFound, Unavailable, *AWAY)
NO_LONGER = "That page is no longer yours to see: it was removed, or you were taken off the team."

Still = Callable[[float], Awaitable[Standing]]
"""Whether it may still be seen, as far as was known no more than so many seconds ago."""
Batch = Sequence[Happening]
Listening = AbstractAsyncContextManager[Ear]
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


@bp.get("/projects/<project_slug>/settings/stream")
@may("change_project")
async def project_settings(project_slug: str) -> ResponseReturnValue:
    return _stream(ProjectSettingsPage(), f"project:{this_project().id}")


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
    visitor = Visitor(me().id, this_team().id if "team" in g else None, _screen())
    ears, questions, mine = _ears(), _questions(), permission()

    async def still(within: float) -> Standing:
        return await questions.ask(mine, mine.standing, within=within)

    response = Response(
        _events(page, visitor, ears.listen((*topics, visitor.topic)), still, ears.stopping),
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
        content_type="text/event-stream",
    )
    response.timeout = None
    return response


def _ears() -> Ears:
    stopping = current_app.extensions.setdefault("stopping", asyncio.Event())
    ears: Ears = current_app.extensions.setdefault("ears", Ears(world().live, stopping))
    return ears


def _questions() -> Questions:
    questions: Questions = current_app.extensions.setdefault("questions", Questions())
    return questions


async def _events(
    page: "Page", visitor: "Visitor", listening: Listening, still: Still, stopping: asyncio.Event
) -> AsyncIterator[bytes]:
    yield b"retry: 2000\n\n"
    try:
        async with listening as ear, aclosing(_batches(ear, still)) as batches:
            async for event in page.begin():
                yield event
            async for batch in batches:
                if page.over:
                    break
                async for event in _heard(batch, visitor, page):
                    yield event
        if not page.over and not stopping.is_set() and (farewell := _farewell(await still(0))):
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


async def _batches(ear: Ear, still: Still) -> AsyncGenerator[Batch, None]:
    """What happened since the last batch, at most ten times a second; an empty one to begin with, and now and then.
    Ends when the right to hear it ends, or the process does."""
    told, asked = -HEARTBEAT, time.monotonic()
    while not ear.ended:
        now = time.monotonic()
        if any(happening.topic.startswith("user:") for happening in ear.heard):
            if await still(0) != "may":
                return
            asked = now
        elif now >= asked + ASK_AGAIN:
            if await still(ASKED_TOGETHER) != "may":
                return
            asked = now
        if now >= told + _pause(ear.heard):
            batch = list(ear.heard)
            ear.heard.clear()
            yield batch
            told = time.monotonic()
        else:
            await ear.news(min(told + _pause(ear.heard), asked + ASK_AGAIN) - now)


def _pause(batch: Collection[Happening]) -> float:
    """How long after the last batch this one may go out."""
    if not batch:
        return HEARTBEAT
    return LINES_WAIT if all(happening.kind == "lines" for happening in batch) else TOGETHER


# What pages are made of


@dataclass(frozen=True, slots=True)
class Screen:
    """What it takes to draw, long after the request that asked for the stream."""

    pages: Pages
    store: LogStore
    url: Callable[[str], str]
    questions: Questions
    drawings: "Drawings"

    def fragment(self, template: str, **context: object) -> bytes:
        return _event("fragment", self.pages.get_template(template).render(context))


def _screen() -> Screen:
    pages = cast(Pages, current_app.extensions["pages"])
    drawings: Drawings = current_app.extensions.setdefault("drawings", Drawings(pages))
    return Screen(pages, world().logs, app_urls(), _questions(), drawings)


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


class ProjectSettingsPage(StillPage):
    """A project's settings: its domains are fetched again once DNS says something else."""

    async def hear(self, batch: Batch) -> AsyncIterator[bytes]:
        if any(happening.kind == "domain" for happening in batch):
            yield _event("refresh", "domains")


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


@dataclass(frozen=True, slots=True)
class Drawing:
    """Lines that were written together, as the event that everybody gets who sees them."""

    happening: Happening
    lines: Sequence[Line]
    event: bytes


class Drawings:
    """What was drawn last. A line is drawn once, however many look at it."""

    def __init__(self, pages: Pages) -> None:
        self.pages = pages
        self.drawn: dict[tuple[int, Search], Drawing] = {}

    def of(self, happening: Happening, search: Search) -> Drawing:
        """Those of its lines that are searched for. All streams are told the same object."""
        key = id(happening), search
        drawing = self.drawn.get(key)
        if drawing is None or drawing.happening is not happening:
            deployment = str(happening.payload["deployment"])
            told = cast(Sequence[Mapping[str, Any]], happening.payload["lines"])
            lines = [search.live(line, deployment) for line in told if search.fits(line, deployment)]
            drawing = self.drawn[key] = Drawing(happening, lines, self.event(lines) if lines else b"")
            if len(self.drawn) > DRAWINGS:
                del self.drawn[next(iter(self.drawn))]
        return drawing

    def event(self, lines: Sequence[Line], *, last: int = 0) -> bytes:
        """With the id of the last line that was seen: another deployment's may be newer than these."""
        html = self.pages.get_template("deployments/_lines.html").render(lines=lines)
        return _event("lines", html, max(last, lines[-1].id))


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
        while lines := await self._following():
            yield self._draw(lines)
            caught_up += len(lines)
            if len(lines) < LINES_TOGETHER:
                return
            if caught_up >= MOST_CAUGHT_UP:
                break
        newest, _ = await self.search.newest(self.screen.store, limit=LINES_TOGETHER)
        if newest := [line for line in newest if line.id > self.last]:
            yield self._draw(newest)

    async def _following(self) -> list[Line]:
        """After a gap, all who look at a log miss the same lines."""
        after, store = self.last, self.screen.store
        return await self.screen.questions.ask(
            (self.search, after), lambda: self.search.following(store, after, limit=LINES_TOGETHER)
        )

    async def hear(self, batch: Batch) -> AsyncIterator[bytes]:
        if any(happening.kind == "gap" for happening in batch):
            async for event in self.begin():
                yield event
        if events := [event for happening in batch if happening.kind == "lines" for event in self._told(happening)]:
            yield b"".join(events)

    def _told(self, happening: Happening) -> Iterator[bytes]:
        drawing = self.screen.drawings.of(happening, self.search)
        sent = self._sent.get(str(happening.payload["deployment"]), self.after)
        if drawing.lines and drawing.lines[0].id > sent and drawing.lines[-1].id >= self.last:
            self._seen(drawing.lines)
            yield drawing.event
        elif missing := [line for line in drawing.lines if line.id > sent]:
            yield self._draw(missing)

    def _draw(self, lines: Sequence[Line]) -> bytes:
        event = self.screen.drawings.event(lines, last=self.last)
        self._seen(lines)
        return event

    def _seen(self, lines: Sequence[Line]) -> None:
        for line in lines:
            self._sent[line.deployment] = line.id
        self.last = max(self.last, lines[-1].id)


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
        key = ("deployment", self.deployment_id)
        self._shown, events = await self.screen.questions.ask(key, self._look)
        return [] if self._shown == before else events

    async def _look(self) -> tuple[reading.DeploymentPage | None, list[bytes]]:
        """Everybody sees the same of it."""
        shown = await reading.deployment_page(self.project_id, self.deployment_id, url=self.screen.url)
        names = ("header", "timeline")
        return shown, [self.screen.fragment(f"deployments/_{name}.html", deployment=shown) for name in names]

    def _ended(self) -> bool:
        """Whether it came to nothing, long enough ago for its last lines to be kept."""
        shown = self._shown
        return bool(
            shown
            and shown.state in ENDED
            and shown.finished_at
            and (datetime.now(UTC) - shown.finished_at).total_seconds() > LAST_LINES
        )
