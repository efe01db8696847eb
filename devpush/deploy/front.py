"""The front: of the processes that are up, the one that serves the dashboard. During an update there are two."""

from contextlib import suppress

from tortoise.transactions import in_transaction

from devpush.errors import Unavailable
from devpush.models import Installation
from devpush.ports import World
from devpush.settings import Settings

NOBODYS = "front.invalid"
"""A host that nobody has. It leads to the front like the dashboard's own, and has no certificate to be sent to."""
SEEN_TIMEOUT = 20


def here(settings: Settings) -> str:
    """The process that has these settings, as Traefik reaches it."""
    return f"http://127.0.0.1:{settings.port}"


async def take(world: World, process: str) -> None:
    """Serve the dashboard from here on; `process` is the mark of our answers (web/health.py); "" if there is none, as
    before version 0.4. Raises Unavailable if Traefik doesn't lead here; then whoever was in front is so again."""
    mine = here(world.settings)
    before = await _move(world, to=mine)
    with suppress(Unavailable):
        if not process or await world.proxy.seen(NOBODYS, "/health", process, timeout=SEEN_TIMEOUT):
            return
    if before:
        await _move(world, to=before, only_from=mine)
    raise Unavailable(
        f"Traefik doesn't lead to the dashboard at {mine}. Please look at its log, and whether it reads the files in "
        "TRAEFIK_CONFIG_DIR."
    )


async def follow(world: World) -> None:
    """Traefik's file says that this process is in front, if it is. The others leave it alone: their version, or their
    settings, may be those of before the update."""
    if await is_here(world):
        await _move(world, to=here(world.settings), only_from=here(world.settings))


async def is_here(world: World) -> bool:
    return (await Installation.this()).front == here(world.settings)


async def whose(world: World) -> str:
    """Who is in front; ourselves, as long as it was never said."""
    return (await Installation.this()).front or here(world.settings)


async def _move(world: World, *, to: str, only_from: str | None = None) -> str | None:
    """The row and the file, under the row's lock; who was in front. `only_from`: nothing if another is by now."""
    async with in_transaction():
        row = await Installation.select_for_update().get()
        if only_from and row.front != only_from:
            return row.front
        before, row.front = row.front, to
        await row.save(update_fields=["front"])
        await world.proxy.write_platform(to, world.settings.hostname if world.settings.production else None)
    return before
