"""Requests that are being answered: a process that ends lets them come to their end."""

import asyncio
from contextlib import suppress

from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, Scope
from quart import Quart


class InFlight:
    """Stands before the application and counts."""

    def __init__(self, app: Quart) -> None:
        self.app = app
        self.count = 0
        self._none = asyncio.Event()

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "lifespan":  # as long as the process, and no request
            await self.app(scope, receive, send)
            return
        self.count += 1
        self._none.clear()
        try:
            await self.app(scope, receive, send)
        finally:
            self.count -= 1
            if not self.count:
                self._none.set()

    async def over(self, within: float) -> int:
        """Wait until none is left, at most so many seconds. How many are left."""
        if self.count:
            with suppress(TimeoutError):
                async with asyncio.timeout(within):
                    await self._none.wait()
        return self.count
