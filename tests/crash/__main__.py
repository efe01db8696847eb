"""python -m tests.crash [rollout] [removals] [sweep] [--places]: the long form. Every await, or with --places each line
of ours that waits once; before and after. Says each as it goes, and ends at the first that doesn't end well."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.crash.scene import every, first_of_each, kill_at, scene

KINDS = ("rollout", "removals", "sweep")


async def run(kinds: list[str], *, places_only: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with scene(Path(folder)) as here:
            for what in kinds:
                places = await here.places(what)
                orders = (first_of_each if places_only else every)(what, places)
                print(f"{what}: {len(places)} awaits at {len(set(places))} places", flush=True)
                await kill_at(here, orders, places, lambda line: print(line, flush=True))
            print(f"It died {here.died} times, and every time all was well afterwards.")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("kinds", nargs="*", choices=[*KINDS, []], help="what to kill; all by default")
    parser.add_argument("--places", action="store_true", help="each line once")
    options = parser.parse_args()
    asyncio.run(run(options.kinds or list(KINDS), places_only=options.places))
    return 0


if __name__ == "__main__":
    sys.exit(main())
