"""Opens every resource, takes up what was cut off, serves until told to stop or to drain."""

import asyncio
import gc
import logging
import os
import resource
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config
from tortoise import connections
from tortoise.context import TortoiseContext

from devpush import local
from devpush.adapters.accesslog import TraefikAccessLog
from devpush.adapters.dns import NameServers
from devpush.adapters.docker import DockerContainers
from devpush.adapters.dump import PgDumps
from devpush.adapters.git import GitMirrors
from devpush.adapters.git_address import Addresses
from devpush.adapters.github import GitHubApi
from devpush.adapters.logtable import LogTable
from devpush.adapters.loki import LokiLogs
from devpush.adapters.machine import OwnMachine
from devpush.adapters.mail import mailer
from devpush.adapters.openid import OpenIdProvider
from devpush.adapters.probe import HttpProbe
from devpush.adapters.redis import RedisLeases, RedisLive
from devpush.adapters.traefik import TraefikProxy
from devpush.adapters.vault import Places
from devpush.deploy import front
from devpush.deploy.guard import Guard
from devpush.deploy.metrics import Meter
from devpush.deploy.shipper import Shipper
from devpush.errors import BadSettings, Unavailable, WrongKey
from devpush.jobs import call
from devpush.jobs.pool import Pool, end
from devpush.jobs.schedule import schedule
from devpush.local import Endpoints, Https, Local
from devpush.models import Installation, SignInLink, User, database
from devpush.models.database import TROUBLE
from devpush.models.secret import use_keys
from devpush.ports import MARK_HEADER, Happening, Jobs, World
from devpush.settings import Settings
from devpush.web.app import create_app
from devpush.web.in_flight import InFlight

STREAMS_END_WITHIN = 3
REQUESTS_END_WITHIN = 30
"""Seconds that a drain waits for what is still being asked: a large upload may be on its way."""
LOOK_TIMEOUT = 3
FRONT_AGAIN = 10
"""Seconds until we try again to get the dashboard, when Traefik doesn't lead to us."""
LOOK_AT_FRONT_EVERY = 3.0
OTHER_WITHIN, TRAEFIK_WITHIN = 3, 1
"""Seconds within which another process takes the dashboard from one that drains, and Traefik leads nobody here."""
MOST_FILES = 65_536
log = logging.getLogger(__name__)


# The process ----------------------------------------------------------------------------------------------------------


@dataclass
class Life:
    """Where the process is in its life: "starting", "ready", "draining"."""

    state: str = "starting"
    ending: asyncio.Event = field(default_factory=asyncio.Event)
    """Ends the streams of open pages: their browsers come back to whichever process is in front then."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Ends the server."""
    acts: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    """What others have told us to do: each once at a time."""

    def stop(self) -> None:
        self.ending.set()
        self.stopping.set()

    def act(self, name: str, what: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if name not in self.acts or self.acts[name].done():
            self.acts[name] = asyncio.create_task(what(), name=name)
            self.acts[name].add_done_callback(_say_if_broken)


async def serve(settings: Settings) -> None:
    """The whole process. Raises BadSettings if it can't start."""
    _check_port(settings)
    _allow_many_connections()
    life = Life()
    _stop_on_signals(life)
    async with AsyncExitStack() as stack:
        endpoints = await stack.enter_async_context(services(settings))
        await database.migrate(str(endpoints.postgres_dsn))
        pool = Pool(settings.max_concurrent_deployments)
        world = await stack.enter_async_context(open_world(settings, endpoints, lambda live: call.OneOfTwo(live, pool)))
        app = create_app(world, lambda: readiness(world), lambda: life.state)
        app.extensions["stopping"] = life.ending
        in_flight = InFlight(app)
        server = asyncio.create_task(_http(in_flight, settings, life.stopping))
        try:
            async with _working(world, pool, life, app.extensions["process"], in_flight):
                await _announce(world)
                gc.collect()
                gc.freeze()  # what is here now stays: to look through it again and again delays requests
                life.act("front", lambda: _come_to_front(world, life, app.extensions["process"]))
                await asyncio.wait({server, asyncio.create_task(life.stopping.wait())}, return_when="FIRST_COMPLETED")
                life.state = "draining"
        finally:
            life.stop()
            await server


@asynccontextmanager
async def _working(world: World, pool: Pool, life: Life, process: str, in_flight: InFlight) -> AsyncIterator[None]:
    """Everything that runs beside the requests."""
    scheduler = schedule(world)
    scheduler.start()

    def drain(told: Mapping[str, Any]) -> None:
        if told.get("port") == world.settings.port and life.state != "draining":
            scheduler.pause()
            life.act("drain", lambda: _drain(world, pool, life, in_flight))

    def come_to_front(told: Mapping[str, Any]) -> None:
        if told.get("port") != world.settings.port and life.state == "ready":
            life.act("front", lambda: _come_to_front(world, life, process))

    tasks = [
        asyncio.create_task(pool.run(world), name="pool"),
        asyncio.create_task(pool.queues.run(world), name="queues"),
        asyncio.create_task(world.shipping.run(), name="shipper"),
        asyncio.create_task(world.metering.run(), name="meter"),
        asyncio.create_task(Guard(world).run(), name="guard"),
        asyncio.create_task(_stand_by(world, life, process), name="stand by"),
        asyncio.create_task(call.answer(world.live, pool, {"drain": drain, "front": come_to_front}), name="calls"),
    ]
    pool.sweep_soon()
    try:
        yield
    finally:
        scheduler.shutdown(wait=False)
        await end([*life.acts.values(), *tasks])
        await world.live.publish([Happening(call.TOPIC, "wake"), Happening(call.TOPIC, "sweep")])  # it is others' now


async def _come_to_front(world: World, life: Life, process: str) -> None:
    """Ready is who serves the dashboard. Whoever did so until now goes on until Traefik leads to us."""
    while life.state != "draining":
        try:
            if await _listens(world.settings, process):
                await front.take(world, process)
                life.state = "ready" if life.state == "starting" else life.state
                return
            await asyncio.sleep(0.05)
        except TROUBLE as trouble:
            log.error("not in front: %s", trouble)
            await asyncio.sleep(FRONT_AGAIN)
        except Exception:
            log.exception("not in front")
            await asyncio.sleep(FRONT_AGAIN)


async def _stand_by(world: World, life: Life, process: str) -> None:
    """Somebody else may be in front of us. If it dies there, the dashboard is ours again."""
    missed = 0
    while True:
        await asyncio.sleep(LOOK_AT_FRONT_EVERY)
        try:
            there = life.state != "ready" or await _answers(await front.whose(world))
        except TROUBLE:
            continue
        missed = 0 if there else missed + 1
        if missed >= 2:
            life.act("front", lambda: _come_to_front(world, life, process))


async def _answers(address: str) -> bool:
    with suppress(Unavailable):
        await what_it_says(address, "/health")
        return True
    return False


async def _listens(settings: Settings, process: str) -> bool:
    """Whether our own server answers by now: nobody is led here before."""
    with suppress(Unavailable):
        return (await what_it_says(front.here(settings), "/health")).mark == process
    return False


async def _drain(world: World, pool: Pool, life: Life, in_flight: InFlight) -> None:
    """Take nothing new, finish what runs, end the streams, let requests end; tell whoever asked how it goes; stop."""
    life.state = "draining"
    finishing = asyncio.gather(pool.finish(world.settings.job_completion_wait), _step_back(world))
    ending = asyncio.create_task(_end_requests(finishing, life, in_flight))
    while not ending.done():
        told = {"port": world.settings.port, "left": len(pool.tasks), "requests": in_flight.count}
        await world.live.publish([Happening("drain", "running", told)])
        await asyncio.wait({ending}, timeout=1)
    told = {"port": world.settings.port, "left": len(pool.tasks), "requests": ending.result()}
    await world.live.publish([Happening("drain", "done", told)])
    life.stop()


async def _end_requests(finishing: Awaitable[object], life: Life, in_flight: InFlight) -> int:
    await finishing
    life.ending.set()
    return await in_flight.over(REQUESTS_END_WITHIN)


async def _step_back(world: World) -> None:
    """If we are in front, another process that is ready takes our place."""
    with suppress(*TROUBLE, TimeoutError):
        if await front.is_here(world):
            await world.live.publish([Happening(call.TOPIC, "front", {"port": world.settings.port})])
            async with asyncio.timeout(OTHER_WITHIN):
                while await front.is_here(world):
                    await asyncio.sleep(0.1)
            await asyncio.sleep(TRAEFIK_WITHIN)


def _say_if_broken(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (failure := task.exception()):
        log.error("%s broke", task.get_name(), exc_info=failure)


def _stop_on_signals(life: Life) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, life.stop)


def _check_port(settings: Settings) -> None:
    """Before anything is started, and said to be up."""
    with closing(socket.socket(socket.AF_INET6 if ":" in settings.bind else socket.AF_INET)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.bind, settings.port))
        except OSError as problem:
            raise BadSettings(
                f"The dashboard can't listen on port {settings.port} of {settings.bind} ({problem.strerror}). "
                "Please stop what uses it, or set another PORT."
            ) from None


def _allow_many_connections() -> None:
    """Each open page is one: most systems begin with 1,024 and allow more to whoever asks."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = MOST_FILES if most == resource.RLIM_INFINITY else min(most, MOST_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(now, allowed), most))


async def _http(app: InFlight, settings: Settings, stopping: asyncio.Event) -> None:
    config = Config()
    config.bind = [f"{settings.bind}:{settings.port}"]
    config.graceful_timeout = STREAMS_END_WITHIN
    config.shutdown_timeout = STREAMS_END_WITHIN
    config.include_server_header = False
    config.h11_max_incomplete_size = 64 * 1024
    await hypercorn_serve(app, config, shutdown_trigger=stopping.wait)


@dataclass(frozen=True)
class Said:
    """What a process says of itself."""

    mark: str
    """Tells it from any other process, and from its own next life."""
    state: str = ""


async def what_it_says(address: str, path: str) -> Said:
    """What the process there says at /health or /ready. Raises Unavailable if there is none."""
    timeout = aiohttp.ClientTimeout(total=LOOK_TIMEOUT + 2)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as client, client.get(address + path) as answer:
            return Said(answer.headers.get(MARK_HEADER, ""), str((await answer.json()).get("state", "")))
    except (aiohttp.ClientError, TimeoutError, ValueError):
        raise Unavailable(f"No process of the platform answers at {address}.") from None


async def _announce(world: World) -> None:
    """Where the dashboard is; and, where nobody could sign in otherwise, the operator's one-time link."""
    settings = world.settings
    await User.operator(settings.hostname)
    print(f"\n  {settings.app_name} is up: {settings.dashboard_url}", flush=True)
    if settings.mail_configured:
        return
    link = await operator_link(settings)
    print(f"  Sign in once within 24 hours with: {link}\n", flush=True)
    _keep_link(settings, link)


async def operator_link(settings: Settings) -> str:
    """A fresh one-time link that signs the operator in; the one before ends."""
    operator = await User.operator(settings.hostname)
    return f"{settings.dashboard_url}/auth/link/{await SignInLink.make(operator.email, operator=True)}"


def _keep_link(settings: Settings, link: str) -> None:
    """For scripts that start us (provision/quickstart.sh)."""
    path = settings.data_dir / "run" / "sign-in-link"
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(link + "\n")


# What it stands on ----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def services(settings: Settings) -> AsyncIterator[Endpoints]:
    """PostgreSQL, Redis and Traefik: those of the environment, and child processes of our own for the rest. Only a
    process with such children has DATA_DIR for itself."""
    if None not in (settings.postgres_host, settings.redis_url, settings.traefik_config_dir):
        yield _with_settings(settings, Endpoints())
        return
    own = Local(
        settings.data_dir,
        postgres=settings.postgres_host is None,
        redis=settings.redis_url is None,
        traefik=settings.traefik_config_dir is None,
        http_port=settings.http_port,
        bind=settings.bind,
        https=_https(settings) if settings.url_scheme == "https" else None,
    )
    async with own as started:
        yield _with_settings(settings, started)


def _https(settings: Settings) -> Https:
    port = urlsplit(settings.traefik_secure_url).port or 443
    return Https(port, settings.acme_directory, settings.le_email)


def running_services(settings: Settings) -> Endpoints:
    """Those a running process stands on. Raises BadSettings if there is none."""
    needs_local = None in (settings.postgres_host, settings.redis_url, settings.traefik_config_dir)
    found = local.endpoints(settings.data_dir) if needs_local else Endpoints()
    if found is None:
        raise BadSettings("The platform isn't running. Start it with: python devpush.py serve")
    return _with_settings(settings, found)


def _with_settings(settings: Settings, found: Endpoints) -> Endpoints:
    if settings.postgres_host is not None:
        dsn = database.address(
            host=settings.postgres_host,
            port=settings.postgres_port,
            user=settings.postgres_user,
            password=settings.postgres_password,
            database=settings.postgres_db,
        )
        found = replace(found, postgres_dsn=dsn, postgres_admin_dsn=None)
    if settings.redis_url is not None:
        found = replace(found, redis_url=settings.redis_url)
    if settings.traefik_config_dir is not None:
        found = replace(
            found,
            traefik_config_dir=settings.traefik_config_dir,
            traefik_url=settings.traefik_url,
            traefik_access_log=settings.traefik_access_log,
        )
    return found


@asynccontextmanager
async def open_database(settings: Settings, endpoints: Endpoints) -> AsyncIterator[None]:
    """Tortoise, opened in this context so that every request and task sees it; our keys fit what is stored."""
    use_keys(settings.encryption_keys)
    async with TortoiseContext() as context:
        await context.init(config=database.config(str(endpoints.postgres_dsn)))
        try:
            await Installation.this()
        except WrongKey as wrong:
            raise BadSettings(str(wrong)) from None
        yield


@asynccontextmanager
async def open_world(
    settings: Settings, endpoints: Endpoints, jobs: Callable[[RedisLive], Jobs]
) -> AsyncIterator[World]:
    """Every adapter, open."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(open_database(settings, endpoints))
        installation = (await Installation.this()).id
        live = await stack.enter_async_context(RedisLive(str(endpoints.redis_url), installation))
        config_dir = Path(endpoints.traefik_config_dir or settings.data_dir)
        world = World(
            settings=settings,
            installation=installation,
            containers=await stack.enter_async_context(
                DockerContainers(settings.docker_host, installation, runtime=settings.container_runtime)
            ),
            proxy=TraefikProxy(
                config_dir,
                staging=config_dir.parent / "staging",
                entrypoint=str(endpoints.traefik_url),
                api_ping=f"{endpoints.traefik_api}/ping" if endpoints.traefik_api else None,
                secure=settings.traefik_secure_url if settings.url_scheme == "https" else None,
                wildcard=settings.wildcard,
            ),
            dns=NameServers(allowed=settings.allow_private_addresses),
            git=GitMirrors(
                settings.data_dir,
                addresses=Addresses(settings.allow_private_addresses, own=settings.github_url, proxies=os.environ),
            ),
            logs=await stack.enter_async_context(log_store(settings, endpoints, installation)),
            live=live,
            leases=await stack.enter_async_context(RedisLeases(str(endpoints.redis_url), installation)),
            mailer=mailer(settings),
            machine=OwnMachine(),
            vault=await stack.enter_async_context(Places(settings)),
            dumps=PgDumps(str(endpoints.postgres_dsn), endpoints.postgres_admin_dsn),
            github=await stack.enter_async_context(GitHubApi(settings)),
            openid=await stack.enter_async_context(OpenIdProvider(settings)),
            probe=HttpProbe(),
            access_log=TraefikAccessLog(endpoints.traefik_access_log),
            shipping=None,  # type: ignore[arg-type]  # the shipper needs the world it is part of
            metering=None,  # type: ignore[arg-type]  # and so does the meter
            jobs=jobs(live),
        )
        world.shipping = Shipper(world)
        world.metering = Meter(world)
        yield world


def log_store(settings: Settings, endpoints: Endpoints, installation: str) -> LogTable | LokiLogs:
    """Where log lines last."""
    if not settings.loki_url:
        return LogTable(str(endpoints.postgres_dsn))
    return LokiLogs(
        settings.loki_url,
        settings.data_dir / "spool",
        installation,
        spool=settings.log_spool_mb * 1_000_000,
        keep=timedelta(days=settings.log_retention_days),
    )


async def readiness(world: World) -> dict[str, str]:
    """Each part beside us and its state: "ok" or what is wrong."""
    checks: dict[str, Callable[[], Awaitable[object]]] = {
        "database": lambda: connections.get("default").execute_query("SELECT 1"),
        "redis": world.live.ping,
        "docker": world.containers.ping,
        "traefik": world.proxy.ping,
    }
    if isinstance(world.logs, LokiLogs):
        checks["loki"] = world.logs.ping
    states = await asyncio.gather(*(_look(check) for check in checks.values()))
    return dict(zip(checks, states, strict=True))


async def _look(check: Callable[[], Awaitable[object]]) -> str:
    """Not with asyncio.timeout: a driver that is told to stop may wait for the other side once more."""
    looking = asyncio.ensure_future(_state(check))
    done, _ = await asyncio.wait({looking}, timeout=LOOK_TIMEOUT)
    if done:
        return looking.result()
    looking.cancel()
    return f"no answer within {LOOK_TIMEOUT} seconds"


async def _state(check: Callable[[], Awaitable[object]]) -> str:
    try:
        await check()
    except Unavailable as trouble:
        return str(trouble)
    except Exception as trouble:  # whatever a driver throws, the page says that this part is not well
        log.info("not ready: %s", trouble)
        return "not reachable"
    return "ok"


def configure_logging(level: str) -> None:
    """One line a record: time, level, where, event, and its fields."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("asyncpg.pool").setLevel(logging.ERROR)  # PostgreSQL is away: whoever needs it says so in a line
    with suppress(KeyError):
        logging.getLogger("apscheduler").setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level]))


class _Formatter(logging.Formatter):
    """Adds the fields given as `extra`."""

    plain = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}

    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{key}={value}" for key, value in record.__dict__.items() if key not in self.plain)
        return f"{super().format(record)} {fields}".rstrip()
