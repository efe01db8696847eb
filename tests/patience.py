"""How long tests wait for what must come: long enough for any machine, but not for ever."""

import asyncio
import inspect
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import FrameType

PATIENCE = 60.0
"""Seconds. Only what would never come takes that long."""


async def until(true: Callable[[], object | Awaitable[object]], within: float = PATIENCE) -> None:
    """Until that is so. Who wants to know how quickly asks a benchmark."""
    async with asyncio.timeout(within):
        while True:
            answer = true()
            if await answer if inspect.isawaitable(answer) else answer:
                return
            await asyncio.sleep(0.01)


@contextmanager
def coming_to_an_end(seconds: float = 30) -> Iterator[None]:
    """Fails what would compute for ever. Seconds of this process's own work: a busy machine doesn't shorten them."""

    def give_up(signum: int, frame: FrameType | None) -> None:
        raise AssertionError(f"still at it after {seconds:.0f} seconds of work")

    before = signal.signal(signal.SIGVTALRM, give_up)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
