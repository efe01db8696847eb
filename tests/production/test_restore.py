"""A server is lost: its volumes, its images, its .env. From one file and a passphrase the same sites answer again."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devpush.adapters.docker import DockerContainers
from tests.images import DOCKER_HOST, clear
from tests.life.platform import Ended, until
from tests.production.installation import installation
from tests.production.stack import Stack, command, new_stack, own_settings

pytestmark = [pytest.mark.integration, pytest.mark.slow]

PASSPHRASE = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
SHORT_ID = "<dd>[0-9a-f]{7}</dd>"
"""Of its deployment, which the example tells."""
KEYS = ("SECRET_KEY", "ENCRYPTION_KEY")
SECRETS = (*KEYS, "POSTGRES_PASSWORD", "REDIS_PASSWORD")


@pytest.fixture
async def stack() -> AsyncIterator[Stack]:
    """One that will be lost."""
    stack = new_stack(BACKUP_PASSPHRASE=PASSPHRASE)
    try:
        yield await stack.up()
    finally:
        await stack.clear()


async def test_the_same_sites_answer_on_another_server(stack: Stack, tmp_path: Path) -> None:
    host = await stack.example()
    before = await stack.get(host)
    assert before.status == 200
    backup = await carried_away(stack, tmp_path)
    await lost(stack)

    # Another server, as install.sh leaves it: other secrets, an empty database.
    fresh = own_settings()
    stack.settings |= {name: fresh[name] for name in SECRETS} | {"BACKUP_PASSPHRASE": ""}
    stack.write_settings()
    await stack.parts()
    wrong = await restore(stack, tmp_path, backup, passphrase="passphrase-of-somebody-else")
    assert wrong.code == 1
    assert "The passphrase isn't the one" in wrong.err
    done = await restore(stack, tmp_path, backup)
    assert done.code == 0, done.err
    print(done.out)
    assert "1 projects" in done.out
    differing = re.search(r"Settings are different here: (.*)\.", done.out)
    assert differing
    assert {"SECRET_KEY", "ENCRYPTION_KEY"} <= set(differing[1].split(", "))
    twice = await restore(stack, tmp_path, backup)
    assert (twice.code, "isn't empty" in twice.err) == (1, True)

    # What it says is left to do.
    stack.settings |= {name: value for name, value in (await handed_over(stack)).items() if name in SECRETS}
    stack.write_settings()
    await stack.start("blue")

    async def answers() -> bool:
        return (await stack.get(host)).status == 200

    await until(answers, f"{host} does not come back", every=0.5)
    after = await stack.get(host)
    assert after.deployment != before.deployment, "its image was gone, so it was built again"
    assert re.sub(SHORT_ID, "", after.text) == re.sub(SHORT_ID, "", before.text)

    async def is_rebuilt() -> bool:
        """It answers a moment before its deployment has ended."""
        newest = "SELECT trigger FROM deployment WHERE state = 'succeeded' ORDER BY number DESC LIMIT 1"
        return await stack.sql(newest) == "rebuild"

    await until(is_rebuilt, "It was not built again", every=0.5)


async def test_the_servers_own_command_takes_the_keys_back() -> None:
    """As on a server that was installed anew: with its own keys, no row of the backup could be read."""
    async with installation(script=False) as installed:
        stack = installed.stack
        stack.settings["BACKUP_PASSPHRASE"] = PASSPHRASE
        stack.write_settings()
        await stack.up()
        made = await stack.devpush("backup")
        assert made.code == 0, made.err
        before = {name: stack.settings[name] for name in KEYS}
        stack.settings |= {name: own_settings()[name] for name in KEYS}
        stack.write_settings()
        done = await installed.run("devpush", "restore", "--replace", "latest")
        assert done.code == 0, done.said
        written = (installed.folder / ".env").read_text().splitlines()
        assert all(f"{name}={value}" in written for name, value in before.items())
        await stack.ready("blue")


async def carried_away(stack: Stack, folder: Path) -> str:
    """A backup, copied off the server; its name."""
    made = await stack.devpush("backup")
    assert made.code == 0, made.err
    drill = await stack.devpush("drill")
    assert drill.code == 0, drill.err
    print(made.out, drill.out)
    path = made.out.split(": ", 1)[1].split(" (")[0]
    copied = await command("docker", "cp", f"{stack.container('app-blue')}:{path}", str(folder))
    assert copied.code == 0, copied.err
    (folder / Path(path).name).chmod(0o644)
    folder.chmod(0o755)
    return Path(path).name


async def lost(stack: Stack) -> None:
    """Its containers, its networks, its images and all its volumes."""
    gone = await command("docker", "rm", "--force", stack.container("app-blue"))  # or it would make everything again
    assert gone.code == 0, gone.err
    async with DockerContainers(DOCKER_HOST, stack.installation) as containers:
        await clear(containers)
        assert not await containers.list()
        images = [name for name, _, _ in await containers.images({})]
        assert not [name for name in images if not name.startswith("devpush-runner-")]
    done = await stack.compose("down", "--volumes", "--remove-orphans", "--timeout", "3")
    assert done.code == 0, done.err


async def restore(stack: Stack, folder: Path, name: str, *, passphrase: str = PASSPHRASE) -> Ended:
    (folder / "passphrase").write_text(passphrase)
    mounted = ("--volume", f"{folder}:/carried:ro")
    asked = ("restore", f"/carried/{name}", "--passphrase-from", "/carried/passphrase")
    return await stack.compose("run", "--rm", "--no-deps", *mounted, "app-blue", *asked)


async def handed_over(stack: Stack) -> dict[str, str]:
    """The settings that came back with it."""
    found = await stack.compose(
        "run", "--rm", "--no-deps", "--entrypoint", "cat", "app-blue", "/data/restored/settings.env"
    )
    assert found.code == 0, found.err
    return {name: value.strip("'") for name, value in re.findall(r"^([A-Z_0-9]+)=(.*)$", found.out, re.MULTILINE)}
