"""Files of a deployment that was cut off: kept while it is worked on, gone when it has ended."""

import os
import time

import pytest

from devpush.deploy import scratch
from devpush.models import Deployment, State
from tests import cast
from tests.fakes import FakeWorld

pytestmark = pytest.mark.usefixtures("db")


async def test_what_a_killed_process_left_goes_when_its_deployment_has_ended(world: FakeWorld) -> None:
    project = await cast.project()
    ended = await cast.deployment(project, state=State.failed)
    working = await cast.deployment(project, state=State.building)
    place = world.settings.data_dir / "tmp"
    for name in (f"{ended.id.hex}-a", f"{working.id.hex}-b", "tmpyoung", "tmpold"):
        (place / name).mkdir(parents=True)
        (place / name / "source.tar").write_bytes(b"much")
    yesterday = time.time() - scratch.OLD - 1
    os.utime(place / "tmpold", (yesterday, yesterday))
    await scratch.clear(world)
    assert {path.name for path in place.iterdir()} == {f"{working.id.hex}-b", "tmpyoung"}
    await Deployment.filter(id=working.id).update(state=State.succeeded)
    await scratch.clear(world)
    assert {path.name for path in place.iterdir()} == {"tmpyoung"}


async def test_a_folder_is_gone_afterwards_also_when_something_went_wrong(world: FakeWorld) -> None:
    async def broken() -> None:
        async with scratch.folder(world.settings) as folder:
            (folder / "source.tar").write_bytes(b"much")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await broken()
    assert list((world.settings.data_dir / "tmp").iterdir()) == []
