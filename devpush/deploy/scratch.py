"""Files that nobody needs for long: each in a folder that goes by itself, or later if its process was killed."""

import asyncio
import re
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from devpush.models import Deployment
from devpush.models.database import column
from devpush.models.deployment import UNFINISHED
from devpush.ports import World
from devpush.settings import Settings

OLD = 24 * 3600.0
"""Seconds after which even what says nothing of a deployment is of nobody."""
OF_A_DEPLOYMENT = re.compile(r"([0-9a-f]{32})-.*")


@asynccontextmanager
async def folder(settings: Settings, deployment: Deployment | None = None) -> AsyncIterator[Path]:
    """An empty folder, gone afterwards. Its name says for which deployment it is."""
    prefix = f"{deployment.id.hex}-" if deployment else "tmp"
    made = await asyncio.to_thread(_make, _place(settings), prefix)
    try:
        yield made
    finally:
        await asyncio.to_thread(shutil.rmtree, made, ignore_errors=True)


async def clear(world: World) -> None:
    """What killed processes have left: of deployments that have ended, and all that is old."""
    there = await asyncio.to_thread(lambda: list(_place(world.settings).glob("*")))
    # Asked later than looked: a deployment is written down before it has a folder.
    working = {id.hex for id in await column(Deployment.filter(state__in=UNFINISHED))}
    await asyncio.to_thread(_clear, there, working)


def _place(settings: Settings) -> Path:
    return settings.data_dir / "tmp"


def _make(place: Path, prefix: str) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=prefix, dir=place))


def _clear(there: Collection[Path], working: Collection[str]) -> None:
    for left in there:
        named = OF_A_DEPLOYMENT.fullmatch(left.name)
        with suppress(OSError):  # it has just gone by itself
            if (named and named[1] not in working) or time.time() - left.stat().st_mtime > OLD:
                shutil.rmtree(left, ignore_errors=True)
