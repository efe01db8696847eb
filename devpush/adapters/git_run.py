"""Runs git so that nothing a repository or its address says reaches this machine, and says what failed.

No shell, an environment from scratch, time, memory and output limited; the whole process group ends with us.
"""

import asyncio
import os
import re
import secrets
import shlex
import shutil
import signal
import subprocess
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from devpush.errors import DeployFailed
from devpush.ports import Repository

MEMORY = 4 << 30  # bytes of address space: a small pack can be made to unfold into any size
OUTPUT = 64 << 20
KEPT_ERRORS = 64 << 10
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
[fetch]
    # Objects in packs only: a pack is moved in when it is whole, so a fetch cut off leaves nothing half done.
    unpackLimit = 1
    recurseSubmodules = false
[fetch "fsck"]
    # Harmless, and found in the history of well-known repositories.
    badTimezone = ignore
    missingEmail = ignore
    missingSpaceBeforeDate = ignore
    zeroPaddedFilemode = ignore
[http]
    # A renamed repository answers with a redirect; a credential is only ever given to the first host (below).
    followRedirects = initial
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
    "ssh -F /dev/null -o BatchMode=yes -o ConnectTimeout=20 -o StrictHostKeyChecking=accept-new "
    "-o IdentitiesOnly=yes -o IdentityFile=/dev/null -o IdentityAgent=none"
)
HELPER = """!f() { test "$1" = get && printf 'username=%s\\npassword=%s\\n' "$DEVPUSH_GIT_USERNAME" \
"$DEVPUSH_GIT_TOKEN"; }; f"""
"""Constant shell text; what it prints comes from its environment, so it stands in no list of processes."""


class GitFailed(DeployFailed):
    """git said something that we have no better sentence for; our copy may be damaged."""


class TooLarge(DeployFailed):
    """More than we are ready to keep."""


class RefMissing(DeployFailed):
    """The server has no such branch or commit."""


class GitProgram:
    """The git command. `folder` is ours: it gets the configuration and an empty home."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.folder = folder
        self.kept = {name: environ[name] for name in KEPT_VARIABLES if name in environ}
        self.path = environ.get("PATH", os.defpath)
        self.prefix: list[str] = []
        if shutil.which("setpriv", path=self.path):  # if we are killed, git shall not live on
            self.prefix += ["setpriv", "--pdeathsig=KILL", "--"]
        if shutil.which("prlimit", path=self.path):
            self.prefix += ["prlimit", f"--as={MEMORY}", "--core=0", "--"]

    def prepare(self) -> None:
        (self.folder / "home").mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = self.folder / f"config.{secrets.token_hex(4)}"
        fresh.write_text(CONFIG)
        fresh.replace(self.folder / "config")

    def environment(self, repository: Repository | None = None) -> dict[str, str]:
        known_hosts = shlex.quote(str(self.folder / "known_hosts"))
        environment = {
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
            "GIT_ALLOW_PROTOCOL": "file" if repository and repository.local else "https:ssh",
            # Never the server's own keys: they would open to everyone what the server's user may read.
            "GIT_SSH_COMMAND": f"{SSH} -o UserKnownHostsFile={known_hosts}",
        }
        if repository and repository.token and not repository.local:
            parts = urlsplit(repository.url)
            environment |= {
                "DEVPUSH_GIT_USERNAME": repository.username or "x-access-token",
                "DEVPUSH_GIT_TOKEN": repository.token,
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": f"credential.{parts.scheme}://{parts.netloc.rpartition('@')[2]}.helper",
                "GIT_CONFIG_VALUE_0": HELPER,
            }
        return environment

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
        process = await asyncio.create_subprocess_exec(
            *self.prefix,
            "git",
            *arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment(repository),
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
        if code:
            raise explain(errors.decode(errors="replace"), repository)
        return printed


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
    (r"error in (tree|blob|commit|tag)|fsck error", DeployFailed, "Git's own check refuses it: {said}."),
    (
        r"certificate",
        DeployFailed,
        "The server {host} doesn't prove who it is: its certificate isn't trusted by this server.",
    ),
    (
        (
            r"Authentication failed|could not read (Username|Password)|returned error: 40[13]"
            r"|Permission denied|Access denied|Host key verification failed"
        ),
        DeployFailed,
        "{url} is private or doesn't exist: it asks for a password, and {opener}.",
    ),
    (
        (
            r"returned error: 4(04|10)|[Rr]epository not found|not found: did you run|repository '.*' not found"
            r"|does not appear to be a git repository"
        ),
        DeployFailed,
        "There is no repository at {url}, or it is private and {opener}.",
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
    (r"redirect", DeployFailed, "{url} redirects to another address. Please use that one."),
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
    opener = "the token given doesn't open it" if token else "no token was given"
    return {"url": url, "host": host or url, "said": said, "opener": opener}
