"""The doctor: every part asked at once and in time, on a page and at the terminal, and of a platform that is down."""

import asyncio
import json
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from quart import Quart

from devpush import checkup
from devpush.adapters.github import GitHubApi
from devpush.adapters.machine import OwnMachine
from devpush.deploy import doctor, github
from devpush.deploy.checks import Patient
from devpush.deploy.findings import Finding, Level
from devpush.errors import Unavailable
from devpush.models import Backup, Certificate, GitHubInstallation, User
from devpush.models.database import fetch
from devpush.ports import App, Disk, GitHubRefused, Hook, TokenRefused, WebAnswer
from devpush.settings import Settings
from tests import cast
from tests.conftest import free_port
from tests.fakes import Behaviour, FakeWorld, Ran
from tests.github_server import GitHubServer
from tests.images import own_engine
from tests.visitor import Visitor, dashboard

pytestmark = pytest.mark.integration

APP = App(7, "our-push", "Iv1", "a client secret", "a private key", "a webhook secret", "Our Push")
HOOK = "https://push.example.com/api/github/webhook"
PERMISSIONS = {name: level for name, (_, level, _) in github.PERMISSIONS.items()}
FINE = WebAnswer(200, "", None)


@pytest.fixture
def server(db: str, world: FakeWorld) -> FakeWorld:
    """A production server on which all is well."""
    world.settings = replace(
        world.settings,
        env="production",
        url_scheme="https",
        hostname="push.example.com",
        deploy_domain="apps.example.com",
        server_ip="203.0.113.9",
        traefik_config_dir=world.settings.data_dir / "traefik",
        smtp_host="smtp.example.com",
        email_sender_address="push@example.com",
        source_url="https://git.example.com/devpush.git",
        backup_place="s3://bucket/devpush",
        backup_passphrase="a passphrase for tests",
    )
    world.dns.say("push.example.com", "203.0.113.9")
    world.dns.say("devpush-doctor.apps.example.com", "203.0.113.9")
    world.machine.pages = {"http://127.0.0.1:80/health": FINE, world.settings.github_api_url: FINE}
    world.git.commit("https://git.example.com/devpush.git", {"README.md": "x"})
    world.github.known_hook = Hook(HOOK, ("push",), PERMISSIONS, ())
    return world


async def found(world: FakeWorld, part: str, *, inside: bool = False, within: float = 5) -> list[Finding]:
    everything = await doctor.examine(Patient.of(world), inside=inside, within=within)
    return [one for one in everything if one.part == part]


async def trouble(world: FakeWorld, part: str, **how: bool) -> Finding:
    """The one thing that is wrong there."""
    wrong = [one for one in await found(world, part, **how) if one.level != Level.ok]
    assert len(wrong) == 1, wrong
    return wrong[0]


# All of it


async def test_a_server_on_which_all_is_well(server: FakeWorld) -> None:
    await github.keep_app(APP)
    everything = await doctor.examine(Patient.of(server), inside=False)
    assert [one for one in everything if one.level != Level.ok] == []
    assert {one.part for one in everything} == doctor.CHECKS.keys() - {"firewall", "certificates"}
    assert doctor.summary(everything) == "All is well."


def test_every_part_has_a_name_for_people() -> None:
    assert doctor.TITLES.keys() == doctor.CHECKS.keys()


async def test_a_part_that_never_answers_keeps_nobody_waiting(
    server: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(_: Patient) -> list[Finding]:
        await asyncio.Event().wait()
        return []

    async def broken(_: Patient) -> list[Finding]:
        raise RuntimeError("not as it should be")

    monkeypatch.setattr(doctor, "CHECKS", {**doctor.CHECKS, "docker": silent, "clock": broken})
    everything = await doctor.examine(Patient.of(server), inside=False, within=0.5)
    first = {one.part: one for one in everything[:2]}
    assert first["docker"].cause == "No answer within 0.5 seconds."
    assert first["clock"].cause == "not as it should be"
    assert "traefik" in {one.part for one in everything if one.level == Level.ok}


# Each part's troubles


async def test_parts_that_are_away_are_told(server: FakeWorld) -> None:
    server.containers.away = server.proxy.away = server.live.away = server.logs.away = server.dns.away = -1
    assert "Docker can't be asked" in (await trouble(server, "docker")).what
    assert "no site can be reached" in (await trouble(server, "traefik")).what
    assert "Redis doesn't answer" in (await trouble(server, "redis")).what
    assert "Log lines" in (await trouble(server, "logs")).what
    assert {one.level for one in await found(server, "dns")} == {Level.error}


async def test_a_traefik_that_leads_elsewhere(server: FakeWorld) -> None:
    server.machine.pages["http://127.0.0.1:80/health"] = WebAnswer(404, "404 page not found", None)
    assert "it answers 404" in (await trouble(server, "traefik")).what


async def test_a_database_without_this_versions_schema(server: FakeWorld) -> None:
    await fetch("DELETE FROM aerich WHERE version LIKE '4_%' RETURNING id")
    assert "migrate" in (await trouble(server, "database")).fix


async def test_a_database_that_is_away(server: FakeWorld) -> None:
    patient = replace(Patient.of(server), missing={"database": "No answer."}, live=None, logs=None)
    everything = await doctor.examine(patient, inside=False)
    assert {one.part for one in everything if one.level == Level.error} == {"database", "redis"}


async def test_ports_that_anybody_may_reach(server: FakeWorld) -> None:
    server.machine.listening = {("203.0.113.9", 6379), ("203.0.113.9", 8090)}
    what = (await trouble(server, "ports")).what
    assert "Redis (6379)" in what
    assert "Traefik's API (8090)" in what


async def test_server_ip_that_was_never_set(server: FakeWorld) -> None:
    server.settings = replace(server.settings, server_ip="127.0.0.1")
    assert (await trouble(server, "dns")).what == "SERVER_IP isn't set."


async def test_certificates_of_ours_and_of_tenants(server: FakeWorld) -> None:
    await Certificate.create(host="push.example.com", valid=True, until=datetime.now(UTC) + timedelta(days=5))
    domain = await cast.domain(await cast.project())
    await domain.update_from_dict(
        {"state": "verified", "certificate": "failed", "certificate_note": "No answer."}
    ).save()
    server.settings = replace(server.settings, le_staging=True)
    for host in ("a.apps.example.com", "b.apps.example.com"):
        await Certificate.create(host=host, valid=True, until=datetime.now(UTC) + timedelta(days=80))
    whats = [one.what for one in await found(server, "certificates")]
    assert "2 names have a good certificate." in whats
    assert any("wasn't renewed" in what for what in whats)
    assert f"{domain.hostname} has no certificate." in whats
    assert "Browsers don't trust the certificates." in whats


async def test_mail_that_would_not_be_taken(server: FakeWorld) -> None:
    server.mailer.refuses = "The mail server refused our user name and password (SMTP_USERNAME)."
    assert (await trouble(server, "mail")).cause == server.mailer.refuses
    server.mailer.refuses = ""
    server.settings = replace(server.settings, email_sender_address="")
    assert (await trouble(server, "mail")).level == Level.warning
    server.settings = replace(server.settings, smtp_host="")
    assert (await trouble(server, "mail")).level == Level.note
    assert server.mailer.sent == []


@pytest.mark.parametrize(
    ("refusal", "words"),
    [(TokenRefused("no"), github.BAD_KEY), (GitHubRefused("It is gone.", status=404), "It is gone.")],
)
async def test_an_app_that_github_does_not_know(server: FakeWorld, refusal: Exception, words: str) -> None:
    await github.keep_app(APP)
    server.github.refuse["hook"] = refusal
    assert (await trouble(server, "github")).cause == words


async def test_an_app_that_lacks_a_permission_or_is_suspended(server: FakeWorld) -> None:
    assert (await trouble(server, "github")).what == "There is no GitHub App yet."
    await github.keep_app(APP)
    server.github.known_hook = Hook(HOOK, (), PERMISSIONS | {"statuses": "read"}, ())
    assert "Commit statuses" in (await trouble(server, "github")).what
    server.github.known_hook = Hook(HOOK, (), PERMISSIONS | {"contents": "write"}, ())
    await GitHubInstallation.create(id=1, account_id=2, account_login="acme", suspended_at=datetime.now(UTC))
    assert (await trouble(server, "github")).what == "The GitHub App is suspended at acme."


async def test_each_disk_is_told_of_once(server: FakeWorld) -> None:
    assert len(await found(server, "disk")) == 1
    server.machine.disks[Path("/var/lib/docker")] = Disk(2, 80_000_000_000, 1_000_000_000, 1000, 900)
    server.containers.have_image("large")
    wrong = {one.level: one.what for one in await found(server, "disk")}
    assert "for Docker" in wrong[Level.error]
    assert wrong[Level.note] == "Docker's images take 1.0 MB."


async def test_a_clock_that_is_wrong_or_that_nobody_can_tell(server: FakeWorld) -> None:
    server.machine.ahead = timedelta(minutes=5)
    assert (await trouble(server, "clock")).level == Level.error
    server.machine.pages.clear()
    assert (await trouble(server, "clock")).level == Level.note


async def test_a_newer_version(server: FakeWorld) -> None:
    server.git.known_tags = ["v99.0.0"]
    assert "99.0.0" in (await trouble(server, "version")).what
    server.settings = replace(server.settings, source_url="https://gone.example.com/x.git")
    assert "wasn't seen" in (await trouble(server, "version")).what


async def test_backups_that_are_missed(server: FakeWorld) -> None:
    row = await Backup.create(place="s3://bucket/devpush", name="x", version="1", size=1, finished_at=datetime.now(UTC))
    assert [one.level for one in await found(server, "backups")] == [Level.ok]
    await Backup.filter(id=row.id).update(started_at=datetime.now(UTC) - timedelta(days=3))
    assert "one is due every 24 hours" in (await trouble(server, "backups")).what


# From inside


async def prepared(world: FakeWorld) -> None:
    image = world.containers.have_image("debian")
    await asyncio.to_thread((world.settings.data_dir / "runners").mkdir, parents=True)
    (world.settings.data_dir / "runners" / "python").write_text(image)


async def test_what_apps_reach_is_tried_only_when_asked(server: FakeWorld) -> None:
    await prepared(server)
    says = {"socket": Ran(output=['["the metadata address"]'])}
    server.containers.behave = lambda spec: Behaviour(commands=says)
    assert await found(server, "firewall") == []
    assert not server.containers.all
    assert (await trouble(server, "firewall", inside=True)).what == "Apps reach the metadata address."
    assert not server.containers.all
    assert not server.containers.known_networks


async def test_a_look_from_inside_that_fails_leaves_nothing_behind(server: FakeWorld) -> None:
    assert "wasn't tried" in (await trouble(server, "firewall", inside=True)).what
    await prepared(server)
    server.containers.behave = lambda spec: Behaviour(commands={"socket": Ran(code=1)})
    assert "code 1" in (await trouble(server, "firewall", inside=True)).what
    assert not server.containers.all
    assert not server.containers.known_networks


# The pages


@pytest.fixture
def app(server: FakeWorld) -> Quart:
    server.settings = replace(server.settings, url_scheme="http")
    return dashboard(server)


@pytest.fixture
async def olga(app: Quart) -> Visitor:
    visitor = await Visitor(app).signed_in(await User.operator("localhost"))
    visitor.host = "push.example.com"
    return visitor


async def test_the_page_comes_at_once_and_what_was_found_after_it(olga: Visitor, server: FakeWorld) -> None:
    page = await olga.get("/operator")
    assert 'hx-get="/operator/findings"' in page.text
    assert server.containers.calls == []
    server.machine.ahead = timedelta(minutes=5)
    fragment = await olga.get("/operator/findings", htmx=True)
    assert "<html" not in fragment.text
    assert "300 seconds fast" in fragment.words
    whole = await olga.get("/operator/findings")
    assert "300 seconds fast" in whole.words
    assert "This installation" in whole.words
    assert len(whole.body) < 60_000


async def test_a_closer_look_is_asked_for_by_a_button(olga: Visitor, server: FakeWorld) -> None:
    assert "Firewall" not in (await olga.get("/operator/findings")).words
    answer = await olga.post("/operator/findings")
    assert answer.status == 200
    assert "Firewall" in answer.words


async def test_backups_are_listed_with_the_next_one(olga: Visitor, server: FakeWorld) -> None:
    assert "No backup yet" in (await olga.get("/operator/backups")).words
    place, done = "s3://bucket/devpush", datetime.now(UTC)
    await Backup.create(
        place=place, name="good.backup", version="1", size=48_000_000, finished_at=done, drilled_at=done
    )
    await Backup.create(place=place, name="bad.backup", version="1", finished_at=done, error="S3 refused the key.")
    await Backup.create(place="/data/snapshots", name="snap.backup", version="1", size=1, finished_at=done)
    words = (await olga.get("/operator/backups")).words
    for word in ("good.backup", "48 MB", "Tried out", "Failed", "S3 refused the key.", "Snapshot", "Back up now"):
        assert word in words


async def test_a_backup_is_made_by_a_button(olga: Visitor, server: FakeWorld) -> None:
    assert (await olga.post("/operator/backups")).location == "/operator/backups"
    words = (await olga.get("/operator/backups")).words
    row = await Backup.get()
    assert row.error == "", row.error
    assert "Backed up." in words
    assert row.name in words


async def test_a_backup_that_fails_says_why(olga: Visitor, server: FakeWorld) -> None:
    server.vault.away = -1
    await olga.post("/operator/backups")
    words = (await olga.get("/operator/backups")).words
    assert "No backup was made." in words
    assert "Failed" in words
    server.settings = replace(server.settings, backup_passphrase="")
    assert (await olga.post("/operator/backups")).status == 422


async def test_certificates_are_shown_with_their_ends(olga: Visitor, server: FakeWorld) -> None:
    assert "without certificates" in (await olga.get("/operator/certificates")).words
    ends = datetime.now(UTC) + timedelta(days=70)
    await Certificate.create(host="push.example.com", valid=True, until=ends)
    domain = await cast.domain(await cast.project())
    await domain.update_from_dict(
        {"state": "verified", "certificate": "failed", "certificate_note": "No answer."}
    ).save()
    words = (await olga.get("/operator/certificates")).words
    for word in ("push.example.com", "Valid", domain.hostname, "Missing", "No answer."):
        assert word in words


# At the terminal


async def test_a_platform_that_is_down_is_examined_all_the_same(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    down = replace(settings, data_dir=tmp_path, postgres_host=None, redis_url=None, traefik_config_dir=None)
    down = replace(down, http_port=free_port(), github_api_url=f"http://127.0.0.1:{free_port()}")
    assert await checkup.examine(down, as_json=True) == 1
    said = json.loads(capsys.readouterr().out)
    wrong = {one["part"]: one["cause"] for one in said["findings"] if one["level"] == "error"}
    assert said["worst"] == "error"
    assert "The platform isn't running" in wrong["database"]
    assert "traefik" in wrong
    assert "docker" not in wrong
    assert await checkup.examine(down, as_json=False) == 1
    told = capsys.readouterr().out
    assert "✗ PostgreSQL: The database can't be asked." in told
    assert "    Do:  " in told


# What it asks


async def test_the_engine_tells_of_itself() -> None:
    async with own_engine() as engine:
        about = await engine.about()
    assert about.version[0].isdigit()
    assert about.cgroups in (1, 2)
    assert about.root.startswith("/")


async def test_github_tells_of_the_app_and_its_hook(settings: Settings, github_server: GitHubServer) -> None:
    at_home = replace(settings, github_url=github_server.url, github_api_url=github_server.url)
    async with GitHubApi(at_home) as api:
        without = await api.hook(github_server.app)
        assert (without.url, list(without.answers)) == ("", [])
        assert without.permissions["contents"] == "read"
        github_server.manifest = {"hook_attributes": {"url": HOOK}, "default_events": ["push"]}
        github_server.deliveries.append(("push", 502))
        told = await api.hook(github_server.app)
        assert told.url == HOOK
        assert [status for _, status in told.answers] == [502]
        with pytest.raises(TokenRefused):
            await api.hook(replace(github_server.app, private_key="no key"))


async def test_the_machine_tells_of_itself(tmp_path: Path) -> None:
    machine = OwnMachine()
    disk = await machine.disk(tmp_path)
    assert disk is not None
    assert 0 < disk.free <= disk.size
    assert await machine.disk(tmp_path / "nothing") is None
    assert (await machine.program("git")).startswith("git version")
    assert await machine.program("no-such-program") == ""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        assert await machine.listens(*listening.getsockname())
    assert not await machine.listens("127.0.0.1", free_port())
    with pytest.raises(Unavailable):
        await machine.get(f"http://127.0.0.1:{free_port()}/")


async def test_a_web_server_is_asked_by_another_name(github_server: GitHubServer) -> None:
    answer = await OwnMachine().get(f"{github_server.url}/nothing", host="push.example.com")
    assert answer.status == 404
    assert answer.date is not None
    assert abs(datetime.now(UTC) - answer.date) < timedelta(seconds=30)
    assert github_server.asked[-1].headers["host"] == "push.example.com"
