"""A repository on GitHub that somebody chose: whether they may, and what is in it, asked of GitHub without a clone."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from devpush.deploy import detect, github
from devpush.errors import DeployFailed, Refused, Unavailable
from devpush.models import User
from devpush.ports import GitHubAccount, GitHubRefused, GitHubRepository, Token, TokenRefused, World

FIELD = "repository"
PATIENCE = 25
"""Seconds for all that GitHub is asked while a person waits for a page."""
SLOW = "GitHub takes too long to answer. Please try again in a moment."
CONNECT = "Please connect your GitHub account first: only you can show which repositories you may push to."
CONNECT_AGAIN = "GitHub no longer accepts your connection. Please connect your account again."


@dataclass(frozen=True)
class Connection:
    """A repository, and the installation of our App that lets us read it."""

    account: GitHubAccount
    repository: GitHubRepository


async def chosen(world: World, user: User, installation: int, id: int) -> Connection:
    """The repository, if our App is installed there and GitHub says that this very user may push to it: what the
    installation may is no reason to let somebody read it. Raises Refused."""
    try:
        async with asyncio.timeout(PATIENCE):
            token = await github.user_token(world, user)
            if token is None:
                raise Refused(CONNECT, field=FIELD)
            accounts, repository = await asyncio.gather(
                world.github.accounts(token), world.github.repository(token, id)
            )
    except TokenRefused:
        await github.forget_user_token(user)
        raise Refused(CONNECT_AGAIN, field=FIELD) from None
    except GitHubRefused as refusal:
        raise Refused(_refusal(refusal), field=FIELD) from None
    except (Unavailable, TimeoutError) as failure:
        raise Refused(str(failure) or SLOW, field=FIELD) from None
    return _checked(accounts, installation, repository)


def _refusal(refusal: GitHubRefused) -> str:
    if refusal.status == 404:
        return "GitHub doesn't show you this repository, or no longer. Please choose another one."
    return str(refusal)


def _checked(accounts: Sequence[GitHubAccount], installation: int, repository: GitHubRepository) -> Connection:
    owner = repository.full_name.partition("/")[0].lower()
    for account in accounts:
        if (account.installation, account.login.lower()) == (installation, owner):
            break
    else:
        raise Refused(
            "Our GitHub App isn't installed where this repository is, or GitHub doesn't show it to you.", field=FIELD
        )
    if account.suspended:
        raise Refused(f"The GitHub App is suspended for {account.login}. Unsuspend it on GitHub first.", field=FIELD)
    if not repository.can_push:
        raise Refused(
            f"You can see {repository.full_name}, but not push to it. Whoever deploys a repository must be able to "
            "write to it: ask its owner, or choose another one.",
            field=FIELD,
        )
    return Connection(account, repository)


async def look(world: World, connection: Connection, *, branch: str = "", root_dir: str = "") -> detect.Look:
    """As detect.look, by the token that deployments will have: what it can't read, they couldn't. Raises Refused."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await _look(world, connection, branch, root_dir)
    except DeployFailed as failure:
        raise Refused(str(failure), field=FIELD) from None
    except (GitHubRefused, TokenRefused) as refusal:
        name = connection.repository.full_name
        raise Refused(
            f"GitHub doesn't let our App read {name}. Give it access to this repository on GitHub. ({refusal})",
            field=FIELD,
        ) from None
    except (Unavailable, TimeoutError) as failure:
        raise Refused(str(failure) or SLOW, field=FIELD) from None


async def _look(world: World, connection: Connection, branch: str, root_dir: str) -> detect.Look:
    repository = connection.repository
    token = await github.installation_token(
        world, connection.account.installation, repo=repository.id, permissions=github.READ
    )
    heads = await world.github.heads(token, repository.full_name)
    branches = _branches(heads, repository.default_branch)
    if not branches:
        raise Refused("This repository is empty: push a first commit, then try again.", field=FIELD)
    wanted = branch or branches[0]
    if wanted not in heads:
        raise Refused(f"There is no branch {wanted}. There is: {', '.join(branches[:5])}.", field="branch")
    sha, paths = await world.github.files(token, repository.full_name, heads[wanted])
    return await _recognise(world, token, repository.full_name, sha, _below(paths, root_dir), root_dir, branches)


async def _recognise(
    world: World, token: Token, name: str, sha: str, paths: Sequence[str], root_dir: str, branches: Sequence[str]
) -> detect.Look:
    prefix = f"{root_dir}/" if root_dir else ""

    async def read(path: str) -> bytes | None:
        return await world.github.read(token, name, sha, prefix + path, limit=detect.LONGEST_TELLING)

    return await detect.recognise(paths, read, branches=branches)


def _branches(heads: Mapping[str, str], default: str) -> list[str]:
    """The default branch first."""
    others = [branch for branch in heads if branch != default]
    return [default, *others] if default in heads else others


def _below(paths: Sequence[str], root_dir: str) -> list[str]:
    if not root_dir:
        return list(paths)
    below = f"{root_dir}/"
    found = [path.removeprefix(below) for path in paths if path.startswith(below)]
    if not found:
        raise Refused(f"There is no folder {root_dir} in this branch.", field="root_dir")
    return found
