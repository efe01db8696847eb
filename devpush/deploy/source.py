"""The source of a deployment: its repository, its commit's tree, and tar files of parts of it."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from devpush.deploy import github
from devpush.models import Deployment, Project
from devpush.ports import Repository, TreeEntry, World


async def repository(world: World, project: Project) -> Repository:
    """Where it is and what opens it now. Raises DeployFailed when GitHub gives us no token for it."""
    if project.github_repo_id:
        return await github.repository(world, project)
    return replace(place(project), token=project.repo_token or "", key=project.repo_key or "")


def place(project: Project) -> Repository:
    """Where it is, without what opens it: enough to find its mirror."""
    return Repository(url=project.repo_url, username=project.repo_username, local=project.repo_local)


@dataclass(frozen=True)
class Source:
    """A commit's tree below the project's root directory."""

    repository: Repository
    tree: str
    entries: Sequence[TreeEntry]


async def fetch(world: World, deployment: Deployment) -> Source:
    """Bring the commit into the mirror. Raises DeployFailed: unreachable, no such commit, no such root directory."""
    where = await repository(world, deployment.project)
    commit = await world.git.fetch(where, deployment.commit_sha)
    tree, entries = await world.git.tree(where, commit.sha, deployment.config["root_dir"])
    return Source(where, tree, entries)


@asynccontextmanager
async def archive(world: World, source: Source, entries: Sequence[TreeEntry]) -> AsyncIterator[Path]:
    """A tar file with those entries, gone afterwards."""
    scratch = world.settings.data_dir / "tmp"
    scratch.mkdir(parents=True, exist_ok=True)
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, dir=scratch))
    tar = folder / "source.tar"
    try:
        await world.git.archive(source.repository, entries, tar)
        yield tar
    finally:
        await asyncio.to_thread(_remove, tar, folder)


def _remove(tar: Path, folder: Path) -> None:
    tar.unlink(missing_ok=True)
    folder.rmdir()
