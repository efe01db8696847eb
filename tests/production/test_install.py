"""From a checkout to a dashboard that answers and a live example, by one script; the second time it changes nothing."""

import shutil
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.production.installation import Installation, Script, installation

pytestmark = pytest.mark.integration

OF_THE_OPERATOR = ("APP_HOSTNAME", "DEPLOY_DOMAIN", "URL_SCHEME")
SECRETS = ("SECRET_KEY", "ENCRYPTION_KEY", "POSTGRES_PASSWORD", "REDIS_PASSWORD", "BACKUP_PASSPHRASE")


@pytest.fixture(scope="module")
async def made() -> AsyncIterator[tuple[Installation, Script]]:
    """What install.sh made, and what it said. Its secrets are its own."""
    async with installation(script=True) as found:
        settings = found.stack.settings
        words = ["--domain", settings["APP_HOSTNAME"], "--deploy-domain", settings["DEPLOY_DOMAIN"], "--http"]
        for name in settings.keys() - {*OF_THE_OPERATOR, *SECRETS}:
            words += ["--set", f"{name}={settings[name]}"]
        yield found, await found.run("install.sh", *words)


async def test_one_script_makes_everything(made: tuple[Installation, Script]) -> None:
    installed, script = made
    assert script.code == 0, script.said
    print(f"\ninstall: {script.said.splitlines()[-1]}")
    settings = installed.stack.settings
    assert (await installed.stack.dashboard("/auth/sign-in")).status == 200
    assert (await installed.stack.get(f"example.{settings['DEPLOY_DOMAIN']}")).status == 200
    assert f"*.{settings['DEPLOY_DOMAIN']}  A  127.0.0.1" in script.said
    link = next(word for word in script.said.split() if "/auth/link/" in word)
    assert (await installed.stack.dashboard(link.partition(settings["APP_HOSTNAME"])[2])).status == 200
    assert await installed.front() == "blue"


async def test_secrets_are_made_and_kept_from_others(made: tuple[Installation, Script]) -> None:
    installed, script = made
    for name in (".env", "dns.env"):
        assert stat.S_IMODE((installed.folder / name).stat().st_mode) == 0o600, name
    lines = (installed.folder / ".env").read_text().splitlines()
    values = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert len({values[name] for name in SECRETS}) == len(SECRETS)
    assert all(len(values[name]) >= 40 and values[name] not in script.said for name in SECRETS)


async def test_run_again_it_changes_nothing(made: tuple[Installation, Script]) -> None:
    installed, _ = made
    before = await installed.facts()
    again = await installed.run("install.sh")
    assert again.code == 0, again.said
    assert "auth/link" not in again.said, "the link that somebody was given still works"
    assert await installed.facts() == before


async def test_what_was_stopped_comes_back_as_it_was(made: tuple[Installation, Script]) -> None:
    installed, _ = made
    stopped = await installed.run("devpush", "stop")
    assert stopped.code == 0, stopped.said
    states = await installed.stack.states()
    assert all(state.startswith("exited") for state in states.values()), states
    refused = await installed.run("devpush", "sign-in-link")
    assert (refused.code, "The platform isn't running. Start it with: devpush start" in refused.said) == (1, True)
    started = await installed.run("devpush", "start")
    assert started.code == 0, started.said
    status = await installed.run("devpush", "status")
    assert '"state":"ready"' in status.said
    assert "/auth/link/" in (await installed.run("devpush", "sign-in-link")).said


def test_who_says_too_little_is_told_what_is_missing(tmp_path: Path) -> None:
    """Unattended: nobody is there to be asked."""
    shutil.copytree(ROOT / "provision", tmp_path / "provision", ignore=shutil.ignore_patterns("ansible", "terraform"))
    done = subprocess.run(
        ["bash", tmp_path / "provision" / "install.sh", "--only-settings"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Please say: The dashboard's name, like push.example.com (--domain)." in done.stderr


FIREWALL = """
iptables -N DOCKER-USER
bash provision/firewall.sh || exit 10
bash provision/firewall.sh || exit 11
bash provision/firewall.sh --check || exit 12
[ "$(iptables -S | grep -c 10.204.0.0/14)" = 3 ] || exit 13
iptables -D INPUT 1
! bash provision/firewall.sh --check || exit 14
bash provision/firewall.sh --remove || exit 15
! iptables -S | grep 10.204.0.0/14
"""


def test_the_firewalls_rules_are_set_once_and_can_be_taken_away() -> None:
    """In a network of its own: the machine's rules stay as they are."""
    done = subprocess.run(
        ["unshare", "--net", "bash", "-c", FIREWALL], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("unit", ["devpush.service", "devpush-firewall.service"])
@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_understands_the_units(tmp_path: Path, unit: str) -> None:
    text = (ROOT / "provision/systemd" / unit).read_text()
    text = text.replace("/opt/devpush/.venv/bin/python", sys.executable).replace("docker.service", "basic.target")
    (tmp_path / unit).write_text(text.replace("/opt/devpush", str(ROOT)))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", tmp_path / unit], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert unit not in done.stderr
