"""Where a repository's server is: looked up once, checked, and then the only place git connects to.

A name is the choice of whoever typed it, and so is what it resolves to: without this, an address of a repository would
reach what only this server can reach (its own ports, its network, the apps, the cloud's metadata).
"""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from devpush.errors import DeployFailed

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

LOOKUP_TIMEOUT = 15.0
MOST_ADDRESSES = 8
MOST_LOOKUPS = 50
"""At a time that somebody waits for."""
PORTS = {"https": 443, "ssh": 22}

HOST = r"\[(?P<v6>[0-9a-f:.]{2,45})\]|(?P<name>[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_-])?)"
HTTPS = re.compile(rf"https://({HOST})(:(?P<port>[0-9]{{1,5}}))?/[^\s?#\\]*")
SSH = re.compile(
    rf"ssh://((?P<user>[A-Za-z0-9_][A-Za-z0-9_.-]*)@)?({HOST})(:(?P<port>[0-9]{{1,5}}))?/(?!-)[A-Za-z0-9._~/+@!,:=-]+"
)
LOOKS_LIKE_A_NUMBER = re.compile(r"(.*\.)?(0x[0-9a-f]*|[0-9]+)")
"""127.1, 0x7f000001, 017700000001: programs don't agree which address these are."""

APPS = ipaddress.ip_network("10.204.0.0/14")
"""The networks of the apps: refused whatever is allowed, since no Git server stands there."""
REFUSED: Sequence[Network] = [
    ipaddress.ip_network(text)
    for text in (
        "168.63.129.16/32",  # a cloud's own services, at an address that looks public
        "192.0.0.0/24",  # another's
        "192.88.99.0/24",  # 6to4 relays
        "::/96",  # IPv4 in IPv6, as it was once written
        "64:ff9b:1::/48",  # NAT64 of one's own network
        "2001::/32",  # Teredo
        "2002::/16",  # 6to4
        "fec0::/10",  # site-local, before there was fc00::/7
    )
]
"""What Python takes for public, and isn't, or isn't surely."""
NAT64 = ipaddress.ip_network("64:ff9b::/96")
_lookups = asyncio.Semaphore(MOST_LOOKUPS)


@dataclass(frozen=True)
class Place:
    """A server's name and port, and the checked addresses that it has now; none: git looks it up by itself."""

    scheme: str
    host: str
    port: int
    addresses: Sequence[str] = ()


async def look_up(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, the best one first. In a thread of its own: whoever owns a name decides how long its
    lookup takes, and the event loop's few threads find everything else that we connect to."""
    async with _lookups:
        looking: Future[list[Any]] = Future()
        looking.set_running_or_notify_cancel()
        Thread(target=_look_up, args=(looking, host, port), daemon=True).start()
        found = await asyncio.wrap_future(looking)
    return list(dict.fromkeys(str(address[0]).partition("%")[0] for *_, address in found))


def _look_up(looking: "Future[list[Any]]", host: str, port: int) -> None:
    try:
        looking.set_result(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError) as error:
        looking.set_exception(error)


class Addresses:
    """Decides which servers are connected to. `allowed` are private networks (CIDR) that are fine all the same, `own`
    the address of GitHub as the operator has set it: theirs to choose, wherever it is."""

    def __init__(
        self,
        allowed: Sequence[str] = (),
        *,
        own: str = "",
        proxies: Mapping[str, str] | None = None,
        resolve: Resolve = look_up,
    ) -> None:
        self.allowed = [ipaddress.ip_network(text) for text in allowed]
        self.own = _own(own)
        self.proxies = proxies or {}
        self.resolve = resolve

    async def place(self, url: str) -> Place:
        """Where a repository's server is. Raises DeployFailed if we don't connect there."""
        place = parse(url)
        if (place.scheme, place.host, place.port) in self.own:
            return place
        _refuse_numbers(place.host)
        try:
            async with asyncio.timeout(LOOKUP_TIMEOUT):
                addresses = list(await self.resolve(place.host, place.port))[:MOST_ADDRESSES]
        except (OSError, UnicodeError, TimeoutError):
            addresses = []
        if not addresses:
            if self._by_proxy(place):
                return place  # it looks the name up, and decides where it connects to
            raise DeployFailed(f"The server {place.host} can't be found. Is the address right?")
        for text in addresses:
            self._refuse(place.host, ipaddress.ip_address(text))
        return Place(place.scheme, place.host, place.port, addresses)

    def _by_proxy(self, place: Place) -> bool:
        """Whether git asks a proxy of the operator's for it, as curl decides that."""
        https = self.proxies.get("https_proxy") or self.proxies.get("HTTPS_PROXY")
        past = (self.proxies.get("no_proxy") or self.proxies.get("NO_PROXY") or "").replace(",", " ").split()
        is_past = any(f".{place.host}".endswith(f".{name.lstrip('.')}") for name in past)
        return place.scheme == "https" and bool(https) and not is_past and "*" not in past

    def _refuse(self, host: str, given: Address) -> None:
        address = _inside(given)
        if address in APPS or not (is_public(address) or any(address in network for network in self.allowed)):
            raise DeployFailed(
                f"{host} is at an address of a private network, and repositories aren't fetched from there. "
                "Whoever runs this server can allow it (ALLOW_PRIVATE_ADDRESSES)."
            )


def parse(url: str) -> Place:
    """The server in a repository's address, by a grammar that leaves nothing for two programs to disagree on."""
    found = HTTPS.fullmatch(url) or SSH.fullmatch(url)
    if not found:
        raise DeployFailed(
            "The repository's address must begin with https:// or ssh://, with a server's name and a path, "
            "and without a password in it."
        )
    scheme = url.partition(":")[0]
    host, port = found["v6"] or found["name"], int(found["port"] or PORTS[scheme])
    if not 0 < port < 65536 or host.endswith(".") or ".." in host:
        raise DeployFailed("The server's name or port in the repository's address isn't one.")
    return Place(scheme, host, port)


def is_public(address: Address) -> bool:
    """Whether everybody on the internet could reach it."""
    return address.is_global and not address.is_multicast and not any(address in network for network in REFUSED)


def _inside(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, where it does."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return address.ipv4_mapped
        if address in NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _refuse_numbers(host: str) -> None:
    if ":" in host or not LOOKS_LIKE_A_NUMBER.fullmatch(host):
        return
    try:
        plain = str(ipaddress.IPv4Address(host)) == host
    except ValueError:
        plain = False
    if not plain:
        raise DeployFailed(
            "The repository's address holds a number in place of the server's name. Please write a name."
        )


def _own(url: str) -> set[tuple[str, str, int]]:
    parts = urlsplit(url)
    if not parts.hostname:
        return set()
    return {("https", parts.hostname, parts.port or 443), ("ssh", parts.hostname, 22)}
