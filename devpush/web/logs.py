"""Log lines: a project's page with its search, and what every page of lines needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from quart import Blueprint, Response
from quart.typing import ResponseReturnValue

from devpush.models import Deployment, Environment, Project, reading
from devpush.ports import LogLine, LogStore
from devpush.web.auth import may, this_project
from devpush.web.forms import answer, path_to, world
from devpush.web.query import asked, asked_number

bp = Blueprint("logs", __name__)

LINES = 1000
"""How many lines a page shows at first, and how many more each time."""
FILTERS = ("environment", "deployment", "level")
LEVELS = ("debug", "info", "warning", "error")
MOST_DEPLOYMENTS = 8
"""An environment's lines are those of its newest deployments: older ones have not run for long."""


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

    async def newest(
        self, store: LogStore, *, before: int | None = None, limit: int = LINES
    ) -> tuple[list[Line], bool]:
        """The newest lines (before an id), oldest first, and whether there are older ones."""
        found = await self._found(store, before=before, limit=limit + 1)
        return [self._shown(line) for line in found[-limit:]], len(found) > limit

    async def following(self, store: LogStore, after: int, *, limit: int) -> list[Line]:
        """The first lines after an id."""
        return [self._shown(line) for line in (await self._found(store, after=after, limit=limit))[:limit]]

    def fits(self, line: Mapping[str, Any], deployment: str) -> bool:
        """Whether a line that was just written is among them."""
        return (
            (self.deployments is None or deployment in self.deployments)
            and self.level in (None, line["level"])
            and self.q.lower() in line["text"].lower()
        )

    async def _found(self, store: LogStore, **bounds: Any) -> list[LogLine]:
        return await store.search(
            self.project, deployments=self.deployments, text=self.q, level=self.level, **bounds
        )

    def _shown(self, line: LogLine) -> Line:
        kept = (line.id, line.at, line.source, line.stream, line.level, line.text, line.deployment)
        return Line(*kept, line.deployment[:7] if self.named else None)

    def live(self, line: Mapping[str, Any], deployment: str) -> Line:
        """A line that was just written, as events carry it."""
        at = datetime.fromisoformat(line["at"])
        told = (line["id"], at, line["source"], line["stream"], line["level"], line["text"], deployment)
        return Line(*told, deployment[:7] if self.named else None)


@bp.get("/projects/<project_slug>/logs")
@may("view")
async def index(project_slug: str) -> ResponseReturnValue:
    """The page; with `before`, only the lines before that one."""
    filters, q = asked_search()
    search = await search_for(this_project(), filters, q)
    before = asked_number("before")
    lines, has_older = await search.newest(world().logs, before=before)
    if before is not None:
        return lines_fragment(lines, has_older)
    return answer(
        "logs/index.html",
        tab="logs",
        lines=lines,
        has_older=has_older,
        first_number=1,
        older_url=path_to("logs.index", project_slug=project_slug, **filters, **({"q": q} if q else {})),
        q=q,
        filters=filters,
        environments=await Environment.filter(project_id=this_project().id).order_by("position"),
    )


def lines_fragment(lines: Sequence[object], has_older: bool) -> Response:
    return answer("deployments/_lines.html", headers={"X-Has-Older": str(int(has_older))}, lines=lines)


def asked_search() -> tuple[dict[str, str], str]:
    """The filters of the URL that are set, and the text."""
    filters = asked(*FILTERS)
    if filters.get("level") not in LEVELS:
        filters.pop("level", None)
    return filters, asked("q").get("q", "")


async def search_for(project: Project, filters: Mapping[str, str], q: str) -> Search:
    level = filters.get("level")
    return Search(str(project.id), q, level, await _deployments(project.id, filters))


async def _deployments(project_id: UUID, filters: Mapping[str, str]) -> frozenset[str] | None:
    """The deployments the filters name; of a name that fits none, none."""
    wanted: frozenset[str] | None = None
    if text := filters.get("deployment"):
        found = await reading.find_deployment(project_id, text)
        wanted = frozenset([str(found)] if found else [])
    if slug := filters.get("environment"):
        newest = Deployment.filter(project_id=project_id, environment__slug=slug).order_by("-number")
        ids = frozenset(map(str, await newest.limit(MOST_DEPLOYMENTS).values_list("id", flat=True)))
        wanted = ids if wanted is None else wanted & ids
    return wanted
