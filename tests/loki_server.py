"""A Loki to test with: its HTTP API with the limits it comes with, strictly, and told what goes wrong.

async with LokiServer().serving() as loki:      # loki.url
    loki.refuses = "poison"                     # lines with that text are never taken
    async with loki.away(): …                   # nobody listens there
"""

import json
import random
import re
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from tests.loki_query import BadQuery, CountQuery, Labels, LogQuery, parse

SECOND = 10**9
HOUR = 3600 * SECOND
MOST_ENTRIES = 5_000
LONGEST_TIME = 721 * HOUR
OLDEST = 168 * HOUR
NEWEST = HOUR // 6
LARGEST_LINE = 256 * 1024
LARGEST_BODY = 4 * 1024 * 1024
MOST_LABELS = 15
BEHIND = HOUR
TAKEN = 599
LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


@dataclass(frozen=True)
class Deletion:
    query: LogQuery
    start: int
    end: int


@dataclass
class Stream:
    labels: Labels
    entries: dict[tuple[int, str], float] = field(default_factory=dict)
    """(timestamp, line) → when it came: what comes again is dropped."""
    newest: int = 0


class LokiServer:
    """One tenant, filter-and-delete, everything in memory."""

    def __init__(self) -> None:
        self.streams: dict[tuple[tuple[str, str], ...], Stream] = {}
        self.deletions: list[Deletion] = []
        self.pushes = 0
        self.asked: list[tuple[int, int]] = []
        """The times that were looked through."""
        self.troubles: list[int] = []
        """How the next pushes are answered. TAKEN: they are taken in, and never answered."""
        self.refuses = ""
        """Lines with that text are invalid."""
        self.deletes = True
        self.oldest = OLDEST
        self.seen_after = 0.02
        """Seconds until what was pushed is found."""
        self.host = "127.0.0.1"
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def lines(self) -> list[str]:
        """Everything that was ever taken, by time."""
        return [line for _, line in sorted(entry for stream in self.streams.values() for entry in stream.entries)]

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["LokiServer"]:
        await self._listen()
        try:
            yield self
        finally:
            await self.runner.cleanup()

    @asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        await self.runner.cleanup()
        try:
            yield
        finally:
            await self._listen()

    async def _listen(self) -> None:
        app = web.Application(client_max_size=LARGEST_BODY)
        app.router.add_get("/ready", self._ready)
        app.router.add_post("/loki/api/v1/push", self._push)
        for method in ("GET", "POST"):
            app.router.add_route(method, "/loki/api/v1/query_range", self._query_range)
            app.router.add_route(method, "/loki/api/v1/query", self._query)
        app.router.add_route("POST", "/loki/api/v1/delete", self._delete)
        self.runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self.runner.setup()
        site = web.TCPSite(self.runner, self.host, self.port)
        await site.start()
        self.port = self.runner.addresses[0][1]

    async def _ready(self, _: web.Request) -> web.Response:
        return web.Response(text="ready\n")

    # Push

    async def _push(self, request: web.Request) -> web.Response:
        self.pushes += 1
        if request.content_type != "application/json":
            return web.Response(status=415, text=f"unsupported Content-Type: {request.content_type}")
        trouble = self.troubles.pop(0) if self.troubles else 0
        if trouble not in (0, TAKEN):
            return web.Response(status=trouble, text="Ingestion rate limit exceeded" if trouble == 429 else "trouble")
        try:
            problems = list(self._take(json.loads(await request.read())))
        except (ValueError, KeyError, TypeError) as problem:
            return web.Response(status=400, text=f"loghttp.PushRequest: {problem}")
        if trouble and request.transport:
            request.transport.close()  # taken in, and the answer never comes
        return web.Response(status=400, text=problems[-1]) if problems else web.Response(status=204)

    def _take(self, body: Mapping[str, Any]) -> Iterator[str]:
        """Takes what is valid, and says what isn't."""
        for pushed in body["streams"]:
            labels = _labels(pushed["stream"])
            added = {"service_name": "unknown_service"} | labels
            stream = self.streams.setdefault(tuple(sorted(added.items())), Stream(added))
            highest = stream.newest
            for entry in pushed["values"]:
                at, line = _entry(entry)
                if problem := self._problem(labels, at, line, highest):
                    yield problem
                    continue
                stream.newest = max(stream.newest, at)
                stream.entries.setdefault((at, line), time.monotonic())

    def _problem(self, labels: Labels, at: int, line: str, highest: int) -> str:
        now = time.time_ns()
        if at < now - self.oldest:
            return (
                f"entry for stream '{labels}' has timestamp too old: {_shown(at)}, "
                f"oldest acceptable timestamp is: {_shown(now - self.oldest)}"
            )
        if at > now + NEWEST:
            return f"entry for stream '{labels}' has timestamp too new: {_shown(at)}"
        if len(line.encode()) > LARGEST_LINE:
            return f"Max entry size '{LARGEST_LINE}' bytes exceeded for stream '{labels}'"
        if at < highest - BEHIND:
            return f"entry too far behind, oldest acceptable timestamp is: {_shown(highest - BEHIND)}"
        if self.refuses and self.refuses in line:
            return "this one is refused"
        return ""

    # Query

    async def _query_range(self, request: web.Request) -> web.Response:
        form = await _form(request)
        try:
            query = self._parsed(form, LogQuery)
            start, end = int(form["start"]), int(form["end"])
            limit, direction = int(form.get("limit", "100")), form.get("direction", "backward")
            if limit <= 0 or direction not in ("forward", "backward") or end < start:
                raise BadQuery("limit, direction or time is wrong")
            if limit > MOST_ENTRIES:
                raise BadQuery(f"max entries limit per query exceeded, limit > max_entries_limit ({limit} > 5000)")
            if end - start > LONGEST_TIME:
                raise BadQuery("the query time range exceeds the limit (limit: 30d1h)")
        except (BadQuery, ValueError, KeyError) as problem:
            return web.Response(status=400, text=str(problem))
        backward = direction == "backward"
        found = sorted(self._found(query, start, end), key=lambda one: one[:2], reverse=backward)[:limit]
        streams: dict[tuple[tuple[str, str], ...], list[list[str]]] = {}
        for at, line, labels in found:
            streams.setdefault(tuple(sorted(labels.items())), []).append([str(at), line])
        result = [{"stream": dict(labels), "values": values} for labels, values in streams.items()]
        random.shuffle(result)
        return web.json_response(
            {"status": "success", "data": {"resultType": "streams", "result": result, "stats": {}}}
        )

    async def _query(self, request: web.Request) -> web.Response:
        form = await _form(request)
        try:
            query = self._parsed(form, CountQuery)
            at = int(form["time"])
            if query.nanoseconds > LONGEST_TIME:
                raise BadQuery("the query time range exceeds the limit (limit: 30d1h)")
        except (BadQuery, ValueError, KeyError) as problem:
            return web.Response(status=400, text=str(problem))
        number = len(list(self._found(query.log, at - query.nanoseconds + 1, at + 1)))
        result = [{"metric": {}, "value": [at / SECOND, str(number)]}] if number else []
        return web.json_response({"status": "success", "data": {"resultType": "vector", "result": result}})

    def _parsed(self, form: Mapping[str, str], kind: type[Any]) -> Any:
        query = parse(form["query"])
        if not isinstance(query, kind):
            raise BadQuery("parse error : not that kind of query")
        return query

    def _found(self, query: LogQuery, start: int, end: int) -> Iterator[tuple[int, str, Labels]]:
        """Entries from `start` up to before `end`, with the labels they have in the answer."""
        self.asked.append((start, end))
        visible = time.monotonic() - self.seen_after
        for stream in self.streams.values():
            if not query.selects(stream.labels):
                continue
            gone = [one for one in self.deletions if one.query.selects(stream.labels)]
            for (at, line), came in stream.entries.items():
                labels = stream.labels | {"detected_level": "unknown"}
                removed = any(one.start <= at <= one.end and one.query.passes(line, {}) for one in gone)
                if start <= at < end and came <= visible and not removed and query.passes(line, labels):
                    yield at, line, labels

    # Delete

    async def _delete(self, request: web.Request) -> web.Response:
        if not self.deletes:
            return web.Response(status=404, text="404 page not found")
        now = time.time_ns()
        try:
            query = parse(request.query["query"])
            start, end = _seconds(request.query["start"]), _seconds(request.query.get("end", "")) or now
            if not isinstance(query, LogQuery) or end > now or start > end:
                raise BadQuery("deletes in the future are not allowed")
        except (BadQuery, ValueError, KeyError) as problem:
            return web.Response(status=400, text=str(problem))
        self.deletions.append(Deletion(query, start, end))
        return web.Response(status=204)


async def _form(request: web.Request) -> Mapping[str, str]:
    if request.method == "GET":
        return request.query
    return {name: str(value) for name, value in (await request.post()).items()}


def _labels(given: Any) -> Labels:
    labels: dict[str, Any] = dict(given)
    if not 0 < len(labels) <= MOST_LABELS:
        raise ValueError("error at least one label pair is required per stream")
    for name, value in labels.items():
        if not LABEL.fullmatch(name) or not isinstance(value, str) or len(value) > 2048:
            raise ValueError(f"Error parsing labels: {name}")
    return {name: value for name, value in labels.items() if value}


def _entry(given: Any) -> tuple[int, str]:
    at, line, *metadata = given
    if not isinstance(at, str) or not isinstance(line, str) or not re.fullmatch("[0-9]{1,19}", at) or metadata:
        raise ValueError("an entry is a timestamp in nanoseconds and a line, both strings")
    return int(at), line


def _seconds(text: str) -> int:
    """Nanoseconds; 0 for nothing."""
    if text and not re.fullmatch("[0-9]{10}", text):
        raise ValueError("invalid time: require unix seconds or RFC3339 format")
    return int(text) * SECOND if text else 0


def _shown(at: int) -> str:
    return datetime.fromtimestamp(at // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
