"""A Flask app with twenty dependencies: what a changed line costs, and what a changed dependency downloads."""

import re
from collections.abc import Sequence

from tests.bench import apps
from tests.bench.stage import Stage, repositories
from tests.bench.table import Figure, against_floor
from tests.life.platform import repository

ROUNDS = 5
ANOTHER = "humanize"
FETCHED = re.compile(r"\s*(Downloading|Using cached) ([A-Za-z0-9_.]+)-\d\S*\.(?:whl|tar\.gz) ")


async def run(stage: Stage) -> list[Figure]:
    origin = repository(repositories(stage), "pandas", apps.with_pandas("v0"))
    await stage.platform.live(origin.path)
    first = await _log(stage)
    image = await _dependencies_image(stage)
    floor, changed, installs = list[float](), list[float](), 0
    for number in range(1, ROUNDS + 1):
        origin.commit(apps.with_pandas(f"v{number}"))
        floor.append(await stage.floor(image, origin, apps.GUNICORN))
        changed.append(await stage.live_after("pandas", lambda: stage.deploy("pandas")))
        installs += any("pip install" in line or "Collecting" in line for line in await _log(stage))
    origin.commit(apps.with_pandas("another", ANOTHER))
    took = await stage.live_after("pandas", lambda: stage.deploy("pandas"))
    return [
        against_floor("one line changed", changed, floor, 2.5),
        Figure("… of these, pushes that installed", f"{installs} of {ROUNDS}", target="0", met=installs == 0),
        *_cache(first, await _log(stage), took),
    ]


def _cache(first: Sequence[str], second: Sequence[str], took: float) -> list[Figure]:
    before = _fetched(first, "Downloading") | _fetched(first, "Using cached")
    again, cached = _fetched(second, "Downloading") & before, _fetched(second, "Using cached") & before
    return [
        Figure("a dependency added: live after", f"{took:.1f} s"),
        Figure(
            f"… files of the {len(before)} before: downloaded again",
            f"{len(again)} ({len(cached)} from the cache)",
            target="0",
            met=not again and len(cached) == len(before),
        ),
    ]


def _fetched(lines: Sequence[str], how: str) -> set[str]:
    matches = (FETCHED.match(line) for line in lines)
    return {match[2].lower() for match in matches if match and match[1] == how}


async def _log(stage: Stage) -> list[str]:
    return await stage.log_of(str((await stage.platform.newest("pandas"))["id"]))


async def _dependencies_image(stage: Stage) -> str:
    async with stage.platform.engine() as engine:
        found = await engine.images({"devpush.kind": "install"})
    return found[0][0]
