"""The embedded services come up, stay up, keep what they hold, and leave with us."""

import asyncio
import json
import os
import signal
import socket
import stat
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import asyncpg
import pytest
import redis.asyncio

from devpush.adapters.traefik import TraefikProxy
from devpush.errors import BadSettings
from devpush.local import Endpoints, Https, Local, endpoints

pytestmark = pytest.mark.integration
ROOT = Path(__file__).resolve().parent.parent.parent
ALL = ("postgres", "valkey", "traefik")


@pytest.fixture
def home() -> Iterator[Path]:
    """A DATA_DIR that PostgreSQL's user may pass through; pytest closes its own folders to others."""
    with tempfile.TemporaryDirectory(prefix="devpush-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder) / "data"


async def test_every_service_is_ready_when_asked_for(home: Path) -> None:
    async with embedded(home) as (local, found):
        assert local.states() == dict.fromkeys(ALL, "running")
        assert await ask(found, "SELECT current_user || ' on ' || current_database()") == "devpush-app on devpush"
        assert await ask(found, "SHOW server_encoding") == "UTF8"
        assert await ask(found, "SELECT lower('ÄÖÜ') = 'äöü' AND 'a' < 'ä'")
        assert await ask(found, "CREATE EXTENSION pg_trgm") is None, "text search wants it, and our role may"
        async with redis.asyncio.from_url(str(found.redis_url)) as store:
            assert await store.set("lease", "ours", nx=True, px=1000)
            assert (await store.config_get("maxmemory-policy"))["maxmemory-policy"] == "noeviction"
        assert (await fetch(f"{found.traefik_api}/ping"))[0] == 200


async def test_only_what_is_asked_for_is_started(home: Path) -> None:
    async with embedded(home, "valkey") as (local, found):
        assert local.states() == {"valkey": "running"}
        assert (found.postgres_dsn, found.traefik_url, found.traefik_config_dir) == (None, None, None)


async def test_a_service_that_dies_is_started_again(home: Path) -> None:
    async with embedded(home) as (local, found):
        before = pids(home)
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)
        await until(
            lambda: (
                local.states() == dict.fromkeys(ALL, "running") and not set(pids(home).values()) & {*before.values()}
            )
        )
        assert await ask(found, "SELECT 1") == 1
        async with redis.asyncio.from_url(str(found.redis_url)) as store:
            assert await store.ping()
        assert (await fetch(f"{found.traefik_api}/ping"))[0] == 200


async def test_what_postgres_holds_outlives_a_restart(home: Path) -> None:
    async with embedded(home, "postgres") as (_, found):
        await ask(found, "CREATE TABLE kept AS SELECT 42 AS answer")
    async with embedded(home, "postgres") as (_, found):
        assert await ask(found, "SELECT answer FROM kept") == 42


async def test_nothing_runs_after_the_end(home: Path) -> None:
    async with embedded(home) as (local, found):
        running = pids(home)
        assert endpoints(home) == found
    assert not any(alive(pid) for pid in running.values())
    assert set(local.states().values()) == {"stopped"}
    assert endpoints(home) is None


async def test_services_end_with_a_killed_process_and_the_next_run_keeps_the_data(home: Path) -> None:
    process = await another_process(home)
    running, found = pids(home), endpoints(home)
    assert found
    await ask(found, "CREATE TABLE kept AS SELECT 42 AS answer")
    process.kill()
    await process.wait()
    await until(lambda: not any(alive(pid) for pid in running.values()))
    assert endpoints(home) is None
    async with embedded(home) as (_, found):
        assert await ask(found, "SELECT answer FROM kept") == 42


async def test_what_an_earlier_run_left_behind_is_ended_first(home: Path) -> None:
    async with embedded(home, "valkey"):
        config = home / "valkey" / "valkey.conf"
        program = Path(f"/proc/{pids(home)['valkey']}/exe").readlink()
    stray = await asyncio.create_subprocess_exec(program, config, stdout=asyncio.subprocess.DEVNULL)
    (home / "run" / "valkey.pid").write_text(f"{stray.pid}\n")
    async with embedded(home, "valkey") as (local, _):
        assert local.states() == {"valkey": "running"}
        assert await asyncio.wait_for(stray.wait(), 60) is not None


async def test_a_stranger_with_an_old_number_is_left_alone(home: Path) -> None:
    async with embedded(home, "postgres"):
        pass
    stranger = await asyncio.create_subprocess_exec("sleep", "60")
    try:
        (home / "run" / "postgres.pid").write_text(f"{stranger.pid}\n")
        (home / "postgres" / "data" / "postmaster.pid").write_text(f"{stranger.pid}\n")
        async with embedded(home, "postgres") as (_, found):
            assert await ask(found, "SELECT 1") == 1
        assert stranger.returncode is None
    finally:
        stranger.kill()
        await stranger.wait()


async def test_ctrl_c_in_the_terminal_is_ours_to_answer(home: Path) -> None:
    async with embedded(home):
        assert all(os.getsid(pid) == pid for pid in pids(home).values())


async def test_one_process_a_folder(home: Path) -> None:
    async with embedded(home, "valkey"):
        with pytest.raises(BadSettings, match=rf"process {os.getpid()}\) runs in .*another DATA_DIR"):
            async with embedded(home, "valkey"):
                pass


async def test_a_port_in_use_is_said_in_a_sentence(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(BadSettings, match=r"is in use.*HTTP_PORT"):
            async with embedded(home, "traefik", http_port=taken.getsockname()[1]):
                pass
    async with embedded(home, "valkey"):
        pass  # the failed start let go of the folder


async def test_a_service_that_cannot_start_tells_its_last_words(home: Path) -> None:
    async with embedded(home, "postgres"):
        pass
    (home / "postgres" / "data" / "postgresql.conf").write_text("nonsense = 1\n")
    with pytest.raises(BadSettings, match=r"(?s)postgres does not start.*nonsense"):
        async with embedded(home, "postgres"):
            pass


async def test_a_deep_folder_gets_its_socket_elsewhere(home: Path) -> None:
    deep = home.joinpath(*["a-folder-with-a-long-name"] * 5)
    async with embedded(deep, "postgres") as (_, found):
        assert str(deep) not in str(found.postgres_dsn)
        assert await ask(found, "SELECT 1") == 1


async def test_a_new_route_answers(home: Path) -> None:
    async with answering("an app") as app, embedded(home, "traefik") as (_, found):
        assert found.traefik_url
        assert found.traefik_config_dir
        route = {
            "routers": {"shop": {"rule": "Host(`shop.localhost`)", "service": "shop"}},
            "services": {"shop": {"loadBalancer": {"servers": [{"url": app}]}}},
        }
        staged = home / "traefik" / "staging" / "shop.yml"
        staged.write_text(json.dumps({"http": route}))
        staged.rename(found.traefik_config_dir / "shop.yml")
        await until_async(lambda: says(found.traefik_url, "shop.localhost", "an app"))


async def test_https_is_served_and_certificates_are_asked_for(home: Path) -> None:
    """Nobody issues any here; what it does with those of an issuer, test_acme.py looks at."""
    https = Https(free_port(), "https://127.0.0.1:9/directory", "ada@example.com")
    async with embedded(home, "traefik", https=https) as (_, found):
        proxy = TraefikProxy(
            Path(str(found.traefik_config_dir)),
            staging=home / "traefik" / "staging",
            entrypoint=str(found.traefik_url),
            api_ping=None,
            secure=f"https://127.0.0.1:{https.port}",
        )
        await proxy.write_platform("http://127.0.0.1:1", "push.example.com")
        await until_async(lambda: _bad_gateway(https.port))
        assert not (await proxy.certificate("push.example.com")).fits
        resolvers = json.loads(await asyncio.to_thread((home / "traefik" / "static.yml").read_text))
        acme = resolvers["certificatesResolvers"]["letsencrypt"]["acme"]
        assert (acme["caServer"], acme["email"]) == (https.directory, https.email)
        with pytest.raises(BadSettings, match="TRAEFIK_SECURE_URL"):
            async with embedded(home.with_name("another"), "traefik", https=https):
                pass


async def _bad_gateway(port: int) -> bool:
    """The dashboard's router leads to its process, which isn't there."""
    url, name = f"https://127.0.0.1:{port}", "push.example.com"
    with suppress(aiohttp.ClientError):
        async with (
            aiohttp.ClientSession() as client,
            client.get(url, headers={"Host": name}, ssl=False, server_hostname=name) as answer,
        ):
            return answer.status == 502
    return False


async def test_secrets_are_for_our_eyes_only(home: Path) -> None:
    async with embedded(home) as (_, found):
        password = str(found.redis_url).split(":")[2].split("@")[0]
        for path in (home / "run" / "endpoints.json", home / "valkey" / "valkey.conf"):
            assert password in path.read_text()
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
        for pid in pids(home).values():
            assert password.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
            assert b"PATH=" in Path(f"/proc/{pid}/environ").read_bytes()
            assert b"HOME=" not in Path(f"/proc/{pid}/environ").read_bytes(), "nothing of ours is handed on"
        assert password not in repr(found)
        assert stat.S_IMODE((home / "run" / "postgres").stat().st_mode) == 0o700
        with pytest.raises(redis.AuthenticationError):
            async with redis.asyncio.from_url(str(found.redis_url).replace(password, "guess")) as store:
                await store.ping()


async def test_nothing_but_the_web_port_listens_beyond_loopback(home: Path) -> None:
    async with embedded(home, bind="0.0.0.0") as (_, found):
        assert found.traefik_url
        web = int(found.traefik_url.rsplit(":", 1)[1])
        assert {port for address, port in listening({*pids(home).values()}) if address != "127.0.0.1"} == {web}


# The steps of the tests


@asynccontextmanager
async def embedded(
    home: Path,
    *wanted: str,
    http_port: int | None = None,
    bind: str = "127.0.0.1",
    https: Https | None = None,
) -> AsyncIterator[tuple[Local, Endpoints]]:
    chosen = wanted or ALL
    local = Local(
        home,
        postgres="postgres" in chosen,
        redis="valkey" in chosen,
        traefik="traefik" in chosen,
        http_port=http_port or free_port(),
        bind=bind,
        https=https,
    )
    async with local as found:
        yield local, found


async def another_process(home: Path) -> asyncio.subprocess.Process:
    """A process of its own that runs all services until it is killed."""
    program = f"""
import asyncio
from pathlib import Path
from devpush.local import Local

async def run():
    async with Local(Path({str(home)!r}), postgres=True, redis=True, traefik=True, http_port={free_port()},
                     bind="127.0.0.1"):
        print("ready", flush=True)
        await asyncio.sleep(60)

asyncio.run(run())
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout
    assert await process.stdout.readline() == b"ready\n"
    return process


async def ask(found: Endpoints, question: str) -> object:
    connection = await asyncpg.connect(found.postgres_dsn)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def fetch(url: str, host: str = "localhost") -> tuple[int, str]:
    async with aiohttp.ClientSession() as client, client.get(url, headers={"Host": host}) as answer:
        return answer.status, await answer.text()


async def says(url: str | None, host: str, text: str) -> bool:
    return (await fetch(str(url), host))[1] == text


@asynccontextmanager
async def answering(text: str) -> AsyncIterator[str]:
    """A web server that says one thing."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def pids(home: Path) -> dict[str, int]:
    found = {}
    for path in (home / "run").glob("*.pid"):
        with suppress(FileNotFoundError):  # it died since
            found[path.stem] = int(path.read_text() or 0)
    return found


def alive(pid: int) -> bool:
    try:
        return b"\nState:\tZ" not in Path(f"/proc/{pid}/status").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


def listening(processes: set[int]) -> set[tuple[str, int]]:
    """The TCP addresses that these processes listen on."""
    sockets = set()
    for pid in processes:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            target = str(link.readlink())
            if target.startswith("socket:"):
                sockets.add(target[8:-1])
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in sockets:
                address, port = fields[1].split(":")
                found.add(("127.0.0.1" if address.endswith("0100007F") else address, int(port, 16)))
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def until(true: Callable[[], bool], within: float = 60) -> None:
    async with asyncio.timeout(within):
        while not true():
            await asyncio.sleep(0.05)


async def until_async(true: Callable[[], Awaitable[bool]], within: float = 60) -> None:
    async with asyncio.timeout(within):
        while not await true():
            await asyncio.sleep(0.05)
