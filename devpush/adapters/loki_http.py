"""Loki's HTTP API: one question and its answer, or why there is none."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import aiohttp

from devpush.errors import Unavailable

ANSWER_WITHIN = 15.0
CONNECT_WITHIN = 3.0
MOST_AT_ONCE = 5_000
"""Lines that Loki gives for one question (max_entries_limit_per_query)."""
LARGEST = 64_000_000
"""Bytes of an answer."""
TOLD = 300
DELETES_FROM = "1000000000"
"""Loki wants seconds since 1970 in ten digits, or nothing."""
NO_DELETION = (403, 404, 405, 501)
"""Said by a Loki that is not configured to remove anything."""


class Refused(Exception):
    """Loki will never take this as it is; the text is its reason."""


class LokiHttp:
    """Asks, and doesn't know what lines mean. Raises Unavailable when there is no answer, or one that says "later"."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=ANSWER_WITHIN, sock_connect=CONNECT_WITHIN)
        self.session = aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()

    async def ready(self) -> None:
        """Raises Unavailable unless Loki is ready."""
        status, body = await self._ask("GET", "/ready")
        if status != 200:
            raise Unavailable(f"Loki isn't ready: {_reason(body)}")

    async def push(self, streams: Sequence[Mapping[str, Any]]) -> None:
        """Raises Refused for what it will never take; of a push that is refused, lines without fault may be kept."""
        body = json.dumps({"streams": streams}, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json"}
        status, answer = await self._ask("POST", "/loki/api/v1/push", data=body, headers=headers)
        if status in (400, 413, 422) and "timestamp too new" not in _reason(answer):
            raise Refused(_reason(answer))
        if status not in (200, 204):
            raise Unavailable(f"Loki doesn't take log lines now (HTTP {status}): {_reason(answer)}")

    async def lines(self, query: str, *, start: int, end: int, limit: int, forward: bool) -> list[tuple[int, str, str]]:
        """(nanoseconds, source, line) from `start` up to before `end`, at most `limit`: the first or the last ones, in
        the order asked for."""
        form = {
            "query": query,
            "start": str(start),
            "end": str(end),
            "limit": str(min(limit, MOST_AT_ONCE)),
            "direction": "forward" if forward else "backward",
        }
        data = await self._query("/loki/api/v1/query_range", form, "streams")
        return sorted(_entries(data), reverse=not forward)

    async def number(self, query: str, at: int) -> int:
        """What a query comes to at that moment (nanoseconds); 0 where it finds nothing."""
        data = await self._query("/loki/api/v1/query", {"query": query, "time": str(at)}, "vector")
        return sum(int(float(sample["value"][1])) for sample in data)

    async def delete(self, selector: str, *, before: int | None = None) -> bool:
        """Ask for these streams (up to a second since 1970) to be removed; False from a Loki that removes nothing."""
        asked = {"query": selector, "start": DELETES_FROM} | ({"end": f"{before:010d}"} if before is not None else {})
        status, answer = await self._ask("POST", "/loki/api/v1/delete", params=asked)
        if status in NO_DELETION:
            return False
        if status not in (200, 204):
            raise Unavailable(f"Loki doesn't remove log lines (HTTP {status}): {_reason(answer)}")
        return True

    async def _query(self, path: str, form: Mapping[str, str], kind: str) -> list[dict[str, Any]]:
        status, body = await self._ask("POST", path, data=form)
        if status != 200:
            raise Unavailable(f"Loki doesn't answer the question (HTTP {status}): {_reason(body)}")
        try:
            data = json.loads(body)["data"]
            if data["resultType"] != kind:
                raise ValueError(data["resultType"])
            return list(data["result"] or [])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise Unavailable("Loki's answer can't be understood.") from None

    async def _ask(self, method: str, path: str, **what: Any) -> tuple[int, bytes]:
        """Whatever is asked here may be asked twice: a kept connection that Loki has closed meanwhile is no answer."""
        for last in (False, True):
            try:
                async with self.session.request(method, self.url + path, allow_redirects=False, **what) as answer:
                    return answer.status, await _bounded(answer)
            except aiohttp.ServerDisconnectedError as problem:
                if last:
                    raise Unavailable("Loki doesn't answer: it closes the connection.") from problem
            except TimeoutError as problem:
                raise Unavailable(f"Loki doesn't answer within {ANSWER_WITHIN:.0f} seconds.") from problem
            except (aiohttp.ClientError, OSError) as problem:
                raise Unavailable(f"Loki doesn't answer: {_cause(problem)}") from problem
        raise AssertionError("unreachable")


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > LARGEST:
            raise Unavailable("Loki's answer is too large.")
    return bytes(body)


def _entries(data: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, str, str]]:
    try:
        for stream in data:
            source = stream["stream"].get("source", "")
            for value in stream["values"]:
                yield int(value[0]), source, value[1]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        raise Unavailable("Loki's answer can't be understood.") from None


def _reason(body: bytes) -> str:
    """Its first words, as one line."""
    return " ".join(body[: 4 * TOLD].decode(errors="replace").split())[:TOLD] or "it doesn't say why"


def _cause(problem: BaseException) -> str:
    """Without the address: it may hold a password."""
    if isinstance(problem, aiohttp.ClientConnectorError):
        return problem.os_error.strerror or type(problem.os_error).__name__
    return type(problem).__name__
