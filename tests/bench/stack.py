"""The production stack in containers: what it costs while nothing happens, and how long until an example is live."""

import asyncio
import time

from tests.bench.idle import family, pss
from tests.bench.stage import Stage
from tests.bench.table import Figure, at_most
from tests.production.stack import Stack, new_stack, tree_image

SETTLE = 30
ONCE = "folders"


async def run(_: Stage) -> list[Figure]:
    """Of the stand-ins' programs, which are the real ones; Loki's stand-in is not, so it has no figure."""
    stack = await asyncio.to_thread(new_stack)
    await asyncio.to_thread(tree_image)
    try:
        began = time.monotonic()
        await stack.up()
        ready = time.monotonic() - began
        await stack.example()
        live = time.monotonic() - began
        await asyncio.sleep(SETTLE)
        memory = await _memory(stack)
    finally:
        await stack.clear()
    return [
        Figure("up → every part healthy, app ready", f"{ready:.1f} s"),
        at_most("up → the example is live, images present", live, 180, "s"),
        at_most("memory (PSS) of the whole stack, idle", sum(memory.values()), 450, "MB"),
        *(Figure(f"… {name}", f"{size:.0f} MB") for name, size in sorted(memory.items())),
    ]


async def _memory(stack: Stack) -> dict[str, float]:
    found = await stack.inspected()
    return {name: sum(map(pss, family(each["State"]["Pid"]))) for name, each in found.items() if name != ONCE}
