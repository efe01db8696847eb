"""Repositories, each cached in a bare mirror of ours, so that later pushes fetch only what is new.

A mirror holds each commit without its history (`--depth=1`): to deploy takes one tree, history can be a
hundred times larger, and git still transfers only what differs from the commits that are already here.
"""

import asyncio
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from devpush.adapters.git_address import Addresses, parse
from devpush.adapters.git_run import GitFailed, GitProgram, Redirected, RefMissing, TooLarge
from devpush.adapters.git_tree import Damaged, entries_of, safe, write_tar
from devpush.errors import DeployFailed
from devpush.ports import Commit, Repository, TreeEntry

HEADS_TIMEOUT = 60.0
FETCH_TIMEOUT = 300.0
HISTORY_TIMEOUT = 60.0
READ_TIMEOUT = 60.0
MIRROR_LIMIT = 2 << 30
MOST_PACKS = 50
"""Git's own limit (gc.autoPackLimit)."""
LOOK_EVERY = 0.5
"""Seconds between two looks at how large a mirror has grown."""
MAX_MESSAGE = 10_000
KEPT_OPENERS = 50
DEPTH = 250
"""How many commits back a history goes: more than anybody reads of what came in between two deployments."""

KEY = re.compile(r"[0-9a-f]{64}(-history)?")
"""What a mirror's folder is called, and the one beside it that knows commits only."""
FETCH = ("fetch", "--quiet", "--force", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head")
SHA = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
BRANCH = re.compile(r"(?![-./])(?!.*(\.\.|@\{|//|/\.|\.lock(/|$)))[^\x00-\x20\x7f~^:?*\[\\]{1,255}(?<![./])")
FORMAT = "%H%x00%an%x00%ct%x00%B"
NO_REMOTE = "[core]\n\trepositoryformatversion = 1\n\tbare = true\n"


class GitMirrors:
    """Git, by the git command. `folder` is ours; `addresses` says which servers may be asked (none of private
    networks, unless it is told otherwise)."""

    def __init__(
        self, folder: Path, environ: Mapping[str, str] | None = None, *, addresses: Addresses | None = None
    ) -> None:
        self.folder = folder
        environ = os.environ if environ is None else environ
        self.git = GitProgram(folder, environ, addresses or Addresses(proxies=environ))
        self.locks: dict[Path, asyncio.Lock] = {}
        self.spelt: dict[str, str] = {}
        """Address → the same with `.git`, for servers that want it so."""
        self.prepared = False

    async def heads(self, repository: Repository) -> Mapping[str, str]:
        await self._prepare(repository)
        listed = await self._ask(repository, "ls-remote", "--symref", timeout=HEADS_TIMEOUT)
        return _heads(listed.decode(errors="replace"))

    async def tags(self, repository: Repository) -> Sequence[str]:
        await self._prepare(repository)
        listed = await self._ask(repository, "ls-remote", "--tags", "--refs", timeout=HEADS_TIMEOUT)
        names = [line.partition("\t")[2] for line in listed.decode(errors="replace").splitlines()]
        return [name.removeprefix("refs/tags/") for name in names if name.startswith("refs/tags/")]

    async def fetch(self, repository: Repository, ref: str) -> Commit:
        await self._prepare(repository)
        if not SHA.fullmatch(ref) and not BRANCH.fullmatch(ref):
            raise DeployFailed(f"{ref[:100]!r} can't be the name of a branch.")
        async with self._alone(self._mirror(repository)) as mirror:
            try:
                if mirror.exists():
                    with suppress(GitFailed):  # our copy may be damaged: one more chance, with a new one
                        return await self._fetch(mirror, repository, ref)
                await self._make(mirror)
                return await self._fetch(mirror, repository, ref)
            except TooLarge:
                await asyncio.to_thread(mirror.remove)
                raise

    async def tree(self, repository: Repository, sha: str, root: str = "") -> tuple[str, Sequence[TreeEntry]]:
        mirror = self._mirror(repository)
        if root and not safe(root):
            raise DeployFailed(f"The root directory {root[:200]!r} can't be a folder of the repository.")
        tree, listed = await asyncio.gather(
            self._tree_id(mirror, sha, root), self._listed(mirror, sha, root), return_exceptions=True
        )
        if isinstance(tree, BaseException):  # says it better
            raise tree
        if isinstance(listed, BaseException):
            raise listed
        return tree, await asyncio.to_thread(entries_of, listed)

    async def read(self, repository: Repository, sha: str, path: str, *, limit: int = 1_000_000) -> bytes | None:
        mirror = self._mirror(repository)
        if not safe(path):
            return None
        listed = await self.git.run(
            *mirror.at, "ls-tree", "-l", "-z", "--full-tree", _checked(sha), "--", path, timeout=READ_TIMEOUT
        )
        if not listed.startswith(b"100"):  # no such file, or a folder, link or submodule
            return None
        [entry] = entries_of(listed)
        if entry.size > limit:
            return None
        return await self.git.run(*mirror.at, "cat-file", "blob", entry.sha, timeout=READ_TIMEOUT, output=limit)

    async def history(self, repository: Repository, old: str, new: str, *, limit: int = 50) -> Sequence[Commit]:
        await self._prepare(repository)
        range = [_checked(new), "--not", _checked(old)]
        async with self._alone(self._past(repository)) as past:
            if not past.exists() or past.crowded():
                await self._make(past)
            await asyncio.to_thread(past.cut_off)
            if not (await self._has(past, old) and await self._has(past, new)):
                await self._fetch_past(past, repository, old, new)
            elif not await asyncio.to_thread(past.knows, repository):  # see _fetch_commit
                await self.heads(repository)
            await asyncio.to_thread(past.remember, repository)
            options = ["--no-color", f"--max-count={limit}", f"--format={FORMAT}%x00"]
            said = await self.git.run(*past.at, "log", *options, *range, "--", timeout=READ_TIMEOUT)
        return _commits(said)

    async def archive(self, repository: Repository, entries: Sequence[TreeEntry], to: Path) -> None:
        mirror = self._mirror(repository)
        running: list[subprocess.Popen[bytes]] = []

        def cat(names: IO[bytes]) -> subprocess.Popen[bytes]:
            running.append(
                subprocess.Popen(
                    ["git", *mirror.at, "cat-file", "--batch", "--buffer"],
                    stdin=names,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    env=self.git.environment(),
                    cwd="/",
                    start_new_session=True,
                    bufsize=1 << 20,
                )
            )
            return running[0]

        writing = asyncio.ensure_future(asyncio.to_thread(write_tar, entries, to, cat))
        try:
            async with asyncio.timeout(FETCH_TIMEOUT):
                await asyncio.shield(writing)
        except Damaged:
            await self.forget(repository)
            raise DeployFailed("This server's copy of the repository was damaged. Please deploy again.") from None
        except TimeoutError:
            raise DeployFailed(f"The files could not be read within {FETCH_TIMEOUT:.0f} seconds.") from None
        finally:
            if not writing.done():
                for process in running:
                    process.kill()  # its reader meets the end of the stream and gives up
                await asyncio.wait([writing])
                writing.exception()

    async def size(self, repository: Repository) -> int:
        mirrors = (self._mirror(repository), self._past(repository))
        return sum([await asyncio.to_thread(mirror.size) for mirror in mirrors])

    async def forget(self, repository: Repository) -> None:
        for mirror in (self._mirror(repository), self._past(repository)):
            await self._remove(mirror)

    async def forget_others(self, known: Sequence[Repository], *, unused_for: float) -> int:
        kept = {each.path for one in known for each in (self._mirror(one), self._past(one))}
        removed = 0
        for path in await asyncio.to_thread(lambda: list(self.folder.glob("*"))):
            mirror = _Mirror(path)
            if path in kept or not KEY.fullmatch(path.name):
                continue
            if await asyncio.to_thread(mirror.idle) > unused_for:
                await self._remove(mirror)
                removed += 1
        return removed

    async def _remove(self, mirror: "_Mirror") -> None:
        async with self._alone(mirror):
            await asyncio.to_thread(mirror.remove)
        self.locks.pop(mirror.path, None)

    # Mirrors

    def _mirror(self, repository: Repository) -> "_Mirror":
        key = hashlib.sha256(f"{repository.url}\n{repository.username}".encode()).hexdigest()
        return _Mirror(self.folder / key)

    def _past(self, repository: Repository) -> "_Mirror":
        """Beside the mirror, and locked apart: who asks for the history keeps no deployment waiting."""
        mirror = self._mirror(repository).path
        return _Mirror(mirror.with_name(f"{mirror.name}-history"))

    async def _prepare(self, repository: Repository) -> None:
        _refuse(repository)
        if not self.prepared:
            await asyncio.to_thread(self.git.prepare)
            self.prepared = True

    @asynccontextmanager
    async def _alone(self, mirror: "_Mirror") -> AsyncIterator["_Mirror"]:
        """The mirror for us alone: during an update two processes of ours may share it for a while."""
        async with self.locks.setdefault(mirror.path, asyncio.Lock()):
            self.folder.mkdir(parents=True, exist_ok=True)
            with mirror.path.with_suffix(".lock").open("w") as lock:
                while not _locked(lock):
                    await asyncio.sleep(0.05)
                mirror.lock = lock.fileno()
                yield mirror

    async def _make(self, mirror: "_Mirror") -> None:
        """A new, empty mirror in the place of what is there."""
        await asyncio.to_thread(mirror.remove)
        await self.git.run("init", "--bare", "--quiet", "--template=", "--", str(mirror.fresh))
        mirror.fresh.rename(mirror.path)

    # Fetching

    async def _fetch(self, mirror: "_Mirror", repository: Repository, ref: str) -> Commit:
        await asyncio.to_thread(mirror.tidy)
        if SHA.fullmatch(ref):
            commit = await self._fetch_commit(mirror, repository, ref)
        else:
            commit = await self._commit(mirror, await self._fetch_branch(mirror, repository, ref))
        await asyncio.to_thread(mirror.remember, repository)
        return commit

    async def _fetch_branch(self, mirror: "_Mirror", repository: Repository, branch: str) -> str:
        """The name it has here. Of our making: branch names can stand in each other's way (a, then a/b)."""
        name = f"refs/mirror/{hashlib.sha256(branch.encode()).hexdigest()}"
        try:
            await self._pull(mirror, repository, f"+refs/heads/{branch}:{name}")
        except RefMissing:
            raise DeployFailed(_no_branch(branch, list(await self.heads(repository)))) from None
        return name

    async def _fetch_commit(self, mirror: "_Mirror", repository: Repository, sha: str) -> Commit:
        with suppress(GitFailed):  # it isn't here yet
            commit = await self._commit(mirror, f"{sha}^{{commit}}")
            # Somebody else's credential may have brought it here: ours must open the repository, too.
            if not await asyncio.to_thread(mirror.knows, repository):
                await self.heads(repository)
            return commit
        with suppress(RefMissing):  # some servers give branches only
            await self._pull(mirror, repository, sha)
        if not await self._has(mirror, sha):
            await self._pull(mirror, repository, "+refs/heads/*:refs/whole/*", whole=True)
        if not await self._has(mirror, sha):
            raise DeployFailed(
                f"The commit {sha[:7]} isn't in the repository any more. Was it replaced by a forced push?"
            )
        return await self._commit(mirror, sha)

    async def _pull(self, mirror: "_Mirror", repository: Repository, what: str, *, whole: bool = False) -> None:
        options = ["--depth=1"]
        if whole:
            options = ["--prune", *(["--unshallow"] if (mirror.path / "shallow").exists() else [])]
        if not await asyncio.to_thread(mirror.crowded):
            options.append("--no-auto-gc")  # to ask git whether it is time would be two more processes
        await self._ask(
            repository,
            *mirror.at,
            *FETCH,
            *options,
            what=[what],
            timeout=FETCH_TIMEOUT,
            keep_open=[mirror.lock],
            watch=mirror.outgrown,
        )

    async def _fetch_past(self, past: "_Mirror", repository: Repository, old: str, new: str) -> None:
        """Commits without their trees, where the server knows how to leave those out; never more than DEPTH back."""
        try:
            await self._pull_past(past, repository, old, new)
        except RefMissing:  # one of them is gone; or the server gives branches only
            await self._pull_past(past, repository, "+refs/heads/*:refs/whole/*")
        finally:
            await asyncio.to_thread(past.cut_off)
        for sha in (new, old):
            if not await self._has(past, sha):
                raise DeployFailed(f"The commit {sha[:7]} isn't in the repository any more. Was it replaced by a push?")

    async def _pull_past(self, past: "_Mirror", repository: Repository, *what: str) -> None:
        await self._ask(
            repository,
            *past.at,
            *FETCH,
            "--no-auto-gc",
            "--filter=tree:0",
            f"--depth={DEPTH}",
            what=what,
            timeout=HISTORY_TIMEOUT,
            keep_open=[past.lock],
            watch=past.outgrown,
        )

    async def _ask(self, repository: Repository, *arguments: str, what: Sequence[str] = (), **more: Any) -> bytes:
        """Run git against the repository's server. GitLab redirects those who leave out `.git`: they are asked again
        with it, at the same server."""
        url = self.spelt.get(repository.url, repository.url)
        try:
            return await self.git.run(*arguments, "--", url, *what, repository=repository, **more)
        except Redirected:
            if url.endswith(".git"):
                raise
            spelt = f"{url}.git"
            with suppress(DeployFailed):
                answer = await self.git.run(*arguments, "--", spelt, *what, repository=repository, **more)
                self.spelt[repository.url] = spelt
                return answer
            raise

    # Reading

    async def _has(self, mirror: "_Mirror", sha: str) -> bool:
        answer = await self.git.run(*mirror.at, "cat-file", "--batch-check", feed=f"{sha}^{{commit}}\n".encode())
        return b" commit " in answer

    async def _commit(self, mirror: "_Mirror", name: str) -> Commit:
        said = await self.git.run(*mirror.at, "log", "-1", "--no-color", f"--format={FORMAT}", name, "--")
        return _commit_of(*said.decode(errors="replace").split("\0", 3))

    async def _listed(self, mirror: "_Mirror", sha: str, root: str) -> bytes:
        tree = f"{_checked(sha)}:{root}"
        return await self.git.run(*mirror.at, "ls-tree", "-r", "-l", "-z", "--full-tree", tree, timeout=READ_TIMEOUT)

    async def _tree_id(self, mirror: "_Mirror", sha: str, root: str) -> str:
        if not mirror.exists():
            raise DeployFailed("The repository wasn't fetched yet. Please deploy again.")
        asked = f"{_checked(sha)}:{root}"
        if "\n" in asked:
            raise DeployFailed("The root directory's name holds a line end.")
        answer = (await self.git.run(*mirror.at, "cat-file", "--batch-check", feed=f"{asked}\n".encode())).split()
        if len(answer) == 3 and answer[1] == b"tree":
            return answer[0].decode()
        raise DeployFailed(f"There is no folder {root} in commit {sha[:7]}. Is the root directory right?")


class _Mirror:
    """A bare repository of ours, and the files beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fresh = path.with_suffix(".new")
        self.lock = -1
        """The open file that says we are alone; git holds it too, so the claim lasts as long as it works."""

    @property
    def at(self) -> tuple[str, str]:
        return "--git-dir", str(self.path)

    def exists(self) -> bool:
        return self.path.exists()

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        shutil.rmtree(self.fresh, ignore_errors=True)

    def tidy(self) -> None:
        """Remove what a killed fetch left behind. We are alone here, so nobody needs it."""
        left = [
            *self.path.glob("*.lock"),
            *self.path.glob("refs/**/*.lock"),
            *self.path.glob("objects/pack/tmp_*"),
        ]
        for path in [*left, self.path / "gc.pid"]:
            path.unlink(missing_ok=True)

    def cut_off(self) -> None:
        """Git would ask the server for any object that is missing, at an address that nobody has checked: it forgets
        which server that was."""
        (self.path / "config").write_text(NO_REMOTE)

    def crowded(self) -> bool:
        """So many packs (each fetch brings one) that git would like to bring them together."""
        return sum(1 for _ in self.path.glob("objects/pack/*.pack")) > MOST_PACKS

    async def outgrown(self) -> str:
        """Comes back with the reason once the mirror is too large."""
        while await asyncio.to_thread(self.size) < MIRROR_LIMIT:
            await asyncio.sleep(LOOK_EVERY)
        return f"The repository is larger than {MIRROR_LIMIT >> 30} GB, which is too much."

    def size(self) -> int:
        size = 0
        for folder, _, names in os.walk(self.path / "objects"):
            for name in names:
                with suppress(FileNotFoundError):
                    size += os.stat(os.path.join(folder, name)).st_size  # noqa: PTH116, PTH118  # twice as fast
        return size

    # Which credentials have opened the repository before: a mirror may serve several projects.

    def knows(self, repository: Repository) -> bool:
        with suppress(FileNotFoundError):
            return _opener(repository) in (self.path / "openers").read_text().split()
        return False

    def remember(self, repository: Repository) -> None:
        file, opener = self.path / "openers", _opener(repository)
        known = file.read_text().split() if file.exists() else []
        if opener not in known:
            file.write_text("\n".join([*known, opener][-KEPT_OPENERS:]))
        file.touch()

    def idle(self) -> float:
        """Seconds since something was fetched from here; 0 if it is gone."""
        with suppress(FileNotFoundError):
            opened = self.path / "openers"
            return time.time() - (opened if opened.exists() else self.path).stat().st_mtime
        return 0.0


def _commit_of(sha: str, author: str, at: str, message: str) -> Commit:
    return Commit(
        sha=sha,
        message=message.replace("\0", "").strip()[:MAX_MESSAGE],
        author=author.strip()[:255],
        at=_moment(at),
    )


def _commits(said: bytes) -> list[Commit]:
    fields = said.decode(errors="replace").split("\0")[:-1]
    return [_commit_of(fields[at].lstrip("\n"), *fields[at + 1 : at + 4]) for at in range(0, len(fields), 4)]


def _opener(repository: Repository) -> str:
    """Says nothing about the credential itself: tokens are long and random."""
    return hashlib.sha256(f"{repository.username}\n{repository.token}{repository.key}".encode()).hexdigest()


def _locked(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _refuse(repository: Repository) -> None:
    """The last look at an address before git sees it; forms and the command line have looked before."""
    url = repository.url
    if not url or url.startswith("-") or len(url) > 2048 or re.search(r"[\x00-\x20\x7f]", url.replace(" ", "_")):
        raise DeployFailed("The repository's address isn't one.")
    if re.search(r"[\x00-\x1f\x7f]", repository.username + repository.token):
        raise DeployFailed("The token can't hold line ends or control characters.")
    if not repository.local:
        parse(url)
    elif not Path(url).is_dir() or not Path(url).is_absolute():
        raise DeployFailed(f"There is no folder {url} on this server.")


def _checked(sha: str) -> str:
    if not SHA.fullmatch(sha):
        raise DeployFailed(f"{sha[:100]!r} isn't a commit.")
    return sha


def _heads(listed: str) -> dict[str, str]:
    default, heads = "", {}
    for line in listed.splitlines():
        sha, _, name = line.partition("\t")
        if name == "HEAD" and sha.startswith("ref: "):
            default = sha.removeprefix("ref: refs/heads/")
        elif name.startswith("refs/heads/") and SHA.fullmatch(sha):
            heads[name.removeprefix("refs/heads/")] = sha
    if not heads:
        raise DeployFailed("The repository is empty. Please push a commit to it first.")
    likely = [name for name in (default, "main", "master") if name in heads]
    return {name: heads[name] for name in dict.fromkeys([*likely, *heads])}


def _no_branch(branch: str, there_are: Sequence[str]) -> str:
    shown = ", ".join(there_are[:5]) + (f" and {len(there_are) - 5} more" if len(there_are) > 5 else "")
    return f"There is no branch {branch} in the repository. It has {shown}."


def _moment(seconds: str) -> datetime:
    """A commit says its own time, and may say anything."""
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)
