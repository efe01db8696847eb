"""How often a page asks the database and the log store: seldom, and no more often when there is more to show."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.fakes import FakeWorld
from tests.showroom import Showroom, showroom
from tests.visitor import Visitor

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("db")]

MOST = 6
UNASKED = ("assets.", "health.", "streams.")
"""Files, probes; and streams, which end only with their page."""
SHOWN = ("deployments.roll_back", "deployments.promote")
"""They refuse what can't be done, for which they would ask little."""
FEW, MANY = 2, 20


class Counted(logging.Handler):
    """Tortoise logs each statement that it sends."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.statements: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.statements.append(" ".join(record.getMessage().split())[:240])


@contextmanager
def counted() -> Iterator[Counted]:
    log, handler = logging.getLogger("tortoise.db_client"), Counted()
    before = log.level, log.propagate
    log.setLevel(logging.DEBUG)
    log.propagate = False
    log.addHandler(handler)
    yield handler
    log.removeHandler(handler)
    log.level, log.propagate = before


async def test_no_page_asks_more_than_six_times_nor_more_when_there_is_more(world: FakeWorld) -> None:
    house = await showroom(world)
    await house.fill(FEW)
    few = await ask(house)
    await house.fill(MANY - FEW)
    many = await ask(house)
    wrong = [told(page, asked) for page, asked in many.items() if len(asked) > max(MOST, len(few[page]))]
    wrong += [told(page, asked) for page, asked in few.items() if len(asked) > MOST]
    wrong += [
        f"{page} asks {len(few[page])} times, then {len(asked)}"
        for page, asked in many.items()
        if len(asked) > len(few[page])
    ]
    assert not wrong, "\n\n".join(wrong)


async def ask(house: Showroom) -> dict[str, list[str]]:
    """Each page once: the statements that it took, and how often it asked for log lines."""
    visitor = await Visitor(house.app).signed_in(house.alice)
    found = {}
    for endpoint, path in house.pages():
        if endpoint.startswith(UNASKED):
            continue
        with counted() as handler:
            before = house.world.logs.reached
            answer = await visitor.get(path)
        assert answer.status < 500, f"{path}: {answer.status}"
        assert answer.status == 200 or endpoint not in SHOWN, f"{path}: {answer.status}"
        found[endpoint] = [*handler.statements, *["the log store"] * (house.world.logs.reached - before)]
    return found


def told(page: str, asked: list[str]) -> str:
    return "\n  ".join([f"{page} asks {len(asked)} times:", *asked])
