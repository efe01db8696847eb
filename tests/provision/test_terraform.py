"""A server at Hetzner with its firewall and names: what Terraform makes of provision/terraform.

Hetzner's own provider isn't had everywhere; the one of tests/provision/hcloud.py has its documented arguments. So what
is misspelt, of a wrong type, refers to nothing or is refused as a variable is found here. What Hetzner itself would
refuse (a type of server that is sold out, a key that the project has already) is not.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT

HOUSE = ROOT / "provision" / "terraform"
TERRAFORM = shutil.which("terraform") or shutil.which("tofu")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPubl1c alice@laptop"
GIVEN: dict[str, object] = {
    "hcloud_token": "t" * 64,
    "hostname": "push.example.com",
    "deploy_domain": "apps.example.com",
    "email": "alice@example.com",
    "ssh_keys": [KEY],
}

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not TERRAFORM, reason="terraform is in no registry of packages: provision/terraform unchecked"),
]


class House:
    """A copy of provision/terraform in which nobody's state or variables lie."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "house"
        self.settings = folder / "terraform.rc"
        shutil.copytree(HOUSE, self.folder, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*", "*.tfvars"))
        provider = folder / "terraform-provider-hcloud"
        provider.write_text(f'#!/bin/sh\ncd {ROOT} && exec {sys.executable} -m tests.provision.hcloud "$@"\n')
        provider.chmod(0o755)
        self.settings.write_text(
            f'provider_installation {{\n  dev_overrides {{ "hetznercloud/hcloud" = "{folder}" }}\n}}\n'
        )

    def say(self, *arguments: str, **given: object) -> subprocess.CompletedProcess[str]:
        values = {f"TF_VAR_{name}": _hcl(value) for name, value in {**GIVEN, **given}.items()}
        environment = {**os.environ, **values, "TF_CLI_CONFIG_FILE": str(self.settings), "CHECKPOINT_DISABLE": "1"}
        command = [str(TERRAFORM), *arguments]
        return subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )

    def planned(self, **given: object) -> dict[str, dict[str, Any]]:
        """What would be made, by its address."""
        done = self.say("plan", "-input=false", "-no-color", "-out=plan", **given)
        assert done.returncode == 0, done.stdout + done.stderr
        plan = json.loads(self.say("show", "-json", "plan", **given).stdout)
        return {found["address"]: found["change"]["after"] for found in plan["resource_changes"]}

    def refused(self, **given: object) -> str:
        done = self.say("plan", "-input=false", "-no-color", **given)
        assert done.returncode == 1, done.stdout
        return " ".join(done.stderr.replace("│", " ").split())


def _hcl(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(tmp_path_factory.mktemp("terraform"))


def test_it_is_formatted_and_valid(house: House) -> None:
    formatted = house.say("fmt", "-check", "-diff", "-recursive")
    assert formatted.returncode == 0, formatted.stdout
    valid = json.loads(house.say("validate", "-json").stdout)
    assert valid["valid"], valid["diagnostics"]


def test_nothing_is_open_but_ssh_and_the_web(house: House) -> None:
    planned = house.planned(ssh_from=["203.0.113.7/32"])
    rules = {(rule["protocol"], rule["port"], *rule["source_ips"]) for rule in planned["hcloud_firewall.web"]["rule"]}
    everywhere = ("0.0.0.0/0", "::/0")
    assert rules == {
        ("icmp", None, *everywhere),
        ("tcp", "22", "203.0.113.7/32"),
        ("tcp", "80", *everywhere),
        ("tcp", "443", *everywhere),
    }


def test_the_server_begins_with_an_operator_who_has_keys_and_no_root(house: House) -> None:
    server = house.planned()["hcloud_server.platform"]
    assert server["delete_protection"]
    assert server["rebuild_protection"]
    first, _, rest = server["user_data"].partition("\n")
    assert first == "#cloud-config"
    begin = yaml.safe_load(rest)
    assert [(user["name"], user["ssh_authorized_keys"]) for user in begin["users"]] == [("deploy", [KEY])]
    assert begin["disable_root"]
    assert begin["ssh_pwauth"] is False


def test_names_lead_to_it_if_their_zone_is_there(house: House) -> None:
    planned = house.planned(dns_zone="example.com")
    records = {found["name"] for address, found in planned.items() if address.startswith("hcloud_zone_rrset")}
    assert records == {"push", "apps", "*.apps"}
    planned = house.planned(dns_zone="push.example.com", deploy_domain="push.example.com")
    records = {found["name"] for address, found in planned.items() if address.startswith("hcloud_zone_rrset")}
    assert records == {"@", "*"}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"hostname": "https://push.example.com"}, "a name like push.example.com"),
        ({"deploy_domain": "*.apps.example.com"}, "without *."),
        ({"ssh_keys": []}, "at least one public key"),
        ({"ssh_keys": ["-----BEGIN OPENSSH PRIVATE KEY-----"]}, "A private key never belongs here."),
        ({"ssh_from": ["203.0.113.7"]}, "Networks are written like"),
        ({"dns_zone": "example.org"}, "must both be in the zone"),
        ({"dns_zone": "ample.com"}, "must both be in the zone"),
        ({"image": "fedora-42"}, "at home on debian-12"),
        ({"operator": "root"}, "not root"),
        ({"hcloud_token": "short"}, "has 64 characters"),
    ],
    ids=lambda given: ",".join(given) if isinstance(given, dict) else "",
)
def test_what_can_not_work_is_refused_before_anything_is_made(
    house: House, given: dict[str, object], sentence: str
) -> None:
    assert sentence in house.refused(**given)


def test_it_ends_with_an_inventory_for_ansible(house: House) -> None:
    applied = house.say("apply", "-auto-approve", "-input=false", "-no-color")
    assert applied.returncode == 0, applied.stdout + applied.stderr
    [made] = yaml.safe_load(house.say("output", "-raw", "inventory").stdout)["devpush"]["hosts"].values()
    example = ROOT / "provision" / "ansible" / "inventory.example"
    [asked] = yaml.safe_load(example.read_text())["devpush"]["hosts"].values()
    assert set(made) == set(asked)
    assert (made["ansible_host"], made["ansible_user"]) == ("203.0.113.10", "deploy")
    assert made["operators"] == [{"name": "deploy", "keys": [KEY]}]
    assert json.loads(house.say("output", "-json", "records").stdout) == [
        "*.apps.example.com. A 203.0.113.10",
        "apps.example.com. A 203.0.113.10",
        "push.example.com. A 203.0.113.10",
    ]
    assert "t" * 64 not in (house.folder / "terraform.tfstate").read_text()
