"""What was measured is added up at every step, percentiles are near the truth, and lines are drawn through both."""

import random
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from devpush.models.metric import BOUNDS, KEPT, Labels, Measured, beginning, merged, percentile, place_of, rolled
from devpush.ports import Total, Usage
from devpush.web import charts, exposition

AT = datetime(2026, 11, 23, 12, 0, 15, tzinfo=UTC)


def counted(*durations: float) -> tuple[int, ...]:
    counts = [0] * (len(BOUNDS) + 1)
    for duration in durations:
        counts[place_of(duration)] += 1
    return tuple(counts)


def test_what_is_measured_is_added_to_every_step() -> None:
    project, deployment = uuid4(), uuid4()
    quarters = [AT + timedelta(seconds=15 * number) for number in range(4)]
    found = rolled(
        Measured(project, deployment, at, samples=1, memory=100 + number, memory_max=100 + number, requests=2)
        for number, at in enumerate(quarters)
    )
    assert {key[0] for key in found} == set(KEPT)
    assert [found[15, at, deployment].requests for at in quarters] == [2, 2, 2, 2]
    assert found[60, AT.replace(second=0), deployment].requests == 6
    assert found[60, AT.replace(minute=1, second=0), deployment].requests == 2
    hour = found[3600, AT.replace(second=0), deployment]
    assert (hour.requests, hour.samples, hour.memory, hour.memory_max) == (8, 4, 406, 103)


def test_a_time_begins_at_a_multiple_of_its_step() -> None:
    assert beginning(AT.replace(microsecond=900), 15) == AT
    assert beginning(AT.replace(second=59), 60) == AT.replace(second=0)
    assert beginning(AT.replace(minute=59), 3600) == AT.replace(minute=0, second=0)


def test_percentiles_of_counted_durations_are_near_those_of_the_durations() -> None:
    draw = random.Random(7)
    durations = sorted(draw.lognormvariate(4, 1) for _ in range(10_000))
    half, most = percentile(counted(*durations), 0.5), percentile(counted(*durations), 0.95)
    assert half == pytest.approx(durations[5_000], rel=0.15)
    assert most == pytest.approx(durations[9_500], rel=0.15)


def test_durations_of_several_times_are_one() -> None:
    assert merged(counted(3, 40), counted(4)) == counted(3, 40, 4)
    assert merged((), counted(1)) == counted(1) == merged(counted(1), ())
    assert percentile((), 0.5) is None
    assert percentile(counted(), 0.5) is None
    assert percentile(counted(90_000), 0.95) == 30_000, "longer than we tell apart"


def test_a_line_pauses_where_nothing_was_measured() -> None:
    assert charts.line([0, 10, None, 5], 10) == "M0 119L200 1M598 60L600 60"
    assert charts.area([0, 10], 10) == "M0 120L0 119L600 1L600 120Z"
    assert charts.line([], 1) == charts.area([None], 1) == ""


def test_a_chart_ends_at_a_round_number() -> None:
    assert [charts.top_of([highest]) for highest in (0.3, 1, 1.1, 4, 7, 512)] == [0.5, 1, 2, 5, 10, 1000]
    assert charts.top_of([None], []) == 1


def test_fewer_points_keep_the_peaks() -> None:
    assert charts.thinned([1, 9, 2, None, None, None], 3) == [9, 2, None]
    assert charts.thinned([1, 2], 120) == [1, 2]


def test_prometheus_reads_what_was_measured() -> None:
    durations = list(counted(3, 3, 400))
    total = Total("p", {"2xx": 2, "5xx": 1}, durations, 0.406, Usage(1500, 4096, 10, 20, 1))
    said = exposition.text(
        {"gone": Total("p"), "one": total}, {"one": Labels("shop", "production", "3f2a91c")}, {"queued": 2}
    )
    of = 'project="shop",environment="production",deployment="3f2a91c"'
    for line in (
        f"devpush_app_cpu_seconds_total{{{of}}} 1.5",
        f"devpush_app_memory_bytes{{{of}}} 4096",
        f'devpush_requests_total{{{of},status="5xx"}} 1',
        f'devpush_request_duration_seconds_bucket{{{of},le="0.003"}} 2',
        f'devpush_request_duration_seconds_bucket{{{of},le="+Inf"}} 3',
        f"devpush_request_duration_seconds_sum{{{of}}} 0.406000",
        f"devpush_request_duration_seconds_count{{{of}}} 3",
        'devpush_deployments{state="queued"} 2',
    ):
        assert line in said.splitlines()
    assert said.count("# TYPE") == 8
    assert said.endswith("\n")
