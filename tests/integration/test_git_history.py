"""What came in between two commits: asked of the server once, without files, and never in a deployment's way."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from devpush.adapters.git import GitMirrors
from devpush.adapters.git_address import Addresses
from devpush.errors import DeployFailed
from devpush.ports import Repository
from tests.gitserver import GitServer, Origin

pytestmark = pytest.mark.integration


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    made = Origin.make(tmp_path / "served" / "shop.git")
    made.git("config", "uploadpack.allowFilter", "true")
    return made


@pytest.fixture
def server(tmp_path: Path, origin: Origin) -> Iterator[GitServer]:
    with GitServer(tmp_path / "served", tmp_path / "ca.pem").serving() as serving:
        yield serving


@pytest.fixture
def mirrors(tmp_path: Path, server: GitServer) -> GitMirrors:
    environ = {"PATH": os.environ["PATH"], "GIT_SSL_CAINFO": str(server.ca), "NO_PROXY": "*"}
    return GitMirrors(tmp_path / "mirrors", environ, addresses=Addresses(["127.0.0.0/8"]))


@pytest.fixture
def shop(server: GitServer) -> Repository:
    return Repository(server.url("shop.git"))


def commits(origin: Origin, count: int, branch: str = "main") -> list[str]:
    """Each with another content of one file."""
    return [
        origin.commit({"a.txt": f"{branch} {n}", "b/c.txt": "same"}, branch=branch, message=f"{branch} {n}\n\nmore")
        for n in range(count)
    ]


async def test_what_came_in_between_is_told_newest_first(origin: Origin, shop: Repository, mirrors: GitMirrors) -> None:
    shas = commits(origin, 6)
    found = await mirrors.history(shop, shas[1], shas[5])
    assert [commit.sha for commit in found] == shas[5:1:-1]
    assert (found[0].message, found[0].author, found[0].at.year > 2000) == ("main 5\n\nmore", "Alice", True)
    assert [commit.sha for commit in await mirrors.history(shop, shas[1], shas[5], limit=2)] == shas[5:3:-1]
    assert await mirrors.history(shop, shas[5], shas[1]) == []


async def test_of_another_branch_only_what_came_after_the_fork(
    origin: Origin, shop: Repository, mirrors: GitMirrors
) -> None:
    main = commits(origin, 3)
    origin.git("update-ref", "refs/heads/side", main[1])
    side = commits(origin, 2, "side")
    assert [commit.sha for commit in await mirrors.history(shop, main[2], side[1])] == side[::-1]


async def test_it_takes_no_files_and_leaves_the_mirror_alone(
    origin: Origin, shop: Repository, mirrors: GitMirrors, tmp_path: Path
) -> None:
    shas = commits(origin, 4)
    await mirrors.history(shop, shas[0], shas[3])
    [past] = [path for path in (tmp_path / "mirrors").iterdir() if path.name.endswith("-history")]
    assert kinds(past) == {"commit"}
    assert (await mirrors.fetch(shop, "main")).sha == shas[3]
    assert "https://" not in (past / "config").read_text(), "git would fetch what is missing from there by itself"


async def test_what_is_known_is_not_asked_for_again(
    origin: Origin, server: GitServer, shop: Repository, mirrors: GitMirrors
) -> None:
    shas = commits(origin, 5)
    await mirrors.history(shop, shas[0], shas[4])
    asked = len(server.requests)
    assert len(await mirrors.history(shop, shas[2], shas[4])) == 2
    assert len(server.requests) == asked


async def test_whoever_may_not_read_the_repository_does_not_read_its_history(
    origin: Origin, server: GitServer, mirrors: GitMirrors
) -> None:
    shas = commits(origin, 2)
    server.password = "secret"
    opened = Repository(server.url("shop.git"), token="secret")
    assert await mirrors.history(opened, shas[0], shas[1])
    for token in ("", "guessed"):
        with pytest.raises(DeployFailed, match="private"):
            await mirrors.history(Repository(server.url("shop.git"), token=token), shas[0], shas[1])


async def test_a_commit_that_is_gone_is_said(origin: Origin, shop: Repository, mirrors: GitMirrors) -> None:
    [sha] = commits(origin, 1)
    with pytest.raises(DeployFailed, match="The commit ccccccc isn't in the repository any more"):
        await mirrors.history(shop, "c" * 40, sha)
    with pytest.raises(DeployFailed, match="isn't a commit"):
        await mirrors.history(shop, "--output=/etc/passwd", sha)


async def test_it_is_forgotten_with_the_mirror(
    origin: Origin, shop: Repository, mirrors: GitMirrors, tmp_path: Path
) -> None:
    shas = commits(origin, 2)
    await mirrors.history(shop, shas[0], shas[1])
    assert await mirrors.forget_others([shop], unused_for=0) == 0
    await mirrors.forget(shop)
    await mirrors.history(shop, shas[0], shas[1])
    assert await mirrors.forget_others([], unused_for=0) == 1
    assert not list((tmp_path / "mirrors").glob("*-history"))


def kinds(repository: Path) -> set[str]:
    objects = ["git", "--git-dir", str(repository), "cat-file", "--batch-all-objects", "--batch-check=%(objecttype)"]
    return set(subprocess.run(objects, capture_output=True, text=True, check=True).stdout.split())
