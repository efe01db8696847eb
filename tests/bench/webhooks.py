"""Signed pushes a second, and how long one takes; then a thousand pushes to one branch, and what is left of them."""

import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable
from uuid import uuid4

import aiohttp

from tests import hooks
from tests.bench import apps
from tests.bench.stage import APP_SECRET, Stage, repositories
from tests.bench.table import Figure, at_least, at_most
from tests.gitserver import Origin
from tests.life.platform import repository, until

CONNECTIONS, SECONDS = 8, 6
ONE_BY_ONE = 400
BURST = 1_000
CONNECT = "UPDATE project SET github_repo_id = $1, github_installation_id = $2, polled = false WHERE slug = 'told'"
Ask = Callable[[aiohttp.ClientSession], Awaitable[None]]


async def run(stage: Stage) -> list[Figure]:
    await _two_projects(stage)
    pushes = Pushes(stage)
    health, median = await _median(_health(stage)), await _median(pushes.send)
    floor, rate = await _rate(_health(stage)), await _rate(pushes.send)
    handled = await pushes.all_handled()
    took, ran = await _burst(stage)
    return [
        at_least("signed pushes, rows written", rate, 500, "requests/s", floor=floor),
        at_most("one at a time, median", median * 1000, 5, "ms", floor=health * 1000),
        Figure(f"… of {pushes.sent:,} answered 202", f"{handled:,} rows, all handled", met=handled == pushes.sent),
        at_most(f"burst of {BURST:,}: the newest is live after", took, 20, "s"),
        Figure("… of them ran, the newest as the last", str(ran)),
    ]


async def _two_projects(stage: Stage) -> None:
    """One that GitHub tells of pushes to a branch it doesn't take, and one with a webhook of its own."""
    for name in ("told", "hooked"):
        origin = repository(repositories(stage), name, apps.minimal(name))
        await stage.platform.live(origin.path, "--install", "", "--start", apps.START)
    await stage.platform.sql(CONNECT, hooks.REPOSITORY, hooks.INSTALLATION)
    await stage.platform.unhurried()
    await stage.rest()


class Pushes:
    """What GitHub sends to our App, each delivery and each commit another one."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.sent = 0

    async def send(self, client: aiohttp.ClientSession) -> None:
        body = json.dumps(hooks.push("not-taken", before=hooks.sha())).encode()
        headers = {
            "Content-Type": "application/json",
            "X-GitHub-Event": "push",
            "X-GitHub-Delivery": str(uuid4()),
            "X-Hub-Signature-256": f"sha256={hooks.signature(APP_SECRET, body)}",
        }
        async with client.post(self.stage.dashboard + hooks.GITHUB, data=body, headers=headers) as answer:
            assert answer.status == 202, await answer.text()
        self.sent += 1

    async def all_handled(self) -> int:
        """How many rows there are, once each is handled and has its entry in the project's log."""

        async def handled() -> int:
            [row] = await self.stage.platform.sql(
                "SELECT count(*) AS all, count(handled_at) AS handled, (SELECT count(*) FROM delivery) AS told "
                "FROM receipt"
            )
            return int(row["all"]) if row["all"] == row["handled"] == row["told"] else 0

        return int(await until(handled, "some receipts are never handled", every=0.2))


def _health(stage: Stage) -> Ask:
    async def ask(client: aiohttp.ClientSession) -> None:
        async with client.get(f"{stage.dashboard}/health") as answer:
            assert answer.status == 200

    return ask


async def _rate(ask: Ask) -> float:
    """A second, over several connections."""
    ends = time.monotonic() + SECONDS
    done = 0

    async def some(client: aiohttp.ClientSession) -> None:
        nonlocal done
        while time.monotonic() < ends:
            await ask(client)
            done += 1

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS)) as client:
        await asyncio.gather(*(some(client) for _ in range(CONNECTIONS)))
    return done / SECONDS


async def _median(ask: Ask) -> float:
    """Seconds, on one connection."""
    times = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as client:
        for _ in range(ONE_BY_ONE):
            began = time.perf_counter()
            await ask(client)
            times.append(time.perf_counter() - began)
    return statistics.median(times)


async def _burst(stage: Stage) -> tuple[float, int]:
    """Seconds from the first of so many pushes until the newest is live and all others have ended; how many ran."""
    commits = await asyncio.to_thread(_commits, Origin(repositories(stage) / "hooked.git"))
    [row] = await stage.platform.sql("SELECT hook_id FROM project WHERE slug = 'hooked'")
    async with stage.client.get(f"{stage.dashboard}/projects/hooked/settings/hook/secret") as answer:
        secret = await answer.text()
    url = f"{stage.dashboard}/api/hooks/{row['hook_id']}"
    waiting = list(zip(reversed(["", *commits[:-1]]), reversed(commits), strict=True))

    async def some() -> None:
        while waiting:
            before, after = waiting.pop()
            body = json.dumps(hooks.push(before=before, after=after)).encode()
            signed = {"X-GitHub-Event": "push", "X-Hub-Signature-256": hooks.signature(secret, body)}
            async with stage.client.post(url, data=body, headers=signed | {"X-GitHub-Delivery": after}) as said:
                assert said.status == 202, await said.text()

    began = time.perf_counter()
    await asyncio.gather(*(some() for _ in range(CONNECTIONS)))
    await until(lambda: _ended(stage, commits[-1]), "the newest push never goes live", every=0.1)
    took = time.perf_counter() - began
    rows = await stage.platform.deployments("hooked")
    return took, sum(row["state"] == "succeeded" for row in rows[1:])


def _commits(origin: Origin) -> list[str]:
    """The repository moves on, commit by commit."""
    tree = origin.git("rev-parse", "main^{tree}")
    return [origin.commit_tree(tree, message=f"Number {number}") for number in range(BURST)]


async def _ended(stage: Stage, newest: str) -> bool:
    [row] = await stage.platform.sql(
        "SELECT count(*) FILTER (WHERE d.finished_at IS NULL) AS waiting, "
        "bool_or(d.commit_sha = $1 AND d.state = 'succeeded') AS live, "
        "(SELECT count(*) FROM receipt WHERE handled_at IS NULL) AS unhandled "
        "FROM deployment d JOIN project p ON p.id = d.project_id WHERE p.slug = 'hooked'",
        newest,
    )
    return row["waiting"] == row["unhandled"] == 0 and bool(row["live"])
