"""Loki may be slow, away, or refuse what it is sent: no line is lost, none doubled, and whoever looks is told."""

import asyncio
import logging
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from devpush import serve
from devpush.adapters import loki as adapter
from devpush.adapters.logtable import LogTable
from devpush.adapters.loki import LokiLogs
from devpush.deploy.keeper import ROOM, Item, Keeper
from devpush.errors import Unavailable
from devpush.local import Endpoints
from devpush.ports import NewLine
from devpush.settings import Settings
from tests.fakes import FakeWorld
from tests.loki_server import OLDEST, SECOND, TAKEN, LokiServer
from tests.patience import PATIENCE, until

pytestmark = pytest.mark.integration
PROJECT, DEPLOYMENT, INSTALLATION = str(uuid4()), str(uuid4()), "0a1b2c3d"
KEEP = timedelta(days=30)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "PAUSES", (0.02,))
    monkeypatch.setattr(adapter, "LOOK_EVERY", 0.05)


@pytest.fixture
async def server() -> AsyncIterator[LokiServer]:
    async with LokiServer().serving() as server:
        yield server


Opened = Callable[[], LokiLogs]


@pytest.fixture
def store_of(server: LokiServer, tmp_path: Path) -> Callable[[], LokiLogs]:
    """A process of its own each time; they share the spool."""
    return lambda: LokiLogs(server.url, tmp_path / "spool", INSTALLATION, spool=10_000_000, keep=KEEP)


@pytest.fixture
async def store(store_of: Opened) -> AsyncIterator[LokiLogs]:
    async with store_of() as store:
        yield store


def line(text: object, *, at: datetime | None = None) -> NewLine:
    return NewLine(PROJECT, DEPLOYMENT, at or datetime.now(UTC), "run", "out", str(text))


def numbers(count: int, start: int = 0) -> list[NewLine]:
    return [line(number) for number in range(start, start + count)]


async def there(store: LokiLogs, texts: list[str]) -> None:
    """Until those lines are found, once each and in their order, and no others."""
    found: list[str] = []

    async def so() -> bool:
        found[:] = [line.text for line in await store.search(PROJECT, limit=10_000)]
        return found == texts

    try:
        await until(so, within=20)
    except TimeoutError:
        raise AssertionError(f"{found}, not {texts}") from None


def as_texts(lines: list[NewLine]) -> list[str]:
    return [line.text for line in lines]


async def test_lines_wait_on_disk_while_loki_is_away(
    server: LokiServer, store: LokiLogs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "SEEN_WITHIN", 0.5)
    await store.append(numbers(10))
    async with server.away():
        kept = await store.append(numbers(10, 10), cursors={"app": "20"})
        assert as_texts(numbers(10, 10)) == [line.text for line in kept]
        assert await store.cursors() == {"app": "20"}
        with pytest.raises(Unavailable, match="Loki doesn't answer"):
            await store.search(PROJECT)
        with pytest.raises(Unavailable, match="Loki doesn't answer"):
            await store.count(PROJECT, deployment=DEPLOYMENT, before=2**53)
        with pytest.raises(Unavailable, match="Loki doesn't answer"):
            await store.ping()
        with pytest.raises(Unavailable, match="Log lines still wait for Loki"):
            await store.forget(project=PROJECT)
    await there(store, as_texts(numbers(20)))
    await store.ping()


async def test_appending_to_a_loki_that_is_away_is_quick(server: LokiServer, store: LokiLogs) -> None:
    async with server.away():
        await store.append(numbers(1))
        started = time.monotonic()
        for number in range(20):
            await store.append([line(number)])
        assert time.monotonic() - started < adapter.SEEN_WITHIN


async def test_a_line_is_in_loki_before_it_is_told_of(server: LokiServer, store: LokiLogs) -> None:
    for number in range(10):
        await store.append([line(number)])
        assert len(server.lines()) == number + 1


@pytest.mark.parametrize("answer", [429, 500, 503, 401, 404, 260, TAKEN])
async def test_what_was_not_taken_is_sent_again_and_is_there_once(
    server: LokiServer, store: LokiLogs, answer: int
) -> None:
    """Also what was taken in, though the answer never came."""
    server.troubles = [answer] * 3
    await store.append(numbers(20))
    await store.append(numbers(20, 20))
    await there(store, as_texts(numbers(40)))
    assert len(server.lines()) == 40
    await until(lambda: server.pushes >= 4)
    assert len(server.lines()) == 40


async def test_one_line_that_loki_refuses_holds_up_no_other(
    server: LokiServer, store: LokiLogs, caplog: pytest.LogCaptureFixture
) -> None:
    server.refuses = "poison"
    texts = as_texts(numbers(100))
    texts[37] = "poison for Loki"
    await store.append([line(text) for text in texts])
    await store.append([line("after")])
    texts[37] = "A line was left out: Loki refused it (this one is refused)."
    await there(store, [*texts, "after"])
    [said] = [line for line in await store.search(PROJECT, limit=200) if line.text == texts[37]]
    assert (said.stream, said.level) == ("system", "warning")
    assert "log line refused by Loki" in caplog.messages


async def test_a_loki_that_refuses_everything_loses_nothing(server: LokiServer, store: LokiLogs) -> None:
    server.refuses = DEPLOYMENT
    await store.append(numbers(5))
    await until(lambda: "refuses whatever it is sent" in store.sender.trouble)
    server.refuses = ""
    await there(store, as_texts(numbers(5)))


@pytest.mark.parametrize("oldest", [OLDEST, 3600 * SECOND])
async def test_lines_that_waited_too_long_for_loki_are_kept_all_the_same(
    server: LokiServer, store_of: Opened, oldest: int
) -> None:
    """By its own settings it takes nothing that is older than a week."""
    server.oldest = oldest
    store = store_of()
    behind = 8 * 24 * 3600 * SECOND
    store.spool.clock = lambda: time.time_ns() - behind
    async with server.away(), store:
        await store.append(numbers(50), cursors={"app": "1"})
        behind = oldest - 120 * SECOND
        await store.append(numbers(50, 50), cursors={"app": "2"})
    async with store_of() as store:
        await store.append([line("today")])
        await there(store, [*as_texts(numbers(100)), "today"])
        assert len(server.lines()) == 101


async def test_a_clock_that_was_set_back_waits_for_loki(server: LokiServer, store: LokiLogs) -> None:
    """It takes nothing from the future; the future comes."""
    ahead = 1200 * SECOND
    store.spool.clock = lambda: time.time_ns() + ahead
    await store.append(numbers(3))
    await until(lambda: "timestamp too new" in store.sender.trouble)
    assert server.lines() == []
    ahead = 0
    kept = await store.append(numbers(3, 3))
    assert [line.id for line in kept] == sorted(line.id for line in kept)


async def test_a_full_spool_pushes_back_and_nothing_is_lost(
    server: LokiServer, world: FakeWorld, tmp_path: Path
) -> None:
    """Lines wait where they were written: here in the queue, for an app in Docker's own log."""
    store = LokiLogs(server.url, tmp_path / "small", INSTALLATION, spool=60_000, keep=KEEP)
    world.logs = store  # type: ignore[assignment]
    keeper = Keeper(world)
    async with AsyncExitStack() as stack:
        async with server.away():
            await stack.enter_async_context(store)
            keeping = asyncio.create_task(keeper.run())
            stack.callback(keeping.cancel)
            for number in range(ROOM + 1_000):
                keeper.add(Item(line(number), "app", str(number)))
            with pytest.raises(Unavailable, match="kept for its lines are full"):
                await _append_for_ever(store)
            assert keeper.waiting
        async with asyncio.timeout(PATIENCE):
            await keeper.settled()
        await until(lambda: len(server.lines()) >= ROOM + 1_000)
        mine = [int(text) for text in _texts(server) if text != "more"]
        assert mine == list(range(ROOM + 1_000))
        assert await store.cursors() == {"app": str(ROOM + 999)}


async def _append_for_ever(store: LokiLogs) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            await store.append([line("more")])


def _texts(server: LokiServer) -> list[str]:
    return [text.split(" ", 6)[6] for text in server.lines()]


async def test_two_processes_share_the_way_to_loki(server: LokiServer, store_of: Opened) -> None:
    """During an update both live; when the older one ends, the other goes on."""
    async with AsyncExitStack() as stack:
        newer = store_of()
        async with store_of() as older:
            await older.append(numbers(5))
            await stack.enter_async_context(newer)
            await newer.append(numbers(5, 5), cursors={"app": "9"})
            await older.append(numbers(5, 10))
            assert await older.cursors() == {"app": "9"}
        await newer.append(numbers(5, 15))
        await there(newer, as_texts(numbers(20)))
        assert len(server.lines()) == 20


WRITER = """
import asyncio, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from devpush.adapters import loki
from devpush.ports import NewLine

def line(number):
    return NewLine(project, deployment, datetime.now(UTC), "run", "out", str(number))

async def main():
    async with loki.LokiLogs(url, Path(folder), "0a1b2c3d", spool=10**8, keep=timedelta(days=30)) as store:
        number = int((await store.cursors()).get("app", "-1")) + 1
        while writes == "on":
            upto = number + number % 7 + 1
            await store.append([line(at) for at in range(number, upto)], cursors={"app": str(upto - 1)})
            print(upto, flush=True)
            number = upto
        loki.SEEN_WITHIN = 30
        await store.sender.caught_up()

loki.PAUSES, loki.SEEN_WITHIN = (0.02,), 0.1
url, folder, project, deployment, writes = sys.argv[1:]
asyncio.run(main())
"""


async def test_kill_nine_again_and_again(server: LokiServer, store_of: Opened, tmp_path: Path) -> None:
    """Whoever writes is killed at any moment, while Loki is there, stumbles, or is away. Every line is there, once."""

    async def write(*, kill_after: int = 0) -> int:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", WRITER),
            *(server.url, str(tmp_path / "spool"), PROJECT, DEPLOYMENT, "on" if kill_after else "no more"),
            stdout=asyncio.subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": "."},
        )
        assert process.stdout
        for _ in range(kill_after):
            assert await process.stdout.readline()
        if kill_after:
            await asyncio.sleep(random.random() / 100)
            process.kill()
        await process.communicate()
        return int(process.returncode or 0)

    for away in (False, True, False):
        server.troubles = [random.choice([500, 429, TAKEN, TAKEN]) for _ in range(6)]
        async with AsyncExitStack() as stack:
            if away:
                await stack.enter_async_context(server.away())
            assert await write(kill_after=random.randint(10, 40)) == -signal.SIGKILL
    assert await write() == 0
    async with store_of() as store:
        count = int((await store.cursors())["app"]) + 1
    assert count > 50
    assert [int(text) for text in _texts(server)] == list(range(count))


async def test_a_loki_that_deletes_nothing_shows_nothing_either(
    server: LokiServer, store: LokiLogs, caplog: pytest.LogCaptureFixture
) -> None:
    server.deletes = False
    await store.append(numbers(3))
    await there(store, as_texts(numbers(3)))
    await store.forget(project=PROJECT)
    await there(store, [])
    assert any("isn't set up to delete" in message for message in caplog.messages)


async def test_old_lines_are_deleted_once_a_day(server: LokiServer, store_of: Opened) -> None:
    store = store_of()
    store.spool.clock = lambda: time.time_ns() - 60 * SECOND
    async with store:
        kept = await store.append(numbers(3))
        await there(store, as_texts(numbers(3)))
        now = datetime.now(UTC)
        await store.forget(before=now - timedelta(seconds=30))
        await store.forget(before=now)
        [deletion] = server.deletions
        assert deletion.end == int(now.timestamp() - 30) * SECOND
        await there(store, [])
        assert await store.count(PROJECT, deployment=DEPLOYMENT, before=kept[-1].id) == 0


async def test_labels_are_few_and_say_nothing_of_the_line(server: LokiServer, store: LokiLogs) -> None:
    for number in range(10):
        await store.append([replace(line("x", at=datetime.now(UTC)), deployment=str(uuid4()), level=f"l{number}")])
    [stream] = server.streams.values()
    assert set(stream.labels) == {"installation", "project", "source", "late", "service_name"}


async def test_a_deployments_lines_are_looked_for_where_they_are(server: LokiServer, store_of: Opened) -> None:
    """Not in all that its project has written: also when the process is another one, and after segments are gone."""
    async with store_of() as store:
        store.spool.segment = 1_000
        kept = await store.append(numbers(10))
        for _ in range(20):
            await store.append([replace(line("x" * 100), deployment=str(uuid4()))])
        await until(lambda: len(server.lines()) == 30)
    async with store_of() as store:
        server.asked.clear()
        assert await store.search(PROJECT, deployments=[DEPLOYMENT]) == kept
        assert await store.count(PROJECT, deployment=DEPLOYMENT, before=kept[9].id) == 9
        born = store.spool.born * 1000
        wide = [
            (start - born, end - born)
            for start, end in server.asked
            if end > born + 1_000 and end - start > SECOND // 500
        ]
        assert not wide


async def test_another_installation_in_the_same_loki_is_never_seen(
    server: LokiServer, store: LokiLogs, tmp_path: Path
) -> None:
    async with LokiLogs(server.url, tmp_path / "other", "ffffffff", spool=10**6, keep=KEEP) as other:
        await other.append(numbers(3))
        await there(other, as_texts(numbers(3)))
        await store.append([line("mine")])
        await there(store, ["mine"])
        assert await store.count(PROJECT, deployment=DEPLOYMENT, before=2**53) == 1
        await store.forget(project=PROJECT)
        await there(other, as_texts(numbers(3)))


@pytest.mark.parametrize("body", ["", "[]", '{"data": 1}', '{"data": {"resultType": "matrix", "result": []}}'])
async def test_nonsense_from_loki_is_a_sentence(
    server: LokiServer, store: LokiLogs, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    async def nonsense(*_: object, **__: object) -> tuple[int, bytes]:
        return 200, body.encode()

    monkeypatch.setattr(store.http, "_ask", nonsense)
    with pytest.raises(Unavailable, match="can't be understood"):
        await store.search(PROJECT)


async def test_a_password_in_the_address_is_used_and_never_told(
    store_of: Opened, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with LokiLogs("http://me:s3cret-word@127.0.0.1:9", tmp_path / "s", "x", spool=10**6, keep=KEEP) as store:
        await store.append([line("x")])
        with pytest.raises(Unavailable) as problem:
            await store.search(PROJECT)
        await until(lambda: bool(store.sender.trouble))
    assert "s3cret-word" not in f"{problem.value} {store.sender.trouble} {caplog.text}"


async def test_the_setting_chooses_and_readiness_tells(
    server: LokiServer, settings: Settings, world: FakeWorld, db: str
) -> None:
    assert isinstance(serve.log_store(settings, Endpoints(postgres_dsn=db), INSTALLATION), LogTable)
    store = serve.log_store(replace(settings, loki_url=server.url), Endpoints(postgres_dsn=db), INSTALLATION)
    assert isinstance(store, LokiLogs)
    assert "loki" not in await serve.readiness(world)
    world.logs = store  # type: ignore[assignment]
    async with store:
        assert (await serve.readiness(world))["loki"] == "ok"
        async with server.away():
            assert "Loki doesn't answer" in (await serve.readiness(world))["loki"]
