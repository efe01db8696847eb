"""Certificates of a real ACME server (Pebble) by a Traefik like compose.yml's, and what visitors see of them."""

import asyncio
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp
import pytest

from devpush.adapters.traefik import TraefikProxy
from devpush.deploy import certificates, domains, front, traffic
from devpush.deploy.domains import Purpose
from devpush.errors import Unavailable
from devpush.models import Alias, AliasKind, Certificate, Domain, Installation, Project, State
from devpush.ports import MARK_HEADER
from tests import cast
from tests.acme import Authority, Gate, authority, traefik
from tests.fakes import FakeWorld
from tests.patience import PATIENCE, until

pytestmark = pytest.mark.integration  # Debian has pebble; provision/test.sh installs it

DASHBOARD, APPS = "push.example.net", "apps.example.net"
HSTS = "Strict-Transport-Security"


@pytest.fixture(scope="module")
async def acme(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Authority]:
    async with authority(tmp_path_factory.mktemp("acme")) as found:
        yield found


@dataclass
class Seen:
    status: int
    text: str
    location: str
    mark: str
    hsts: str


@dataclass
class Town:
    """An installation behind that Traefik: Alice's shop is live, and this is how visitors come to it."""

    world: FakeWorld
    gate: Gate
    acme: Authority
    project: Project
    deployment: str
    host: str

    async def http(self, host: str, path: str = "/", *, method: str = "GET") -> Seen:
        return await self._ask(self.gate.web + path, host, method)

    async def https(self, host: str, path: str = "/", *, trusting: bool = True) -> Seen:
        return await self._ask(self.gate.secure + path, host, "GET", trusting=trusting)

    async def _ask(self, url: str, host: str, method: str, *, trusting: bool = True) -> Seen:
        name = host if url.startswith("https") else None
        trusted = self.acme.root if trusting else False
        async with (
            aiohttp.ClientSession() as client,
            client.request(
                method, url, headers={"Host": host}, allow_redirects=False, ssl=trusted, server_hostname=name
            ) as answer,
        ):
            head = answer.headers
            text = await answer.text()
            return Seen(answer.status, text, head.get("Location", ""), head.get(MARK_HEADER, ""), head.get(HSTS, ""))

    async def secured(self, host: str) -> None:
        """Until our looks have found its certificate, and the routes have followed."""

        async def look() -> bool:
            await Certificate.filter(valid=False).update(checked_at=None)
            await certificates.work(self.world)
            await traffic.follow(self.world, self.project.id)
            return (await self.http(host)).status in (301, 308)

        await until(look)


@pytest.fixture
async def world(world: FakeWorld, db: str) -> FakeWorld:
    world.settings = replace(
        world.settings,
        env="production",
        url_scheme="https",
        hostname=DASHBOARD,
        deploy_domain=APPS,
        server_ip="203.0.113.5",
    )
    return world


@asynccontextmanager
async def town(world: FakeWorld, acme: Authority, folder: Path, **settings: str) -> AsyncIterator[Town]:
    world.settings = replace(world.settings, dns_provider=settings.get("DNS_PROVIDER", ""))
    address = f"127.{secrets.randbelow(200) + 20}.{secrets.randbelow(200) + 20}.{secrets.randbelow(200) + 20}"
    project = await cast.project()
    live = await cast.deployment(project, environment=await cast.production(project), address=address)
    await type(live).filter(id=live.id).update(state=State.succeeded)
    names = await traffic.names_for(await type(live).get(id=live.id).select_related("project", "environment"))
    await Alias.filter(id__in=[alias.id for alias in names]).update(deployment_id=live.id)
    [main] = [alias for alias in names if alias.kind == AliasKind.production]
    async with (
        answering("the shop", address, 8000),
        answering("the dashboard", "127.0.0.1", 0) as port,
        traefik(folder, acme, **settings) as gate,
    ):
        world.settings = replace(world.settings, port=port)
        world.proxy = TraefikProxy(  # type: ignore[assignment]
            gate.config_dir,
            staging=gate.config_dir.parent / "staging",
            entrypoint=gate.web,
            api_ping=gate.ping,
            secure=gate.secure,
            wildcard=world.settings.wildcard,
        )
        await Installation.this()
        await front.take(world, "")
        yield Town(world, gate, acme, project, str(live.id), traffic.hostname(world.settings, main))


async def test_a_host_gets_its_certificate_and_then_its_visitors_are_sent_to_https(
    world: FakeWorld, acme: Authority, tmp_path: Path
) -> None:
    async with town(world, acme, tmp_path) as shop:
        await traffic.follow(world, shop.project.id)
        assert await world.proxy.seen(shop.host, "/", shop.deployment, timeout=PATIENCE)
        assert (await shop.http(shop.host)).text == "the shop", "by http, as long as there is no certificate"
        await shop.secured(shop.host)
        assert world.settings.app_url(shop.host) == f"https://{shop.host}"
        get, post = await shop.http(shop.host, "/a?b=1"), await shop.http(shop.host, "/a", method="POST")
        assert (get.status, get.location) == (301, f"https://{shop.host}/a?b=1")
        assert (post.status, post.location) == (308, f"https://{shop.host}/a"), "what was sent isn't lost"
        seen = await shop.https(shop.host)
        assert (seen.status, seen.text, seen.mark, seen.hsts) == (200, "the shop", shop.deployment, "max-age=31536000")
        assert await world.proxy.seen(shop.host, "/", shop.deployment, timeout=PATIENCE), "by https then"
        assert not await world.proxy.seen(shop.host, "/", "another", timeout=0.2)

        own = await Alias.get(deployment_id=shop.deployment, kind=AliasKind.deployment)
        passing = traffic.hostname(world.settings, own)
        assert world.settings.app_url(passing) == f"http://{passing}"
        assert (await shop.http(passing)).text == "the shop", "Let's Encrypt's 50 a week are for names that last"
        assert not (await world.proxy.certificate(passing)).fits

        assert (await shop.http(DASHBOARD)).location == f"https://{DASHBOARD}/", "even before its certificate is there"
        await until(lambda: _issued(shop, DASHBOARD))
        assert (await shop.https(DASHBOARD)).text == "the dashboard"
        assert (await shop.https("nobody.example.org", trusting=False)).text == "the dashboard", (
            "its page of what isn't"
        )
        assert (await shop.http("nobody.example.org")).text == "the dashboard"
        assert {row.host: row.valid for row in await Certificate.all() if row.host == shop.host} == {shop.host: True}

    shutil.rmtree(tmp_path / "acme")
    async with town(world, acme, tmp_path) as again:
        await until(lambda: _redirected(again, shop.host))  # its visitors are still sent to https
        asked = await again.http(shop.host, "/.well-known/acme-challenge/x")
        assert (asked.status, asked.location) == (404, ""), "which doesn't stand in the way of the next certificate"
        await until(lambda: _issued(again, shop.host))


async def test_a_custom_domain_gets_its_certificate_once_it_is_proved(
    world: FakeWorld, acme: Authority, tmp_path: Path
) -> None:
    async with town(world, acme, tmp_path) as shop:
        purpose = Purpose(await cast.production(shop.project))
        domain = await domains.add(world, shop.project, "www.example.com", purpose, by=None)
        world.dns.say("www.example.com", "203.0.113.5", aliases=[shop.host])

        async def valid() -> bool:
            await domains.check(world, await Domain.get(id=domain.id))
            return (await Domain.get(id=domain.id)).certificate == "valid"

        await until(valid)
        await until(lambda: _redirected(shop, "www.example.com"))
        seen = await shop.https("www.example.com")
        assert (seen.text, seen.mark, seen.hsts) == ("the shop", shop.deployment, "max-age=31536000")
        until_when = (await Domain.get(id=domain.id)).certificate_until
        assert until_when


async def test_one_certificate_by_dns_is_good_for_all_names_of_apps(
    world: FakeWorld, acme: Authority, tmp_path: Path
) -> None:
    async with town(world, acme, tmp_path, DNS_PROVIDER="httpreq") as shop:
        await until(lambda: _issued(shop, f"devpush.{APPS}"))
        assert set(acme.records) == {f"_acme-challenge.{APPS}."}, "before anything is routed"
        assert (await shop.https(f"nobody.{APPS}")).text == "the dashboard"
        await certificates.work(world)
        await traffic.follow(world, shop.project.id)
        for alias in await Alias.filter(project_id=shop.project.id):
            host = traffic.hostname(world.settings, alias)
            assert await world.proxy.seen(host, "/", shop.deployment, timeout=PATIENCE)
            assert (await shop.https(host)).text == "the shop"
            assert (await shop.http(host)).location == f"https://{host}/"
            assert world.settings.app_url(host).startswith("https://")
        assert len(acme.records) == 1, "one for all"


async def _issued(shop: Town, host: str) -> bool:
    with suppress(Unavailable):  # it listens before it has any certificate to show
        return (await shop.world.proxy.certificate(host)).fits
    return False


async def _redirected(shop: Town, host: str) -> bool:
    return (await shop.http(host)).status == 301


@asynccontextmanager
async def answering(text: str, host: str, port: int) -> AsyncIterator[int]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode())
        writer.close()

    server = await asyncio.start_server(answer, host, port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
