"""A fresh server becomes fit for /dev/push, and then stays as it is: the playbooks, by SSH, on a Debian that runs."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT
from tests.provision.server import PLAYBOOKS, SCRIPTS, Played, Server, ansible_environment

SETTINGS = {"RESEND_API_KEY": "re_a-secret&more", "BACKUP_KEEP": 14}

pytestmark = [pytest.mark.integration, pytest.mark.slow]

IN_AN_APP = "ip netns exec app"
FORGOTTEN = """\
systemd-run --unit=forgotten python3 -m http.server 8001 --bind 0.0.0.0
for i in $(seq 100); do curl -s -o /dev/null 127.0.0.1:8001 && break; sleep 0.1; done
"""
"""A program on the server that listens to everybody, as somebody forgets one."""
APP_AND_CLOUD = """\
network() {
  ip netns add $1
  ip link add $1 type veth peer name eth0 netns $1
  ip address add $2.1/24 dev $1 && ip link set $1 up
  ip -n $1 address add $2.2/24 dev eth0 && ip -n $1 link set eth0 up && ip -n $1 route add default via $2.1
}
network app 10.204.9
network cloud 10.210.9
ip -n cloud address add 169.254.169.254/32 dev eth0
ip route add 169.254.169.254 via 10.210.9.2
systemd-run --unit=cloud ip netns exec cloud python3 -m http.server 80
for i in $(seq 100); do curl -s -o /dev/null 10.210.9.2 && break; sleep 0.1; done
iptables -I DOCKER-USER -i app -j ACCEPT
iptables -I DOCKER-USER -o app -j ACCEPT
"""
"""An app on a network of ours, which Docker lets out to everything; and out there what answers for the metadata."""
TELLING = """\
mkdir -p /srv/devpush.git/provision && cd /srv/devpush.git/provision
for name in install.sh update.sh devpush; do echo 'echo "${0##*/} $*" >>/tmp/told' >$name; done
echo 'cd "${0%/*}/.." && { [ -e .env ] || (umask 077 && echo SECRET_KEY=made-here >.env); }' >>install.sh
export GIT_AUTHOR_NAME=Alice GIT_AUTHOR_EMAIL=a@example.com GIT_COMMITTER_NAME=Alice GIT_COMMITTER_EMAIL=a@example.com
git init -q .. && git add . && git commit -q -m 'Tell what was called'
"""
"""A repository whose scripts do nothing but tell how they were called. The real ones have tests of their own."""


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("operator")).running() as server:
        yield server


@pytest.fixture(scope="module")
def server(fresh: Server) -> Server:
    """The server after its first setup. Alice's key is the one that root has."""
    assert fresh.play("setup").changed
    return fresh


def test_the_second_run_changes_nothing(server: Server) -> None:
    assert server.play("setup").changed == []
    assert server.failed() == ""


def test_people_come_in_by_key_only(server: Server) -> None:
    said = server.run("sshd -T")
    assert "\npasswordauthentication no\n" in said
    assert "\nkbdinteractiveauthentication no\n" in said
    assert "\npermitrootlogin without-password\n" in said
    assert server.lets_in("alice")
    assert server.run("passwd --status alice").split()[1] == "L"
    assert not server.lets_in("alice", "-o", "PubkeyAuthentication=no")


def test_nothing_is_open_but_ssh_and_the_web(server: Server) -> None:
    server.run(FORGOTTEN)
    assert server.answers(22)
    assert server.answers(80)
    assert not server.answers(8001)


def test_apps_reach_neither_the_server_nor_the_clouds_metadata(server: Server) -> None:
    server.run(APP_AND_CLOUD)
    assert server.runs(reaches("169.254.169.254", 80)), "the answer is there to be had"
    assert server.runs(f"{IN_AN_APP} {reaches('10.210.9.2', 80)}"), "an app reaches what is out there"
    assert server.runs(f"{IN_AN_APP} {reaches('10.204.9.1', 80)}"), "and the web server, as everybody does"
    assert not server.runs(f"{IN_AN_APP} {reaches('169.254.169.254', 80)}")
    assert not server.runs(f"{IN_AN_APP} {reaches('10.204.9.1', 22)}")
    assert not server.runs(f"{IN_AN_APP} {reaches('10.204.9.1', 8001)}")


def reaches(host: str, port: int) -> str:
    return f"timeout 2 bash -c '</dev/tcp/{host}/{port}'"


def test_docker_keeps_containers_alive_and_its_networks_out_of_ours(server: Server) -> None:
    info = json.loads(server.run("docker info --format '{{json .}}'"))
    assert info["LiveRestoreEnabled"]
    server.run("docker network create some")
    assert server.run("docker network inspect some --format '{{(index .IPAM.Config 0).Subnet}}'").startswith("10.202.")
    options = json.loads(server.run("cat /etc/docker/daemon.json"))["log-opts"]
    assert options == {"max-size": "10m", "max-file": "3"}
    assert server.runs("docker-compose version || docker compose version")


def test_who_guesses_is_shut_out(server: Server) -> None:
    server.run("fail2ban-client set sshd banip 192.0.2.66")
    assert "192.0.2.66" in server.run("nft list ruleset")
    assert "elements" in server.run("nft list table inet f2b-table")
    server.run("fail2ban-client set sshd unbanip 192.0.2.66")


def test_security_updates_and_the_clock_look_after_themselves(server: Server) -> None:
    options = server.run("apt-config dump")
    assert 'APT::Periodic::Unattended-Upgrade "1";' in options
    assert 'Unattended-Upgrade::Automatic-Reboot "false";' in options
    for unit in ("unattended-upgrades", "chrony", "apt-daily-upgrade.timer"):
        assert server.run(f"systemctl is-enabled {unit}") == "enabled"
        assert server.run(f"systemctl is-active {unit}") == "active"
    assert server.run("date +%Z") == "UTC"


def test_everything_holds_after_a_reboot(server: Server) -> None:
    server.reboot()
    assert server.failed() == ""
    server.run(FORGOTTEN)
    assert server.answers(22)
    assert not server.answers(8001)
    assert "10.204.0.0/14" in server.run("nft list table inet devpush")
    assert server.runs("docker info")


def test_dockers_rules_and_ours_stand_beside_each_other(server: Server) -> None:
    """Loading ours again must not flush Docker's, as nftables' own service would."""
    before = server.run("iptables-save | grep DOCKER | sort")
    assert "DOCKER-USER" in before
    server.run("systemctl restart devpush-ports")
    assert server.run("iptables-save | grep DOCKER | sort") == before


@pytest.fixture(scope="module")
def deployed(server: Server) -> Played:
    server.run(TELLING)
    return server.play("deploy", settings=SETTINGS)


def test_deploying_clones_sets_and_installs(server: Server, deployed: Played) -> None:
    names = "--domain push.example.com --deploy-domain apps.example.com --email alice@example.com"
    assert told(server) == [f"install.sh --only-settings {names}", "install.sh"]
    assert server.run("stat -c '%a %U' /opt/devpush/.env") == "600 root"
    assert set(server.run("cat /opt/devpush/.env").splitlines()) == {
        *("SECRET_KEY=made-here", "APP_HOSTNAME=push.example.com", "DEPLOY_DOMAIN=apps.example.com"),
        *("LE_EMAIL=alice@example.com", "RESEND_API_KEY=re_a-secret&more", "BACKUP_KEEP=14"),
    }
    assert "a-secret" not in deployed.said


def test_deploying_again_leaves_the_version_to_updates(server: Server, deployed: Played) -> None:
    before = server.run("git -C /opt/devpush rev-parse HEAD")
    server.run("cd /srv/devpush.git && git -c user.name=Bob -c user.email=b@example.com commit -qm newer --allow-empty")
    assert server.play("deploy", settings=SETTINGS).changed == []
    assert server.run("git -C /opt/devpush rev-parse HEAD") == before
    assert told(server) == ["install.sh"]


def told(server: Server) -> list[str]:
    """How the scripts were called since somebody last asked."""
    return [line.strip() for line in server.run("cat /tmp/told; rm -f /tmp/told").splitlines()]


@pytest.mark.parametrize(
    ("book", "variables", "called"),
    [
        ("update", [], "update.sh"),
        ("update", ["version=v9.9.9"], "update.sh v9.9.9"),
        ("backup", [], "devpush backup"),
        ("restore", ["typed=push.example.com"], "devpush restore --replace latest"),
        ("restore", ["typed=push.example.com", "backup='old; id'"], "devpush restore --replace old; id"),
    ],
)
def test_the_other_playbooks_call_the_scripts(
    server: Server, deployed: Played, book: str, variables: list[str], called: str
) -> None:
    server.play(book, *(word for variable in variables for word in ("--extra-vars", variable)))
    assert told(server) == [called]


def test_nothing_is_restored_without_the_right_name(server: Server, deployed: Played) -> None:
    played = server.play("restore", "--extra-vars", "typed=yes", check=False)
    assert not played.went_well
    assert "Nothing was touched." in played.said
    assert not server.runs("test -e /tmp/told")


def test_what_the_playbooks_call_is_there() -> None:
    for script, words in {
        "install.sh": ["--only-settings", "--domain", "--deploy-domain", "--email"],
        "update.sh": ["[version]"],
        "devpush": ["restore [BACKUP]", "backup"],
    }.items():
        head = (ROOT / "provision" / script).read_text()
        assert all(word in head for word in words), script


def test_root_stays_out_once_an_operator_has_come_in(server: Server) -> None:
    server.user = "alice"
    assert server.play("setup", "--tags", "people").changed == ["SSH takes keys only", "Reload SSH"]
    assert not server.lets_in("root")
    assert server.lets_in("alice")


def test_nobody_is_shut_out_by_an_inventory_without_keys(server: Server) -> None:
    played = server.play("setup", check=False, operators=[{"name": "alice", "keys": []}])
    assert "Without one nobody could sign in any more." in played.said
    assert server.lets_in("alice")


def test_the_example_inventory_asks_for_what_these_tests_give(tmp_path: Path) -> None:
    [asked] = yaml.safe_load((PLAYBOOKS / "inventory.example").read_text())["devpush"]["hosts"].values()
    given = Server(tmp_path).host()
    assert {name for name in given if not name.startswith("ansible_ssh")} == set(asked)


def test_the_linter_has_nothing_to_say(tmp_path: Path) -> None:
    command: list[str | Path] = [SCRIPTS / "ansible-lint", "--offline", "--profile", "production", "--strict", "-q"]
    command += sorted(PLAYBOOKS.glob("*.yml"))
    environment = ansible_environment(tmp_path)
    done = subprocess.run(command, cwd=PLAYBOOKS, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
