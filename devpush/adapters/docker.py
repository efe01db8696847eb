"""Containers, images and networks of the Docker Engine, as ports.Containers has them."""

import asyncio
import base64
import json
import math
import re
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, Self

from devpush.adapters import hostnet
from devpush.adapters.docker_config import (
    CACHE_MODE,
    Gone,
    about,
    build_limits,
    committed_config,
    container_config,
    container_of,
    folders_archive,
    listed_container,
    names_of,
    network_config,
    own_size,
    pairs,
    sentence,
    sized,
    split_name,
    subnets_of,
    usage_of,
)
from devpush.adapters.docker_http import DENIED, QUICK, Engine
from devpush.adapters.output import Lines, Reading, frames
from devpush.errors import DeployFailed, Unavailable
from devpush.ports import (
    About,
    Container,
    ContainerEvent,
    ContainerSpec,
    Exit,
    ImageMissing,
    Limits,
    OnOutput,
    OutputLine,
    Sized,
    Stream,
    SubnetTaken,
    Usage,
)

LABEL = "devpush.installation"
KILLED = 137  # 128 + SIGKILL
EVENTS = ["start", "die", "oom", "stop", "destroy", "pause", "unpause", "update"]
NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{1,200}")

SLOW, HUGE = 120.0, 900.0
"""Seconds that an act may take, and one that moves many files."""


class DockerContainers:
    """Implements ports.Containers. Open while inside `async with`."""

    def __init__(self, docker_host: str, installation: str, *, runtime: str = "") -> None:
        self.installation, self.runtime = installation, runtime
        self.prefix = f"devpush-{installation}-"
        self.engine = Engine(docker_host)
        self.known: set[str] = set()
        """Ids of containers seen to be ours."""

    async def __aenter__(self) -> Self:
        await self.engine.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.engine.close()

    async def ping(self) -> None:
        await self.engine.ask("_ping", seconds=5)

    async def about(self) -> About:
        info, version = await asyncio.gather(self.engine.ask("info"), self.engine.ask("version"))
        return about(info, version)

    async def space(self) -> int:
        return int((await self.engine.ask("system/df", params={"type": "image"}, seconds=SLOW))["LayersSize"] or 0)

    async def sizes(self) -> list[Sized]:
        found = await self.engine.ask("system/df", seconds=SLOW)
        ours = [one for one in sized(found) if self._is_ours(one.labels)]
        return [one for one in ours if one.kind != "container" or self._is_named_by_us(one.name)]

    async def image_sizes(self, labels: Mapping[str, str]) -> dict[str, int]:
        everybodys, ours = await asyncio.gather(
            self.engine.ask("images/json"), self.engine.ask("images/json", params=self._filters(labels))
        )
        whole = {image["Id"]: image["Size"] for image in everybodys}
        return {name: own_size(image, whole) for image in ours for name in names_of(image)}

    # images

    async def image(self, name: str) -> str | None:
        found = await self.engine.ask(f"images/{name}/json", allow=(404,))
        return str(found["Id"]) if found else None

    async def pull(self, name: str, *, timeout: float) -> bool:
        repository, tag = split_name(name)
        params = {"fromImage": repository, "tag": tag or "latest"}
        try:
            async with asyncio.timeout(timeout):
                parts = [part async for part in self.engine.parts("images/create", "POST", params=params)]
        except (TimeoutError, DeployFailed, ImageMissing):
            return False
        except Unavailable:  # the registry can't be reached, or it is the engine that can't
            await self.ping()
            return False
        return not any("error" in part for part in parts)

    async def triggers(self, image: str) -> Sequence[str]:
        found = await self.engine.ask(f"images/{image}/json")
        return list((found["Config"] or {}).get("OnBuild") or [])

    async def build_image(
        self,
        context: Path,
        *,
        name: str,
        build_args: Mapping[str, str],
        labels: Mapping[str, str],
        on_output: OnOutput,
        dockerfile: str = "Dockerfile",
        limits: Limits | None = None,
        network: str | None = None,
        timeout: float = 600,
    ) -> str:
        params = {
            "version": "1",  # the classic builder: in every engine, and without a session of its own
            "t": name,
            "dockerfile": dockerfile,
            "buildargs": json.dumps(dict(build_args)),
            "labels": json.dumps(self._labels(labels)),
            "rm": "1",
            "forcerm": "1",
            **({"networkmode": network} if network else {}),
            **(build_limits(limits) if limits else {}),
        }
        build = _Build(on_output)
        watching = asyncio.create_task(self._limit_processes(limits.pids, time.time())) if limits else None
        try:
            async with asyncio.timeout(timeout):
                with await asyncio.to_thread(context.open, "rb") as archive:
                    await build.follow(self.engine.parts("build", "POST", params=params, body=archive))
        except TimeoutError:
            raise DeployFailed(build.reason(f"The image was not built within {timeout:.0f} seconds.")) from None
        finally:
            if watching:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
        return build.image or await self.image(name) or ""

    async def _limit_processes(self, most: int, since: float) -> None:
        """Each container that a build of ours starts may have so many: the classic builder can't be told, but the
        engine can as soon as one runs. We know them by the label in each stage, and by a name that isn't ours."""
        filters = {"label": [f"{LABEL}={self.installation}"], "type": ["container"], "event": ["start"]}
        params = {"since": f"{since:.9f}", "filters": json.dumps(filters)}
        async for part in self.engine.parts("events", params=params):
            if not self._is_named_by_us(part["Actor"]["Attributes"].get("name", "")):
                path = f"containers/{part['Actor']['ID']}/update"
                await self.engine.ask(path, "POST", body={"PidsLimit": most}, allow=(404, 409, 500))  # it may be over

    async def commit(self, container: str, *, name: str, labels: Mapping[str, str]) -> str:
        made = await self._raw(container)
        base = (await self.engine.ask(f"images/{made['Image']}/json"))["Config"] or {}
        if set(made["Config"]["Env"] or []) - set(base.get("Env") or []):
            raise ValueError("A container with an environment of its own can't become an image.")
        repository, tag = split_name(name)
        body = committed_config(base, made["Config"], self._labels(labels))
        # Never paused: nothing runs in it by now, and if a process that was killed had asked for this, the next one's
        # command would start in a frozen container, where runc waits for ever and the engine with it.
        params = {"container": made["Id"], "repo": repository, "tag": tag, "pause": "0"}
        image = await self.engine.ask("commit", "POST", params=params, body=body, seconds=HUGE)
        return str(image["Id"])

    async def images(self, labels: Mapping[str, str]) -> list[tuple[str, str, datetime]]:
        found = await self.engine.ask("images/json", params=self._filters(labels))
        return [
            (name, image["Id"], datetime.fromtimestamp(image["Created"], UTC))
            for image in found
            for name in names_of(image)
        ]

    async def remove_image(self, name: str) -> None:
        found = await self.engine.ask(f"images/{name}/json", allow=(404,))
        if found and self._is_ours((found["Config"] or {}).get("Labels")):
            await self.engine.ask(f"images/{name}", "DELETE", allow=(404, 409), seconds=HUGE)

    # networks and volumes

    async def network(self, name: str, subnet: str, *, labels: Mapping[str, str]) -> None:
        self._check_name(name)
        if await self._has_network(name, subnet):
            return
        wanted = IPv4Network(subnet)
        if any(wanted.overlaps(IPv4Network(other)) for other in await asyncio.to_thread(hostnet.routed_subnets)):
            raise SubnetTaken(f"The host has a route into {subnet}.")
        body = network_config(name, wanted, self._labels(labels))
        made = await self.engine.ask("networks/create", "POST", body=body, allow=(409,), seconds=SLOW)
        if not made and not await self._has_network(name, subnet):  # made by somebody else meanwhile
            raise SubnetTaken(f"A network {name} exists with another subnet than {subnet}.")

    async def networks(self) -> list[tuple[str, Mapping[str, str]]]:
        found = await self.engine.ask("networks", params=self._filters())
        return [(network["Name"], network["Labels"] or {}) for network in found]

    async def taken_subnets(self) -> list[str]:
        networks, routes = await asyncio.gather(self.engine.ask("networks"), asyncio.to_thread(hostnet.routed_subnets))
        subnets = {subnet for network in networks for subnet in subnets_of(network)}
        return sorted({subnet for subnet in subnets if ":" not in subnet} | set(routes))

    async def remove_network(self, name: str) -> None:
        found = await self.engine.ask(f"networks/{name}", allow=(404,))
        if found and self._is_ours(found["Labels"]):
            await self.engine.ask(f"networks/{found['Id']}", "DELETE", allow=(403, 404, 409), seconds=SLOW)

    async def remove_volume(self, name: str) -> None:
        found = await self.engine.ask(f"volumes/{name}", allow=(404,))
        if found and self._is_ours(found["Labels"]):
            await self.engine.ask(f"volumes/{name}", "DELETE", allow=(404, 409), seconds=HUGE)

    async def volumes(self) -> list[tuple[str, Mapping[str, str]]]:
        found = await self.engine.ask("volumes", params=self._filters())
        return [(volume["Name"], volume["Labels"] or {}) for volume in found["Volumes"] or []]

    # containers

    async def create(self, spec: ContainerSpec, *, init: bool = True) -> str:
        self._check_name(spec.name, *spec.caches)
        body = container_config(replace(spec, labels=self._labels(spec.labels)), init=init, runtime=self.runtime)
        made = await self._create(spec.name, body)
        if not made:
            if not await self.inspect(spec.name):
                raise DeployFailed(f"A container of somebody else has the name {spec.name}.")
            await self.remove(spec.name)
            made = await self._create(spec.name, body)
        if not made:
            raise Unavailable(f"The name {spec.name} is not free yet.")
        self.known.add(made)
        if spec.caches:
            await self._hand_over(made, spec.caches.values())
        return made

    async def put(self, container: str, archive: Path, path: str) -> None:
        await self._must_be_ours(container)
        with await asyncio.to_thread(archive.open, "rb") as file:
            await self.engine.ask(
                f"containers/{container}/archive",
                "PUT",
                params={"path": path},
                body=file,
                seconds=HUGE,
            )

    async def start(self, container: str) -> None:
        await self._must_be_ours(container)
        await self.engine.ask(f"containers/{container}/start", "POST", seconds=SLOW)

    async def keep_running(self, container: str) -> None:
        await self._must_be_ours(container)
        policy = {"RestartPolicy": {"Name": "unless-stopped"}}
        await self.engine.ask(f"containers/{container}/update", "POST", body=policy)

    async def run(
        self,
        container: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        on_output: OnOutput,
        working_dir: str | None = None,
    ) -> Exit:
        await self._must_be_ours(container)
        began = time.time()
        body = {
            "Cmd": list(command),
            "Env": pairs(environment),
            "WorkingDir": working_dir or "",
            "AttachStdout": True,
            "AttachStderr": True,
        }
        made = await self.engine.ask(f"containers/{container}/exec", "POST", body=body, allow=(409,))
        if not made:
            raise DeployFailed(await self._why_it_ended(container))
        await self._hear(f"exec/{made['Id']}/start", on_output)
        code = await self._exit_code(made["Id"])
        return Exit(code, oom_killed=code != 0 and await self._ran_out_of_memory(container, began))

    async def wait(self, container: str) -> Exit:
        await self._must_be_ours(container)
        ended = None
        while not ended:
            try:
                ended = await self.engine.ask(f"containers/{container}/wait", "POST", seconds=60)
            except Unavailable as error:
                if not isinstance(error.__cause__, TimeoutError):
                    raise
                await self.ping()  # it runs on; or the connection died without a word
        found = await self.inspect(container)
        return Exit(int(ended["StatusCode"]), oom_killed=bool(found and found.oom_killed))

    async def inspect(self, container: str) -> Container | None:
        raw = await self.engine.ask(f"containers/{container}/json", allow=(404,))
        if not raw or not self._is_ours(raw["Config"]["Labels"]):
            return None
        self.known.add(raw["Id"])
        return container_of(raw)

    async def written(self) -> Sequence[tuple[Container, int]]:
        params = {"size": "1", **self._filters()}
        raws = await self.engine.ask("containers/json", params=params, seconds=SLOW)
        return [(listed_container(raw), int(raw.get("SizeRw") or 0)) for raw in raws]

    async def list(self, labels: Mapping[str, str] | None = None) -> list[Container]:
        params = {"all": "1", **self._filters(labels or {})}
        raws = await self.engine.ask("containers/json", params=params)
        found = [container for container in map(listed_container, raws) if self._is_named_by_us(container.name)]
        self.known = self.known | {container.id for container in found} if labels else {c.id for c in found}
        return found

    async def stop(self, container: str, *, grace: float = 10) -> None:
        if await self._belongs_to_us(container):
            path = f"containers/{container}/stop"
            seconds = grace + SLOW
            await self.engine.ask(path, "POST", params={"t": str(math.ceil(grace))}, allow=(404,), seconds=seconds)

    async def remove(self, container: str) -> None:
        if not await self._belongs_to_us(container):
            return
        params = {"force": "1", "v": "1"}
        async with _patience("The container can't be removed."):
            while await self.engine.ask(
                f"containers/{container}", "DELETE", params=params, allow=(404, 409), seconds=SLOW
            ) is DENIED and await self.inspect(container):
                await asyncio.sleep(0.05)  # somebody else is removing it
        self.known.discard(container)

    async def logs(self, container: str, *, since: str = "", follow: bool = False) -> AsyncIterator[OutputLine]:
        reading = Reading(since)
        params = {
            "stdout": "1",
            "stderr": "1",
            "timestamps": "1",
            "since": reading.since,
            "follow": "1" if follow else "0",
        }
        with suppress(Gone):  # then it has no more to say
            await self._must_be_ours(container)
            path = f"containers/{container}/logs"
            async with self.engine.stream(path, params=params, idle=None if follow else QUICK) as answer:
                async for stream, entry in frames(answer.content):
                    if line := reading.line(stream, entry):
                        yield line

    def events(self) -> AsyncIterator[ContainerEvent]:
        return self._events(since=time.time())  # from this call on, not from the first look at the iterator

    async def open_connections(self, address: str, port: int) -> int | None:
        return await asyncio.to_thread(hostnet.open_connections, address, port)

    # what is ours

    async def usage(self, container: str) -> Usage | None:
        path = f"containers/{container}"
        try:
            raw = await self._raw(container)
            if not raw["State"]["Running"]:
                return None
            stats = await self.engine.ask(f"{path}/stats", params={"stream": "false", "one-shot": "true"})
        except Gone:
            return None
        return usage_of(stats, raw["RestartCount"])

    def _labels(self, labels: Mapping[str, str]) -> dict[str, str]:
        return {**labels, LABEL: self.installation}

    def _filters(self, labels: Mapping[str, str] | None = None) -> dict[str, str]:
        return {"filters": json.dumps({"label": pairs(self._labels(labels or {}))})}

    def _is_ours(self, labels: Mapping[str, str] | None) -> bool:
        return (labels or {}).get(LABEL) == self.installation

    def _is_named_by_us(self, name: str) -> bool:
        """Labels alone don't tell: containers of a running build have those that its Dockerfile gives them, and could
        pass for another tenant's app. Their names are the engine's."""
        return name.startswith(self.prefix)

    def _check_name(self, *names: str) -> None:
        for name in names:
            if not (name.startswith(self.prefix) and NAME.fullmatch(name)):
                raise ValueError(f"{name!r} is not a name of this installation.")

    async def _belongs_to_us(self, container: str) -> bool:
        """Our names say it themselves; an id is asked for once."""
        if container.startswith(self.prefix) or container in self.known:
            return True
        return await self.inspect(container) is not None

    async def _must_be_ours(self, container: str) -> None:
        if not await self._belongs_to_us(container):
            raise Gone

    # steps

    async def _create(self, name: str, body: Mapping[str, object]) -> str | None:
        made = await self.engine.ask(
            "containers/create", "POST", params={"name": name}, body=body, allow=(409,), seconds=SLOW
        )
        return str(made["Id"]) if made else None

    async def _hand_over(self, container: str, folders: Collection[str]) -> None:
        """Give the folders to the user inside: a fresh volume belongs to root, whom nobody can be there."""
        path = f"containers/{container}/archive"
        fresh = [folder for folder in folders if await self._mode(path, folder) != CACHE_MODE]
        if fresh:
            await self.engine.ask(path, "PUT", params={"path": "/"}, body=folders_archive(fresh), seconds=SLOW)

    async def _mode(self, path: str, folder: str) -> int:
        async with self.engine.stream(path, "HEAD", params={"path": folder}, idle=QUICK) as answer:
            found = json.loads(base64.b64decode(answer.headers["X-Docker-Container-Path-Stat"]))
            return int(found["mode"]) & 0o777

    async def _has_network(self, name: str, subnet: str) -> bool:
        """Whether it is there as wanted. One of ours with another subnet makes room, unless it is in use."""
        found = await self.engine.ask(f"networks/{name}", allow=(404,))
        if not found:
            return False
        if self._is_ours(found["Labels"]) and subnets_of(found) == [subnet]:
            return True
        await self.remove_network(name)
        if await self.engine.ask(f"networks/{name}", allow=(404,)):
            raise SubnetTaken(f"A network {name} exists with another subnet than {subnet}.")
        return False

    async def _raw(self, container: str) -> Any:
        raw = await self.engine.ask(f"containers/{container}/json", allow=(404,))
        if not raw or not self._is_ours(raw["Config"]["Labels"]):
            raise Gone
        return raw

    async def _hear(self, path: str, on_output: OnOutput) -> None:
        heard: dict[Stream, Lines] = {"out": Lines(), "err": Lines(), "system": Lines()}
        async with self.engine.stream(path, "POST", body={"Detach": False, "Tty": False}) as answer:
            async for stream, data in frames(answer.content):
                for line in heard[stream].feed(data):
                    on_output(stream, line)
        for stream, lines in heard.items():
            for line in lines.end():
                on_output(stream, line)

    async def _exit_code(self, execution: str) -> int:
        """How a command ended; killed, if the engine knows it no more: its container is gone."""
        pause = 0.02
        while found := await self.engine.ask(f"exec/{execution}/json", allow=(404, 409)):
            if not found["Running"] and found["ExitCode"] is not None:
                return int(found["ExitCode"])
            await asyncio.sleep(pause)  # it closed its output and goes on
            pause = min(pause * 1.5, 1)
        return KILLED

    async def _ran_out_of_memory(self, container: str, began: float) -> bool:
        """Whether the kernel ended a process in there since then: the engine remembers its last 256 events."""
        params = {
            "since": f"{began:.9f}",
            "until": f"{time.time():.9f}",
            "filters": json.dumps({"container": [container], "event": ["oom"]}),
        }
        return any([True async for _ in self.engine.parts("events", params=params, idle=QUICK)])

    async def _why_it_ended(self, container: str) -> str:
        found = await self.inspect(container)
        if not found:
            return str(Gone())
        if found.oom_killed:
            return "The container ran out of memory."
        return f"The container is not running any more: it ended with exit code {found.exit_code}."

    async def _events(self, since: float) -> AsyncIterator[ContainerEvent]:
        label = f"{LABEL}={self.installation}"
        filters = {"label": [label], "type": ["container"], "event": EVENTS}
        params = {"since": f"{since:.9f}", "filters": json.dumps(filters)}
        async for part in self.engine.parts("events", params=params):
            labels = part["Actor"]["Attributes"]
            if self._is_named_by_us(labels.get("name", "")):
                yield ContainerEvent(part["Action"], labels["name"], labels)


@asynccontextmanager
async def _patience(otherwise: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(SLOW):
            yield
    except TimeoutError:
        raise Unavailable(otherwise) from None


class _Build:
    """Listens to the classic builder."""

    def __init__(self, on_output: OnOutput) -> None:
        self.on_output = on_output
        self.lines = Lines()
        self.last: deque[str] = deque(maxlen=12)
        self.image = ""

    async def follow(self, parts: AsyncGenerator[Any, None]) -> None:
        async with aclosing(parts):
            async for part in parts:
                self.hear(part)

    def hear(self, part: Mapping[str, Any]) -> None:
        for line in self.lines.feed(part.get("stream", "").encode()):
            self.on_output("out", line)
            if not line.startswith((" ---> ", "Removing intermediate container")):
                self.last.append(line)
        if "aux" in part:
            self.image = part["aux"].get("ID", self.image)
        if "error" in part:
            raise DeployFailed(self.reason(sentence("The image could not be built", part["error"])))

    def reason(self, sentence: str) -> str:
        return "\n".join([sentence, *self.last])
