"""`devpush.py deploy`, as the operator types it, and what becomes of what is typed wrong."""

from pathlib import Path

import pytest

from tests.life.platform import Platform, app, repository

pytestmark = pytest.mark.integration


async def test_a_local_repository_becomes_a_live_site(platform: Platform, tmp_path: Path) -> None:
    origin = repository(tmp_path, "hello")
    first = await platform.live(origin.path)
    assert first.url == f"http://hello.localhost:{platform.http_port}"
    assert await first.says() == "one"
