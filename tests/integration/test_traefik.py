"""Routes we write are answered by a real Traefik, in front of real containers, without a failed request."""

import asyncio
import json
import sysconfig
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from unittest.mock import ANY
from uuid import uuid4

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from hypercorn.asyncio import serve
from hypercorn.config import Config
from yarl import URL

from devpush.adapters.docker import DockerContainers
from devpush.adapters.traefik import TRANSPORT, TraefikProxy
from devpush.errors import Unavailable
from devpush.local import Endpoints
from devpush.ports import MARK_HEADER, Certificate, ContainerSpec, Limits, Redirect, Route, RouteTable
from tests.conftest import free_port
from tests.fakes import FakeWorld
from tests.images import own_engine, own_network, small_image
from tests.patience import PATIENCE, until
from tests.visitor import dashboard

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
async def proxy(services: Endpoints) -> AsyncIterator[TraefikProxy]:
    assert services.traefik_config_dir
    proxy = TraefikProxy(
        services.traefik_config_dir,
        staging=services.traefik_config_dir.parent / "staging",
        entrypoint=str(services.traefik_url),
        api_ping=f"{services.traefik_api}/ping",
    )
    yield proxy
    for project in await proxy.projects():
        await proxy.write(RouteTable(project, ()))
    (proxy.config_dir / "_platform.yml").unlink(missing_ok=True)


@pytest.fixture
def project() -> str:
    return str(uuid4())


@pytest.fixture
def host(project: str) -> str:
    return f"app-{project[:8]}.localhost"


def table(project: str, host: str, deployment: str, upstream: str) -> RouteTable:
    return RouteTable(project, (Route(host, deployment, upstream),))


async def test_traefik_answers(proxy: TraefikProxy) -> None:
    await proxy.ping()


async def test_a_route_is_seen_and_gone_again(proxy: TraefikProxy, project: str, host: str) -> None:
    deployment = str(uuid4())
    async with app("hello") as upstream:
        await proxy.write(table(project, host, deployment, upstream))
        assert await proxy.seen(host, "/", deployment, timeout=PATIENCE)
        assert not await proxy.seen(host, "/", str(uuid4()), timeout=0.2)
        assert await get(proxy, host) == (200, "hello", deployment)
        await proxy.write(RouteTable(project, ()))
        async with asyncio.timeout(PATIENCE):
            while (await get(proxy, host))[2] == deployment:
                await asyncio.sleep(0.02)


async def test_an_app_that_does_not_listen_is_not_seen(proxy: TraefikProxy, project: str, host: str) -> None:
    deployment = str(uuid4())
    await proxy.write(table(project, host, deployment, "http://127.0.0.1:1"))
    async with asyncio.timeout(PATIENCE):
        while await get(proxy, host) != (502, "Bad Gateway", deployment):
            await asyncio.sleep(0.02)
    assert not await proxy.seen(host, "/", deployment, timeout=1)


async def test_an_unknown_host_and_the_dashboards_are_answered_by_the_platform(
    proxy: TraefikProxy, project: str, host: str
) -> None:
    async with app("the platform") as upstream:
        await proxy.write_platform(upstream, "dash.localhost")
        async with asyncio.timeout(PATIENCE):
            while await get(proxy, "nobody.localhost") != (200, "the platform", None):
                await asyncio.sleep(0.02)
        assert await get(proxy, "dash.localhost") == (200, "the platform", None)
        await proxy.write(table(project, "dash.localhost", str(uuid4()), "http://127.0.0.1:1"))
        await proxy.write(table(other := str(uuid4()), host, other, upstream))
        assert await proxy.seen(host, "/", other, timeout=PATIENCE)
        assert await get(proxy, "dash.localhost") == (200, "the platform", None), "no project takes our own name"


async def test_a_strangers_broken_file_is_not_of_our_making(proxy: TraefikProxy, project: str, host: str) -> None:
    """Every file of ours is understood by Traefik: it knows all our routers and complains about none."""
    async with app("x") as upstream:
        deployment = str(uuid4())
        await proxy.write_platform(upstream, "dash.localhost")
        await proxy.write(table(project, host, deployment, upstream))
        assert await proxy.seen(host, "/", deployment, timeout=PATIENCE)
        assert proxy.api_ping
        routers = json.loads(await body(proxy.api_ping.replace("/ping", "/api/http/routers")))
        services = json.loads(await body(proxy.api_ping.replace("/ping", "/api/http/services")))
    found = {router["name"]: router["status"] for router in routers if router["provider"] == "file"}
    assert {f"{project}-{host}@file", "platform-dashboard@file", "platform-unknown-hosts@file"} <= set(found)
    assert set(found.values()) == {"enabled"}
    assert {service["status"] for service in services} == {"enabled"}


async def test_a_stream_is_passed_on_as_it_comes(proxy: TraefikProxy, project: str, host: str) -> None:
    deployment, heard = str(uuid4()), asyncio.Event()
    async with app("", stream=("data: one\n\n", "data: two\n\n"), after_each=heard) as upstream:
        await proxy.write(table(project, host, deployment, upstream))
        assert await proxy.seen(host, "/", deployment, timeout=PATIENCE)
        async with (
            asyncio.timeout(PATIENCE),
            aiohttp.ClientSession() as client,
            client.get(proxy.entrypoint, headers={"Host": host}) as answer,
        ):
            assert await answer.content.readline() == b"data: one\n", "here before two is said"
            heard.set()
            assert await answer.content.read() == b"\ndata: two\n\n"


async def test_a_post_is_never_sent_twice(proxy: TraefikProxy, project: str, host: str) -> None:
    """Traefik tries again when it can't connect; not after the app has heard something."""
    deployment, heard = str(uuid4()), list[str]()
    async with app("x", hang_up_on="POST", heard=heard) as upstream:
        await proxy.write(table(project, host, deployment, upstream))
        assert await proxy.seen(host, "/", deployment, timeout=PATIENCE)
        async with (
            aiohttp.ClientSession() as client,
            client.post(proxy.entrypoint, headers={"Host": host}, data=b"x") as answer,
        ):
            assert answer.status == 502
    assert heard.count("POST") == 1


async def test_an_idle_connection_is_given_up_before_any_app_would(
    proxy: TraefikProxy, project: str, host: str
) -> None:
    """gunicorn's threads give up after 2 s: a POST that is on its way just then would be lost. Left to itself,
    Traefik keeps connections for longer than we wait here."""
    assert TRANSPORT["forwardingTimeouts"]["idleConnTimeout"] == "1s"
    deployment, closed = str(uuid4()), asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline() not in (b"\r\n", b""):
            pass
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        while await reader.readline() != b"":
            pass
        closed.set()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        upstream = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await proxy.write(table(project, host, deployment, upstream))
        assert await proxy.seen(host, "/", deployment, timeout=PATIENCE)
        await asyncio.wait_for(closed.wait(), PATIENCE)


async def test_a_redirected_host_keeps_path_query_and_the_kind_that_was_chosen(
    proxy: TraefikProxy, project: str, world: FakeWorld
) -> None:
    """Traefik's own redirects say 308 where a HEAD asks for a 301. And nobody but Traefik says where one leads."""
    async with served_dashboard(world) as upstream:
        await proxy.write_platform(upstream, "dash.localhost")
        kinds = {f"r{status}-{project[:8]}.localhost": status for status in (301, 302, 307, 308)}
        hosts = [Redirect(host, "https://www.example.com", status) for host, status in kinds.items()]
        await proxy.write(RouteTable(project, (), hosts))
        assert await proxy.read(project) == RouteTable(project, (), tuple(hosts))
        for host, status in kinds.items():
            expected = (status, "https://www.example.com/a%20b/c?x=1&y=%20")
            await until(partial(redirects, proxy, "GET", host, expected))
            for method in ("HEAD", "POST"):
                assert await redirects(proxy, method, host, expected), method
        forged = {"X-Devpush-Redirect": "302 https://evil.example"}
        assert not await redirects(proxy, "GET", f"nobody-{project[:8]}.localhost", (302, ANY), forged)
        assert await redirects(proxy, "GET", next(iter(kinds)), (301, ANY), forged)


async def test_the_certificate_that_visitors_are_shown_is_seen(tmp_path: Path, project: str) -> None:
    """And a router for https keeps nothing from http, which a router for both would."""
    (tmp_path / "dynamic").mkdir()
    until_when = certificate_for("www.example.com", tmp_path)
    async with two_doors(tmp_path) as (plain, secure), app("hello") as upstream:
        proxy = TraefikProxy(
            tmp_path / "dynamic", staging=tmp_path / "staging", entrypoint=plain, api_ping=None, secure=secure
        )
        await proxy.write_platform(upstream, None)
        deployment = str(uuid4())
        routes = [
            Route(host, deployment, upstream, certificate=True) for host in ("other.example.com", "www.example.com")
        ]
        await proxy.write(RouteTable(project, routes))
        assert await proxy.seen("www.example.com", "/", deployment, timeout=PATIENCE)
        assert await proxy.certificate("www.example.com") == Certificate(until_when, fits=True)
        assert not (await proxy.certificate("other.example.com")).fits
        for host in ("www.example.com", "other.example.com"):
            async with (
                aiohttp.ClientSession() as client,
                client.get(secure, headers={"Host": host}, ssl=False, server_hostname=host) as answer,
            ):
                assert (answer.status, answer.headers[MARK_HEADER]) == (200, deployment)
    with pytest.raises(Unavailable, match="does not answer by https"):
        await proxy.certificate("www.example.com")


async def test_swapping_containers_under_load_fails_no_request(proxy: TraefikProxy, project: str, host: str) -> None:
    async with own_engine() as engine:
        spec = ContainerSpec(
            name="",
            image=await small_image(engine),
            labels={},
            limits=Limits(memory_mb=64, cpu_quota=100_000),
            network=await own_network(engine),
        )
        load = Load(proxy.entrypoint, host)
        serving, before = "", ""
        for number in range(4):
            deployment = str(uuid4())
            container, address = await served(engine, spec, f"{engine.prefix}{number}")
            await proxy.write(table(project, host, deployment, f"http://{address}:8000"))
            assert await proxy.seen(host, "/", deployment, timeout=PATIENCE)
            if serving:
                async with asyncio.timeout(PATIENCE):
                    while await engine.open_connections(before, 8000):
                        await asyncio.sleep(0.02)
                await engine.stop(serving)
            else:
                load.begin()
            serving, before = container, address
            await load.go_on()
        await load.end()
    assert load.failed == []
    assert len(load.seen) == 4


# The steps of the tests


async def redirects(
    proxy: TraefikProxy, method: str, host: str, expected: object, more: Mapping[str, str] | None = None
) -> bool:
    """Whether that is how it answers."""
    target = URL(f"{proxy.entrypoint}/a%20b/c?x=1&y=%20", encoded=True)
    headers = {"Host": host, **(more or {})}
    async with (
        aiohttp.ClientSession() as client,
        client.request(method, target, headers=headers, allow_redirects=False) as answer,
    ):
        return (answer.status, answer.headers.get("Location")) == expected


@asynccontextmanager
async def served_dashboard(world: FakeWorld) -> AsyncIterator[str]:
    config, stop, port = Config(), asyncio.Event(), free_port()
    config.bind = [f"127.0.0.1:{port}"]
    serving = asyncio.create_task(serve(dashboard(world), config, shutdown_trigger=stop.wait))
    yield f"http://127.0.0.1:{port}"
    stop.set()
    await serving


def certificate_for(host: str, folder: Path) -> datetime:
    """One that Traefik shows, as if it had been issued; the end of its time."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    begin = datetime.now(UTC).replace(microsecond=0)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(begin).not_valid_after(begin + timedelta(days=60))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    (folder / "cert.pem").write_bytes(made.sign(key, SHA256()).public_bytes(Encoding.PEM))
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(secret)
    files = {"certFile": str(folder / "cert.pem"), "keyFile": str(folder / "key.pem")}
    (folder / "dynamic" / "certificates.yml").write_text(json.dumps({"tls": {"certificates": [files]}}))
    return begin + timedelta(days=60)


@asynccontextmanager
async def two_doors(folder: Path) -> AsyncIterator[tuple[str, str]]:
    """A Traefik with an entry point for https, as production has it."""
    ports = free_port(), free_port()
    static = {
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
        "entryPoints": dict(
            zip(("web", "websecure"), ({"address": f"127.0.0.1:{port}"} for port in ports), strict=True)
        ),
        "providers": {"providersThrottleDuration": "100ms", "file": {"directory": str(folder / "dynamic")}},
    }
    (folder / "static.yml").write_text(json.dumps(static))
    traefik = Path(sysconfig.get_path("scripts")) / "traefik"
    process = await asyncio.create_subprocess_exec(
        traefik,
        f"--configFile={folder / 'static.yml'}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await until(partial(_listens, ports[1]))
        yield f"http://127.0.0.1:{ports[0]}", f"https://127.0.0.1:{ports[1]}"
    finally:
        process.terminate()
        await process.wait()


async def _listens(port: int) -> bool:
    with suppress(OSError):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        await writer.wait_closed()
        return True
    return False


class Load:
    """Clients that keep their connections and ask all the time, by GET and by POST."""

    def __init__(self, entrypoint: str, host: str) -> None:
        self.entrypoint, self.host = entrypoint, host
        self.answered, self.failed, self.seen = 0, list[str](), set[str]()
        self.stopping = False

    def begin(self) -> None:
        self.tasks = [asyncio.create_task(self._client(number)) for number in range(8)]

    async def go_on(self) -> None:
        """Until every client has asked a few times more, in this state of things."""
        enough = self.answered + 60
        await until(lambda: self.answered >= enough)

    async def end(self) -> None:
        self.stopping = True
        await asyncio.gather(*self.tasks)

    async def _client(self, number: int) -> None:
        method = ("GET", "POST")[number % 2]
        async with aiohttp.ClientSession() as client:
            while not self.stopping:
                try:
                    async with client.request(
                        method, f"{self.entrypoint}/cgi-bin/x", headers={"Host": self.host}
                    ) as answer:
                        text = await answer.text()
                        self.seen.add(answer.headers.get(MARK_HEADER, ""))
                        if (answer.status, text) != (200, "here\n"):
                            self.failed.append(f"{answer.status} {text}")
                except aiohttp.ClientError as error:
                    self.failed.append(repr(error))
                self.answered += 1
                await asyncio.sleep(0.01)


async def served(engine: DockerContainers, spec: ContainerSpec, name: str) -> tuple[str, str]:
    """A container that answers every request, on connections of one request each."""
    script = (
        "mkdir -p /app/cgi-bin; printf '#!/bin/sh\\nprintf \"Content-type: text/plain\\r\\n\\r\\nhere\\n\"'"
        " >/app/cgi-bin/x; chmod +x /app/cgi-bin/x; cp /app/cgi-bin/x /app/index.html; httpd -f -p 8000 -h /app"
    )
    container = await engine.create(replace(spec, name=name, command=("sh", "-c", script)))
    await engine.start(container)
    seen = await engine.inspect(container)
    assert seen
    assert seen.address
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                _, writer = await asyncio.open_connection(seen.address, 8000)
                writer.close()
                await writer.wait_closed()
                return container, seen.address
            except OSError:
                await asyncio.sleep(0.02)


@asynccontextmanager
async def app(
    text: str,
    *,
    stream: tuple[str, ...] = (),
    after_each: asyncio.Event | None = None,
    hang_up_on: str = "",
    heard: list[str] | None = None,
) -> AsyncIterator[str]:
    """A web server on the host that says one thing, or one thing after the other."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method = (await reader.readuntil(b"\r\n\r\n")).decode().split(" ")[0]
        if heard is not None:
            heard.append(method)
        if method != hang_up_on:
            length = f"Content-Length: {len(text)}" if not stream else "Content-Type: text/event-stream"
            writer.write(f"HTTP/1.1 200 OK\r\nConnection: close\r\n{length}\r\n\r\n{text}".encode())
            for piece in stream:
                writer.write(piece.encode())
                await writer.drain()
                if after_each:
                    await after_each.wait()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def get(proxy: TraefikProxy, host: str) -> tuple[int, str, str | None]:
    async with aiohttp.ClientSession() as client, client.get(proxy.entrypoint, headers={"Host": host}) as answer:
        return answer.status, await answer.text(), answer.headers.get(MARK_HEADER)


async def body(url: str) -> str:
    async with aiohttp.ClientSession() as client, client.get(url) as answer:
        return await answer.text()
