"""A question that many ask at the same time is asked once, and nobody gets an answer older than they want."""

import asyncio
from itertools import count

import pytest

from devpush.web.questions import Questions


class Asked:
    """Answers with the number of times it was asked, once it may."""

    def __init__(self) -> None:
        self.numbers = count(1)
        self.may = asyncio.Event()
        self.begun = 0

    async def __call__(self) -> int:
        self.begun = next(self.numbers)
        number = self.begun
        await self.may.wait()
        return number


async def test_a_thousand_who_ask_together_ask_once() -> None:
    questions, asked = Questions(), Asked()
    asked.may.set()
    assert await asyncio.gather(*(questions.ask("key", asked) for _ in range(1000))) == [1] * 1000
    assert await questions.ask("another key", asked) == 2


async def test_who_comes_while_it_is_asked_waits_for_the_next_answer() -> None:
    """The one that is on its way may have been read before what they want to know happened."""
    questions, asked = Questions(), Asked()
    first = asyncio.create_task(questions.ask("key", asked))
    while not asked.begun:
        await asyncio.sleep(0)
    others = [asyncio.create_task(questions.ask("key", asked)) for _ in range(10)]
    await asyncio.sleep(0)
    asked.may.set()
    assert await first == 1
    assert await asyncio.gather(*others) == [2] * 10


async def test_who_may_know_less_shares_an_answer_that_is_there() -> None:
    questions, asked = Questions(), Asked()
    asked.may.set()
    assert [await questions.ask("key", asked, within=60) for _ in range(3)] == [1, 1, 1]
    assert await questions.ask("key", asked) == 2


async def test_trouble_is_everybodys_and_nobodys_twice() -> None:
    questions, asked = Questions(), Asked()
    asked.may.set()

    async def broken() -> int:
        raise OSError("away")

    answers = await asyncio.gather(*(questions.ask("key", broken) for _ in range(3)), return_exceptions=True)
    assert [str(answer) for answer in answers] == ["away"] * 3
    assert await questions.ask("key", asked) == 1


async def test_who_goes_away_takes_no_answer_from_the_others() -> None:
    questions, asked = Questions(), Asked()
    one, two = (asyncio.create_task(questions.ask("key", asked)) for _ in range(2))
    await asyncio.sleep(0)
    one.cancel()
    asked.may.set()
    assert await two == 1
    with pytest.raises(asyncio.CancelledError):
        await one


async def test_nothing_is_remembered() -> None:
    questions, asked = Questions(), Asked()
    asked.may.set()
    for number in range(100):
        await questions.ask(number, asked)
    await asyncio.sleep(0.01)
    assert not questions.latest
