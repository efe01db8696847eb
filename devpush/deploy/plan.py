"""What we ask Docker to run, under which names and keys. Decides everything, touches nothing."""

import hashlib
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from ipaddress import IPv4Network
from typing import Any

from devpush.errors import DeployFailed
from devpush.models import Deployment, Project
from devpush.ports import APP_PORT, Container, ContainerSpec, Exit, Limits, TreeEntry

KIND, PROJECT, DEPLOYMENT = "devpush.kind", "devpush.project", "devpush.deployment"
APP_DIR = "/app"
DOCKERFILE = "docker"
"""The runner that builds the repository's own Dockerfile."""
IDLE = ("sleep", "infinity")
"""What a build container's own process does while commands run in it."""
POOL = IPv4Network("10.204.0.0/14")
SUBNET_BITS = 25
BUILDS_WRITE = 4
"""Times as much as an app may write (APP_DISK_MB), for a build: packages are unpacked, and thrown away again."""
MAX_APP_ADDRESSES = 60


# Names ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Names:
    """Everything of one installation on the engine begins alike; the rest of a name comes from ids only."""

    installation: str

    @property
    def prefix(self) -> str:
        return f"devpush-{self.installation}"

    def network(self, project: Project) -> str:
        return f"{self.prefix}-{project.id.hex[:12]}"

    def container(self, deployment: Deployment, kind: str) -> str:
        return f"{self.prefix}-{deployment.id.hex[:12]}-{kind}"

    def image(self, project: Project, kind: str, key: str) -> str:
        return f"{self.prefix}-{project.id.hex[:12]}:{kind}-{key[:32]}"

    def cache(self, project: Project, path: str) -> str:
        """One volume a cache path."""
        return f"{self.prefix}-{project.id.hex[:12]}-{hashlib.sha256(path.encode()).hexdigest()[:8]}"


def labels(deployment: Deployment, kind: str) -> dict[str, str]:
    return {KIND: kind, PROJECT: str(deployment.project.id), DEPLOYMENT: str(deployment.id)}


# Containers ---------------------------------------------------------------------------------------------------------


def app(names: Names, deployment: Deployment, environment: Mapping[str, str]) -> ContainerSpec:
    """The container that serves. Without a start command the image says how: that of a repository's own Dockerfile."""
    start = deployment.config["start"]
    return ContainerSpec(
        name=names.container(deployment, "app"),
        image=deployment.image or "",
        labels=labels(deployment, "app"),
        limits=limits(deployment.config),
        network=names.network(deployment.project),
        address=deployment.address,
        command=shell(start) if start else None,
        environment=environment,
        working_dir=working_dir(deployment),
    )


def predeploy(names: Names, deployment: Deployment, environment: Mapping[str, str]) -> ContainerSpec:
    """The one-off that runs before the app: migrations."""
    return ContainerSpec(
        name=names.container(deployment, "predeploy"),
        image=deployment.image or "",
        labels=labels(deployment, "predeploy"),
        limits=limits(deployment.config),
        network=names.network(deployment.project),
        command=shell(deployment.config["pre_deploy"]),
        environment=environment,
        working_dir=working_dir(deployment),
    )


def workshop(names: Names, deployment: Deployment, kind: str, image: str, cache_paths: Sequence[str]) -> ContainerSpec:
    """A container in which install or build commands run. It has no environment of its own: commit would keep it."""
    return ContainerSpec(
        name=names.container(deployment, kind),
        image=image,
        labels=labels(deployment, kind),
        limits=building(deployment.config),
        network=names.network(deployment.project),
        command=IDLE,
        caches={names.cache(deployment.project, path): path for path in cache_paths},
        working_dir=APP_DIR,
    )


def limits(config: Mapping[str, Any]) -> Limits:
    return Limits(memory_mb=config["memory_mb"], cpu_quota=config["cpu_quota"])


def building(config: Mapping[str, Any]) -> Limits:
    """At least a core and 512 MB, whatever the app has: building is what people wait for. But not what serves."""
    memory, cpu = max(config["memory_mb"], 512), max(config["cpu_quota"], 100_000)
    return Limits(memory_mb=memory, cpu_quota=cpu, pids=1024, yielding=True)


def working_dir(deployment: Deployment) -> str | None:
    """Where its files are; an image of the repository's own Dockerfile says it itself."""
    return None if deployment.config["runner"] == DOCKERFILE else APP_DIR


def shell(command: str) -> tuple[str, ...]:
    """The tenant's own command line, for the tenant's own container."""
    return ("/bin/sh", "-c", command)


# Keys ---------------------------------------------------------------------------------------------------------------


def dependency_entries(entries: Sequence[TreeEntry], patterns: Sequence[str]) -> list[TreeEntry]:
    """The files that the install step sees. A pattern without a slash means the root directory only."""
    wanted = (re.sub(r"^\./", "", pattern) for pattern in patterns)
    globs = tuple(pattern for pattern in wanted if pattern)
    return [
        entry
        for entry in entries
        if entry.mode.startswith("100")
        and any(fnmatchcase(entry.path, glob) and entry.path.count("/") == glob.count("/") for glob in globs)
    ]


def dependency_key(runner: str, install: str, files: Sequence[TreeEntry]) -> str:
    return key("dependencies", runner, install, sorted((file.path, file.mode, file.sha) for file in files))


def build_key(tree: str, runner: str, config: Mapping[str, Any], variables: Mapping[str, str]) -> str:
    """Same key, same image. Variables count only where a build command could see them."""
    seen = sorted(variables.items()) if config["build"] else []
    files = sorted(config["dependency_files"])
    return key("build", tree, runner, config["install"], config["build"], files, seen)


def dockerfile_key(tree: str, written: str, arguments: Mapping[str, str]) -> str:
    """`written` holds the ids of the images it is built on."""
    return key("dockerfile", tree, written, sorted(arguments.items()))


def key(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()


# Addresses ----------------------------------------------------------------------------------------------------------


def free_subnets(taken: Sequence[str]) -> list[str]:
    """Subnets of our pool that overlap with none of those taken, lowest first."""
    others = [IPv4Network(subnet, strict=False) for subnet in taken]
    others = [other for other in others if other.prefixlen > 0]  # the default route overlaps everything
    return [str(subnet) for subnet in POOL.subnets(new_prefix=SUBNET_BITS) if not any(map(subnet.overlaps, others))]


def app_addresses(subnet: str) -> list[str]:
    """Addresses for apps: the lower half, after the gateway. The upper half is for those who don't choose."""
    base = int(IPv4Network(subnet).network_address)
    return [str(IPv4Network((base + offset, 32)).network_address) for offset in range(2, 2 + MAX_APP_ADDRESSES)]


# Words --------------------------------------------------------------------------------------------------------------


def how_it_ended(exit: Exit, memory_mb: int) -> str:
    """The end of a sentence about a command: "… exited with code 1."."""
    if exit.oom_killed:
        return f"was killed because it used more than its {memory_mb} MB of memory"
    if exit.code in SIGNALS:
        return f"was ended by {SIGNALS[exit.code]}"
    if exit.code == 127:
        return "was not found (exit code 127)"
    return f"exited with code {exit.code}"


SIGNALS = {129: "SIGHUP", 130: "SIGINT", 134: "SIGABRT", 135: "SIGBUS", 136: "SIGFPE", 137: "SIGKILL", 139: "SIGSEGV",
           141: "SIGPIPE", 143: "SIGTERM"}  # fmt: skip


def wrote_too_much(who: str, most_mb: int) -> str:
    """Why it was stopped (deploy/guard.py); `who` is an app or a build."""
    away = " What an app writes there is lost with each deployment: keep it elsewhere." if who == "app" else ""
    return (
        f"The {who} was stopped because it wrote more than {most_mb} MB into its container.{away} Let it write less, "
        "or ask the operator to raise APP_DISK_MB; then redeploy."
    )


def command_failed(step: str, command: str, exit: Exit, memory_mb: int, tail: Sequence[str]) -> DeployFailed:
    """The reason a person reads: which command, how it ended, its last lines, what to do."""
    sentence = f"The {step} command ({one_line(command)}) {how_it_ended(exit, memory_mb)}."
    if exit.oom_killed:
        sentence += " Raise the project's memory under Settings → Resources, or let the command use less."
    return DeployFailed(with_tail(sentence, tail))


def with_tail(sentence: str, tail: Sequence[str]) -> str:
    return "\n".join([sentence, "Its last lines:", *tail]) if tail else sentence


def image_failed(failure: str, memory_mb: int, disk_mb: int, tail: Sequence[str]) -> DeployFailed:
    """Why a Dockerfile came to nothing, in the builder's words."""
    sentence = failure.partition("\n")[0]
    if sentence.rstrip(".").endswith(("returned a non-zero code: 137", "returned a non-zero code: 143")):
        sentence += (
            f" It was killed, probably because it used more than its {memory_mb} MB of memory (raise them under "
            f"Settings → Resources), or because it wrote more than {disk_mb} MB of files: let the command use less."
        )
    return DeployFailed(with_tail(sentence, tail))


def one_line(command: str) -> str:
    flat = " ".join(command.split())
    return flat if len(flat) <= 80 else flat[:77] + "…"


def app_ended(container: Container | None, exit: Exit, config: Mapping[str, Any], tail: Sequence[str]) -> DeployFailed:
    """Why an app that never answered ended."""
    if container and container.error:
        return DeployFailed(f"The app could not be started: {container.error}")
    if exit.oom_killed:
        return DeployFailed(
            with_tail(
                f"The app was killed because it used more than its {config['memory_mb']} MB of memory before it "
                "answered. Raise the project's memory under Settings → Resources.",
                tail,
            )
        )
    if exit.code == 127 and config["start"]:
        program = (shlex_split(config["start"]) or ["?"])[0]
        return DeployFailed(
            with_tail(
                f"The start command was not found: {program}. Is it among the project's dependencies, and spelt right "
                "under Settings → Build and deploy?",
                tail,
            )
        )
    sentence = f"The app {how_it_ended(exit, config['memory_mb'])} before it answered on port {APP_PORT}."
    if config["runner"] == DOCKERFILE and any("ermission denied" in line for line in tail):
        sentence += (
            " It runs as user 1000, whatever USER its Dockerfile says: let that user own what the app writes to."
        )
    return DeployFailed(with_tail(sentence, tail))


def shlex_split(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return command.split()


def never_answered(status: int | None, listening: Sequence[tuple[str, int]], path: str, timeout: int) -> DeployFailed:
    """Why an app that runs was not taken as ready. `listening`: (address, port) it listens on inside."""
    if status is not None:
        return DeployFailed(
            f"The app answered {status} at {path} for {timeout} seconds; anything below 500 counts as ready. "
            "Look at its log, or change the health path under Settings → Build and deploy."
        )
    if any(port == APP_PORT and address.startswith("127.") for address, port in listening):
        return DeployFailed(
            f"The app listens on 127.0.0.1:{APP_PORT}, where only its own container can reach it. "
            f"Let it listen on 0.0.0.0:{APP_PORT}."
        )
    if listening:
        ports = ", ".join(str(port) for port in sorted({port for _, port in listening}))
        return DeployFailed(
            f"The app did not answer on port {APP_PORT} within {timeout} seconds; it listens on port {ports}. "
            f"Let it listen on the port in the variable PORT ({APP_PORT})."
        )
    return DeployFailed(
        f"The app did not answer on port {APP_PORT} within {timeout} seconds: it runs, but listens on no port."
    )


def listening_sockets(proc_net_tcp: str) -> list[tuple[str, int]]:
    """(address, port) of every listening socket in the text of /proc/net/tcp and tcp6."""
    found = []
    for line in proc_net_tcp.splitlines():
        columns = line.split()
        if len(columns) > 3 and columns[3] == "0A" and ":" in columns[1]:
            address, port = columns[1].rsplit(":", 1)
            v4 = ".".join(str(byte) for byte in bytes.fromhex(address)[::-1]) if len(address) == 8 else address
            loopback = address in ("00000000000000000000000001000000",)
            found.append(("127.0.0.1" if loopback else v4, int(port, 16)))
    return [(address, port) for address, port in found if not address.startswith("127.0.0.11")]  # Docker's own DNS
