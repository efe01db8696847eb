"""A thousand open pages that look at one log: how soon each has a line, and what they cost."""

import asyncio
import re
import resource
import statistics
import time
from urllib.parse import urlsplit

from tests.bench import apps
from tests.bench.idle import busy, pss
from tests.bench.logs import percentile
from tests.bench.stage import Stage, repositories
from tests.bench.table import Figure, at_most
from tests.life.platform import repository

VIEWERS = 1_000
AT_ONCE = 20
SECONDS = 20
EVERY = 0.2
"""Seconds between two lines."""
SAID = re.compile(rb"said at (\d+\.\d+)")


async def run(stage: Stage) -> list[Figure]:
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    origin = repository(repositories(stage), "watched", apps.chatty(every=EVERY))
    await stage.platform.live(origin.path, "--install", "", "--start", apps.START)
    assert stage.platform.process
    pid = stage.platform.process.pid
    id = str((await stage.platform.newest("watched"))["id"])
    path = f"/projects/watched/deployments/{id}/stream"
    floor = await _delays(stage, await _open(stage, path, 1))
    before = pss(pid)
    viewers = await _open(stage, path, VIEWERS)
    delays = await _delays(stage, viewers)
    memory, cpu = pss(pid) - before, await busy(pid, 10)
    least, most = (pick(len(viewer.delays) for viewer in viewers) for pick in (min, max))
    note = f" (median {statistics.median(delays):.0f}, p99 {percentile(delays, 99):.0f}; {least}–{most} lines each)"
    for viewer in viewers:
        viewer.transport.close()
    return [
        at_most(
            f"written → on each of {VIEWERS:,} pages, the slowest", max(delays), 250, "ms", floor=max(floor), note=note
        ),
        at_most("their memory", memory, 100, "MB"),
        Figure(f"their CPU, {1 / EVERY:.0f} lines/s", f"{cpu:.0f} %"),
    ]


class Viewer(asyncio.Protocol):
    """An open page that only looks at the clock."""

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.delays: list[float] = []
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        now = time.time()
        self.delays += [(now - float(said)) * 1000 for said in SAID.findall(data)]


async def _open(stage: Stage, path: str, count: int) -> list[Viewer]:
    address = urlsplit(stage.dashboard)
    head = (f"GET {path} HTTP/1.1", f"Host: {address.netloc}", "Accept: text/event-stream", f"Cookie: {stage.cookie}")
    request = "\r\n".join((*head, "", "")).encode()
    loop = asyncio.get_running_loop()
    viewers = []
    for number in range(count):
        _, viewer = await loop.create_connection(lambda: Viewer(request), str(address.hostname), address.port or 80)
        viewers.append(viewer)
        if number % AT_ONCE == 0:
            await asyncio.sleep(0.05)
    await asyncio.sleep(5)
    return viewers


async def _delays(stage: Stage, viewers: list[Viewer]) -> list[float]:
    for viewer in viewers:
        viewer.delays.clear()
    await asyncio.sleep(SECONDS)
    assert all(viewer.delays for viewer in viewers), "somebody has seen nothing"
    return [delay for viewer in viewers for delay in viewer.delays]
