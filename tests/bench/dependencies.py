"""A Flask app with twenty dependencies: what a changed line costs, and what a changed dependency downloads."""

from collections.abc import Mapping

from tests.bench import apps
from tests.bench.index import Index, index
from tests.bench.stage import Stage, repositories
from tests.bench.table import Figure, against_floor
from tests.gitserver import Origin
from tests.life.platform import repository

ROUNDS = 5
ANOTHER = "humanize"


async def run(stage: Stage) -> list[Figure]:
    origin = repository(repositories(stage), "pandas", apps.with_pandas("v0"))
    async with index(stage, [*apps.DEPENDENCIES, ANOTHER]) as packages:
        await stage.platform.live(origin.path, *packages.variables)
        first = packages.take()
        return [*await _line_changed(stage, origin), *await _dependency_added(stage, origin, packages, first)]


async def _line_changed(stage: Stage, origin: Origin) -> list[Figure]:
    image = await _dependencies_image(stage)
    floor, changed, installs = list[float](), list[float](), 0
    for number in range(1, ROUNDS + 1):
        floor.append(await stage.floor(image, origin, apps.GUNICORN))
        changed.append(await _pushed(stage, origin, apps.with_pandas(f"v{number}")))
        log = await stage.log_of(str((await stage.platform.newest("pandas"))["id"]))
        installs += any("pip install" in line or "Collecting" in line for line in log)
    return [
        against_floor("one line changed", changed, floor, 2.5),
        Figure("… of these pushes, installed", f"{installs} of {ROUNDS}", target="0", met=installs == 0),
    ]


async def _dependency_added(stage: Stage, origin: Origin, packages: Index, first: list[str]) -> list[Figure]:
    packages.take()
    took = await _pushed(stage, origin, apps.with_pandas("another", ANOTHER))
    fetched = packages.take()
    again = set(fetched) & set(first)
    return [
        Figure("a dependency added: live after", f"{took:.1f} s"),
        Figure("… files fetched that were new", f"{len(fetched) - len(again)}", target="1", met=len(fetched) == 1),
        Figure(f"… of the {len(first)} before, again", f"{len(again)}", target="0", met=not again),
    ]


async def _pushed(stage: Stage, origin: Origin, files: Mapping[str, str | bytes]) -> float:
    return await stage.live_after("pandas", lambda: stage.deploy("pandas"), pushed=lambda: origin.commit(files))


async def _dependencies_image(stage: Stage) -> str:
    async with stage.platform.engine() as engine:
        found = await engine.images({"devpush.kind": "install"})
    return found[0][0]
