"""A process that ends lets requests come to their end."""

import asyncio
from typing import Any

import pytest
from quart import Quart, request

from devpush.web.in_flight import InFlight
from tests.patience import PATIENCE, until


@pytest.fixture
def app() -> Quart:
    app = Quart(__name__)

    @app.post("/picture")
    async def picture() -> str:
        return f"{len(await request.get_data())} bytes"

    return app


async def test_an_upload_that_has_begun_is_waited_for(app: Quart) -> None:
    in_flight, said = InFlight(app), []
    parts: asyncio.Queue[bytes] = asyncio.Queue()

    async def receive() -> Any:
        part = await parts.get()
        return {"type": "http.request", "body": part, "more_body": bool(part)}

    async def send(message: Any) -> None:
        said.append(message)

    scope: Any = {
        "type": "http", "asgi": {}, "http_version": "1.1", "method": "POST", "scheme": "http", "path": "/picture",
        "raw_path": b"/picture", "query_string": b"", "root_path": "", "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2), "extensions": {},
    }  # fmt: skip
    asked = asyncio.create_task(in_flight(scope, receive, send))
    parts.put_nowait(b"half ")
    await until(parts.empty)
    assert await in_flight.over(within=0) == 1, "whoever is too slow is told of"
    over = asyncio.create_task(in_flight.over(within=PATIENCE))
    for part in (b"and half", b""):
        parts.put_nowait(part)
    assert await over == 0
    await asked
    assert b"".join(message.get("body", b"") for message in said) == b"13 bytes"
