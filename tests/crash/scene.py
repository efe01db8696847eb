"""A site is deployed or a project deleted, the process dies in the middle and comes back; then all is looked at."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
from redis.asyncio import Redis

from devpush.adapters.docker import DockerContainers
from tests.crash.victim import Order
from tests.gitserver import Origin
from tests.life.platform import Operator, Platform, Poller, app, repository, side_by_side, until

SITE = "site"
WORKSHOP = ("-m", "tests.crash.victim")
ENDS_WITHIN = 60
"""Seconds, of which a lease that nobody renews takes ten; those are spared here."""


@dataclass
class Scene:
    """One installation whose process dies, and comes back."""

    platform: Platform
    operator: Operator
    origin: Origin
    folder: Path
    versions: "count[int]" = field(default_factory=lambda: count(2))
    version: str = "v1"
    deployed: int = 1
    died: int = 0

    async def places(self, what: str) -> list[str]:
        """Where it waits, in the order of its awaits, when nothing goes wrong."""
        told = self.platform.folder / "places" / what
        await asyncio.to_thread(told.unlink, missing_ok=True)
        await (self._delete if what == "removals" else self._deploy)()
        await self._at_rest()
        found: list[str] = json.loads(await asyncio.to_thread(told.read_text))
        return found

    async def kill(self, order: Order) -> bool:
        """Die there; then everything must be as it should. False: there was nothing to wait for at that place."""
        async with Poller(lambda: self.platform.get(f"{SITE}.localhost")) as visitor:
            await {"rollout": self._deploy, "sweep": self._deploy, "removals": self._delete}[order.what](order)
            died = await self._dies()
            if died:
                self.died += 1
                await self._time_passes()
                await self._comes_back()
            await self._at_rest()
        assert visitor.failures == [], visitor.failures[:5]
        numbers = [int(version.removeprefix("v")) for version in visitor.answers]
        assert numbers == sorted(numbers), "a name went back to an older version"
        return died

    # What is done

    async def _deploy(self, order: Order | None = None) -> None:
        """Sweeps go on all the time: the order to die in one comes when there is something to deploy."""
        self.version = f"v{next(self.versions)}"
        self.origin.commit(_files(self.version))
        if order and order.what == "rollout":
            order.give(self.platform.folder)
        assert (await self.operator.post(f"/projects/{SITE}/deployments", branch="main")).status == 303
        self.deployed += 1
        if order and order.what == "sweep":
            order.give(self.platform.folder)

    async def _delete(self, order: Order | None = None) -> None:
        name = f"gone-{next(self.versions)}"
        await self.platform.live(repository(self.folder, name).path)
        page = f"/projects/{name}/settings"
        await self.operator.get(page)
        if order:
            order.give(self.platform.folder)
        with suppress(aiohttp.ClientError):  # the answer may come too late
            assert (await self.operator.post(f"/projects/{name}/removal", page=page, confirmation=name)).status == 303

    # Death, and coming back

    async def _dies(self) -> bool:
        """Whether it has died; it has not when what was begun is done, and the order is still there or was too late."""
        process = self.platform.process
        assert process

        async def dead_or_done() -> bool:
            return process.returncode is not None or await self._is_done()

        await until(dead_or_done, "Neither does it die, nor does it end.")
        (self.platform.folder / "crash.json").unlink(missing_ok=True)
        if process.returncode is None:
            return False
        assert process.returncode == -9, f"{process.returncode}: {self.platform.said()[-3000:]}"
        return True

    async def _is_done(self) -> bool:
        rows = await self.platform.sql("SELECT 1 FROM deployment WHERE finished_at IS NULL")
        going = await self.platform.sql("SELECT 1 FROM project WHERE removing_at IS NOT NULL")
        if rows or going or await asyncio.to_thread(self._leftovers):
            return False
        return await self._only_what_is_wanted() and await self._nobody_holds_anything()

    async def _time_passes(self) -> None:
        """Ten seconds, in which leases run out: what they claim to hold is all that this takes away."""
        async with Redis.from_url(self.platform.settings["REDIS_URL"]) as redis:
            for key in [key async for key in redis.scan_iter(f"devpush:{self.platform.installation}:lease:*")]:
                if b"look for pushes" not in key:
                    await redis.delete(key)

    async def _comes_back(self) -> None:
        await self.platform.begin()
        await self.platform.ready()
        await self.platform.unhurried()

    # How it should be

    async def _at_rest(self) -> None:
        try:
            async with asyncio.timeout(ENDS_WITHIN):
                while not await self._is_done():
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"It does not end: {await self._state()}\n{self.platform.said()[-3000:]}") from None
        newest = await self.platform.newest(SITE)
        assert newest["state"] == "succeeded", newest["reason"]
        assert (await self.platform.get(f"{SITE}.localhost")).text == self.version
        await self._log_is_whole(newest)

    async def _state(self) -> Any:
        rows = await self.platform.sql(
            "SELECT number, state, reason, finished_at FROM deployment ORDER BY number DESC LIMIT 3"
        )
        found = [(each.name, each.state) for each in await self.platform.containers()]
        return [dict(row) for row in rows], found, self._leftovers()

    async def _only_what_is_wanted(self) -> bool:
        """One running container: what serves. Stopped, at most the one before. Networks and volumes of projects that
        are there; no image without a name."""
        aliases = await self.platform.sql(
            "SELECT deployment_id, previous_id FROM alias WHERE deployment_id IS NOT NULL"
        )
        serving = {str(row["deployment_id"]) for row in aliases}
        kept = serving | {str(row["previous_id"]) for row in aliases}
        containers = await self.platform.containers()
        up = [each.labels["devpush.deployment"] for each in containers if each.state == "running"]
        projects = {str(row["id"]) for row in await self.platform.sql("SELECT id FROM project")}
        async with self.platform.engine() as engine:
            owned = [*await engine.networks(), *await engine.volumes()]
            images = await _projects_of_images(engine)
        return (
            len(up) == len(set(up))
            and set(up) <= serving
            and all(each.labels["devpush.kind"] == "app" for each in containers)
            and {each.labels["devpush.deployment"] for each in containers} <= kept
            and {labels["devpush.project"] for _, labels in owned} <= projects
            and images <= projects
        )

    async def _nobody_holds_anything(self) -> bool:
        async with Redis.from_url(self.platform.settings["REDIS_URL"]) as redis:
            pattern = f"devpush:{self.platform.installation}:lease:deployment:*"
            return not [key async for key in redis.scan_iter(pattern)]

    async def _log_is_whole(self, deployment: Any) -> None:
        """The last lines are there once; those of a step that was done twice, at most twice."""

        async def told() -> bool:
            rows = await self.platform.sql(
                "SELECT id, text FROM log_line WHERE deployment_id = $1 AND source = 'build' ORDER BY id",
                deployment["id"],
            )
            ids, texts = [row["id"] for row in rows], [row["text"] for row in rows]
            return ids == sorted(set(ids)) and any(text.startswith("Live at ") for text in texts)

        await until(told, "The log of the deployment lacks its end.")

    def _leftovers(self) -> list[str]:
        """Files that only a deployment needs while it runs."""
        return [str(path) for path in (self.platform.folder / "tmp").glob("*")]


async def _projects_of_images(engine: DockerContainers) -> set[str]:
    found = await engine.engine.ask("images/json", params=engine._filters())
    return {label for image in found if (label := (image["Labels"] or {}).get("devpush.project"))}


def _files(version: str) -> dict[str, str | bytes]:
    return app(version) | {"requirements.txt": f"# {version}"}


@asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[Scene]:
    """The site serves; in each deployment everything happens: install, build, pre-deploy, routes, the one before."""
    settings = {"DELETED_KEEP_DAYS": "0", "DRAIN_SECONDS": "1", "MAX_CONCURRENT_DEPLOYMENTS": "2"}
    origin = repository(folder, SITE, _files("v1"))
    async with side_by_side(**settings) as (platform, _):
        platform.program = WORKSHOP
        await platform.start()
        await platform.unhurried()
        await platform.live(origin.path, "--install", "true", "--build", "true")
        await platform.sql("UPDATE project SET pre_deploy = 'true'")
        operator = await Operator(platform).sign_in()
        yield Scene(platform, operator, origin, folder)


def first_of_each(what: str, places: Sequence[str]) -> list[Order]:
    """Each place once, before and after."""
    first = {place: number for number, place in reversed([*enumerate(places, start=1)])}
    return [Order(what, number, after) for number in sorted(first.values()) for after in (False, True)]


def every(what: str, places: Sequence[str]) -> list[Order]:
    return [Order(what, number, after) for number in range(1, len(places) + 1) for after in (False, True)]


def spread(orders: Sequence[Order], most: int) -> list[Order]:
    """So many of them, over all of their length; always the same."""
    step = max(1.0, len(orders) / most)
    return [orders[int(at * step)] for at in range(min(most, len(orders)))]


async def kill_at(here: Scene, orders: Sequence[Order], places: Sequence[str], tell: Callable[[str], None]) -> None:
    for number, order in enumerate(orders, start=1):
        died = await here.kill(order)
        when = "after" if order.after else "before"
        end = "" if died else " (not reached)"
        tell(f"{order.what} {number}/{len(orders)}: {when} await {order.number}, {places[order.number - 1]}{end}")
