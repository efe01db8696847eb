"""A commit's files: read from git's list, checked, and written as a tar file."""

import os
import posixpath
import re
import signal
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, cast

from devpush.errors import DeployFailed
from devpush.ports import TreeEntry

MAX_FILES = 100_000
MAX_BYTES = 1 << 30
MAX_PATH, MAX_NAME, MAX_DEPTH = 4000, 255, 100
MAX_LINK_HOPS = 40
OWNER = 1000
"""Every file's time: the same tree is the same archive, and no build tool meets a file from the future."""
LINE = re.compile(rb"(\d{6}) (blob|commit|tree) ([0-9a-f]{40,64}) +(\d+|-|BAD)\t(.+)", re.DOTALL)

Cat = Callable[[IO[bytes]], "subprocess.Popen[bytes]"]
"""Starts `git cat-file --batch --buffer` on a file of object names."""


# From git's list


def entries_of(listed: bytes) -> list[TreeEntry]:
    """The entries that `git ls-tree -r -l -z` lists. Raises DeployFailed for what no honest tree holds."""
    entries = [_entry(line) for line in listed.split(b"\0") if line]
    if len(entries) > MAX_FILES:
        raise DeployFailed(f"The repository has more than {MAX_FILES:,} files, which is too many.")
    if sum(entry.size for entry in entries) > MAX_BYTES:
        raise DeployFailed(f"The repository's files are larger than {MAX_BYTES >> 30} GB together, which is too much.")
    _refuse_twins(entries)
    return entries


def _entry(line: bytes) -> TreeEntry:
    found = LINE.fullmatch(line)
    if not found:
        raise DeployFailed("The repository's list of files is damaged.")
    mode, kind, sha, size, name = found.groups()
    return TreeEntry(
        path=_path(name),
        mode=_mode(mode, kind),
        sha=sha.decode(),
        size=int(size) if size.isdigit() else 0,
    )


def _path(name: bytes) -> str:
    try:
        path = name.decode()
    except UnicodeDecodeError:
        shown = name.decode("ascii", "backslashreplace")[:200]
        raise DeployFailed(f"The file name {shown} isn't UTF-8. Please rename it.") from None
    if not safe(path):
        raise DeployFailed(f"The repository holds a file with a forbidden name: {path[:200]!r}.")
    return path


def safe(path: str) -> bool:
    """A relative path that stays below where it begins, and is no part of a .git folder."""
    parts = path.split("/")
    return (
        len(path.encode()) <= MAX_PATH
        and len(parts) <= MAX_DEPTH
        and "\0" not in path
        and all(0 < len(part.encode()) <= MAX_NAME for part in parts)
        and not any(part in (".", "..") or part.lower() == ".git" for part in parts)
    )


def _mode(mode: bytes, kind: bytes) -> str:
    """One of the four; git has known others (100664) in its youth."""
    if kind == b"commit":
        return "160000"
    if mode.startswith(b"12"):
        return "120000"
    return "100755" if int(mode, 8) & 0o100 else "100644"


def _refuse_twins(entries: Sequence[TreeEntry]) -> None:
    """A hostile tree can name a path twice, as a link and as a folder: files would land behind the link."""
    paths = {entry.path for entry in entries}
    if len(paths) < len(entries) or not paths.isdisjoint(_folders(entries)):
        raise DeployFailed("The repository holds two files of the same name in one folder.")


def _folders(entries: Sequence[TreeEntry]) -> list[str]:
    """Every folder that is needed, each after the one it is in."""
    found: dict[str, None] = {}
    for entry in entries:
        _need(posixpath.dirname(entry.path), found)
    return list(found)


def _need(folder: str, found: dict[str, None]) -> None:
    missing = []
    while folder and folder not in found:
        missing.append(folder)
        folder = posixpath.dirname(folder)
    found.update(dict.fromkeys(reversed(missing)))


# Into a tar file


def write_tar(entries: Sequence[TreeEntry], to: Path, cat: Cat) -> None:
    """Write the entries as a tar file. Blocks: for a thread of its own."""
    if any(not safe(entry.path) for entry in entries):
        raise DeployFailed("The repository holds a file with a forbidden name.")
    _refuse_twins(entries)
    links = [entry for entry in entries if entry.mode == "120000"]
    files = [entry for entry in entries if entry.mode in ("100644", "100755")]
    submodules = [entry.path for entry in entries if entry.mode == "160000"]
    try:
        with to.open("wb", buffering=1 << 20) as tar, _Contents(links + files, to, cat) as contents:
            for folder in [
                *_folders(entries),
                *submodules,
            ]:  # a submodule stays an empty folder, as in a plain clone
                tar.write(_header(folder, tarfile.DIRTYPE, 0o755))
            targets = {link.path: _target(link, contents) for link in links}
            for path, target in targets.items():
                _refuse_leaving(path, targets)
                tar.write(_header(path, tarfile.SYMTYPE, 0o777, target=target))
            for entry in files:
                _file(entry, contents, tar)
            tar.write(bytes(2 * tarfile.BLOCKSIZE))
    except BaseException:
        to.unlink(missing_ok=True)
        raise


def _header(path: str, kind: bytes, mode: int, *, size: int = 0, target: str = "") -> bytes:
    member = tarfile.TarInfo(path)
    member.type, member.mode, member.size, member.linkname = kind, mode, size, target
    member.uid = member.gid = OWNER
    # Now, never a constant: ETags and compiled Python tell a changed file of the same size by its time alone.
    member.mtime = int(time.time())
    return member.tobuf(tarfile.GNU_FORMAT, "utf-8", "strict")


class _Contents:
    """The contents of the entries in their order, out of one git process."""

    def __init__(self, entries: Sequence[TreeEntry], to: Path, cat: Cat) -> None:
        self.names = to.with_name(to.name + ".names")  # a file, since to feed a pipe and read another can lock up
        self.names.write_text("".join(f"{entry.sha}\n" for entry in entries))
        self.cat = cat

    def __enter__(self) -> "_Contents":
        with self.names.open("rb") as names:
            self.process = self.cat(names)
        self.stream = cast(IO[bytes], self.process.stdout)
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.stream.close()
        self.names.unlink(missing_ok=True)

    def open(self, entry: TreeEntry) -> None:
        """Come to the beginning of this entry's content."""
        words = self.stream.readline().split()
        if len(words) != 3 or words[0].decode() != entry.sha or words[1] != b"blob" or int(words[2]) != entry.size:
            raise Damaged("The server's copy of the repository is damaged.")

    def chunks(self, entry: TreeEntry) -> Iterator[bytes]:
        self.open(entry)
        left = entry.size
        while left:
            chunk = self.stream.read(min(left, 1 << 20))
            if not chunk:
                raise Damaged("The server's copy of the repository is damaged.")
            left -= len(chunk)
            yield chunk
        self.stream.read(1)  # the line end after it


class Damaged(DeployFailed):
    """Our mirror lacks what it should hold."""


def _file(entry: TreeEntry, contents: _Contents, tar: IO[bytes]) -> None:
    mode = 0o755 if entry.mode == "100755" else 0o644
    tar.write(_header(entry.path, tarfile.REGTYPE, mode, size=entry.size))
    for chunk in contents.chunks(entry):
        tar.write(chunk)
    tar.write(bytes(-entry.size % tarfile.BLOCKSIZE))


# Links


def _target(link: TreeEntry, contents: _Contents) -> str:
    if link.size > MAX_PATH:
        raise DeployFailed(f"The link {link.path} points to a name that is too long.")
    target = b"".join(contents.chunks(link))
    try:
        text = target.decode()
    except UnicodeDecodeError:
        text = "\0"
    if not text or "\0" in text:
        raise DeployFailed(f"The link {link.path} doesn't point to a file name.")
    return text


def _refuse_leaving(path: str, targets: dict[str, str]) -> None:
    """In the container such a link does no harm, but it can't work either: what it points to isn't there."""
    if _leaves(path, targets):
        raise DeployFailed(
            f"The link {path} points to {targets[path][:200]!r}, outside of what is deployed. "
            f"Please replace it with the file itself."
        )


def _leaves(path: str, targets: dict[str, str]) -> bool:
    """Follow a link as the kernel would: through other links, where `..` isn't what it seems in the text."""
    at, hops = path.split("/"), 0
    ahead = [at.pop()]
    while ahead:
        part = ahead.pop()
        if part == "..":
            if not at:
                return True
            at.pop()
        elif part not in ("", "."):
            target = targets.get("/".join([*at, part]))
            if target is None:
                at.append(part)
            elif target.startswith("/"):
                return True
            elif (hops := hops + 1) > MAX_LINK_HOPS:
                return False  # round in circles: nowhere, but not outside
            else:
                ahead += reversed(target.split("/"))
    return False
