"""The Docker Engine's HTTP API: asked by aiodocker's client, which only this file knows."""

import io
import json
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiodocker import Docker, DockerError

from devpush.adapters.docker_config import failure
from devpush.errors import Unavailable

QUICK = 30.0
"""Seconds that an answer may take where nobody says otherwise."""


class Engine:
    """The API itself. Every call has a time limit, and every failure becomes one that ports names."""

    def __init__(self, docker_host: str) -> None:
        self.docker_host = docker_host

    async def open(self) -> None:
        connector, url = _connector(self.docker_host)
        self.connector = connector
        self.docker = Docker(url, connector=connector, timeout=_timeout(QUICK), api_version="auto")

    async def close(self) -> None:
        await self.docker.close()
        await self.connector.close()

    async def ask(
        self,
        path: str,
        method: str = "GET",
        *,
        params: Mapping[str, str] | None = None,
        body: object = None,
        allow: Collection[int] = (),
        seconds: float = QUICK,
    ) -> Any:
        """The answer, from JSON; None if it is empty, DENIED (false as well) if its status is one of `allow`."""
        try:
            async with self._answer(path, method, params, body, _timeout(seconds)) as answer:
                text = await answer.read()
        except DockerError as error:
            if error.status in allow:
                return DENIED
            raise failure(error.status, error.message) from None
        return json.loads(text) if text and answer.content_type == "application/json" else None

    @asynccontextmanager
    async def stream(
        self,
        path: str,
        method: str = "GET",
        *,
        params: Mapping[str, str] | None = None,
        body: object = None,
        idle: float | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer that comes bit by bit, at least one in `idle` seconds."""
        try:
            async with self._answer(path, method, params, body, _timeout(None, idle)) as answer:
                yield answer
        except DockerError as error:
            raise failure(error.status, error.message) from None

    async def parts(
        self,
        path: str,
        method: str = "GET",
        *,
        params: Mapping[str, str] | None = None,
        body: object = None,
        idle: float | None = None,
    ) -> AsyncGenerator[Any, None]:
        """An answer of many JSON values, a line each."""
        rest = b""
        async with self.stream(path, method, params=params, body=body, idle=idle) as answer:
            async for data in answer.content.iter_any():
                *whole, rest = (rest + data).split(b"\n")
                for line in filter(bytes.strip, whole):
                    yield json.loads(line)
        if rest.strip():
            yield json.loads(rest)

    @asynccontextmanager
    async def _answer(
        self,
        path: str,
        method: str,
        params: Mapping[str, str] | None,
        body: object,
        timeout: aiohttp.ClientTimeout,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        plain = isinstance(body, (bytes, io.IOBase))
        headers = {"Content-Type": "application/x-tar" if plain else "application/json"}
        data = body if plain or body is None else json.dumps(body)
        try:
            async with (
                self.docker._query(path, method, params=params, data=data, headers=headers, timeout=timeout) as answer,
                answer,  # aiodocker leaves it open
            ):
                yield answer
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unavailable(f"Docker does not answer ({str(error) or 'timeout'}).") from error


class _Denied:
    """Stands for an answer that was allowed to be an error."""

    def __bool__(self) -> bool:
        return False


DENIED = _Denied()


def _connector(docker_host: str) -> tuple[aiohttp.BaseConnector, str]:
    """Without a limit: a stream holds its connection for as long as its container lives."""
    if docker_host.startswith("unix://"):
        return aiohttp.UnixConnector(docker_host.removeprefix("unix://"), limit=0), "unix://localhost"
    return aiohttp.TCPConnector(limit=0), docker_host


def _timeout(seconds: float | None, idle: float | None = None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=seconds, sock_connect=5, sock_read=idle)
