"""A26: a repository's address leads to servers that everybody could reach, whatever it says and however DNS answers."""

import asyncio
import socket
import threading
from collections.abc import Sequence
from ipaddress import ip_network
from pathlib import Path

import pytest

from devpush.adapters.git import GitMirrors
from devpush.adapters.git_address import APPS, Addresses, Place, look_up
from devpush.deploy import plan
from devpush.deploy.keys import new_key
from devpush.errors import DeployFailed
from devpush.ports import Repository
from tests.gitserver import NAME, GitServer, Origin
from tests.sshserver import SshServer

pytestmark = pytest.mark.abuse

PRIVATE = [
    "0.0.0.0",
    "10.0.0.1",
    "10.204.0.2",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.17.0.1",
    "192.0.0.192",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:169.254.169.254",
    "2001:0:7f00:1::",
    "2002:7f00:1::1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
NUMBERS = ["127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "017700000001", "0177.0.0.01", "127.0.0.0x1"]


def as_host(address: str) -> str:
    return f"[{address}]" if ":" in address else address


async def place(host: str, *answers: str, allowed: Sequence[str] = (), scheme: str = "https") -> Place:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return answers

    return await Addresses(allowed, resolve=resolve if answers else look_up).place(
        f"{scheme}://{as_host(host)}/shop.git"
    )


@pytest.mark.parametrize("address", PRIVATE)
@pytest.mark.parametrize("scheme", ["https", "ssh"])
async def test_no_private_address_is_reached_by_number_or_name(address: str, scheme: str) -> None:
    if address != "::ffff:127.0.0.1":  # the resolver may write it otherwise
        with pytest.raises(DeployFailed, match="private network"):
            await place(address, scheme=scheme)
    with pytest.raises(DeployFailed, match="private network"):
        await place("git.example.com", address, scheme=scheme)
    with pytest.raises(DeployFailed, match="private network") as failed:
        await place("git.example.com", "8.8.8.8", address, scheme=scheme)
    assert address not in str(failed.value), "our network's addresses are nobody's business"


@pytest.mark.parametrize("host", NUMBERS)
async def test_an_address_in_disguise_is_refused(host: str) -> None:
    for allowed in ([], ["127.0.0.0/8"]):
        with pytest.raises(DeployFailed, match="Please write a name"):
            await place(host, allowed=allowed)


async def test_names_of_this_machine_are_its_addresses() -> None:
    for name in ("localhost", socket.gethostname().lower()):
        with pytest.raises(DeployFailed, match=r"private network|can't be found"):
            await place(name)


async def test_public_addresses_are_fine() -> None:
    for address in ("8.8.8.8", "2606:4700::1111", "64:ff9b::8.8.8.8"):
        assert (await place("git.example.com", address)).addresses == [address]


async def test_the_operator_can_allow_a_network() -> None:
    assert (await place("git.lan", "192.168.1.7", allowed=["192.168.1.0/24"])).addresses == ["192.168.1.7"]
    assert (await place("git.lan", "fd00::7", allowed=["fd00::/8"])).addresses == ["fd00::7"]
    assert (await place("git.lan", "::ffff:192.168.1.7", allowed=["192.168.1.0/24"])).addresses == [
        "::ffff:192.168.1.7"
    ]
    with pytest.raises(DeployFailed, match="ALLOW_PRIVATE_ADDRESSES"):
        await place("git.lan", "192.168.2.7", allowed=["192.168.1.0/24"])


async def test_the_apps_are_never_among_it() -> None:
    assert ip_network(plan.POOL) == APPS
    with pytest.raises(DeployFailed, match="private network"):
        await place("git.lan", "10.204.0.2", allowed=["10.0.0.0/8"])


async def test_github_is_where_the_operator_says_and_only_there() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["10.0.0.5"]

    addresses = Addresses(own="https://github.corp:8443", resolve=resolve)
    for url in ("https://github.corp:8443/ada/engine.git", "ssh://git@github.corp/ada/engine.git"):
        assert (await addresses.place(url)).host == "github.corp"
    for url in ("https://github.corp/x", "https://github.corp:9200/x", "ssh://git@github.corp:2222/x", "https://x/y"):
        with pytest.raises(DeployFailed, match="private network"):
            await addresses.place(url)


async def test_behind_a_proxy_a_name_that_only_it_knows_is_its_to_judge() -> None:
    async def knows_none(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror

    proxies = {"https_proxy": "http://proxy.corp:3128", "no_proxy": "direct.example.com"}
    addresses = Addresses(proxies=proxies, resolve=knows_none)
    assert (await addresses.place("https://git.example.com/x")).addresses == ()
    for url in ("https://direct.example.com/x", "ssh://git@git.example.com/x"):
        with pytest.raises(DeployFailed, match="can't be found"):
            await addresses.place(url)
    with pytest.raises(DeployFailed, match="private network"):
        await Addresses(proxies=proxies).place("https://127.0.0.1/x")


async def test_a_lookup_that_hangs_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hangs(host: str, port: int) -> Sequence[str]:
        await asyncio.sleep(60)
        return []

    monkeypatch.setattr("devpush.adapters.git_address.LOOKUP_TIMEOUT", 0.05)
    with pytest.raises(DeployFailed, match="can't be found"):
        await Addresses(resolve=hangs).place("https://git.example.com/x")


# With git itself


class Rebinding:
    """DNS that gives a good address first, and ours when asked again."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        return [self.answers.pop(0)]


def asked(tmp_path: Path, dns: Rebinding, allowed: Sequence[str] = ("127.0.0.1/32",)) -> GitMirrors:
    return GitMirrors(tmp_path / "mirrors", addresses=Addresses(allowed, resolve=dns.resolve))


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin.make(tmp_path / "served" / "shop.git")


@pytest.mark.integration
async def test_git_connects_to_the_address_that_was_checked_whatever_dns_says_later(
    origin: Origin, tmp_path: Path
) -> None:
    """No DNS knows this name: that git gets there shows that it asked none."""
    sha = origin.commit({"main.py": "x"})
    dns = Rebinding("127.0.0.1", "127.0.0.1", "127.0.0.2", "10.0.0.1")
    mirrors = asked(tmp_path, dns)
    with GitServer(tmp_path / "served", tmp_path / "ca.pem").serving() as server:
        mirrors.git.kept |= {"GIT_SSL_CAINFO": str(server.ca)}
        repository = Repository(server.url("shop.git", NAME))
        assert await mirrors.heads(repository) == {"main": sha}
        assert (await mirrors.fetch(repository, "main")).sha == sha
        assert dns.answers == ["127.0.0.2", "10.0.0.1"], "asked once each time"
        reached = len(server.requests)
        for _ in dns.answers[:]:
            with pytest.raises(DeployFailed, match="private network"):
                await mirrors.heads(repository)
        assert len(server.requests) == reached


@pytest.mark.integration
async def test_so_does_ssh(origin: Origin, tmp_path: Path) -> None:
    sha = origin.commit({"main.py": "x"})
    key, public = new_key()
    mirrors = asked(tmp_path, Rebinding("127.0.0.1", "127.0.0.2"))
    with SshServer(tmp_path / "sshd").serving() as server:
        server.let_in(public)
        repository = Repository(server.url(origin, NAME), key=key)
        assert await mirrors.heads(repository) == {"main": sha}
        with pytest.raises(DeployFailed, match="private network"):
            await mirrors.heads(repository)
    assert mirrors.git.known_hosts.read_text().startswith(f"[{NAME}]:{server.port} "), "known by its name"


async def test_names_that_are_slow_to_look_up_keep_only_themselves_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A31: whoever owns a name decides how long its lookup takes. The threads in which the event loop looks up GitHub
    or the mail server, or works with files, are not for them."""
    answer, slow = threading.Event(), 0

    def look(host: str, port: int, **_: object) -> Sequence[object]:
        nonlocal slow
        if host.endswith(".slow.example.com"):
            slow += 1
            assert answer.wait(20)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", look)
    waiting = [asyncio.create_task(look_up(f"{number}.slow.example.com", 443)) for number in range(40)]
    try:
        async with asyncio.timeout(5):
            while slow < len(waiting):
                await asyncio.sleep(0.01)
            assert await asyncio.to_thread(threading.active_count) > len(waiting)
            assert await look_up("git.example.com", 443) == ["192.0.2.1"]
        waiting[0].cancel()  # whoever asked has gone: its thread finds that out by itself
    finally:
        answer.set()
        found = await asyncio.gather(*waiting, return_exceptions=True)
    assert found[1:] == [["192.0.2.1"]] * (len(waiting) - 1)


@pytest.mark.integration
async def test_alternates_lead_nowhere(origin: Origin, tmp_path: Path) -> None:
    """A server without git can name others where the objects are said to be (http-alternates)."""
    sha = origin.commit({"main.py": "x"})
    with (
        GitServer(tmp_path / "served", tmp_path / "inner.pem").serving() as inner,
        GitServer(tmp_path / "served", tmp_path / "outer.pem").serving() as outer,
    ):
        outer.files = {
            "/shop.git/info/refs": f"{sha}\trefs/heads/main\n",
            "/shop.git/HEAD": "ref: refs/heads/main\n",
            "/shop.git/objects/info/http-alternates": f"{inner.url('shop.git')}/objects\n",
            "/shop.git/objects/info/alternates": f"{inner.url('shop.git')}/objects\n",
        }
        both = tmp_path / "both.pem"
        both.write_bytes(inner.ca.read_bytes() + outer.ca.read_bytes())
        mirrors = GitMirrors(tmp_path / "mirrors", addresses=Addresses(["127.0.0.0/8"]))
        mirrors.git.kept["GIT_SSL_CAINFO"] = str(both)
        repository = Repository(outer.url("shop.git"))
        with pytest.raises(DeployFailed):
            await mirrors.fetch(repository, sha)
        git, mirror = mirrors.git, str(tmp_path / "mirror")
        await git.run("init", "--bare", "--quiet", "--", mirror)
        with pytest.raises(DeployFailed):  # not even without what such a server can't do
            await git.run("--git-dir", mirror, "fetch", "--", repository.url, "main:main", repository=repository)
        assert [path for path in outer.requests if path.endswith("http-alternates")]
        assert not inner.requests
