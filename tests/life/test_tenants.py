"""Tenants of the real platform: what their apps are given, what they reach, use up and get to see of secrets."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.parse import quote

import pytest
from cryptography.fernet import Fernet
from redis.asyncio import Redis

from devpush.adapters.docker import DockerContainers
from tests.abuse.test_containers import GOLDEN
from tests.gitserver import GitServer
from tests.life.platform import App, Operator, Platform, app, new_platform, own_platform, repository, until

pytestmark = [pytest.mark.integration, pytest.mark.abuse]

MEMORY = 256 * 1024 * 1024
VARIABLE = "canary-of-a-variable-8d1f0c"
TOKEN = "canary-of-a-git-token-77aa31"
SAYS_ALL = "print('my password:', os.environ['PASSWORD'], flush=True)"


async def python(platform: Platform, project: str, script: str) -> str:
    """What a script prints that runs inside the project's app container, as the app itself would."""
    [container] = [found for found in await platform.containers(project) if found.state == "running"]
    lines: list[str] = []
    async with platform.engine() as engine:
        exit = await engine.run(
            container.name, ["python3", "-c", script], environment={}, on_output=lambda _, line: lines.append(line)
        )
    assert exit.code == 0, lines
    return "\n".join(lines)


async def test_an_app_is_given_exactly_what_the_list_says(platform: Platform, tmp_path: Path) -> None:
    await platform.live(repository(tmp_path, "given").path)
    [container] = await platform.containers("given")
    async with platform.engine() as engine:
        raw = await engine.engine.ask(f"containers/{container.name}/json")
    given = {name: raw["HostConfig"][name] for name in GOLDEN}
    assert given == GOLDEN | {
        "Memory": MEMORY,
        "MemorySwap": MEMORY,
        "CpuQuota": 100_000,
        "PidsLimit": 512,
        "RestartPolicy": {"Name": "unless-stopped", "MaximumRetryCount": 0},
    }
    host = raw["HostConfig"]
    for dangerous in ("Privileged", "Binds", "Mounts", "CapAdd", "Devices", "DeviceRequests", "PortBindings", "Links"):
        assert not host.get(dangerous), dangerous
    assert not host["PidMode"]
    assert not host["UTSMode"]
    assert not host["UsernsMode"]
    assert raw["Mounts"] == []
    assert raw["Config"]["User"] == "1000:1000"
    assert list(raw["NetworkSettings"]["Networks"]) == [host["NetworkMode"]]
    assert host["NetworkMode"].startswith(f"devpush-{platform.installation}-")


LOOK_AROUND = """
import json, os, socket
def reached(address, port):
    try:
        with socket.create_connection((address, port), timeout=1):
            return True
    except OSError:
        return False
targets = json.loads({targets!r})
gateway = next(
    socket.inet_ntoa(int(row.split()[2], 16).to_bytes(4, "little"))
    for row in open("/proc/net/route").read().splitlines()[1:] if row.split()[1] == "00000000"
)
print(json.dumps({{
    "reached": [target for target in targets if reached(target[0] or gateway, target[1])],
    "sockets": [path for path in ("/var/run/docker.sock", "/run/docker.sock") if os.path.exists(path)],
    "uid": os.getuid(),
    "capabilities": next(row.split()[1] for row in open("/proc/self/status") if row.startswith("CapEff")),
    "readable": [path for path in {paths!r} if os.path.exists(path)],
    "processes": len([name for name in os.listdir("/proc") if name.isdigit()]),
}}))
"""


@asynccontextmanager
async def looking_around(platform: Platform, neighbour: str) -> AsyncIterator[str]:
    """A script that tries, from where it runs, to reach all that a tenant must not."""
    [other] = await platform.containers(neighbour)
    ports = [platform.port, *(int(path.read_text()) for path in (platform.folder / "run").glob("*.port"))]
    assert len(ports) >= 3
    ours = [[host, port] for host in ("127.0.0.1", "") for port in ports]  # "" becomes the bridge's gateway
    paths = [str(platform.folder), str(Path(__file__)), "/var/lib/docker"]
    with socket.create_server(("0.0.0.0", 0)) as careless:  # a program of this machine that listens everywhere
        elsewhere = [["", careless.getsockname()[1]], ["169.254.169.254", 80]]
        targets = [*ours, *elsewhere, [other.address, 8000], [other.name, 8000]]
        yield LOOK_AROUND.format(targets=json.dumps(targets), paths=paths)


def saw_nothing(said: str) -> None:
    seen = json.loads(said)
    assert seen["reached"] == []
    assert seen["sockets"] == []
    assert seen["readable"] == []
    assert seen["uid"] == 1000
    assert int(seen["capabilities"], 16) == 0
    assert seen["processes"] < 10, "it sees its own only"


async def test_an_app_reaches_nothing_of_ours_and_nobody_else(platform: Platform, tmp_path: Path) -> None:
    """A7: neither stores, dashboard, Traefik's own API, the host and the metadata address, nor a neighbour."""
    neighbour, _ = await asyncio.gather(
        platform.live(repository(tmp_path, "neighbour").path), platform.live(repository(tmp_path, "curious").path)
    )
    async with looking_around(platform, "neighbour") as script:
        saw_nothing(await python(platform, "curious", script))
    assert await neighbour.says() == "one"


async def test_no_command_of_a_deployment_reaches_more_than_its_app(platform: Platform, tmp_path: Path) -> None:
    """A30: install, build and pre-deploy commands; what a Dockerfile runs is looked at in test_runners.py."""
    await platform.live(repository(tmp_path, "next-door").path)
    async with looking_around(platform, "next-door") as script:
        files = app() | {"look.py": script, "requirements.txt": ""}
        origin = repository(tmp_path, "looking-around", files)
        look = "python3 look.py"
        first = await platform.live(origin.path, "--install", look, "--build", look)
        await platform.sql("UPDATE project SET pre_deploy = $1 WHERE slug = 'looking-around'", look)
        origin.commit(files | {"two": ""})
        second = await platform.live(origin.path)
    for ended, steps in ((first, 2), (second, 3)):  # installed and built; once more, and before it went live
        said = [line for line in ended.ended.out.splitlines() if line.startswith('{"reached"')]
        assert len(said) == steps, ended.ended.out
        for line in said:
            saw_nothing(line)


async def test_nobody_gets_a_hostname_by_the_name_of_their_project(platform: Platform, tmp_path: Path) -> None:
    """A13: names are free text; the labels made of them are unique on the server, and the first one stays."""
    victim = await platform.live(repository(tmp_path, "bank").path)
    short_id = (await platform.newest("bank"))["id"].hex[:7]
    taken = ["bank", "bank-branch-main", f"bank-id-{short_id}", "BANK.", "bank--branch-main"]
    origin = repository(tmp_path, "thief", app("stolen"))
    names = [f"{name}" for name in taken[1:]]
    thieves = await asyncio.gather(*(platform.live(origin.path, "--project", name) for name in names[:2]))
    for host in taken[:3]:
        assert (await platform.get(f"{host}.localhost")).text == "one", host
    for thief in thieves:
        assert thief.host not in {f"{name}.localhost" for name in taken}
        assert await thief.says() == "stolen"
    for host in ("localhost", f"localhost:{platform.http_port}", "127.0.0.1", "x`) || HostRegexp(`.*"):
        assert "stolen" not in (await platform.get(host)).text
    for variant in ("BANK.localhost", "bank.localhost.", f"bank.localhost:{platform.http_port}"):
        assert "stolen" not in (await platform.get(variant)).text
    assert await victim.says() == "one"


# Using things up


GREEDY = """import subprocess, time
if self.path == "/memory": body = str(len(b"x" * (1 << 30)))
elif self.path == "/forks":
    hold, until = [], time.monotonic() + 2
    try:
        while True: hold.append(subprocess.Popen(["sleep", "3"]))
    except OSError as problem: body = f"{len(hold)} {problem}"
    while time.monotonic() < until: pass
elif self.path == "/processor":
    spin = "import time; until = time.monotonic() + 3\\nwhile time.monotonic() < until: pass"
    for child in [subprocess.Popen(["python3", "-c", spin]) for _ in range(8)]: child.wait()
elif self.path == "/lines":
    until = time.monotonic() + 3
    while time.monotonic() < until: print("line " * 20)"""
TRIES = 6
"""Of which the best counts: what else this machine does at that moment is not the app's doing."""


async def test_an_app_that_takes_all_it_can_hurts_nobody_else(platform: Platform, tmp_path: Path) -> None:
    """A31: another app and the dashboard answer within twice their usual time. Without the limits of processor and
    processes, or the cap on lines, they don't."""
    hog, good = await asyncio.gather(
        platform.live(repository(tmp_path, "hog", app(handle=GREEDY)).path),
        platform.live(repository(tmp_path, "good").path),
    )

    async def back_again() -> bool:
        return (await hog.get()).status == 200

    async def others() -> None:
        assert await good.says() == "one"
        assert (await platform.dashboard("/auth/sign-in")).status == 200

    for path in ("/forks", "/processor", "/lines", "/memory"):
        slower: list[float] = []
        while len(slower) < TRIES and min(slower, default=9) > 2:
            usual = await median_time(others, lambda took: len(took) < 40)
            asking = asyncio.create_task(hog.get(path))
            slower.append(await median_time(others, lambda _, asking=asking: not asking.done()) / usual)  # type: ignore[misc]
            answer = await asking
            await until(back_again, "The app that was killed for memory does not come back.")
        print(f"{path}: others take {min(slower):.2f} × their usual time")
        assert min(slower) <= 2, f"{path}: {slower}"
        if path == "/forks":
            forks = int(answer.text.split()[0])
            assert 300 < forks < 512, answer


async def median_time(ask: Callable[[], Awaitable[None]], more: Callable[[list[float]], bool]) -> float:
    """Seconds."""
    took: list[float] = []
    while more(took) or not took:
        begun = time.perf_counter()
        await ask()
        took.append(time.perf_counter() - begun)
    return median(took)


FLOOD = """if self.path == "/flood":
    with open("/tmp/much", "wb") as file:
        while True: file.write(bytes(1 << 20))"""
ENDLESS = """ARG BASE_IMAGE
FROM ${BASE_IMAGE}
RUN while true; do head -c 4000000 /dev/zero >>/tmp/much; sleep 0.02; done
"""


async def test_what_fills_the_disk_is_stopped_and_nothing_else(tmp_path: Path) -> None:
    """A31: an app, a build command and a Dockerfile. Without the guard, all go on until the disk is full."""
    async with own_platform(APP_DISK_MB="64") as platform:
        hog, good = await asyncio.gather(
            platform.live(repository(tmp_path, "hog", app(handle=FLOOD)).path),
            platform.live(repository(tmp_path, "good").path),
        )
        endless = "while true; do head -c 4000000 /dev/zero >>/tmp/much; sleep 0.02; done"
        origin = repository(tmp_path, "dockerfile")
        origin.commit({"Dockerfile": ENDLESS})
        flooding = asyncio.create_task(hog.get("/flood"))
        build, image, _ = await asyncio.gather(
            platform.deploy(repository(tmp_path, "build").path, "--build", endless),
            platform.deploy(origin.path, "--runner", "docker"),
            flooding,
        )
        assert "The build was stopped because it wrote more than 256 MB into its container." in build.err
        assert "wrote more than 256 MB of files" in image.err
        told = await platform.newest("hog")
        assert (told["state"], told["health"]) == ("succeeded", "crashed")
        assert "wrote more than 64 MB" in told["health_note"]
        assert await good.says() == "one"

        async def only_the_good() -> bool:
            return len(await platform.containers()) == 1

        await until(only_the_good, "What was stopped still takes its room.")


# Secrets


@dataclass
class Kept:
    """A tenant with secrets, deployed."""

    platform: Platform
    app: App
    seen: set[str]
    """Command lines of all processes while it was deployed."""


@pytest.fixture(scope="module")
async def kept(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Kept]:
    folder = tmp_path_factory.mktemp("secrets")
    origin = repository(folder / "served", "secretive", app(before=SAYS_ALL))
    server = GitServer(folder / "served", folder / "ca.pem")
    with server.serving():
        platform = new_platform(GIT_SSL_CAINFO=str(server.ca), LOG_LEVEL="DEBUG")
        try:
            await platform.start()
            options = ("--install", "", "--build", 'echo "built with $PASSWORD"; env', "--var", f"PASSWORD={VARIABLE}")
            await platform.live(server.url("secretive.git"), *options)
            server.password = TOKEN
            await give_token(platform, TOKEN)
            origin.commit(app("two", before=SAYS_ALL))
            with command_lines() as seen:
                # By the dashboard: on a command line it is us who would have shown the variable.
                operator = await Operator(platform).sign_in()
                assert (await operator.post("/projects/secretive/deployments", branch="main")).status == 303
                done = await platform.finished("secretive", 2)
            assert done["state"] == "succeeded", done["reason"]
            assert any(TOKEN in given for given in server.credentials), "the token was never used"
            host = f"http://secretive.localhost:{platform.http_port}"
            live = App(platform, host, await platform.command("sign-in-link"))
            assert await live.says() == "two"
            await platform.settled("secretive")
            yield Kept(platform, live, seen)
        finally:
            await platform.clear()


async def give_token(platform: Platform, token: str) -> None:
    key = (platform.folder / "keys" / "encryption_key").read_text().strip()
    await platform.sql("UPDATE project SET repo_token = $1", Fernet(key).encrypt(token.encode()))


@contextmanager
def command_lines() -> Iterator[set[str]]:
    """What `ps` shows of all processes, as long as it lasts."""
    seen: set[str] = set()

    async def look() -> None:
        while True:
            for process in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):
                    seen.add(process.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            await asyncio.sleep(0.01)

    looking = asyncio.create_task(look())
    try:
        yield seen
    finally:
        looking.cancel()


def leaks(text: str) -> list[str]:
    return [secret for secret in (VARIABLE, TOKEN) if secret in text]


async def test_secrets_are_masked_in_every_log(kept: Kept) -> None:
    async def said() -> bool:
        rows = await kept.platform.sql("SELECT text FROM log_line")
        lines = [row["text"] for row in rows]
        return any("my password: ********" in line for line in lines) and any(
            "built with ********" in line for line in lines
        )

    await until(said, "The lines that would tell never came.")


async def test_secrets_stand_nowhere_in_the_database(kept: Kept) -> None:
    tables = await kept.platform.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert len(tables) > 8
    for table in tables:
        for row in await kept.platform.sql(f'SELECT t::text AS row FROM "{table["tablename"]}" t'):
            assert leaks(row["row"]) == [], table


async def test_secrets_stand_nowhere_in_redis(kept: Kept) -> None:
    endpoints = json.loads((kept.platform.folder / "run" / "endpoints.json").read_text())
    async with Redis.from_url(endpoints["redis_url"], decode_responses=True) as redis:
        keys = [key async for key in redis.scan_iter("*")]
        streams = [key for key in keys if await redis.type(key) == "stream"]
        assert streams
        for key in streams:
            assert leaks(str(await redis.xrange(key))) == []


async def test_secrets_stand_nowhere_in_our_folder(kept: Kept) -> None:
    """Mirrors with their configuration, Traefik's files, PostgreSQL's own, what the process has said."""
    found = await asyncio.to_thread(_search, kept.platform.folder)
    assert found == []


async def test_secrets_stand_nowhere_in_images_and_volumes(kept: Kept) -> None:
    async with kept.platform.engine() as engine:
        names = [name for name, _, _ in await engine.images({})]
        assert names
        for name in names:
            assert leaks(json.dumps(await engine.engine.ask(f"images/{name}/json"))) == []
            assert leaks(json.dumps(await engine.engine.ask(f"images/{name}/history"))) == []
        assert await _saved(engine, names) == []
        volumes = await engine.volumes()
        for name, _ in volumes:
            told = await engine.engine.ask(f"volumes/{name}")
            assert leaks(json.dumps(told)) == []
            assert await asyncio.to_thread(_search, Path(told["Mountpoint"])) == []


async def test_only_the_app_itself_is_given_its_variables_and_nobody_the_token(kept: Kept) -> None:
    async with kept.platform.engine() as engine:
        for found in await kept.platform.containers():
            told = json.dumps(await engine.engine.ask(f"containers/{found.id}/json"))
            assert TOKEN not in told
            assert (VARIABLE in told) == (found.labels["devpush.kind"] == "app")
    assert not [line for line in kept.seen if leaks(line)]


def _search(folder: Path) -> list[str]:
    found = []
    for path in folder.rglob("*"):
        with suppress(OSError):
            if path.is_file() and not path.is_symlink():
                body = path.read_bytes()
                found += [f"{secret} in {path}" for secret in (VARIABLE, TOKEN) if secret.encode() in body]
    return found


async def _saved(engine: DockerContainers, names: list[str]) -> list[str]:
    """Secrets in what `docker save` gives: every layer's files, none compressed."""
    found: set[str] = set()
    before = b""
    query = "&".join(f"names={quote(name)}" for name in names)
    async with engine.engine.stream(f"images/get?{query}") as answer:
        async for piece in answer.content.iter_chunked(1 << 20):
            found |= {secret for secret in (VARIABLE, TOKEN) if secret.encode() in before + piece}
            before = piece[-64:]
    return sorted(found)
