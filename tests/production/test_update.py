"""An update that nobody notices, and one that fails and leaves everything as it was."""

import json
import re
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.production.installation import Installation, Visitors, git, installation
from tests.production.stack import build_image

pytestmark = pytest.mark.integration

PREVIOUS = "275bf6c642434fd869ecdb6d24693274eb81ce02"
MOST_SECONDS = 60
BROKEN_MIGRATION = """from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return "CREATE TABLE half_done (id int); SELECT 1 / 0;"


async def downgrade(db: BaseDBAsyncClient) -> str:
    return ""
"""


@pytest.fixture(scope="module")
async def installed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    """An installation of the version before this one, with its example live."""
    async with installation(script=False) as found:
        stack = found.stack
        old = build_image(_previous(tmp_path_factory.mktemp("previous")))
        await stack.parts()
        stack.give_image("blue", old)
        done = await stack.compose("up", "-d", "--no-deps", "--no-build", "app-blue")
        assert done.code == 0, done.err
        await stack.ready("blue")
        stack.installation = await stack.sql("SELECT id FROM installation")
        await stack.example()
        yield found


@pytest.fixture
def visitors(installed: Installation) -> Visitors:
    settings = installed.stack.settings
    return Visitors(
        installed.stack.port("WEB_PORT"), [settings["APP_HOSTNAME"], f"example.{settings['DEPLOY_DOMAIN']}"]
    )


async def test_the_version_before_becomes_this_one_with_its_apps_live(
    installed: Installation, visitors: Visitors
) -> None:
    host = visitors.hosts[1]
    before = await installed.stack.get(host)
    async with visitors.visiting():
        update = await installed.update("--here")
    assert update.code == 0, update.said
    assert visitors.failed == []
    assert await installed.front() == "green"
    assert (await installed.stack.get(host)).deployment == before.deployment
    again = await installed.stack.devpush("deploy", "/data/examples/python.git", "--project", "example", colour="green")
    assert again.code == 0, again.err


async def test_nobody_notices_an_update(installed: Installation, visitors: Visitors) -> None:
    installed.publish("0.9.1")
    async with visitors.visiting():
        update = await installed.update()
    assert update.code == 0, update.said
    assert visitors.failed == [], f"of {visitors.answered}:\n{update.said}"
    seconds = int(re.findall(r"after (\d+)s", update.said)[-1])
    print(f"\nupdate: {seconds} s, {visitors.answered} requests, 0 failed")
    assert seconds <= MOST_SECONDS
    assert json.loads((await installed.stack.dashboard("/ready")).text)["version"] == "0.9.1"
    assert git(installed.folder, "describe", "--tags") == "v0.9.1"
    assert "app-green" not in await installed.stack.states(), "the one before is gone"


async def test_an_installation_that_is_up_to_date_stays_as_it_is(installed: Installation) -> None:
    before = await installed.facts()
    update = await installed.update()
    assert update.code == 0
    assert "It is up to date: v0.9.1." in update.said
    assert await installed.facts() == before


@pytest.mark.parametrize(
    ("version", "broken", "reason"),
    [
        (
            "0.9.2",
            {"serve": lambda text: f"{text}\nraise RuntimeError('This version is broken.')\n"},
            "This version is broken.",
        ),
        ("0.9.3", {"migration": lambda _: BROKEN_MIGRATION}, "division by zero"),
        (
            "0.9.4",
            {"serve": lambda text: text.replace('life.state = "ready" if', 'raise RuntimeError("Never ready.") if')},
            "Never ready.",
        ),
    ],
    ids=["does not start", "its migration fails", "is in front and never ready"],
)
async def test_an_update_that_fails_is_put_back(
    installed: Installation, visitors: Visitors, version: str, broken: dict[str, object], reason: str
) -> None:
    installed.publish(version, **broken)  # type: ignore[arg-type]
    before = await installed.facts()
    async with visitors.visiting():
        update = await installed.update(f"v{version}", READY_WITHIN="20")
    installed.take_back()
    assert update.code == 1, update.said
    assert reason in update.said, update.said
    assert "Nothing has changed: Version 0.9.1 goes on serving." in update.said, update.said
    assert visitors.failed == []
    assert await installed.facts() == before
    assert await installed.stack.sql("SELECT count(*) FROM pg_tables WHERE tablename = 'half_done'") == "0"


async def test_an_update_that_is_interrupted_is_put_back(installed: Installation) -> None:
    before = await installed.facts()
    update = await installed.begin("update.sh", "--here")
    await update.until_said("… Waiting until it is ready")
    update.interrupt(signal.SIGINT)
    await update.ended()
    assert update.code == 1, update.said
    assert "The update was interrupted. Nothing has changed:" in update.said, update.said
    assert await installed.facts() == before


async def test_a_deployment_that_runs_is_finished_before_the_old_process_ends(installed: Installation) -> None:
    """Also after an update that was cut off by kill -9: what it left behind is in nobody's way."""
    cut_off = await installed.begin("update.sh", "--here")
    await cut_off.until_said("✓ Giving it the dashboard")
    cut_off.interrupt(signal.SIGKILL)
    await cut_off.ended()

    serving = await installed.front()
    deploying = await installed.begin(
        "devpush",
        "deploy",
        "/data/examples/python.git",
        "--project",
        "slow",
        "--build",
        "until [ -e /tmp/go ]; do sleep 0.1; done",
    )
    await deploying.until_said("$ until")
    update = await installed.begin("update.sh", "--here")
    await update.until_said("Draining: 1 still running")
    rival = await installed.update("--here")
    assert (rival.code, "Another update of this installation is at work." in rival.said) == (1, True), rival.said
    _let_go(installed.stack.installation)
    await update.ended()
    assert update.code == 0, update.said
    assert await installed.front() != serving
    assert (await installed.stack.get(f"slow.{installed.stack.settings['DEPLOY_DOMAIN']}")).status == 200


async def test_what_was_changed_by_hand_is_not_written_over(installed: Installation) -> None:
    path = installed.folder / "README.md"
    path.write_text("mine")
    installed.publish("0.9.5")
    update = await installed.update()
    assert update.code == 1
    assert "Files of the checkout were changed by hand" in update.said
    assert path.read_text() == "mine"


def _let_go(installation: str) -> None:
    """Every container that builds may go on."""
    ids = subprocess.run(
        ["docker", "ps", "--quiet", "--filter", f"label=devpush.installation={installation}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    for id in ids:
        subprocess.run(["docker", "exec", id, "touch", "/tmp/go"], check=False, capture_output=True)


def _previous(folder: Path) -> Path:
    """The tree of v0.3.0, by its commit: a clone may lack the tag, and a shallow one has to ask for the commit."""
    known = subprocess.run(["git", "-C", ROOT, "cat-file", "-e", PREVIOUS], capture_output=True, check=False)
    if known.returncode:
        git(ROOT, "fetch", "--quiet", "--depth=1", "origin", PREVIOUS)
    archive = subprocess.run(["git", "-C", ROOT, "archive", "--format=tar", PREVIOUS], capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
    shutil.rmtree(folder / "tests")
    return folder
