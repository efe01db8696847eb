"""python -m tests.bench [SUBJECT…]: measure, and print a table for each subject."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence

from tests.bench import (
    dependencies,
    idle,
    logs,
    logtable,
    pages,
    restore,
    rollback,
    rollout,
    scale,
    stack,
    viewers,
    webhooks,
)
from tests.bench.stage import Stage, stage
from tests.bench.table import Figure, show

SUBJECTS: dict[str, tuple[str, Callable[[Stage], Awaitable[list[Figure]]]]] = {
    "rollout": ("Asked for → first 200 through Traefik", rollout.run),
    "dependencies": ("A Flask app with 20 dependencies", dependencies.run),
    "rollback": ("Rollback, and swaps under load", rollback.run),
    "pages": ("Pages, signed in, 8 connections", pages.run),
    "scale": ("A thousand projects, a hundred thousand deployments; the floor: ten projects", scale.run),
    "idle": ("The idle process", idle.run),
    "webhooks": ("Pushes that Git servers tell us of", webhooks.run),
    "logs": ("A line of an app on an open page, 100 lines/s", logs.run),
    "viewers": ("A thousand open pages of one log", viewers.run),
    "stack": ("The production stack in containers", stack.run),
    "restore": ("A lost server with a hundred projects", restore.run),
    "logtable": ("Ten million log lines in PostgreSQL", logtable.run),
}


async def main(wanted: Sequence[str]) -> None:
    """Each subject has a platform of its own: none measures what another left behind."""
    task = asyncio.current_task()
    assert task
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)  # clear up, whoever ends us
    if unknown := set(wanted) - set(SUBJECTS):
        sys.exit(f"There is no {', '.join(sorted(unknown))}. Subjects: {', '.join(SUBJECTS)}.")
    for name in wanted or SUBJECTS:
        title, run = SUBJECTS[name]
        load = os.getloadavg()[0]
        async with stage() as ready:
            figures = await run(ready)
        show(f"{name}: {title} (load before: {load:.1f} on {os.cpu_count()} cores)", figures)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
