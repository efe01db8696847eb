"""In-memory stand-ins for everything outside, one a port: small, truthful, and to be told what goes wrong."""

import asyncio
import base64
import hashlib
import io
import posixpath
import tarfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit

from devpush import ports
from devpush.errors import DeployFailed, Refused, Unavailable
from devpush.ports import (
    Commit,
    Container,
    ContainerEvent,
    ContainerSpec,
    Exit,
    Happening,
    Limits,
    LogLine,
    NewLine,
    OnOutput,
    OutputLine,
    Repository,
    RouteTable,
    Served,
    Source,
    Stream,
    Total,
    TreeEntry,
    Usage,
)
from devpush.settings import Settings


@dataclass
class FakeWorld(ports.World):
    """A World whose parts are known to be fakes, so that tests can look into them."""

    containers: "FakeContainers"
    proxy: "FakeProxy"
    dns: "FakeDns"
    git: "FakeGit"
    logs: "FakeLogs"
    live: "FakeLive"
    leases: "FakeLeases"
    mailer: "FakeMailer"
    machine: "FakeMachine"
    vault: "FakeVault"
    dumps: "FakeDumps"
    github: "FakeGitHub"
    openid: "FakeOpenId"
    probe: "FakeProbe"
    access_log: "FakeAccessLog"
    shipping: "FakeShipping"
    metering: "FakeMetering"
    jobs: "FakeJobs"


def fake_world(settings: Settings, installation: str = "0a1b2c3d") -> FakeWorld:
    containers = FakeContainers(installation)
    return FakeWorld(
        settings=settings,
        installation=installation,
        containers=containers,
        proxy=FakeProxy(),
        dns=FakeDns(),
        git=FakeGit(),
        logs=FakeLogs(),
        live=FakeLive(),
        leases=FakeLeases(),
        mailer=FakeMailer(),
        machine=FakeMachine(),
        vault=FakeVault(),
        dumps=FakeDumps(),
        github=FakeGitHub(),
        openid=FakeOpenId(),
        probe=FakeProbe(containers),
        access_log=FakeAccessLog(),
        shipping=FakeShipping(),
        metering=FakeMetering(),
        jobs=FakeJobs(),
    )


class Away:
    """A part that can be out of reach: `away = 3` lets the next three calls fail, `away = -1` all of them."""

    away = 0
    reached = 0
    """How often it was asked."""

    def reach(self) -> None:
        self.reached += 1
        if self.away:
            self.away -= 1 if self.away > 0 else 0
            raise Unavailable(f"{type(self).__name__} doesn't answer.")


# Docker


@dataclass
class Ran:
    """What a command inside a container does."""

    code: int = 0
    output: Sequence[str] = ()
    seconds: float = 0.0
    oom_killed: bool = False


@dataclass
class Behaviour:
    """What a container does once it is started."""

    output: Sequence[str] = ()
    answers: int | None = 200
    """The HTTP status that FakeProbe sees; None: nothing listens."""
    exits: int | None = None
    """With this code, `after` so many seconds."""
    after: float = 0.0
    oom_killed: bool = False
    commands: Mapping[str, Ran] = field(default_factory=dict)
    """By a piece of the command line; every other command succeeds silently."""


@dataclass
class FakeContainer:
    id: str
    spec: ContainerSpec
    state: Literal["created", "running", "restarting", "exited", "paused", "dead", "removing"] = "created"
    exit_code: int | None = None
    oom_killed: bool = False
    restarts: int = 0
    usage: Usage = field(default_factory=lambda: Usage(0, 0, 0, 0, 0))
    kept: bool = False
    """Docker restarts it."""
    written: int = 0
    """Bytes, into its own files."""
    started_at: datetime | None = None
    files: list[tuple[str, Path]] = field(default_factory=list)
    output: list[OutputLine] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    life: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        return self.state == "running"

    def seen(self) -> Container:
        return Container(
            id=self.id,
            name=self.spec.name,
            labels=self.spec.labels,
            state=self.state,
            image=self.spec.image,
            address=self.spec.address,
            exit_code=self.exit_code,
            oom_killed=self.oom_killed,
            restarts=self.restarts,
            started_at=self.started_at,
        )


@dataclass
class FakeImage:
    id: str
    name: str
    labels: Mapping[str, str]
    created: datetime
    size: int = 0
    """Of its own."""


@dataclass
class FakeBuild:
    """What the builder was given."""

    files: Mapping[str, str]
    arguments: Mapping[str, str]
    limits: Limits | None
    network: str | None


class FakeContainers(Away):
    """A Docker Engine. `behave` says what containers do; `calls` is what was asked of it, in order."""

    def __init__(self, installation: str = "0a1b2c3d") -> None:
        self.installation = installation
        self.behave: Callable[[ContainerSpec], Behaviour] = lambda spec: Behaviour()
        self.builds: list[FakeBuild] = []
        self.build_fails = ""
        self.onbuild: dict[str, list[str]] = {}
        """Image id → what it adds to every build on it."""
        self.calls: list[tuple[str, str]] = []
        self.all: dict[str, FakeContainer] = {}
        self.known_images: dict[str, FakeImage] = {}
        self.known_networks: dict[str, tuple[str, Mapping[str, str]]] = {}
        self.known_volumes: dict[str, Mapping[str, str]] = {}
        self.volume_sizes: dict[str, int] = {}
        self.foreign_subnets: list[str] = []
        self.engine = ports.About("29.1.0", "1.52", 2, live_restore=True, root="/var/lib/docker")
        self.pullable: set[str] = set()
        self.environments: list[Mapping[str, str]] = []
        """Of each command that ran, in order."""
        self.connected = 0
        """How many connections every address has open."""
        self._listeners: list[asyncio.Queue[ContainerEvent]] = []
        self._numbers = count(1)
        self._clock = count(1_800_000_000_000_000_000, 1_000_000)

    def have_image(self, name: str, labels: Mapping[str, str] | None = None) -> str:
        """The engine has this image already; its id."""
        id = "sha256:" + hashlib.sha256(f"{name} {next(self._numbers)}".encode()).hexdigest()
        self.known_images[name] = FakeImage(id, name, labels or {}, datetime.now(UTC))
        return id

    async def say(self, container: str, text: str, stream: Stream = "out") -> None:
        """The container writes a line now."""
        found = self._find(container)
        now = next(self._clock)
        found.output.append(OutputLine(datetime.fromtimestamp(now / 1e9, UTC), stream, text, str(now)))
        await _tell(found)

    async def crash(self, container: str, code: int = 1, *, oom_killed: bool = False) -> None:
        """Its process ends now; Docker starts it again if it was told to keep it running."""
        found = self._find(container)
        await self._end(found, code, oom_killed)
        if found.kept:
            found.restarts += 1
            await self._begin(found)

    def _call(self, act: str, about: str = "") -> None:
        self.calls.append((act, about))
        self.reach()

    def _find(self, container: str) -> FakeContainer:
        for found in self.all.values():
            if container in (found.id, found.spec.name):
                return found
        raise DeployFailed(f"There is no container {container}.")

    def _happened(self, action: str, container: FakeContainer) -> None:
        for queue in self._listeners:
            queue.put_nowait(ContainerEvent(action, container.spec.name, container.spec.labels))

    async def ping(self) -> None:
        self._call("ping")

    async def about(self) -> ports.About:
        self._call("about")
        return self.engine

    async def space(self) -> int:
        self._call("space")
        return sum(1_000_000 for _ in self.known_images)

    async def sizes(self) -> Sequence[ports.Sized]:
        self._call("sizes")
        return [
            *(ports.Sized("image", one.name, one.labels, one.size) for one in self.known_images.values()),
            *(
                ports.Sized("volume", name, labels, self.volume_sizes.get(name, 0))
                for name, labels in self.known_volumes.items()
            ),
            *(ports.Sized("container", one.spec.name, one.spec.labels, one.written) for one in self.all.values()),
        ]

    async def image_sizes(self, labels: Mapping[str, str]) -> Mapping[str, int]:
        self._call("image_sizes")
        found = self.known_images.values()
        return {one.name: one.size for one in found if labels.items() <= one.labels.items()}

    async def image(self, name: str) -> str | None:
        self._call("image", name)
        return next((image.id for image in self.known_images.values() if name in (image.id, image.name)), None)

    async def pull(self, name: str, *, timeout: float) -> bool:
        self._call("pull", name)
        if name in self.pullable and name not in [image.name for image in self.known_images.values()]:
            self.have_image(name)
        return name in self.pullable

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
        self._call("build_image", name)
        with tarfile.open(context) as tar:
            files = {entry.name: tar.extractfile(entry) for entry in tar.getmembers()}
            texts = {name: file.read().decode() if file else "" for name, file in files.items()}
        self.builds.append(FakeBuild(texts, build_args, limits, network))
        on_output("out", f"Step 1/1 : FROM {build_args.get('BASE_IMAGE', 'scratch')}")
        if self.build_fails:
            raise DeployFailed(self.build_fails)
        return self.have_image(name, labels)

    async def triggers(self, image: str) -> Sequence[str]:
        return self.onbuild.get(image, [])

    async def commit(self, container: str, *, name: str, labels: Mapping[str, str]) -> str:
        self._call("commit", container)
        self._find(container)
        return self.have_image(name, labels)

    async def images(self, labels: Mapping[str, str]) -> list[tuple[str, str, datetime]]:
        self._call("images")
        return [
            (image.name, image.id, image.created)
            for image in self.known_images.values()
            if labels.items() <= image.labels.items()
        ]

    async def remove_image(self, name: str) -> None:
        self._call("remove_image", name)
        used = {container.spec.image for container in self.all.values()}
        for key, image in list(self.known_images.items()):
            if name in (image.id, image.name) and not used & {image.id, image.name}:
                del self.known_images[key]

    async def network(self, name: str, subnet: str, *, labels: Mapping[str, str]) -> None:
        self._call("network", name)
        others = [taken for other, (taken, _) in self.known_networks.items() if other != name]
        if subnet in [*others, *self.foreign_subnets]:
            raise ports.SubnetTaken(subnet)
        self.known_networks[name] = (subnet, labels)

    async def networks(self) -> list[tuple[str, Mapping[str, str]]]:
        self._call("networks")
        return [(name, labels) for name, (_, labels) in self.known_networks.items()]

    async def taken_subnets(self) -> list[str]:
        self._call("taken_subnets")
        return [*self.foreign_subnets, *(subnet for subnet, _ in self.known_networks.values())]

    async def remove_network(self, name: str) -> None:
        self._call("remove_network", name)
        if not any(container.spec.network == name for container in self.all.values()):
            self.known_networks.pop(name, None)

    async def remove_volume(self, name: str) -> None:
        self._call("remove_volume", name)
        self.known_volumes.pop(name, None)

    async def volumes(self) -> list[tuple[str, Mapping[str, str]]]:
        self._call("volumes")
        return list(self.known_volumes.items())

    async def create(self, spec: ContainerSpec, *, init: bool = True) -> str:
        self._call("create", spec.name)
        if not any(spec.image in (image.id, image.name) for image in self.known_images.values()):
            raise ports.ImageMissing(spec.image)
        for volume in spec.caches:
            self.known_volumes.setdefault(volume, spec.labels)
        for old in [old for old in self.all.values() if old.spec.name == spec.name]:
            await self._remove(old)
        id = hashlib.sha256(f"container {next(self._numbers)}".encode()).hexdigest()
        self.all[id] = FakeContainer(id, spec)
        return id

    async def put(self, container: str, archive: Path, path: str) -> None:
        self._call("put", container)
        self._find(container).files.append((path, archive))

    async def start(self, container: str) -> None:
        self._call("start", container)
        found = self._find(container)
        address, network = found.spec.address, found.spec.network
        rivals = [one for one in self.all.values() if one.running and one is not found]
        if address and any((one.spec.address, one.spec.network) == (address, network) for one in rivals):
            raise ports.AddressTaken(address)
        if not found.running:
            await self._begin(found)

    async def keep_running(self, container: str) -> None:
        self._call("keep_running", container)
        self._find(container).kept = True

    async def run(
        self,
        container: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        on_output: OnOutput,
        working_dir: str | None = None,
    ) -> Exit:
        line = " ".join(command)
        self._call("run", line)
        self.environments.append(environment)
        found = self._find(container)
        commands = self.behave(found.spec).commands
        ran = next((ran for piece, ran in commands.items() if piece in line), Ran())
        for text in ran.output:
            on_output("out", text)
        with suppress(TimeoutError):
            async with asyncio.timeout(ran.seconds):
                await _until(found, lambda: not found.running)
                return Exit(137)  # the container was stopped, and the command with it
        return Exit(ran.code, ran.oom_killed)

    async def wait(self, container: str) -> Exit:
        self._call("wait", container)
        found = self._find(container)
        await _until(found, lambda: found.state not in ("created", "running"))
        return Exit(found.exit_code or 0, found.oom_killed)

    async def inspect(self, container: str) -> Container | None:
        self._call("inspect", container)
        found = [one for one in self.all.values() if container in (one.id, one.spec.name)]
        return found[0].seen() if found else None

    async def usage(self, container: str) -> Usage | None:
        self._call("usage", container)
        found = [one for one in self.all.values() if container in (one.id, one.spec.name) and one.running]
        return replace(found[0].usage, restarts=found[0].restarts) if found else None

    async def written(self) -> Sequence[tuple[Container, int]]:
        self._call("written")
        return [(one.seen(), one.written) for one in self.all.values() if one.running]

    async def list(self, labels: Mapping[str, str] | None = None) -> list[Container]:
        self._call("list")
        wanted = (labels or {}).items()
        return [one.seen() for one in self.all.values() if wanted <= one.spec.labels.items()]

    async def stop(self, container: str, *, grace: float = 10) -> None:
        self._call("stop", container)
        for found in [one for one in self.all.values() if container in (one.id, one.spec.name)]:
            found.kept = False
            await self._end(found, 143)

    async def remove(self, container: str) -> None:
        self._call("remove", container)
        for found in [one for one in self.all.values() if container in (one.id, one.spec.name)]:
            await self._remove(found)

    async def logs(self, container: str, *, since: str = "", follow: bool = False) -> AsyncIterator[OutputLine]:
        self._call("logs", container)
        if not any(container in (one.id, one.spec.name) for one in self.all.values()):
            return
        found, told = self._find(container), 0
        while True:
            for line in found.output[told:]:
                told += 1
                if int(line.cursor) > int(since or 0):
                    yield line
            if not follow or (not found.running and told == len(found.output)):
                return
            await _until(found, lambda told=told: len(found.output) > told or not found.running)  # type: ignore[misc]
            if self.away:
                raise Unavailable("The engine went away while its output was read.")

    async def events(self) -> AsyncIterator[ContainerEvent]:
        self._call("events")
        queue: asyncio.Queue[ContainerEvent] = asyncio.Queue()
        self._listeners.append(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._listeners.remove(queue)

    async def open_connections(self, address: str, port: int) -> int | None:
        self._call("open_connections", address)
        return self.connected

    async def _begin(self, container: FakeContainer) -> None:
        container.state, container.exit_code, container.started_at = "running", None, datetime.now(UTC)
        self._happened("start", container)
        behaviour = self.behave(container.spec)
        for text in behaviour.output:
            await self.say(container.id, text)
        if behaviour.exits is not None:
            container.life = asyncio.create_task(self._exit_later(container, behaviour))

    async def _exit_later(self, container: FakeContainer, behaviour: Behaviour) -> None:
        await asyncio.sleep(behaviour.after)
        container.life = None
        await self._end(container, behaviour.exits or 0, behaviour.oom_killed)

    async def _end(self, container: FakeContainer, code: int, oom_killed: bool = False) -> None:
        if container.life:
            container.life.cancel()
        container.life = None
        if container.running:
            container.state, container.exit_code, container.oom_killed = "exited", code, oom_killed
            self._happened("die", container)
            await _tell(container)

    async def _remove(self, container: FakeContainer) -> None:
        await self._end(container, 137)
        self.all.pop(container.id, None)
        self._happened("destroy", container)


async def _tell(container: FakeContainer) -> None:
    async with container.changed:
        container.changed.notify_all()


async def _until(container: FakeContainer, true: Callable[[], bool]) -> None:
    async with container.changed:
        await container.changed.wait_for(true)


class FakeProbe(Away):
    """Sees the status that the running container at the address was told to answer with."""

    def __init__(self, engine: FakeContainers) -> None:
        self.engine = engine
        self.asked: list[tuple[str, str]] = []

    async def status(self, address: str, path: str, *, timeout: float = 5) -> int | None:
        self.reach()
        self.asked.append((address, path))
        for container in self.engine.all.values():
            if container.running and container.spec.address == address:
                return self.engine.behave(container.spec).answers
        return None


# Traefik


class FakeProxy(Away):
    """Traefik. What is in `blind` (hosts) never answers."""

    def __init__(self) -> None:
        self.tables: dict[str, RouteTable] = {}
        self.platform: tuple[str, str | None] | None = None
        self.marks: dict[str, str] = {}
        """Process of ours → the mark of its answers."""
        self.blind: set[str] = set()
        self.certificates: dict[str, ports.Certificate] = {}

    async def ping(self) -> None:
        self.reach()

    async def write(self, table: RouteTable) -> None:
        self.reach()
        if table.routes or table.redirects:
            self.tables[table.project] = table
        else:
            self.tables.pop(table.project, None)

    async def read(self, project: str) -> RouteTable | None:
        self.reach()
        return self.tables.get(project)

    async def projects(self) -> list[str]:
        self.reach()
        return list(self.tables)

    async def write_platform(self, dashboard_upstream: str, dashboard_host: str | None) -> None:
        self.reach()
        self.platform = (dashboard_upstream, dashboard_host)

    async def seen(self, host: str, path: str, deployment: str, *, timeout: float) -> bool:
        self.reach()
        routes = [route for table in self.tables.values() for route in table.routes]
        if self.platform and host not in {route.host for route in routes}:
            return self.marks.get(self.platform[0]) == deployment
        return host not in self.blind and any((route.host, route.deployment) == (host, deployment) for route in routes)

    async def certificate(self, host: str) -> ports.Certificate:
        self.reach()
        made_up = ports.Certificate(datetime.now(UTC) + timedelta(days=365), fits=False)
        return self.certificates.get(host, made_up)

    def hosts(self) -> dict[str, str]:
        """host → deployment, of everything that is served now."""
        return {route.host: route.deployment for table in self.tables.values() for route in table.routes}


# DNS


class FakeDns(Away):
    """Says what `said` holds of a hostname, and `said_texts` of any name."""

    def __init__(self) -> None:
        self.said: dict[str, ports.NameRecords] = {}
        self.said_texts: dict[str, list[str]] = {}
        self.asked: list[str] = []

    def say(self, host: str, *addresses: str, aliases: Sequence[str] = (), apex: bool = False) -> None:
        self.said[host] = ports.NameRecords(tuple(aliases), addresses, apex)

    async def records(self, host: str) -> ports.NameRecords:
        self.reach()
        self.asked.append(host)
        return self.said.get(host, ports.NameRecords())

    async def texts(self, name: str) -> Sequence[str]:
        self.reach()
        return self.said_texts.get(name, [])


# Git


class FakeGit(Away):
    """Repositories made by `commit`. A URL that nothing was committed to can't be reached."""

    def __init__(self) -> None:
        self.branches: dict[str, dict[str, str]] = {}
        self.commits: dict[str, tuple[Commit, dict[str, bytes]]] = {}
        self.blobs: dict[str, bytes] = {}
        self.parents: dict[str, str | None] = {}
        self.known_tags: list[str] = []
        self.sizes: dict[str, int] = {}
        """URL → bytes of its mirror."""
        self._numbers = count(1)

    def commit(self, url: str, files: Mapping[str, str], *, branch: str = "main", message: str = "Change it") -> str:
        """Somebody pushes these files as the branch's newest commit; its sha."""
        sha = hashlib.sha1(f"{url} {branch} {next(self._numbers)}".encode(), usedforsecurity=False).hexdigest()
        self.commits[sha] = (
            Commit(sha, message, "Alice", datetime.now(UTC)),
            {path: text.encode() for path, text in files.items()},
        )
        self.parents[sha] = self.branches.get(url, {}).get(branch)
        self.branches.setdefault(url, {})[branch] = sha
        return sha

    async def heads(self, repository: Repository) -> Mapping[str, str]:
        self.reach()
        if repository.url not in self.branches:
            raise DeployFailed(f"{repository.url} can't be reached.")
        return self.branches[repository.url]

    async def tags(self, repository: Repository) -> Sequence[str]:
        await self.heads(repository)
        return self.known_tags

    async def fetch(self, repository: Repository, ref: str) -> Commit:
        sha = (await self.heads(repository)).get(ref, ref)
        if sha not in self.commits:
            raise DeployFailed(f"There is no branch or commit {ref}.")
        return self.commits[sha][0]

    async def tree(self, repository: Repository, sha: str, root: str = "") -> tuple[str, Sequence[TreeEntry]]:
        self.reach()
        below = f"{root}/" if root else ""
        files = {path: body for path, body in self.commits[sha][1].items() if path.startswith(below)}
        if root and not files:
            raise DeployFailed(f"There is no folder {root} in this commit.")
        entries = []
        for path, body in sorted(files.items()):
            blob = hashlib.sha1(body, usedforsecurity=False).hexdigest()
            self.blobs[blob] = body
            entries.append(TreeEntry(path.removeprefix(below), "100644", blob, len(body)))
        listing = "\n".join(f"{entry.path} {entry.sha}" for entry in entries)
        return hashlib.sha1(listing.encode(), usedforsecurity=False).hexdigest(), entries

    async def read(self, repository: Repository, sha: str, path: str, *, limit: int = 1_000_000) -> bytes | None:
        self.reach()
        body = self.commits[sha][1].get(posixpath.normpath(path))
        return body if body is not None and len(body) <= limit else None

    async def history(self, repository: Repository, old: str, new: str, *, limit: int = 50) -> Sequence[Commit]:
        for sha in (old, new):
            await self.fetch(repository, sha)
        had = self._and_before(old)
        return [self.commits[sha][0] for sha in self._and_before(new) if sha not in had][:limit]

    def _and_before(self, sha: str | None) -> list[str]:
        found = []
        while sha:
            found.append(sha)
            sha = self.parents[sha]
        return found

    async def archive(self, repository: Repository, entries: Sequence[TreeEntry], to: Path) -> None:
        self.reach()
        with tarfile.open(to, "w") as tar:
            for entry in entries:
                member = tarfile.TarInfo(entry.path)
                member.size, member.uid, member.gid = entry.size, 1000, 1000
                tar.addfile(member, io.BytesIO(self.blobs[entry.sha]))

    async def forget(self, repository: Repository) -> None:
        self.reach()

    async def size(self, repository: Repository) -> int:
        return self.sizes.get(repository.url, 0)

    async def forget_others(self, known: Sequence[Repository], *, unused_for: float) -> int:
        self.reach()
        return 0


# Logs


class FakeLogs(Away):
    """Keeps lines in a list."""

    def __init__(self) -> None:
        self.lines: list[LogLine] = []
        self.project_of: dict[int, str] = {}
        self.read_to: dict[str, str] = {}

    def texts(self, source: Source | None = None) -> list[str]:
        return [line.text for line in self.lines if source in (None, line.source)]

    async def append(self, lines: Sequence[NewLine], *, cursors: Mapping[str, str] | None = None) -> list[LogLine]:
        self.reach()
        kept = []
        for number, line in enumerate(lines, len(self.lines) + 1):
            self.project_of[number] = line.project
            told = (line.deployment, line.at, line.source, line.stream, line.text, line.level, line.request)
            kept.append(LogLine(number, *told))
        self.lines += kept
        self.read_to |= cursors or {}
        return kept

    async def cursors(self) -> Mapping[str, str]:
        self.reach()
        return dict(self.read_to)

    async def search(
        self,
        project: str,
        *,
        deployments: Collection[str] | None = None,
        source: Source | None = None,
        text: str = "",
        level: str | None = None,
        status: tuple[int, int] | None = None,
        slower_than: float | None = None,
        after: int | None = None,
        before: int | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 500,
    ) -> list[LogLine]:
        self.reach()
        fit = [
            line
            for line in self.lines
            if self.project_of[line.id] == project
            and (deployments is None or line.deployment in deployments)
            and source in (None, line.source)
            and text.lower() in line.text.lower()
            and level in (None, line.level)
            and (status is None or (line.request is not None and status[0] <= line.request.status <= status[1]))
            and (slower_than is None or (line.request is not None and line.request.duration > slower_than))
            and (after is None or line.id > after)
            and (before is None or line.id < before)
            and (since is None or line.at >= since)
            and (until is None or line.at < until)
        ]
        return fit[:limit] if after is not None else fit[-limit:]

    async def count(self, project: str, *, deployment: str, before: int) -> int:
        self.reach()
        return sum(line.deployment == deployment and line.id < before for line in self.lines)

    async def forget(self, *, project: str | None = None, before: datetime | None = None) -> None:
        self.reach()
        self.lines = [
            line
            for line in self.lines
            if project not in (None, self.project_of[line.id]) or (before is not None and line.at >= before)
        ]


class FakeShipping:
    """Ships nothing; remembers what it was asked."""

    def __init__(self) -> None:
        self.attached: list[str] = []
        self.waited_for: list[str] = []

    async def run(self) -> None:
        await asyncio.Event().wait()

    def attach(self, container: str) -> None:
        self.attached.append(container)

    async def drained(self, container: str, *, timeout: float = 5) -> None:
        self.waited_for.append(container)


# Requests and metrics


class FakeAccessLog:
    """What Traefik served, as a test says it; `released` is how far that needn't be kept any more."""

    def __init__(self) -> None:
        self.served: list[Served] = []
        self.released = ""
        self.read_to_the_end = asyncio.Event()

    def serve(self, deployment: object, path: str = "/", status: int = 200, **facts: Any) -> None:
        cursor = str(len(self.served) + 1)
        told = {"at": datetime.now(UTC), "method": "GET", "duration": 12.0, "lasting": False, "cursor": cursor, **facts}
        self.served.append(Served(deployment=str(deployment), path=path, status=status, **told))
        self.read_to_the_end.clear()

    async def follow(self, since: str = "") -> AsyncGenerator[Served | None, None]:
        at = int(since or 0)
        while True:
            while at < len(self.served):
                at += 1
                yield self.served[at - 1]
            yield None
            self.read_to_the_end.set()
            await asyncio.sleep(0.005)

    def release(self, cursor: str) -> None:
        self.released = cursor


class FakeMetering:
    """Measures nothing; `measured` is what a test says."""

    def __init__(self) -> None:
        self.measured: dict[str, Total] = {}

    async def run(self) -> None:
        await asyncio.Event().wait()

    def totals(self) -> Mapping[str, Total]:
        return self.measured


# What is happening now


class FakeLive(Away):
    """Tells those who listen in this process; `said` is all that was ever told."""

    def __init__(self) -> None:
        self.said: list[Happening] = []
        self._listeners: list[tuple[frozenset[str], asyncio.Queue[Happening | None]]] = []

    async def publish(self, happenings: Sequence[Happening]) -> None:
        self.said += happenings
        for happening in happenings:
            for topics, queue in self._listeners:
                if happening.topic in topics:
                    queue.put_nowait(happening)

    @asynccontextmanager
    async def subscribe(self, topics: Sequence[str]) -> AsyncIterator[AsyncIterator[Happening | None]]:
        queue: asyncio.Queue[Happening | None] = asyncio.Queue()
        listener = (frozenset(topics), queue)
        self._listeners.append(listener)
        try:
            yield _heard(queue)
        finally:
            self._listeners.remove(listener)

    async def ping(self) -> None:
        self.reach()


async def _heard(queue: asyncio.Queue[Happening | None]) -> AsyncIterator[Happening | None]:
    while True:
        try:
            async with asyncio.timeout(1):
                happening = await queue.get()
        except TimeoutError:
            happening = None
        yield happening


@dataclass
class FakeLease:
    lost: bool = False


class FakeLeases(Away):
    """Who holds what, in this process."""

    def __init__(self) -> None:
        self.held: dict[str, FakeLease] = {}

    @asynccontextmanager
    async def hold(self, name: str, *, ttl: float = 10) -> AsyncIterator[FakeLease | None]:
        self.reach()
        if name in self.held:
            yield None
            return
        lease = self.held[name] = FakeLease()
        try:
            yield lease
        finally:
            del self.held[name]


# Mail and jobs


class FakeMailer(Away):
    def __init__(self) -> None:
        self.sent: list[ports.Mail] = []
        self.refuses = ""
        """Why no mail of ours would be taken."""

    async def check(self) -> None:
        self.reach()
        if self.refuses:
            raise Unavailable(self.refuses)

    async def send(self, mail: ports.Mail) -> None:
        self.reach()
        self.sent.append(mail)


class FakeVault(Away):
    """Places and the files in them."""

    def __init__(self) -> None:
        self.places: dict[str, dict[str, bytes]] = {}

    async def put(self, place: str, name: str, file: Path) -> None:
        self.reach()
        self.places.setdefault(place, {})[name] = file.read_bytes()

    async def get(self, place: str, name: str, to: Path) -> None:
        self.reach()
        if name not in self.places.get(place, {}):
            raise Unavailable(f"There is no {place}/{name}.")
        to.write_bytes(self.places[place][name])

    async def list(self, place: str) -> Sequence[ports.Stored]:
        self.reach()
        files = sorted(self.places.get(place, {}).items())
        return [ports.Stored(name, len(content), datetime.now(UTC)) for name, content in files]

    async def remove(self, place: str, name: str) -> None:
        self.reach()
        self.places.get(place, {}).pop(name, None)


class FakeDumps(Away):
    """A database that is one file of text."""

    dsn = "postgresql://devpush-app@nowhere/devpush"

    def __init__(self, content: str = "everything") -> None:
        self.content = content
        self.rows: dict[str, int] = {"installation": 1, "project": 2, "user": 3} if content else {}
        self.answers: dict[str, object] = {}
        """Question → its first value."""
        self.others = 0

    async def dump(self, to: Path, *, without: Collection[str] = ()) -> Mapping[str, int]:
        self.reach()
        to.write_text(self.content)
        return {table: 0 if table in without else count for table, count in self.rows.items()}

    async def load(self, file: Path, *, replace: bool = False) -> None:
        self.reach()
        if self.content and not replace:
            raise Unavailable("psql failed: the tables are there already.")
        self.content = file.read_text()

    async def tables(self) -> Mapping[str, int]:
        self.reach()
        return self.rows

    async def value(self, sql: str) -> object:
        self.reach()
        return self.answers.get(sql)

    async def visitors(self) -> int:
        return self.others

    @asynccontextmanager
    async def scratch(self) -> AsyncIterator["FakeDumps"]:
        self.reach()
        yield FakeDumps("")


class FakeMachine:
    """A machine with much room. `pages` is what answers where; everything else is silent."""

    def __init__(self) -> None:
        self.disks: dict[Path, ports.Disk] = {}
        """Others than the large one on which all folders are."""
        self.programs = {"git": "git version 2.47.3"}
        self.listening: set[tuple[str, int]] = set()
        self.pages: dict[str, ports.WebAnswer] = {}
        """By the address, or a beginning of it."""
        self.ahead = timedelta()
        """How far our clock is ahead of everybody's."""

    async def disk(self, folder: Path) -> ports.Disk | None:
        return self.disks.get(folder) or ports.Disk(1, 500_000_000_000, 400_000_000_000, 30_000_000, 29_000_000)

    async def program(self, name: str) -> str:
        return self.programs.get(name, "")

    async def listens(self, address: str, port: int) -> bool:
        return (address, port) in self.listening

    async def get(self, url: str, *, host: str = "") -> ports.WebAnswer:
        for where, page in self.pages.items():
            if url.startswith(where):
                return replace(page, date=datetime.now(UTC) - self.ahead)
        raise Unavailable(f"{url} doesn't answer (timeout).")


class FakeJobs:
    """Works on nothing; remembers what it was asked."""

    def __init__(self) -> None:
        self.woken = 0
        self.sweeps = 0
        self.stopped: list[str] = []
        self.queues: list[str] = []

    def wake(self) -> None:
        self.woken += 1

    def stop(self, deployment: str) -> None:
        self.stopped.append(deployment)

    def work_soon(self, queue: str) -> None:
        self.queues.append(queue)

    def sweep_soon(self) -> None:
        self.sweeps += 1


# GitHub and Google


@dataclass
class FakeRepository:
    """A repository on GitHub. `pushers` and `readers` are logins; everybody reads what is public."""

    id: int
    full_name: str
    installation: int
    private: bool
    default_branch: str
    clone_url: str
    pushers: set[str]
    readers: set[str]
    heads: dict[str, str] = field(default_factory=dict)
    files: dict[str, dict[str, str]] = field(default_factory=dict)
    """sha → path → text."""

    def seen_by(self, login: str) -> ports.GitHubRepository:
        return ports.GitHubRepository(
            id=self.id,
            full_name=self.full_name,
            private=self.private,
            default_branch=self.default_branch,
            clone_url=self.clone_url,
            can_push=login in self.pushers,
        )

    def open_to(self, login: str) -> bool:
        return not self.private or login in self.pushers | self.readers


@dataclass(frozen=True)
class IssuedToken:
    """An installation's token, as it was asked for."""

    value: str
    installation: int
    repositories: tuple[int, ...]
    permissions: Mapping[str, str]


@dataclass(frozen=True)
class Told:
    """What GitHub was told of a deployment of ours. `about` is the commit's sha, or the GitHub deployment's id."""

    repository: str
    about: str
    state: str
    context: str = ""
    """A status's context, or a deployment's environment."""
    description: str = ""
    url: str = ""
    log_url: str = ""


class FakeGitHub(Away):
    """One GitHub with one App. `have_…` makes what is there; `refuse["set_status"] = GitHubRefused(…)` lets that call
    fail until it is taken out; `delay` is how many seconds every call takes; `calls` is what was asked, in order."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.refuse: dict[str, Exception] = {}
        self.delay = 0.0
        self.page_size = 100
        self.users: dict[str, ports.GitHubUser] = {}
        """By login."""
        self.user_tokens: dict[str, str] = {}
        """Token → login; take one out, and it is refused."""
        self.refreshes: dict[str, str] = {}
        """Refresh token → login; each works once."""
        self.expire_in: timedelta | None = None
        """When set, user tokens expire, and come with a refresh token."""
        self.known_hook = ports.Hook("", (), {}, ())
        self.manifests: dict[str, ports.App] = {}
        """Code → the App that convert_manifest gives, once."""
        self.installations: dict[int, ports.GitHubAccount] = {}
        self.members: dict[int, set[str]] = {}
        """Installation → logins that see it."""
        self.all: dict[int, FakeRepository] = {}
        self.issued: list[IssuedToken] = []
        self.statuses: list[Told] = []
        self.deployments: dict[int, Told] = {}
        self.deployment_statuses: list[Told] = []
        self._agreed: dict[str, tuple[str, str, str]] = {}
        self._numbers = count(1001)

    # What is there

    def have_user(self, login: str, *, email: str = "", name: str = "") -> ports.Token:
        """Somebody on GitHub who has let us in; the token of theirs."""
        known = self.users.get(login)
        self.users[login] = ports.GitHubUser(known.id if known else next(self._numbers), login, name, email)
        return self._user_token(login)

    def have_installation(
        self, login: str, *, type: Literal["User", "Organization"] = "User", members: Sequence[str] = ()
    ) -> int:
        """Our App is installed on this account, which the account itself and these logins see; its id."""
        id = next(self._numbers)
        self.installations[id] = ports.GitHubAccount(id, next(self._numbers), login, type)
        self.members[id] = {login, *members}
        return id

    def suspend(self, installation: int, suspended: bool = True) -> None:
        self.installations[installation] = replace(self.installations[installation], suspended=suspended)

    def have_repository(
        self,
        full_name: str,
        installation: int,
        *,
        pushers: Sequence[str] = (),
        readers: Sequence[str] = (),
        private: bool = False,
        files: Mapping[str, str] | None = None,
        default_branch: str = "main",
        clone_url: str = "",
    ) -> FakeRepository:
        """A repository our App is let into; with `files` it has a first commit."""
        id = next(self._numbers)
        url = clone_url or f"https://github.com/{full_name}.git"
        made = FakeRepository(
            id, full_name, installation, private, default_branch, url, set(pushers), set(readers) | set(pushers)
        )
        self.all[id] = made
        if files is not None:
            self.push(made, files, branch=default_branch)
        return made

    def push(self, repository: FakeRepository, files: Mapping[str, str], *, branch: str = "main", sha: str = "") -> str:
        """The branch's newest commit (with this sha, say FakeGit's) holds these files; its sha."""
        sha = sha or hashlib.sha1(f"{next(self._numbers)}".encode(), usedforsecurity=False).hexdigest()
        repository.files[sha] = dict(files)
        repository.heads[branch] = sha
        return sha

    def agree(self, url: str, login: str) -> str:
        """Somebody follows an authorize_url and agrees; the address that their browser comes back to."""
        asked = dict(parse_qsl(urlsplit(url).query))
        code = f"code-{next(self._numbers)}"
        self._agreed[code] = (login, asked["redirect_uri"], asked["code_challenge"])
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def _user_token(self, login: str) -> ports.Token:
        value = f"ghu_{login}-{next(self._numbers)}"
        self.user_tokens[value] = login
        if self.expire_in is None:
            return ports.Token(value)
        refresh = f"ghr_{login}-{next(self._numbers)}"
        self.refreshes[refresh] = login
        return ports.Token(value, datetime.now(UTC) + self.expire_in, refresh)

    # Signing in

    def authorize_url(self, app: ports.App, *, redirect_uri: str, state: str, challenge: str, login: str = "") -> str:
        asked = {
            "client_id": app.client_id,
            "redirect_uri": redirect_uri,
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return "https://github.com/login/oauth/authorize?" + urlencode(asked | ({"login": login} if login else {}))

    async def exchange(self, app: ports.App, *, code: str, redirect_uri: str, verifier: str) -> ports.Token:
        await self._call("exchange")
        login, wanted_uri, challenge = self._agreed.pop(code, ("", "", ""))
        if not login or wanted_uri != redirect_uri or challenge != _challenge(verifier):
            raise ports.GitHubRefused("GitHub doesn't know this sign-in any more. Please start again.", status=200)
        return self._user_token(login)

    async def refresh(self, app: ports.App, refresh: str) -> ports.Token:
        await self._call("refresh")
        login = self.refreshes.pop(refresh, None)
        if login is None:
            raise ports.TokenRefused("GitHub doesn't accept the refresh token any more.")
        return self._user_token(login)

    async def user(self, token: ports.Token) -> ports.GitHubUser:
        await self._call("user")
        return self.users[self._login(token)]

    # The App

    async def convert_manifest(self, code: str) -> ports.App:
        await self._call("convert_manifest")
        if code not in self.manifests:
            raise ports.GitHubRefused("GitHub doesn't know this code. It works once, within an hour.", status=404)
        return self.manifests.pop(code)

    async def hook(self, app: ports.App) -> ports.Hook:
        await self._call("hook")
        return self.known_hook

    async def installation(self, app: ports.App, id: int) -> ports.GitHubAccount:
        await self._call("installation")
        return self._installation(id)

    async def installation_token(
        self,
        app: ports.App,
        installation: int,
        *,
        repositories: Sequence[int] = (),
        permissions: Mapping[str, str],
    ) -> ports.Token:
        await self._call("installation_token")
        if self._installation(installation).suspended:
            raise ports.GitHubRefused("The installation of our App is suspended.", status=403)
        if any(id not in self.all or self.all[id].installation != installation for id in repositories):
            raise ports.GitHubRefused("Our App isn't let into this repository.", status=422)
        value = f"ghs_{next(self._numbers)}"
        self.issued.append(IssuedToken(value, installation, tuple(repositories), dict(permissions)))
        return ports.Token(value, datetime.now(UTC) + timedelta(hours=1))

    # What a user may do there

    async def accounts(self, token: ports.Token) -> Sequence[ports.GitHubAccount]:
        await self._call("accounts")
        login = self._login(token)
        return [account for id, account in self.installations.items() if login in self.members[id]]

    async def repositories(
        self, token: ports.Token, installation: int, *, page: int = 1
    ) -> ports.Page[ports.GitHubRepository]:
        await self._call("repositories")
        login = self._login(token)
        if login not in self.members.get(installation, ()):
            raise ports.GitHubRefused("GitHub doesn't know this, or doesn't show it to us.", status=404)
        seen = [one for one in self.all.values() if one.installation == installation and one.open_to(login)]
        end = page * self.page_size
        return ports.Page([one.seen_by(login) for one in seen[end - self.page_size : end]], len(seen) > end)

    async def repository(self, token: ports.Token, id: int) -> ports.GitHubRepository:
        await self._call("repository")
        if id not in self.all:
            raise ports.GitHubRefused("GitHub doesn't know this, or doesn't show it to us.", status=404)
        self._repository(token, self.all[id].full_name)
        return self.all[id].seen_by(self.user_tokens.get(token.value, ""))

    async def files(self, token: ports.Token, repository: str, ref: str) -> tuple[str, Sequence[str]]:
        await self._call("files")
        found = self._repository(token, repository)
        sha = found.heads.get(ref, ref)
        if sha not in found.files:
            raise ports.GitHubRefused("GitHub doesn't know this, or doesn't show it to us.", status=404)
        return sha, sorted(found.files[sha])

    async def read(
        self, token: ports.Token, repository: str, sha: str, path: str, *, limit: int = 1_000_000
    ) -> bytes | None:
        await self._call("read")
        text = self._repository(token, repository).files.get(sha, {}).get(path)
        return None if text is None or len(text.encode()) > limit else text.encode()

    async def heads(self, token: ports.Token, repository: str) -> Mapping[str, str]:
        await self._call("heads")
        return dict(self._repository(token, repository).heads)

    # Speaking back

    async def set_status(
        self, token: ports.Token, repository: str, sha: str, *, state: str, context: str, description: str, url: str
    ) -> None:
        await self._call("set_status")
        self._repository(token, repository)
        self.statuses.append(Told(repository, sha, state, context, description, url))

    async def create_deployment(
        self, token: ports.Token, repository: str, sha: str, *, environment: str, description: str, production: bool
    ) -> int:
        await self._call("create_deployment")
        self._repository(token, repository)
        id = next(self._numbers)
        self.deployments[id] = Told(repository, sha, "pending", environment, description)
        return id

    async def set_deployment_status(
        self,
        token: ports.Token,
        repository: str,
        deployment: int,
        *,
        state: str,
        description: str,
        log_url: str,
        url: str,
    ) -> None:
        await self._call("set_deployment_status")
        self._repository(token, repository)
        if deployment not in self.deployments:
            raise ports.GitHubRefused("GitHub doesn't know this, or doesn't show it to us.", status=404)
        context = self.deployments[deployment].context
        told = Told(repository, str(deployment), state, context, description, url, log_url)
        self.deployment_statuses.append(told)

    # Who may

    async def _call(self, name: str) -> None:
        self.calls.append(name)
        await asyncio.sleep(self.delay)
        self.reach()
        if name in self.refuse:
            raise self.refuse[name]

    def _login(self, token: ports.Token) -> str:
        if token.value not in self.user_tokens or (token.expires_at and token.expires_at < datetime.now(UTC)):
            raise ports.TokenRefused("GitHub doesn't accept this token any more.")
        return self.user_tokens[token.value]

    def _installation(self, id: int) -> ports.GitHubAccount:
        if id not in self.installations:
            raise ports.GitHubRefused("GitHub doesn't know this, or doesn't show it to us.", status=404)
        return self.installations[id]

    def _repository(self, token: ports.Token, full_name: str) -> FakeRepository:
        """As the token's holder sees it: a user, or an installation in the bounds of its token."""
        found = next((one for one in self.all.values() if one.full_name == full_name), None)
        issued = next((one for one in self.issued if one.value == token.value), None)
        if issued is None:
            seen = found is not None and found.open_to(self._login(token))
        elif issued.installation not in self.installations:
            raise ports.TokenRefused("GitHub doesn't accept this token any more.")
        else:
            seen = found is not None and found.installation == issued.installation
            seen = seen and (not issued.repositories or found.id in issued.repositories)  # type: ignore[union-attr]
        if not found or not seen:
            raise ports.GitHubRefused("GitHub doesn't know this, or doesn't show it to us.", status=404)
        return found


class FakeOpenId(Away):
    """Google. `people` says whose code is whose; `agree` plays a person in the browser, and then claims are strict."""

    def __init__(self) -> None:
        self.people: dict[str, ports.Claims] = {}
        """Code → who it is; each works once."""
        self._asked: dict[str, dict[str, str]] = {}
        self._numbers = count(1)

    def agree(self, url: str, claims: ports.Claims) -> str:
        """Somebody follows an authorize_url and signs in; the address that their browser comes back to."""
        asked = dict(parse_qsl(urlsplit(url).query))
        code = f"code-{next(self._numbers)}"
        self.people[code], self._asked[code] = claims, asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    async def authorize_url(self, *, redirect_uri: str, state: str, nonce: str, challenge: str) -> str:
        self.reach()
        asked = {"redirect_uri": redirect_uri, "state": state, "nonce": nonce, "code_challenge": challenge}
        return "https://accounts.google.com/o/oauth2/v2/auth?" + urlencode(asked)

    async def claims(self, *, code: str, redirect_uri: str, verifier: str, nonce: str) -> ports.Claims:
        self.reach()
        said = {"redirect_uri": redirect_uri, "nonce": nonce, "code_challenge": _challenge(verifier)}
        if code not in self.people or not said.items() <= self._asked.get(code, said).items():
            raise Refused("Google doesn't know this sign-in any more. Please start again.")
        return self.people.pop(code)


def _challenge(verifier: str) -> str:
    """PKCE's S256."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
