"""`.env.example` and docs/configure.md tell every setting there is, and no other, with its default as it is."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from devpush.errors import BadSettings
from devpush.settings import ROOT, Settings, read

EXAMPLE = (ROOT / ".env.example").read_text()
GUIDE = (ROOT / "docs/configure.md").read_text()
COMPOSE = (ROOT / "compose.yml").read_text()

SHOWN = {name: value for _, name, value in re.findall(r"^(#?)([A-Z][A-Z0-9_]*)=(.*)$", EXAMPLE, re.MULTILINE)}
TO_FILL = re.findall(r"^([A-Z][A-Z0-9_]*)=$", EXAMPLE, re.MULTILINE)
GUIDED = dict(re.findall(r"^\| `([A-Z][A-Z0-9_]*)` \| (?:`(.*?)` )?\|.*\|$", GUIDE, re.MULTILINE))
INTERPOLATED = dict(re.findall(r"\$\{([A-Z_]+)(?::-([^}]*)|:\?[^}]*)?\}", COMPOSE))
OF_COMPOSE = {"COMPOSE_PROJECT_NAME", "COMPOSE_PROFILES"}
"""What Compose itself reads from the file."""
SCRIPTS = [ROOT / "provision" / name for name in ("stack.sh", "install.sh", "update.sh", "devpush")]
READ_BY_SCRIPTS = {
    name: value
    for script in SCRIPTS
    for name, value in re.findall(r"\$\(setting ([A-Z][A-Z0-9_]*)(?: ([\w./-]+))?\)", script.read_text())
}


class Asked(Mapping[str, str]):
    """An environment that remembers what it was asked for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values_ = dict(values)
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return self.values_[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_)

    def __len__(self) -> int:
        return len(self.values_)


def as_compose_sets_it() -> dict[str, str]:
    """The app's `environment:`, with every variable at its default."""
    block = COMPOSE.partition("x-app-settings:")[2].partition("\nservices:")[0]
    told = dict(re.findall(r"^  ([A-Z_]+): \"?(.*?)\"?$", block, re.MULTILINE))
    return {name: re.sub(r"\$\{([A-Z_]+)[^}]*\}", filled, value) for name, value in told.items()} | {"PORT": "8001"}


def filled(variable: re.Match[str]) -> str:
    return INTERPOLATED[variable[1]] or variable[1]


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    """A server's environment after install.sh: what must be set is set, all else is at its default."""
    values = {name: f"{number:02d}-Kq7vXz9mW2pL5tR8yB4nJ6hG3fD1sA-{name}" for number, name in enumerate(TO_FILL)}
    return {
        **as_compose_sets_it(),
        **values,
        "APP_HOSTNAME": "push.example.com",
        "DEPLOY_DOMAIN": "apps.example.com",
        "SERVER_IP": "203.0.113.7",
        "LE_EMAIL": "ada@example.com",
        "ENCRYPTION_KEY": Fernet.generate_key().decode(),
    }


def settings_asked(tmp_path: Path, installed: Mapping[str, str]) -> set[str]:
    here, there = Asked({"DATA_DIR": str(tmp_path)}), Asked(installed)
    read(here)
    read(there)
    return here.names | there.names


def test_the_example_tells_every_setting_and_no_other(tmp_path: Path, installed: dict[str, str]) -> None:
    known = settings_asked(tmp_path, installed) | set(INTERPOLATED) | OF_COMPOSE | set(READ_BY_SCRIPTS)
    assert set(SHOWN) == known


def test_the_guide_tells_what_the_example_tells() -> None:
    assert GUIDED == SHOWN


@pytest.mark.parametrize("name", sorted(set(SHOWN) - set(TO_FILL)))
def test_what_the_example_shows_is_what_holds_without_it(name: str, installed: dict[str, str]) -> None:
    for elsewhere in (INTERPOLATED, READ_BY_SCRIPTS):
        assert not elsewhere.get(name) or SHOWN[name] == elsewhere[name]
    if SHOWN[name]:
        assert read(installed | {name: SHOWN[name]}) == read(installed)


@pytest.mark.parametrize("name", TO_FILL)
def test_what_must_be_set_is_missed_at_once(name: str, installed: dict[str, str]) -> None:
    """By us or by Compose. Certificates and DNS records can do without theirs for a while: the doctor tells."""
    if name in ("LE_EMAIL", "SERVER_IP"):
        assert read(installed | {name: ""}).production
    elif f"${{{name}:?" not in COMPOSE:
        with pytest.raises(BadSettings, match=name):
            read(installed | {name: ""})


def test_behind_a_tunnel_the_dashboard_shows_no_port() -> None:
    assert read({"URL_SCHEME": "https", "APP_HOSTNAME": "ada.ngrok.app"}).dashboard_url == "https://ada.ngrok.app"
    assert read({}).dashboard_url == "http://localhost:8000"


def test_what_install_leaves_to_compose_is_a_production_server(installed: dict[str, str]) -> None:
    settings: Settings = read(installed)
    assert settings.production
    assert settings.dashboard_url == "https://push.example.com"
    assert settings.bind == "127.0.0.1", "no container reaches it there"
