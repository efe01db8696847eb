"""What apps use and answer is measured, kept in decreasing detail, listed among their lines, and drawn."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import aiohttp
import asyncpg
import pytest
from tortoise.exceptions import DBConnectionError

from devpush.adapters.accesslog import TraefikAccessLog
from devpush.adapters.docker import DockerContainers
from devpush.adapters.traefik import TraefikProxy
from devpush.deploy import keeper, metrics, plan, requests
from devpush.deploy.metrics import Meter
from devpush.local import Endpoints
from devpush.models import Deployment, Project, State, metric
from devpush.models.database import fetch
from devpush.models.metric import FINEST, Measured, beginning
from devpush.ports import ContainerSpec, Limits, Request, Route, RouteTable, Served, Total, Usage
from devpush.web.logs import Search
from tests import cast
from tests.fakes import FakeWorld
from tests.images import own_engine, own_network, small_image
from tests.patience import PATIENCE, until
from tests.visitor import Visitor, dashboard

pytestmark = pytest.mark.integration
NOW = beginning(datetime.now(UTC), 60)
SECRET = "canary-0123456789"
DURATIONS = [4 if bound == 30 else 0 for bound in (*metric.BOUNDS, 0)]
"""Four requests of 20 to 30 ms."""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "AGAIN_AFTER", 0.01)
    monkeypatch.setattr(keeper, "AGAIN_AFTER", 0.01)


@pytest.fixture
async def project(db: str) -> Project:
    return await cast.project()


@pytest.fixture
async def deployment(project: Project) -> Deployment:
    return await cast.deployment(project, state=State.succeeded, variables={"KEY": SECRET})


@asynccontextmanager
async def measuring(world: FakeWorld) -> AsyncIterator[Meter]:
    """A process measures, until it is gone."""
    meter = Meter(world)
    task = asyncio.create_task(meter.run())
    try:
        yield meter
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def app(world: FakeWorld, deployment: Deployment) -> str:
    """The deployment's app, running."""
    world.containers.have_image("image")
    labels = {plan.KIND: "app", plan.PROJECT: str(deployment.project_id), plan.DEPLOYMENT: str(deployment.id)}
    name = f"app-{deployment.id.hex[:8]}"
    await world.containers.network("net", "10.204.0.0/25", labels={})
    await world.containers.create(ContainerSpec(name, "image", labels, Limits(64, 100_000), "net"))
    await world.containers.start(name)
    return name


def uses(world: FakeWorld, name: str, usage: Usage, restarts: int = 0) -> None:
    [container] = [one for one in world.containers.all.values() if one.spec.name == name]
    container.usage, container.restarts = usage, restarts


def measured(deployment: Deployment, at: datetime, **facts: Any) -> Measured:
    return Measured(deployment.project_id, deployment.id, at, **facts)


async def hour_of(project: Project) -> metric.Point:
    [point] = await metric.points(project.id, NOW - timedelta(hours=1), 3600, now=NOW + timedelta(seconds=30))
    return point


# Keeping


async def test_what_is_measured_is_added_to_what_is_kept(project: Project, deployment: Deployment) -> None:
    durations = tuple(range(len(metric.BOUNDS) + 1))
    now = beginning(NOW, 3600) + timedelta(minutes=30)
    for second in (0, 15, 60):
        at = beginning(now, 3600) + timedelta(seconds=second)
        one = replace(measured(deployment, at, samples=1, cpu_ms=1500, memory=100, requests=2), durations=durations)
        await metric.keep([one])
    counted = await fetch("SELECT step, count(*), sum(requests) AS requests FROM metric GROUP BY step ORDER BY step")
    assert [tuple(row.values()) for row in counted] == [(15, 3, 6), (60, 2, 6), (600, 1, 6), (3600, 1, 6)]
    [point] = await metric.points(project.id, beginning(now, 3600), 3600, now=now)
    assert (point.requests, point.memory, point.cpu) == (6, 100, 4.5 / 1800)
    assert point.durations == tuple(3 * number for number in durations)


async def test_a_project_uses_what_its_deployments_use_together(project: Project, deployment: Deployment) -> None:
    other = await cast.deployment(project)
    at = NOW - timedelta(minutes=2)
    both = [
        measured(one, at, samples=1, cpu_ms=7_500, memory=50, memory_max=50, requests=1) for one in (deployment, other)
    ]
    await metric.keep(both)
    [point] = await metric.points(project.id, at, FINEST, now=NOW)
    assert (point.cpu, point.memory, point.memory_max, point.requests) == (1.0, 100, 50, 2)
    [alone] = await metric.points(project.id, at, FINEST, now=NOW, deployment_id=other.id)
    assert (alone.cpu, alone.memory, alone.requests) == (0.5, 50, 1)


async def test_deployments_one_after_another_dont_use_twice_as_much(project: Project, deployment: Deployment) -> None:
    other, at = await cast.deployment(project), NOW - timedelta(minutes=1)
    await metric.keep(
        measured(deployment if second < 30 else other, at + timedelta(seconds=second), samples=1, memory=100)
        for second in (0, 15, 30, 45)
    )
    [point] = await metric.points(project.id, at, 60, now=NOW)
    assert point.memory == 100


async def test_details_go_and_hours_stay(project: Project, deployment: Deployment) -> None:
    days = [NOW - timedelta(days=age) for age in (0, 3, 29, 31)]
    await metric.keep(measured(deployment, at, samples=1) for at in days)
    await metric.forget_old(NOW + timedelta(minutes=1))
    kept = await fetch("SELECT step, count(*) FROM metric GROUP BY step ORDER BY step")
    assert [tuple(row.values()) for row in kept] == [(15, 1), (60, 1), (600, 1), (3600, 3)]


async def test_a_project_that_is_gone_leaves_nothing_and_stops_nobody(project: Project, deployment: Deployment) -> None:
    await metric.keep([measured(deployment, NOW, requests=1)])
    await project.delete()
    assert await fetch("SELECT 1 FROM metric") == []
    alive = await cast.deployment(await cast.project())
    await metric.keep([measured(deployment, NOW, requests=1), measured(alive, NOW, requests=1)])
    assert {row["deployment_id"] for row in await fetch("SELECT deployment_id FROM metric")} == {alive.id}


# What apps use


async def test_what_an_app_used_since_the_last_look_is_kept(
    world: FakeWorld, project: Project, deployment: Deployment
) -> None:
    name, meter = await app(world, deployment), Meter(world)
    for number, cpu in enumerate((90_000, 93_000, 93_750)):
        uses(world, name, Usage(cpu, 64_000_000, 1_000 * number, 2_000 * number, 0))
        await meter.tick(NOW + timedelta(seconds=FINEST * number))
    points = await metric.points(project.id, NOW - timedelta(hours=1), FINEST, now=NOW + timedelta(minutes=1))
    assert [(point.at, point.cpu, point.received, point.sent) for point in points] == [
        (NOW, 0.2, 1_000, 2_000),
        (NOW + timedelta(seconds=FINEST), 0.05, 1_000, 2_000),
    ], "the first look has nothing to compare with"
    assert [point.memory for point in points] == [64_000_000, 64_000_000]
    assert meter.totals()[str(deployment.id)].usage == Usage(93_750, 64_000_000, 2_000, 4_000, 0)


async def test_an_app_that_was_started_again_counts_from_nothing(
    world: FakeWorld, project: Project, deployment: Deployment
) -> None:
    name, meter = await app(world, deployment), Meter(world)
    uses(world, name, Usage(90_000, 1, 5_000, 5_000, 0))
    await meter.tick(NOW - timedelta(seconds=FINEST))
    uses(world, name, Usage(300, 1, 100, 200, 0), restarts=2)
    await meter.tick(NOW)
    point = await hour_of(project)
    assert (point.restarts, point.received, point.sent) == (2, 100, 200)
    assert point.cpu is not None
    assert point.cpu < 1


async def test_what_was_used_while_nobody_looked_is_no_peak(world: FakeWorld, deployment: Deployment) -> None:
    name, meter = await app(world, deployment), Meter(world)
    for minutes, cpu in ((10, 1_000), (5, 301_000)):
        uses(world, name, Usage(cpu, 1, 0, 0, 0))
        await meter.tick(NOW - timedelta(minutes=minutes))
    assert await fetch("SELECT 1 FROM metric") == []


async def test_an_app_that_has_ended_is_measured_no_more(world: FakeWorld, deployment: Deployment) -> None:
    name, meter = await app(world, deployment), Meter(world)
    await meter.tick(NOW)
    await world.containers.stop(name)
    await meter.tick(NOW + timedelta(seconds=FINEST))
    assert await fetch("SELECT 1 FROM metric") == []
    assert meter.totals() == {}


async def test_an_engine_that_is_away_costs_no_requests(
    world: FakeWorld, project: Project, deployment: Deployment
) -> None:
    meter = Meter(world)
    meter.count(str(project.id), served(deployment, at=NOW - timedelta(seconds=1)))
    world.containers.away = -1
    await meter.tick(NOW)
    assert (await hour_of(project)).requests == 1


async def test_a_database_that_is_away_gets_it_later(
    world: FakeWorld, project: Project, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    meter, keep = Meter(world), metric.keep

    async def away(_: object) -> None:
        raise DBConnectionError("away")

    for number in range(3):
        monkeypatch.setattr(metric, "keep", keep if number == 2 else away)
        meter.count(str(project.id), served(deployment, at=NOW - timedelta(seconds=1)))
        await meter.tick(NOW)
    assert (await hour_of(project)).requests == 3


async def test_one_process_measures_at_a_time(world: FakeWorld, deployment: Deployment) -> None:
    world.access_log.serve(deployment.id, "/once")
    async with measuring(world), measuring(world):
        await until(lambda: world.logs.texts("request"))
        await asyncio.sleep(0.05)
    assert world.logs.texts("request") == ["GET /once"]


# What apps answer


def served(deployment: Deployment, path: str = "/", status: int = 200, **facts: Any) -> Served:
    told: dict[str, Any] = {"at": NOW, "method": "GET", "duration": 12.0, "lasting": False, "cursor": "1", **facts}
    return Served(deployment=str(deployment.id), path=path, status=status, **told)


async def test_a_request_is_a_line_of_its_deployments_log(world: FakeWorld, deployment: Deployment) -> None:
    for path, status in (("/", 200), ("/cart", 404), ("/pay", 502)):
        world.access_log.serve(deployment.id, path, status, duration=80.5)
    async with measuring(world):
        await until(lambda: len(world.logs.lines) == 3)
    assert [(line.text, line.level, line.source) for line in world.logs.lines] == [
        ("GET /", "info", "request"),
        ("GET /cart", "warning", "request"),
        ("GET /pay", "error", "request"),
    ]
    assert [line.request and line.request.status for line in world.logs.lines] == [200, 404, 502]
    assert {line.request and line.request.duration for line in world.logs.lines} == {80.5}
    assert set(world.logs.project_of.values()) == {str(deployment.project_id)}


async def test_requests_are_counted_by_status_and_duration(
    world: FakeWorld, project: Project, deployment: Deployment
) -> None:
    await app(world, deployment)
    meter = Meter(world)
    for status, duration in ((200, 5), (301, 5), (404, 40), (500, 400)):
        meter.count(str(project.id), served(deployment, status=status, duration=float(duration)))
    meter.count(str(project.id), served(deployment, status=101, duration=3_600_000.0, lasting=True))
    await meter.tick(NOW)
    point = await hour_of(project)
    assert (point.requests, point.refused, point.failed) == (5, 1, 1)
    assert sum(point.durations) == 4, "how long a WebSocket was open says nothing of the app"
    most = metric.percentile(point.durations, 0.95)
    assert most is not None
    assert 300 < most <= 500
    assert meter.totals()[str(deployment.id)].requests == {"2xx": 1, "3xx": 1, "4xx": 1, "5xx": 1, "1xx": 1}


async def test_an_open_log_hears_of_a_request_with_its_status(
    world: FakeWorld, project: Project, deployment: Deployment
) -> None:
    world.access_log.serve(deployment.id, "/broken", status=502)
    async with measuring(world):
        await until(lambda: world.live.said)
    told = {happening.topic: json.loads(json.dumps(happening.payload)) for happening in world.live.said}
    [line] = told[f"log:project:{project.id}"]["lines"]
    failed = Search(str(project.id), source="request", status=(500, 599))
    assert failed.fits(line, str(deployment.id))
    assert not replace(failed, slower_than=1_000.0).fits(line, str(deployment.id))
    assert failed.live(line, str(deployment.id)).request == Request(502, 12.0)


async def test_a_variables_value_in_a_path_is_masked(world: FakeWorld, deployment: Deployment) -> None:
    world.access_log.serve(deployment.id, f"/hooks/{SECRET}")
    async with measuring(world):
        await until(lambda: world.logs.texts())
    assert world.logs.texts() == ["GET /hooks/********"]


async def test_a_restart_neither_loses_nor_repeats_requests(world: FakeWorld, deployment: Deployment) -> None:
    for number in range(3):
        world.access_log.serve(deployment.id, f"/{number}")
    async with measuring(world):
        await until(lambda: len(world.logs.lines) == 3)
    for number in range(3, 6):
        world.access_log.serve(deployment.id, f"/{number}")
    async with measuring(world):
        await until(lambda: len(world.logs.lines) == 6)
        await until(lambda: world.access_log.released == "6")
    assert world.logs.texts() == [f"GET /{number}" for number in range(6)]


async def test_requests_wait_for_a_log_store_that_is_away(world: FakeWorld, deployment: Deployment) -> None:
    async with measuring(world):
        await world.access_log.read_to_the_end.wait()
        world.logs.away = -1
        world.access_log.serve(deployment.id, "/kept")
        await world.access_log.read_to_the_end.wait()
        assert world.access_log.released == "", "its place on the disk is still needed"
        world.logs.away = 0
        await until(lambda: world.access_log.released == "1")
    assert world.logs.texts() == ["GET /kept"]


async def test_a_flood_is_counted_but_not_listed(
    world: FakeWorld, project: Project, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "BURST", 50.0)
    for _ in range(1_000):
        world.access_log.serve(deployment.id, at=NOW)
    async with measuring(world) as meter:
        await until(lambda: len(world.logs.lines) > 50)
        assert meter.totals()[str(deployment.id)].requests == {"2xx": 1_000}
    assert world.logs.texts()[50:] == ["950 requests not listed: more came than can be kept."]
    assert world.logs.lines[50].level == "warning"
    assert (await hour_of(project)).requests == 1_000, "kept as the process ended"


async def test_a_flood_of_one_app_hides_nothing_of_another(
    world: FakeWorld, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "BURST", 50.0)
    quiet = await cast.deployment(await cast.project(await cast.carol()))
    for _ in range(100):
        world.access_log.serve(deployment.id, at=NOW)
    world.access_log.serve(quiet.id, "/quiet")
    async with measuring(world):
        await until(lambda: "GET /quiet" in world.logs.texts())


async def test_requests_to_what_is_gone_are_left_out(world: FakeWorld, deployment: Deployment) -> None:
    world.access_log.serve(uuid4(), "/gone")
    world.access_log.serve(deployment.id, "/here")
    async with measuring(world):
        await until(lambda: world.logs.texts() == ["GET /here"])


# The outer world


async def test_traefiks_own_words_are_understood(services: Endpoints) -> None:
    """A real Traefik's log: whose the request was, and neither its query nor our own looks."""
    assert services.traefik_config_dir
    assert services.traefik_access_log
    config, project, deployment = services.traefik_config_dir, str(uuid4()), str(uuid4())
    proxy = TraefikProxy(config, staging=config.parent / "staging", entrypoint=str(services.traefik_url), api_ping=None)
    host = f"metrics-{project[:8]}.localhost"
    await proxy.write(RouteTable(project, (Route(host, deployment, "http://127.0.0.1:1"),)))
    found: list[Served] = []
    try:
        assert not await proxy.seen(host, "/", deployment, timeout=0.2)
        async with aiohttp.ClientSession(skip_auto_headers=("User-Agent",)) as client:
            url = f"{services.traefik_url}/pay%20now?card=canary-4711"
            async with asyncio.timeout(PATIENCE):
                while True:
                    async with client.post(url, headers={"Host": host}) as answer:
                        if answer.status == 502:
                            break
                    await asyncio.sleep(0.02)
        async with asyncio.timeout(PATIENCE), aclosing(TraefikAccessLog(services.traefik_access_log).follow()) as said:
            while not found:
                served = await anext(said)
                found += [served] if served and served.deployment == deployment else []
    finally:
        await proxy.write(RouteTable(project, ()))
    assert [(served.method, served.path, served.status) for served in found] == [("POST", "/pay%20now", 502)]
    assert abs(found[0].at - datetime.now(UTC)) < timedelta(minutes=5)
    assert "canary-4711" not in services.traefik_access_log.read_text()
    assert services.traefik_access_log.parent.stat().st_mode & 0o077 == 0, "addresses of visitors are in there"


async def test_a_real_engine_says_what_a_container_uses() -> None:
    async with own_engine() as engine:
        command = ("sh", "-c", "while :; do :; done")
        labels, limits = {plan.KIND: "app"}, Limits(64, 100_000, 64)
        image, network = await small_image(engine), await own_network(engine)
        name = f"{engine.prefix}metrics"
        await engine.create(ContainerSpec(name, image, labels, limits, network, command=command))
        try:
            assert await engine.usage(name) is None, "it doesn't run yet"
            await engine.start(name)
            first = await engine.usage(name)
            assert first
            assert (first.restarts, 0 < first.memory < 64 * 1024 * 1024) == (0, True)
            await until(lambda: _used_more(engine, name, first.cpu_ms))
        finally:
            await engine.remove(name)
        assert await engine.usage(name) is None


async def _used_more(engine: DockerContainers, name: str, than: int) -> bool:
    usage = await engine.usage(name)
    return usage is not None and usage.cpu_ms > than


# Pages


@pytest.fixture
async def alice(world: FakeWorld, project: Project) -> Visitor:
    return await Visitor(dashboard(world)).signed_in(await cast.alice())


async def an_hour(deployment: Deployment) -> None:
    """Something of everything in the last minutes."""
    now = beginning(datetime.now(UTC), FINEST)
    used = {"samples": 1, "cpu_ms": 3_000, "memory": 128 * 1024 * 1024, "received": 2_000_000, "sent": 4_000_000}
    one = {"requests": 4, "refused": 1, "failed": 2, "restarts": 1}
    times = [now - timedelta(seconds=FINEST * number) for number in range(1, 9)]
    await metric.keep(replace(measured(deployment, at, **used, **one), durations=tuple(DURATIONS)) for at in times)


async def test_the_page_draws_what_was_measured(alice: Visitor, project: Project, deployment: Deployment) -> None:
    await an_hour(deployment)
    page = await alice.get(f"/projects/{project.slug}/metrics")
    assert page.status == 200
    for words in (
        "32 requests, 50.0% failed",
        "p50 25 ms, p95 30 ms",
        "0.20 of 1 core",
        "128 of 256 MB",
        "16.0 MB received, 32.0 MB sent",
        "8 in all",
    ):
        assert words in page.words
    assert page.text.count("<path data-tone=") == 10
    assert len(page.body) < 20_000


async def test_the_page_of_one_deployment_shows_only_its_own(
    alice: Visitor, project: Project, deployment: Deployment
) -> None:
    await an_hour(deployment)
    other = await cast.deployment(project)
    await metric.keep([measured(other, beginning(datetime.now(UTC), FINEST) - timedelta(minutes=1), requests=7)])
    base = f"/projects/{project.slug}/metrics"
    assert "39 requests" in (await alice.get(base)).words
    assert "32 requests" in (await alice.get(f"{base}?deployment={deployment.id}")).words
    assert "7 requests" in (await alice.get(f"{base}?deployment={other.id.hex[:7]}&span=24h")).words


async def test_the_page_says_what_will_be_here(alice: Visitor, project: Project) -> None:
    page = await alice.get(f"/projects/{project.slug}/metrics?span=nonsense&deployment=nobodys")
    assert page.status == 200
    assert "Nothing measured yet" in page.words


async def test_the_browser_gets_every_point(alice: Visitor, project: Project, deployment: Deployment) -> None:
    await an_hour(deployment)
    for span, (time, step) in metric.SPANS.items():
        answer = await alice.get(f"/projects/{project.slug}/metrics/data?span={span}")
        said = json.loads(answer.text)
        assert abs(len(said["at"]) - time.total_seconds() / step) <= 1
        assert [chart["name"] for chart in said["charts"]] == [
            "requests",
            "durations",
            "cpu",
            "memory",
            "network",
            "restarts",
        ]
        for chart in said["charts"]:
            assert {len(series["values"]) for series in chart["series"]} == {len(said["at"])}
    hour = json.loads((await alice.get(f"/projects/{project.slug}/metrics/data")).text)
    [cpu] = [chart["series"][0]["values"] for chart in hour["charts"] if chart["name"] == "cpu"]
    assert [value for value in cpu if value is not None] == [0.2] * 8


async def test_the_overview_has_small_charts_of_the_last_hour(
    alice: Visitor, project: Project, deployment: Deployment
) -> None:
    fragment = f"/projects/{project.slug}/metrics/lately"
    assert "<svg" not in (await alice.get(fragment)).text
    await an_hour(deployment)
    shown = await alice.get(fragment)
    assert "32 requests, 50.0% failed" in shown.words
    assert "128 MB" in shown.words
    assert len(re.findall(r'<path[^>]* d="M', shown.text)) == 4


# Prometheus


async def test_prometheus_needs_the_token(world: FakeWorld, db: str) -> None:
    assert (await Visitor(dashboard(world)).get("/metrics")).status == 404
    world.settings = replace(world.settings, metrics_token="a token of many letters")
    visitor = Visitor(dashboard(world))
    for shown in ("", "Bearer ", "Bearer another", "a token of many letters?", "Bearer ünïcode"):
        answer = await visitor.get("/metrics", headers={"Authorization": shown} if shown else {})
        assert answer.status == 401
    answer = await visitor.get("/metrics", headers={"Authorization": "Bearer a token of many letters"})
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert 'devpush_deployments{state="queued"} 0' in answer.text


async def test_prometheus_reads_deployments_by_their_names(
    world: FakeWorld, project: Project, deployment: Deployment
) -> None:
    world.settings = replace(world.settings, metrics_token="a token of many letters")
    world.metering.measured = {
        str(deployment.id): Total(str(project.id), durations=DURATIONS, usage=Usage(2_500, 4096, 1, 2, 3)),
        str(uuid4()): Total("gone", usage=Usage(1, 1, 1, 1, 1)),
    }
    token = {"Authorization": "Bearer a token of many letters"}
    text = (await Visitor(dashboard(world)).get("/metrics", headers=token)).text
    of = f'project="{project.slug}",environment="production",deployment="{deployment.id.hex[:7]}"'
    assert re.findall(r"devpush_app_cpu_seconds_total\{.*", text) == [f"devpush_app_cpu_seconds_total{{{of}}} 2.5"]


async def test_reading_a_month_stays_quick(db: str, project: Project, deployment: Deployment) -> None:
    """The index serves it: other projects' rows aren't touched."""
    connection = await asyncpg.connect(db)
    try:
        said = await connection.fetch(
            "EXPLAIN SELECT at FROM metric WHERE project_id = $1 AND step = 3600 AND at >= now() - interval '30 days'",
            project.id,
        )
    finally:
        await connection.close()
    assert "metric_pkey" in "\n".join(row[0] for row in said)
