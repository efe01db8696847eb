"""Certificates of our own hostnames: which are asked for, which were seen, and where visitors are sent then."""

import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from devpush.deploy import certificates, traffic
from devpush.models import Certificate, Project
from devpush.models.people import now
from devpush.ports import Certificate as Shown
from devpush.ports import Route
from devpush.settings import LETS_ENCRYPT, STAGING, read
from tests import cast
from tests.conftest import ROOT
from tests.fakes import FakeWorld
from tests.integration.test_rollout import pushed, shop
from tests.integration.test_rollout import world as world  # an engine that has the runner image
from tests.visitor import Visitor, dashboard

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("db")]

APPS, DASHBOARD = "apps.example.net", "push.example.net"


@pytest.fixture(autouse=True)
def _https(world: FakeWorld) -> None:
    world.settings = replace(
        world.settings, env="production", url_scheme="https", hostname=DASHBOARD, deploy_domain=APPS
    )


async def routes(world: FakeWorld, project: Project) -> dict[str, Route]:
    """By what stands between the project's slug and the domain."""
    await traffic.follow(world, project.id)
    found = world.proxy.tables[str(project.id)].routes
    return {route.host.removesuffix(f".{APPS}").removeprefix(project.slug)[:4]: route for route in found}


def issued(world: FakeWorld, host: str, *, days: int = 80) -> None:
    world.proxy.certificates[host] = Shown(now() + timedelta(days=days), fits=True)


async def some_time_later(**ago: float) -> None:
    for row in await Certificate.all():
        span = timedelta(**ago)
        checked = row.checked_at - span if row.checked_at else None
        await Certificate.filter(host=row.host).update(checked_at=checked, created_at=row.created_at - span)


async def looked_at(world: FakeWorld) -> list[str]:
    """Which hosts were due."""
    before = {row.host: row.checked_at for row in await Certificate.all()}
    await certificates.work(world)
    return sorted(row.host for row in await Certificate.all() if row.checked_at != before.get(row.host))


async def test_a_host_is_secured_once_its_certificate_was_seen(world: FakeWorld) -> None:
    project = await shop(world)
    await pushed(world, project)
    host = f"{project.slug}.{APPS}"
    kinds = await routes(world, project)
    assert (kinds[""].certificate, kinds["-bra"].certificate, kinds["-id-"].certificate) == (True, True, False)
    assert not any(route.secured for route in kinds.values())

    issued(world, host)
    assert host in await looked_at(world)
    assert world.jobs.sweeps, "every file follows"
    kinds = await routes(world, project)
    assert [name for name, route in kinds.items() if route.secured] == [""]


async def test_a_lost_certificate_sends_nobody_to_https_any_more(world: FakeWorld) -> None:
    project = await shop(world)
    await pushed(world, project)
    host = f"{project.slug}.{APPS}"
    issued(world, host, days=1)
    await certificates.work(world)
    assert (await routes(world, project))[""].secured
    world.proxy.away = -1
    await some_time_later(hours=2)
    await certificates.work(world)
    world.proxy.away = 0
    assert (await routes(world, project))[""].secured, "that Traefik doesn't answer says nothing"
    world.proxy.certificates.clear()
    await some_time_later(hours=2)
    await certificates.work(world)
    assert not (await routes(world, project))[""].secured


async def test_what_is_missing_is_looked_at_often_and_what_is_there_each_hour(world: FakeWorld) -> None:
    issued(world, DASHBOARD)
    assert await looked_at(world) == [DASHBOARD]
    await some_time_later(minutes=59)
    assert await looked_at(world) == []
    await some_time_later(minutes=2)
    assert await looked_at(world) == [DASHBOARD]
    world.proxy.certificates.clear()
    await some_time_later(hours=2)
    await certificates.work(world)
    await some_time_later(minutes=11)
    assert await looked_at(world) == [DASHBOARD], "at most ten minutes, however long it is missing"


async def test_under_a_wildcard_every_name_is_secured_as_soon_as_there_is_one(world: FakeWorld) -> None:
    world.settings = replace(world.settings, dns_provider="cloudflare")
    issued(world, f"devpush.{APPS}")
    assert await looked_at(world) == [f"*.{APPS}", DASHBOARD]
    project = await shop(world)
    await pushed(world, project)
    kinds = await routes(world, project)
    assert all(route.certificate and route.secured for route in kinds.values())
    assert await looked_at(world) == [], "one for all"


async def test_links_lead_where_there_is_an_answer(world: FakeWorld) -> None:
    project = await shop(world)
    live = await pushed(world, project)
    alice = await Visitor(dashboard(world)).signed_in(await cast.alice())
    alice.host = DASHBOARD
    page = await alice.get(f"/projects/{project.slug}/deployments/{live.id}")
    assert f"https://{project.slug}.{APPS}" in page.text
    assert f"http://{project.slug}-id-{live.short_id}.{APPS}" in page.text
    world.settings = replace(world.settings, dns_provider="cloudflare")
    page = await alice.get(f"/projects/{project.slug}/deployments/{live.id}")
    assert f"https://{project.slug}-id-{live.short_id}.{APPS}" in page.text


async def test_without_https_nothing_is_looked_at(world: FakeWorld) -> None:
    world.settings = replace(world.settings, url_scheme="http", dns_provider="cloudflare")
    assert not await certificates.work(world)
    assert not await Certificate.exists()
    project = await shop(world)
    await pushed(world, project)
    assert not any(route.certificate for route in (await routes(world, project)).values())


async def test_hostnames_that_nobody_has_any_more_are_forgotten(world: FakeWorld) -> None:
    await certificates.work(world)
    await Certificate.create(host=f"gone.{APPS}", valid=True, checked_at=now() - timedelta(days=3))
    await certificates.forget_unused()
    assert [row.host for row in await Certificate.all()] == [DASHBOARD]


# The switch to staging


def test_staging_is_another_issuer_and_its_certificates_are_kept_apart(tmp_path: Path) -> None:
    environ = {"DATA_DIR": str(tmp_path)}
    assert read(environ).acme_directory == LETS_ENCRYPT
    assert read(environ | {"LE_STAGING": "true"}).acme_directory == STAGING
    mine = "https://ca.lan/directory"
    assert read(environ | {"LE_STAGING": "true", "ACME_DIRECTORY": mine}).acme_directory == mine
    compose = (ROOT / "compose.yml").read_text()
    assert compose.count(f"acme.caServer=${{ACME_DIRECTORY:-{LETS_ENCRYPT}}}") == 2
    assert compose.count("acme.storage=/acme/staging-${LE_STAGING:-false}.json") == 2


@pytest.mark.parametrize(
    ("said", "directory"),
    [
        ("", ""),
        ("LE_STAGING=false\n", ""),
        ("LE_STAGING=true\n", STAGING),
        ("LE_STAGING=Yes\n", STAGING),
        ("LE_STAGING=true\nACME_DIRECTORY=https://ca.lan/\n", ""),
    ],
)
def test_the_scripts_tell_compose_of_staging(tmp_path: Path, said: str, directory: str) -> None:
    """What compose.yml's own variables can't: one setting that follows from another."""
    (tmp_path / ".env").write_text(said)
    script = f"""
        . "{ROOT}/provision/stack.sh"
        SETTINGS="{tmp_path}/.env"
        docker() {{ [ "$2" = version ] || echo "${{ACME_DIRECTORY:-}}"; }}
        compose up
    """
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == directory
