"""What happens to a site while it is visited: deployments, failures, rollbacks, promotions, domains, updates."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.gitserver import Origin
from tests.life.platform import Operator, Platform, side_by_side, until
from tests.zero_downtime.load import Load, Wrong
from tests.zero_downtime.site import site

PROJECT, DOMAIN = "zero", "shop.example.com"
DRAIN = 8
"""Seconds that streams may stay: more than the slowest request takes, and fewer than a run has."""
MEMORY_MB = "512"
Tell = Callable[[str], None]


@dataclass
class Story:
    """One installation, two processes (of which one works), one project. `act` plays a scene by its name."""

    working: Platform
    waiting: Platform
    origin: Origin
    operator: Operator
    load: Load
    versions: "count[int]" = field(default_factory=lambda: count(2))
    done: int = 1
    """Deployments so far."""
    more: dict[str, Callable[[], Awaitable[None]]] = field(default_factory=dict)
    """Scenes that not every stage can have."""

    async def act(self, name: str) -> None:
        scenes: dict[str, Callable[[], Awaitable[None]]] = {
            "deploy": self.deploy,
            "fail": self.fail,
            "roll back": self.roll_back,
            "promote": self.promote,
            "domain": self.domain,
            "update": self.update,
            **self.more,
        }
        await scenes[name]()

    # Scenes

    async def deploy(self) -> None:
        version = self._commit("main")
        row = await self._deployed("main")
        assert row["state"] == "succeeded", row["reason"]
        await self._answers(version)

    async def fail(self) -> None:
        """It ends before it listens."""
        before = (await self._asked()).deployment
        self.origin.commit(site("never", before="raise SystemExit('This version is broken.')"))
        row = await self._deployed("main")
        assert row["state"] == "failed", row
        assert (await self._asked()).deployment == before

    async def roll_back(self) -> None:
        """To what served before."""
        rows = await self.working.sql(
            "SELECT a.previous_id FROM alias a JOIN project p ON p.id = a.project_id "
            "WHERE p.slug = $1 AND a.kind = 'production'",
            PROJECT,
        )
        [target] = [row["previous_id"] for row in rows]
        await self._press(f"/projects/{PROJECT}/deployments/{target}/rollback")
        assert (await self._asked()).deployment == str(target)

    async def promote(self) -> None:
        version = self._commit("staging")
        row = await self._deployed("staging")
        assert row["state"] == "succeeded", row["reason"]
        await self._press(f"/projects/{PROJECT}/deployments/{row['id']}/promotion")
        self.done += 1
        promoted = await self.working.finished(PROJECT, self.done)
        assert promoted["state"] == "succeeded", promoted["reason"]
        await self._answers(version)

    async def domain(self) -> None:
        """One more hostname, then it redirects, then it is gone. That DNS names us is taken as seen."""
        production = await self._environment("production")
        path = f"/projects/{PROJECT}/domains"
        await self._press(path, hostname=DOMAIN, serves=str(production))
        [row] = await self.working.sql(
            "UPDATE domain SET state = 'verified', held = hostname, verified_at = now(), checked_at = now() "
            "WHERE hostname = $1 RETURNING id",
            DOMAIN,
        )
        one = f"{path}/{row['id']}"
        await self._press(one, serves=str(production))
        await self._domain_answers(200)
        await self._press(one, serves="redirect", redirect_to="https://example.org", redirect_status="308")
        await self._domain_answers(308)
        await self._press(f"{one}/removal")
        await self._domain_answers(404)

    async def update(self) -> None:
        """The other process comes up and takes over, this one is drained."""
        old, new = self.working, self.waiting
        await new.start()
        ended = await old.command("drain")
        assert ended.code == 0, ended
        assert old.process
        await old.process.wait()
        self.working, self.waiting = new, old

    # What scenes are made of

    def _commit(self, branch: str) -> str:
        version = f"v{next(self.versions)}"
        self.origin.commit(site(version), branch=branch)
        return version

    async def _deployed(self, branch: str) -> Any:
        """The newest commit's deployment, once it has ended."""
        await self._press(f"/projects/{PROJECT}/deployments", branch=branch)
        self.done += 1
        return await self.working.finished(PROJECT, self.done)

    async def _press(self, path: str, **form: str) -> None:
        answer = await self.operator.post(path, **form)
        assert answer.status in (200, 303), (path, answer.status, answer.text[-6000:])

    async def _asked(self) -> Any:
        return await self.working.get(self.load.host)

    async def _answers(self, version: str) -> None:
        assert f'"{version}"' in (await self._asked()).text

    async def _domain_answers(self, status: int) -> None:
        async def does() -> bool:
            return (await self.working.get(DOMAIN)).status == status

        await until(does, f"{DOMAIN} does not answer {status}")

    async def _environment(self, slug: str) -> UUID:
        rows = await self.working.sql(
            "SELECT e.id FROM environment e JOIN project p ON p.id = e.project_id WHERE p.slug = $1 AND e.slug = $2",
            PROJECT,
            slug,
        )
        found: UUID = rows[0]["id"]
        return found

    # The end

    async def all_were_taken_once(self) -> None:
        """Of the marked POSTs each left exactly one line, in whichever version: nobody asked a second time for us."""

        async def kept() -> bool:
            return set(await self._taken()) >= self.load.marked

        await until(kept, "The app's log lacks requests that were answered.")
        taken = await self._taken()
        assert len(taken) == len(set(taken)), "A request was taken twice."

    async def _taken(self) -> list[str]:
        rows = await self.working.sql("SELECT text FROM log_line WHERE text LIKE 'took /take/%'")
        return [row["text"].removeprefix("took ") for row in rows]


@asynccontextmanager
async def story(folder: Path, **settings: str) -> AsyncIterator[Story]:
    """The site is live, in production and in staging; nobody visits it yet."""
    origin = Origin.make(folder / f"{PROJECT}.git")
    origin.commit(site("v0"), branch="staging")
    origin.commit(site("v1"))
    async with side_by_side(DEFAULT_MEMORY_MB=MEMORY_MB, DRAIN_SECONDS=str(DRAIN), **settings) as (blue, green):
        await blue.start()
        await blue.unhurried()
        green.installation = blue.installation
        live = await blue.live(origin.path)
        operator = await Operator(blue, port=blue.http_port).sign_in()

        async def look() -> None:
            answer = await operator.get(f"/projects/{PROJECT}")
            if answer.status != 200:
                raise Wrong(f"{answer.status} {answer.text[:100]}")

        told = Story(blue, green, origin, operator, Load(blue.http_port, live.host, look))
        await told._press(f"/projects/{PROJECT}/environments", name="Staging", branch="staging", color="blue")
        yield told


async def play(told: Story, scenes: Sequence[str], tell: Tell) -> None:
    """One scene after the other. Raises AssertionError where one doesn't end as it should."""
    for number, scene in enumerate(scenes, start=1):
        await told.act(scene)
        tell(f"{number}/{len(scenes)} {scene}: {told.load.sent:,} sent, {len(told.load.failures)} failed")
