"""Log lines are kept in order, once, and found again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from devpush.adapters.logtable import LogTable
from devpush.errors import Unavailable
from devpush.ports import LogLine, NewLine
from tests.conftest import Killing
from tests.patience import PATIENCE

pytestmark = pytest.mark.integration
PROJECT, OTHER = str(uuid4()), str(uuid4())
DEPLOYMENT = str(uuid4())
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
async def table(db: str) -> AsyncIterator[LogTable]:
    async with LogTable(db) as table:
        yield table


def line(text: str, *, project: str = PROJECT, minutes: int = 0, level: str | None = None) -> NewLine:
    return NewLine(project, DEPLOYMENT, NOON + timedelta(minutes=minutes), "run", "out", text, level)


def texts(lines: list[LogLine]) -> list[str]:
    return [line.text for line in lines]


async def test_lines_are_kept_in_order(table: LogTable) -> None:
    kept = await table.append([line(str(number)) for number in range(2000)])
    assert texts(kept) == [str(number) for number in range(2000)]
    assert [line.id for line in kept] == sorted({line.id for line in kept})
    assert await table.search(PROJECT, limit=3) == kept[-3:]
    assert await table.search(PROJECT, after=kept[9].id, limit=3) == kept[10:13]
    assert await table.search(PROJECT, before=kept[9].id, limit=3) == kept[6:9]
    assert await table.append([]) == []


async def test_lines_before_one_are_counted_for_their_numbers(table: LogTable) -> None:
    kept = await table.append([line(f"{number}") for number in range(5)])
    [stranger] = await table.append([replace(line("not theirs"), deployment=str(uuid4()))])
    assert await table.count(PROJECT, deployment=kept[0].deployment, before=kept[3].id) == 3
    assert await table.count(PROJECT, deployment=stranger.deployment, before=stranger.id) == 0
    assert await table.count(PROJECT, deployment="not an id", before=9) == 0


async def test_every_filter_holds(table: LogTable) -> None:
    await table.append([line("one", level="error"), line("two", minutes=5), line("three", minutes=10)])
    await table.append([line("foreign", project=OTHER)])
    another = NewLine(PROJECT, str(uuid4()), NOON, "build", "err", "four")
    await table.append([another])
    assert texts(await table.search(PROJECT)) == ["one", "two", "three", "four"]
    assert texts(await table.search(PROJECT, level="error")) == ["one"]
    assert texts(await table.search(PROJECT, deployments=[DEPLOYMENT])) == ["one", "two", "three"]
    assert texts(await table.search(PROJECT, source="build")) == ["four"]
    assert texts(await table.search(PROJECT, since=NOON + timedelta(minutes=5))) == ["two", "three"]
    assert texts(await table.search(PROJECT, until=NOON + timedelta(minutes=5))) == ["one", "four"]
    assert texts(await table.search(OTHER)) == ["foreign"]


HOSTILE = [
    "100%",
    "under_score",
    "back\\slash",
    "trailing\\",
    "'; DROP TABLE log_line; --",
    '{"json": [1]}',
    "(a+)+$",
    "{0} {}",
    "$1",
    "ünï çödé 🎉",
    "\x1b[31mred\x1b[0m",
]


@pytest.mark.parametrize("text", HOSTILE)
async def test_any_text_is_found_exactly(table: LogTable, text: str) -> None:
    await table.append([line(f"before {other} after") for other in HOSTILE])
    assert texts(await table.search(PROJECT, text=text)) == [f"before {text} after"]
    assert texts(await table.search(PROJECT, text=text.upper())) == [f"before {text} after"]


async def test_a_wildcard_finds_only_itself(table: LogTable) -> None:
    await table.append([line("plain")])
    for text in ("%", "_", "p%n", "pl_in", "\\", "plain\0", "\udc80"):
        assert await table.search(PROJECT, text=text) == []


async def test_what_postgres_cannot_store_is_replaced(table: LogTable) -> None:
    kept = await table.append([line("a\0b"), line("c\udc80d é")])
    assert texts(kept) == ["a\ufffdb", "c?d é"]
    assert await table.search(PROJECT) == kept


async def test_questions_beyond_reason_have_an_answer(table: LogTable) -> None:
    await table.append([line("a")])
    assert await table.search("no id") == []
    assert await table.search(PROJECT, deployments=["'"]) == []
    assert texts(await table.search(PROJECT, after=-(10**30), before=10**30, limit=10**9)) == ["a"]
    assert texts(await table.search(PROJECT, limit=-1)) == ["a"]


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


async def test_nobody_who_reads_on_misses_a_line(table: LogTable) -> None:
    """Ids become visible in their order, also when many write at once."""

    async def write() -> None:
        for _ in range(30):
            await table.append([line("x") for _ in range(10)])

    writing = [asyncio.create_task(write()) for _ in range(4)]
    seen: list[int] = []
    while len(seen) < 1200:
        seen += [line.id for line in await table.search(PROJECT, after=seen[-1] if seen else 0, limit=100)]
        if all(task.done() for task in writing) and not await table.search(PROJECT, after=seen[-1] if seen else 0):
            break
    await asyncio.gather(*writing)
    assert len(seen) == 1200


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


async def test_a_flood_costs_few_statements(table: LogTable) -> None:
    """A batch is one statement for its lines and one for its cursors, however many there are."""
    lines = [line(f"line {number}") for number in range(500)]
    cursors = {f"app-{number}": "1" for number in range(100)}
    await table.append(lines, cursors=cursors)  # the first time asyncpg asks for the types of columns, too
    asked: list[str] = []
    async with table.pool.acquire() as connection:  # the only one that the pool has made so far
        connection.add_query_logger(lambda query: asked.append(query.query))
    await table.append(lines, cursors=cursors)
    assert sum("INSERT" in query for query in asked) == 2
    assert len(asked) < 10, asked
