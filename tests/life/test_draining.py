"""Connections that last, across a deployment: they stay with the version they began with, for as long as is allowed."""

from pathlib import Path

import aiohttp
import pytest

from tests.life.platform import TIMEOUT, Platform, app, repository

pytestmark = pytest.mark.integration

TICKS = """if self.path == "/ticks":
    self.send_response(200)
    self.end_headers()
    try:
        while True:
            self.wfile.write(b"tick\\n")
            time.sleep(0.05)
    except OSError:
        return"""


async def test_a_stream_goes_on_beside_the_next_version_and_ends_where_none_may_last(
    platform: Platform, tmp_path: Path
) -> None:
    origin = repository(tmp_path, "lasting", app("one", handle=TICKS))
    site = await platform.live(origin.path)
    ticks = f"http://127.0.0.1:{platform.http_port}/ticks"
    async with aiohttp.ClientSession(timeout=TIMEOUT, headers={"Host": site.host}) as client:
        await platform.sql("UPDATE project SET drain_seconds = 600 WHERE slug = 'lasting'")
        async with client.get(ticks) as stream:
            assert await stream.content.readline() == b"tick\n"
            origin.commit(app("two", handle=TICKS))
            assert await (await platform.live(origin.path)).says() == "two"
            for _ in range(40):
                assert await stream.content.readline() == b"tick\n"
            assert len(await platform.running("lasting")) == 2
        await platform.settled("lasting")  # nobody is connected any more

        await platform.sql("UPDATE project SET drain_seconds = 0 WHERE slug = 'lasting'")
        async with client.get(ticks) as stream:
            assert await stream.content.readline() == b"tick\n"
            origin.commit(app("three", handle=TICKS))
            assert await (await platform.live(origin.path)).says() == "three"
            while await stream.content.readline():
                pass
    await platform.settled("lasting")
