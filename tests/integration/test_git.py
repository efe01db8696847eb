"""Repositories come into their mirrors, whole and quickly, and what goes wrong is said in a sentence."""

import asyncio
import os
import shutil
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devpush.adapters import git as adapter
from devpush.adapters.git import GitMirrors
from devpush.adapters.git_address import Addresses
from devpush.errors import DeployFailed
from devpush.ports import Repository
from tests.gitserver import GitServer, Origin

pytestmark = pytest.mark.integration
FILES = {
    "main.py": "print('hello')\n",
    "run.sh": "#!/bin/sh\n",
    "app/__init__.py": "",
    "app/deep/er/text.txt": "täxt\n",
    "latest": "-> app/deep/er/text.txt",
}


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin.make(tmp_path / "served" / "shop.git")


@pytest.fixture
def local(origin: Origin) -> Repository:
    return Repository(str(origin.path), local=True)


@pytest.fixture
def mirrors(tmp_path: Path) -> GitMirrors:
    return GitMirrors(tmp_path / "mirrors", addresses=Addresses(["127.0.0.0/8"]))


@pytest.fixture
def server(tmp_path: Path, origin: Origin) -> Iterator[GitServer]:
    with GitServer(tmp_path / "served", tmp_path / "ca.pem").serving() as serving:
        yield serving


@pytest.fixture
def trusting(tmp_path: Path, server: GitServer) -> GitMirrors:
    """Mirrors that trust the server's certificate."""
    environ = {"PATH": os.environ["PATH"], "GIT_SSL_CAINFO": str(server.ca), "NO_PROXY": "*"}
    return GitMirrors(tmp_path / "mirrors", environ, addresses=Addresses(["127.0.0.0/8"]))


async def test_heads_are_listed_with_the_default_branch_first(
    origin: Origin, local: Repository, mirrors: GitMirrors
) -> None:
    shas = {branch: origin.commit(FILES, branch=branch) for branch in ("a", "main", "trunk")}
    origin.git("symbolic-ref", "HEAD", "refs/heads/trunk")
    assert await mirrors.heads(local) == shas
    assert list(await mirrors.heads(local)) == ["trunk", "main", "a"]


async def test_a_branch_is_fetched_with_what_its_commit_says(
    origin: Origin, local: Repository, mirrors: GitMirrors
) -> None:
    sha = origin.commit(FILES, branch="feature/ü", message="Grüße\n\nund mehr\n")
    commit = await mirrors.fetch(local, "feature/ü")
    assert (commit.sha, commit.message, commit.author) == (sha, "Grüße\n\nund mehr", "Alice")
    assert abs(commit.at.timestamp() - time.time()) < 60


async def test_names_that_are_not_utf8_are_still_read(origin: Origin, local: Repository, mirrors: GitMirrors) -> None:
    tree = origin.git("rev-parse", origin.commit(FILES) + "^{tree}")
    body = f"tree {tree}\nauthor \udcff <a@b.c> 1 +0000\ncommitter C <a@b.c> 99999999999999 +0000\n\nm\udcfe\n"
    sha = origin.git("hash-object", "-t", "commit", "-w", "--stdin", feed=body.encode("utf-8", "surrogateescape"))
    origin.git("update-ref", "refs/heads/main", sha)
    commit = await mirrors.fetch(local, "main")
    assert (commit.message, commit.author) == ("m\ufffd", "\ufffd")
    assert commit.at.year == 1970, "a year that doesn't exist is no reason to fail"


async def test_a_tree_is_listed_from_any_root(origin: Origin, local: Repository, mirrors: GitMirrors) -> None:
    sha = origin.commit(FILES)
    await mirrors.fetch(local, "main")
    _, entries = await mirrors.tree(local, sha)
    assert {(entry.path, entry.mode) for entry in entries} == {
        ("main.py", "100644"),
        ("run.sh", "100755"),
        ("app/__init__.py", "100644"),
        ("app/deep/er/text.txt", "100644"),
        ("latest", "120000"),
    }
    tree, entries = await mirrors.tree(local, sha, "app/deep")
    assert [(entry.path, entry.size) for entry in entries] == [("er/text.txt", 6)]
    assert tree == origin.git("rev-parse", f"{sha}:app/deep")


@pytest.mark.parametrize("root", ["nowhere", "main.py", "latest", "../shop", "/etc", "app/", "a\nb", "-x"])
async def test_a_root_that_is_no_folder_is_said(
    origin: Origin, local: Repository, mirrors: GitMirrors, root: str
) -> None:
    sha = origin.commit(FILES)
    await mirrors.fetch(local, "main")
    with pytest.raises(DeployFailed, match="root directory"):
        await mirrors.tree(local, sha, root)


async def test_a_file_is_read_from_the_mirror(origin: Origin, local: Repository, mirrors: GitMirrors) -> None:
    sha = origin.commit(FILES)
    await mirrors.fetch(local, "main")
    assert await mirrors.read(local, sha, "app/deep/er/text.txt") == "täxt\n".encode()
    assert await mirrors.read(local, sha, "app/deep/er/text.txt", limit=3) is None
    for path in ("nothing", "app", "app/", "latest", "../x", "", "*.py", ":/main.py"):
        assert await mirrors.read(local, sha, path) is None


async def test_an_archive_holds_the_files_as_the_app_will_own_them(
    origin: Origin, local: Repository, mirrors: GitMirrors, tmp_path: Path
) -> None:
    long = "/".join(["long" * 20] * 4) + "/ünï.txt"
    sha = origin.commit(FILES | {long: b"\0\1" * 5000, "empty/none": b""})
    await mirrors.fetch(local, "main")
    _, entries = await mirrors.tree(local, sha)
    first, begun = tmp_path / "first.tar", int(time.time())
    await mirrors.archive(local, entries, first)
    with tarfile.open(first) as tar:
        members = {member.name: member for member in tar.getmembers()}
        assert all(member.mtime >= begun for member in members.values()), "ETags tell versions by the time"
        assert {(member.uid, member.gid) for member in members.values()} == {(1000, 1000)}
        assert {name: member.mode for name, member in members.items() if member.isfile()} == {
            "main.py": 0o644,
            "run.sh": 0o755,
            "app/__init__.py": 0o644,
            "app/deep/er/text.txt": 0o644,
            "empty/none": 0o644,
            long: 0o644,
        }
        assert members["app/deep"].isdir()
        assert members["app/deep"].mode == 0o755
        assert members["latest"].linkname == "app/deep/er/text.txt"
        content = tar.extractfile(long)
        assert content is not None
        assert content.read() == b"\0\1" * 5000
    assert sorted(path.name for path in tmp_path.glob("*.tar*")) == ["first.tar"]


async def test_a_submodule_is_left_an_empty_folder(
    origin: Origin, local: Repository, mirrors: GitMirrors, tmp_path: Path
) -> None:
    tree = origin.tree({"lib": ("160000", "1" * 40), "main.py": ("100644", origin.blob(b"x"))})
    sha = origin.commit_tree(tree)
    await mirrors.fetch(local, "main")
    _, entries = await mirrors.tree(local, sha)
    assert [(entry.path, entry.mode, entry.size) for entry in entries] == [
        ("lib", "160000", 0),
        ("main.py", "100644", 1),
    ]
    await mirrors.archive(local, entries, tmp_path / "a.tar")
    with tarfile.open(tmp_path / "a.tar") as tar:
        assert tar.getmember("lib").isdir()


async def test_a_second_push_brings_only_what_is_new(origin: Origin, local: Repository, mirrors: GitMirrors) -> None:
    bulk: dict[str, str | bytes] = {f"bulk/{number}": os.urandom(20_000) for number in range(50)}
    origin.commit(bulk | FILES)
    await mirrors.fetch(local, "main")
    before = stored(mirrors)
    sha = origin.commit(bulk | FILES | {"main.py": "print('changed')\n"})
    assert (await mirrors.fetch(local, "main")).sha == sha
    assert stored(mirrors) - before < 20_000


async def test_history_stays_where_it_is(origin: Origin, local: Repository, mirrors: GitMirrors) -> None:
    for _ in range(5):
        origin.commit({"noise": os.urandom(100_000)})
    await mirrors.fetch(local, "main")
    assert stored(mirrors) < 200_000


async def test_an_old_commit_is_found_by_its_sha(origin: Origin, local: Repository, mirrors: GitMirrors) -> None:
    old, _, _ = (origin.commit({"number": str(number)}) for number in range(3))
    await mirrors.fetch(local, "main")
    assert (await mirrors.fetch(local, old)).sha == old
    assert await mirrors.read(local, old, "number") == b"0"
    shutil.rmtree(origin.path)
    with pytest.raises(DeployFailed):
        await mirrors.fetch(local, "main")


async def test_a_commit_is_found_where_the_server_gives_branches_only(
    origin: Origin, local: Repository, mirrors: GitMirrors, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, _ = origin.commit({"number": "0"}), origin.commit({"number": "1"})
    await mirrors.fetch(local, "main")
    monkeypatch.setattr("devpush.adapters.git_run.CONFIG", "[protocol]\n version = 0\n[safe]\n directory = *\n")
    mirrors.git.prepare()
    assert (await mirrors.fetch(local, old)).sha == old


async def test_a_commit_that_a_forced_push_removed_is_said(
    origin: Origin, local: Repository, mirrors: GitMirrors
) -> None:
    origin.commit(FILES)
    with pytest.raises(DeployFailed, match=r"commit 1111111 isn't in the repository any more"):
        await mirrors.fetch(local, "1" * 40)


async def test_a_forced_push_is_followed(origin: Origin, local: Repository, mirrors: GitMirrors) -> None:
    origin.commit({"a": "1"})
    await mirrors.fetch(local, "main")
    origin.git("update-ref", "-d", "refs/heads/main")
    sha = origin.commit({"b": "2"})
    assert (await mirrors.fetch(local, "main")).sha == sha


async def test_a_branch_may_take_the_place_of_a_folder_of_branches(
    origin: Origin, local: Repository, mirrors: GitMirrors
) -> None:
    origin.commit(FILES, branch="a")
    await mirrors.fetch(local, "a")
    origin.git("update-ref", "-d", "refs/heads/a")
    sha = origin.commit(FILES, branch="a/b")
    assert (await mirrors.fetch(local, "a/b")).sha == sha


async def test_a_missing_branch_names_those_there_are(origin: Origin, local: Repository, mirrors: GitMirrors) -> None:
    for branch in ("main", "a", "b", "c", "d", "e", "f"):
        origin.commit(FILES, branch=branch)
    with pytest.raises(DeployFailed, match=r"no branch prod in the repository. It has main, a, b, c, d and 2 more"):
        await mirrors.fetch(local, "prod")


async def test_an_empty_repository_is_said(local: Repository, mirrors: GitMirrors) -> None:
    for asking in (mirrors.heads(local), mirrors.fetch(local, "main")):
        with pytest.raises(DeployFailed, match="The repository is empty"):
            await asking


async def test_a_server_that_cannot_be_reached_is_said(mirrors: GitMirrors) -> None:
    with pytest.raises(DeployFailed, match=r"127\.0\.0\.1 can't be reached"):
        await mirrors.fetch(Repository("https://127.0.0.1:1/shop.git"), "main")
    with pytest.raises(DeployFailed, match=r"nowhere\.invalid can't be found"):
        await mirrors.heads(Repository("https://nowhere.invalid/shop.git"))


async def test_a_git_that_cannot_be_held_to_an_address_is_not_used(tmp_path: Path, local: Repository) -> None:
    old = tmp_path / "old"
    old.mkdir()
    (old / "git").write_text("#!/bin/sh\necho git version 2.34.1\n")
    (old / "git").chmod(0o755)
    for path, said in ((old, r"git is older than 2\.37"), (tmp_path / "none", "has no git")):
        with pytest.raises(DeployFailed, match=said):
            await GitMirrors(tmp_path / "mirrors", {"PATH": str(path)}).heads(local)


async def test_over_https(origin: Origin, server: GitServer, trusting: GitMirrors) -> None:
    sha = origin.commit(FILES)
    repository = Repository(server.url("shop.git"))
    assert await trusting.heads(repository) == {"main": sha}
    assert (await trusting.fetch(repository, "main")).sha == sha
    with pytest.raises(DeployFailed, match="There is no repository at https://127"):
        await trusting.heads(Repository(server.url("other.git")))


async def test_a_certificate_nobody_vouches_for_is_said(origin: Origin, server: GitServer, tmp_path: Path) -> None:
    here = Addresses(["127.0.0.0/8"])
    stranger = GitMirrors(tmp_path / "mirrors", {"PATH": os.environ["PATH"]}, addresses=here)
    with pytest.raises(DeployFailed, match="its certificate isn't trusted"):
        await stranger.heads(Repository(server.url("shop.git")))


async def test_a_token_opens_a_private_repository(origin: Origin, server: GitServer, trusting: GitMirrors) -> None:
    sha, server.password = origin.commit(FILES), "sesame'\"$(id)"
    url = server.url("shop.git")
    assert (await trusting.fetch(Repository(url, token="sesame'\"$(id)"), "main")).sha == sha
    with pytest.raises(DeployFailed, match="asks for a password, and no token was given"):
        await trusting.fetch(Repository(url), "main")
    with pytest.raises(DeployFailed, match="the token given doesn't open it") as failed:
        await trusting.fetch(Repository(url, username="bob", token="wrong-one"), "main")
    assert "wrong-one" not in str(failed.value)
    assert {"bob:wrong-one", "x-access-token:sesame'\"$(id)"} <= server.credentials


async def test_a_moved_repository_is_said_and_not_followed(
    origin: Origin, server: GitServer, trusting: GitMirrors
) -> None:
    origin.commit(FILES)
    server.redirect_to = server.url("elsewhere")
    for asking in (
        trusting.heads(Repository(server.url("shop.git"))),
        trusting.fetch(Repository(server.url("shop")), "main"),
    ):
        with pytest.raises(DeployFailed, match=r"redirects to another address.*Please enter its new address"):
            await asking
    assert not [path for path in server.requests if "elsewhere" in path]


async def test_a_server_that_wants_git_at_the_end_gets_it(
    origin: Origin, server: GitServer, trusting: GitMirrors
) -> None:
    """GitLab answers an address without `.git` with a redirect to the one with it."""
    sha = origin.commit(FILES)
    server.redirect_from = "/shop/"
    repository = Repository(server.url("shop"))
    assert await trusting.heads(repository) == {"main": sha}
    assert (await trusting.fetch(repository, "main")).sha == sha
    asked = len(server.requests)
    await trusting.heads(repository)
    assert not [path for path in server.requests[asked:] if path.startswith("/shop/")], "it is remembered"


async def test_a_fetch_that_takes_too_long_is_ended(
    origin: Origin, server: GitServer, trusting: GitMirrors, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin.commit(FILES)
    server.slow = threading.Event()
    monkeypatch.setattr(adapter, "FETCH_TIMEOUT", 0.4)
    with pytest.raises(DeployFailed, match="Git took longer than 0 seconds"):
        await trusting.fetch(Repository(server.url("shop.git")), "main")
    assert running(server.url("shop.git")) == []
    server.slow.set()


async def test_a_cancelled_fetch_leaves_nothing_running(
    origin: Origin, server: GitServer, trusting: GitMirrors
) -> None:
    sha, server.slow = origin.commit(FILES), threading.Event()
    repository = Repository(server.url("shop.git"))
    fetching = asyncio.create_task(trusting.fetch(repository, "main"))
    while not server.requests:
        await asyncio.sleep(0.01)
    assert running(repository.url)
    fetching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetching
    assert running(repository.url) == []
    server.slow.set()
    server.slow = None
    assert (await trusting.fetch(repository, "main")).sha == sha


async def test_two_fetches_of_a_repository_take_turns(origin: Origin, local: Repository, mirrors: GitMirrors) -> None:
    shas = [origin.commit(FILES, branch=f"b{number}") for number in range(4)]
    others = GitMirrors(mirrors.folder)  # the next process, during an update
    got = await asyncio.gather(*(each.fetch(local, f"b{number}") for number in range(4) for each in (mirrors, others)))
    assert {commit.sha for commit in got} == set(shas)


@pytest.mark.parametrize("harm", ["locks", "truncated", "no HEAD", "half a pack", "empty objects"])
async def test_a_damaged_mirror_heals(origin: Origin, local: Repository, mirrors: GitMirrors, harm: str) -> None:
    origin.commit(FILES)
    await mirrors.fetch(local, "main")
    sha = origin.commit(FILES | {"new": "1"})
    [mirror] = mirrors.folder.glob("*/HEAD")
    folder = mirror.parent
    if harm == "locks":
        for name in ("shallow.lock", "packed-refs.lock", "config.lock", "objects/pack/tmp_pack_x"):
            (folder / name).write_text("")
        [ref] = folder.glob("refs/mirror/*")
        ref.with_name(ref.name + ".lock").write_text("")
    elif harm == "truncated":
        for path in folder.rglob("refs/mirror/*"):
            path.write_text("")
    elif harm == "no HEAD":
        (folder / "HEAD").unlink()
    elif harm == "half a pack":
        for path in folder.glob("objects/pack/*.pack"):
            path.chmod(0o600)
            os.truncate(path, 40)
    else:
        shutil.rmtree(folder / "objects")
    assert (await mirrors.fetch(local, "main")).sha == sha
    assert await mirrors.read(local, sha, "main.py") == FILES["main.py"].encode()


async def test_a_mirror_can_be_forgotten(origin: Origin, local: Repository, mirrors: GitMirrors) -> None:
    sha = origin.commit(FILES)
    await mirrors.fetch(local, "main")
    await mirrors.forget(local)
    await mirrors.forget(local)
    assert not list(mirrors.folder.glob("*/HEAD"))
    with pytest.raises(DeployFailed, match="wasn't fetched yet"):
        await mirrors.tree(local, sha)


async def test_mirrors_of_what_was_only_looked_at_go_when_they_are_old(
    tmp_path: Path, local: Repository, origin: Origin, mirrors: GitMirrors
) -> None:
    sha, other = origin.commit(FILES), Origin.make(tmp_path / "looked-at.git")
    other.commit(FILES)
    seen = Repository(str(other.path), local=True)
    await mirrors.fetch(local, "main")
    await mirrors.fetch(seen, "main")
    assert await mirrors.forget_others([local], unused_for=60) == 0
    assert await mirrors.forget_others([local], unused_for=-1) == 1
    assert len(list(mirrors.folder.glob("*/HEAD"))) == 1
    assert (await mirrors.fetch(local, sha)).sha == sha
    assert (await mirrors.fetch(seen, "main")).message == "Change it"


async def test_a_large_tree_takes_few_processes(
    origin: Origin, local: Repository, mirrors: GitMirrors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not one a file, nor one a folder: 20,000 of them would take minutes."""
    blobs = [origin.blob(str(number).encode()) for number in range(5)]
    folder = origin.tree({f"file-{number}": ("100644", blobs[number % 5]) for number in range(200)})
    sha = origin.commit_tree(origin.tree({f"folder-{number}": ("040000", folder) for number in range(100)}))
    await mirrors.fetch(local, "main")
    began: list[object] = []

    class Counted(subprocess.Popen[bytes]):
        def __init__(self, argv: Any, **more: Any) -> None:
            began.append(argv)
            super().__init__(argv, **more)

    monkeypatch.setattr(subprocess, "Popen", Counted)
    _, entries = await mirrors.tree(local, sha)
    await mirrors.archive(local, entries, tmp_path / "a.tar")
    assert len(entries) == 20_000
    assert 0 < len(began) < 10


def stored(mirrors: GitMirrors) -> int:
    return sum(path.stat().st_size for path in mirrors.folder.rglob("objects/**/*") if path.is_file())


def running(text: str) -> list[str]:
    """The command lines of all processes in which the text occurs."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in line:
            found.append(line)
    return found
