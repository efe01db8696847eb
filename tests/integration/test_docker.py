"""What we ask of Docker is done by a real engine."""

import asyncio
import io
import socket
import tarfile
import tracemalloc
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from itertools import count
from pathlib import Path

import aiohttp
import pytest

from devpush.adapters.docker import DockerContainers
from devpush.errors import DeployFailed, Unavailable
from devpush.ports import AddressTaken, ContainerSpec, Exit, ImageMissing, Limits, OutputLine, Stream, SubnetTaken
from tests.images import DOCKER_HOST, own_engine, own_network, small_image
from tests.patience import PATIENCE, until

pytestmark = pytest.mark.integration
SLEEP = ("sleep", "600")
_numbers = count(1)


@pytest.fixture(scope="module")
async def engine() -> AsyncIterator[DockerContainers]:
    async with own_engine() as containers:
        yield containers


@pytest.fixture(scope="module")
async def spec(engine: DockerContainers) -> ContainerSpec:
    """A container that does nothing, to be changed by `replace`."""
    return ContainerSpec(
        name="",
        image=await small_image(engine),
        labels={"kind": "app"},
        limits=Limits(memory_mb=64, cpu_quota=100_000, pids=64),
        network=await own_network(engine),
        command=SLEEP,
    )


@pytest.fixture
async def make(engine: DockerContainers, spec: ContainerSpec) -> AsyncIterator["Make"]:
    """Makes containers and removes them after the test."""
    make = Make(engine, spec)
    yield make
    await asyncio.gather(*map(engine.remove, make.made))


class Make:
    def __init__(self, engine: DockerContainers, spec: ContainerSpec) -> None:
        self.engine, self.spec, self.made = engine, spec, list[str]()

    def named(self, **changes: object) -> ContainerSpec:
        return replace(self.spec, **{"name": f"{self.engine.prefix}{next(_numbers)}"} | changes)  # type: ignore[arg-type]

    async def __call__(self, **changes: object) -> str:
        self.made.append(await self.engine.create(self.named(**changes)))
        return self.made[-1]

    async def started(self, **changes: object) -> str:
        container = await self(**changes)
        await self.engine.start(container)
        return container

    async def sh(self, script: str, **changes: object) -> str:
        """A started container that runs this script."""
        return await self.started(command=("sh", "-c", script), **changes)


# The engine


async def test_the_engine_answers(engine: DockerContainers) -> None:
    await engine.ping()


async def test_an_engine_that_is_away_is_unavailable(tmp_path: Path) -> None:
    for host in (f"unix://{tmp_path}/nothing.sock", "tcp://127.0.0.1:1"):
        async with DockerContainers(host, "00000000") as away:
            for ask in (away.ping(), away.list(), away.pull("x", timeout=5), anext(away.events())):
                with pytest.raises(Unavailable):
                    await ask


async def test_an_engine_that_goes_away_in_the_middle_is_unavailable(make: Make, tmp_path: Path) -> None:
    container = await make.started()
    path = tmp_path / "cable.sock"
    async with (
        through_a_cable(path) as cut,
        DockerContainers(f"unix://{path}", make.engine.installation) as engine,
    ):
        running = asyncio.create_task(heard(engine, container, "sleep 60"))
        waiting = asyncio.create_task(engine.wait(container))
        await asyncio.sleep(0.3)
        cut()
        for task in (running, waiting):
            with pytest.raises(Unavailable):
                await task


# Images


async def test_an_image_is_known_by_its_name_and_its_id(engine: DockerContainers, spec: ContainerSpec) -> None:
    id = await engine.image(spec.image)
    assert id
    assert id.startswith("sha256:")
    assert await engine.image(id) == id
    assert await engine.image("devpush-test:nothing") is None


async def test_an_image_that_no_registry_has_is_not_pulled(engine: DockerContainers) -> None:
    assert not await engine.pull("127.0.0.1:1/nothing:latest", timeout=20)


async def test_an_image_is_built_and_says_how(engine: DockerContainers, spec: ContainerSpec, tmp_path: Path) -> None:
    lines: list[str] = []
    name = f"devpush-{engine.installation}/built:1"
    id = await engine.build_image(
        context(tmp_path, f'FROM {spec.image}\nARG WORD\nRUN echo "$WORD" >/app/word && echo "said $WORD"\n'),
        name=name,
        build_args={"WORD": engine.installation},  # the builder may remember earlier runs
        labels={"kind": "runner"},
        on_output=lambda _, line: lines.append(line),
        limits=spec.limits,
        network=spec.network,
    )
    assert await engine.image(name) == id
    assert f"said {engine.installation}" in lines
    assert [(found, of) for found, of, _ in await engine.images({"kind": "runner"})] == [(name, id)]


async def test_a_build_that_fails_tells_its_last_lines(
    engine: DockerContainers, spec: ContainerSpec, tmp_path: Path
) -> None:
    with pytest.raises(DeployFailed, match=r"(?s)non-zero code: 3\..*\nno luck$"):
        await build(engine, context(tmp_path, f"FROM {spec.image}\nRUN echo no luck && exit 3\n"))


async def test_a_build_that_never_ends_is_ended(engine: DockerContainers, spec: ContainerSpec, tmp_path: Path) -> None:
    with pytest.raises(DeployFailed, match="not built within 1 seconds"):
        await build(engine, context(tmp_path, f"FROM {spec.image}\nRUN sleep 600\n"), timeout=1)


async def test_a_commit_freezes_nothing_so_the_next_process_may_run_commands_meanwhile(make: Make) -> None:
    """Whoever asked for the commit may have been killed; a command in a frozen container would hang the engine."""
    engine, container = make.engine, await make.started()
    name = f"{engine.prefix}meanwhile:1"
    committing = asyncio.create_task(engine.commit(container, name=name, labels={"kind": "app"}))
    while not committing.done():
        seen = await engine.inspect(container)
        assert seen
        assert seen.state == "running"
    await committing
    await engine.remove_image(name)


async def test_a_commit_keeps_files_and_nothing_else_of_the_container(make: Make) -> None:
    engine = make.engine
    container = await make.started(labels={"kind": "build", "deployment": "1"}, working_dir="/tmp")
    assert (await heard(engine, container, "echo kept >/app/file", {"TOKEN": "canary"}))[0] == Exit(0)
    name = f"devpush-{engine.installation}/app:1"
    id = await engine.commit(container, name=name, labels={"kind": "app"})
    base, made = [(await engine.engine.ask(f"images/{image}/json"))["Config"] for image in (make.spec.image, name)]
    assert made["Env"] == base["Env"]
    assert (made["Cmd"] or []) == (base["Cmd"] or [])
    assert (made["Entrypoint"] or []) == (base["Entrypoint"] or [])
    assert made["WorkingDir"] == "/"
    assert made["Labels"] == {"kind": "app", "deployment": "", "devpush.installation": engine.installation}
    assert "canary" not in str(await engine.engine.ask(f"images/{id}/json"))
    assert "canary" not in str(await engine.engine.ask(f"images/{id}/history"))
    app = await make.sh("cat /app/file", image=name)
    assert await engine.wait(app) == Exit(0)
    assert [line.text async for line in engine.logs(app)] == ["kept"]


async def test_a_container_with_variables_never_becomes_an_image(make: Make) -> None:
    container = await make(environment={"SECRET": "canary"})
    with pytest.raises(ValueError, match="environment of its own"):
        await make.engine.commit(container, name=f"devpush-{make.engine.installation}/no:1", labels={})


async def test_an_image_in_use_stays_and_another_goes(make: Make, tmp_path: Path) -> None:
    engine = make.engine
    name = f"devpush-{engine.installation}/used:1"
    await build(engine, context(tmp_path, f"FROM {make.spec.image}\nLABEL used=1\n"), name=name)
    container = await make(image=name)
    await engine.remove_image(name)
    assert await engine.image(name)
    await engine.remove(container)
    await engine.remove_image(name)
    await engine.remove_image(name)
    assert not await engine.image(name)


# Networks and volumes


async def test_a_network_is_made_once(engine: DockerContainers) -> None:
    name = await own_network(engine, "once")
    found = await engine.engine.ask(f"networks/{name}")
    subnet = found["IPAM"]["Config"][0]["Subnet"]
    assert subnet in await engine.taken_subnets()
    await engine.network(name, subnet, labels={})
    assert (await engine.engine.ask(f"networks/{name}"))["Id"] == found["Id"]
    with pytest.raises(SubnetTaken):
        await engine.network(f"{engine.prefix}rival", subnet, labels={})
    assert name in dict(await engine.networks())
    await engine.remove_network(name)
    await engine.remove_network(name)
    assert name not in dict(await engine.networks())


async def test_a_subnet_of_the_hosts_is_taken(engine: DockerContainers) -> None:
    subnet = next(subnet for subnet in await engine.taken_subnets() if subnet.startswith("172.17."))
    with pytest.raises(SubnetTaken):
        await engine.network(f"{engine.prefix}rival", subnet, labels={})


async def test_nobody_gets_an_address_of_the_chosen_half_by_chance(make: Make) -> None:
    container = await make.engine.inspect(await make.started())
    assert container
    assert container.address
    assert int(container.address.rsplit(".", 1)[1]) % 64 >= 32


async def test_a_cache_is_the_users_own_and_outlives_the_container(make: Make) -> None:
    engine, volume = make.engine, f"{make.engine.prefix}cache"
    for said in ("nothing", "kept"):
        container = await make.started(caches={volume: "/home/app/.cache/pip"})
        script = "cat /home/app/.cache/pip/x 2>/dev/null || echo nothing; echo kept >/home/app/.cache/pip/x"
        code, output = await heard(engine, container, script)
        assert (code, output) == (Exit(0), [("out", said)])
        await engine.remove(container)
    assert [(name, labels["kind"]) for name, labels in await engine.volumes()] == [(volume, "app")]
    await engine.remove_volume(volume)
    await engine.remove_volume(volume)
    assert await engine.volumes() == []


async def test_each_thing_of_ours_is_told_with_what_it_takes_by_itself(make: Make) -> None:
    engine, volume, name = make.engine, f"{make.engine.prefix}sized", f"{make.engine.prefix}sized:app-1"
    container = await make.started(caches={volume: "/home/app/.cache/pip"})
    fill = "head -c 2000000 /dev/zero >/home/app/.cache/pip/x; head -c 3000000 /dev/zero >/app/x"
    assert (await heard(engine, container, fill))[0] == Exit(0)
    await engine.commit(container, name=name, labels={"kind": "app"})
    try:
        sizes = {(one.kind, one.name): one.size for one in await engine.sizes()}
        seen = await engine.inspect(container)
        assert seen
        assert 2_000_000 <= sizes["volume", volume] < 2_100_000
        assert 3_000_000 <= sizes["container", seen.name] < 3_100_000
        assert 3_000_000 <= sizes["image", name] < 3_100_000, "without what it was made from"
        assert (await engine.image_sizes({"kind": "app"}))[name] == sizes["image", name]
        everybodys = await engine.engine.ask("system/df")
        assert len(sizes) < sum(len(everybodys[kind] or ()) for kind in ("Images", "Containers", "Volumes"))
        await engine.remove_volume(volume)
        assert volume in dict(await engine.volumes()), "a cache that a container uses stays"
    finally:
        await engine.remove(container)
        await engine.remove_image(name)
        await engine.remove_volume(volume)


# A container's life


async def test_a_container_lives(make: Make) -> None:
    engine = make.engine
    container = await make()
    seen = await engine.inspect(container)
    assert seen
    assert (seen.state, seen.exit_code, seen.started_at) == ("created", None, None)
    await engine.start(container)
    await engine.start(container)
    seen = await engine.inspect(seen.name)
    assert seen
    assert (seen.id, seen.state, seen.image) == (container, "running", make.spec.image)
    assert seen.labels["kind"] == "app"
    assert container in [found.id for found in await engine.list({"kind": "app"})]
    assert await engine.list({"kind": "other"}) == []
    await engine.stop(container, grace=20)
    await engine.stop(container)
    seen = await engine.inspect(container)
    assert seen
    assert (seen.state, seen.exit_code) == ("exited", 143)
    [listed] = [found for found in await engine.list() if found.id == container]
    assert (listed.state, listed.exit_code, listed.name) == ("exited", 143, seen.name)
    await engine.remove(container)
    await engine.remove(container)
    assert await engine.inspect(container) is None
    with pytest.raises(DeployFailed, match="gone"):
        await engine.start(container)


async def test_an_equal_name_is_replaced(make: Make) -> None:
    first = await make.started(name=f"{make.engine.prefix}twin")
    second = await make(name=f"{make.engine.prefix}twin")
    assert await make.engine.inspect(first) is None
    assert await make.engine.inspect(second)


async def test_an_image_that_is_gone_is_missing(make: Make) -> None:
    with pytest.raises(ImageMissing):
        await make(image="devpush-test:gone")


async def test_a_chosen_address_stays_over_a_restart_and_belongs_to_one(make: Make) -> None:
    engine, address = make.engine, await chosen_address(make, 5)
    container = await make.started(address=address)
    for act in (engine.stop, engine.start):
        await act(container)
        [listed] = [found for found in await engine.list() if found.id == container]
        seen = await engine.inspect(container)
        assert seen
        assert seen.address == listed.address == address
    with pytest.raises(AddressTaken):
        await make.started(address=address)


async def test_what_cannot_be_started_says_why(make: Make) -> None:
    container = await make.engine.create(make.named(command=("nosuch",)), init=False)
    make.made.append(container)
    with pytest.raises(DeployFailed, match="nosuch: executable file not found"):
        await make.engine.start(container)


async def test_files_arrive_with_their_owners_and_modes(make: Make, tmp_path: Path) -> None:
    container = await make()
    await make.engine.put(container, archive(tmp_path, {"run.sh": "#!/bin/sh\necho here\n"}), "/app")
    await make.engine.start(container)
    code, output = await heard(make.engine, container, "/app/run.sh; stat -c '%u:%g %a' /app/run.sh")
    assert (code, output) == (Exit(0), [("out", "here"), ("out", "1000:1000 755")])


async def test_a_crashed_app_is_started_again_and_a_stopped_one_is_not(make: Make) -> None:
    container = await make.sh("until [ -e /tmp/go ]; do sleep 0.05; done; sleep 0.3; exit 3")
    await make.engine.keep_running(container)
    await heard(make.engine, container, "touch /tmp/go")
    async with asyncio.timeout(PATIENCE):
        while not ((seen := await make.engine.inspect(container)) and seen.restarts):
            await asyncio.sleep(0.1)
    await make.engine.stop(container)
    await asyncio.sleep(1)
    seen = await make.engine.inspect(container)
    assert seen
    assert seen.state == "exited"


@pytest.mark.parametrize(
    ("script", "ended"),
    [("exit 3", Exit(3)), ("kill -9 $$", Exit(137)), ("tail /dev/zero", Exit(137, oom_killed=True))],
)
async def test_how_a_container_ended_is_known(make: Make, script: str, ended: Exit) -> None:
    container = await make.sh(script)
    assert await make.engine.wait(container) == ended
    assert await make.engine.wait(container) == ended, "asked afterwards"


# Commands inside


async def test_variables_arrive_byte_for_byte(make: Make) -> None:
    value = "quotes '\" $HOME `id` \\ = ünï €\n\nand lines\t"
    code, output = await heard(make.engine, await make.started(), 'printf %s "$ODD" | od -An -tx1 -v', {"ODD": value})
    assert code == Exit(0)
    assert bytes.fromhex("".join(line for _, line in output).replace(" ", "")) == value.encode()


async def test_output_is_told_line_by_line_as_it_comes(make: Make) -> None:
    """The command goes on only when its first lines were heard."""
    container = await make.started()
    lines: list[str] = []
    script = (
        "echo first; echo oops >&2; until [ -e /tmp/go ]; do sleep 0.05; done; printf ' 10%%\\r100%%\\n'; printf end"
    )
    running = asyncio.create_task(
        make.engine.run(
            container,
            ["sh", "-c", script],
            environment={},
            on_output=lambda stream, line: lines.append(f"{stream} {line}"),
        )
    )
    await until(lambda: set(lines) == {"out first", "err oops"})
    await heard(make.engine, container, "touch /tmp/go")
    await asyncio.wait_for(running, PATIENCE)
    assert lines[2:] == ["out 100%", "out end"]


async def test_a_command_ends_with_its_code(make: Make) -> None:
    container = await make.started()
    assert (await heard(make.engine, container, "exit 7"))[0] == Exit(7)
    assert (await heard(make.engine, container, "kill -9 $$"))[0] == Exit(137)
    assert (await heard(make.engine, container, "tail /dev/zero"))[0] == Exit(137, oom_killed=True)
    assert (await heard(make.engine, container, "exit 7"))[0] == Exit(7), "memory ran out before, not now"
    code, output = await heard(make.engine, container, "", command=["nosuch"])
    assert code == Exit(126)
    assert "executable file not found" in output[0][1]


async def test_a_process_left_behind_does_not_hold_a_command(make: Make) -> None:
    async with asyncio.timeout(PATIENCE):
        code, output = await heard(make.engine, await make.started(), "sleep 600 & echo done")
    assert (code, output) == (Exit(0), [("out", "done")])


async def test_a_command_that_dies_with_its_container_was_killed(make: Make) -> None:
    container = await make.started()
    lines: list[str] = []
    running = asyncio.create_task(
        make.engine.run(
            container,
            ["sh", "-c", "echo here; sleep 600"],
            environment={},
            on_output=lambda _, line: lines.append(line),
        )
    )
    await until(lambda: lines)
    await make.engine.stop(container, grace=0)
    assert await running == Exit(137)
    with pytest.raises(DeployFailed, match="not running any more: it ended with exit code 1"):
        await heard(make.engine, container, "true")


async def test_a_flood_costs_no_memory(make: Make) -> None:
    container = await make.started()
    lines = 0

    def hear(_: Stream, line: str) -> None:
        nonlocal lines
        lines += 1
        assert len(line) <= 16_384

    tracemalloc.start()
    try:
        code = await make.engine.run(
            container, ["sh", "-c", "yes hello | head -n 300000; tr '\\0' x </dev/zero | head -c 5000000"],
            environment={}, on_output=hear,
        )  # fmt: skip
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()
    assert (code, lines) == (Exit(0), 300_000 + 306)


# Logs, events, connections


async def test_reading_a_log_can_be_cut_off_anywhere(make: Make) -> None:
    container = await make.sh("for i in $(seq 300); do echo out $i; echo err $i >&2; done; printf end")
    await make.engine.wait(container)
    whole = [line async for line in make.engine.logs(container)]
    assert len(whole) == 601
    assert whole[-1].text == "end"
    for at in range(0, 601, 97):
        rest = [line async for line in make.engine.logs(container, since=whole[at].cursor)]
        assert [(line.stream, line.text) for line in rest] == [(line.stream, line.text) for line in whole[at + 1 :]]


async def test_a_log_is_followed_to_the_end_and_over_a_restart(make: Make) -> None:
    container = await make.sh("echo one; sleep 0.3; echo two")
    first = [line async for line in make.engine.logs(container, follow=True)]
    await make.engine.start(container)
    second = [line async for line in make.engine.logs(container, since=first[-1].cursor, follow=True)]
    assert [line.text for line in first] == [line.text for line in second] == ["one", "two"]
    assert second[0].at > first[-1].at


async def test_a_container_that_is_gone_has_no_more_to_say(make: Make) -> None:
    container = await make()
    await make.engine.remove(container)
    assert [line async for line in make.engine.logs(container, follow=True)] == []


async def test_leaving_a_log_leaves_no_connection_behind(make: Make) -> None:
    container = await make.sh("while true; do echo tick; sleep 0.05; done")

    async def first() -> OutputLine:
        async for line in make.engine.logs(container, follow=True):
            return line
        raise AssertionError

    assert (await first()).text == "tick"
    following = asyncio.create_task(first_never(make.engine, container))
    await asyncio.sleep(0.2)
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following


async def test_events_are_told_from_the_moment_of_asking(make: Make) -> None:
    events = make.engine.events()
    container = await make.sh("exit 3", labels={"deployment": "7"})
    async with own_engine() as other:
        stranger = await other.create(replace(make.spec, name=f"{other.prefix}x", network=await own_network(other)))
        await other.start(stranger)
        await make.engine.wait(container)
        async with asyncio.timeout(PATIENCE):
            seen = [await anext(events) for _ in range(2)]
    assert [event.action for event in seen] == ["start", "die"]
    assert {event.labels["deployment"] for event in seen} == {"7"}
    await events.aclose()  # type: ignore[attr-defined]


async def test_open_connections_are_counted(make: Make) -> None:
    engine, address = make.engine, await chosen_address(make, 6)
    await make.sh("while true; do nc -l -p 8000 -e cat; done", address=address)
    assert await engine.open_connections(address, 8000) == 0
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                _, writer = await asyncio.open_connection(address, 8000)
                break
            except OSError:
                await asyncio.sleep(0.02)
    assert await engine.open_connections(address, 8000) == 1
    assert await engine.open_connections(address, 8001) == 0
    writer.close()
    await writer.wait_closed()
    async with asyncio.timeout(PATIENCE):
        while await engine.open_connections(address, 8000) != 0:
            await asyncio.sleep(0.02)
    assert await engine.open_connections("198.51.100.1", 8000) is None


# Neighbours


async def test_two_installations_on_one_engine_never_touch_each_other(make: Make, tmp_path: Path) -> None:
    ours = make.engine
    container = await make(caches={f"{ours.prefix}kept": "/cache"})
    name = f"devpush-{ours.installation}/kept:1"
    await build(ours, context(tmp_path, f"FROM {make.spec.image}\nLABEL kept=1\n"), name=name)
    network = await own_network(ours, "kept")
    async with own_engine() as theirs:
        assert (await theirs.list(), await theirs.networks(), await theirs.volumes()) == ([], [], [])
        assert await theirs.images({}) == []
        assert await theirs.inspect(container) is None
        await theirs.stop(container)
        await theirs.remove(container)
        await theirs.remove_image(name)
        await theirs.remove_network(network)
        await theirs.remove_volume(f"{ours.prefix}kept")
        for act in (theirs.start(container), theirs.keep_running(container), theirs.wait(container)):
            with pytest.raises(DeployFailed, match="gone"):
                await act
        for spec in (make.named(), replace(make.spec, name=f"{theirs.prefix}x", caches={"kept": "/cache"})):
            with pytest.raises(ValueError, match="not a name of this installation"):
                await theirs.create(spec)
    assert await ours.inspect(container)
    assert await ours.image(name)
    assert network in dict(await ours.networks())
    assert f"{ours.prefix}kept" in dict(await ours.volumes())


async def test_the_host_reaches_an_app_and_the_app_reaches_nothing_of_the_host_on_loopback(make: Make) -> None:
    address = await chosen_address(make, 7)
    container = await make.sh("echo hello >/app/index.html; httpd -f -p 8000 -h /app", address=address)
    async with asyncio.timeout(PATIENCE), aiohttp.ClientSession() as client:
        while True:
            try:
                async with client.get(f"http://{address}:8000/") as answer:
                    assert await answer.text() == "hello\n"
                    break
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0.02)
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        for host in ("127.0.0.1", address.rsplit(".", 1)[0] + ".1"):
            code, _ = await heard(make.engine, container, f"nc -w 1 {host} {port} </dev/null")
            assert code != Exit(0)


# The steps of the tests


def context(folder: Path, dockerfile: str) -> Path:
    return archive(folder, {"Dockerfile": dockerfile})


def archive(folder: Path, files: Mapping[str, str]) -> Path:
    path = folder / "files.tar"
    with tarfile.open(path, "w") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.uid = entry.gid = 1000
            entry.mode, entry.size = 0o755, len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return path


async def build(engine: DockerContainers, context: Path, *, name: str = "", timeout: float = 60) -> str:
    return await engine.build_image(
        context,
        name=name or f"devpush-{engine.installation}/x:1",
        build_args={},
        labels={},
        on_output=lambda *_: None,
        timeout=timeout,
    )


async def heard(
    engine: DockerContainers,
    container: str,
    script: str,
    environment: Mapping[str, str] | None = None,
    *,
    command: Sequence[str] = (),
) -> tuple[Exit, list[tuple[Stream, str]]]:
    output: list[tuple[Stream, str]] = []
    code = await engine.run(
        container,
        command or ["sh", "-c", script],
        environment=environment or {},
        on_output=lambda stream, line: output.append((stream, line)),
    )
    return code, output


async def chosen_address(make: Make, number: int) -> str:
    network = await make.engine.engine.ask(f"networks/{make.spec.network}")
    base, _, last = network["IPAM"]["Config"][0]["Subnet"].split("/")[0].rpartition(".")
    return f"{base}.{int(last) + number}"


async def first_never(engine: DockerContainers, container: str) -> None:
    async for _ in engine.logs(container, follow=True):
        pass


@asynccontextmanager
async def through_a_cable(path: Path) -> AsyncIterator[Callable[[], None]]:
    """Another socket of the engine's, until the cable is cut."""
    writers: list[asyncio.StreamWriter] = []
    tasks: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(DOCKER_HOST.removeprefix("unix://"))
        writers.extend((writer, back))
        tasks.add(asyncio.create_task(carry(reader, back)))
        tasks.add(asyncio.create_task(carry(there, writer)))

    def cut() -> None:
        server.close()
        path.unlink()
        for writer in writers:
            writer.transport.abort()

    server = await asyncio.start_unix_server(connect, path)
    yield cut
    await asyncio.gather(*tasks, return_exceptions=True)
