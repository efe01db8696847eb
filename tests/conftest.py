"""What tests stand on: real PostgreSQL, Valkey and Traefik in a folder of their own, each test a database."""

import asyncio
import contextvars
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from types import CodeType
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import jinja2
import pytest
from aerich import Command
from cryptography.fernet import Fernet
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from jinja2.bccache import Bucket
from redis.asyncio import Redis
from redis.exceptions import RedisError
from tortoise.context import TortoiseContext

from devpush.local import Endpoints, Local
from devpush.models import database
from devpush.models.secret import use_keys
from devpush.settings import Settings
from devpush.web import pages
from tests.emulate import Emulate, running
from tests.fakes import FakeWorld, fake_world
from tests.github_server import GitHubServer
from tests.patience import until

ROOT = Path(__file__).resolve().parent.parent
KEY = Fernet.generate_key().decode()
TEMPLATE = "template_migrated"
_numbers = count(1)

# How long an example takes says nothing about our code on a machine that has other work.
# provision/test.sh tries a commit with the same examples each time; pytest by itself tries others every time.
hypothesis_settings.register_profile(
    "steady", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize="STEADY" in os.environ
)
hypothesis_settings.load_profile("steady")


class Compiled(jinja2.BytecodeCache):
    """What templates became, for the next application of the same run."""

    def __init__(self) -> None:
        self.codes: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self.codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code:
            self.codes[bucket.key, bucket.checksum] = bucket.code


@pytest.fixture(scope="session", autouse=True)
def _compiled_once() -> Iterator[None]:
    """Most tests of pages make an application: compiling every template anew would be most of their time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "_Environment", partial(pages._Environment, bytecode_cache=Compiled()))
        yield


@pytest.fixture(scope="session")
def services_dir() -> Iterator[Path]:
    """A DATA_DIR with a short path (sockets need that), which PostgreSQL's user may pass through."""
    folder = Path(tempfile.mkdtemp(prefix="devpush-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
async def services(services_dir: Path) -> AsyncIterator[Endpoints]:
    """Every embedded service, as an installation without any settings has them."""
    local = Local(
        services_dir,
        postgres=True,
        redis=True,
        traefik=True,
        http_port=free_port(),
        bind="127.0.0.1",
    )
    async with local as found:
        yield found


@pytest.fixture(scope="session")
async def template(services: Endpoints) -> "Template":
    """A migrated database to make others from, in a PostgreSQL that survives kill -9, but no power cut."""
    admin = str(services.postgres_dsn).replace("devpush-app@", "postgres@", 1)
    for setting in ("fsync", "full_page_writes", "autovacuum"):
        await execute(admin, f"ALTER SYSTEM SET {setting} = off")
    await execute(admin, "SELECT pg_reload_conf()")
    template = Template(admin, str(services.postgres_dsn))
    await template.make(TEMPLATE, "template1")
    # Tortoise keeps its context in a contextvar: aerich's is not to be seen by any test.
    await asyncio.create_task(migrate(template.dsn(TEMPLATE)), context=contextvars.Context())
    return template


@pytest.fixture
async def db(template: "Template") -> AsyncIterator[str]:
    """A database of the test's own, with Tortoise open on it; its address."""
    name = f"test_{next(_numbers)}"
    await template.make(name, TEMPLATE)
    use_keys([KEY])
    async with TortoiseContext() as context:
        await context.init(config=database.config(template.dsn(name), pool=5))
        yield template.dsn(name)
    await execute(template.admin, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def killing(services: Endpoints, services_dir: Path) -> AsyncIterator["Killing"]:
    """May kill what all tests share. Ask for it first: at its end everything answers again, whatever the test did."""
    killing = Killing(services, services_dir / "run")
    yield killing
    for name in killing.killed:
        await killing.back(name)


@pytest.fixture
async def redis_url(services: Endpoints) -> str:
    """The address of the real Valkey. Tests share it: use names of your own, or expect a flush."""
    return str(services.redis_url)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    use_keys([KEY])
    return Settings(
        secret_key="a secret key for tests, of 32 and more letters",
        encryption_keys=(KEY,),
        data_dir=tmp_path / "data",
        upload_dir=tmp_path / "upload",
        deployment_timeout=20,
        default_memory_mb=256,
    )


@pytest.fixture
def world(settings: Settings) -> FakeWorld:
    """A world of fakes."""
    return fake_world(settings)


@pytest.fixture(scope="session")
def emulate() -> Iterator[Emulate]:
    """GitHub, Google and Resend, written by somebody else. Tests share it."""
    with running() as found:
        yield found


@pytest.fixture
def github_server(emulate: Emulate) -> Iterator[GitHubServer]:
    """A GitHub at one address, with what emulate lacks; a test's own."""
    with GitHubServer(emulate).serving() as server:
        yield server


@dataclass
class Killing:
    """kill -9 for embedded services; whoever supervises them starts them again."""

    services: Endpoints
    run: Path
    killed: dict[str, int] = field(default_factory=dict)

    def kill(self, name: str) -> None:
        self.killed[name] = self.pid(name)
        os.kill(self.killed[name], signal.SIGKILL)

    async def back(self, name: str) -> None:
        """Until another process has taken its place and has done some work."""
        await until(lambda: self._works(name))

    def pid(self, name: str) -> int:
        return int((self.run / f"{name}.pid").read_text())

    async def _works(self, name: str) -> bool:
        try:
            if self.pid(name) == self.killed[name]:
                return False
            if name == "postgres":
                await execute(str(self.services.postgres_dsn), "CREATE TEMPORARY TABLE work AS SELECT 1")
            else:
                async with Redis.from_url(str(self.services.redis_url)) as redis:
                    await redis.ping()
        except (OSError, ValueError, RedisError, asyncpg.PostgresError):
            return False
        return True


@dataclass
class Template:
    """Makes databases: PostgreSQL copies one in milliseconds, where migrating takes a second."""

    admin: str
    app: str

    def dsn(self, name: str) -> str:
        return urlunsplit(urlsplit(self.app)._replace(path=f"/{name}"))

    async def make(self, name: str, source: str) -> None:
        await execute(self.admin, f'CREATE DATABASE {name} OWNER "devpush-app" TEMPLATE {source} STRATEGY FILE_COPY')


async def migrate(dsn: str) -> None:
    async with Command(
        tortoise_config=database.config(dsn), app="models", location=str(ROOT / "devpush" / "migrations")
    ) as command:
        await command.upgrade()


async def execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
