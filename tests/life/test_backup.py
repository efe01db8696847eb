"""The commands for backups, on a first try's own services."""

import shutil
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests.life.platform import Ended, own_platform

pytestmark = pytest.mark.integration


async def test_a_lost_database_comes_back_by_two_commands(tmp_path: Path) -> None:
    settings = {"BACKUP_PASSPHRASE": "a passphrase for this test", "BACKUP_PLACE": str(tmp_path / "place")}
    async with own_platform(**settings) as platform:
        good(await platform.command("backup"))
        assert "and its keys open its secrets" in good(await platform.command("drill"))
        listed = good(await platform.command("backups"))
        assert "restores\n1 backup in" in listed
        running = await platform.command("restore")
        assert (running.code, "Please stop it first" in running.err) == (1, True)
        assert await platform.stop() == 0
        for lost in ("postgres", "keys"):
            shutil.rmtree(platform.folder / lost)
        said = good(await platform.command("restore"))
        assert said.startswith(f"Restored {listed.split()[0]}")
        before = platform.installation
        assert (await platform.start()).installation == before, "and its keys fit"


async def test_another_key_takes_over(tmp_path: Path) -> None:
    old = Fernet.generate_key().decode()
    async with own_platform(ENCRYPTION_KEY=old) as platform:
        new = (await platform.command("rotate-key", "--new")).out.strip()
        for keys, says in ((f"{new},{old}", "The other one may go"), (new, "Every secret is under the first key")):
            await platform.stop()
            platform.settings["ENCRYPTION_KEY"] = keys
            await platform.start()
            assert says in good(await platform.command("rotate-key"))


def good(ended: Ended) -> str:
    assert ended.code == 0, ended.err
    return ended.out
