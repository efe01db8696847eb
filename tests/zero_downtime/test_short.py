"""The short form: a few of every act, with four visitors."""

from pathlib import Path

import pytest

from tests.zero_downtime.story import play, story

pytestmark = pytest.mark.integration

SCENES = [
    "deploy",
    "deploy",
    "roll back",
    "fail",
    "promote",
    "domain",
    "update",
    "deploy",
    "roll back",
    "fail",
    "promote",
]
VISITORS = 4


async def test_no_request_fails_whatever_happens_to_the_site(tmp_path: Path) -> None:
    async with story(tmp_path) as told:
        async with told.load.running(VISITORS):
            await play(told, [*SCENES, *SCENES], print)
        print(f"\n{told.load.table()}")
        assert told.load.failures == []
        assert told.load.sent > 1000
        assert all(tally.sent for tally in told.load.tallies.values()), told.load.table()
        assert told.load.tallies["WebSocket"].cut > 0, "no version ever ended"
        await told.all_were_taken_once()
