"""Pages a second at eight connections, signed in, one process; a trivial page of the same server is the floor."""

import asyncio
import re
import shutil
import time

import aiohttp

from tests.bench import apps
from tests.bench.stage import Stage, repositories
from tests.bench.table import Figure, at_least
from tests.life.platform import repository

CONNECTIONS = 8
SECONDS = 6
ROWS = 5_000
MANY = """
INSERT INTO deployment (id, number, project_id, environment_id, created_by_id, trigger, branch, commit_sha,
    commit_message, commit_author, config, variables, state, reason, attempts, image, image_reused, build_key, health,
    health_note, created_at, building_at, starting_at, routing_at, finished_at)
SELECT gen_random_uuid(), nextval('act'), d.project_id, d.environment_id, d.created_by_id, 'push', d.branch,
    md5(n::text) || left(md5(n::text), 8), 'Change number ' || n, d.commit_author, d.config, d.variables,
    CASE WHEN n % 9 = 0 THEN 'failed' ELSE 'succeeded' END, CASE WHEN n % 9 = 0 THEN 'The build failed.' ELSE '' END,
    1, d.image, false, d.build_key, 'ok', '', d.created_at - n * interval '1 minute', d.building_at, d.starting_at,
    d.routing_at, d.finished_at
FROM generate_series(1, $2) n, deployment d JOIN project p ON p.id = d.project_id WHERE p.slug = $1
"""


async def run(stage: Stage) -> list[Figure]:
    origin = repository(repositories(stage), "shown", apps.minimal("shown"))
    await stage.platform.live(origin.path, "--install", "", "--start", apps.START)
    await stage.platform.sql(MANY, "shown", ROWS)
    await stage.platform.sql("ANALYZE")
    await stage.rest()
    await _asked(stage, "/projects/shown")  # templates are compiled at their first use
    floor = await _asked(stage, "/health")
    overview = await _asked(stage, "/projects/shown")
    rows = await _asked(stage, "/projects/shown/deployments")
    return [
        at_least("project overview", overview, 300, "requests/s", floor=floor),
        at_least(f"deployments list ({ROWS:,} rows)", rows, 200, "requests/s", floor=floor),
    ]


async def _asked(stage: Stage, path: str) -> float:
    """Requests a second, each answered 200."""
    url = stage.dashboard + path
    headers = {"Cookie": stage.cookie, "Accept-Encoding": "gzip"}
    return await (_by_wrk(url, headers) if shutil.which("wrk") else _by_ourselves(url, headers))


async def _by_wrk(url: str, headers: dict[str, str]) -> float:
    said = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    argv = ("wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", *said, url)
    process = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE)
    out = (await process.communicate())[0].decode()
    assert "Non-2xx" not in out, out
    rate = re.search(r"Requests/sec:\s+([\d.]+)", out)
    assert rate, out
    return float(rate[1])


async def _by_ourselves(url: str, headers: dict[str, str]) -> float:
    ends = time.monotonic() + SECONDS

    async def ask(client: aiohttp.ClientSession) -> int:
        done = 0
        while time.monotonic() < ends:
            async with client.get(url, headers=headers) as answer:
                await answer.read()
                assert answer.status == 200
                done += 1
        return done

    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False) as client:
        return sum(await asyncio.gather(*(ask(client) for _ in range(CONNECTIONS)))) / SECONDS
