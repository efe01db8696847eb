"""A server as a provider hands it over, and Ansible that comes to it by SSH: Debian with systemd, in a container."""

import hashlib
import os
import re
import socket
import subprocess
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any

import yaml

from devpush.deploy.keys import new_key
from tests.conftest import ROOT
from tests.production.standins import base_for_builds, build, label_of

RECIPE = Path(__file__).with_name("debian")
PLAYBOOKS = ROOT / "provision" / "ansible"
SCRIPTS = Path(sysconfig.get_path("scripts"))
LABEL = "devpush.test-server"
MAY = [
    "--cap-add=SYS_ADMIN",
    "--cap-add=NET_ADMIN",
    "--security-opt=seccomp=unconfined",
    "--security-opt=apparmor=unconfined",
]
NEEDS = ["--tmpfs=/run", "--tmpfs=/run/lock", "--volume=/var/lib/docker", "--sysctl=net.ipv4.ip_forward=1"]


@dataclass
class Server:
    """`folder` holds what the person at the other end has: their key, and the inventory."""

    folder: Path
    name: str = field(default_factory=lambda: f"devpush-test-server-{token_hex(4)}")
    user: str = "root"
    address: str = ""
    public: str = field(init=False)

    def __post_init__(self) -> None:
        private, self.public = new_key()
        self.key.touch(mode=0o600)
        self.key.write_text(private)

    @contextmanager
    def running(self) -> Iterator["Server"]:
        image = _image()
        try:
            docker(
                "run", "--detach", f"--name={self.name}", f"--label={LABEL}", "--hostname=alpha", *MAY, *NEEDS, image
            )
            self.run(f"install -d -m 700 /root/.ssh && echo '{self.public}' >/root/.ssh/authorized_keys")
            self.wait()
            yield self
        finally:
            docker("rm", "--force", "--volumes", self.name)

    def reboot(self) -> None:
        docker("restart", "--time=20", self.name)
        self.wait()

    def wait(self) -> None:
        """Until it has started all it starts. What has failed is named by who asks `failed`."""
        self.run("for i in $(seq 100); do [ -S /run/dbus/system_bus_socket ] && break; sleep 0.1; done")
        self.run("systemctl is-system-running --wait || true")
        self.address = docker("inspect", "--format={{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", self.name)

    def failed(self) -> str:
        return self.run("systemctl --failed --no-legend --plain")

    def run(self, command: str) -> str:
        """On the server itself, as root, by no door that the playbooks close."""
        return docker("exec", self.name, "sh", "-ec", command)

    def runs(self, command: str) -> bool:
        return not subprocess.run(
            ["docker", "exec", self.name, "sh", "-c", command], check=False, capture_output=True
        ).returncode

    def lets_in(self, user: str, *options: str) -> bool:
        """May they sign in by SSH?"""
        command = ["ssh", *self.ssh_options(), *options, f"{user}@{self.address}", "sudo", "-n", "true"]
        return not subprocess.run(command, check=False, capture_output=True).returncode

    def answers(self, port: int) -> bool:
        """To somebody out there. What isn't open is silent: no answer within a second is none."""
        try:
            with socket.create_connection((self.address, port), timeout=1):
                return True
        except OSError:
            return False

    # Ansible

    def play(self, book: str, *arguments: str, check: bool = True, **variables: object) -> "Played":
        inventory = self.folder / "inventory"
        host = {**self.host(), **variables}
        inventory.write_text(yaml.safe_dump({"devpush": {"hosts": {"alpha": host}}}))
        command: list[str | Path] = [SCRIPTS / "ansible-playbook", "--inventory", inventory, f"{book}.yml", *arguments]
        done = subprocess.run(
            command, cwd=PLAYBOOKS, env=self.environment(), check=False, capture_output=True, text=True
        )
        played = Played(done.stdout + done.stderr)
        assert not check or played.went_well, played.said
        return played

    def host(self) -> dict[str, Any]:
        """What stands in the inventory about it: nothing but what inventory.example asks for."""
        return {
            "ansible_host": self.address,
            "ansible_user": self.user,
            "ansible_ssh_private_key_file": str(self.key),
            "ansible_ssh_common_args": " ".join(self.ssh_options()),
            "operators": [{"name": "alice", "keys": [self.public]}],
            "repository": "/srv/devpush.git",
            "hostname": "push.example.com",
            "deploy_domain": "apps.example.com",
            "email": "alice@example.com",
        }

    def environment(self) -> Mapping[str, str]:
        return ansible_environment(self.folder)

    def ssh_options(self) -> list[str]:
        known = ["-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={self.folder / 'known_hosts'}"]
        return ["-i", str(self.key), *known, "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "LogLevel=ERROR"]

    @property
    def key(self) -> Path:
        return self.folder / "key"


@dataclass(frozen=True)
class Played:
    """What a playbook said at its end."""

    said: str

    @property
    def went_well(self) -> bool:
        return bool(re.search(r"^alpha .* unreachable=0 +failed=0 ", self.said, re.MULTILINE))

    @property
    def changed(self) -> list[str]:
        """The tasks that changed something."""
        changed: list[str] = []
        for part in re.split(r"^(?=TASK|RUNNING HANDLER|PLAY)", self.said, flags=re.MULTILINE):
            if named := re.match(r"(?:TASK|RUNNING HANDLER) \[(.*)\]", part):
                changed += [named[1]] if re.search(r"^changed:", part, re.MULTILINE) else []
        return changed


def ansible_environment(home: Path) -> dict[str, str]:
    """Ansible's own folders go into `home`; its programs are those of the venv, and UTF-8 is what it insists on."""
    path = f"{SCRIPTS}:{os.environ['PATH']}"
    return {**os.environ, "HOME": str(home), "PATH": path, "LC_ALL": "C.UTF-8", "ANSIBLE_NOCOLOR": "1"}


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"docker {' '.join(arguments)}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout.strip()


def _image() -> str:
    """Made once per content of its recipe."""
    recipe = b"".join(path.read_bytes() for path in sorted(RECIPE.iterdir()))
    made_of = hashlib.sha256(recipe + base_for_builds().encode()).hexdigest()[:12]
    name = f"devpush-test-server:{made_of}"
    if label_of(name) is None:
        build(RECIPE, name, {"BASE_IMAGE": base_for_builds()}, label=f"{LABEL}={made_of}")
    return name
