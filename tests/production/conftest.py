"""One production stack for the tests that only look at it; those that break one have their own."""

from collections.abc import AsyncIterator

import pytest

from tests.production.stack import Stack, own_stack


@pytest.fixture(scope="package")
async def stack() -> AsyncIterator[Stack]:
    async with own_stack() as started:
        yield started


@pytest.fixture(scope="package")
async def example(stack: Stack) -> str:
    """The host of the bundled example, deployed on it."""
    return await stack.example()
