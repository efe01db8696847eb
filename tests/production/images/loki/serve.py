"""Serves until told to stop, on Loki's own port."""

import asyncio
import signal

from tests.loki_server import LokiServer


async def main() -> None:
    server = LokiServer()
    server.host, server.port = "0.0.0.0", 3100
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with server.serving():
        await stop.wait()


asyncio.run(main())
