"""What we ask of the outer world: protocols and plain dataclasses. Adapters speak them; tests have fakes of them.

Every call may raise `Unavailable` when the other side can't be reached now; what else it raises, its docstring says.
Times are seconds unless said otherwise; every datetime is aware, in UTC.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Generic, Literal, Protocol, TypeVar

from devpush.settings import Settings

APP_PORT = 8000
"""Where every app listens inside its container."""
PROBE = "devpush-probe"
"""How we call ourselves when we look whether an app answers: those requests are nobody's."""
MARK_HEADER = "X-Devpush-Deployment"
"""Whose answer it is: Traefik marks those of apps with their deployment, and /health is marked with our process."""
REDIRECT_HEADER = "X-Devpush-Redirect"
"""By it the dashboard's process hears from Traefik where a redirected host leads: "308 https://www.example.com"."""

Stream = Literal["out", "err", "system"]
Source = Literal["build", "run", "request"]
"""A line of the build, of the running app, or of what Traefik let in to it."""
T = TypeVar("T")
OnOutput = Callable[[Stream, str], None]
"""Hears each line of output as it comes, without its line end."""


# Docker ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Limits:
    """What a container may use at most."""

    memory_mb: int
    cpu_quota: int
    """µs per 100 ms: 100000 is one whole core."""
    pids: int = 512
    yielding: bool = False
    """Builds: where the processor is short the apps have theirs first, and where memory is, a build goes first."""


@dataclass(frozen=True)
class ContainerSpec:
    """A container to be made. Everything a tenant can influence is here, and nothing else reaches HostConfig."""

    name: str
    image: str
    labels: Mapping[str, str]
    limits: Limits
    network: str
    address: str | None = None
    """A fixed IPv4 address on that network, or any free one."""
    command: Sequence[str] | None = None
    """argv; None: what the image says."""
    environment: Mapping[str, str] = field(default_factory=dict)
    caches: Mapping[str, str] = field(default_factory=dict)
    """Volume name → absolute path inside; only for builds."""
    working_dir: str | None = None


@dataclass(frozen=True)
class Container:
    """A container as it is."""

    id: str
    name: str
    labels: Mapping[str, str]
    state: Literal["created", "running", "restarting", "exited", "paused", "dead", "removing"]
    image: str = ""
    address: str | None = None
    exit_code: int | None = None
    oom_killed: bool = False
    restarts: int = 0
    started_at: datetime | None = None
    error: str = ""


@dataclass(frozen=True)
class Exit:
    """How a command inside a container ended."""

    code: int
    oom_killed: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """What a running container has used since it started, and what it uses now."""

    cpu_ms: int
    memory: int
    """Bytes, without what the kernel merely keeps of files."""
    received: int
    sent: int
    restarts: int
    """How often Docker has started it again; these outlive a start."""


@dataclass(frozen=True)
class About:
    """What a Docker Engine says of itself."""

    version: str
    api: str
    """The newest version of its API, like 1.41."""
    cgroups: int
    """1 or 2: of the kernel's ways to limit processes."""
    live_restore: bool
    """Containers go on while the engine itself is restarted."""
    root: str
    """Where it keeps everything, on its machine."""
    warnings: Sequence[str] = ()
    """What it can't do there, in its own words."""
    runtimes: Sequence[str] = ("runc",)
    """What it can start containers with, under the names that its own configuration gives them."""
    default_runtime: str = "runc"


@dataclass(frozen=True)
class ContainerEvent:
    """Something happened to a container or network of this installation: start, die, oom, destroy, …"""

    action: str
    container: str
    labels: Mapping[str, str]


@dataclass(frozen=True)
class OutputLine:
    """A line a container wrote, with Docker's own time (nanoseconds kept in `cursor` for resuming)."""

    at: datetime
    stream: Stream
    text: str
    cursor: str


@dataclass(frozen=True)
class Sized:
    """A thing of ours that takes room on the disk."""

    kind: Literal["image", "volume", "container"]
    name: str
    labels: Mapping[str, str]
    size: int
    """Bytes of its own: what an image adds to the one it was made from, what a container has written into itself."""


class Containers(Protocol):
    """A Docker Engine, seen by one installation: it lists and touches only what carries this installation's label."""

    async def ping(self) -> None:
        """Raises Unavailable unless the engine answers."""

    async def about(self) -> About: ...

    async def space(self) -> int:
        """Bytes that all its images take, whoever's they are. It looks at each of them: that takes its time."""

    async def sizes(self) -> Sequence[Sized]:
        """What this installation's images, volumes and containers take. Dear: the engine looks at every file of each,
        and of everybody's."""

    async def image_sizes(self, labels: Mapping[str, str]) -> Mapping[str, int]:
        """name → bytes that each of this installation's images with these labels adds to the one it was made from, or
        all of it where the engine doesn't tell from which. Cheap."""

    # images

    async def image(self, name: str) -> str | None:
        """The id (sha256:…) of an image by name or id; None if the engine hasn't got it."""

    async def pull(self, name: str, *, timeout: float) -> bool:
        """Fetch an image from its registry; False where it can't be had."""

    async def triggers(self, image: str) -> Sequence[str]:
        """What an image makes the builder do wherever something is built on it (ONBUILD)."""

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
        """Build the tar file `context` (plain or gzip) with the classic builder; its id. Raises DeployFailed."""

    async def commit(self, container: str, *, name: str, labels: Mapping[str, str]) -> str:
        """Keep a container's files as an image with the configuration of the image it came from (no environment or
        command of the container's own gets into it); its id."""

    async def images(self, labels: Mapping[str, str]) -> list[tuple[str, str, datetime]]:
        """(name, id, created) of this installation's images with these labels."""

    async def remove_image(self, name: str) -> None:
        """Idempotent; an image in use stays."""

    # networks and volumes

    async def network(self, name: str, subnet: str, *, labels: Mapping[str, str]) -> None:
        """Have a bridge network with exactly that subnet, whose upper half is for addresses nobody chose. Idempotent.
        Raises SubnetTaken when the engine or the host uses the subnet otherwise."""

    async def networks(self) -> list[tuple[str, Mapping[str, str]]]:
        """(name, labels) of this installation's."""

    async def taken_subnets(self) -> list[str]:
        """Every IPv4 subnet known to the engine and to the host's routes, of whomever."""

    async def remove_network(self, name: str) -> None:
        """Idempotent; a network in use stays."""

    async def remove_volume(self, name: str) -> None:
        """Idempotent."""

    async def volumes(self) -> list[tuple[str, Mapping[str, str]]]:
        """(name, labels) of this installation's volumes."""

    # containers

    async def create(self, spec: ContainerSpec, *, init: bool = True) -> str:
        """Make a container (an equal name is replaced if it is ours); its id. Raises ImageMissing."""

    async def put(self, container: str, archive: Path, path: str) -> None:
        """Unpack a tar file into a container's folder (owners and modes as in the tar)."""

    async def start(self, container: str) -> None:
        """Start it. Raises AddressTaken, or DeployFailed with Docker's reason when it can't be started."""

    async def keep_running(self, container: str) -> None:
        """From now on Docker restarts it when it exits and when the server boots."""

    async def run(
        self,
        container: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        on_output: OnOutput,
        working_dir: str | None = None,
    ) -> Exit:
        """Run a command inside a running container to its end (docker exec); its environment is kept nowhere."""

    async def wait(self, container: str) -> Exit:
        """Until the container's own process has ended."""

    async def inspect(self, container: str) -> Container | None:
        """None if there is no such container."""

    async def written(self) -> Sequence[tuple[Container, int]]:
        """This installation's containers that run, and the bytes that each has written into its own files. Also those
        of Dockerfile builds, whose names are the engine's. It looks at each file: that takes its time."""

    async def list(self, labels: Mapping[str, str] | None = None) -> list[Container]:
        """This installation's containers, running or not, with these labels; `address` as it was created with."""

    async def stop(self, container: str, *, grace: float = 10) -> None:
        """SIGTERM, then SIGKILL after `grace`. Idempotent; it will not be restarted."""

    async def remove(self, container: str) -> None:
        """Kill if need be and remove with its anonymous volumes. Idempotent."""

    def logs(self, container: str, *, since: str = "", follow: bool = False) -> AsyncIterator[OutputLine]:
        """What it wrote, oldest first, strictly after the cursor `since`; with follow until it ends."""

    def events(self) -> AsyncIterator[ContainerEvent]:
        """What happens from now on; ends or raises Unavailable when the engine goes away."""

    async def open_connections(self, address: str, port: int) -> int | None:
        """How many TCP connections this host holds open to that address; None if that can't be seen from here."""

    async def usage(self, container: str) -> Usage | None:
        """None if it isn't running."""


class SubnetTaken(Exception):
    """The subnet overlaps with a network that exists."""


class AddressTaken(Exception):
    """Another container has that address."""


class ImageMissing(Exception):
    """The engine hasn't got that image any more."""


class Probe(Protocol):
    """Whether an app answers, asked at its own address and nowhere else."""

    async def status(self, address: str, path: str, *, timeout: float = 5) -> int | None:
        """The HTTP status of GET http://address:8000/path, redirects not followed; None if nothing answers there."""


# Traefik -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Route:
    """One hostname and the deployment that answers there. The host must have passed the hostname grammar."""

    host: str
    deployment: str
    """Its id: every answer carries it in the header `X-Devpush-Deployment`."""
    upstream: str
    """http://address:port of the running container."""
    certificate: bool = False
    """Visitors come by https as well: Traefik gets a certificate that is good for this host."""
    secured: bool = False
    """That certificate is there: whoever comes by http is sent to https, and told to come that way from now on."""


@dataclass(frozen=True)
class Redirect:
    """A hostname whose requests are sent elsewhere, path and query kept. Both hosts passed the hostname grammar."""

    host: str
    to: str
    """https://host or http://host, without a path."""
    status: int
    """301, 302, 307 or 308."""
    certificate: bool = False
    secured: bool = False
    """Its certificate is there: whoever comes by https is told to come that way from now on."""


@dataclass(frozen=True)
class RouteTable:
    """All that is served for one project."""

    project: str
    routes: Sequence[Route]
    redirects: Sequence[Redirect] = ()


@dataclass(frozen=True)
class Certificate:
    """What visitors of a host are shown when they come by https."""

    until: datetime
    fits: bool
    """It was issued for this host, not made up by Traefik for want of another."""


class Proxy(Protocol):
    """Traefik, by its file provider."""

    async def ping(self) -> None:
        """Raises Unavailable unless Traefik answers."""

    async def write(self, table: RouteTable) -> None:
        """Make the project's file say exactly this (an empty table removes the file). Idempotent, atomic."""

    async def read(self, project: str) -> RouteTable | None:
        """What the project's file says now; None if there is none or it isn't as we write them."""

    async def projects(self) -> list[str]:
        """The ids of the projects that have a file."""

    async def write_platform(self, dashboard_upstream: str, dashboard_host: str | None) -> None:
        """The file of the platform itself: unknown hosts are answered by the dashboard's process, and so is
        `dashboard_host` where given."""

    async def seen(self, host: str, path: str, deployment: str, *, timeout: float) -> bool:
        """Whether that deployment came to answer at that host through the entry point, within `timeout`."""

    async def certificate(self, host: str) -> Certificate:
        """The certificate that the https entry point shows for that host."""


# DNS ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NameRecords:
    """What DNS says of a hostname; nothing if it has never heard of it. All names lower case, without a final dot."""

    aliases: Sequence[str] = ()
    """The names it is another name of (CNAME), one after the other."""
    addresses: Sequence[str] = ()
    """A and AAAA, found at the end of those."""
    apex: bool = False
    """It is the root of its zone, where no CNAME can stand."""


class Dns(Protocol):
    """The name servers that know best: a zone's own, so that a record counts as soon as it is there."""

    async def records(self, host: str) -> NameRecords:
        """Where a hostname leads."""

    async def texts(self, name: str) -> Sequence[str]:
        """Its TXT records."""


@dataclass(frozen=True, slots=True)
class Served:
    """A request that Traefik let in to a deployment, and its answer."""

    deployment: str
    at: datetime
    """When the answer was complete."""
    method: str
    path: str
    """As it was asked for, without its query: that may hold secrets."""
    status: int
    duration: float
    """Milliseconds."""
    lasting: bool
    """Open for as long as somebody listens (WebSocket, event stream): how long it took tells nothing of the app."""
    cursor: str


class AccessLog(Protocol):
    """What Traefik writes of the requests that it lets in; our own looks are left out."""

    def follow(self, since: str = "") -> AsyncGenerator[Served | None, None]:
        """Strictly after the cursor `since`, and on and on; None each time that there is nothing more for now."""

    def release(self, cursor: str) -> None:
        """What was written up to there is kept elsewhere: its place on the disk may be given back."""


# Git ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Repository:
    """Where a project's source is, and what opens it."""

    url: str
    """https://… or ssh://…, or a local path where `local`."""
    username: str = ""
    token: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    """A private SSH key (OpenSSH), for ssh://…"""
    local: bool = False
    """Bundled examples and repositories named on the server's own command line."""


@dataclass(frozen=True)
class Commit:
    sha: str
    """40 hex."""
    message: str
    author: str
    at: datetime


@dataclass(frozen=True)
class TreeEntry:
    """A file, link or submodule of a commit's tree. `path` is relative to the root directory asked for."""

    path: str
    mode: str
    """100644, 100755, 120000 (link) or 160000 (submodule)."""
    sha: str
    size: int


class Git(Protocol):
    """Repositories, each cached in a bare mirror under DATA_DIR. Raises DeployFailed with a reason a person
    understands: unreachable, private, empty, too large, no such branch or commit."""

    async def heads(self, repository: Repository) -> Mapping[str, str]:
        """branch → sha, asked of the server without fetching. The default branch comes first."""

    async def tags(self, repository: Repository) -> Sequence[str]:
        """The names of the server's tags, asked without fetching."""

    async def fetch(self, repository: Repository, ref: str) -> Commit:
        """Bring a branch's newest commit, or a commit by its sha, into the mirror."""

    async def tree(self, repository: Repository, sha: str, root: str = "") -> tuple[str, Sequence[TreeEntry]]:
        """(tree id, every entry below `root`), from the mirror. Raises DeployFailed if `root` isn't a folder there."""

    async def read(self, repository: Repository, sha: str, path: str, *, limit: int = 1_000_000) -> bytes | None:
        """A regular file's bytes, from the mirror; None if there is no such file or it is larger."""

    async def history(self, repository: Repository, old: str, new: str, *, limit: int = 50) -> Sequence[Commit]:
        """The commits that `new` has and `old` hasn't, newest first, at most `limit`; only those after the fork if
        `old` isn't among its ancestors. Raises DeployFailed as `fetch` does."""

    async def archive(self, repository: Repository, entries: Sequence[TreeEntry], to: Path) -> None:
        """Write these entries as a tar file: owner 1000:1000, the present time, safe paths only."""

    async def size(self, repository: Repository) -> int:
        """Bytes that the mirror takes on the disk."""

    async def forget(self, repository: Repository) -> None:
        """Remove the mirror."""

    async def forget_others(self, known: Sequence[Repository], *, unused_for: float) -> int:
        """Remove the mirrors of all other repositories (they were only looked at, or have moved) from which nothing was
        fetched for so many seconds; how many those were."""


# GitHub ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class App:
    """Our GitHub App, by which we speak to GitHub."""

    id: int
    slug: str
    """github.com/apps/<slug>"""
    client_id: str
    client_secret: str = field(repr=False)
    private_key: str = field(repr=False)
    """PEM."""
    webhook_secret: str = field(repr=False)
    name: str = ""


@dataclass(frozen=True)
class Token:
    """What somebody lets us do, until it expires (None: until it is taken back)."""

    value: str = field(repr=False)
    expires_at: datetime | None = None
    refresh: str = field(default="", repr=False)


@dataclass(frozen=True)
class GitHubUser:
    id: int
    login: str
    name: str = ""
    email: str = ""
    """The primary address, if GitHub has verified it; else ""."""


@dataclass(frozen=True)
class GitHubAccount:
    """Where our App is installed."""

    installation: int
    id: int
    login: str
    type: Literal["User", "Organization"] = "User"
    suspended: bool = False


@dataclass(frozen=True)
class GitHubRepository:
    id: int
    full_name: str
    """owner/name"""
    private: bool
    default_branch: str
    clone_url: str
    """https://…"""
    can_push: bool = False
    pushed_at: datetime | None = None


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page of a listing."""

    items: Sequence[T]
    more: bool = False
    """There is another one."""


@dataclass(frozen=True)
class Hook:
    """How GitHub tells our App what happens."""

    url: str
    """"": it tells nothing."""
    events: Sequence[str]
    permissions: Mapping[str, str]
    """{"contents": "read"}: what the App may do wherever it is installed."""
    answers: Sequence[tuple[datetime, int]]
    """(when, the status it got from us; 0: none) of its last deliveries, newest first."""


class TokenRefused(Exception):
    """GitHub doesn't accept this token any more: it was taken back, or has expired."""


class GitHubRefused(Exception):
    """GitHub answered no; the text is a sentence for a person. `status` is GitHub's."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class GitHub(Protocol):
    """GitHub's REST API and OAuth, at GITHUB_URL and GITHUB_API_URL. Every call has a time limit, waits as Retry-After
    and the rate limits say where that is short, and is tried again where that is safe.
    Raises TokenRefused, GitHubRefused, and Unavailable where GitHub doesn't answer or asks us to wait for long."""

    # signing in

    def authorize_url(self, app: App, *, redirect_uri: str, state: str, challenge: str, login: str = "") -> str:
        """Where the browser asks its user for permission; `challenge` is PKCE's S256."""

    async def exchange(self, app: App, *, code: str, redirect_uri: str, verifier: str) -> Token: ...

    async def refresh(self, app: App, refresh: str) -> Token: ...

    async def user(self, token: Token) -> GitHubUser: ...

    # the App

    async def convert_manifest(self, code: str) -> App:
        """The App that GitHub made of our manifest."""

    async def hook(self, app: App) -> Hook:
        """What GitHub knows of the App, and what became of its webhooks."""

    async def installation(self, app: App, id: int) -> GitHubAccount: ...

    async def installation_token(
        self, app: App, installation: int, *, repositories: Sequence[int] = (), permissions: Mapping[str, str]
    ) -> Token:
        """For these repositories (none: all) and permissions ({"contents": "read"})."""

    # what a user may do there

    async def accounts(self, token: Token) -> Sequence[GitHubAccount]:
        """Where our App is installed and this user sees it; every page of them."""

    async def repositories(self, token: Token, installation: int, *, page: int = 1) -> Page[GitHubRepository]:
        """Those of the installation that this user sees, 100 a page."""

    async def repository(self, token: Token, id: int) -> GitHubRepository: ...

    async def files(self, token: Token, repository: str, ref: str) -> tuple[str, Sequence[str]]:
        """(sha, the path of every file of that commit): one call for the whole tree. `repository` is owner/name."""

    async def read(self, token: Token, repository: str, sha: str, path: str, *, limit: int = 1_000_000) -> bytes | None:
        """A file's bytes; None if there is no such file or it is larger."""

    async def heads(self, token: Token, repository: str) -> Mapping[str, str]:
        """branch → sha, every page of them."""

    # speaking back

    async def set_status(
        self, token: Token, repository: str, sha: str, *, state: str, context: str, description: str, url: str
    ) -> None:
        """A commit's status; `state` is pending, success, failure or error."""

    async def create_deployment(
        self, token: Token, repository: str, sha: str, *, environment: str, description: str, production: bool
    ) -> int:
        """Its id."""

    async def set_deployment_status(
        self, token: Token, repository: str, deployment: int, *, state: str, description: str, log_url: str, url: str
    ) -> None:
        """`state` is queued, in_progress, success, failure, error or inactive; `url` is the environment's, or ""."""


@dataclass(frozen=True)
class Claims:
    """Who somebody is, as an OpenID provider vouches for."""

    issuer: str
    subject: str
    email: str
    """"" unless the provider has verified it."""
    name: str = ""


class OpenId(Protocol):
    """An OpenID Connect provider (Google), known by its discovery document."""

    async def authorize_url(self, *, redirect_uri: str, state: str, nonce: str, challenge: str) -> str:
        """Where the browser signs in; raises Unavailable if the provider can't be discovered."""

    async def claims(self, *, code: str, redirect_uri: str, verifier: str, nonce: str) -> Claims:
        """From a code to verified claims: signature, issuer, audience, times and nonce. Raises Refused, Unavailable."""


# Logs --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Request:
    """What is known of a request beside its line ("GET /path")."""

    status: int
    duration: float
    """Milliseconds until its answer was complete."""


@dataclass(frozen=True)
class NewLine:
    """A line to be kept."""

    project: str
    deployment: str
    at: datetime
    source: Source
    stream: Stream
    text: str
    level: str | None = None
    request: Request | None = None
    """Of lines whose source is "request"."""


@dataclass(frozen=True)
class LogLine:
    """A kept line; ids grow in the order of keeping."""

    id: int
    deployment: str
    at: datetime
    source: Source
    stream: Stream
    text: str
    level: str | None = None
    request: Request | None = None


class LogStore(Protocol):
    """Where log lines last: PostgreSQL, or Loki where LOKI_URL is set."""

    async def append(self, lines: Sequence[NewLine], *, cursors: Mapping[str, str] | None = None) -> list[LogLine]:
        """Keep lines in order. `cursors` (container name → how far its output was read) are kept in the same
        transaction, so that nothing is lost or kept twice."""

    async def cursors(self) -> Mapping[str, str]:
        """How far each container's output was read."""

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
        """The newest `limit` lines that fit (with `after`: the oldest after that id), oldest first. `deployments`: only
        theirs (None: all of the project's). `text` is found exactly, letters in either case. `status` (from, to, both
        included) and `slower_than` (milliseconds) fit requests only. `since` ≤ at < `until`."""

    async def count(self, project: str, *, deployment: str, before: int) -> int:
        """How many lines of a deployment were kept before that one."""

    async def forget(self, *, project: str | None = None, before: datetime | None = None) -> None:
        """Remove a project's lines, or all lines older than that."""


class Shipping(Protocol):
    """Carries what containers write into the LogStore."""

    async def run(self) -> None:
        """Its life, until cancelled."""

    def attach(self, container: str) -> None:
        """Follow this container from now on (it would be found by itself a little later)."""

    async def drained(self, container: str, *, timeout: float = 5) -> None:
        """Until what an ended container wrote is kept, or `timeout` is over."""


@dataclass
class Total:
    """What a deployment's app has used and answered since this process began to measure it."""

    project: str
    requests: dict[str, int] = field(default_factory=dict)
    """By the class of their status: "2xx", "3xx", …"""
    durations: list[int] = field(default_factory=list)
    """How many took so long: one number for each of models.metric.BOUNDS, and one above."""
    seconds: float = 0.0
    usage: Usage | None = None


class Metering(Protocol):
    """Measures what apps use and what they answer."""

    async def run(self) -> None:
        """Its life, until cancelled."""

    def totals(self) -> Mapping[str, Total]:
        """Deployment → what this process has measured; nothing in a process that doesn't measure (another one does)."""


# What is happening now ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Happening:
    """Something a page may want to hear of. `topic` is `deployment:<id>`, `project:<id>`, `team:<id>`, `log:<id>` or
    `user:<id>`; `payload` is small JSON."""

    topic: str
    kind: str
    payload: Mapping[str, object] = field(default_factory=dict)


class Live(Protocol):
    """One stream of what is happening, shared by all processes; may lose everything at any moment."""

    async def publish(self, happenings: Sequence[Happening]) -> None:
        """Tell everyone. Never raises: who missed it reads the database again."""

    def subscribe(self, topics: Sequence[str]) -> AbstractAsyncContextManager[AsyncIterator[Happening | None]]:
        """What happens from the moment of entering; None now and then when nothing does (a heartbeat, ≤ 15 s), and
        `kind="gap"` when something may have been missed: read the state again."""

    async def ping(self) -> None:
        """Raises Unavailable unless Redis answers."""


class Lease(Protocol):
    """A claim on a name, renewed while it is held."""

    @property
    def lost(self) -> bool:
        """Somebody else holds it now."""


class Leases(Protocol):
    """Who is trying. PostgreSQL says who won."""

    def hold(self, name: str, *, ttl: float = 10) -> AbstractAsyncContextManager[Lease | None]:
        """None if somebody else holds it. Renewed each third of `ttl`; released at the end."""


# Mail --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mail:
    to: str
    subject: str
    text: str
    html: str


class Mailer(Protocol):
    async def check(self) -> None:
        """Whether mail of ours would be taken, without sending any. Raises Unavailable with a sentence."""

    async def send(self, mail: Mail) -> None:
        """Hand it to the mail server. Raises Unavailable with a sentence."""


# The machine itself ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Disk:
    """The filesystem that a folder is on."""

    id: int
    """Equal for all folders on it."""
    size: int
    """Bytes; and those that are free for us."""
    free: int
    files: int
    """How many it can hold (0: as many as fit), and how many more."""
    free_files: int


@dataclass(frozen=True)
class WebAnswer:
    """What a web server answered."""

    status: int
    text: str
    """Its beginning."""
    date: datetime | None
    """The server's own time."""


class Machine(Protocol):
    """The machine we run on, and what can be seen from it."""

    async def disk(self, folder: Path) -> Disk | None:
        """None if there is no such folder, or it isn't ours to see."""

    async def program(self, name: str) -> str:
        """What `name --version` says; "" if there is no such program."""

    async def listens(self, address: str, port: int) -> bool:
        """Whether something takes connections there."""

    async def get(self, url: str, *, host: str = "") -> WebAnswer:
        """GET, for this host if it isn't the address's own; redirects are not followed. Raises Unavailable."""


# Backups -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stored:
    """A file at a place."""

    name: str
    size: int
    at: datetime


class Vault(Protocol):
    """Where backups lie. A place is a folder (an absolute path), or s3://bucket/prefix.
    Raises Unavailable with a sentence that says what to do."""

    async def put(self, place: str, name: str, file: Path) -> None:
        """Whole or not at all."""

    async def get(self, place: str, name: str, to: Path) -> None: ...

    async def list(self, place: str) -> Sequence[Stored]:
        """By name; a place that isn't there yet is an empty one."""

    async def remove(self, place: str, name: str) -> None:
        """Idempotent."""


class Dumps(Protocol):
    """A whole database as a file of SQL, and back. Raises Unavailable with PostgreSQL's own words."""

    @property
    def dsn(self) -> str: ...

    async def dump(self, to: Path, *, without: Collection[str] = ()) -> Mapping[str, int]:
        """Write it as it is at one moment, compressed; how many rows each table had then. Of the tables `without`
        (and their partitions) the rows are left out."""

    async def load(self, file: Path, *, replace: bool = False) -> None:
        """Read it in, all or nothing. `replace`: what is there goes, in the same transaction."""

    async def tables(self) -> Mapping[str, int]:
        """How many rows each table has; nothing at all in an empty database."""

    async def value(self, sql: str) -> object:
        """The first value that a question finds, or None."""

    async def visitors(self) -> int:
        """How many others are connected to this database."""

    def scratch(self) -> "AbstractAsyncContextManager[Dumps]":
        """An empty database beside this one, gone at the end."""


# All of it, together ------------------------------------------------------------------------------------------------


class Jobs(Protocol):
    """The task pool of this process, as those who give it work see it."""

    def wake(self) -> None:
        """There is something queued: look soon. Call it after the commit, never inside a transaction."""

    def stop(self, deployment: str) -> None:
        """Drop the task that works on this deployment, if it runs here (it was cancelled in the database first)."""

    def sweep_soon(self) -> None:
        """What runs may differ from what is wanted."""

    def work_soon(self, queue: str) -> None:
        """There is something in this queue (jobs/queues.py): receipts, looks, reports, domains or removals."""


@dataclass
class World:
    """Everything outside, as opened by serve.py; handed to whatever acts on it."""

    settings: Settings
    installation: str
    """8 hex: marks all that is ours on a shared Docker Engine."""
    containers: Containers
    proxy: Proxy
    dns: Dns
    git: Git
    logs: LogStore
    live: Live
    leases: Leases
    mailer: Mailer
    machine: Machine
    vault: Vault
    dumps: Dumps
    github: GitHub
    openid: OpenId
    probe: Probe
    access_log: AccessLog
    shipping: Shipping
    metering: Metering
    jobs: Jobs
