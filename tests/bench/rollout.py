"""From asking for a deployment to its first 200 through Traefik, against `docker run` of the same app."""

from tests.bench import apps
from tests.bench.stage import Stage, repositories
from tests.bench.table import Figure, against_floor
from tests.gitserver import Origin
from tests.life.platform import repository

ROUNDS = 7
BUILD = "echo built > built.txt"
"""Costs nothing by itself: what a build step adds is what we add."""


async def run(stage: Stage) -> list[Figure]:
    plain = repository(repositories(stage), "plain", apps.minimal("v0"))
    built = repository(repositories(stage), "built", apps.minimal("v0"))
    options = ("--install", "", "--start", apps.START)
    await stage.platform.live(plain.path, *options)
    await stage.platform.live(built.path, "--build", BUILD, *options)
    image = await stage.runner_image("python")
    floor, engine, isolated = list[float](), list[float](), list[float]()
    without, again, with_build = list[float](), list[float](), list[float]()
    for number in range(1, ROUNDS + 1):
        floor.append(await stage.floor(image, plain, apps.START))
        engine.append(await stage.engine_floor(image, plain, apps.START))
        isolated.append(await stage.engine_floor(image, plain, apps.START, beside="plain"))
        without.append(await _pushed(stage, plain, "plain", number))
        newest = str((await stage.platform.newest("plain"))["id"])
        again.append(await stage.live_after("plain", lambda id=newest: stage.redeploy("plain", id)))  # type: ignore[misc]
        with_build.append(await _pushed(stage, built, "built", number))
    taken = {
        "without a build step": (without, 1.5),
        "the same inputs again (redeploy)": (again, 1.5),
        "with a build command": (with_build, 2.5),
    }
    floors = {"": floor, ", to the engine's API alone": engine, ", to it as isolated as apps are": isolated}
    return [
        against_floor(f"{what}{which}", took, against, target)
        for which, against in floors.items()
        for what, (took, target) in taken.items()
    ]


async def _pushed(stage: Stage, origin: Origin, project: str, number: int) -> float:
    files = apps.minimal(f"v{number}")
    return await stage.live_after(project, lambda: stage.deploy(project), pushed=lambda: origin.commit(files))
