"""A1, A2, A10, A11, A28, A33: what a repository, its address or a branch name says never reaches this machine."""

import asyncio
import os
import tarfile
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from devpush.adapters import git as adapter
from devpush.adapters import git_tree
from devpush.adapters.git import GitMirrors
from devpush.adapters.git_address import Addresses, Place
from devpush.deploy.keys import new_key
from devpush.errors import DeployFailed
from devpush.ports import Repository, TreeEntry
from tests.gitserver import GitServer, Origin
from tests.sshserver import SshServer

pytestmark = pytest.mark.abuse
TOKEN = "canary-0123456789-token"


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin.make(tmp_path / "served" / "shop.git")


@pytest.fixture
def local(origin: Origin) -> Repository:
    return Repository(str(origin.path), local=True)


@pytest.fixture
def mirrors(tmp_path: Path) -> GitMirrors:
    return GitMirrors(tmp_path / "mirrors", addresses=Addresses(["127.0.0.0/8"]))


SHELL = [";touch {c}", "$(touch {c})", "`touch {c}`", "|touch {c}", "&touch {c}&", "\ntouch {c}\n", "'\"; touch {c} #"]


@pytest.mark.parametrize("hostile", [*SHELL, "a\0b", "x" * 8000])
async def test_shell_text_stays_text(
    origin: Origin, local: Repository, mirrors: GitMirrors, tmp_path: Path, hostile: str
) -> None:
    canary = tmp_path / "canary"
    text = hostile.replace("{c}", str(canary))
    sha = origin.commit({"main.py": "x"})
    await mirrors.fetch(local, "main")
    for repository in (
        Repository(f"https://127.0.0.1:1/{text}"),
        Repository(f"ssh://127.0.0.1:1/{text}"),
        Repository(f"ssh://git@{text}/shop.git"),
        Repository(f"/tmp/{text}", local=True),
        Repository("https://127.0.0.1:1/x", username=text, token=text),
    ):
        with pytest.raises(DeployFailed):
            await mirrors.heads(repository)
        with pytest.raises(DeployFailed):
            await mirrors.fetch(repository, "main")
    with pytest.raises(DeployFailed):
        await mirrors.fetch(local, text)
    with pytest.raises(DeployFailed):
        await mirrors.tree(local, sha, text)
    with pytest.raises(DeployFailed):
        await mirrors.tree(local, text)
    assert await mirrors.read(local, sha, text) is None
    assert not canary.exists()


@pytest.mark.parametrize(
    "url",
    [
        "--upload-pack=touch {c}",
        "-c core.sshCommand=touch {c}",
        "ext::sh -c 'touch {c}'",
        "ext::https://x",
        "fd::7",
        "file://{o}",
        "{o}",
        "../{o}",
        "http://127.0.0.1/shop.git",
        "git://127.0.0.1/shop.git",
        "ftp://127.0.0.1/shop.git",
        "ssh://-oProxyCommand=touch%20{c}/x",
        "ssh://-oProxyCommand=touch {c}/x",
        "ssh://git@-oProxyCommand=touch%20{c}/x",
        "ssh://-l@127.0.0.1/x",
        "ssh://git@127.0.0.1/-x",
        "ssh://git@127.0.0.1/a%0ab",
        "ssh://git@127.0.0.1/$(touch {c})",
        "ssh://git@127.0.0.1/x';touch {c};'",
        "ssh://git:secret@127.0.0.1/shop.git",
        "ssh://git@127.0.0.1%20x/shop.git",
        "ssh://git@127.0.0.1:99999/shop.git",
        "ssh://127.0.0.1",
        "git@127.0.0.1:shop.git",
        "git@127.0.0.1:--upload-pack=touch {c}",
        "git@-oProxyCommand=touch {c}:x",
        "https://127.0.0.1\\@example.com/shop.git",
        "https://example.com#@127.0.0.1/shop.git",
        "https://example.com?@127.0.0.1/shop.git",
        "https://127.0.0.1./shop.git",
        "https://ⅇxample.com/shop.git",
        "https://[fe80::1%25eth0]/shop.git",
        "https://alice:secret@127.0.0.1/shop.git",
        "https:///shop.git",
        "https://[::1/shop.git",
        "HTTPS+ext::sh",
        "",
    ],
)
async def test_only_https_and_ssh_addresses_are_fetched(
    origin: Origin, mirrors: GitMirrors, tmp_path: Path, url: str
) -> None:
    origin.commit({"main.py": "x"})
    canary = tmp_path / "canary"
    repository = Repository(url.replace("{c}", str(canary)).replace("{o}", str(origin.path)))
    for asking in (mirrors.heads(repository), mirrors.fetch(repository, "main"), mirrors.heads(with_key(repository))):
        with pytest.raises(DeployFailed, match="address") as failed:
            await asking
        assert "secret" not in str(failed.value)
    assert not canary.exists()


async def test_git_itself_refuses_other_transports_too(
    origin: Origin, mirrors: GitMirrors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "_refuse", lambda repository: None)
    monkeypatch.setattr(mirrors.git, "addresses", Anywhere())
    for url in (str(origin.path), f"file://{origin.path}", "ext::sh -c id", "http://127.0.0.1:1/x"):
        with pytest.raises(DeployFailed, match="Only https and ssh addresses"):
            await mirrors.heads(Repository(url))


@pytest.mark.parametrize(
    "branch",
    [
        "-x",
        "--upload-pack=x",
        "a..b",
        "a b",
        "a:b",
        "+a",
        "refs/*",
        "a^",
        "a~1",
        "a@{1}",
        "a\\b",
        "a.lock",
        "/a",
        "a/",
        "?",
    ],
)
async def test_a_branch_name_is_a_branch_name(
    origin: Origin, local: Repository, mirrors: GitMirrors, branch: str
) -> None:
    origin.commit({"main.py": "x"})
    with pytest.raises(DeployFailed, match="branch"):
        await mirrors.fetch(local, branch)


async def test_a_local_address_must_be_a_folder(mirrors: GitMirrors, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for url in (str(tmp_path / "file"), str(tmp_path / "none"), "relative", "ext::sh", "-x", "https://127.0.0.1/x"):
        with pytest.raises(DeployFailed):
            await mirrors.heads(Repository(url, local=True))


async def test_no_hook_of_anybody_runs(origin: Origin, local: Repository, mirrors: GitMirrors, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    origin.commit({"main.py": "x"})
    await mirrors.fetch(local, "main")
    sha = origin.commit({"main.py": "y"})
    [head] = mirrors.folder.glob("*/HEAD")
    for repository in (origin.path, head.parent):
        (repository / "hooks").mkdir(exist_ok=True)
        for name in ("reference-transaction", "post-fetch", "post-update", "pre-auto-gc", "update"):
            hook = repository / "hooks" / name
            hook.write_text(f"#!/bin/sh\ntouch {canary}\n")
            hook.chmod(0o755)
    config = origin.path / "config"
    config.write_text(config.read_text() + f"[uploadpack]\npackObjectsHook = touch {canary};\n")
    assert (await mirrors.fetch(local, "main")).sha == sha
    assert not canary.exists()


@pytest.mark.parametrize(
    "name", [b"..", b".", b".git", b".GIT", b"../../evil", b"/etc/passwd", b"a/../../b", b"a//b", b"\xff\xfe"]
)
async def test_a_tree_with_forbidden_names_is_refused(
    origin: Origin, local: Repository, mirrors: GitMirrors, name: bytes
) -> None:
    blob = origin.blob(b"evil")
    sha = origin.commit_tree(origin.raw_tree([("100644", name, blob)]))

    async def fetch_and_list() -> None:
        await mirrors.fetch(local, "main")
        await mirrors.tree(local, sha)

    with pytest.raises(DeployFailed, match=r"check refuses it|forbidden name|isn't UTF-8"):
        await fetch_and_list()


async def test_our_own_check_holds_where_gits_does_not(
    origin: Origin, local: Repository, mirrors: GitMirrors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devpush.adapters.git_run.CONFIG", "[safe]\n directory = *\n")
    blob = origin.blob(b"evil")
    inside = origin.raw_tree([("100644", b"file", blob)])
    for listing in (
        [("40000", b"..", inside)],
        [("40000", b".git", inside)],
        [("100644", b"../../evil", blob)],
        [("100644", b"/etc/passwd", blob)],
        [("120000", b"twin", blob), ("40000", b"twin", inside)],
        [("100644", b"twin", blob), ("100644", b"twin", blob)],
        [("100644", b"x" * 300, blob)],
    ):
        sha = origin.commit_tree(origin.raw_tree(listing))
        await mirrors.fetch(local, "main")
        with pytest.raises(DeployFailed, match=r"forbidden name|same name"):
            await mirrors.tree(local, sha)


@pytest.mark.parametrize(
    ("links", "leaves"),
    [
        ({"a": "/etc/passwd"}, True),
        ({"a": "../outside"}, True),
        ({"a": "b/../../outside"}, True),
        ({"deep/er/a": "../../../outside"}, True),
        ({"a": ".."}, True),
        ({"up/a": "..", "b": "up/a/../x"}, True),  # looks as if it stayed inside
        ({"deep/root": "..", "deep/b": "root/../x"}, True),
        ({"deep/er/a": "../../file"}, False),
        ({"a": "./b/../file"}, False),
        ({"a": "deep/b", "deep/b": "../file"}, False),
        ({"a": "b", "b": "a"}, False),
    ],
)
async def test_a_link_out_of_the_tree_is_refused(
    origin: Origin, local: Repository, mirrors: GitMirrors, tmp_path: Path, links: dict[str, str], leaves: bool
) -> None:
    files = {"file": "x", "b/x": "x"} if "b" not in links else {"file": "x"}
    sha = origin.commit(files | {path: f"-> {target}" for path, target in links.items()})
    await mirrors.fetch(local, "main")
    _, entries = await mirrors.tree(local, sha)
    if leaves:
        with pytest.raises(DeployFailed, match=r"The link .* points to .*, outside of what is deployed"):
            await mirrors.archive(local, entries, tmp_path / "a.tar")
        assert not (tmp_path / "a.tar").exists()
        return
    await mirrors.archive(local, entries, tmp_path / "a.tar")
    with tarfile.open(tmp_path / "a.tar") as tar:
        tar.extractall(tmp_path / "unpacked", filter="data")


@pytest.mark.parametrize("path", ["../evil", "/evil", "a/../../evil", "", "a/", ".git/config"])
async def test_an_archive_takes_no_path_on_trust(
    origin: Origin, local: Repository, mirrors: GitMirrors, tmp_path: Path, path: str
) -> None:
    origin.commit({"main.py": "x"})
    await mirrors.fetch(local, "main")
    with pytest.raises(DeployFailed, match="forbidden name"):
        await mirrors.archive(local, [TreeEntry(path, "100644", "1" * 40, 1)], tmp_path / "a.tar")


async def test_too_many_files_are_refused(origin: Origin, local: Repository, mirrors: GitMirrors) -> None:
    tree = origin.tree({f"{number}": ("100644", origin.blob(b"")) for number in range(10)})
    for level in range(9):  # ten files in ten folders in ten folders…: a billion, out of a few kB
        tree = origin.tree({f"{level}-{number}": ("040000", tree) for number in range(10)})
    sha = origin.commit_tree(tree)
    await mirrors.fetch(local, "main")
    with pytest.raises(DeployFailed, match="names, which is too much"):
        await mirrors.tree(local, sha)


async def test_counts_and_sizes_have_limits(
    origin: Origin, local: Repository, mirrors: GitMirrors, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = origin.commit({str(number): "x" * 100 for number in range(30)})
    await mirrors.fetch(local, "main")
    monkeypatch.setattr(git_tree, "MAX_FILES", 29)
    with pytest.raises(DeployFailed, match="more than 29 files"):
        await mirrors.tree(local, sha)
    monkeypatch.setattr(git_tree, "MAX_FILES", 30)
    monkeypatch.setattr(git_tree, "MAX_BYTES", 2999)
    with pytest.raises(DeployFailed, match="together, which is too much"):
        await mirrors.tree(local, sha)


async def test_a_huge_repository_is_not_fetched_to_the_end(
    origin: Origin, local: Repository, mirrors: GitMirrors, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin.commit({str(number): os.urandom(1_000_000) for number in range(20)})
    monkeypatch.setattr(adapter, "MIRROR_LIMIT", 1 << 20)
    monkeypatch.setattr(adapter, "LOOK_EVERY", 0.01)
    with pytest.raises(DeployFailed, match="The repository is larger than"):
        await mirrors.fetch(local, "main")
    assert not list(mirrors.folder.glob("*/HEAD")), "what came before the limit takes no place on the disk"


async def test_the_token_is_nowhere_but_on_its_way(
    origin: Origin, mirrors: GitMirrors, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sha = origin.commit({"main.py": "x"})
    with GitServer(tmp_path / "served", tmp_path / "ca.pem", password=TOKEN).serving() as server:
        mirrors.git.kept["GIT_SSL_CAINFO"] = str(server.ca)
        repository = Repository(server.url("shop.git"), token=TOKEN)
        server.slow = threading.Event()
        fetching = asyncio.create_task(mirrors.fetch(repository, "main"))
        while not server.requests:
            await asyncio.sleep(0.01)
        assert TOKEN not in repr(repository)
        assert any(server.url("shop.git") in line for line in command_lines()), "git was looked at while it ran"
        assert not any(TOKEN in line for line in (*command_lines(), *environments()))
        server.slow.set()
        assert (await fetching).sha == sha
        server.password = "another"
        with pytest.raises(DeployFailed) as failed:
            await mirrors.heads(repository)
    assert TOKEN not in str(failed.value) + caplog.text
    files = [path for path in mirrors.folder.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if TOKEN.encode() in path.read_bytes()]


async def test_a_deploy_key_is_nowhere_but_on_its_way(
    origin: Origin, mirrors: GitMirrors, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sha = origin.commit({"main.py": "x"})
    key, public = new_key()
    secret = key.splitlines()[2]
    with SshServer(tmp_path / "sshd").serving() as server:
        server.let_in(public)
        repository = Repository(server.url(origin), key=key)
        seen: list[str] = []
        fetching = asyncio.create_task(mirrors.fetch(repository, "main"))
        while not fetching.done():
            await asyncio.sleep(0.001)
            seen += [line for line in (*command_lines(), *environments()) if "IdentityFile" in line]
            for file in mirrors.git.private.rglob("key"):
                assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
        assert (await fetching).sha == sha
        assert seen, "ssh was looked at while it ran"
        assert not [line for line in seen if secret in line]
        server.let_in()
        with pytest.raises(DeployFailed) as failed:
            await mirrors.heads(repository)
    assert secret not in repr(repository) + str(failed.value) + caplog.text
    files = [path for path in mirrors.folder.rglob("*") if path.is_file()]
    assert not [path for path in files if secret.encode() in path.read_bytes()]
    assert not list(mirrors.git.private.iterdir())


async def test_what_a_killed_process_had_handed_over_is_removed(mirrors: GitMirrors) -> None:
    left, at_work = mirrors.git.private / "left", mirrors.git.private / "at-work"
    for folder in (left, at_work):
        folder.mkdir(parents=True)
        (folder / "key").write_text("canary")
    os.utime(left, (0, 0))
    with pytest.raises(DeployFailed):
        await mirrors.heads(Repository("https://127.0.0.1:1/x"))
    assert list(mirrors.git.private.iterdir()) == [at_work], "another process of ours may be using it"


async def test_a_redirect_is_not_followed(origin: Origin, mirrors: GitMirrors, tmp_path: Path) -> None:
    origin.commit({"main.py": "x"})
    with (
        GitServer(tmp_path / "served", tmp_path / "thief.pem", password="anything").serving() as thief,
        GitServer(tmp_path / "served", tmp_path / "own.pem", redirect_to=thief.url("").rstrip("/")).serving() as own,
    ):
        both = tmp_path / "both.pem"
        both.write_bytes(own.ca.read_bytes() + thief.ca.read_bytes())
        mirrors.git.kept["GIT_SSL_CAINFO"] = str(both)
        with pytest.raises(DeployFailed, match="redirects to another address"):
            await mirrors.heads(Repository(own.url("shop.git"), token=TOKEN))
        assert not thief.requests


async def test_a_mirror_opens_only_to_those_who_could_fetch_it_themselves(
    origin: Origin, mirrors: GitMirrors, tmp_path: Path
) -> None:
    sha = origin.commit({"secret.py": "x"})
    with GitServer(tmp_path / "served", tmp_path / "ca.pem", password=TOKEN).serving() as server:
        mirrors.git.kept["GIT_SSL_CAINFO"] = str(server.ca)
        alice, carol = Repository(server.url("shop.git"), token=TOKEN), Repository(server.url("shop.git"))
        await mirrors.fetch(alice, sha)
        with pytest.raises(DeployFailed, match="asks for a password"):
            await mirrors.fetch(carol, sha)
        asked = len(server.requests)
        assert (await mirrors.fetch(alice, sha)).sha == sha
        assert len(server.requests) == asked, "what is here and was opened before needs no server"


async def test_git_sees_nothing_of_our_environment(mirrors: GitMirrors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "canary")
    monkeypatch.setenv("GIT_SSH_COMMAND", "canary")
    git = GitMirrors(mirrors.folder, addresses=mirrors.git.addresses).git
    git.prepare()
    async with git.reaching(Repository("ssh://git@127.0.0.1/x")) as environment:
        assert "canary" not in str(environment)
        ssh = environment["GIT_SSH_COMMAND"]
    assert "IdentityAgent=none" in ssh, "the server's own keys open nothing for tenants"
    assert f'IdentityFile="{git.private}/' in ssh


class Anywhere(Addresses):
    """Lets everything through, as if our own checks weren't there."""

    async def place(self, url: str) -> Place:
        return Place("https", "127.0.0.1", 443)


def with_key(repository: Repository) -> Repository:
    return replace(repository, key=new_key()[0])


def environments() -> Sequence[str]:
    return processes("environ")


def command_lines() -> Sequence[str]:
    return processes("cmdline")


def processes(what: str) -> Sequence[str]:
    found = []
    for path in Path("/proc").glob(f"[0-9]*/{what}"):
        try:
            found.append(path.read_bytes().decode(errors="replace"))
        except OSError:
            continue
    return found
