"""The log table: days, blocks and PostgreSQL's bad moments. (What holds for every LogStore: test_logstores.py)"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from devpush.adapters import logquestion, logtable
from devpush.adapters.logtable import LogTable
from devpush.errors import Unavailable
from devpush.ports import LogLine, NewLine, Request
from tests.conftest import Killing
from tests.fakes import FakeLogs
from tests.patience import PATIENCE

pytestmark = pytest.mark.integration
PROJECT, OTHER = str(uuid4()), str(uuid4())
DEPLOYMENT = str(uuid4())
DEPLOYMENTS = [str(uuid4()) for _ in range(4)]
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
async def table(db: str) -> AsyncIterator[LogTable]:
    async with LogTable(db) as table:
        yield table


def line(text: str, *, project: str = PROJECT, minutes: int = 0, level: str | None = None) -> NewLine:
    return NewLine(project, DEPLOYMENT, NOON + timedelta(minutes=minutes), "run", "out", text, level)


def texts(lines: list[LogLine]) -> list[str]:
    return [line.text for line in lines]


async def test_a_wildcard_finds_only_itself(table: LogTable) -> None:
    await table.append([line("plain")])
    for text in ("%", "_", "p%n", "pl_in", "\\", "plain\0", "\udc80"):
        assert await table.search(PROJECT, text=text) == []


async def test_what_postgres_cannot_store_is_replaced(table: LogTable) -> None:
    kept = await table.append([line("a\0b"), line("c\udc80d é")])
    assert texts(kept) == ["a\ufffdb", "c?d é"]
    assert await table.search(PROJECT) == kept


async def test_cursors_are_kept_with_their_lines_or_not_at_all(table: LogTable) -> None:
    await table.append([line("a")], cursors={"app-1": "10", "app-2": "5"})
    await table.append([], cursors={"app-1": "11"})
    assert await table.cursors() == {"app-1": "11", "app-2": "5"}
    broken = NewLine(PROJECT, DEPLOYMENT, NOON, "run", None, "b")  # type: ignore[arg-type]  # a column that must be
    with pytest.raises(asyncpg.NotNullViolationError):
        await table.append([broken], cursors={"app-1": "12"})
    assert await table.cursors() == {"app-1": "11", "app-2": "5"}


async def test_old_lines_and_removed_projects_go(table: LogTable) -> None:
    await table.append([line("old"), line("new", minutes=10), line("foreign", project=OTHER, minutes=10)])
    await table.forget(before=NOON + timedelta(minutes=5))
    assert texts(await table.search(PROJECT)) == ["new"]
    await table.forget(project=PROJECT)
    assert await table.search(PROJECT) == []
    assert texts(await table.search(OTHER)) == ["foreign"]
    with pytest.raises(ValueError, match="forget what"):
        await table.forget()


async def test_postgres_killed_and_back(killing: Killing, table: LogTable) -> None:
    await table.append([line("before")], cursors={"app": "1"})
    killing.kill("postgres")

    async def write_on() -> None:
        while True:
            await table.append([line("perhaps lost")])

    with pytest.raises(Unavailable, match="PostgreSQL doesn't answer"):
        await write_on()
    await killing.back("postgres")
    async with asyncio.timeout(PATIENCE):
        while True:
            with suppress(Unavailable):
                await table.append([line("after")])
                break
            await asyncio.sleep(0.1)
    found = texts(await table.search(PROJECT))
    assert (found[0], found[-1]) == ("before", "after")


async def test_without_postgres_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        async with LogTable(f"postgresql://nobody@/nothing?host={tmp_path}"):
            pass


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of few lines, so that few lines make many of them."""
    for module, name, value in (
        (logtable, "CHUNK", 20),
        (logtable, "BLOCK", 4),
        (logquestion, "NEAR", 1),
        (logquestion, "FIRST", 1),
        (logquestion, "WIDER", 2),
    ):
        monkeypatch.setattr(module, name, value)


async def next_day(table: LogTable) -> None:
    """What is kept from now on is kept a day later."""
    async with table.pool.acquire() as connection:
        await connection.execute(f"SELECT setval('log_line_id', nextval('log_line_id') + {logtable.DAY})")


async def gathered(table: LogTable) -> None:
    if table.gathering:
        await table.gathering
    while await table.gather():
        pass


async def rows(table: LogTable, query: str) -> list[object]:
    async with table.pool.acquire() as connection:
        return [row[0] for row in await connection.fetch(query)]


WORDS = ("apple", "Apple pie", "pear", "100%", "a_b", "ünï", "")


def any_line(chance: random.Random) -> NewLine:
    deployment = chance.choice(DEPLOYMENTS)
    written = NOON + timedelta(minutes=chance.randrange(20))
    text = f"{chance.choice(WORDS)} {chance.randrange(30)}"
    level = chance.choice((None, "info", "error"))
    if chance.random() < 0.3:
        asked = Request(chance.choice((200, 301, 404, 500)), chance.choice((1.5, 100.0, 2_000.25)))
        return NewLine(PROJECT, deployment, written, "request", "out", text, level, asked)
    project = PROJECT if chance.random() < 0.8 else OTHER
    return NewLine(project, deployment, written, chance.choice(("run", "build")), "out", text, level)


def any_question(chance: random.Random, ids: list[int]) -> dict[str, object]:
    """Some of what can be asked for, together."""
    kinds: dict[str, Callable[[], object]] = {
        "deployments": lambda: chance.sample(DEPLOYMENTS, chance.randrange(1, 3)),
        "source": lambda: chance.choice(("run", "build", "request")),
        "text": lambda: chance.choice((*WORDS, "APPLE", "le p", "7", "not there", "Ï")),
        "level": lambda: chance.choice(("info", "error")),
        "status": lambda: chance.choice(((200, 299), (400, 599), (302, 403))),
        "slower_than": lambda: chance.choice((1.0, 100.0, 5_000.0)),
        "since": lambda: NOON + timedelta(minutes=chance.randrange(20)),
        "until": lambda: NOON + timedelta(minutes=chance.randrange(20)),
        "after": lambda: chance.choice(ids),
        "before": lambda: chance.choice(ids),
    }
    return {name: kinds[name]() for name in chance.sample(sorted(kinds), chance.randrange(4))}


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("seed", range(2))
async def test_blocks_hide_nothing(table: LogTable, seed: int) -> None:
    """Whatever is asked, of days with and without blocks: the same lines as by looking at each of them."""
    chance, fake = random.Random(seed), FakeLogs()
    for day in range(4):
        lines = [any_line(chance) for _ in range(chance.randrange(10, 90))]
        kept = await table.append(lines)
        fake.lines += kept
        fake.project_of |= {line.id: new.project for line, new in zip(kept, lines, strict=True)}
        if day < 3:
            await gathered(table)
            await next_day(table)
    assert len(await rows(table, "SELECT 1 FROM log_block")) > 10
    ids = [line.id for line in fake.lines]
    for _ in range(100):
        question, limit = any_question(chance, ids), chance.choice((3, 500))
        found = await table.search(PROJECT, **question, limit=limit)  # type: ignore[arg-type]
        assert found == await fake.search(PROJECT, **question, limit=limit), (question, limit)  # type: ignore[arg-type]


@pytest.mark.usefixtures("small")
async def test_every_line_comes_into_one_block_though_two_processes_gather(table: LogTable, db: str) -> None:
    async with LogTable(db) as another:
        for number in range(10):
            await asyncio.gather(*(each.append([line(f"{number}")] * 7) for each in (table, another)))
        await asyncio.gather(gathered(table), gathered(another))
        await gathered(table)
    joined = """
        SELECT count(*) FROM log_block block JOIN log_line line
        ON line.project_id = block.project_id AND id BETWEEN first AND last GROUP BY id"""
    assert await rows(table, joined) == [1] * 140


async def test_a_day_is_forgotten_as_a_whole(table: LogTable) -> None:
    await table.append([line("of the day before")])
    await next_day(table)
    await table.append([line("of this day")])
    partitions = "SELECT relid::text FROM pg_partition_tree('log_line') WHERE isleaf"
    before = await rows(table, partitions)
    tomorrow = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    await table.forget(before=tomorrow)
    gone = set(before) - set(await rows(table, partitions))
    assert gone == {"log_line_earlier", f"log_line_{datetime.now(UTC):%Y%m%d}"}
    await table.append([line("and goes on")])
    assert [line.text for line in await table.search(PROJECT)] == ["and goes on"]


async def test_a_day_that_is_read_is_forgotten_later(table: LogTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logtable, "WAIT_FOR_READERS", 0.05)
    await table.append([line("read")])
    async with table.pool.acquire() as reader, reader.transaction():
        await reader.fetch("SELECT * FROM log_line")
        await table.forget(before=datetime.now(UTC) + timedelta(days=2))
    assert "log_line_earlier" in await rows(table, "SELECT relname FROM pg_class")
    await table.forget(before=datetime.now(UTC) + timedelta(days=2))
    assert "log_line_earlier" not in await rows(table, "SELECT relname FROM pg_class")


@pytest.mark.usefixtures("small")
async def test_lines_written_long_before_they_were_kept_are_forgotten_in_time(table: LogTable) -> None:
    await table.append([line("old" if number % 3 else "young", minutes=number % 3 and -60) for number in range(45)])
    await gathered(table)
    await table.append([line("old", minutes=-60), line("young")])
    await table.forget(before=NOON - timedelta(minutes=30))
    assert {line.text for line in await table.search(PROJECT)} == {"young"}


@pytest.mark.usefixtures("small")
async def test_of_a_removed_project_nothing_stays(table: LogTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logtable, "REMOVED_AT_ONCE", 10)
    await table.append([line(f"{number}", project=(PROJECT, OTHER)[number % 2]) for number in range(90)])
    await gathered(table)
    await table.forget(project=PROJECT)
    for name in ("log_line", "log_block"):
        assert {str(id) for id in await rows(table, f"SELECT project_id FROM {name}")} == {OTHER}
    await table.append([line(f"{number}", project=OTHER) for number in range(40)])
    await gathered(table)
    assert len(await table.search(OTHER, text="7")) == 17


async def test_ids_are_the_time_and_grow_though_clocks_go_back(table: LogTable) -> None:
    [kept] = await table.append([line("a")])
    assert abs(kept.id / 1_000_000 - datetime.now(UTC).timestamp()) < PATIENCE
    assert kept.id < 2**53, "browsers count no further"
    await next_day(table)
    [ahead] = await table.append([line("b")])
    [after] = await table.append([line("c")])
    assert kept.id + logtable.DAY < ahead.id < after.id


async def test_without_the_extension_lines_are_found_as_well(table: LogTable) -> None:
    async with table.pool.acquire() as connection:
        await connection.execute("DROP EXTENSION pg_trgm CASCADE")
    await table.append([line("a needle")])
    assert len(await table.search(PROJECT, text="needle")) == 1


async def test_a_flood_costs_few_statements(table: LogTable) -> None:
    """A batch is one COPY of its lines and one statement for its cursors, however many there are."""
    lines = [line(f"line {number}") for number in range(500)]
    cursors = {f"app-{number}": "1" for number in range(100)}
    await table.append(lines, cursors=cursors)  # the first time asyncpg asks for the types of columns, too
    asked: list[str] = []
    async with table.pool.acquire() as connection:  # the only one that the pool has made so far
        connection.add_query_logger(lambda query: asked.append(query.query))
    await table.append(lines, cursors=cursors)
    assert sum("INSERT" in query for query in asked) == 1
    assert len(asked) < 10, asked
