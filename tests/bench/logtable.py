"""The log table: how many lines a second it takes in, and how soon something is found among ten million of them."""

import random
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from devpush.adapters.logtable import LogTable
from devpush.ports import LogLine, NewLine, Request
from tests.bench.stage import Stage
from tests.bench.table import Figure, at_least, at_most

LINES = 10_000_000
BATCH = 2_000
"""As many as wait for the keeper in a flood."""
PROJECT = str(UUID(int=1))
DEPLOYMENTS = [str(UUID(int=1000 + number)) for number in range(20)]
RARE, RARE_ID = "Zanzibarite", "5ca1ab1e0ddba11c"
TIMES = 9
FLOOR = "CREATE TABLE floor_line (id BIGINT, at TIMESTAMPTZ, text TEXT)"
"""No index, no ids of ours, one transaction: what PostgreSQL takes for writing the same text down."""


async def run(stage: Stage) -> list[Figure]:
    async with LogTable(stage.platform._endpoints()["postgres_dsn"]) as table:
        return [*await fill(table, LINES), *await ask(table)]


async def fill(table: LogTable, count: int) -> list[Figure]:
    chance = random.Random(7)  # the same lines each time
    floor = await _floor(table, chance)
    taken = 0.0
    began = time.perf_counter()
    for start in range(0, count, BATCH):
        lines = [_line(chance, number) for number in range(start, start + BATCH)]
        at = time.perf_counter()
        await table.append(lines, cursors={"app": str(start)})
        taken += time.perf_counter() - at
    if table.gathering:
        await table.gathering
    every = time.perf_counter() - began
    async with table.pool.acquire() as connection:
        await connection.execute("ANALYZE log_block (project_id, last), log_line")  # as PostgreSQL does each minute
        size = await connection.fetchval("SELECT pg_size_pretty(pg_database_size(current_database()))")
    return [
        at_least("lines taken in a second", count / taken, 50_000, "", floor=floor),
        Figure("… made by us first and indexed to the end", f"{count / every:,.0f}, {size}"),
    ]


async def ask(table: LogTable) -> list[Figure]:
    def search(**asked: Any) -> Callable[[], Awaitable[list[LogLine]]]:
        return lambda: table.search(PROJECT, **{"limit": 1000} | asked)

    for rare in (RARE.lower(), RARE_ID):
        assert len(await search(text=rare)()) == 1
    one, eight = DEPLOYMENTS[3:4], DEPLOYMENTS[:8]
    return [
        at_most("a rare word", await _slowest(search(text=RARE)), 300, "ms"),
        at_most("a rare id", await _slowest(search(text=RARE_ID)), 300, "ms"),
        at_most("a word that isn't there", await _slowest(search(text="xylophonist")), 300, "ms"),
        at_most("the last 100 lines of a deployment", await _slowest(search(deployments=one, limit=100)), 20, "ms"),
        at_most("… of eight deployments", await _slowest(search(deployments=eight, limit=100)), 20, "ms"),
        at_most("… of the project", await _slowest(search(limit=100)), 20, "ms"),
        _other("1,000 lines with a word of every thousandth", await _slowest(search(text="breadcrumb"))),
        _other("1,000 lines with a word of every one", await _slowest(search(text="order"))),
        _other("two letters that aren't there, with signs", await _slowest(search(text="#q%"))),
        _other("1,000 errors, every 5,000th line", await _slowest(search(level="error"))),
        _other("requests slower than 10 s, of which there are none", await _slowest(search(slower_than=10_000))),
    ]


async def _slowest(ask: Callable[[], Awaitable[object]]) -> float:
    """In ms: nobody feels a median."""
    slowest = 0.0
    for _ in range(TIMES):
        began = time.perf_counter()
        await ask()
        slowest = max(slowest, (time.perf_counter() - began) * 1000)
    return slowest


def _other(name: str, milliseconds: float) -> Figure:
    return Figure(f"… {name}", f"{milliseconds:.4g} ms")


def _line(chance: random.Random, number: int) -> NewLine:
    id = f"{chance.getrandbits(64):016x}"
    if number % 100 == 0:
        taken = chance.randrange(900)
        request = Request(chance.choice((200, 200, 301, 404)), taken)
        return NewLine(PROJECT, _whose(number), _now(), "request", "out", f"GET /orders/{number}", None, request)
    level = "error" if number % 5_000 == 1 else "info"
    said = (
        f"{level.upper()} request={id} user={chance.randrange(99_999)} order {number} was looked at in {number % 97} ms"
    )
    if number % 1_000 == 7:
        said += " breadcrumb"
    if number == 654_321:
        said += f" {RARE} {RARE_ID}"
    return NewLine(PROJECT, _whose(number), _now(), "run", "out", said, level)


def _whose(number: int) -> str:
    return DEPLOYMENTS[number // 500_000 % len(DEPLOYMENTS)]


def _now() -> datetime:
    return datetime.now(UTC)


async def _floor(table: LogTable, chance: random.Random) -> float:
    rows = [(number, _now(), _line(chance, number).text) for number in range(500_000)]
    async with table.pool.acquire() as connection:
        await connection.execute("DROP TABLE IF EXISTS floor_line")
        await connection.execute(FLOOR)
        began = time.perf_counter()
        await connection.copy_records_to_table("floor_line", records=rows)
        taken = time.perf_counter() - began
        await connection.execute("DROP TABLE floor_line")
    return len(rows) / taken
