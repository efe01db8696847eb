"""A server with a hundred live projects is lost, and comes back from a backup: each app is built again."""

import asyncio
import re
import shutil
import time
from pathlib import Path

from tests.bench import apps
from tests.bench.scale import DEPLOYMENTS
from tests.bench.stage import Stage, quiet, repositories
from tests.bench.table import Figure, at_most
from tests.images import clear
from tests.life.platform import Platform, repository

PROJECTS, AT_ONCE = 100, 4
EACH = 50
"""Deployments of each that nobody needs any more: history."""
PASSPHRASE = "what the benchmark's backups are closed with"
MOST, PATIENCE = 120, 1200


async def run(stage: Stage) -> list[Figure]:
    platform = stage.platform
    origin = repository(repositories(stage), "many", apps.minimal("there again"))
    hosts = await _deployed(platform, origin.path)
    await platform.sql(DEPLOYMENTS, 1, PROJECTS, EACH)
    await quiet()
    platform.settings |= {"BACKUP_PASSPHRASE": PASSPHRASE, "BACKUP_PLACE": f"{platform.folder}-backups"}
    backed_up = await _took(platform, "backup")
    drilled = await _took(platform, "drill")
    await _lost(platform)
    await quiet()
    began = time.perf_counter()
    restored = await _took(platform, "restore")
    await platform.start()
    await _all_answer(platform, hosts)
    whole = time.perf_counter() - began
    shutil.rmtree(f"{platform.folder}-backups")
    there = f"{PROJECTS} projects, {PROJECTS * EACH:,} deployments"
    return [
        Figure(f"backup of {there}", f"{backed_up:.1f} s"),
        Figure("drill", f"{drilled:.1f} s"),
        at_most("restore of its data", restored, MOST, "s"),
        at_most("… until every site answers, each built again from Git", whole, MOST, "s"),
    ]


async def _deployed(platform: Platform, origin: Path) -> list[str]:
    """Live under as many names; their hosts."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> str:
        async with turn:
            app = await platform.live(origin, "--project", f"many-{number}", "--install", "", "--start", apps.START)
            return app.host

    return await asyncio.gather(*(one(number) for number in range(1, PROJECTS + 1)))


async def _took(platform: Platform, *command: str) -> float:
    """Seconds that it says it took: without Python's own start."""
    done = await platform.command(*command)
    assert done.code == 0, done.err
    found = re.search(r" in ([0-9.]+) s", done.out)
    assert found, done.out
    return float(found[1])


async def _lost(platform: Platform) -> None:
    """Everything but the repositories, which are elsewhere in earnest, and the backup."""
    await platform.stop()
    async with platform.engine() as engine:
        await clear(engine)
    for name in ("postgres", "valkey", "upload", "mirrors", "spool", "examples", "traefik"):
        await asyncio.to_thread(shutil.rmtree, platform.folder / name, ignore_errors=True)


async def _all_answer(platform: Platform, hosts: list[str]) -> None:
    missing = set(hosts)
    async with asyncio.timeout(PATIENCE):
        while missing:
            for host in sorted(missing):
                if (await platform.get(host)).status == 200:
                    missing.discard(host)
            await asyncio.sleep(0.5)
