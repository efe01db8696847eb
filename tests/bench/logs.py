"""How long a line takes from the app that writes it to a page that is open, at a hundred lines a second."""

import asyncio
import re
import statistics
import time
from collections.abc import Callable

import aiohttp

from tests.bench import apps
from tests.bench.stage import Stage, repositories
from tests.bench.table import Figure, at_most
from tests.life.platform import repository

SECONDS = 20
SAID = re.compile(rb"said at (\d+\.\d+)")


async def run(stage: Stage) -> list[Figure]:
    origin = repository(repositories(stage), "chatty", apps.chatty())
    await stage.platform.live(origin.path, "--install", "", "--start", apps.START)
    id = str((await stage.platform.newest("chatty"))["id"])
    await asyncio.sleep(2)
    floor = await _delays(lambda heard: _from_engine(stage, heard))
    page = await _delays(lambda heard: _from_page(stage, f"/projects/chatty/deployments/{id}/stream", heard))
    least, half = percentile(floor, 99), statistics.median(page)
    note = f" (median {half:.0f}, {len(page):,} lines)"
    return [at_most("written → on the page (p99)", percentile(page, 99), 150, "ms", floor=least, note=note)]


def percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]


async def _delays(listen: Callable[[Callable[[bytes], None]], "asyncio.Future[None] | object"]) -> list[float]:
    """Milliseconds of each line that was written while we listened."""
    delays: list[float] = []
    began = time.time()

    def heard(data: bytes) -> None:
        now = time.time()
        said = (float(match[1]) for match in SAID.finditer(data))
        delays.extend((now - at) * 1000 for at in said if at > began)

    try:
        async with asyncio.timeout(SECONDS):
            await listen(heard)  # type: ignore[misc]
    except TimeoutError:
        pass
    return delays


async def _from_page(stage: Stage, path: str, heard: Callable[[bytes], None]) -> None:
    timeout = aiohttp.ClientTimeout(total=None)
    async with stage.client.get(stage.dashboard + path, timeout=timeout) as answer:
        async for line in answer.content:
            heard(line)


async def _from_engine(stage: Stage, heard: Callable[[bytes], None]) -> None:
    """The floor: Docker's own log, followed directly."""
    [app] = [found for found in await stage.platform.containers("chatty") if found.state == "running"]
    async with stage.platform.engine() as engine:
        async for line in engine.logs(app.name, follow=True):
            heard(line.text.encode())
