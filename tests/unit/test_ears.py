"""Open pages hear what concerns them, by one subscription a topic."""

import asyncio

from devpush.ports import Happening
from devpush.web import ears
from devpush.web.ears import Ears
from tests.fakes import FakeLive


async def test_many_pages_are_one_subscription() -> None:
    live = FakeLive()
    listening = Ears(live, asyncio.Event())
    async with listening.listen(["a", "b"]) as one, listening.listen(["a"]) as two:
        assert len(live._listeners) == 2
        await live.publish([Happening("a", "x"), Happening("b", "y"), Happening("c", "z")])
        await one.news(1)
        await two.news(1)
        assert {happening.kind for happening in one.heard} == {"x", "y"}
        assert [happening.kind for happening in two.heard] == ["x"]
    assert not live._listeners
    assert not listening.topics


async def test_from_the_moment_of_listening_nothing_is_missed() -> None:
    live = FakeLive()
    async with Ears(live, asyncio.Event()).listen(["a"]) as ear:
        await live.publish([Happening("a", "x")])
        await ear.news(1)
        assert ear.heard


async def test_who_is_slow_is_told_that_something_is_missing() -> None:
    live = FakeLive()
    async with Ears(live, asyncio.Event()).listen(["a"]) as ear:
        await live.publish([Happening("a", "x")] * (ears.MOST_WAITING + 5))
        while not ear.heard:
            await asyncio.sleep(0)
        assert [happening.kind for happening in ear.heard] == ["gap", *["x"] * 4]


async def test_when_the_process_stops_every_page_knows_at_once() -> None:
    stopping = asyncio.Event()
    listening = Ears(FakeLive(), stopping)
    async with listening.listen(["a"]) as one, listening.listen(["b"]) as two:
        stopping.set()
        for ear in (one, two):
            await ear.news(60)
            assert ear.ended
    async with listening.listen(["a"]) as late:
        assert late.ended


async def test_nobody_waits_longer_than_they_said() -> None:
    async with Ears(FakeLive(), asyncio.Event()).listen(["a"]) as ear:
        await ear.news(0.01)
        await ear.news(-1)
        assert not ear.heard
