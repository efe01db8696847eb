"""Metrics: a project's page of charts, what draws them in the browser, the small ones of the overview."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from uuid import UUID

from quart import Blueprint, Response, jsonify, request
from quart.typing import ResponseReturnValue

from devpush.errors import NotFound
from devpush.models import Project, metric, reading
from devpush.models.metric import Point
from devpush.web import exposition, figures
from devpush.web.auth import may, this_project
from devpush.web.figures import Chart, Small
from devpush.web.forms import answer, world
from devpush.web.query import asked

bp = Blueprint("metrics", __name__)

DEFAULT_SPAN = "1h"
SPAN_WORDS = {"1h": "1 hour", "6h": "6 hours", "24h": "24 hours", "7d": "7 days", "30d": "30 days"}
LATELY, LATELY_STEP = timedelta(hours=1), 60


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


def _short(value: float | None) -> float | None:
    """Four digits say all that a chart can show."""
    return None if value is None else float(f"{value:.4g}")


async def _asked_view() -> View:
    given = asked("span", "deployment")
    span = given.get("span", "")
    found = await reading.find_deployment(this_project().id, given["deployment"]) if "deployment" in given else None
    return View(span if span in metric.SPANS else DEFAULT_SPAN, found, datetime.now(UTC))


async def _charts(project: Project, view: View) -> list[Chart]:
    found = await metric.points(project.id, view.since, view.step, now=view.now, deployment_id=view.deployment)
    return figures.drawn(_filled(found, view.since, view.now, view.step), project)


def _filled(points: Sequence[Point], since: datetime, now: datetime, step: int) -> list[Point | None]:
    """One for each step of that time, or nothing where nothing ran."""
    by_time = {point.at: point for point in points}
    return [by_time.get(at) for at in _times(since, now, step)]


def _times(since: datetime, now: datetime, step: int) -> list[datetime]:
    """The beginning of each step that is at least partly in that time."""
    first = metric.beginning(since, step)
    return [first + timedelta(seconds=at) for at in range(0, ceil((now - first).total_seconds()), step)]


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
    return figures.lately(_filled(found, now - LATELY, now, LATELY_STEP))
