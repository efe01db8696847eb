"""Metrics: a project's page of charts, what draws them in the browser, the small ones of the overview."""

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from uuid import UUID

from quart import Blueprint, Response, jsonify, request
from quart.typing import ResponseReturnValue

from devpush.errors import NotFound
from devpush.models import Project, metric, reading
from devpush.models.metric import Point
from devpush.models.rules import ONE_CORE
from devpush.web import charts, exposition
from devpush.web.auth import may, this_project
from devpush.web.forms import answer, world
from devpush.web.query import asked

bp = Blueprint("metrics", __name__)

DEFAULT_SPAN = "1h"
SPAN_WORDS = {"1h": "1 hour", "6h": "6 hours", "24h": "24 hours", "7d": "7 days", "30d": "30 days"}
DRAWN = 120
"""Points of a line that the server draws: the page stays small, and the browser draws all of them."""
LATELY, LATELY_STEP = timedelta(hours=1), 60
MB = 1_000_000
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart."""

    word: str
    tone: str
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Chart:
    """What one chart shows, for the server's drawing and for the browser's."""

    name: str
    title: str
    unit: str
    figure: str
    """What it comes to, in a few words."""
    series: Sequence[Series]

    @property
    def top(self) -> float:
        return charts.top_of(*(series.values for series in self.series))

    def drawn(self) -> list[tuple[str, str, str]]:
        """Each line's word, tone and path; the one that matters most comes last, on top."""
        top = self.top
        return [
            (series.word, series.tone, charts.line(charts.thinned(series.values, DRAWN), top)) for series in self.series
        ]

    @property
    def empty(self) -> bool:
        return all(value is None for series in self.series for value in series.values)


@dataclass(frozen=True, slots=True)
class View:
    """What was asked for."""

    span: str
    deployment: UUID | None
    now: datetime

    @property
    def since(self) -> datetime:
        return self.now - metric.SPANS[self.span][0]

    @property
    def step(self) -> int:
        return metric.SPANS[self.span][1]


# The page


@bp.get("/projects/<project_slug>/metrics")
@may("view")
async def index(project_slug: str) -> ResponseReturnValue:
    project, view = this_project(), await _asked_view()
    shown = await _charts(project, view)
    return answer(
        "metrics/index.html",
        tab="metrics",
        charts=shown,
        span=view.span,
        spans=SPAN_WORDS,
        deployment=view.deployment and str(view.deployment),
        deployments=await metric.named(project.id, view.since, view.step),
        since=view.since,
        now=view.now,
    )


@bp.get("/projects/<project_slug>/metrics/data")
@may("view")
async def data(project_slug: str) -> ResponseReturnValue:
    """What the browser draws."""
    view = await _asked_view()
    return jsonify(told(_times(view.since, view.now, view.step), await _charts(this_project(), view)))


def told(times: Sequence[datetime], shown: Sequence[Chart]) -> dict[str, object]:
    """Times in seconds, and the values of each line."""
    return {"at": [int(at.timestamp()) for at in times], "charts": [_told(chart) for chart in shown]}


def _told(chart: Chart) -> dict[str, object]:
    lines = [
        {"word": series.word, "tone": series.tone, "values": [_short(value) for value in series.values]}
        for series in chart.series
    ]
    return {"name": chart.name, "unit": chart.unit, "figure": chart.figure, "series": lines}


async def _asked_view() -> View:
    given = asked("span", "deployment")
    span = given.get("span", "")
    found = await reading.find_deployment(this_project().id, given["deployment"]) if "deployment" in given else None
    return View(span if span in metric.SPANS else DEFAULT_SPAN, found, datetime.now(UTC))


async def _charts(project: Project, view: View) -> list[Chart]:
    found = await metric.points(project.id, view.since, view.step, now=view.now, deployment_id=view.deployment)
    return drawn(_filled(found, view.since, view.now, view.step), project)


def _filled(points: Sequence[Point], since: datetime, now: datetime, step: int) -> list[Point | None]:
    """One for each step of that time, or nothing where nothing ran."""
    by_time = {point.at: point for point in points}
    return [by_time.get(at) for at in _times(since, now, step)]


def _times(since: datetime, now: datetime, step: int) -> list[datetime]:
    """The beginning of each step that is at least partly in that time."""
    first = metric.beginning(since, step)
    return [first + timedelta(seconds=at) for at in range(0, ceil((now - first).total_seconds()), step)]


# What the charts show


def drawn(points: Sequence[Point | None], project: Project) -> list[Chart]:
    """Every chart of the page. Where nothing ran, nothing is drawn."""

    def each(value: Callable[[Point], float | None]) -> list[float | None]:
        return [None if point is None else value(point) for point in points]

    return [
        Chart(
            "requests",
            "Requests",
            "/s",
            _requests_figure(points),
            [
                Series("All", "brand", each(lambda point: point.requests / point.seconds)),
                Series("4xx", "warn", each(lambda point: point.refused / point.seconds)),
                Series("5xx", "bad", each(lambda point: point.failed / point.seconds)),
            ],
        ),
        Chart(
            "durations",
            "Response time",
            "ms",
            _durations_figure(points),
            [
                Series("p95", "warn", each(lambda point: metric.percentile(point.durations, 0.95))),
                Series("p50", "brand", each(lambda point: metric.percentile(point.durations, 0.5))),
            ],
        ),
        Chart(
            "cpu",
            "CPU",
            "cores",
            f"{_latest(points, lambda point: point.cpu, '{:.2f}')} of {_cores(project)}",
            [Series("CPU", "brand", each(lambda point: point.cpu))],
        ),
        Chart(
            "memory",
            "Memory",
            "MB",
            f"{_latest(points, _megabytes, '{:,.0f}')} of {project.memory_mb:,} MB",
            [Series("Memory", "brand", each(_megabytes))],
        ),
        Chart(
            "network",
            "Network",
            "kB/s",
            _network_figure(points),
            [
                Series("Received", "good", each(lambda point: point.received / point.seconds / 1000)),
                Series("Sent", "brand", each(lambda point: point.sent / point.seconds / 1000)),
            ],
        ),
        Chart(
            "restarts",
            "Restarts",
            "",
            f"{sum(point.restarts for point in points if point):,} in all",
            [Series("Restarts", "bad", each(lambda point: point.restarts))],
        ),
    ]


def _requests_figure(points: Sequence[Point | None]) -> str:
    there = [point for point in points if point]
    count, failed = sum(point.requests for point in there), sum(point.failed for point in there)
    words = f"{count:,} request" + ("" if count == 1 else "s")
    return f"{words}, {failed / count:.1%} failed" if failed else words


def _durations_figure(points: Sequence[Point | None]) -> str:
    """Over the whole time, not the mean of its percentiles."""
    counts: tuple[int, ...] = ()
    for point in points:
        counts = metric.merged(counts, point.durations if point else ())
    half, most = metric.percentile(counts, 0.5), metric.percentile(counts, 0.95)
    return "No requests" if half is None or most is None else f"p50 {half:,.0f} ms, p95 {most:,.0f} ms"


def _network_figure(points: Sequence[Point | None]) -> str:
    received, sent = (sum(getattr(point, name) for point in points if point) for name in ("received", "sent"))
    return f"{received / MB:,.1f} MB received, {sent / MB:,.1f} MB sent"


def _latest(points: Sequence[Point | None], value: Callable[[Point], float | None], form: str) -> str:
    values = (value(point) for point in reversed(points) if point)
    return next((form.format(found) for found in values if found is not None), "0")


def _cores(project: Project) -> str:
    cores = f"{project.cpu_quota / ONE_CORE:g}"
    return f"{cores} core" + ("" if cores == "1" else "s")


def _megabytes(point: Point) -> float | None:
    """Memory, in the unit of the limits."""
    return None if point.memory is None else point.memory / MIB


def _short(value: float | None) -> float | None:
    """Four digits say all that a chart can show."""
    return None if value is None else float(f"{value:.4g}")


# For Prometheus


@bp.get("/metrics")
async def prometheus() -> ResponseReturnValue:
    """Open to whoever shows METRICS_TOKEN; without one there is no such page."""
    token = world().settings.metrics_token
    if not token:
        raise NotFound
    shown = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not hmac.compare_digest(shown.encode(), token.encode()):
        return Response("Please show METRICS_TOKEN as a bearer token.\n", 401, {"WWW-Authenticate": "Bearer"})
    totals = world().metering.totals()
    text = exposition.text(totals, await metric.labels(totals), await metric.unfinished())
    return Response(text, content_type=exposition.CONTENT_TYPE)


# The small charts of the overview


@dataclass(frozen=True, slots=True)
class Small:
    """A chart of a few words and one line."""

    title: str
    figure: str
    line: str
    area: str


@bp.get("/projects/<project_slug>/metrics/lately")
@may("view")
async def lately(project_slug: str) -> ResponseReturnValue:
    return answer("projects/_charts.html", charts=await overview_charts(this_project()))


async def overview_charts(project: Project) -> list[Small]:
    """Requests and memory of the last hour, for projects/_charts.html; none where nothing was measured."""
    now = datetime.now(UTC)
    found = await metric.points(project.id, now - LATELY, LATELY_STEP, now=now)
    if not found:
        return []
    minutes = _filled(found, now - LATELY, now, LATELY_STEP)
    requests = [None if point is None else 60 * point.requests / point.seconds for point in minutes]
    memory = [None if point is None else _megabytes(point) for point in minutes]
    return [
        _small("Requests", _requests_figure(minutes), requests),
        _small("Memory", f"{_latest(minutes, _megabytes, '{:,.0f}')} MB", memory),
    ]


def _small(title: str, figure: str, values: Sequence[float | None]) -> Small:
    top = charts.top_of(values)
    return Small(title, figure, charts.line(values, top), charts.area(values, top))
