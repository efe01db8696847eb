"""Which lines are asked of the log table, and in which order it is looked through for them.

The newest lines are looked through one by one; of the others, blocks (log_block) tell where it is worth looking.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from devpush.ports import LogLine, Request

NEAR = 20
"""So many blocks are looked through line by line: what is often there is found in them."""
FIRST, WIDER, LAST = 40, 8, 2_560
"""So many blocks are looked at together, then ever more, and at last the rest. Each text that may be in a block is read
to see whether it is: of a word that is now and then there, only as many blocks as it takes."""
IDS = "string_to_array({}, ',')::uuid[]"
SHOWN = "id, deployment_id, at, source, stream, text, level, status, duration"


@dataclass(frozen=True, slots=True)
class Span:
    """Ids to look through: line by line, or only in blocks that may hold what is asked for."""

    low: int
    high: int
    blocks: bool = False


@dataclass
class Question:
    """What is asked for. Values go to PostgreSQL beside the text of a statement and never in it."""

    project: UUID
    deployments: str | None
    """Their ids, with commas. (Of arrays asyncpg asks what they are, on each connection anew: 15 ms.)"""
    low: int
    high: int
    """Not included."""
    oldest_first: bool
    limit: int
    few: bool = False
    """Lines of that kind have an index of their own."""
    filters: list[tuple[str, str, Any]] = field(default_factory=list)
    """Conditions on a line and on a block, with one place for a value."""

    @property
    def order(self) -> str:
        return "ASC" if self.oldest_first else "DESC"

    def where(self, line: str, block: str, value: Any) -> None:
        if value is not None:
            self.filters.append((line, block, value))

    async def answer(self, connection: Any) -> list[Any]:
        whole = Span(self.low, self.high)
        if not self.filters and self.deployments is None:
            return await self._among_lines(connection, whole, self.limit)
        if not self.filters:
            return await self._of_deployments(connection)
        self.where(f"deployment_id = ANY({IDS})", f"deployments && {IDS}", self.deployments)
        if self.few:
            return await self._among_lines(connection, whole, self.limit)
        found: list[Any] = []
        async for span in self._spans(connection):
            look = self._among_blocks if span.blocks else self._among_lines
            found += await look(connection, span, self.limit - len(found))
            if len(found) >= self.limit:
                break
        return found

    async def _spans(self, connection: Any) -> AsyncIterator[Span]:
        """All that is asked for, in the order of the answer."""
        rest = Span(self.low, self.high)
        near = await self._edge(connection, NEAR, rest)
        if near is None:
            yield rest
            return
        begun, rest = self._split(rest, near)
        yield begun
        loose = None
        if self.oldest_first:
            rest, loose = self._split(rest, await self._end(connection))
        count = FIRST
        while count <= LAST and (edge := await self._edge(connection, count, rest)) is not None:
            begun, rest = self._split(rest, edge)
            yield replace(begun, blocks=True)
            count *= WIDER
        yield replace(rest, blocks=True)
        if loose:
            yield loose

    def _split(self, span: Span, at: int) -> tuple[Span, Span]:
        """Which part is looked through first, and the other one."""
        parts = Span(span.low, at), Span(at, span.high)
        return parts if self.oldest_first else parts[::-1]

    async def _edge(self, connection: Any, count: int, span: Span) -> int | None:
        """Where the first so many blocks of a span end; None if it has fewer."""
        edge = "last + 1" if self.oldest_first else "first"
        query = f"""
            SELECT {edge} FROM log_block WHERE project_id = $1 AND last >= $2 AND last < $3
            ORDER BY last {self.order} OFFSET $4 LIMIT 1"""  # noqa: S608  # all ours
        found: int | None = await connection.fetchval(query, self.project, span.low, span.high, count - 1)
        return found

    async def _end(self, connection: Any) -> int:
        """After the last line that is in a block."""
        query = "SELECT max(last) + 1 FROM log_block WHERE project_id = $1 AND last < $2"
        return int(await connection.fetchval(query, self.project, self.high))

    async def _among_lines(self, connection: Any, span: Span, limit: int) -> list[Any]:
        values = _Values()
        conditions = self._line_conditions(values, f"project_id = {values.add(self.project)}", span)
        query = f"SELECT {SHOWN} FROM log_line WHERE {conditions} ORDER BY id {self.order} LIMIT {limit}"  # noqa: S608  # all ours
        return list(await connection.fetch(query, *values))

    async def _of_deployments(self, connection: Any) -> list[Any]:
        """So many of each, and the first of them all: PostgreSQL would sort every line of several deployments. Whose
        project it is stands outside: inside, the index of the project's lines may be taken for the better one."""
        values = _Values()
        deployments, project = IDS.format(values.add(self.deployments)), values.add(self.project)
        conditions = self._line_conditions(values, "deployment_id = deployment", Span(self.low, self.high))
        query = f"""
            SELECT line.* FROM unnest({deployments}) AS deployment CROSS JOIN LATERAL (
                SELECT project_id, {SHOWN} FROM log_line WHERE {conditions} ORDER BY id {self.order} LIMIT {self.limit}
            ) line WHERE project_id = {project} ORDER BY id {self.order} LIMIT {self.limit}"""  # noqa: S608  # all ours
        return list(await connection.fetch(query, *values))

    async def _among_blocks(self, connection: Any, span: Span, limit: int) -> list[Any]:
        """Blocks first: without its OFFSET, PostgreSQL may look for the text in every line and then for its block."""
        values = _Values()
        project = f"project_id = {values.add(self.project)}"
        lines = self._line_conditions(values, f"{project} AND id BETWEEN first AND last", span)
        bounds = [f"last >= {values.add(span.low)}", f"last < {values.add(span.high)}"]
        blocks = [condition.format(values.add(value)) for _, condition, value in self.filters]
        query = f"""
            WITH block AS MATERIALIZED (
                SELECT first, last FROM log_block WHERE {" AND ".join([project, *bounds, *blocks])}
            )
            SELECT line.* FROM block CROSS JOIN LATERAL (SELECT {SHOWN} FROM log_line WHERE {lines} OFFSET 0) line
            ORDER BY first {self.order}, id {self.order} LIMIT {limit}"""  # noqa: S608  # all ours
        return list(await connection.fetch(query, *values))

    def _line_conditions(self, values: "_Values", whose: str, span: Span) -> str:
        bounds = [f"id >= {values.add(span.low)}", f"id < {values.add(span.high)}"]
        filters = [condition.format(values.add(value)) for condition, _, value in self.filters]
        return " AND ".join([whose, *bounds, *filters])


class _Values(list[Any]):
    """The values of a statement, each with its place."""

    def add(self, value: Any) -> str:
        self.append(value)
        return f"${len(self)}"


def storable(text: str) -> str:
    """The text without what PostgreSQL can't store: NUL and halves of surrogate pairs."""
    if text.isascii():
        return text.replace("\0", "\ufffd")
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()


def quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def ids_of(texts: Iterable[str]) -> list[UUID]:
    """Those that can be ids at all."""
    found = []
    for text in texts:
        with suppress(ValueError):
            found.append(UUID(text))
    return found


def line_of(row: Any) -> LogLine:
    request = None if row["status"] is None else Request(row["status"], row["duration"])
    return LogLine(
        id=row["id"],
        deployment=str(row["deployment_id"]),
        at=row["at"],
        source=row["source"],
        stream=row["stream"],
        text=row["text"],
        level=row["level"],
        request=request,
    )
