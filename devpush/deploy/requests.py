"""Requests: each one that Traefik let in is counted, and becomes a line of its deployment's log."""

import logging
from collections.abc import Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field

from devpush.deploy import environment
from devpush.deploy.keeper import Item, Keeper
from devpush.deploy.lines import Cap, Dropped, Secrets, mask
from devpush.errors import WrongKey
from devpush.models import Deployment
from devpush.ports import NewLine, Request, Served, Stream, World

log = logging.getLogger(__name__)

CURSOR = "traefik"
"""Under which name the LogStore keeps how far the access log was read."""
RATE, BURST = 200.0, 2_000.0
"""Lines a second that a deployment's requests may make for long, and at once. All requests are counted."""
LONGEST = 2_000
"""Characters of a line: nobody chose the path but whoever asked for it."""
MOST_KNOWN = 1_000

Count = Callable[[str, Served], None]
"""Hears of each request, with its project's id."""


class Requests:
    """Reads the access log from where the LogStore has it."""

    def __init__(self, world: World, count: Count) -> None:
        self.world, self.count = world, count
        self.keeper = Keeper(world)
        self.known: dict[str, _Known | None] = {}
        self.read: str | None = None
        """How far it was taken in, which may be further than the LogStore has it."""

    async def run(self) -> None:
        """Until a part beside us is away (raises what says so): then it goes on where it was."""
        if self.read is None:
            self.read = (await self.world.logs.cursors()).get(CURSOR, "")
        async with aclosing(self.world.access_log.follow(self.read)) as requests:
            async for served in requests:
                if served:
                    await self._take(served)
                else:
                    self._pause()

    async def _take(self, served: Served) -> None:
        known = await self._whose(served.deployment)
        self.read = served.cursor
        if known:
            self.count(known.project, served)
            for line in known.lines(served):
                self.keeper.add(Item(line, CURSOR, served.cursor if line.request else ""))
            await self.keeper.room()

    def _pause(self) -> None:
        """Nothing comes now. What was kept needs its place in the access log no more."""
        for known in filter(None, self.known.values()):
            for line in known.rest():
                self.keeper.add(Item(line))
        if self.read and not self.keeper.waiting and not self.keeper.keeping:
            self.world.access_log.release(self.read)

    async def _whose(self, deployment: str) -> "_Known | None":
        """What we know of a deployment; None if it is gone, or if nothing can be known of it."""
        if deployment not in self.known:
            if len(self.known) >= MOST_KNOWN:
                self._pause()
                self.known.clear()
            self.known[deployment] = await _look_up(deployment)
        return self.known[deployment]


@dataclass
class _Known:
    """A deployment, and how many lines of it may be written now."""

    deployment: str
    project: str
    secrets: Secrets
    cap: Cap[Served] = field(default_factory=lambda: Cap(rate=RATE, burst=BURST, newest=0))

    def lines(self, served: Served) -> Iterator[NewLine]:
        """The request's line, if there is room for it."""
        return map(self._listed, self.cap.take(served.at.timestamp(), 0, served))

    def rest(self) -> Iterator[NewLine]:
        """The flood is over, or has paused: how many requests aren't listed."""
        return map(self._listed, self.cap.rest())

    def _listed(self, passed: Served | Dropped[Served]) -> NewLine:
        if isinstance(passed, Dropped):
            text = f"{passed.count:,} request{'s' if passed.count > 1 else ''} not listed: more came than can be kept."
            return self._line(passed.last, "system", text, "warning", None)
        text = mask(f"{passed.method} {passed.path}", self.secrets)[:LONGEST]
        return self._line(passed, "out", text, level_of(passed.status), Request(passed.status, passed.duration))

    def _line(self, served: Served, stream: Stream, text: str, level: str, request: Request | None) -> NewLine:
        return NewLine(self.project, self.deployment, served.at, "request", stream, text, level, request)


def level_of(status: int) -> str:
    return "error" if status >= 500 else "warning" if status >= 400 else "info"


async def _look_up(deployment: str) -> _Known | None:
    try:
        found = await Deployment.get_or_none(id=deployment)
    except WrongKey:  # its secrets can't be left out of lines, so there are none
        log.error("requests not listed: wrong key", extra={"deployment": deployment})
        return None
    if found is None:
        return None
    return _Known(str(found.id), str(found.project_id), environment.secrets(found))
