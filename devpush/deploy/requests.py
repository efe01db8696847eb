"""Requests: each one that Traefik let in is counted, and becomes a line of its deployment's log."""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass

from devpush.deploy.keeper import Item, Keeper
from devpush.deploy.lines import Secrets, mask, secrets_of
from devpush.errors import WrongKey
from devpush.models import Deployment
from devpush.ports import NewLine, Request, Served, Stream, World

log = logging.getLogger(__name__)

CURSOR = "traefik"
"""Under which name the LogStore keeps how far the access log was read."""
RATE, BURST, RESUME = 200.0, 2_000.0, 200.0
"""Lines a second that a deployment's requests may make for long, and at once; and how many there must be room for
before it goes on after a flood. All requests are counted."""
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
            for line in known.dropped_line():
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
    tokens: float = BURST
    clock: float = 0.0
    left_out: int = 0
    last: Served | None = None
    """The last one left out."""

    def lines(self, served: Served) -> Iterator[NewLine]:
        """The request's line, if there is room for it."""
        now = max(self.clock, served.at.timestamp())
        self.tokens = min(BURST, self.tokens + (now - self.clock) * RATE)
        self.clock = now
        if self.tokens < (RESUME if self.left_out else 1):
            self.left_out, self.last = self.left_out + 1, served
            return
        yield from self.dropped_line()
        self.tokens -= 1
        text = mask(f"{served.method} {served.path}", self.secrets)[:LONGEST]
        yield self._line(served, "out", text, level_of(served.status), Request(served.status, served.duration))

    def dropped_line(self) -> Iterator[NewLine]:
        """The flood is over, or has paused: how many requests aren't listed."""
        if self.last:
            text = (
                f"{self.left_out:,} request{'s' if self.left_out > 1 else ''} not listed: more came than can be kept."
            )
            yield self._line(self.last, "system", text, "warning", None)
        self.left_out, self.last = 0, None

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
    secrets = secrets_of(json.loads(found.variables or "{}").values())
    return _Known(str(found.id), str(found.project_id), secrets)
