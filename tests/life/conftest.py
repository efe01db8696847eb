"""One platform for all ordinary tests of this folder; those that kill it have their own."""

from collections.abc import AsyncIterator

import pytest

from tests.life.platform import Platform, own_platform


@pytest.fixture(scope="session")
async def platform() -> AsyncIterator[Platform]:
    async with own_platform() as started:
        await started.unhurried()
        yield started
