"""What is happening reaches everyone who listens, and leases have one holder, whatever becomes of Redis."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from devpush.adapters import redis as adapter
from devpush.adapters.redis import RedisLeases, RedisLive
from devpush.errors import Unavailable
from devpush.ports import Happening
from tests.conftest import Killing
from tests.patience import PATIENCE, until

pytestmark = pytest.mark.integration
NOWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture
async def plain(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url, decode_responses=True) as redis:
        yield redis
        await redis.flushall()


@pytest.fixture
async def live(redis_url: str, plain: Redis) -> AsyncIterator[RedisLive]:
    async with RedisLive(redis_url, "11111111") as live:
        yield live


@pytest.fixture
async def leases(redis_url: str, plain: Redis) -> AsyncIterator[RedisLeases]:
    async with RedisLeases(redis_url, "11111111") as leases:
        yield leases


def news(topic: str, number: int = 0) -> Happening:
    return Happening(topic, "deployment", {"id": number})


async def hear(listening: AsyncIterator[Happening | None], within: float = PATIENCE) -> Happening:
    """The next happening, heartbeats left out."""
    async with asyncio.timeout(within):
        async for happening in listening:
            if happening:
                return happening
    raise AssertionError("the stream ended")


async def test_everyone_hears_what_they_asked_for(live: RedisLive, redis_url: str) -> None:
    async with RedisLive(redis_url, "11111111") as other, RedisLive(redis_url, "22222222") as stranger:
        await settled(live, other, stranger)
        async with (
            live.subscribe(["a", "b"]) as mine,
            other.subscribe(["b"]) as theirs,
            stranger.subscribe(["a", "b"]) as foreign,
        ):
            await live.publish([news("a", 1), news("c", 2), news("b", 3)])
            assert [(await hear(mine)).payload["id"] for _ in range(2)] == [1, 3]
            assert (await hear(theirs)).payload["id"] == 3
            await stranger.publish([news("a", 4)])
            assert (await hear(foreign)).payload["id"] == 4, "another installation's news are not for us"
    assert live.subscribers == {}


async def test_news_travel_one_by_one_and_wait_for_no_round(live: RedisLive) -> None:
    """If the reader heard of them only when its question ends (BLOCK), these would take a quarter of an hour."""
    await settled(live)
    async with live.subscribe(["a"]) as listening, asyncio.timeout(PATIENCE):
        for number in range(200):
            await live.publish([news("a", number)])
            assert (await hear(listening)).payload["id"] == number


async def test_silence_has_a_heartbeat(live: RedisLive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "HEARTBEAT", 0.05)
    await settled(live)
    async with live.subscribe(["a"]) as listening:
        assert await anext(listening) is None
        await live.publish([news("a", 7)])
        assert (await hear(listening)).payload["id"] == 7


async def test_who_is_slow_is_told_of_the_gap(live: RedisLive) -> None:
    await settled(live)
    async with live.subscribe(["a"]) as slow:
        for _ in range(3):
            await live.publish([news("a", number) for number in range(500)])
        await until(lambda: live.heard.get(live.name) == 1500)
        assert (await hear(slow)).kind == "gap"
        rest = slow.queue  # type: ignore[attr-defined]
        assert len(rest) == 499
        await live.publish([news("a", 9999)])
        for _ in range(500):
            last = await hear(slow)
        assert last.payload["id"] == 9999


async def test_a_lost_happening_is_noticed_by_its_number(live: RedisLive, redis_url: str) -> None:
    async with RedisLive(redis_url, "11111111") as other:
        await settled(live, other)
        async with live.subscribe(["a"]) as listening:
            await other.publish([news("a", 1)])
            assert (await hear(listening)).kind == "deployment"
            other.told += 1  # one that never reached Redis
            await other.publish([news("a", 3)])
            assert [(await hear(listening)).kind for _ in range(2)] == ["gap", "deployment"]


async def test_a_flush_loses_nobody(live: RedisLive, plain: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "BLOCK", 0.3)
    await live.publish([news("a", 0)])
    await settled(live)
    async with live.subscribe(["a"]) as listening:
        await live.publish([news("a", 1)])
        assert (await hear(listening)).payload["id"] == 1
        await plain.flushall()
        assert (await hear(listening)).kind == "gap"
        await live.publish([news("a", 2)])
        assert (await hear(listening)).payload["id"] == 2


async def test_redis_killed_and_back(killing: Killing, live: RedisLive) -> None:
    await settled(live)
    async with live.subscribe(["a"]) as listening:
        await live.publish([news("a", 1)])
        assert (await hear(listening)).payload["id"] == 1
        killing.kill("valkey")
        await killing.back("valkey")
        assert (await hear(listening)).kind == "gap"
        await live.publish([news("a", 2)])
        assert (await hear(listening)).payload["id"] == 2


async def test_publishing_never_fails(redis_url: str) -> None:
    async with RedisLive(NOWHERE, "11111111") as live:
        async with asyncio.timeout(PATIENCE):
            await live.publish([news("a")])
        with pytest.raises(Unavailable):
            await live.ping()
        async with live.subscribe(["a"]):
            pass


async def test_a_stuck_redis_holds_nobody_up(live: RedisLive, services_dir: Path) -> None:
    await settled(live)
    async with frozen_valkey(services_dir):
        async with asyncio.timeout(PATIENCE):  # it gives up while Redis still hangs
            await live.publish([news("a")])
    async with live.subscribe(["a"]) as listening:
        await live.publish([news("a", 5)])
        while (await hear(listening)).payload.get("id") != 5:
            pass


async def test_the_stream_stays_small(live: RedisLive, plain: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "STREAM_BYTES", 1_000_000)
    await settled(live)
    async with live.subscribe(["a"]) as listening:
        for _ in range(40):
            await live.publish([Happening("a", "lines", {"text": "x" * 10_000}) for _ in range(10)])
        size = await plain.memory_usage(live.key, samples=0)
        assert size is not None
        assert size < 2_500_000
        await live.publish([Happening("a", "lines", {"text": "x" * 1_000_000})])
        await until(lambda: live.heard.get(live.name) == 401)
        kinds = [happening.kind for happening in listening.queue]  # type: ignore[attr-defined]
        assert kinds[-1] == "gap", "what is too large for the stream is read from the database"


async def test_at_the_end_listeners_are_let_go(redis_url: str) -> None:
    async with AsyncExitStack() as stack:
        live = await stack.enter_async_context(RedisLive(redis_url, "11111111"))
        async with live.subscribe(["a"]) as listening:
            await settled(live)
            await stack.aclose()
            assert [happening async for happening in listening if happening and happening.kind != "gap"] == []


async def test_at_the_end_no_call_is_left_that_would_connect_again(redis_url: str) -> None:
    async with RedisLive(redis_url, "11111111") as live:
        telling = asyncio.create_task(live.publish([news("a")]))
        await asyncio.sleep(0)
        telling.cancel()
    assert not live.calls.open


# Leases


async def test_a_lease_has_one_holder(leases: RedisLeases, plain: Redis) -> None:
    async with leases.hold("deployment:1") as mine:
        assert mine is not None
        assert 0 < await plain.pttl("devpush:11111111:lease:deployment:1") <= 10_000, "a dead process's lease ends"
        async with leases.hold("deployment:1") as theirs, leases.hold("deployment:2") as another:
            assert theirs is None
            assert another is not None
        assert not mine.lost
    async with leases.hold("deployment:1") as again:
        assert again is not None


async def test_a_lease_is_renewed_while_it_is_held(leases: RedisLeases, plain: Redis) -> None:
    left = [0]

    async def renewed() -> bool:
        left.append(await plain.pttl("devpush:11111111:lease:a"))
        assert left[-1] > 0, "it ended meanwhile"
        return left[-1] > left[-2] > 0

    async with leases.hold("a", ttl=6) as mine:
        assert mine is not None
        await until(renewed)
        assert not mine.lost
        async with leases.hold("a") as theirs:
            assert theirs is None
    assert await plain.get("devpush:11111111:lease:a") is None


async def test_the_lease_of_a_dead_process_ends(leases: RedisLeases, plain: Redis) -> None:
    await plain.set("devpush:11111111:lease:a", "dead", px=60_000)
    async with leases.hold("a") as mine:
        assert mine is None
    await plain.pexpire("devpush:11111111:lease:a", 1)
    await until(lambda: gone(plain, "devpush:11111111:lease:a"))
    async with leases.hold("a") as mine:
        assert mine is not None


async def test_a_lease_that_another_took_is_lost_and_left_alone(leases: RedisLeases, plain: Redis) -> None:
    async with leases.hold("a", ttl=0.3) as mine:
        assert mine is not None
        await plain.set("devpush:11111111:lease:a", "another's")
        await until(lambda: mine.lost)
    assert await plain.get("devpush:11111111:lease:a") == "another's"


async def test_a_flush_takes_no_lease_away(leases: RedisLeases, plain: Redis) -> None:
    async with leases.hold("a", ttl=6) as mine:
        assert mine is not None
        await plain.flushall()
        await until(lambda: plain.get("devpush:11111111:lease:a"))
        async with leases.hold("a") as theirs:
            assert theirs is None
        assert not mine.lost


async def test_redis_killed_takes_no_lease_away(killing: Killing, leases: RedisLeases, plain: Redis) -> None:
    async with leases.hold("a", ttl=0.6) as mine:
        assert mine is not None
        killing.kill("valkey")
        await killing.back("valkey")
        await until(lambda: plain.get("devpush:11111111:lease:a"))
        assert not mine.lost


async def test_redis_stuck_for_longer_than_the_lease(leases: RedisLeases, services_dir: Path) -> None:
    async with leases.hold("a", ttl=0.6) as mine:
        assert mine is not None
        async with frozen_valkey(services_dir):
            with pytest.raises(Unavailable, match="Redis doesn't answer"):
                async with leases.hold("b"):
                    pass
            assert not mine.lost
        async with leases.hold("a") as theirs:
            if theirs:  # it was the first to ask; the other hears of it when it asks
                await until(lambda: mine.lost)


async def test_without_redis_nobody_gets_a_lease() -> None:
    async with RedisLeases(NOWHERE, "11111111") as leases:
        with pytest.raises(Unavailable):
            async with leases.hold("a"):
                pass


async def settled(*all: RedisLive) -> None:
    """Until each reader knows where the stream is: what was told before is nobody's gap."""
    for live in all:
        async with live.subscribe(["settling"]) as listening:
            while True:
                await live.publish([news("settling")])
                if (await hear(listening)).kind == "deployment":
                    break
    await asyncio.sleep(0.05)
    for live in all:
        live.told, live.heard = 0, {}


async def gone(plain: Redis, key: str) -> bool:
    return not await plain.exists(key)


def valkey_pid(services_dir: Path) -> int:
    return int((services_dir / "run" / "valkey.pid").read_text())


@asynccontextmanager
async def frozen_valkey(services_dir: Path) -> AsyncIterator[None]:
    pid = valkey_pid(services_dir)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
