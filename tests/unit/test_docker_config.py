"""What we ask Docker to run, and what its refusals mean."""

from dataclasses import replace

import pytest

from devpush.adapters.docker_config import (
    build_limits,
    committed_config,
    container_config,
    failure,
    host_config,
    listed_container,
    split_name,
)
from devpush.errors import DeployFailed, Unavailable
from devpush.ports import AddressTaken, ContainerSpec, ImageMissing, Limits, SubnetTaken

RUNC = "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: "
SPEC = ContainerSpec(
    name="devpush-0a1b2c3d-app",
    image="app",
    labels={"a": "b"},
    limits=Limits(memory_mb=256, cpu_quota=50_000),
    network="devpush-0a1b2c3d-net",
    address="10.0.0.2",
    command=["sh", "-c", "true"],
    environment={"KEY": "a=b\nc"},
)


def test_nothing_of_the_host_is_ever_handed_in() -> None:
    forbidden = {
        *("Binds", "Privileged", "CapAdd", "Devices", "DeviceRequests", "PidMode", "UTSMode", "UsernsMode"),
        *("VolumesFrom", "PortBindings", "PublishAllPorts", "ExtraHosts", "CgroupParent", "Sysctls", "Runtime"),
    }
    config = host_config(SPEC)
    assert not forbidden & set(config)
    assert config["CapDrop"] == ["ALL"]
    assert config["Memory"] == config["MemorySwap"] == 256 * 1024 * 1024
    assert host_config(SPEC, init=False)["Init"] is False


def test_a_build_has_what_apps_leave_of_the_processor_and_goes_first_when_memory_is_short() -> None:
    app, build = host_config(SPEC), host_config(replace(SPEC, limits=replace(SPEC.limits, yielding=True)))
    assert app["CpuShares"] == 16 * build["CpuShares"]  # type: ignore[operator]  # both are numbers
    assert app["OomScoreAdj"] < build["OomScoreAdj"]  # type: ignore[operator]
    assert build_limits(SPEC.limits)["cpushares"] == str(build["CpuShares"]), "a Dockerfile's build no less"


def test_the_runtime_is_the_operators_or_the_engines_own() -> None:
    config = container_config(SPEC, init=True, runtime="runsc")
    assert config["HostConfig"] == host_config(SPEC) | {"Runtime": "runsc"}


def test_the_command_is_all_of_argv_and_the_user_is_never_root() -> None:
    config = container_config(SPEC, init=True)
    assert (config["Entrypoint"], config["Cmd"]) == (["sh", "-c", "true"], [])
    assert config["User"] == "1000:1000"
    assert config["Env"] == ["KEY=a=b\nc"]


def test_an_image_takes_nothing_from_the_container_it_was_made_in() -> None:
    base = {"Env": ["PATH=/bin"], "Cmd": ["serve"], "Labels": {"runner": "python"}, "WorkingDir": "/app"}
    container = {"Labels": {"runner": "python", "deployment": "1"}, "Cmd": [], "Entrypoint": ["sleep"]}
    config = committed_config(base, container, {"kind": "app"})
    assert config == {
        "Entrypoint": [],
        "Cmd": ["serve"],
        "Env": ["PATH=/bin"],
        "WorkingDir": "/app",
        "User": "1000:1000",
        "Labels": {"runner": "python", "deployment": "", "kind": "app"},
    }


@pytest.mark.parametrize(
    ("status", "message", "kind", "text"),
    [
        (404, "No such image: nothing:latest", ImageMissing, "nothing:latest"),
        (404, "No such container: x", DeployFailed, "The container is gone."),
        (403, "Address already in use", AddressTaken, ""),
        (400, "Unknown runtime specified runsc", DeployFailed, "Docker has no runtime runsc (CONTAINER_RUNTIME)."),
        (400, "unknown or invalid runtime name: runsc", DeployFailed, "Docker has no runtime runsc"),
        (403, "Pool overlaps with other one on this address space", SubnetTaken, ""),
        (
            400,
            RUNC + 'exec: "nosuch": executable file not found in $PATH: unknown',
            DeployFailed,
            "The container could not be started: nosuch: executable file not found in $PATH.",
        ),
        (
            500,
            RUNC + "error during container init: out of something: unknown",
            DeployFailed,
            "The container could not be started: error during container init: out of something.",
        ),
        (900, "Cannot connect to Docker Engine", Unavailable, "Docker can't do that now: Cannot connect"),
        (503, "shutting down", Unavailable, "shutting down."),
        (400, "invalid mount", DeployFailed, "Docker refused: invalid mount."),
    ],
)
def test_a_refusal_becomes_a_sentence_for_the_right_person(
    status: int, message: str, kind: type[Exception], text: str
) -> None:
    error = failure(status, message)
    assert isinstance(error, kind)
    assert text in str(error)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("python:3.12-slim", ("python", "3.12-slim")),
        ("python", ("python", "")),
        ("registry:5000/team/app", ("registry:5000/team/app", "")),
        ("registry:5000/team/app:1", ("registry:5000/team/app", "1")),
        ("python@sha256:abc", ("python", "sha256:abc")),
    ],
)
def test_an_images_name_is_split_at_its_tag(name: str, parts: tuple[str, str]) -> None:
    assert split_name(name) == parts


def test_a_row_of_the_list_tells_how_a_container_ended_and_where_it_was() -> None:
    row = {
        "Id": "1",
        "Names": ["/app"],
        "Labels": None,
        "State": "exited",
        "Status": "Exited (137) 2 minutes ago",
        "Image": "app",
        "NetworkSettings": {"Networks": {"n": {"IPAMConfig": {"IPv4Address": "10.0.0.2"}, "IPAddress": ""}}},
    }
    found = listed_container(row)
    assert (found.name, found.exit_code, found.address) == ("app", 137, "10.0.0.2")
