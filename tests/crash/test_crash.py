"""The short form: kill -9 at some awaits of each kind, spread over all of them."""

from collections.abc import AsyncIterator

import pytest

from tests.crash.scene import Scene, first_of_each, kill_at, scene, spread

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    async with scene(tmp_path_factory.mktemp("origins")) as found:
        yield found


@pytest.mark.parametrize(("what", "most"), [("rollout", 6), ("removals", 5), ("sweep", 4)])
async def test_killed_at_an_await_it_ends_well(here: Scene, what: str, most: int) -> None:
    places = await here.places(what)
    before = here.died
    await kill_at(here, spread(first_of_each(what, places), most), places, print)
    assert here.died - before > most // 2, "hardly any order was carried out"
