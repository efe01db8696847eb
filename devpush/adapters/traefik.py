"""Traefik by its file provider: a file a project, which we alone write."""

import asyncio
import json
import os
import re
import secrets
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
from cryptography import x509
from yarl import URL

from devpush.errors import Unavailable
from devpush.ports import MARK_HEADER, PROBE, REDIRECT_HEADER, Certificate, Redirect, Route, RouteTable

ID = re.compile(r"[0-9a-f-]{32,36}")
LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
HOST = re.compile(rf"(?=.{{1,253}}\Z){LABEL}(\.{LABEL})*")
UPSTREAM = re.compile(r"http://[a-z0-9.-]{1,253}:[1-9][0-9]{0,4}")
TARGET = re.compile(rf"https?://(?=.{{1,253}}\Z){LABEL}(\.{LABEL})*")
STATUS = re.compile("30[1278]")
RULE = re.compile(r"Host\(`([^`]*)`\)")

PLATFORM = "_platform"  # no project's id
PLATFORM_SERVICE = "platform"
SECURE, ELSEWHERE = "_secure", "_elsewhere"
"""How the names of routers of https, and of redirected hosts, end; no host has a “_”."""
STAGED = ".staged"
LEFT_BEHIND = 60.0
"""Seconds after which a staged file is that of a process that was killed."""
ENTRY_POINTS = ["web"]
SECURE_ENTRY_POINTS = ["websecure"]
RESOLVER, WILDCARD_RESOLVER = "letsencrypt", "wildcard"
"""Traefik's names for who issues certificates, as its own configuration has them: for one host, and by DNS for all."""
OVER_ALL = 1_000_000
"""The dashboard's priority; a project's routes have their rule's length."""
NOT_THE_APP = {502, 503, 504}
HANDSHAKE = 5.0
FIRST_LOOK, LOOK_EVERY = 0.04, 0.01
"""Seconds until we look for a new route, which takes some 60 ms to appear, and between two looks: each look is a
request in the log of whichever app answers."""

T = TypeVar("T")


class TraefikProxy:
    """Implements ports.Proxy."""

    def __init__(
        self,
        config_dir: Path,
        *,
        staging: Path,
        entrypoint: str,
        api_ping: str | None,
        secure: str | None = None,
        wildcard: str = "",
    ) -> None:
        """`secure`: the entry point for https. `wildcard`: *.example.com, whose one certificate is for all under it."""
        self.config_dir = config_dir
        self.staging = staging
        self.entrypoint = entrypoint.rstrip("/")
        self.api_ping = api_ping
        self.secure = URL(secure) if secure else None
        self.wildcard = wildcard

    async def ping(self) -> None:
        try:
            async with _client(5) as client, client.get(self.api_ping or self.entrypoint) as answer:
                if self.api_ping and answer.status != 200:
                    raise Unavailable(f"Traefik says {answer.status} of itself.")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unavailable(f"Traefik does not answer ({str(error) or 'timeout'}).") from error

    async def write(self, table: RouteTable) -> None:
        text = rendered(table, self.wildcard)
        await _in_thread(lambda: self._put(table.project, text if table.routes or table.redirects else None))

    async def read(self, project: str) -> RouteTable | None:
        text = await _in_thread(lambda: self._text(_checked(ID, project)))
        return parsed(project, text, self.wildcard) if text else None

    async def projects(self) -> list[str]:
        files = await _in_thread(lambda: sorted(self.config_dir.glob("*.yml")))
        return [file.stem for file in files if ID.fullmatch(file.stem)]

    async def write_platform(self, dashboard_upstream: str, dashboard_host: str | None) -> None:
        text = rendered_platform(dashboard_upstream, dashboard_host, https=bool(self.secure), wildcard=self.wildcard)
        await _in_thread(self._clear_staging)
        await _in_thread(lambda: self._put(PLATFORM, text))

    async def seen(self, host: str, path: str, deployment: str, *, timeout: float) -> bool:
        target = URL(f"{self.entrypoint}{path}", encoded=True)
        if target.origin() != URL(self.entrypoint).origin():
            raise ValueError(f"{path!r} leads away from Traefik.")
        watch = _Watch(target, host, deployment, self.secure)
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout), _client(None) as client:
                await asyncio.sleep(FIRST_LOOK)
                while not await watch.look(client):
                    await asyncio.sleep(LOOK_EVERY)
        if not watch.connected:
            raise Unavailable(f"Traefik can't be reached at {self.entrypoint}.")
        return watch.seen

    async def certificate(self, host: str) -> Certificate:
        if self.secure is None:
            raise Unavailable("There is no entry point for https.")
        try:
            async with asyncio.timeout(HANDSHAKE):
                _, writer = await asyncio.open_connection(
                    self.secure.host, self.secure.port, ssl=_any_certificate(), server_hostname=_checked(HOST, host)
                )
            shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            writer.transport.abort()
        except (OSError, TimeoutError) as error:
            raise Unavailable(f"Traefik does not answer by https ({str(error) or 'timeout'}).") from error
        return _certificate(host, shown)

    # files

    def _text(self, name: str) -> str | None:
        try:
            return (self.config_dir / f"{name}.yml").read_text(errors="replace")
        except FileNotFoundError:
            return None

    def _put(self, name: str, text: str | None) -> None:
        """Traefik sees the whole file or the one before. It sees nothing at all if nothing changes."""
        target = self.config_dir / f"{name}.yml"
        if text is None:
            target.unlink(missing_ok=True)
        elif self._text(name) != text:
            staged = self.staging / f"{name}-{secrets.token_hex(4)}{STAGED}"
            try:
                _write(staged, text)
                staged.replace(target)
            finally:
                staged.unlink(missing_ok=True)

    def _clear_staging(self) -> None:
        self.staging.mkdir(parents=True, exist_ok=True)
        for left in self.staging.glob(f"*{STAGED}"):
            with suppress(FileNotFoundError):
                if time.time() - left.stat().st_mtime > LEFT_BEHIND:  # what is fresh, the process beside us writes
                    left.unlink()


# What a file says: decides everything, touches nothing


def rendered(table: RouteTable, wildcard: str = "") -> str:
    """The project's file. It needs no other: a missing one would take its routers down."""
    project = _checked(ID, table.project)
    for route in table.routes:
        _check(route)
    for redirect in table.redirects:
        _check_redirect(redirect)
    routes = sorted(table.routes, key=lambda route: route.host)
    redirects = sorted(table.redirects, key=lambda redirect: redirect.host)
    deployments = {route.deployment: route.upstream for route in routes}
    hosts = [*(route.host for route in routes), *(redirect.host for redirect in redirects)]
    if len(set(hosts)) < len(hosts):
        raise ValueError("A host can't have two routes.")
    if {(route.deployment, route.upstream) for route in routes} != set(deployments.items()):
        raise ValueError("A deployment can't have two addresses.")
    routers = [_routers(project, f"{project}-{each.host}", _router(project, each), each, wildcard) for each in routes]
    routers += [
        _routers(project, _name(project, each), _redirecting(project, each), each, wildcard) for each in redirects
    ]
    return _text(
        {
            "routers": dict(chain.from_iterable(routers)),
            "services": {
                deployment: _service(upstream, transport=project) for deployment, upstream in deployments.items()
            },
            "middlewares": {f"{project}-retry": RETRY, f"{project}{TO_HTTPS}": HTTPS, f"{project}{STAY}": HSTS}
            | {deployment: _mark(deployment) for deployment in deployments}
            | {_name(project, each): _tell(f"{each.status} {each.to}") for each in redirects},
            "serversTransports": {project: TRANSPORT},
        }
    )


def parsed(project: str, text: str, wildcard: str = "") -> RouteTable | None:
    """The table that a file was rendered from; None if it wasn't."""
    try:
        http = json.loads(text)["http"]
        routers = http.get("routers", {})
        plain = {name: router for name, router in routers.items() if router["entryPoints"] == ENTRY_POINTS}
        elsewhere = [name for name in plain if name.endswith(ELSEWHERE)]
        routes = [_route(name, http) for name in plain if name not in elsewhere]
        redirects = [_redirect(name, http) for name in elsewhere]
        table = RouteTable(project, tuple(routes), tuple(redirects))
        return table if rendered(table, wildcard) == text else None
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


def rendered_platform(upstream: str, host: str | None, *, https: bool = False, wildcard: str = "") -> str:
    """What belongs to no project: the dashboard, and every host that nobody has. The dashboard's visitors are sent to
    https even before its certificate is there: nobody can sign in otherwise, as its cookies are for https only."""
    service, unmarked = PLATFORM_SERVICE, f"{PLATFORM_SERVICE}-unmarked"
    everything = {
        "rule": "PathPrefix(`/`)",
        "entryPoints": ENTRY_POINTS,
        "middlewares": [unmarked],
        "priority": 2,
        "service": service,
    }
    routers = {"platform-unknown-hosts": everything}
    secure = {"entryPoints": SECURE_ENTRY_POINTS, "tls": _wildcard_tls(wildcard) if wildcard else {}}
    if https:  # with a wildcard, its certificate is asked for now, before there is any app
        routers["platform-unknown-hosts" + SECURE] = everything | secure
    if host:
        dashboard = everything | {"rule": f"Host(`{_checked(HOST, host)}`)", "priority": OVER_ALL}
        routers["platform-dashboard"] = dashboard
        if https:
            routers["platform-dashboard"] = dashboard | {"middlewares": [service + TO_HTTPS]}
            routers["platform-dashboard" + SECURE] = dashboard | secure | {"tls": _tls(host, wildcard)}
    return _text(
        {
            "routers": routers,
            "services": {service: _service(_checked(UPSTREAM, upstream), transport=service)},
            "middlewares": {unmarked: _tell("")} | ({service + TO_HTTPS: HTTPS} if https else {}),
            "serversTransports": {service: TRANSPORT},
        }
    )


# A request of which no byte was sent yet may go to the server once more, POST as well; a request that was
# sent in part is never repeated.
RETRY = {"retry": {"attempts": 2, "initialInterval": "50ms"}}

# Connections are given up before any app gives them up (gunicorn's threads do after 2 s, Node.js after 5): a POST
# on a connection that is being closed would be lost.
TRANSPORT = {"forwardingTimeouts": {"dialTimeout": "3s", "idleConnTimeout": "1s"}}

TO_HTTPS, STAY = "-to-https", "-stay"
HTTPS = {"redirectScheme": {"scheme": "https", "permanent": True}}
# For this host alone: what is under it may be anybody's. For a year, as certificates are renewed by themselves.
HSTS = {"headers": {"stsSeconds": 31_536_000}}


def _routers(
    project: str, name: str, router: Mapping[str, Any], each: Route | Redirect, wildcard: str
) -> list[tuple[str, Mapping[str, object]]]:
    """One for http; and one for https where a certificate is wanted, which a router for both would keep from http.
    Let's Encrypt asks by http, and Traefik answers it before any router of ours does."""
    plain, own = dict(router), router["middlewares"]
    if not each.certificate:
        return [(name, plain)]
    if each.secured and isinstance(each, Route):
        plain["middlewares"] = [project + TO_HTTPS]
    secure = {**router, "entryPoints": SECURE_ENTRY_POINTS, "tls": _tls(each.host, wildcard)}
    if each.secured:
        secure["middlewares"] = [project + STAY, *own]
    return [(name, plain), (name + SECURE, secure)]


def _tls(host: str, wildcard: str) -> Mapping[str, object]:
    """Who issues its certificate."""
    return _wildcard_tls(wildcard) if wildcard == f"*.{host.partition('.')[2]}" else {"certResolver": RESOLVER}


def _wildcard_tls(wildcard: str) -> Mapping[str, object]:
    name = f"*.{_checked(HOST, wildcard.removeprefix('*.'))}"
    return {"certResolver": WILDCARD_RESOLVER, "domains": [{"main": name}]}


def _router(project: str, route: Route) -> dict[str, object]:
    return {
        "rule": f"Host(`{route.host}`)",
        "entryPoints": ENTRY_POINTS,
        "middlewares": [route.deployment, f"{project}-retry"],
        "service": route.deployment,
    }


def _redirecting(project: str, redirect: Redirect) -> dict[str, object]:
    """The dashboard's process redirects. Traefik's own middleware chooses between 301 and 308, or 302 and 307, by the
    request's method, and people have chosen one of them."""
    return {
        "rule": f"Host(`{redirect.host}`)",
        "entryPoints": ENTRY_POINTS,
        "middlewares": [_name(project, redirect)],
        "service": PLATFORM_SERVICE,
    }


def _name(project: str, redirect: Redirect) -> str:
    return f"{project}-{redirect.host}{ELSEWHERE}"


def _tell(where: str) -> dict[str, object]:
    """ "" takes the header from whoever sends one."""
    return {"headers": {"customRequestHeaders": {REDIRECT_HEADER: where}}}


def _service(upstream: str, *, transport: str) -> dict[str, object]:
    """Answers of unknown length, event streams too, are passed on bit by bit by default."""
    return {"loadBalancer": {"servers": [{"url": upstream}], "passHostHeader": True, "serversTransport": transport}}


def _mark(deployment: str) -> dict[str, object]:
    return {"headers": {"customResponseHeaders": {MARK_HEADER: deployment}}}


def _route(name: str, http: Mapping[str, Any]) -> Route:
    router, certificate = http["routers"][name], name + SECURE in http["routers"]
    [host] = RULE.findall(router["rule"])
    deployment = router["service"]
    [server] = http["services"][deployment]["loadBalancer"]["servers"]
    return Route(host, deployment, server["url"], certificate, certificate and _stays(name, http))


def _redirect(name: str, http: Mapping[str, Any]) -> Redirect:
    certificate = name + SECURE in http["routers"]
    [host] = RULE.findall(http["routers"][name]["rule"])
    status, to = http["middlewares"][name]["headers"]["customRequestHeaders"][REDIRECT_HEADER].split(" ")
    return Redirect(host, to, int(status), certificate, certificate and _stays(name, http))


def _stays(name: str, http: Mapping[str, Any]) -> bool:
    return str(http["routers"][name + SECURE]["middlewares"][0]).endswith(STAY)


def _check(route: Route) -> None:
    _checked(ID, route.deployment)
    _checked(UPSTREAM, route.upstream)
    _check_host(route.host)


def _check_redirect(redirect: Redirect) -> None:
    _checked(STATUS, str(redirect.status))
    _check_host(_checked(TARGET, redirect.to).partition("://")[2])
    _check_host(redirect.host)


def _check_host(host: str) -> None:
    last = _checked(HOST, host).rpartition(".")[2]
    if last.isdigit():
        raise ValueError(f"{host!r} is an address, no name of a host.")


def _checked(grammar: re.Pattern[str], text: str) -> str:
    if not grammar.fullmatch(text):
        raise ValueError(f"{text!r} can't stand in a file of Traefik's.")
    return text


def _text(http: Mapping[str, object]) -> str:
    """JSON, which is YAML that needs no quoting. Files are templates to Traefik: `{{ env "X" }}` would be run.
    It refuses a file with an empty section."""
    text = json.dumps({"http": {name: section for name, section in http.items() if section}}, indent=1)
    if "{{" in text:
        raise ValueError("A file of Traefik's can't hold a template.")
    return text


def _write(path: Path, text: str) -> None:
    """On the disk, and read back: one broken file blocks every later change of every other."""
    with path.open("x") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    path.chmod(0o644)
    if path.read_text() != text:
        raise OSError(f"{path} does not hold what was written")


async def _in_thread(act: Callable[[], T]) -> T:
    try:
        return await asyncio.to_thread(act)
    except OSError as error:
        raise Unavailable(f"Traefik's folder can't be used: {error}.") from error


# Certificates


def _any_certificate() -> ssl.SSLContext:
    """We want to see what is shown, not to trust it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _certificate(host: str, shown: bytes) -> Certificate:
    certificate = x509.load_der_x509_certificate(shown)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        hosts = names.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        hosts = []
    fits = any(name.lower() in (host, f"*.{host.partition('.')[2]}") for name in hosts)
    return Certificate(certificate.not_valid_after_utc, fits)


# Seeing a route answer


class _Watch:
    """Looks whether a deployment answers at a host: by http, or by https where http sends visitors there."""

    def __init__(self, target: URL, host: str, deployment: str, secure: URL | None) -> None:
        self.target = target
        self.host = host
        self.secure = secure
        self.headers = {"Host": host, "User-Agent": PROBE}
        self.deployment = deployment
        self.patience = 1.0
        self.connected = False
        self.seen = False

    async def look(self, client: aiohttp.ClientSession) -> bool:
        ways: dict[str, Any] = {"headers": self.headers, "allow_redirects": False}
        if self.target.scheme == "https":
            ways |= {"ssl": _any_certificate(), "server_hostname": self.host}
        timeout = aiohttp.ClientTimeout(total=self.patience)
        try:
            async with client.get(self.target, timeout=timeout, **ways) as answer:
                self.connected = True
                marked = answer.headers.get(MARK_HEADER) == self.deployment
                self.seen = marked and answer.status not in NOT_THE_APP
                if (
                    self.secure
                    and not marked
                    and answer.headers.get("Location", "").startswith(f"https://{self.host}/")
                ):
                    self.target = self.secure.join(URL(self.target.raw_path_qs, encoded=True))
        except aiohttp.ClientConnectorError:
            pass
        except aiohttp.ClientError:
            self.connected = True
        except TimeoutError:
            self.connected = True
            self.patience *= 2  # a slow app; or the route still leads to another one, which hangs
        return self.seen


def _client(seconds: float | None) -> aiohttp.ClientSession:
    """Keeps no cookies: those of an app are none of our business."""
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=seconds), cookie_jar=aiohttp.DummyCookieJar())
