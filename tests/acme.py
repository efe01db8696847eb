"""A certificate authority of one's own: Pebble, its DNS and a DNS provider; and Traefik as compose.yml starts it.

async with authority() as acme:                                # Debian's pebble and pebble-challtestsrv
    async with traefik(folder, acme, DNS_PROVIDER="") as gate:   # the flags of compose.yml
        …
"""

import asyncio
import json
import os
import re
import ssl
import sysconfig
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import aiohttp
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.conftest import ROOT, free_port
from tests.patience import until


@dataclass
class Authority:
    directory: str
    ca: Path
    """Whose certificate the authority itself has."""
    root: ssl.SSLContext
    """Trusts what it issues, as browsers trust Let's Encrypt."""
    dns: str
    web_port: int
    """Where it looks for proofs by http."""
    provider: str
    """Address of the DNS provider that lego knows as httpreq."""
    records: list[str] = field(default_factory=list)
    """Names that the provider was asked to set."""


@dataclass
class Gate:
    """Traefik, from outside."""

    config_dir: Path
    web: str
    secure: str
    ping: str


@asynccontextmanager
async def authority(folder: Path) -> AsyncIterator[Authority]:
    dns, management, directory, roots, web_port = (free_port() for _ in range(5))
    ca = _own_certificate(folder)
    config = {
        "pebble": {
            "listenAddress": f"127.0.0.1:{directory}",
            "managementListenAddress": f"127.0.0.1:{roots}",
            "certificate": str(ca),
            "privateKey": str(folder / "key.pem"),
            "httpPort": web_port,
            "tlsPort": free_port(),
            "ocspResponderURL": "",
        }
    }
    (folder / "pebble.json").write_text(json.dumps(config))
    names = ["pebble-challtestsrv", "-dns01", f"127.0.0.1:{dns}", "-management", f"127.0.0.1:{management}"]
    nothing_else = ["-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", ""]
    pebble = ["pebble", "-config", str(folder / "pebble.json"), "-dnsserver", f"127.0.0.1:{dns}"]
    acme = Authority(
        f"https://127.0.0.1:{directory}/dir", ca, ssl.create_default_context(), f"127.0.0.1:{dns}", web_port, ""
    )
    async with (
        process(*names, *nothing_else),
        process(*pebble, PEBBLE_VA_NOSLEEP="1", PEBBLE_WFE_NONCEREJECT="0"),
        _provider(acme, f"http://127.0.0.1:{management}"),
        aiohttp.ClientSession() as client,
    ):
        await until(lambda: _listens(management))
        await until(lambda: _listens(roots))
        async with client.get(f"https://127.0.0.1:{roots}/roots/0", ssl=False) as answer:
            acme.root = ssl.create_default_context(cadata=await answer.text())
        yield acme


@asynccontextmanager
async def traefik(folder: Path, acme: Authority, **settings: str) -> AsyncIterator[Gate]:
    """With the command of compose.yml; `settings` are what stands in .env."""
    for name in ("dynamic", "staging", "log", "acme"):
        (folder / name).mkdir(exist_ok=True)
    secure, api = free_port(), free_port()
    known = {
        "WEB_PORT": str(acme.web_port),
        "SECURE_PORT": str(secure),
        "TRAEFIK_API_PORT": str(api),
        "LE_EMAIL": "ada@example.com",
        "ACME_DIRECTORY": acme.directory,
    }
    flags = [each.replace("/data/traefik/", f"{folder}/") for each in command(known | settings)]
    flags = [each.replace("=/acme/", f"={folder}/acme/") for each in flags]
    # The authority's DNS is nobody else's: lego would wait for the record to be seen in the world's.
    dns = "--certificatesResolvers.wildcard.acme.dnsChallenge"
    flags += [f"{dns}.propagation.disableChecks=true", f"{dns}.resolvers={acme.dns}"]
    of_dns_env = {"LEGO_CA_CERTIFICATES": str(acme.ca), "HTTPREQ_ENDPOINT": acme.provider}
    program = Path(sysconfig.get_path("scripts")) / "traefik"
    async with process(str(program), *flags, **of_dns_env):
        await until(lambda: _listens(secure))
        yield Gate(
            folder / "dynamic",
            f"http://127.0.0.1:{acme.web_port}",
            f"https://127.0.0.1:{secure}",
            f"http://127.0.0.1:{api}/ping",
        )


def command(settings: dict[str, str]) -> list[str]:
    """Traefik's flags in compose.yml, with what its variables are then."""
    service = (ROOT / "compose.yml").read_text().partition("\n  traefik:\n")[2].partition("\n    env_file:")[0]
    lines = re.findall(r"^      - (--\S+)", service, re.MULTILINE)
    assert lines
    return [re.sub(r"\$\{([A-Z_]+):-([^}]*)\}", lambda it: settings.get(it[1]) or it[2], line) for line in lines]


@asynccontextmanager
async def process(*argv: str, **environment: str) -> AsyncIterator[None]:
    """A program that runs as long as the test needs it."""
    own = {"PATH": os.environ["PATH"], **environment}
    nowhere = asyncio.subprocess.DEVNULL
    started = await asyncio.create_subprocess_exec(*argv, env=own, stdout=nowhere, stderr=nowhere)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            started.kill()
        await started.wait()


@asynccontextmanager
async def _provider(acme: Authority, names: str) -> AsyncIterator[None]:
    """Speaks lego's `httpreq`, and sets records with the authority's DNS."""

    async def present(request: web.Request) -> web.Response:
        asked = await request.json()
        acme.records.append(asked["fqdn"])
        await _post(f"{names}/set-txt", {"host": asked["fqdn"], "value": asked["value"]})
        return web.Response()

    async def clean_up(request: web.Request) -> web.Response:
        await _post(f"{names}/clear-txt", {"host": (await request.json())["fqdn"]})
        return web.Response()

    app = web.Application()
    app.add_routes([web.post("/present", present), web.post("/cleanup", clean_up)])
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    acme.provider = f"http://127.0.0.1:{port}"
    try:
        yield
    finally:
        await runner.cleanup()


async def _post(url: str, what: dict[str, str]) -> None:
    async with aiohttp.ClientSession() as client, client.post(url, json=what) as answer:
        assert answer.status == 200, await answer.text()


async def _listens(port: int) -> bool:
    with suppress(OSError):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        return True
    return False


def _own_certificate(folder: Path) -> Path:
    """The authority's own, for 127.0.0.1: it is its own CA."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    builder = builder.add_extension(address, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    certificate = builder.sign(key, SHA256())
    (folder / "ca.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(private)
    return folder / "ca.pem"
