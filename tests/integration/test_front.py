"""Two processes of one installation, side by side during an update: which of them serves the dashboard."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import asyncpg
import pytest

from devpush.deploy import front, rollback
from devpush.deploy.sweep import Sweeper
from devpush.errors import Unavailable
from devpush.jobs import call
from devpush.jobs.pool import Pool
from devpush.models import Deployment, Installation
from devpush.ports import Happening
from devpush.settings import Settings
from tests import cast
from tests.fakes import FakeWorld, fake_world
from tests.patience import PATIENCE, until

BLUE, GREEN = "http://127.0.0.1:8001", "http://127.0.0.1:8002"


@pytest.fixture
async def blue(db: str, settings: Settings) -> FakeWorld:
    await Installation.this()
    return fake_world(replace(settings, port=8001))


@pytest.fixture
async def green(blue: FakeWorld, settings: Settings) -> FakeWorld:
    """Beside blue, with the same Traefik, engine and Redis; by now the dashboard has another name."""
    world = fake_world(replace(settings, port=8002, env="production", hostname="new.example.com"))
    world.proxy, world.containers, world.leases, world.live = blue.proxy, blue.containers, blue.leases, blue.live
    return world


async def test_who_is_ready_takes_the_dashboard(blue: FakeWorld, green: FakeWorld) -> None:
    blue.proxy.marks |= {BLUE: "blue's life", GREEN: "green's life"}
    await front.take(blue, "blue's life")
    assert blue.proxy.platform == (BLUE, None)
    await front.take(green, "green's life")
    assert green.proxy.platform == (GREEN, "new.example.com")
    assert (await Installation.this()).front == GREEN


async def test_without_being_seen_through_traefik_it_gives_the_dashboard_back(
    blue: FakeWorld, green: FakeWorld
) -> None:
    blue.proxy.marks |= {BLUE: "blue's life", GREEN: "a stranger on its port"}
    await front.take(blue, "blue's life")
    with pytest.raises(Unavailable, match="lead to the dashboard at"):
        await front.take(green, "green's life")
    assert (await Installation.this()).front == BLUE
    assert blue.proxy.platform == (BLUE, "new.example.com")


async def test_the_front_alone_says_where_the_dashboard_is(blue: FakeWorld, green: FakeWorld) -> None:
    """The one before has the settings of before: it would give the dashboard its old name back."""
    blue.proxy.marks |= {BLUE: "blue's life", GREEN: "green's life"}
    await front.take(blue, "blue's life")
    await front.take(green, "green's life")
    blue.proxy.platform = None  # Traefik's folder was emptied
    await Sweeper(blue).sweep()
    assert blue.proxy.platform is None
    await Sweeper(green).sweep()
    assert green.proxy.platform == (GREEN, "new.example.com")


async def test_who_was_in_front_does_not_take_it_back_in_the_moment_in_which_it_is_taken(
    db: str, blue: FakeWorld, green: FakeWorld
) -> None:
    """The dashboard led to a process that was being stopped, until the next sweep: 502 for everybody."""
    green.proxy.marks |= {GREEN: "green's life"}
    await front.take(green, "green's life")
    connection = await asyncpg.connect(db)
    async with connection.transaction():
        await connection.execute("UPDATE installation SET front = $1", BLUE)
        following = asyncio.create_task(front.follow(green))
        waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        await until(lambda: _one(connection, waits))
    await following
    await connection.close()
    assert (await Installation.this()).front == BLUE


async def _one(connection: asyncpg.Connection, query: str) -> object:
    return await connection.fetchval(query)


async def test_a_sweep_leaves_the_rollback_alone_that_the_other_process_is_at(
    blue: FakeWorld, green: FakeWorld
) -> None:
    deployment = await cast.deployment(await cast.project(), health="waking")
    async with blue.leases.hold(f"rollback:{deployment.id}"):
        await rollback.forget_cut_off(green)
        assert (await Deployment.get(id=deployment.id)).health == "waking"
    await rollback.forget_cut_off(green)  # its process was killed: the lease has run out
    assert (await Deployment.get(id=deployment.id)).health == "ok"


@asynccontextmanager
async def answering(world: FakeWorld, orders: dict[str, call.Order] | None = None) -> AsyncIterator[Pool]:
    """A process's pool, which hears what the other one calls for."""
    pool = Pool(2)
    listening = asyncio.create_task(call.answer(world.live, pool, orders or {}))
    await until(lambda: world.live._listeners)
    try:
        yield pool
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def test_a_cancellation_reaches_the_process_that_works_on_the_deployment(
    blue: FakeWorld, green: FakeWorld
) -> None:
    deployment = await cast.deployment(await cast.project())
    async with answering(blue) as blues:
        working = blues.tasks[deployment.id] = asyncio.create_task(asyncio.sleep(PATIENCE))
        call.OneOfTwo(green.live, Pool(2)).stop(str(deployment.id))
        await until(working.cancelled)


async def test_what_is_queued_with_a_draining_process_is_taken_by_the_other_at_once(
    blue: FakeWorld, green: FakeWorld
) -> None:
    async with answering(green) as greens:
        draining = Pool(2)
        await draining.finish(0)
        call.OneOfTwo(blue.live, draining).wake()
        await until(greens._woken.is_set)


async def test_an_order_that_a_process_does_not_know_harms_nothing(blue: FakeWorld) -> None:
    """A later version's, during an update."""
    heard: list[object] = []
    async with answering(blue, {"drain": heard.append}):
        await blue.live.publish([Happening(call.TOPIC, "dance"), Happening(call.TOPIC, "drain", {"port": 8001})])
        await until(lambda: heard == [{"port": 8001}])
