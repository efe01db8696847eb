"""Repositories by SSH: opened by a deploy key of ours, from a server that we know again by its own key."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from devpush.adapters.git import GitMirrors
from devpush.adapters.git_address import Addresses
from devpush.adapters.git_run import explain
from devpush.deploy.keys import new_key
from devpush.errors import DeployFailed
from devpush.ports import Repository
from tests.gitserver import Origin
from tests.sshserver import SshServer

pytestmark = pytest.mark.integration


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin.make(tmp_path / "served" / "shop.git")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SshServer]:
    with SshServer(tmp_path / "sshd").serving() as serving:
        yield serving


@pytest.fixture
def mirrors(tmp_path: Path) -> GitMirrors:
    return GitMirrors(tmp_path / "with space" / "mir%hrors", addresses=Addresses(["127.0.0.0/8"]))


async def test_a_deploy_key_opens_a_repository(origin: Origin, server: SshServer, mirrors: GitMirrors) -> None:
    sha = origin.commit({"main.py": "x"})
    key, public = new_key("Shop")
    server.let_in(public)
    repository = Repository(server.url(origin), key=key)
    assert await mirrors.heads(repository) == {"main": sha}
    assert (await mirrors.fetch(repository, "main")).sha == sha
    assert await mirrors.read(repository, sha, "main.py") == b"x"
    assert public.endswith(" devpush-shop")


async def test_a_key_that_is_not_there_yet_is_said(origin: Origin, server: SshServer, mirrors: GitMirrors) -> None:
    origin.commit({"main.py": "x"})
    with pytest.raises(DeployFailed, match="add the key's public half to the repository there"):
        await mirrors.heads(Repository(server.url(origin), key=new_key()[0]))
    with pytest.raises(DeployFailed, match="Please make one in the project's settings"):
        await mirrors.heads(Repository(server.url(origin)))


async def test_a_repository_that_is_not_there_is_said(origin: Origin, server: SshServer, mirrors: GitMirrors) -> None:
    key, public = new_key()
    server.let_in(public)
    with pytest.raises(DeployFailed, match="There is no repository at ssh://"):
        await mirrors.heads(Repository(f"{server.url(origin)}-no", key=key))


GONE = "fatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\n"


@pytest.mark.parametrize(
    "said",
    [
        "git@github.com: Permission denied (publickey).\n",
        "ERROR: Repository not found.\n",
        "remote: ERROR: The project you were looking for could not be found or you don't have permission to view it.\n",
        "Gitea: Unauthorized\n",
        "Forgejo: Deploy Key: 7:shop is not authorized to read ada/engine.\n",
        "Unauthorized\n",
        "conq: repository does not exist.\n",
        "repository access denied. deployment key is not associated with the requested repository.\n",
    ],
)
def test_what_servers_say_of_an_unknown_key_becomes_what_to_do(said: str) -> None:
    told = str(explain(said + GONE, Repository("ssh://git@git.example.com/ada/engine.git", key="a key")))
    assert "Please add the key's public half to the repository there" in told


async def test_a_server_that_is_away_is_said(origin: Origin, tmp_path: Path, mirrors: GitMirrors) -> None:
    with pytest.raises(DeployFailed, match=r"127\.0\.0\.1 can't be reached"):
        await mirrors.heads(Repository(SshServer(tmp_path).url(origin), key=new_key()[0]))


async def test_a_server_with_another_key_than_before_is_refused(
    origin: Origin, tmp_path: Path, mirrors: GitMirrors
) -> None:
    sha = origin.commit({"main.py": "x"})
    key, public = new_key()
    server = SshServer(tmp_path / "sshd")
    repository = Repository(server.url(origin), key=key)
    with server.serving():
        server.let_in(public)
        await mirrors.heads(repository)
    with server.serving():  # with a new key of its own
        for asking in (mirrors.heads(repository), mirrors.fetch(repository, "main")):
            with pytest.raises(DeployFailed, match="shows another SSH host key than before"):
                await asking
        assert "Accepted" not in server.said().rpartition("Server listening")[2], "the key wasn't tried on it"
        mirrors.git.known_hosts.unlink()  # as the operator does it
        assert await mirrors.heads(repository) == {"main": sha}


async def test_another_port_is_another_server(origin: Origin, server: SshServer, mirrors: GitMirrors) -> None:
    sha = origin.commit({"main.py": "x"})
    key, public = new_key()
    with SshServer(server.folder.with_name("other")).serving() as other:
        for each in (server, other):
            each.let_in(public)
            assert await mirrors.heads(Repository(each.url(origin), key=key)) == {"main": sha}
    assert len(mirrors.git.known_hosts.read_text().splitlines()) == 2


async def test_a_mirror_opens_only_to_keys_that_open_the_repository(
    origin: Origin, server: SshServer, mirrors: GitMirrors
) -> None:
    sha = origin.commit({"main.py": "x"})
    key, public = new_key()
    server.let_in(public)
    await mirrors.fetch(Repository(server.url(origin), key=key), sha)
    with pytest.raises(DeployFailed, match="our deploy key"):
        await mirrors.fetch(Repository(server.url(origin), key=new_key()[0]), sha)
