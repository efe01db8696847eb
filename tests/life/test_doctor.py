"""`devpush.py doctor` beside the running platform: what it finds is true, and what it made is gone."""

import json

import pytest

from tests.life.platform import Platform

pytestmark = pytest.mark.integration


async def test_a_running_platform_is_examined_from_another_terminal(platform: Platform) -> None:
    await platform.command("prepare", "python")
    ended = await platform.command("doctor", "--json")
    said = json.loads(ended.out)
    levels = {one["part"]: one["level"] for one in said["findings"]}
    for part in ("database", "redis", "logs", "docker", "networks", "traefik", "firewall", "git", "secrets"):
        assert levels[part] == "ok", said
    assert ended.code == int(said["worst"] == "error")
    async with platform.engine() as engine:
        assert not [name for name, _ in await engine.networks() if name.endswith("-doctor")]
        assert await engine.inspect(f"{engine.prefix}doctor") is None


async def test_a_person_reads_it_in_sentences(platform: Platform) -> None:
    ended = await platform.command("doctor")
    assert "✓ Redis: Redis answers." in ended.out
    assert ended.err == ""
