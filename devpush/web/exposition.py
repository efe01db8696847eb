"""What Prometheus reads: its text format, from what was measured. Decides everything, touches nothing."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate

from devpush.models.metric import BOUNDS, Labels
from devpush.ports import Total, Usage

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
USAGE: Mapping[str, tuple[str, str, Callable[[Usage], float]]] = {
    "devpush_app_cpu_seconds_total": ("counter", "CPU time that the app has used.", lambda usage: usage.cpu_ms / 1000),
    "devpush_app_memory_bytes": ("gauge", "Memory that the app uses.", lambda usage: usage.memory),
    "devpush_app_received_bytes_total": (
        "counter",
        "What came to the app by its network.",
        lambda usage: usage.received,
    ),
    "devpush_app_sent_bytes_total": ("counter", "What the app sent by its network.", lambda usage: usage.sent),
    "devpush_app_restarts_total": ("counter", "How often the app was started again.", lambda usage: usage.restarts),
}


def text(totals: Mapping[str, Total], labels: Mapping[str, Labels], unfinished: Mapping[str, int]) -> str:
    """Deployments that aren't in `labels` are gone."""
    named = [(_labels(labels[id]), total) for id, total in sorted(totals.items()) if id in labels]
    return "\n".join([*_usages(named), *_requests(named), *_durations(named), *_deployments(unfinished), ""])


Named = Iterable[tuple[str, Total]]


def _usages(named: Named) -> Iterator[str]:
    for name, (kind, help, value) in USAGE.items():
        yield from _head(name, kind, help)
        for labels, total in named:
            if total.usage:
                yield f"{name}{{{labels}}} {value(total.usage)}"


def _requests(named: Named) -> Iterator[str]:
    name = "devpush_requests_total"
    yield from _head(name, "counter", "Requests, by the class of their status.")
    for labels, total in named:
        for kind, count in sorted(total.requests.items()):
            yield f'{name}{{{labels},status="{kind}"}} {count}'


def _durations(named: Named) -> Iterator[str]:
    name = "devpush_request_duration_seconds"
    yield from _head(name, "histogram", "How long requests took until their answer was complete.")
    bounds = [*(f"{bound / 1000:g}" for bound in BOUNDS), "+Inf"]
    for labels, total in named:
        for bound, count in zip(bounds, accumulate(total.durations), strict=True):
            yield f'{name}_bucket{{{labels},le="{bound}"}} {count}'
        yield f"{name}_sum{{{labels}}} {total.seconds:.6f}"
        yield f"{name}_count{{{labels}}} {sum(total.durations)}"


def _deployments(unfinished: Mapping[str, int]) -> Iterator[str]:
    name = "devpush_deployments"
    yield from _head(name, "gauge", "Deployments that aren't finished, by state.")
    for state, count in unfinished.items():
        yield f'{name}{{state="{state}"}} {count}'


def _head(name: str, kind: str, help: str) -> tuple[str, str]:
    return f"# HELP {name} {help}", f"# TYPE {name} {kind}"


def _labels(of: Labels) -> str:
    """Slugs and hex: nothing in them needs quoting."""
    return f'project="{of.project}",environment="{of.environment}",deployment="{of.deployment}"'
