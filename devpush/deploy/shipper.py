"""Log lines on their way to the LogStore: what containers write, and what a rollout says about its steps."""

import asyncio
import contextvars
import logging
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Self

from tortoise.exceptions import BaseORMException

from devpush.deploy import environment, plan
from devpush.deploy.keeper import Item, Keeper
from devpush.deploy.lines import Cap, Dropped, Secrets, level_of, mask
from devpush.errors import Unavailable, WrongKey
from devpush.models import Deployment
from devpush.models.database import AWAY
from devpush.ports import Container, Lease, NewLine, OutputLine, Stream, World

log = logging.getLogger(__name__)

SCAN_EVERY = 5.0
QUIET = 0.3
"""A flood is over when nothing came for so many seconds."""
AGAIN_AFTER = 1.0
PACE, PAUSE = 100, 0.01
"""After so many lines others have their turn; in a flood, after a rest of so many seconds, since reading what will be
dropped shall not cost a whole processor."""
RESTART = 0.25
LEASE = 3.0
TAIL = 200
LAST_WORDS = 10.0
"""Seconds that the end of a rollout waits for the LogStore."""
NO_DATABASE = (BaseORMException, *AWAY)


class Shipper:
    """Follows the output of every app container of this installation, from where it was read before."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.keeper = Keeper(world)
        self.followers: dict[str, asyncio.Task[None]] = {}
        self.read: dict[str, str] = {}
        """Container → how far its output was taken in."""
        self.over: dict[str, object] = {}
        """Container → the life of it whose output was read to the end."""
        self.asked: set[str] = set()
        self.look = asyncio.Event()
        self.ready = asyncio.Event()
        self.context = contextvars.copy_context()

    async def run(self) -> None:
        """During an update two processes live for a while: one of them ships."""
        while True:
            try:
                async with self.world.leases.hold("shipper", ttl=LEASE) as lease:
                    if lease:
                        await self._ship(lease)
            except Unavailable as problem:
                log.warning("shipper waits", extra={"reason": str(problem)})
            await asyncio.sleep(AGAIN_AFTER)

    def attach(self, container: str) -> None:
        self.asked.add(container)
        self.look.set()

    async def drained(self, container: str, *, timeout: float = 5) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self.ready.wait()
                await asyncio.shield(self._follow(container))
                await self.keeper.settled()

    async def _ship(self, lease: Lease) -> None:
        self.context = contextvars.copy_context()
        self.keeper = Keeper(self.world)
        keeping = asyncio.create_task(self.keeper.run(), name="log keeper")
        try:
            await self._remember()
            while not lease.lost:
                await self._scan()
                with suppress(TimeoutError):
                    async with asyncio.timeout(SCAN_EVERY):
                        await self.look.wait()
                self.look.clear()
        finally:
            self.ready.clear()
            tasks = [*self.followers.values(), keeping]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _remember(self) -> None:
        while not self.ready.is_set():
            try:
                self.read = dict(await self.world.logs.cursors())
                self.ready.set()
            except Unavailable:
                await asyncio.sleep(AGAIN_AFTER)

    async def _scan(self) -> None:
        """Follow whoever isn't followed. Of what ended, the last lines are read once."""
        asked, self.asked = self.asked, set()
        for name in asked:
            self._follow(name)
        try:
            containers = await self.world.containers.list({plan.KIND: "app"})
        except Unavailable:
            self.asked |= asked  # their followers end as soon as they hear it, too
            return
        for container in containers:
            if container.state != "created" and self.over.get(container.name) != _life(container):
                self._follow(container.name)
        there = {container.name for container in containers} | self.followers.keys()
        for gone in (self.over.keys() | self.read.keys()) - there:
            self.over.pop(gone, None)
            self.read.pop(gone, None)

    def _follow(self, name: str) -> asyncio.Task[None]:
        """The task that follows it. Begun in the context of `run`: whoever asks may be inside a transaction."""
        task = self.followers.get(name)
        if task is None:
            task = asyncio.create_task(_Follower(self, name).run(), name=f"follow {name}", context=self.context)
            self.followers[name] = task
            task.add_done_callback(lambda done: self._followed(name, done))
        return task

    def _followed(self, name: str, task: asyncio.Task[None]) -> None:
        self.followers.pop(name, None)
        if not task.cancelled() and (failure := task.exception()):
            log.error("container not followed", extra={"container": name}, exc_info=failure)


class _Follower:
    """Reads one container's output until it has ended for good."""

    def __init__(self, shipper: Shipper, name: str) -> None:
        self.shipper, self.name = shipper, name
        self.containers = shipper.world.containers
        self.cap: Cap[OutputLine] = Cap()
        self.heard = 0.0
        self.secrets: Secrets = None
        self.deployment = self.project = ""

    async def run(self) -> None:
        while True:
            try:
                container = await self.containers.inspect(self.name)
                if not container or container.state == "created" or not await self._belongs(container):
                    return
                await self._read_on()
                after = await self.containers.inspect(self.name)
                if not after or (
                    after.state not in ("running", "restarting", "paused") and _life(after) == _life(container)
                ):
                    self.shipper.over[self.name] = _life(container)
                    return
                await asyncio.sleep(RESTART)  # it was started again: its log goes on
            except Unavailable:
                await asyncio.sleep(AGAIN_AFTER)
            except (*NO_DATABASE, WrongKey) as problem:  # unmasked lines go nowhere: they wait in Docker's log
                log.warning("log lines wait", extra={"container": self.name, "reason": str(problem)})
                await asyncio.sleep(AGAIN_AFTER)

    async def _belongs(self, container: Container) -> bool:
        """Whose output it is, and what must not be seen in it; False if that deployment is gone."""
        if not self.deployment:
            deployment = await Deployment.get_or_none(id=container.labels.get(plan.DEPLOYMENT))
            if not deployment:
                return False
            self.deployment, self.project = str(deployment.id), _project(deployment)
            self.secrets = environment.secrets(deployment)
        return True

    async def _read_on(self) -> None:
        quiet = asyncio.create_task(self._notice_quiet())
        try:
            count = 0
            since = self.shipper.read.get(self.name, "")
            async for line in self.containers.logs(self.name, since=since, follow=True):
                self.heard = time.monotonic()
                self._pass_on(self.cap.take(line.at.timestamp(), len(line.text), line))
                count += 1
                if count % PACE == 0:
                    await asyncio.sleep(PAUSE if self.cap.waiting else 0)
                await self.shipper.keeper.room()
            self._pass_on(self.cap.rest())
        finally:
            quiet.cancel()

    async def _notice_quiet(self) -> None:
        while True:
            await asyncio.sleep(QUIET)
            if self.cap.waiting and time.monotonic() - self.heard > QUIET:
                self._pass_on(self.cap.rest())

    def _pass_on(self, passed: Iterable[OutputLine | Dropped[OutputLine]]) -> None:
        for item in passed:
            if isinstance(item, Dropped):
                self._add(item.last, "system", dropped(item.count), "warning")
            else:
                text = mask(item.text, self.secrets)
                self._add(item, item.stream, text, level_of(text))

    def _add(self, line: OutputLine, stream: Stream, text: str, level: str | None) -> None:
        self.shipper.read[self.name] = line.cursor
        new = NewLine(self.project, self.deployment, line.at, "run", stream, text, level)
        self.shipper.keeper.add(Item(new, self.name, line.cursor))


class BuildLog:
    """What a rollout's steps print, and what we say about them. `write` is called from anywhere and never waits."""

    def __init__(self, world: World, deployment: Deployment) -> None:
        self.keeper = Keeper(world)
        self.deployment, self.project = str(deployment.id), _project(deployment)
        self.secrets = environment.secrets(deployment)
        self.cap: Cap[tuple[Stream, str, datetime]] = Cap()
        self.heard = 0.0
        self.last: deque[str] = deque(maxlen=TAIL)
        self.tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self.tasks = [
            asyncio.create_task(self.keeper.run(), name="build log"),
            asyncio.create_task(self._notice_quiet(), name="build log quiet"),
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._pass_on(self.cap.rest())
        try:
            async with asyncio.timeout(LAST_WORDS):
                await self.keeper.settled()
        except TimeoutError:
            log.error("build log lines lost", extra={"deployment": self.deployment})
        finally:
            for task in self.tasks:
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)

    def write(self, stream: Stream, text: str) -> None:
        """A line of output."""
        shown = self.masked(text)
        self.heard = time.monotonic()
        self.last.append(shown)
        line = (stream, shown, datetime.now(UTC))
        self._pass_on(self.cap.take(self.heard, len(shown), line, room=not self.keeper.full))

    def system(self, text: str) -> None:
        """A sentence of ours; each of its lines is one."""
        self._pass_on(self.cap.rest())
        self.last.clear()
        now = datetime.now(UTC)
        for line in self.masked(text).splitlines() or [""]:
            self._add("system", line, now, None)

    def tail(self, lines: int) -> list[str]:
        """The newest lines of output since we last said something, secrets left out."""
        return list(self.last)[-lines:]

    def masked(self, text: str) -> str:
        return mask(text, self.secrets)

    async def _notice_quiet(self) -> None:
        while True:
            await asyncio.sleep(QUIET)
            if self.cap.waiting and time.monotonic() - self.heard > QUIET:
                self._pass_on(self.cap.rest())

    def _pass_on(self, passed: Iterable[Any]) -> None:
        for item in passed:
            if isinstance(item, Dropped):
                self._add("system", dropped(item.count), item.last[2], "warning")
            else:
                stream, text, at = item
                self._add(stream, text, at, level_of(text))

    def _add(self, stream: Stream, text: str, at: datetime, level: str | None) -> None:
        self.keeper.add(Item(NewLine(self.project, self.deployment, at, "build", stream, text, level)))


def dropped(count: int) -> str:
    return f"{count:,} line{'s' if count > 1 else ''} dropped: more came than can be kept."


def _life(container: Container) -> object:
    """Another one after each start."""
    return container.id, container.started_at


def _project(deployment: Deployment) -> str:
    return str(deployment.project_id)
