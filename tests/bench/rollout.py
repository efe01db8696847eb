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
    floor, isolated = list[float](), list[float]()
    without, again, with_build = list[float](), list[float](), list[float]()
    for number in range(1, ROUNDS + 1):
        floor.append(await stage.floor(image, plain, apps.START))
        isolated.append(await stage.floor(image, plain, apps.START, beside="plain"))
        without.append(await _pushed(stage, plain, "plain", number))
        newest = str((await stage.platform.newest("plain"))["id"])
        again.append(await stage.live_after("plain", lambda id=newest: stage.redeploy("plain", id)))  # type: ignore[misc]
        with_build.append(await _pushed(stage, built, "built", number))
    return [
        against_floor("without a build step", without, floor, 1.5),
        against_floor("the same inputs again (redeploy)", again, floor, 1.5),
        against_floor("with a build command", with_build, floor, 2.5),
        against_floor("without a build step, to a floor as isolated as apps are", without, isolated, 1.5),
        against_floor("the same inputs again, to that floor", again, isolated, 1.5),
        against_floor("with a build command, to that floor", with_build, isolated, 2.5),
    ]


async def _pushed(stage: Stage, origin: Origin, project: str, number: int) -> float:
    files = apps.minimal(f"v{number}")
    return await stage.live_after(project, lambda: stage.deploy(project), pushed=lambda: origin.commit(files))
