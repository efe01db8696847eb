"""Log lines in PostgreSQL: a partition a day, filled by COPY, and blocks of lines that tell where it's worth looking.

Plain SQL: there are many of them. An id is the microsecond in which its line was kept, or one more than the last one's.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from uuid import UUID

import asyncpg

from devpush.adapters.logquestion import Question, ids_of, line_of, quoted, storable
from devpush.errors import DATABASE_AWAY, Unavailable
from devpush.ports import LogLine, NewLine, Source

log = logging.getLogger(__name__)

ANSWER_WITHIN = 15.0
LARGEST_ID = 2**63 - 1
MOST_LINES = 10_000
DAY = 86_400_000_000
"""Microseconds, as ids count them."""
CHUNK, BLOCK = 10_000, 200
"""Lines that are put into blocks at a time, and lines of a block. Larger blocks cost less, but in those of thousands
every three letters of hexadecimal ids are found."""
REMOVED_AT_ONCE = 20_000
WAIT_FOR_READERS = 3.0
"""Seconds for which a partition that is over waits for those who read; and everybody else for it."""

COLUMNS = ("id", "project_id", "deployment_id", "at", "source", "stream", "text", "level", "status", "duration")
INDEXED_LEVELS = ("debug", "warning", "error")
KEEP_CURSORS = """
INSERT INTO log_cursor (container, cursor, updated_at) SELECT *, now() FROM unnest($1::text[], $2::text[])
ON CONFLICT (container) DO UPDATE SET cursor = excluded.cursor, updated_at = excluded.updated_at
"""
PARTITIONS = """
SELECT relname, pg_get_expr(relpartbound, child.oid) AS bounds
FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid WHERE inhparent = 'log_line'::regclass
"""
BOUNDS = re.compile(r"FROM \('?(\d+)'?\) TO \('?(\d+)'?\)")
ONE_GATHERS = 7106408
"""The key of an advisory lock."""
GATHER = """
WITH chunk AS (
    SELECT * FROM log_line WHERE id > (SELECT coalesce(max(last), 0) FROM log_block) ORDER BY id LIMIT $1
), numbered AS (
    SELECT *, row_number() OVER (PARTITION BY project_id, id / $3 ORDER BY id) - 1 AS number FROM chunk
)
INSERT INTO log_block
SELECT project_id, min(id), max(id), min(at), max(at), array_agg(DISTINCT deployment_id), array_agg(DISTINCT source),
    array_agg(DISTINCT coalesce(level, '')), array_agg(DISTINCT status) FILTER (WHERE status IS NOT NULL),
    max(duration), lower(string_agg(text, E'\\n' ORDER BY id))
FROM numbered WHERE (SELECT count(*) FROM chunk) = $1
GROUP BY project_id, id / $3, number / $2
"""
"""A chunk that isn't full waits for more: small blocks cost more than they help."""
FORGET_LATE = """
DELETE FROM log_line USING log_block block
WHERE oldest < $1 AND id BETWEEN first AND last AND log_line.project_id = block.project_id AND at < $1
"""
FORGET_LOOSE = "DELETE FROM log_line WHERE id > (SELECT coalesce(max(last), 0) FROM log_block) AND at < $1"
FORGET_SOME = """
DELETE FROM log_line WHERE project_id = $1
AND id <= (SELECT max(id) FROM (SELECT id FROM log_line WHERE project_id = $1 ORDER BY id LIMIT $2) few)
"""


class LogTable:
    """The LogStore in PostgreSQL, with a small pool of its own: a flood of lines takes no connection from a page."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.partitions: list[range] = []
        """Ids for which there is a partition."""
        self.loose = CHUNK
        """Lines that no block has, perhaps."""
        self.gathering: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        # Plans are made for the values that are asked for: those of days and of rare words have little in common.
        plans = {"plan_cache_mode": "force_custom_plan", "jit": "off"}
        self.pool = asyncpg.create_pool(
            self.dsn, min_size=1, max_size=4, command_timeout=ANSWER_WITHIN, server_settings=plans, reset=_as_it_is
        )
        async with _answering():
            await self.pool
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.gathering:
            self.gathering.cancel()
            await asyncio.wait([self.gathering])
        try:
            await self.pool.close()
        except DATABASE_AWAY:
            self.pool.terminate()

    # Keeping

    async def append(self, lines: Sequence[NewLine], *, cursors: Mapping[str, str] | None = None) -> list[LogLine]:
        kept: list[LogLine] = []
        async with self._connection() as connection, connection.transaction():
            if lines:
                first = await connection.fetchval("SELECT log_line_ids($1)", len(lines))
                kept = [_kept(id, line) for id, line in enumerate(lines, first)]
                partitions = await self._with_partitions(connection, first, first + len(lines) - 1)
                rows = (_row(line, new.project) for line, new in zip(kept, lines, strict=True))
                await connection.copy_records_to_table("log_line", records=rows, columns=COLUMNS)
            if cursors:
                await connection.execute(KEEP_CURSORS, list(cursors), list(cursors.values()))
        if lines:
            self.partitions = partitions
            self._gather_soon(len(lines))
        return kept

    async def _with_partitions(self, connection: Any, *ids: int) -> list[range]:
        """All partitions, with those for these ids. What is made here is there for others after the commit."""
        partitions = self.partitions
        for id in ids:
            if not _covered(id, partitions):
                partitions = [_bounds(row) for row in await connection.fetch(PARTITIONS)]
            if not _covered(id, partitions):
                partitions.append(await _make_partition(connection, id // DAY))
        return partitions

    def _gather_soon(self, count: int) -> None:
        self.loose += count
        if self.loose >= CHUNK and (self.gathering is None or self.gathering.done()):
            self.gathering = asyncio.create_task(self._gather(), name="log blocks")

    async def _gather(self) -> None:
        try:
            while await self.gather():
                pass
        except (Unavailable, asyncpg.PostgresError) as problem:  # searching is slower, until it works again
            log.warning("log lines not gathered", extra={"reason": str(problem)})

    async def gather(self) -> int:
        """Put the next chunk of lines into blocks; how many blocks. One does it at a time, of all processes."""
        self.loose = 0
        async with self._connection() as connection, connection.transaction():
            if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", ONE_GATHERS):
                return 0
            done = await connection.execute(GATHER, CHUNK, BLOCK, DAY, timeout=20 * ANSWER_WITHIN)
        return int(done.split()[-1])

    async def cursors(self) -> Mapping[str, str]:
        async with self._connection() as connection:
            return dict(await connection.fetch("SELECT container, cursor FROM log_cursor"))

    # Finding

    async def search(
        self,
        project: str,
        *,
        deployments: Collection[str] | None = None,
        source: Source | None = None,
        text: str = "",
        level: str | None = None,
        status: tuple[int, int] | None = None,
        slower_than: float | None = None,
        after: int | None = None,
        before: int | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 500,
    ) -> list[LogLine]:
        found = ids_of([project])
        if not found or "\0" in text or storable(text) != text:  # no line holds such text, and it can't be asked for
            return []
        asked = Question(
            project=found[0],
            deployments=None if deployments is None else ",".join(map(str, ids_of(deployments))),
            low=0 if after is None else min(max(after, 0), LARGEST_ID - 1) + 1,
            high=LARGEST_ID if before is None else min(max(before, 0), LARGEST_ID),
            oldest_first=after is not None,
            limit=min(max(int(limit), 1), MOST_LINES),
            few=level in INDEXED_LEVELS and not text,
        )
        asked.where("source = {}", "{} = ANY(sources)", source)
        asked.where("level = {}", "{} = ANY(levels)", level)
        if status:
            asked.where("status >= {}", "(SELECT max(status) FROM unnest(statuses) AS status) >= {}", status[0])
            asked.where("status <= {}", "(SELECT min(status) FROM unnest(statuses) AS status) <= {}", status[1])
        asked.where("duration > {}", "slowest > {}", slower_than)
        asked.where("at >= {}", "newest >= {}", since)
        asked.where("at < {}", "oldest < {}", until)
        asked.where(
            r"text ILIKE {} ESCAPE '\'",
            "text LIKE lower({}) AND log_block_read(last)",
            f"%{quoted(text)}%" if text else None,
        )
        async with self._connection() as connection:
            lines = [line_of(row) for row in await asked.answer(connection)]
        return lines if asked.oldest_first else lines[::-1]

    async def count(self, project: str, *, deployment: str, before: int) -> int:
        ids = ids_of([project, deployment])
        if len(ids) < 2:
            return 0
        query = "SELECT count(*) FROM log_line WHERE project_id = $1 AND deployment_id = $2 AND id < $3"
        async with self._connection() as connection:
            return int(await connection.fetchval(query, *ids, max(-LARGEST_ID, min(LARGEST_ID, before))))

    # Forgetting

    async def forget(self, *, project: str | None = None, before: datetime | None = None) -> None:
        if project:
            await self._forget_project(UUID(project))
        elif before:
            await self._forget_days(before)
        else:
            raise ValueError("forget what?")

    async def _forget_project(self, project: UUID) -> None:
        """In pieces: what is done stays done, whatever comes in between."""
        async with self._connection() as connection:
            while await connection.execute(FORGET_SOME, project, REMOVED_AT_ONCE) != "DELETE 0":
                pass
            await connection.execute("DELETE FROM log_block WHERE project_id = $1", project, timeout=20 * ANSWER_WITHIN)

    async def _forget_days(self, before: datetime) -> None:
        """Whole days at once; one by one only lines that were kept long after they were written."""
        async with self._connection() as connection:
            for row in await connection.fetch(PARTITIONS):
                if _bounds(row).stop <= before.timestamp() * 1_000_000:
                    await _drop(connection, row["relname"].replace("line", "block"))
                    await _drop(connection, row["relname"])
            for statement in (FORGET_LATE, FORGET_LOOSE, "DELETE FROM log_block WHERE newest < $1"):
                await connection.execute(statement, before, timeout=20 * ANSWER_WITHIN)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        async with _answering(), self.pool.acquire(timeout=ANSWER_WITHIN) as connection:
            yield connection


async def _as_it_is(_: object) -> None:
    """We set nothing on a connection that would have to be undone: one query less after each of ours."""


@asynccontextmanager
async def _answering() -> AsyncIterator[None]:
    try:
        yield
    except DATABASE_AWAY as problem:
        raise Unavailable(f"PostgreSQL doesn't answer: {problem or type(problem).__name__}") from problem


# Partitions


def _bounds(row: Any) -> range:
    found = BOUNDS.search(row["bounds"])
    return range(int(found[1]), int(found[2])) if found else range(0)


def _covered(id: int, partitions: Sequence[range]) -> bool:
    return any(id in partition for partition in partitions)


async def _make_partition(connection: Any, day: int) -> range:
    """Made beside the table and then attached: that way nobody who reads has to wait."""
    name = f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day):%Y%m%d}"
    ids = range(day * DAY, (day + 1) * DAY)
    for table in ("log_line", "log_block"):
        await connection.execute(f"CREATE TABLE {table}_{name} (LIKE {table} INCLUDING ALL)")
        await connection.execute(
            f"ALTER TABLE {table} ATTACH PARTITION {table}_{name} FOR VALUES FROM ({ids.start}) TO ({ids.stop})"
        )
    return ids


async def _drop(connection: Any, partition: str) -> None:
    """Or not yet, where somebody reads for long."""
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = {int(WAIT_FOR_READERS * 1000)}")
            await connection.execute(f"DROP TABLE IF EXISTS {partition}")
    except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
        log.info("partition not dropped yet", extra={"partition": partition})


# Lines


def _kept(id: int, line: NewLine) -> LogLine:
    text = storable(line.text)
    return LogLine(id, line.deployment, line.at, line.source, line.stream, text, line.level, line.request)


def _row(line: LogLine, project: str) -> tuple[object, ...]:
    asked = (line.request.status, line.request.duration) if line.request else (None, None)
    return line.id, project, line.deployment, line.at, line.source, line.stream, line.text, line.level, *asked
