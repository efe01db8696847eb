"""What we write for Traefik says exactly what was meant, whatever a host claims to be called (A12)."""

import asyncio
import json
import os
import stat
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devpush.adapters.traefik import TraefikProxy, parsed, rendered, rendered_platform
from devpush.errors import Unavailable
from devpush.ports import MARK_HEADER, Redirect, Route, RouteTable
from tests.patience import PATIENCE

PROJECT = "0b9c6a34-2f4e-4b43-9d5a-3c1f2e7a9b10"
ONE, TWO = (str(UUID(int=number)) for number in (1, 2))

ids = st.uuids().map(str)
labels = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)
hosts = st.lists(labels, min_size=1, max_size=3).map(lambda parts: ".".join([*parts, "localhost"]))
certificates = st.sampled_from([(False, False), (True, False), (True, True)])  # asked for, and there
upstreams = st.ip_addresses(v=4).map(lambda address: f"http://{address}:8000")


@st.composite
def tables(draw: st.DrawFn) -> RouteTable:
    deployments = draw(st.dictionaries(ids, upstreams, min_size=1, max_size=4))
    chosen = draw(st.dictionaries(hosts, st.sampled_from(sorted(deployments)), max_size=6))
    routes = [Route(host, id, deployments[id], *draw(certificates)) for host, id in sorted(chosen.items())]
    elsewhere = sorted(draw(st.sets(hosts, max_size=3)) - set(chosen))
    return RouteTable(draw(ids), tuple(routes), tuple(draw(redirects(host)) for host in elsewhere))


@st.composite
def redirects(draw: st.DrawFn, host: str) -> Redirect:
    to = f"{draw(st.sampled_from(['http', 'https']))}://{draw(hosts)}"
    return Redirect(host, to, draw(st.sampled_from([301, 302, 307, 308])), *draw(certificates))


@given(tables())
def test_a_file_read_back_says_what_was_meant(table: RouteTable) -> None:
    text = rendered(table)
    assert parsed(table.project, text) == table
    http = defaultdict(dict, json.loads(text)["http"])
    every: list[Route | Redirect] = [*table.routes, *table.redirects]
    for entry_point, named in (("web", every), ("websecure", [each for each in every if each.certificate])):
        rules = [router["rule"] for router in http["routers"].values() if router["entryPoints"] == [entry_point]]
        assert sorted(rules) == sorted(f"Host(`{each.host}`)" for each in named)
    assert "{{" not in text
    assert text.count("`") == 2 * len(http["routers"])
    for router in http["routers"].values():
        assert {router["service"]} <= {*http["services"], "platform"}
        assert set(router["middlewares"]) <= set(http["middlewares"])
        assert ("tls" in router) == (router["entryPoints"] == ["websecure"]), "with it, http isn't answered"
    for service in http["services"].values():
        assert service["loadBalancer"]["serversTransport"] in http["serversTransports"]


HOSTILE = [
    "x`) || HostRegexp(`.*",
    '{{ env "SECRET_KEY" }}',
    "shop.localhost`",
    "shop.localhost\n",
    "shop.localhost: {}",
    "Shop.localhost",
    "shop..localhost",
    "-shop.localhost",
    "shop-.localhost",
    "shop.localhost.",
    "*.localhost",
    "shop.localhost:80",
    "shöp.localhost",
    "shop_.localhost",
    "a" * 64 + ".localhost",
    ".".join(["a" * 60] * 5),
    "10.0.0.1",
    "",
]


@pytest.mark.parametrize("host", HOSTILE)
def test_a_hostile_host_is_refused(host: str) -> None:
    with pytest.raises(ValueError):
        rendered(RouteTable(PROJECT, [Route(host, ONE, "http://10.0.0.1:8000")]))
    for redirect in (Redirect(host, "https://b.example", 301), Redirect("a.example", f"https://{host}", 301)):
        with pytest.raises(ValueError):
            rendered(RouteTable(PROJECT, [], [redirect]))
    if host not in ("", "10.0.0.1"):  # a dashboard may have no name
        with pytest.raises(ValueError):
            rendered_platform("http://127.0.0.1:8000", host)


@given(st.text(max_size=80))
def test_no_text_gets_in_that_is_no_host(text: str) -> None:
    try:
        written = rendered(RouteTable(PROJECT, [Route(text, ONE, "http://10.0.0.1:8000")]))
    except ValueError:
        return
    assert set(text) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")
    [router] = json.loads(written)["http"]["routers"].values()
    assert router["rule"] == f"Host(`{text}`)"


@pytest.mark.parametrize(
    ("project", "deployment", "upstream"),
    [
        ("../../etc/cron.d/x", ONE, "http://10.0.0.1:8000"),
        ("_platform", ONE, "http://10.0.0.1:8000"),
        (PROJECT, '{{ env "X" }}', "http://10.0.0.1:8000"),
        (PROJECT, ONE, "http://10.0.0.1:8000/path"),
        (PROJECT, ONE, "http://user@10.0.0.1:8000"),
        (PROJECT, ONE, "file:///etc/passwd"),
        (PROJECT, ONE, "http://{{x}}:8000"),
    ],
)
def test_no_other_word_is_taken_from_outside_either(project: str, deployment: str, upstream: str) -> None:
    with pytest.raises(ValueError):
        rendered(RouteTable(project, [Route("shop.localhost", deployment, upstream)]))


@pytest.mark.parametrize(
    ("to", "status"),
    [
        ("https://b.example", 200),
        ("https://b.example", 3010),
        ("javascript://b.example", 301),
        ("https://b.example/path", 301),
        ("https://b.example:8443", 301),
        ("https://user@b.example", 301),
        ("//b.example", 301),
        ("https://b.example\n", 301),
        ("https://b.example 308", 301),
    ],
)
def test_a_redirect_leads_to_a_host_and_is_one_of_four_kinds(to: str, status: int) -> None:
    with pytest.raises(ValueError):
        rendered(RouteTable(PROJECT, [], [Redirect("a.example", to, status)]))


def test_names_of_routers_never_meet() -> None:
    """A host may look like another one's name with an end."""
    hosts = ("a.b", "a.b-secure", "a.b-elsewhere", "a.b-elsewhere-secure")
    table = RouteTable(
        PROJECT,
        tuple(Route(host, ONE, "http://10.0.0.1:8000", certificate=True) for host in sorted(hosts)),
        (Redirect("a.c", "https://a.b", 308, certificate=True),),
    )
    assert len(json.loads(rendered(table))["http"]["routers"]) == 10
    assert parsed(PROJECT, rendered(table)) == table


def test_a_host_leads_to_one_place() -> None:
    with pytest.raises(ValueError, match="can't have two"):
        rendered(
            RouteTable(PROJECT, [Route("a.b", ONE, "http://10.0.0.1:8000")], [Redirect("a.b", "https://c.d", 301)])
        )
    for routes in (
        [Route("a.localhost", ONE, "http://10.0.0.1:8000"), Route("a.localhost", TWO, "http://10.0.0.2:8000")],
        [Route("a.localhost", ONE, "http://10.0.0.1:8000"), Route("b.localhost", ONE, "http://10.0.0.2:8000")],
    ):
        with pytest.raises(ValueError, match="can't have two"):
            rendered(RouteTable(PROJECT, routes))


@pytest.fixture
def proxy(tmp_path: Path) -> TraefikProxy:
    (tmp_path / "dynamic").mkdir()
    (tmp_path / "staging").mkdir()
    return TraefikProxy(
        tmp_path / "dynamic", staging=tmp_path / "staging", entrypoint="http://127.0.0.1:1", api_ping=None
    )


def table(*hosts: str) -> RouteTable:
    return RouteTable(PROJECT, tuple(Route(host, ONE, "http://10.0.0.1:8000") for host in hosts))


async def test_what_was_written_is_read_and_listed(proxy: TraefikProxy) -> None:
    assert await proxy.read(PROJECT) is None
    await proxy.write_platform("http://127.0.0.1:8000", "dash.localhost")
    (proxy.config_dir / "fallback.yml").write_text("{}")
    await proxy.write(table("a.localhost", "b.localhost"))
    assert await proxy.read(PROJECT) == table("a.localhost", "b.localhost")
    assert await proxy.projects() == [PROJECT]
    assert stat.S_IMODE((proxy.config_dir / f"{PROJECT}.yml").stat().st_mode) == 0o644
    await proxy.write(table())
    await proxy.write(table())
    assert await proxy.projects() == []
    assert list(proxy.staging.iterdir()) == []


async def test_a_file_that_says_the_same_already_is_left_alone(proxy: TraefikProxy) -> None:
    await proxy.write(table("a.localhost"))
    before = (proxy.config_dir / f"{PROJECT}.yml").stat()
    await proxy.write(table("a.localhost"))
    after = (proxy.config_dir / f"{PROJECT}.yml").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("text", ["", "no json", "{}", '{"http": {"routers": []}}', "\udcff", "[1]"])
async def test_a_file_that_is_not_as_we_write_it_says_nothing(proxy: TraefikProxy, text: str) -> None:
    (proxy.config_dir / f"{PROJECT}.yml").write_text(text, errors="surrogateescape")
    assert await proxy.read(PROJECT) is None
    await proxy.write(table("a.localhost"))
    assert await proxy.read(PROJECT) == table("a.localhost")


async def test_a_changed_file_says_nothing(proxy: TraefikProxy) -> None:
    await proxy.write(table("a.localhost"))
    file = proxy.config_dir / f"{PROJECT}.yml"
    for old, new in (("passHostHeader", "x"), ("50ms", "51ms"), ("Host(`a.localhost`)", "PathPrefix(`/`)")):
        text = rendered(table("a.localhost"))
        assert old in text
        file.write_text(text.replace(old, new))
        assert await proxy.read(PROJECT) is None


async def test_what_a_killed_process_left_is_cleared_away(proxy: TraefikProxy) -> None:
    (proxy.staging / "x-1.staged").write_text("half")
    os.utime(proxy.staging / "x-1.staged", (time.time(), time.time() - 120))
    (proxy.staging / "x-2.staged").write_text("the process beside us is at it")
    (proxy.staging / "fallback.yml").write_text("somebody else's")
    await proxy.write_platform("http://127.0.0.1:8000", None)
    assert {path.name for path in proxy.staging.iterdir()} == {"fallback.yml", "x-2.staged"}


async def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    proxy = TraefikProxy(tmp_path / "no", staging=tmp_path / "no", entrypoint="http://127.0.0.1:1", api_ping=None)
    with pytest.raises(Unavailable, match="folder"):
        await proxy.write(table("a.localhost"))


async def test_traefik_that_is_away_is_unavailable(proxy: TraefikProxy) -> None:
    with pytest.raises(Unavailable):
        await proxy.ping()
    with pytest.raises(Unavailable):
        await proxy.seen("a.localhost", "/", ONE, timeout=0.1)


@pytest.mark.parametrize("path", ["//evil", "@evil", ".evil", "http://evil/"])
async def test_looking_never_leads_away_from_traefik(proxy: TraefikProxy, path: str) -> None:
    with pytest.raises((ValueError, Unavailable)):
        await proxy.seen("a.localhost", path, ONE, timeout=0.1)


async def test_only_a_right_answer_of_the_right_deployment_counts(proxy: TraefikProxy) -> None:
    answers = [(404, ""), (200, TWO), (502, ONE), (503, ONE), (None, ""), (500, ONE)]
    async with answering(answers) as (proxy.entrypoint, asked):
        assert await proxy.seen("a.localhost", "/up?x=1", ONE, timeout=PATIENCE)
    assert len(asked) == len(answers)
    assert all(b"GET /up?x=1 HTTP/1.1\r\nHost: a.localhost\r\n" in question for question in asked)


async def test_another_deployment_is_not_seen(proxy: TraefikProxy) -> None:
    async with answering([(200, TWO)]) as (proxy.entrypoint, _):
        assert not await proxy.seen("a.localhost", "/", ONE, timeout=0.2)


@asynccontextmanager
async def answering(answers: list[tuple[int | None, str]]) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that gives these answers (None: it hangs up), the last one from then on."""
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            status, deployment = answers[min(len(asked), len(answers)) - 1]
            if status:
                head = f"HTTP/1.1 {status} X\r\nConnection: close\r\n{MARK_HEADER}: {deployment}\r\n"
                writer.write(f"{head}Content-Length: 0\r\n\r\n".encode())
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # whoever asked has stopped looking
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked
    finally:
        server.close()


# Certificates


def secure(*hosts: str, secured: bool = False, wildcard: str = "") -> dict[str, dict[str, object]]:
    """The routers of a project whose hosts have certificates."""
    routes = tuple(
        Route(host, ONE, "http://10.0.0.1:8000", certificate=True, secured=secured) for host in sorted(hosts)
    )
    table = RouteTable(PROJECT, routes)
    text = rendered(table, wildcard)
    assert parsed(PROJECT, text, wildcard) == table
    routers: dict[str, dict[str, object]] = json.loads(text)["http"]["routers"]
    return {name.removeprefix(f"{PROJECT}-"): router for name, router in routers.items()}


def test_visitors_are_sent_to_https_only_once_there_is_a_certificate() -> None:
    before, after = secure("a.example"), secure("a.example", secured=True)
    assert before["a.example"]["middlewares"] == [ONE, f"{PROJECT}-retry"]
    assert before["a.example_secure"]["middlewares"] == [ONE, f"{PROJECT}-retry"], "nobody is told to stay there yet"
    assert after["a.example"]["middlewares"] == [f"{PROJECT}-to-https"]
    assert after["a.example_secure"]["middlewares"] == [f"{PROJECT}-stay", ONE, f"{PROJECT}-retry"]


def test_a_redirected_host_goes_straight_to_where_it_leads() -> None:
    table = RouteTable(PROJECT, (), (Redirect("a.example", "https://b.example", 308, certificate=True, secured=True),))
    text = rendered(table)
    assert parsed(PROJECT, text) == table
    routers = json.loads(text)["http"]["routers"]
    plain, by_https = routers[f"{PROJECT}-a.example_elsewhere"], routers[f"{PROJECT}-a.example_elsewhere_secure"]
    assert by_https["middlewares"] == [f"{PROJECT}-stay", *plain["middlewares"]]


def test_one_certificate_is_for_the_names_right_under_the_domain() -> None:
    found = secure(
        "shop.apps.example", "a.b.apps.example", "apps.example", "evilapps.example", wildcard="*.apps.example"
    )
    tls = {name: router["tls"] for name, router in found.items() if "tls" in router}
    assert tls.pop("shop.apps.example_secure") == {
        "certResolver": "wildcard",
        "domains": [{"main": "*.apps.example"}],
    }
    assert list(tls.values()) == [{"certResolver": "letsencrypt"}] * 3
    with pytest.raises(ValueError):
        secure("shop.apps.example`", wildcard="*.apps.example`")


def test_a_file_of_before_a_wildcard_is_written_anew() -> None:
    table = RouteTable(PROJECT, (Route("shop.apps.example", ONE, "http://10.0.0.1:8000", certificate=True),))
    assert parsed(PROJECT, rendered(table), "*.apps.example") is None


def test_the_dashboard_is_for_https_only_where_there_is_https() -> None:
    plain = json.loads(rendered_platform("http://127.0.0.1:8000", "push.example"))["http"]["routers"]
    assert {name: router["entryPoints"] for name, router in plain.items()} == {
        "platform-unknown-hosts": ["web"],
        "platform-dashboard": ["web"],
    }
    text = rendered_platform("http://127.0.0.1:8000", "push.example", https=True, wildcard="*.apps.example")
    routers = json.loads(text)["http"]["routers"]
    assert routers["platform-dashboard"]["middlewares"] == ["platform-to-https"]
    assert routers["platform-dashboard_secure"]["tls"] == {"certResolver": "letsencrypt"}
    assert routers["platform-unknown-hosts"]["middlewares"] == ["platform-unmarked"], "whoever has no certificate"
    asked_for_at_once = routers["platform-unknown-hosts_secure"]["tls"]
    assert asked_for_at_once == {"certResolver": "wildcard", "domains": [{"main": "*.apps.example"}]}
