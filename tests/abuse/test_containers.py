"""A tenant in its container: A5 (what it is given), A7 (what it can reach), A31 (what it can use up)."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from devpush.adapters.docker import DockerContainers
from devpush.errors import DeployFailed
from devpush.ports import ContainerSpec, Exit, Limits
from tests.images import own_engine, own_network, small_image
from tests.patience import until

pytestmark = [pytest.mark.integration, pytest.mark.abuse]

MEMORY = 64 * 1024 * 1024
GOLDEN = {
    "CapDrop": ["ALL"],
    "SecurityOpt": ["no-new-privileges"],
    "Memory": MEMORY,
    "MemorySwap": MEMORY,
    "OomScoreAdj": 500,
    "CpuShares": 1024,
    "CpuPeriod": 100_000,
    "CpuQuota": 50_000,
    "PidsLimit": 64,
    "Ulimits": [
        {"Name": "core", "Hard": 0, "Soft": 0},
        {"Name": "nofile", "Hard": 16_384, "Soft": 16_384},
    ],
    "Init": True,
    "CgroupnsMode": "private",
    "IpcMode": "private",
    "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
    "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}},
}
"""All that is set. Whatever else Docker can give (CapAdd, Binds, Privileged, Devices, PidMode, …) is not given."""

ENGINES_OWN = {"Runtime", "ShmSize", "ConsoleSize", "MaskedPaths", "ReadonlyPaths"}


@pytest.fixture(scope="module")
async def engine() -> AsyncIterator[DockerContainers]:
    async with own_engine() as containers:
        yield containers


@pytest.fixture(scope="module")
async def spec(engine: DockerContainers) -> ContainerSpec:
    return ContainerSpec(
        name=f"{engine.prefix}mallory",
        image=await small_image(engine),
        labels={},
        limits=Limits(memory_mb=64, cpu_quota=50_000, pids=64),
        network=await own_network(engine, "mallory"),
        command=("sleep", "600"),
    )


@pytest.fixture(scope="module")
async def mallory(engine: DockerContainers, spec: ContainerSpec) -> str:
    container = await engine.create(spec)
    await engine.start(container)
    return container


async def test_a_container_is_given_exactly_what_the_list_says(
    engine: DockerContainers, spec: ContainerSpec, mallory: str
) -> None:
    raw = await engine.engine.ask(f"containers/{mallory}/json")
    given = {key: value for key, value in raw["HostConfig"].items() if value and key not in ENGINES_OWN}
    assert given == GOLDEN | {"NetworkMode": spec.network}
    assert {"/proc/kcore", "/proc/keys", "/sys/firmware"} <= {*raw["HostConfig"]["MaskedPaths"]}
    assert raw["Mounts"] == []
    assert raw["Config"]["User"] == "1000:1000"
    assert list(raw["NetworkSettings"]["Networks"]) == [spec.network]


async def test_it_runs_in_the_runtime_the_operator_chose_or_not_at_all(
    engine: DockerContainers, spec: ContainerSpec
) -> None:
    """CONTAINER_RUNTIME, here another name of runc's: gVisor would be chosen the same way."""
    for runtime in ("io.containerd.runc.v2", "nosuchruntime"):
        sandbox = DockerContainers("", engine.installation, runtime=runtime)
        sandbox.engine = engine.engine
        if runtime == "nosuchruntime":
            with pytest.raises(DeployFailed, match=r"Docker has no runtime nosuchruntime \(CONTAINER_RUNTIME\)"):
                await sandbox.create(replace(spec, name=f"{engine.prefix}boxed"))
            return
        container = await sandbox.create(replace(spec, name=f"{engine.prefix}boxed"))
        await engine.start(container)
        assert (await engine.engine.ask(f"containers/{container}/json"))["HostConfig"]["Runtime"] == runtime
        await engine.remove(container)


async def test_what_containers_write_is_seen_also_of_one_that_has_a_name_of_the_engines(
    engine: DockerContainers, spec: ContainerSpec, mallory: str
) -> None:
    """A Dockerfile's build names its containers as it likes; they have our label."""
    writing = ("sh", "-c", "dd if=/dev/zero of=/tmp/much bs=1M count=5; sleep 600")
    container = await engine.create(replace(spec, name=f"{engine.prefix}writer", command=writing))
    await engine.start(container)
    await engine.engine.ask(f"containers/{container}/rename", "POST", params={"name": f"quirky-{engine.installation}"})

    async def five() -> bool:
        seen = {found.id: size for found, size in await engine.written()}
        return seen[container] >= 5 * 1024 * 1024 > seen[mallory]

    await until(five)
    await engine.remove(container)


async def test_nothing_the_kernel_knows_makes_it_more(engine: DockerContainers, mallory: str) -> None:
    _, said = await sh(engine, mallory, "cat /proc/self/status; id -u")
    facts = dict(line.split(":\t", 1) for line in said.splitlines() if ":\t" in line)
    assert said.endswith("\n1000")
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(facts[kind], 16) == 0
    assert facts["NoNewPrivs"] == "1"
    assert facts["Seccomp"] == "2", "system calls are filtered"


@pytest.mark.parametrize(
    "act",
    [
        "test -e /var/run/docker.sock || test -e /run/docker.sock",
        "echo x >/etc/passwd",
        "echo 1 >/proc/sys/kernel/panic",
        'test -n "$(head -c 1 /proc/kcore)"',
        "mount -t tmpfs none /app",
        "mknod /tmp/disk b 8 0",
        "chown 0 /app",
        "ulimit -n 1000000",
        "kill -9 -- -1; su -c true",
        "chroot / true",
        "ping -c 1 127.0.0.1",
        "mkdir /sys/fs/cgroup/memory/mine || echo 1 >/sys/fs/cgroup/cgroup.procs",
    ],
)
async def test_what_only_root_or_the_host_may_do_is_refused(
    engine: DockerContainers, spec: ContainerSpec, act: str
) -> None:
    container = await engine.create(replace(spec, name=f"{engine.prefix}act", command=("sh", "-c", act)))
    await engine.start(container)
    assert (await engine.wait(container)).code != 0
    await engine.remove(container)


async def test_no_container_reaches_another(engine: DockerContainers, spec: ContainerSpec, mallory: str) -> None:
    """Not another project's, nor one of its own project's other environments; but an app finds the world's names."""
    app = ("sh", "-c", "httpd -f -p 8000 -h /app")
    for name, network in (("bob", await own_network(engine, "bob")), ("sister", spec.network)):
        container = await engine.create(replace(spec, name=f"{engine.prefix}{name}", network=network, command=app))
        await engine.start(container)
        seen = await engine.inspect(container)
        assert seen
        assert seen.address
        await until(lambda address=seen.address: reached(address))  # type: ignore[misc]  # mypy can't infer it
        for target in (seen.address, seen.name):
            code, said = await sh(engine, mallory, f"nc -w 1 {target} 8000 </dev/null")
            assert code.code != 0, f"{name}: {said}"
        await engine.remove(container)


async def test_a_fork_bomb_ends_at_its_limit(engine: DockerContainers, spec: ContainerSpec) -> None:
    bomb = ("sh", "-c", "for i in $(seq 200); do sleep 60 & done; echo survived")
    container = await engine.create(replace(spec, name=f"{engine.prefix}bomb", command=bomb))
    await engine.start(container)
    assert await engine.wait(container) == Exit(2)
    assert any(["can't fork" in line.text async for line in engine.logs(container)])
    await engine.remove(container)


async def test_a_build_gets_what_apps_leave_of_the_processor(engine: DockerContainers, spec: ContainerSpec) -> None:
    """Both want all of it for three seconds. Without the shares each has half."""
    spin = ("sh", "-c", "for i in 1 2 3 4 5 6 7 8; do while :; do :; done & done; wait")
    limits = Limits(memory_mb=64, cpu_quota=400_000, pids=64)
    both = {}
    for name, yielding in (("hungry", False), ("builds", True)):
        wants = replace(spec, name=f"{engine.prefix}{name}", command=spin, limits=replace(limits, yielding=yielding))
        both[name] = await engine.create(wants)
        await engine.start(both[name])

    async def used() -> dict[str, int]:
        found = {name: await engine.usage(container) for name, container in both.items()}
        return {name: usage.cpu_ms for name, usage in found.items() if usage}

    before = await used()
    await asyncio.sleep(3)
    after = await used()
    for container in both.values():
        await engine.remove(container)
    app, build = (after[name] - before[name] for name in both)
    print(f"the app had {app} ms of the processor, the build {build} ms")
    assert app > 2 * build > 0


async def test_its_variables_are_seen_by_itself_only(
    engine: DockerContainers, spec: ContainerSpec, mallory: str
) -> None:
    """A command's environment is kept nowhere (A28, A33)."""
    await engine.run(mallory, ["true"], environment={"TOKEN": "canary"}, on_output=lambda *_: None)
    assert "canary" not in str(await engine.engine.ask(f"containers/{mallory}/json"))
    for execution in (await engine.engine.ask(f"containers/{mallory}/json"))["ExecIDs"] or []:
        assert "canary" not in str(await engine.engine.ask(f"exec/{execution}/json"))


async def sh(engine: DockerContainers, container: str, script: str) -> tuple[Exit, str]:
    said: list[str] = []
    code = await engine.run(
        container, ["sh", "-c", script], environment={}, on_output=lambda _, line: said.append(line)
    )
    return code, "\n".join(said)


async def reached(address: str) -> bool:
    try:
        _, writer = await asyncio.open_connection(address, 8000)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True
