"""What the process costs while nothing happens, after ten deploys; and what two hundred open pages add."""

import asyncio
import os
import re
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp

from devpush.settings import ROOT
from tests.bench import apps
from tests.bench.stage import Stage, repositories
from tests.bench.table import Figure, at_most
from tests.life.platform import repository

DEPLOYS = 10
STREAMS = 200
SECONDS = 30
SETTLE = 5
IMPORTS = "import devpush.cli, uvloop, sys; print(flush=True); sys.stdin.read()"
"""The floor: the same interpreter with the same libraries, and nothing opened."""


async def run(stage: Stage) -> list[Figure]:
    origin = repository(repositories(stage), "idle", apps.minimal("v0"))
    await stage.platform.live(origin.path, "--install", "", "--start", apps.START)
    for number in range(1, DEPLOYS):
        origin.commit(apps.minimal(f"v{number}"))
        await stage.deploy("idle")
        await stage.platform.finished("idle", count=number + 1)
    await stage.rest()
    await asyncio.sleep(SETTLE)
    assert stage.platform.process
    pid = stage.platform.process.pid
    memory, cpu = pss(pid), await busy(pid, SECONDS)
    with_streams, cpu_with_streams = await _with_streams(stage, pid)
    services = [stage.platform.child(name) for name in ("postgres", "valkey", "traefik")]
    beside = sum(pss(child) for service in services for child in family(service))
    return [
        at_most(f"memory (PSS) after {DEPLOYS} deploys", memory, 110, "MB", floor=await asyncio.to_thread(_floor)),
        at_most(f"CPU over {SECONDS} s", cpu, 1, "%"),
        at_most(f"{STREAMS} open streams add", with_streams - memory, 20, "MB"),
        Figure("… and their CPU", f"{cpu_with_streams:.2f} %"),
        Figure("PostgreSQL, Valkey and Traefik beside it", f"{beside:.0f} MB"),
    ]


async def _with_streams(stage: Stage, pid: int) -> tuple[float, float]:
    url = f"{stage.dashboard}/projects/idle/stream"
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=None)
    async with (
        aiohttp.ClientSession(connector=connector, headers={"Cookie": stage.cookie}, timeout=timeout) as client,
        AsyncExitStack() as open_pages,
    ):
        for _ in range(STREAMS):
            answer = await open_pages.enter_async_context(client.get(url))
            assert answer.status == 200
        await asyncio.sleep(SETTLE)
        cpu = await busy(pid, 10)
        return pss(pid), cpu


def pss(pid: int) -> float:
    """MB of memory that are this process's own, and its part of what it shares."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    assert found
    return int(found[1]) / 1024


def family(pid: int) -> list[int]:
    """The process and all below it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in family(int(child)))]


async def busy(pid: int, seconds: float) -> float:
    """Per cent of one core."""
    before = _ticks(pid)
    await asyncio.sleep(seconds)
    return (_ticks(pid) - before) / os.sysconf("SC_CLK_TCK") / seconds * 100


def _ticks(pid: int) -> int:
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(after_name[11]) + int(after_name[12])


def _floor() -> float:
    argv = [sys.executable, "-c", IMPORTS]
    with subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        try:
            return pss(process.pid)
        finally:
            process.terminate()
