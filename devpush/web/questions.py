"""Questions to the database that many ask at the same time: each is asked once, for all of them."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar, cast

T = TypeVar("T")


class Questions:
    """Those that are being asked, and answers as long as somebody may still want them."""

    def __init__(self) -> None:
        self.latest: dict[Hashable, _Question] = {}

    async def ask(self, key: Hashable, question: Callable[[], Awaitable[T]], *, within: float = 0) -> T:
        """An answer to a question that was put no longer ago than so many seconds; with 0, not before now."""
        latest = self.latest.get(key)
        if latest is None or latest.put < time.monotonic() - within:
            latest = self.latest[key] = _Question(question, latest)
            latest.answer.add_done_callback(lambda _: self._answered(key, latest, within))
        return cast(T, await asyncio.shield(latest.answer))

    def _answered(self, key: Hashable, question: "_Question", within: float) -> None:
        asyncio.get_running_loop().call_later(within, self._forget, key, question)

    def _forget(self, key: Hashable, question: "_Question") -> None:
        if self.latest.get(key) is question:
            del self.latest[key]


class _Question:
    """Put once the one before is answered: whoever asks meanwhile asks this one, too."""

    def __init__(self, question: Callable[[], Awaitable[Any]], before: "_Question | None") -> None:
        self.put = math.inf
        self.answer: asyncio.Task[Any] = asyncio.create_task(self._put(question, before.answer if before else None))
        self.answer.add_done_callback(
            lambda done: done.cancelled() or done.exception()
        )  # nobody may be left to hear it

    async def _put(self, question: Callable[[], Awaitable[Any]], before: "asyncio.Task[Any] | None") -> Any:
        if before and not before.done():
            await asyncio.wait([before])
        self.put = time.monotonic()
        return await question()
