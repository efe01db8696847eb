"""What a project's charts show: their lines, and what they come to in a few words. Touches nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from devpush.models import Project, metric, rules
from devpush.models.metric import Point
from devpush.web import charts

DRAWN = 120
"""Points of a line that the server draws: the page stays small, and the browser draws all of them."""
MB = 1_000_000
MIB = 1024 * 1024

Points = Sequence[Point | None]
"""One for each step of a time; None where nothing ran, and nothing is drawn."""
Value = Callable[[Point], float | None]


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
class Small:
    """A chart of a few words and one line."""

    title: str
    figure: str
    line: str
    area: str


# Every chart of the page


def drawn(points: Points, project: Project) -> list[Chart]:
    return [
        _requests(points),
        _durations(points),
        _cpu(points, project),
        _memory(points, project),
        _network(points),
        _restarts(points),
    ]


def _requests(points: Points) -> Chart:
    lines = [
        Series("All", "brand", _each(points, lambda point: point.requests / point.seconds)),
        Series("4xx", "warn", _each(points, lambda point: point.refused / point.seconds)),
        Series("5xx", "bad", _each(points, lambda point: point.failed / point.seconds)),
    ]
    return Chart("requests", "Requests", "/s", _counted(points), lines)


def _durations(points: Points) -> Chart:
    lines = [
        Series("p95", "warn", _each(points, lambda point: metric.percentile(point.durations, 0.95))),
        Series("p50", "brand", _each(points, lambda point: metric.percentile(point.durations, 0.5))),
    ]
    return Chart("durations", "Response time", "ms", _took(points), lines)


def _cpu(points: Points, project: Project) -> Chart:
    figure = f"{_latest(points, _cores, '{:.2f}')} of {rules.cores(project.cpu_quota)}"
    return Chart("cpu", "CPU", "cores", figure, [Series("CPU", "brand", _each(points, _cores))])


def _memory(points: Points, project: Project) -> Chart:
    figure = f"{_latest(points, _megabytes, '{:,.0f}')} of {project.memory_mb:,} MB"
    return Chart("memory", "Memory", "MB", figure, [Series("Memory", "brand", _each(points, _megabytes))])


def _network(points: Points) -> Chart:
    received, sent = (sum(getattr(point, name) for point in points if point) for name in ("received", "sent"))
    lines = [
        Series("Received", "good", _each(points, lambda point: point.received / point.seconds / 1000)),
        Series("Sent", "brand", _each(points, lambda point: point.sent / point.seconds / 1000)),
    ]
    figure = f"{received / MB:,.1f} MB received, {sent / MB:,.1f} MB sent"
    return Chart("network", "Network", "kB/s", figure, lines)


def _restarts(points: Points) -> Chart:
    figure = f"{sum(point.restarts for point in points if point):,} in all"
    return Chart(
        "restarts", "Restarts", "", figure, [Series("Restarts", "bad", _each(points, lambda point: point.restarts))]
    )


# The small ones of the overview


def lately(minutes: Points) -> list[Small]:
    """Requests and memory."""
    return [
        small("Requests", _counted(minutes), _each(minutes, lambda point: 60 * point.requests / point.seconds)),
        small("Memory", f"{_latest(minutes, _megabytes, '{:,.0f}')} MB", _each(minutes, _megabytes)),
    ]


def small(title: str, figure: str, values: charts.Values) -> Small:
    top = charts.top_of(values)
    return Small(title, figure, charts.line(values, top), charts.area(values, top))


# Values, and words for them


def _each(points: Points, value: Value) -> list[float | None]:
    return [None if point is None else value(point) for point in points]


def _cores(point: Point) -> float | None:
    return point.cpu


def _megabytes(point: Point) -> float | None:
    """Memory, in the unit of the limits."""
    return None if point.memory is None else point.memory / MIB


def _counted(points: Points) -> str:
    there = [point for point in points if point]
    count, failed = sum(point.requests for point in there), sum(point.failed for point in there)
    words = f"{count:,} request" + ("" if count == 1 else "s")
    return f"{words}, {failed / count:.1%} failed" if failed else words


def _took(points: Points) -> str:
    """Over the whole time, not the mean of its percentiles."""
    counts: tuple[int, ...] = ()
    for point in points:
        counts = metric.merged(counts, point.durations if point else ())
    half, most = metric.percentile(counts, 0.5), metric.percentile(counts, 0.95)
    return "No requests" if half is None or most is None else f"p50 {half:,.0f} ms, p95 {most:,.0f} ms"


def _latest(points: Points, value: Value, form: str) -> str:
    values = (value(point) for point in reversed(points) if point)
    return next((form.format(found) for found in values if found is not None), "0")
