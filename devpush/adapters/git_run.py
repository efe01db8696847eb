"""Runs git so that nothing a repository or its address says reaches this machine, and says what failed.

No shell, an environment from scratch, time, memory and output limited; the whole process group ends with us. It
connects to addresses that were checked before, and nowhere else. What opens a repository is handed over in files that
only this user may read, and that are gone when git is: argument lists and environments can be read from outside.
"""

import asyncio
import os
import re
import secrets
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext, suppress
from pathlib import Path
from urllib.parse import quote, urlsplit

from devpush.adapters.git_address import Addresses, Place
from devpush.errors import DeployFailed
from devpush.ports import Repository

MEMORY = 4 << 30  # bytes of address space: a small pack can be made to unfold into any size
OUTPUT = 64 << 20
KEPT_ERRORS = 64 << 10
LEAST_VERSION = (2, 37)
"""The first that can be told the addresses of a server (http.curloptResolve)."""
FORGOTTEN_AFTER = 3600.0
"""Seconds after which what a killed process of ours had handed over is removed."""
KEPT_VARIABLES = ("GIT_SSL_CAINFO", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy")

CONFIG = """\
[core]
    hooksPath = /dev/null
    attributesFile = /dev/null
    bigFileThreshold = 50m
    packedGitLimit = 512m
    packedGitWindowSize = 32m
[protocol]
    version = 2
[transfer]
    fsckObjects = true
    bundleURI = false
[fetch]
    # Objects in packs only: a pack is moved in when it is whole, so a fetch cut off leaves nothing half done.
    unpackLimit = 1
    recurseSubmodules = false
    uriProtocols =
[fetch "fsck"]
    # Harmless, and found in the history of well-known repositories.
    badTimezone = ignore
    missingEmail = ignore
    missingSpaceBeforeDate = ignore
    zeroPaddedFilemode = ignore
[http]
    # Where one leads was checked by nobody. The same goes for alternates: with this, git leaves them alone, too.
    followRedirects = false
    lowSpeedLimit = 1000
    lowSpeedTime = 30
[gc]
    autoDetach = false
[pack]
    threads = 2
[submodule]
    recurse = false
[credential]
    helper =
[log]
    showSignature = false
[i18n]
    logOutputEncoding = UTF-8
[safe]
    # Bundled examples and what the operator names on the command line may belong to another user.
    directory = *
"""

SSH = (
    *("ssh", "-F", "/dev/null"),
    *("-o", "BatchMode=yes"),
    *("-o", "ConnectTimeout=20"),
    *("-o", "ServerAliveInterval=15"),
    *("-o", "LogLevel=ERROR"),
    *("-o", "StrictHostKeyChecking=accept-new"),
    *("-o", "UpdateHostKeys=no"),
    *("-o", "CheckHostIP=no"),
    # Never the server's own keys: they would open to everyone what the server's user may read.
    *("-o", "PreferredAuthentications=publickey"),
    *("-o", "IdentitiesOnly=yes"),
    *("-o", "IdentityAgent=none"),
    *("-o", "ControlPath=none"),
    *("-o", "ClearAllForwardings=yes"),
)


class GitFailed(DeployFailed):
    """git said something that we have no better sentence for; our copy may be damaged."""


class TooLarge(DeployFailed):
    """More than we are ready to keep."""


class Redirected(DeployFailed):
    """The server sends us to another address, which nobody has checked."""


class RefMissing(DeployFailed):
    """The server has no such branch or commit."""


class GitProgram:
    """The git command. `folder` is ours: it gets the configuration, an empty home, and the host keys of SSH servers."""

    def __init__(self, folder: Path, environ: Mapping[str, str], addresses: Addresses) -> None:
        self.folder = folder
        self.addresses = addresses
        self.kept = {name: environ[name] for name in KEPT_VARIABLES if name in environ}
        self.path = environ.get("PATH", os.defpath)
        self.prefix: list[str] = []
        if shutil.which("setpriv", path=self.path):  # if we are killed, git shall not live on
            self.prefix += ["setpriv", "--pdeathsig=KILL", "--"]
        if shutil.which("prlimit", path=self.path):
            self.prefix += ["prlimit", f"--as={MEMORY}", "--core=0", "--"]

    @property
    def private(self) -> Path:
        """Where credentials are for as long as git works with them."""
        return self.folder / "private"

    @property
    def known_hosts(self) -> Path:
        """SSH servers' keys as they were when we first met them."""
        return self.folder / "known_hosts"

    def prepare(self) -> None:
        """Raises DeployFailed if there is no git that can be used."""
        self._check_version()
        for folder in (self.folder / "home", self.private):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in self.private.iterdir():
            with suppress(FileNotFoundError):
                if time.time() - left.stat().st_mtime > FORGOTTEN_AFTER:
                    shutil.rmtree(left, ignore_errors=True)
        fresh = self.folder / f"config.{secrets.token_hex(4)}"
        fresh.write_text(CONFIG)
        fresh.replace(self.folder / "config")

    def _check_version(self) -> None:
        try:
            said = subprocess.run(["git", "version"], capture_output=True, env={"PATH": self.path}, check=False).stdout
        except FileNotFoundError:
            raise DeployFailed("This server has no git. Please tell whoever runs it.") from None
        found = re.search(rb"(\d+)\.(\d+)", said)
        if found and (int(found[1]), int(found[2])) < LEAST_VERSION:
            least = ".".join(map(str, LEAST_VERSION))
            raise DeployFailed(f"This server's git is older than {least}. Please tell whoever runs it.")

    def environment(self, *, local: bool = False) -> dict[str, str]:
        """Nothing of ours but where programs and certificates are."""
        return {
            **self.kept,
            "PATH": self.path,
            "LC_ALL": "C",
            "HOME": str(self.folder / "home"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": str(self.folder / "config"),
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "/bin/false",
            "GIT_ALLOW_PROTOCOL": "file" if local else "https:ssh",
            "GIT_SSH_COMMAND": "/bin/false",
            "GIT_SSH_VARIANT": "ssh",
        }

    @asynccontextmanager
    async def reaching(self, repository: Repository) -> AsyncIterator[dict[str, str]]:
        """The environment in which git reaches this repository, at checked addresses and with what opens it."""
        if repository.local:
            yield self.environment(local=True)
            return
        place = await self.addresses.place(repository.url)
        with tempfile.TemporaryDirectory(dir=self.private) as folder:  # 0700
            if place.scheme == "ssh":
                ssh = self._ssh(place, _write(Path(folder) / "key", repository.key))
                yield self.environment() | {"GIT_SSH_COMMAND": shlex.join(ssh)}
            else:
                yield self.environment() | _configured(_https(place, repository, Path(folder) / "credential"))

    def _ssh(self, place: Place, key: Path) -> Sequence[str]:
        """ssh, with nothing in it that a person wrote but the name of the host, which is letters, digits, dots."""
        standard = place.port == 22
        return [
            *SSH,
            *(f"-oHostName={address}" for address in place.addresses[:1]),
            f"-oHostKeyAlias={place.host if standard else f'[{place.host}]:{place.port}'}",
            f"-oUserKnownHostsFile={_for_ssh(self.known_hosts)}",
            f"-oIdentityFile={_for_ssh(key)}",
        ]

    async def run(
        self,
        *arguments: str,
        repository: Repository | None = None,
        feed: bytes = b"",
        timeout: float = 60,
        output: int = OUTPUT,
        keep_open: Sequence[int] = (),
        watch: Callable[[], Awaitable[str]] | None = None,
    ) -> bytes:
        """What git prints. Ended when it takes too long, prints too much, or `watch` returns a reason."""
        async with self.reaching(repository) if repository else nullcontext(self.environment()) as environment:
            printed, code, errors = await self._run(arguments, environment, feed, timeout, output, keep_open, watch)
        if code:
            raise explain(errors.decode(errors="replace"), repository)
        return printed

    async def _run(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        feed: bytes,
        timeout: float,
        output: int,
        keep_open: Sequence[int],
        watch: Callable[[], Awaitable[str]] | None,
    ) -> tuple[bytes, int, bytes]:
        process = await asyncio.create_subprocess_exec(
            *self.prefix,
            "git",
            *arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd="/",
            start_new_session=True,
            pass_fds=keep_open,
        )
        stdin, stdout, stderr = _pipes(process)
        watching = asyncio.ensure_future(watch()) if watch else None
        if watching:
            watching.add_done_callback(lambda _: _kill(process))
        try:
            async with asyncio.timeout(timeout):
                printed, errors, _ = await asyncio.gather(_read(stdout, output), _tail(stderr), _feed(stdin, feed))
                code = await process.wait()
        except TimeoutError:
            raise DeployFailed(f"Git took longer than {timeout:.0f} seconds, so it was stopped.") from None
        finally:
            if watching:
                watching.cancel()
            _kill(process)
            await asyncio.shield(process.wait())
        if watching and watching.done() and not watching.cancelled():
            raise TooLarge(watching.result())
        return printed, code, errors


# What git is handed


def _write(path: Path, text: str) -> Path:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    return path


def _for_ssh(path: Path) -> str:
    """As ssh takes a file's name in an option: `%` begins a placeholder, a space a second name."""
    return '"' + str(path).replace("%", "%%") + '"'


def _https(place: Place, repository: Repository, credential: Path) -> Mapping[str, str]:
    """Git's configuration for this one repository. curl takes the addresses as they are and asks nobody else."""
    config = {}
    if place.addresses and ":" not in place.host:
        addresses = ",".join(f"[{address}]" if ":" in address else address for address in place.addresses)
        config["http.curloptResolve"] = f"{place.host}:{place.port}:{addresses}"
    if repository.token:
        host = urlsplit(repository.url).netloc
        username = quote(repository.username or "x-access-token", safe="")
        _write(credential, f"https://{username}:{quote(repository.token, safe='')}@{host}\n")
        config[f"credential.https://{host}.helper"] = f"store --file={shlex.quote(str(credential))}"
    return config


def _configured(config: Mapping[str, str]) -> dict[str, str]:
    """Configuration as git reads it from its environment."""
    pairs = [(f"GIT_CONFIG_KEY_{number}", key) for number, key in enumerate(config)]
    pairs += [(f"GIT_CONFIG_VALUE_{number}", value) for number, value in enumerate(config.values())]
    return {**dict(pairs), "GIT_CONFIG_COUNT": str(len(config))}


def _pipes(
    process: asyncio.subprocess.Process,
) -> tuple[asyncio.StreamWriter, asyncio.StreamReader, asyncio.StreamReader]:
    if process.stdin and process.stdout and process.stderr:
        return process.stdin, process.stdout, process.stderr
    raise TypeError("asked for with pipes, came without")


def _kill(process: asyncio.subprocess.Process) -> None:
    """The whole group: git works through children of its own."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


async def _read(stream: asyncio.StreamReader, limit: int) -> bytes:
    chunks, size = [], 0
    while chunk := await stream.read(1 << 18):
        size += len(chunk)
        if size > limit:
            raise DeployFailed(f"The repository lists more than {limit >> 20} MB of names, which is too much.")
        chunks.append(chunk)
    return b"".join(chunks)


async def _tail(stream: asyncio.StreamReader) -> bytes:
    kept = b""
    while chunk := await stream.read(1 << 16):
        kept = (kept + chunk)[-KEPT_ERRORS:]
    return kept


async def _feed(stream: asyncio.StreamWriter, text: bytes) -> None:
    # It may end before it has read all: its exit code says why. RuntimeError is uvloop's word for a closed pipe.
    with suppress(BrokenPipeError, ConnectionResetError, RuntimeError):
        if text:
            stream.write(text)
            await stream.drain()
        stream.close()
        await stream.wait_closed()


# What git says → what we say

REASONS: Sequence[tuple[str, type[DeployFailed], str]] = (
    (r"Could not resolve host", DeployFailed, "The server {host} can't be found. Is the address right?"),
    (r"cannot run ssh", DeployFailed, "This server has no SSH client. Please tell whoever runs it."),
    (r"error in (tree|blob|commit|tag)|fsck error", DeployFailed, "Git's own check refuses it: {said}."),
    (
        r"HOST IDENTIFICATION HAS CHANGED",
        DeployFailed,
        (
            "The server {host} shows another SSH host key than before. Somebody may be in between. If its key was "
            "replaced, whoever runs this server accepts the new one by removing the old one from known_hosts."
        ),
    ),
    (r"Host key verification failed", DeployFailed, "The server {host} doesn't prove who it is by its SSH host key."),
    (
        r"Permission denied \(",
        DeployFailed,
        "The server {host} doesn't let us in: {opener}",
    ),
    (
        r"returned error: 30[1278]",
        Redirected,
        (
            "{url} redirects to another address, which isn't followed. Was the repository renamed or moved? "
            "Please enter its new address."
        ),
    ),
    (
        r"certificate",
        DeployFailed,
        "The server {host} doesn't prove who it is: its certificate isn't trusted by this server.",
    ),
    (
        (
            r"Authentication failed|could not read (Username|Password)|returned error: 40[13]"
            r"|Permission denied|[Aa]ccess denied"
        ),
        DeployFailed,
        "{url} is private or doesn't exist: {opener}",
    ),
    (
        (
            r"returned error: 4(04|10)|[Rr]epository not found|not found: did you run|repository '.*' not found"
            r"|does not appear to be a git repository|ERROR: .*(not (be )?found|[Uu]nauthorized|denied)"
            r"|(?m:^(Gitea|Forgejo|Gogs): |^Unauthorized)|repository does not exist"
        ),
        DeployFailed,
        "There is no repository at {url}, or it is private: {opener}",
    ),
    (
        r"transport '.*' not allowed|unable to find remote helper",
        DeployFailed,
        "Only https and ssh addresses are fetched.",
    ),
    (
        r"[Cc]ouldn't find remote ref|not our ref|unadvertised object|no matching remote head",
        RefMissing,
        "There is no such branch or commit in {url}.",
    ),
    (
        r"[Oo]ut of memory|malloc failed|mmap failed",
        DeployFailed,
        "A file in the repository is too large to be unpacked.",
    ),
    (r"No space left", DeployFailed, "This server's disk is full. Please tell whoever runs it."),
    (
        (
            r"[Ff]ailed to connect|Connection (refused|timed out|reset|closed)|Couldn't connect|unreachable"
            r"|No route to host|returned error: (5\d\d|429)|Empty reply|early EOF|unexpected disconnect"
            r"|hung up unexpectedly|Operation too slow|Recv failure|SSL|TLS|Could not read from remote"
        ),
        DeployFailed,
        "The server {host} can't be reached now, or broke off. Please try again in a moment.",
    ),
)


def explain(errors: str, repository: Repository | None) -> DeployFailed:
    """git's words as a reason for a person. What a credential may be part of is not repeated."""
    facts = _facts(errors, repository)
    for pattern, kind, sentence in REASONS:
        if re.search(pattern, errors):
            return kind(sentence.format(**facts))
    return GitFailed("Git could not read the repository: {said}.".format(**facts))


def _facts(errors: str, repository: Repository | None) -> dict[str, str]:
    lines = errors.splitlines()
    first = next((line for line in lines if re.match(r"(remote: )?(error|fatal)", line)), "it did not say why")
    said = re.sub(r"[^\x20-\x7e]+", " ", first).strip(" .")[:300]
    url, token = (repository.url, repository.token) if repository else ("", "")
    if token:
        said, url = said.replace(token, "…"), url.replace(token, "…")
    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    return {"url": url, "host": host or url, "said": said, "opener": _opener(repository)}


def _opener(repository: Repository | None) -> str:
    """What became of what should have opened it, and what to do."""
    if repository and repository.url.startswith("ssh:"):
        if repository.key:
            return (
                "it doesn't know our deploy key. Please add the key's public half to the repository there (it stands "
                "in the project's settings as well); it needs to read only."
            )
        return "there is no deploy key. Please make one in the project's settings, and add it to the repository there."
    if repository and repository.token:
        return "it asks for a password, and the token given doesn't open it. Is it still valid, and may it read code?"
    return "it asks for a password, and no token was given."
