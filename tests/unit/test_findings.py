"""What the doctor makes of the facts: for each trouble an operator can meet, what is, why, and what to do."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devpush.deploy import findings
from devpush.deploy.findings import Finding, Level
from devpush.models import Backup, Certificate
from devpush.ports import About, Disk, Hook, NameRecords
from devpush.settings import Settings

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ENGINE = About("29.1.0", "1.52", 2, live_restore=True, root="/var/lib/docker")
GIB = 1_000_000_000


def one(found: list[Finding]) -> Finding:
    assert len(found) == 1, found
    return found[0]


def test_a_good_engine_is_well() -> None:
    assert one(findings.docker(ENGINE, production=True)).level == Level.ok


@pytest.mark.parametrize(
    ("about", "level", "words"),
    [
        (replace(ENGINE, api="1.40", version="19.03"), Level.error, "1.41"),
        (replace(ENGINE, live_restore=False), Level.warning, "live-restore"),
        (replace(ENGINE, warnings=("WARNING: No swap limit support",)), Level.warning, "swapaccount=1"),
    ],
)
def test_an_engine_that_lacks_something_is_told_what(about: About, level: Level, words: str) -> None:
    found = one(findings.docker(about, production=True))
    assert found.level == level
    assert words in f"{found.what} {found.cause} {found.fix}"


def test_a_runtime_that_docker_lacks_or_does_not_build_in_is_told() -> None:
    sandboxed = replace(ENGINE, runtimes=("runc", "runsc"))
    found = one(findings.docker(ENGINE, production=True, runtime="runsc"))
    assert (found.level, found.cause) == (Level.error, "It has runc.")
    assert "Dockerfile" in one(findings.docker(sandboxed, production=True, runtime="runsc")).what
    everywhere = replace(sandboxed, default_runtime="runsc")
    assert one(findings.docker(everywhere, production=True, runtime="runsc")).level == Level.ok


def test_an_engines_other_warnings_are_none_of_ours() -> None:
    chatty = replace(ENGINE, live_restore=False, warnings=("WARNING: bridge-nf-call-iptables is disabled",))
    assert one(findings.docker(chatty, production=False)).level == Level.ok


def test_a_route_over_all_of_our_networks_is_found_before_a_deployment_fails() -> None:
    """A provider's private network is often 10.0.0.0/8."""
    found = one(findings.networks(["10.0.0.0/8", "172.17.0.0/16"]))
    assert found.level == Level.error
    assert "10.0.0.0/8" in found.cause


def test_networks_that_run_out_are_told() -> None:
    half, quarter = "10.204.0.0/15", "10.206.0.0/16"
    most = [half, quarter, "10.207.0.0/17", "10.207.128.0/18", "10.207.192.0/19"]
    assert one(findings.networks([half])).level == Level.ok
    assert one(findings.networks([*most, "10.207.224.0/20"])).level == Level.warning
    assert one(findings.networks(["0.0.0.0/0"])).level == Level.ok, "the default route is everybody's"


@pytest.mark.parametrize(
    ("addresses", "level", "words"),
    [
        (("203.0.113.9",), Level.ok, "leads here"),
        ((), Level.error, "nowhere"),
        (("198.51.100.7",), Level.error, "198.51.100.7, not to this server"),
        (("203.0.113.9", "2001:db8::1"), Level.warning, "2001:db8::1 as well"),
    ],
)
def test_where_a_name_leads(addresses: tuple[str, ...], level: Level, words: str) -> None:
    found = one(findings.name("push.example.com", NameRecords((), addresses), "203.0.113.9"))
    assert found.level == level
    assert words in found.what
    assert level == Level.ok or found.fix


def test_the_wildcard_is_called_by_its_record() -> None:
    found = one(findings.name("devpush-doctor.apps.example.com", NameRecords(), "203.0.113.9"))
    assert found.what.startswith("*.apps.example.com ")
    assert found.fix.endswith("A: *.apps.example.com → 203.0.113.9")


@pytest.mark.parametrize(
    ("valid", "until", "age", "level"),
    [
        (True, timedelta(days=60), timedelta(days=1), Level.ok),
        (True, timedelta(days=12), timedelta(days=70), Level.warning),
        (True, timedelta(days=-1), timedelta(days=91), Level.error),
        (False, None, timedelta(minutes=1), Level.note),
        (False, None, timedelta(hours=1), Level.error),
    ],
)
def test_certificates(valid: bool, until: timedelta | None, age: timedelta, level: Level) -> None:
    ends = NOW + until if until is not None else None
    row = Certificate(host="push.example.com", valid=valid, until=ends, created_at=NOW - age)
    found = findings.certificate(row, NOW)
    assert found.level == level
    assert "push.example.com" in found.what


def test_a_wildcard_that_is_missing_is_a_matter_of_dns_credentials() -> None:
    row = Certificate(host="*.apps.example.com", valid=False, until=None, created_at=NOW - timedelta(hours=1))
    assert "dns.env" in findings.certificate(row, NOW).fix


HERE = "https://push.example.com/api/github/webhook"


def hook(*statuses: int, url: str = HERE) -> Hook:
    return Hook(url, ("push",), {}, [(NOW - timedelta(minutes=at), status) for at, status in enumerate(statuses)])


@pytest.mark.parametrize(
    ("hook", "level", "words"),
    [
        (hook(202, 202), Level.ok, "arrive"),
        (hook(), Level.ok, "arrive"),
        (hook(502, 202), Level.ok, "arrive"),
        (hook(0, 0, 0), Level.error, "its port or its certificate"),
        (hook(401), Level.error, "secret"),
        (hook(404, 404), Level.error, "address isn't this server's"),
        (hook(502, 502, 502), Level.error, "answered with 502"),
        (hook(url="https://old.example.com/hook"), Level.warning, "go to https://old.example.com/hook"),
        (hook(url=""), Level.warning, "are off"),
    ],
)
def test_what_github_says_of_its_webhooks(hook: Hook, level: Level, words: str) -> None:
    found = one(findings.hook(hook, HERE, reachable=True, lacking=[]))
    assert found.level == level
    assert words in f"{found.what} {found.cause}"


def test_no_webhook_is_missed_where_github_could_not_reach_us() -> None:
    assert one(findings.hook(hook(url=""), HERE, reachable=False, lacking=[])).level == Level.ok


def test_a_permission_that_the_app_lacks_is_named() -> None:
    found = one(findings.hook(hook(), HERE, reachable=True, lacking=["Deployments"]))
    assert (found.level, "Deployments" in found.what) == (Level.warning, True)


@pytest.mark.parametrize(
    ("size", "free", "level"),
    [
        (80, 61, Level.ok),
        (1000, 11, Level.ok),
        (1000, 9, Level.warning),
        (20, 2.5, Level.warning),
        (20, 0.5, Level.error),
    ],
)
def test_disks_that_fill_up(size: float, free: float, level: Level) -> None:
    assert findings.disk("here", Disk(1, int(size * GIB), int(free * GIB), 1000, 900)).level == level


def test_a_disk_may_have_room_and_take_no_file() -> None:
    found = findings.disk("here", Disk(1, 80 * GIB, 60 * GIB, 5_000_000, 1000))
    assert (found.level, "inodes" in found.cause) == (Level.error, True)
    assert findings.disk("here", Disk(1, 80 * GIB, 60 * GIB, 0, 0)).level == Level.ok, "some have no such bound"


@pytest.mark.parametrize(
    ("seconds", "level", "word"),
    [
        (2, Level.ok, "right"),
        (-2, Level.ok, "right"),
        (40, Level.warning, "fast"),
        (-300, Level.error, "300 seconds slow"),
    ],
)
def test_clocks(seconds: float, level: Level, word: str) -> None:
    found = findings.clock(timedelta(seconds=seconds))
    assert (found.level, word in found.what) == (level, True)


def test_what_apps_reach_is_named() -> None:
    assert one(findings.reached_from_inside([])).level == Level.ok
    found = one(findings.reached_from_inside(["the metadata address"]))
    assert (found.level, "the metadata address" in found.what) == (Level.error, True)


def test_open_ports_are_named() -> None:
    assert findings.exposed({}, "203.0.113.9").level == Level.ok
    assert "Redis (6379)" in findings.exposed({6379: "Redis"}, "203.0.113.9").what


@pytest.mark.parametrize(
    ("version", "pending", "level"),
    [
        ("18.6", 0, Level.ok),
        ("16.4 (Debian 16.4-1)", 0, Level.ok),
        ("13.14", 0, Level.warning),
        ("18.6", 2, Level.error),
    ],
)
def test_the_database(version: str, pending: int, level: Level) -> None:
    assert one(findings.postgres(version, pending)).level == level


@pytest.mark.parametrize(
    ("said", "level"),
    [("git version 2.47.3", Level.ok), ("git version 2.30.2", Level.warning), ("", Level.error)],
)
def test_git(said: str, level: Level) -> None:
    assert findings.git(said).level == level


def test_a_newer_version_is_told_and_a_preview_is_not() -> None:
    tags = ["v0.3.0", "v0.10.0", "v0.9.1", "v1.0.0-rc1", "latest", "before-the-move"]
    assert findings.newest_release(tags) == "0.10.0"
    found = findings.release("0.4.0", tags)
    assert (found.level, "0.10.0" in found.what) == (Level.note, True)
    assert findings.release("0.10.0", tags).level == Level.ok
    assert findings.release("0.4.0", []).level == Level.ok


@pytest.fixture
def production() -> Settings:
    return Settings(
        secret_key="s" * 64,
        encryption_keys=("k",),
        data_dir=Path("/data"),
        upload_dir=Path("/upload"),
        env="production",
        hostname="push.example.com",
        backup_place="/data/backups",
        backup_passphrase="a long passphrase for tests",
    )


def test_secrets(production: Settings) -> None:
    assert one(findings.secrets(production)).level == Level.ok
    assert one(findings.secrets(replace(production, secret_key="short"))).level == Level.error
    assert "METRICS_TOKEN" in one(findings.secrets(replace(production, metrics_token="abc"))).what
    assert one(findings.secrets(replace(production, encryption_keys=("new", "old")))).level == Level.note
    assert "ENV" in one(findings.secrets(replace(production, env="development"))).cause


def test_backups(production: Settings) -> None:
    last = Backup(place="s3://bucket", name="x", version="1", started_at=NOW - timedelta(hours=3))
    away = replace(production, backup_place="s3://bucket")
    assert one(findings.backups("", last, away, NOW)).level == Level.ok
    assert one(findings.backups("", None, away, NOW)).what == "The first backup is due soon."
    assert one(findings.backups("The last try failed.", last, away, NOW)).level == Level.error
    assert "BACKUP_PASSPHRASE" in one(findings.backups("None.", None, replace(away, backup_passphrase=""), NOW)).fix
    assert findings.backups("", last, production, NOW)[0].level == Level.note, "on the same disk"
    assert "by itself" in findings.backups("", last, replace(away, backup_every=0), NOW)[0].what
    last.started_at = NOW - timedelta(days=20)
    assert "tried out" in findings.backups("", last, away, NOW)[0].what


def test_on_a_development_machine_no_backup_is_no_error(production: Settings) -> None:
    found = one(findings.backups("There is no backup yet.", None, replace(production, env="development"), NOW))
    assert found.level == Level.note
