"""The source of a deployment: its repository, its commit's tree, and tar files of parts of it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from devpush.deploy import github, scratch
from devpush.errors import DeployFailed, Refused
from devpush.models import Deployment, Project, State, rules
from devpush.ports import Repository, TreeEntry, World

WHERE = (
    "repo_url",
    "repo_username",
    "repo_token",
    "repo_local",
    "repo_trouble",
    "github_repo_id",
    "github_installation_id",
    "updated_at",
)
LOOKED_AT = 3 * 3600.0
"""Seconds: longer than anybody takes from choosing a repository to making a project of it (choice.DRAFT_LIFE)."""


async def repository(world: World, project: Project) -> Repository:
    """Where it is and what opens it now. Raises DeployFailed when GitHub gives us no token for it."""
    if project.github_repo_id:
        return await github.repository(world, project)
    return replace(place(project), token=project.repo_token or "", key=project.repo_key or "")


def place(project: Project) -> Repository:
    """Where it is, without what opens it: enough to find its mirror."""
    return Repository(url=project.repo_url, username=project.repo_username, local=project.repo_local)


async def change(
    world: World, project: Project, url: str, *, username: str = "", token: str = "", forget_token: bool = False
) -> Mapping[str, str]:
    """Another repository for the project, or the same with another token; its heads. Raises Refused, and has changed
    nothing then. What was deployed stays."""
    before = place(project)
    kept = "" if forget_token or not _same_repository(before, url) else project.repo_token or ""
    new = Repository(url=url, username=username, token=token or kept, key=project.repo_key or "")
    new = replace(new, token="") if rules.is_ssh(url) else replace(new, key="")
    heads = await _looked_at(world, new)
    await project.update_from_dict(
        {
            "repo_url": url,
            "repo_username": username,
            "repo_token": new.token or None,
            "repo_local": False,
            "repo_trouble": "",
            "github_repo_id": None,
            "github_installation_id": None,
        }
    ).save(update_fields=WHERE)
    await _forget_mirror(world, project, before)
    return heads


async def check(world: World, project: Project) -> Mapping[str, str]:
    """The repository's heads, as it is opened now. Raises Refused."""
    try:
        where = await repository(world, project)
    except DeployFailed as failure:
        raise Refused(str(failure)) from None
    return await _looked_at(world, where)


async def _forget_mirror(world: World, project: Project, before: Repository) -> None:
    """Remove our copy of what was there, unless it is still needed."""
    still_needed = Project.filter(repo_url=before.url, repo_username=before.username).exists()
    being_fetched = Deployment.filter(project_id=project.id, state__in=(State.queued, State.building)).exists()
    if not await still_needed and not await being_fetched:
        await world.git.forget(before)


async def _looked_at(world: World, where: Repository) -> Mapping[str, str]:
    try:
        return await world.git.heads(where)
    except DeployFailed as failure:
        raise Refused(str(failure), field="url") from None


def _same_repository(before: Repository, url: str) -> bool:
    """Only then a token that is kept goes along: nobody reads by another's token what that other didn't give it for,
    neither by an address of their own nor by that of the next repository on the same server."""
    return not before.local and before.url.removesuffix(".git") == url.removesuffix(".git")


async def forget_unused(world: World) -> None:
    """Mirrors of what no project is made of: looked at and left, moved, or renamed."""
    places = [place(project) for project in await Project.all().only("id", "repo_url", "repo_username", "repo_local")]
    await world.git.forget_others(places, unused_for=LOOKED_AT)


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
async def archive(
    world: World, deployment: Deployment, source: Source, entries: Sequence[TreeEntry]
) -> AsyncIterator[Path]:
    """A tar file with those entries, gone afterwards."""
    async with scratch.folder(world.settings, deployment) as folder:
        tar = folder / "source.tar"
        await world.git.archive(source.repository, entries, tar)
        yield tar
