"""Back to the version before: how soon it answers; and whether anybody who is connected notices a swap."""

import asyncio
import json
import statistics
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

import aiohttp

from tests.bench import apps
from tests.bench.stage import Stage, repositories
from tests.bench.table import Figure, at_most
from tests.gitserver import Origin
from tests.life.platform import repository

ROUNDS = 10
DEPLOYS = 20
CLIENTS = 16
PACE = 0.01
"""Seconds between two requests of a client: what fails under load fails, but the deploys shall come along too."""


async def run(stage: Stage) -> list[Figure]:
    small = repository(repositories(stage), "small", apps.minimal("old"))
    flask = repository(repositories(stage), "flask", apps.example("old"))
    return [
        *await _rolled_back(stage, small, "small", apps.minimal("new"), "--install", "", "--start", apps.START),
        *await _rolled_back(stage, flask, "flask", apps.example("new")),
        *await _under_load(stage, small, "small"),
    ]


async def _rolled_back(
    stage: Stage, origin: Origin, project: str, newer: dict[str, str | bytes], *options: str
) -> list[Figure]:
    await stage.platform.live(origin.path, *options)
    origin.commit(newer)
    await stage.platform.live(origin.path)
    rows = await stage.platform.deployments(project)
    old, new = str(rows[0]["id"]), str(rows[-1]["id"])
    took = []
    for number in range(ROUNDS):
        target = new if number % 2 else old
        took.append(await stage.live_after(project, lambda id=target: stage.roll_back(project, id)) * 1000)  # type: ignore[misc]
    most = f" (at most {max(took):.0f})"
    what = "minimal app" if project == "small" else "bundled example"
    image, start = rows[0]["image"], json.loads(rows[0]["config"])["start"]
    floor = statistics.median([await stage.restart_floor(image, start) for _ in range(3)])
    return [at_most(f"rollback, {what}", statistics.median(took), 500, "ms", floor=floor * 1000, note=most)]


# Under load


@dataclass
class Load:
    """Clients that keep their connections and ask on and on."""

    url: str
    host: str
    asked: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    versions: set[str] = field(default_factory=set)

    async def run(self, ending: asyncio.Event) -> None:
        connector = aiohttp.TCPConnector(limit=CLIENTS)
        async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as client:
            await asyncio.gather(*(self._client(client, number, ending) for number in range(CLIENTS)))

    async def _client(self, client: aiohttp.ClientSession, number: int, ending: asyncio.Event) -> None:
        """Every second one posts; every eighth one is slow, so that requests are under way at every swap."""
        path = "/slow" if number % 8 == 7 else "/"
        while not ending.is_set():
            self.asked += 1
            try:
                body = b"x" * 2000 if number % 2 else None
                ask = client.post if body else client.get
                async with ask(self.url + path, data=body, headers={"Host": self.host}) as answer:
                    self.versions.add(await answer.text())
                    if answer.status != 200:
                        self.failures[f"{'POST' if body else 'GET'} {answer.status}"] += 1
            except (aiohttp.ClientError, OSError) as problem:
                self.failures[f"{'POST' if number % 2 else 'GET'} {type(problem).__name__}"] += 1
            await asyncio.sleep(PACE)


async def _under_load(stage: Stage, origin: Origin, project: str) -> list[Figure]:
    load, ending = Load(f"http://127.0.0.1:{stage.platform.http_port}", f"{project}.localhost"), asyncio.Event()
    running = asyncio.create_task(load.run(ending))
    done = len(await stage.platform.deployments(project))
    try:
        for number in range(DEPLOYS):
            origin.commit(apps.minimal(f"swap {number}"))
            await stage.deploy(project)
            done += 1
            await stage.platform.finished(project, count=done)
        with suppress(TimeoutError):
            await asyncio.wait_for(stage.rest(), 60)
    finally:
        ending.set()
        await running
    swaps = len([version for version in load.versions if version.startswith("swap")])
    failed = sum(load.failures.values())
    kinds = "; ".join(f"{count} × {kind}" for kind, count in load.failures.most_common()) or "none"
    return [
        Figure("swaps under load", f"{swaps}", target=f"{DEPLOYS}", met=swaps == DEPLOYS),
        Figure(f"… of {load.asked:,} requests failed", f"{failed} ({kinds})", target="0", met=failed == 0),
    ]
