"""Log lines in PostgreSQL, in the table log_line. Plain SQL: there are many of them."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any, Self
from uuid import UUID

import asyncpg

from devpush.errors import DATABASE_AWAY, Unavailable
from devpush.ports import LogLine, NewLine, Source

ANSWER_WITHIN = 15.0
LARGEST_ID = 2**63 - 1
MOST_LINES = 10_000
ONE_AT_A_TIME = 0x6C6F67
"""The key of an advisory lock. Without it a batch could be seen after one with higher ids, and who asks for
everything after the last id would never see it."""
APPEND = """
INSERT INTO log_line (project_id, deployment_id, at, source, stream, text, level)
SELECT project, deployment, at, source, stream, text, level
FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[])
    WITH ORDINALITY AS line (project, deployment, at, source, stream, text, level, position)
ORDER BY position
RETURNING id
"""
KEEP_CURSORS = """
INSERT INTO log_cursor (container, cursor, updated_at) SELECT *, now() FROM unnest($1::text[], $2::text[])
ON CONFLICT (container) DO UPDATE SET cursor = excluded.cursor, updated_at = excluded.updated_at
"""


class LogTable:
    """The LogStore in PostgreSQL, with a small pool of its own: a flood of lines takes no connection from a page."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn

    async def __aenter__(self) -> Self:
        self.pool = asyncpg.create_pool(self.dsn, min_size=1, max_size=4, command_timeout=ANSWER_WITHIN)
        async with _answering():
            await self.pool
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self.pool.close()
        except DATABASE_AWAY:
            self.pool.terminate()

    async def append(self, lines: Sequence[NewLine], *, cursors: Mapping[str, str] | None = None) -> list[LogLine]:
        texts = [storable(line.text) for line in lines]
        columns = [
            [UUID(line.project) for line in lines],
            [UUID(line.deployment) for line in lines],
            [line.at for line in lines],
            [line.source for line in lines],
            [line.stream for line in lines],
            texts,
            [line.level for line in lines],
        ]
        async with self._connection() as connection, connection.transaction():
            ids = []
            if lines:
                await connection.execute("SELECT pg_advisory_xact_lock($1)", ONE_AT_A_TIME)
                ids = [row["id"] for row in await connection.fetch(APPEND, *columns)]
            if cursors:
                await connection.execute(KEEP_CURSORS, list(cursors), list(cursors.values()))
        return [
            LogLine(id, line.deployment, line.at, line.source, line.stream, text, line.level)
            for id, line, text in zip(ids, lines, texts, strict=True)
        ]

    async def cursors(self) -> Mapping[str, str]:
        async with self._connection() as connection:
            return dict(await connection.fetch("SELECT container, cursor FROM log_cursor"))

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
        asked = _Question()
        if not asked.add_id("project_id", project):
            return []
        asked.add("deployment_id = ANY({})", None if deployments is None else _ids(deployments))
        if "\0" in text or storable(text) != text:  # no line holds such text, and PostgreSQL can't be asked for it
            return []
        asked.add("source = {}", source)
        asked.add("level = {}", level)
        asked.add("id > {}", None if after is None else _clamped(after))
        asked.add("id < {}", None if before is None else _clamped(before))
        asked.add("at >= {}", since)
        asked.add("at < {}", until)
        asked.add(r"text ILIKE {} ESCAPE '\'", f"%{_quoted(text)}%" if text else None)
        order = "ASC" if after is not None else "DESC"
        async with self._connection() as connection:
            rows = await connection.fetch(
                f"SELECT id, deployment_id, at, source, stream, text, level FROM log_line "  # noqa: S608  # all ours
                f"WHERE {asked.conditions} ORDER BY id {order} LIMIT {min(max(int(limit), 1), MOST_LINES)}",
                *asked.values,
            )
        lines = [_line(row) for row in rows]
        return lines if after is not None else lines[::-1]

    async def count(self, project: str, *, deployment: str, before: int) -> int:
        asked = _Question()
        if not asked.add_id("deployment_id", deployment) or not asked.add_id("project_id", project):
            return 0
        asked.add("id < {}", _clamped(before))
        async with self._connection() as connection:
            query = f"SELECT count(*) FROM log_line WHERE {asked.conditions}"  # noqa: S608  # conditions are ours
            return int(await connection.fetchval(query, *asked.values, timeout=ANSWER_WITHIN))

    async def forget(self, *, project: str | None = None, before: datetime | None = None) -> None:
        asked = _Question()
        asked.add("project_id = {}", UUID(project) if project else None)
        asked.add("at < {}", before)
        if not asked.values:
            raise ValueError("forget what?")
        async with self._connection() as connection:
            await connection.execute(
                f"DELETE FROM log_line WHERE {asked.conditions}",  # noqa: S608  # conditions are ours
                *asked.values,
                timeout=20 * ANSWER_WITHIN,
            )

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        async with _answering(), self.pool.acquire(timeout=ANSWER_WITHIN) as connection:
            yield connection


class _Question:
    """Conditions with their values, which go to PostgreSQL beside the text and never in it."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.values: list[Any] = []

    @property
    def conditions(self) -> str:
        return " AND ".join(self.parts)

    def add(self, condition: str, value: Any) -> None:
        if value is not None:
            self.values.append(value)
            self.parts.append(condition.format(f"${len(self.values)}"))

    def add_id(self, column: str, text: str | None) -> bool:
        """Whether that can be an id at all."""
        try:
            self.add(f"{column} = {{}}", UUID(text) if text is not None else None)
        except ValueError:
            return False
        return True


@asynccontextmanager
async def _answering() -> AsyncIterator[None]:
    try:
        yield
    except DATABASE_AWAY as problem:
        raise Unavailable(f"PostgreSQL doesn't answer: {problem or type(problem).__name__}") from problem


def storable(text: str) -> str:
    """The text without what PostgreSQL can't store: NUL and halves of surrogate pairs."""
    if text.isascii():
        return text.replace("\0", "\ufffd")
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _ids(texts: Collection[str]) -> list[UUID]:
    """Those that can be ids at all."""
    found = []
    for text in texts:
        with suppress(ValueError):
            found.append(UUID(text))
    return found


def _clamped(id: int) -> int:
    return max(-LARGEST_ID, min(LARGEST_ID, id))


def _line(row: Any) -> LogLine:
    return LogLine(
        id=row["id"],
        deployment=str(row["deployment_id"]),
        at=row["at"],
        source=row["source"],
        stream=row["stream"],
        text=row["text"],
        level=row["level"],
    )
