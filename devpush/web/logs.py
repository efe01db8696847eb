"""Log lines: a project's page with its search, and what every page of lines needs."""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from quart import Blueprint, Response
from quart.typing import ResponseReturnValue

from devpush.errors import Unavailable
from devpush.models import Deployment, Project, reading
from devpush.models.choices import choices
from devpush.ports import LogLine, LogStore, Request, Source
from devpush.web.ansi import NOT_TEXT
from devpush.web.auth import ASK_AGAIN, may, permission, this_project
from devpush.web.forms import answer, path_to, world
from devpush.web.query import asked, asked_number, moment, number

bp = Blueprint("logs", __name__)

FIRST, LINES = 250, 1000
"""How many lines a page shows at first, and how many more each time."""
FILTERS = ("environment", "branch", "deployment", "source", "level", "status", "slower", "from", "to")
LEVELS = ("debug", "info", "warning", "error")
SOURCES: tuple[Source, ...] = ("build", "run", "request")
CLASSES = ("2", "3", "4", "5")
"""The first digit of a request's status."""
OF_REQUESTS = ("status", "slower")
NO_LONGER = "The rest is no longer yours to see."
MOST_DEPLOYMENTS = 50
"""An environment's or branch's lines are those of its newest deployments: older ones have not run for long."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line on a page where lines of several deployments stand."""

    id: int
    at: datetime
    source: str
    stream: str
    level: str | None
    text: str
    deployment: str
    short_id: str | None
    request: Request | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """Which of a project's lines are asked for."""

    project: str
    q: str = ""
    level: str | None = None
    deployments: frozenset[str] | None = None
    """None: every deployment's."""
    named: bool = True
    """Whether lines tell whose they are."""
    source: Source | None = None
    status: tuple[int, int] | None = None
    slower_than: float | None = None
    """Milliseconds."""
    since: datetime | None = None
    until: datetime | None = None

    async def newest(
        self, store: LogStore, *, before: int | None = None, limit: int = LINES
    ) -> tuple[list[Line], bool]:
        """The newest lines (before an id), oldest first, and whether there are older ones."""
        found = await self._found(store, before=before, limit=limit + 1)
        return [self._shown(line) for line in found[-limit:]], len(found) > limit

    async def following(self, store: LogStore, after: int, *, limit: int) -> list[Line]:
        """The first lines after an id."""
        return [self._shown(line) for line in (await self._found(store, after=after, limit=limit))[:limit]]

    async def pieces(self, store: LogStore) -> AsyncIterator[list[LogLine]]:
        """All of them from the oldest on, however many there are."""
        last = 0
        while lines := await self._found(store, after=last, limit=LINES):
            last = lines[-1].id
            yield lines

    def fits(self, line: Mapping[str, Any], deployment: str) -> bool:
        """Whether a line that was just written is among them."""
        at = datetime.fromisoformat(line["at"]) if self.since or self.until else None
        return (
            (self.deployments is None or deployment in self.deployments)
            and self.level in (None, line["level"])
            and self.source in (None, line["source"])
            and self._request_fits(line.get("request"))
            and (at is None or ((self.since is None or self.since <= at) and (self.until is None or at < self.until)))
            and self.q.lower() in line["text"].lower()
        )

    def _request_fits(self, request: Mapping[str, Any] | None) -> bool:
        if self.status is None and self.slower_than is None:
            return True
        return (
            request is not None
            and (self.status is None or self.status[0] <= request["status"] <= self.status[1])
            and (self.slower_than is None or request["duration"] > self.slower_than)
        )

    async def _found(self, store: LogStore, **bounds: Any) -> list[LogLine]:
        return await store.search(
            self.project,
            deployments=self.deployments,
            source=self.source,
            text=self.q,
            level=self.level,
            status=self.status,
            slower_than=self.slower_than,
            since=self.since,
            until=self.until,
            **bounds,
        )

    def _shown(self, line: LogLine) -> Line:
        kept = (line.id, line.at, line.source, line.stream, line.level, line.text, line.deployment)
        return Line(*kept, line.deployment[:7] if self.named else None, line.request)

    def live(self, line: Mapping[str, Any], deployment: str) -> Line:
        """A line that was just written, as events carry it."""
        at = datetime.fromisoformat(line["at"])
        told = (line["id"], at, line["source"], line["stream"], line["level"], line["text"], deployment)
        request = Request(**line["request"]) if line.get("request") else None
        return Line(*told, deployment[:7] if self.named else None, request)


@bp.get("/projects/<project_slug>/logs")
@may("view")
async def index(project_slug: str) -> ResponseReturnValue:
    """The page; with `before`, only the lines before that one."""
    filters, q = asked_search()
    search = await search_for(this_project(), filters, q)
    before = asked_number("before")
    if before is not None:
        return lines_fragment(*await search.newest(world().logs, before=before))
    lines, has_older, away = await newest_or_why(search, world().logs)
    given = filters | ({"q": q} if q else {})
    return answer(
        "logs/index.html",
        tab="logs",
        lines=lines,
        has_older=has_older,
        away=away,
        first_number=1,
        older_url=path_to("logs.index", project_slug=project_slug, **given),
        text_url=path_to("logs.text", project_slug=project_slug, **given),
        given=given,
        q=q,
        filters=filters,
        moments={name: at for name in ("from", "to") if (at := moment(filters.get(name, "")))},
        choices=await choices(this_project().id),
    )


@bp.get("/projects/<project_slug>/logs.txt")
@may("view")
async def text(project_slug: str) -> ResponseReturnValue:
    """Every line that fits, as a file."""
    search = await search_for(this_project(), *asked_search())
    return await file_of(search, f"{project_slug}.log")


async def newest_or_why(search: Search, store: LogStore) -> tuple[list[Line], bool, str]:
    """As `Search.newest`; and why there is nothing to see, if the log can't be read now: the page has more to it."""
    try:
        return *await search.newest(store, limit=FIRST), ""
    except Unavailable as failure:
        return [], False, str(failure)


def lines_fragment(lines: Sequence[object], has_older: bool) -> Response:
    return answer("deployments/_lines.html", headers={"X-Has-Older": str(int(has_older))}, lines=lines)


async def file_of(search: Search, name: str) -> Response:
    """Read and sent piece by piece, however much it is. The first is read before anything is answered: if it can't be,
    that is an answer of its own."""
    pieces, mine = search.pieces(world().logs), permission()
    first = await anext(pieces, list[LogLine]())

    async def content() -> AsyncIterator[bytes]:
        asked = time.monotonic()
        yield "".join(map(_as_text, first)).encode()
        async for lines in pieces:
            if time.monotonic() >= asked + ASK_AGAIN:
                if await mine.standing() != "may":
                    yield f"{NO_LONGER}\n".encode()
                    return
                asked = time.monotonic()
            yield "".join(map(_as_text, lines)).encode()

    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    response = Response(content(), headers=headers, content_type="text/plain; charset=utf-8")
    response.timeout = None
    return response


def _as_text(line: LogLine) -> str:
    """Without escapes: whoever prints the file in a terminal sees text, and nothing else happens there."""
    text = NOT_TEXT.sub("", line.text).replace("\n", " ")
    if line.request:
        text = f"{line.request.status} {text} {line.request.duration:.0f} ms"
    return f"{line.at:%Y-%m-%dT%H:%M:%S.%f}Z {line.source:<7} {text}\n"


# What is asked for


def asked_search() -> tuple[dict[str, str], str]:
    """The filters of the URL that are set and make sense, and the text."""
    filters = asked(*FILTERS)
    sense = {
        "level": filters.get("level") in LEVELS,
        "source": filters.get("source") in SOURCES,
        "status": filters.get("status") in CLASSES,
        "slower": number(filters.get("slower", "")) is not None,
        "from": moment(filters.get("from", "")) is not None,
        "to": moment(filters.get("to", "")) is not None,
    }
    if filters.get("source") != "request":
        sense |= dict.fromkeys(OF_REQUESTS, False)
    return {name: value for name, value in filters.items() if sense.get(name, True)}, asked("q").get("q", "")


async def search_for(project: Project, filters: Mapping[str, str], q: str) -> Search:
    status = filters.get("status")
    return Search(
        str(project.id),
        q,
        filters.get("level"),
        await _deployments(project.id, filters),
        source=cast(Source | None, filters.get("source")),
        status=(int(status) * 100, int(status) * 100 + 99) if status else None,
        slower_than=float(filters["slower"]) if "slower" in filters else None,
        since=moment(filters.get("from", "")),
        until=moment(filters.get("to", ""), end=True),
    )


async def _deployments(project_id: UUID, filters: Mapping[str, str]) -> frozenset[str] | None:
    """The deployments the filters name; of a name that fits none, none."""
    wanted: frozenset[str] | None = None
    if text := filters.get("deployment"):
        found = await reading.find_deployment(project_id, text)
        wanted = frozenset([str(found)] if found else [])
    names = {"environment__slug": filters.get("environment"), "branch": filters.get("branch")}
    if named := {name: value for name, value in names.items() if value}:
        newest = Deployment.filter(project_id=project_id, **named).order_by("-number")
        ids = frozenset(map(str, await newest.limit(MOST_DEPLOYMENTS).values_list("id", flat=True)))
        wanted = ids if wanted is None else wanted & ids
    return wanted
