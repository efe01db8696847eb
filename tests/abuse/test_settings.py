"""A18: production refuses default, short, equal and missing secrets. A19: the wrong ENCRYPTION_KEY fails closed."""

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from devpush import settings as module
from devpush.errors import BadSettings, WrongKey
from devpush.models import Deployment, Installation, Project, Variable
from devpush.models.secret import use_keys
from devpush.settings import MIN_SECRET, SECRETS, read
from tests import cast
from tests.conftest import KEY
from tests.fakes import FakeWorld
from tests.visitor import Visitor, dashboard

pytestmark = pytest.mark.abuse

NEEDED = ("SECRET_KEY", "ENCRYPTION_KEY", "POSTGRES_PASSWORD", "DEPLOY_DOMAIN", "APP_HOSTNAME")


@pytest.fixture
def good(tmp_path: Path) -> dict[str, str]:
    """The environment of a server in production, with every secret set."""
    names = {name: f"{number:02d}-Kq7vXz9mW2pL5tR8yB4nJ6hG3fD1sA-{name}" for number, name in enumerate(SECRETS)}
    return {
        **names,
        "ENV": "production",
        "ENCRYPTION_KEY": Fernet.generate_key().decode(),
        "DEPLOY_DOMAIN": "apps.example.com",
        "APP_HOSTNAME": "push.example.com",
        "POSTGRES_HOST": "pgsql",
        "GITHUB_APP_ID": "4711",
        "GITHUB_APP_NAME": "devpush",
        "GITHUB_APP_PRIVATE_KEY": "-----BEGIN RSA PRIVATE KEY-----",
        "GITHUB_APP_CLIENT_ID": "Iv1.devpush",
        "GOOGLE_CLIENT_ID": "devpush.apps.googleusercontent.com",
        "S3_ACCESS_KEY_ID": "AKIADEVPUSH",
        "DATA_DIR": str(tmp_path / "data"),
    }


def complaint(environ: dict[str, str]) -> str:
    with pytest.raises(BadSettings) as refused:
        read(environ)
    return str(refused.value)


# A18


def test_a18_a_good_environment_is_taken(good: dict[str, str]) -> None:
    assert read(good).production


@pytest.mark.parametrize("name", NEEDED)
@pytest.mark.parametrize("value", [None, "", "  "])
def test_a18_what_is_missing_is_named(good: dict[str, str], name: str, value: str | None) -> None:
    good.pop(name) if value is None else good.update({name: value})
    assert name in complaint(good)


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize(
    "value",
    [
        "x",
        "secret",
        "changeme",
        "change-me-please-change-me-please",
        "password",
        "a" * 64,
        "ab" * 32,
        "default" + "x" * 40,
    ],
)
def test_a18_weak_secrets_are_named_and_not_repeated(good: dict[str, str], name: str, value: str) -> None:
    text = complaint({**good, name: value})
    assert name in text
    assert len(value) < 4 or value not in text.replace("change-me", "")


@pytest.mark.parametrize("name", SECRETS)
def test_a18_secrets_are_long_enough(good: dict[str, str], name: str) -> None:
    short = "Kq7vXz9mW2pL5tR8yB4nJ6hG3fD1sA8k"[: MIN_SECRET - 1 if name in ("SECRET_KEY", "ENCRYPTION_KEY") else 11]
    assert name in complaint({**good, name: short})


@pytest.mark.parametrize("name", SECRETS)
def test_a18_no_secret_serves_twice(good: dict[str, str], name: str) -> None:
    other = "SECRET_KEY" if name != "SECRET_KEY" else "SMTP_PASSWORD"
    text = complaint({**good, other: good[name]})
    assert name in text
    assert other in text


def test_a18_all_that_is_wrong_is_told_at_once(good: dict[str, str]) -> None:
    text = complaint({**good, "SECRET_KEY": "", "SMTP_PORT": "many", "URL_SCHEME": "ftp", "DEPLOY_DOMAIN": "a_b"})
    assert all(name in text for name in ("SECRET_KEY", "SMTP_PORT", "URL_SCHEME", "DEPLOY_DOMAIN"))


@pytest.mark.parametrize(
    "key",
    ["not base64", "short", Fernet.generate_key().decode()[:-4], Fernet.generate_key().decode() + ",nonsense" * 6],
)
def test_a18_an_encryption_key_that_is_none_is_named(good: dict[str, str], key: str) -> None:
    assert "ENCRYPTION_KEY" in complaint({**good, "ENCRYPTION_KEY": key})


def test_a18_every_secret_of_the_settings_is_in_the_list() -> None:
    """What is hidden from `repr` is a secret, and every secret is judged."""
    hidden = {name for name, field in module.Settings.__dataclass_fields__.items() if not field.repr}
    judged = {name.lower() for name in SECRETS} - {"encryption_key"} | {"encryption_keys"}
    assert hidden - judged == {"github_app_private_key", "redis_url", "loki_url"}, "a key file, and addresses"
    assert judged <= hidden


def test_a18_secrets_are_not_shown_by_accident(good: dict[str, str]) -> None:
    shown = repr(read(good))
    assert not [name for name in SECRETS if good[name] in shown]


def test_a18_development_makes_its_own_and_keeps_them(tmp_path: Path) -> None:
    first, again = (read({"DATA_DIR": str(tmp_path / "data")}) for _ in range(2))
    assert (first.secret_key, first.encryption_keys) == (again.secret_key, again.encryption_keys)
    assert len(first.secret_key) >= MIN_SECRET
    keys = tmp_path / "data" / "keys"
    assert {path.stat().st_mode & 0o777 for path in keys.iterdir()} == {0o600}
    assert keys.stat().st_mode & 0o077 == 0


# A19


@pytest.mark.integration
async def test_a19_the_wrong_key_stops_everything_with_a_reason(db: str, world: FakeWorld) -> None:
    await Installation.this()
    project = await cast.project(repo_token="a token of the repository")
    await Variable.create(project=project, key="TOKEN", value="secret")
    made = await cast.deployment(project, variables={"TOKEN": "secret"})
    alice = await Visitor(dashboard(world)).signed_in(await cast.alice())
    use_keys([Fernet.generate_key().decode()])
    for read_secret in (
        Installation.this(),
        Project.get(id=project.id),
        Variable.get(key="TOKEN"),
        Deployment.get(id=made.id),
    ):
        with pytest.raises(WrongKey, match="ENCRYPTION_KEY"):
            await read_secret
    page = await alice.get(f"/projects/{project.slug}")
    assert page.status == 500
    assert "ENCRYPTION_KEY" in page.text
    assert "secret" not in page.text.replace("Stored secrets", "")


@pytest.mark.integration
async def test_a19_keys_are_rotated_with_the_old_one_behind_the_new(db: str) -> None:
    project = await cast.project(repo_token="a token")
    await Variable.create(project=project, key="OLD", value="kept with the old key")
    new = Fernet.generate_key().decode()

    use_keys([new, KEY])
    assert (await Variable.get(key="OLD")).value == "kept with the old key"
    await Variable.create(project=project, key="NEW", value="kept with the new key")

    use_keys([new])
    assert (await Variable.get(key="NEW")).value == "kept with the new key"
    with pytest.raises(WrongKey):
        await Variable.get(key="OLD")

    use_keys([KEY])
    with pytest.raises(WrongKey):
        await Variable.get(key="NEW")


@pytest.mark.integration
async def test_a19_a_stored_secret_that_was_tampered_with_is_never_taken(db: str) -> None:
    project = await cast.project()
    variable = await Variable.create(project=project, key="TOKEN", value="secret")
    connection = Variable._meta.db
    [row] = await connection.execute_query_dict("SELECT value FROM variable")
    assert b"secret" not in row["value"]
    await connection.execute_query("UPDATE variable SET value = $1", [row["value"][:-4] + b"AAA="])
    with pytest.raises(WrongKey):
        await Variable.get(id=variable.id)


# Settings that belong together, and those that are numbers or networks


def test_an_app_is_configured_whole_or_not_at_all(good: dict[str, str]) -> None:
    del good["GITHUB_APP_CLIENT_ID"], good["GOOGLE_CLIENT_ID"]
    said = complaint(good)
    assert "GITHUB_APP_CLIENT_ID must be set as well" in said
    assert "GOOGLE_CLIENT_ID must be set as well" in said


@pytest.mark.parametrize("value", ["my-app", "47 11", "-1", "1" * 19])
def test_an_apps_id_is_a_number(good: dict[str, str], value: str) -> None:
    assert "GITHUB_APP_ID must be a number" in complaint(good | {"GITHUB_APP_ID": value})


def test_private_networks_are_named_as_networks(good: dict[str, str]) -> None:
    allowed = read(good | {"ALLOW_PRIVATE_ADDRESSES": "192.168.1.7/24, fd00::/8 10.0.0.5"}).allow_private_addresses
    assert allowed == ("192.168.1.0/24", "fd00::/8", "10.0.0.5/32")
    assert "ALLOW_PRIVATE_ADDRESSES must hold networks" in complaint(good | {"ALLOW_PRIVATE_ADDRESSES": "git.lan"})
