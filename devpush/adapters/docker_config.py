"""What we ask Docker to run, and how we read what it tells. Decides everything, touches nothing."""

import io
import json
import re
import tarfile
from collections.abc import Collection, Mapping
from datetime import datetime
from ipaddress import IPv4Network
from pathlib import PurePosixPath
from typing import Any

from devpush.errors import DeployFailed, Unavailable
from devpush.ports import (
    About,
    AddressTaken,
    Container,
    ContainerSpec,
    ImageMissing,
    Limits,
    Sized,
    SubnetTaken,
    Usage,
)

ULIMITS = [
    {"Name": "core", "Soft": 0, "Hard": 0},
    {"Name": "nofile", "Soft": 16_384, "Hard": 16_384},  # more than the engine's own can't be given
]
USER = "1000:1000"
CPU_PERIOD = 100_000  # µs
CACHE_MODE = 0o750
"""Not what a fresh volume has: shows which ones were given to the user inside."""


APP_SHARES, BUILD_SHARES = 1024, 64
"""Of the processor, where more is wanted than there is: a build gets a sixteenth of what an app gets."""
APP_GOES, BUILD_GOES = 500, 900
"""How soon the kernel ends it when the whole machine runs out of memory: a build before an app, and both before us."""


def container_config(spec: ContainerSpec, *, init: bool, runtime: str = "") -> dict[str, object]:
    """The whole body of a create call."""
    endpoint = {"IPAMConfig": {"IPv4Address": spec.address}} if spec.address else {}
    return {
        "Image": spec.image,
        # All of argv, whatever the image's entry point is. And a commit can take an entry point back, a command not.
        **({"Entrypoint": list(spec.command), "Cmd": []} if spec.command is not None else {}),
        "User": USER,
        "Env": pairs(spec.environment),
        "Labels": dict(spec.labels),
        "WorkingDir": spec.working_dir or "",
        "Healthcheck": {"Test": ["NONE"]},  # we ask ourselves
        "HostConfig": host_config(spec, init=init, runtime=runtime),
        "NetworkingConfig": {"EndpointsConfig": {spec.network: endpoint}},
    }


def host_config(spec: ContainerSpec, *, init: bool = True, runtime: str = "") -> dict[str, object]:
    """All that a container may do to the host. Nothing a tenant says gets in, but limits and the names of caches."""
    memory = spec.limits.memory_mb * 1024 * 1024
    return {
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "Memory": memory,
        "MemorySwap": memory,  # memory and swap together: no swap
        "OomKillDisable": False,
        "OomScoreAdj": BUILD_GOES if spec.limits.yielding else APP_GOES,
        "CpuShares": BUILD_SHARES if spec.limits.yielding else APP_SHARES,
        "CpuPeriod": CPU_PERIOD,
        "CpuQuota": spec.limits.cpu_quota,
        "PidsLimit": spec.limits.pids,
        "Ulimits": ULIMITS,
        "Init": init,  # programs as process 1 ignore SIGTERM, and nobody would reap
        "CgroupnsMode": "private",
        "IpcMode": "private",
        "NetworkMode": spec.network,
        **({"Runtime": runtime} if runtime else {}),
        "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}},
        "Mounts": [
            {"Type": "volume", "Source": name, "Target": path, "VolumeOptions": _volume_options(spec)}
            for name, path in spec.caches.items()
        ],
    }


def _volume_options(spec: ContainerSpec) -> dict[str, object]:
    """A volume keeps the labels of the container it was first made for."""
    return {"NoCopy": True, "Labels": dict(spec.labels)}


def network_config(name: str, subnet: IPv4Network, labels: Mapping[str, str]) -> dict[str, object]:
    """A bridge of its own; addresses that nobody chose come from the upper half."""
    [_, upper] = subnet.subnets()
    addresses = {"Subnet": str(subnet), "IPRange": str(upper), "Gateway": str(subnet[1])}
    return {
        "Name": name,
        "Driver": "bridge",
        "CheckDuplicate": True,
        "IPAM": {"Driver": "default", "Config": [addresses]},
        # A preview and production of one project have no business with each other either.
        "Options": {"com.docker.network.bridge.enable_icc": "false"},
        "Labels": dict(labels),
    }


def committed_config(
    base: Mapping[str, Any], container: Mapping[str, Any], labels: Mapping[str, str]
) -> dict[str, object]:
    """The configuration of the image that a container came from, said so fully that Docker fills nothing in from the
    container. Labels can't be taken away: those of the container alone become empty."""
    from_container = dict.fromkeys(container["Labels"] or {}, "")
    return {
        "Entrypoint": base.get("Entrypoint") or [],
        "Cmd": base.get("Cmd") or [],
        "Env": base.get("Env") or [],
        "WorkingDir": base.get("WorkingDir") or "/",
        "User": base.get("User") or USER,
        "Labels": {**from_container, **(base.get("Labels") or {}), **labels},
    }


def folders_archive(folders: Collection[str]) -> bytes:
    """A tar of nothing but these folders, owned by the user inside."""
    owner, _, group = USER.partition(":")
    with io.BytesIO() as file:
        with tarfile.open(fileobj=file, mode="w") as archive:
            for folder in folders:
                entry = tarfile.TarInfo(str(PurePosixPath(folder).relative_to("/")))
                entry.type, entry.mode = tarfile.DIRTYPE, CACHE_MODE
                entry.uid, entry.gid = int(owner), int(group)
                archive.addfile(entry)
        return file.getvalue()


def split_name(name: str) -> tuple[str, str]:
    """repository:tag, or repository@digest → the two; the tag may be empty."""
    if "@" in name:
        repository, _, digest = name.partition("@")
        return repository, digest
    repository, colon, tag = name.rpartition(":")
    return (repository, tag) if colon and "/" not in tag else (name, "")


def build_limits(limits: Limits) -> dict[str, str]:
    """Of the containers in which the classic builder runs commands; of processes it knows no limit, and none of
    them can be told to go first when memory runs out."""
    memory = str(limits.memory_mb * 1024 * 1024)
    return {
        "memory": memory,
        "memswap": memory,
        "cpuperiod": str(CPU_PERIOD),
        "cpuquota": str(limits.cpu_quota),
        "cpushares": str(BUILD_SHARES),
        "ulimits": json.dumps(ULIMITS),
    }


def pairs(mapping: Mapping[str, str]) -> list[str]:
    return [f"{key}={value}" for key, value in mapping.items()]


# What Docker tells


def container_of(raw: Mapping[str, Any]) -> Container:
    """A container from what `inspect` says of it."""
    state = raw["State"]
    return Container(
        id=raw["Id"],
        name=raw["Name"].removeprefix("/"),
        labels=raw["Config"]["Labels"] or {},
        state=state["Status"],
        image=raw["Config"]["Image"],
        address=_address(raw["NetworkSettings"]),
        exit_code=None if state["Running"] or state["Status"] == "created" else state["ExitCode"],
        oom_killed=state["OOMKilled"],
        restarts=raw["RestartCount"],
        started_at=_moment(state["StartedAt"]),
        error=state["Error"],
    )


def listed_container(raw: Mapping[str, Any]) -> Container:
    """A container from its row in a list, which knows less."""
    exited = re.match(r"(?:Exited|Restarting) \((\d+)\)", raw["Status"])
    return Container(
        id=raw["Id"],
        name=raw["Names"][0].removeprefix("/") if raw["Names"] else "",
        labels=raw["Labels"] or {},
        state=raw["State"],
        image=raw["Image"],
        address=_address(raw["NetworkSettings"]),
        exit_code=int(exited[1]) if exited else None,
    )


def _address(settings: Mapping[str, Any]) -> str | None:
    """The chosen address, which a stopped container has too, or the one it got."""
    for network in (settings["Networks"] or {}).values():
        return (network["IPAMConfig"] or {}).get("IPv4Address") or network["IPAddress"] or None
    return None


def _moment(text: str) -> datetime | None:
    moment = datetime.fromisoformat(text)
    return moment if moment.year > 1 else None


def subnets_of(network: Mapping[str, Any]) -> list[str]:
    return [entry["Subnet"] for entry in network["IPAM"]["Config"] or [] if "Subnet" in entry]


def about(info: Mapping[str, Any], version: Mapping[str, Any]) -> About:
    """The engine itself. One before API 1.41 doesn't tell of cgroups: it knew the first kind only."""
    return About(
        version=str(version["Version"]),
        api=str(version["ApiVersion"]),
        cgroups=int(info.get("CgroupVersion") or 1),
        live_restore=bool(info.get("LiveRestoreEnabled")),
        root=str(info.get("DockerRootDir") or ""),
        warnings=tuple(info.get("Warnings") or ()),
        runtimes=tuple(sorted(info.get("Runtimes") or ("runc",))),
        default_runtime=str(info.get("DefaultRuntime") or "runc"),
    )


UNTAGGED = "<none>:<none>"
"""What engines before API 1.43 call an image whose name went to a newer one."""


def names_of(image: Mapping[str, Any]) -> set[str]:
    """Of an image in a list; its id, where it has no name."""
    return set(image["RepoTags"] or ()) - {UNTAGGED} or {image["Id"]}


def sized(found: Mapping[str, Any]) -> list[Sized]:
    """Everybody's, from `system/df`. An image of several names is told once."""
    images, containers, volumes = ([*(found.get(name) or ())] for name in ("Images", "Containers", "Volumes"))
    whole = {image["Id"]: image["Size"] for image in images}
    return [
        *(Sized("image", min(names_of(one)), one["Labels"] or {}, own_size(one, whole)) for one in images),
        *(Sized("volume", one["Name"], one["Labels"] or {}, _used(one)) for one in volumes),
        *(
            Sized("container", one["Names"][0].removeprefix("/"), one["Labels"] or {}, int(one.get("SizeRw") or 0))
            for one in containers
            if one["Names"]
        ),
    ]


def own_size(image: Mapping[str, Any], whole: Mapping[str, int]) -> int:
    """What it adds to the one it was made from. Where the engine doesn't tell from which: all that it shares with none,
    or if that isn't told either, all of it. `whole`: id → bytes of every image."""
    if image.get("ParentId") in whole:
        return max(int(image["Size"]) - whole[image["ParentId"]], 0)
    return max(int(image["Size"]) - max(int(image.get("SharedSize") or 0), 0), 0)


def _used(volume: Mapping[str, Any]) -> int:
    return max(int((volume.get("UsageData") or {}).get("Size", 0)), 0)  # -1: the engine couldn't count it


def usage_of(stats: Mapping[str, Any], restarts: int) -> Usage:
    """What a running container uses. An engine leaves out what it couldn't read."""
    memory, networks = stats.get("memory_stats") or {}, stats.get("networks") or {}
    details = memory.get("stats") or {}
    files = details.get("inactive_file", details.get("total_inactive_file", 0))  # cgroup v2, v1
    return Usage(
        cpu_ms=stats["cpu_stats"]["cpu_usage"]["total_usage"] // 1_000_000,
        memory=max(0, memory.get("usage", 0) - files),
        received=sum(network["rx_bytes"] for network in networks.values()),
        sent=sum(network["tx_bytes"] for network in networks.values()),
        restarts=restarts,
    )


# What goes wrong


class Gone(DeployFailed):
    """There is no such container, or it is none of ours."""

    def __init__(self) -> None:
        super().__init__("The container is gone.")


def failure(status: int, message: str) -> Exception:
    """What an answer of the engine's that is none means to us."""
    if "No such container" in message:
        return Gone()
    for words, kind in (
        ("No such image", ImageMissing),
        ("Address already in use", AddressTaken),
        ("overlaps with other one", SubnetTaken),
    ):
        if words in message:
            return kind(message)
    if unknown := re.search(r"(?i)unknown (?:or invalid )?runtime (?:specified|name:?) *(\S+)", message):
        fix = "The operator has to name it in Docker's daemon.json."
        return DeployFailed(f"Docker has no runtime {unknown[1]} (CONTAINER_RUNTIME). {fix}")
    if "OCI runtime" in message or "failed to create shim" in message:
        return DeployFailed(sentence("The container could not be started", message))
    if status >= 500:
        return Unavailable(sentence("Docker can't do that now", message))
    return DeployFailed(sentence("Docker refused", message))


def sentence(what: str, message: str) -> str:
    """Docker tells every hand a message went through: the last one says why."""
    if command := re.search(r'exec: \\?"(?P<name>[^"\\]+)\\?": (?P<why>[^:]+)', message):
        return f"{what}: {command['name']}: {command['why'].strip()}."
    why = message.removesuffix(": unknown").rpartition("unable to start container process: ")[2]
    return f"{what}: {why.strip().rstrip('.')}."
