"""What GitHub tells of accounts, repositories and our access to them, and what it means for connected projects."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from tortoise.queryset import QuerySet

from devpush.deploy import github
from devpush.deploy.payloads import Access, Changed, Fact, Installed, Revoked
from devpush.models import Identity, Project
from devpush.ports import GitHubAccount, World

RECONNECT = "connect the repository again in the project's settings"
ON = "What is live stays live."


@dataclass(frozen=True)
class News:
    """A sentence for a project's delivery log."""

    project: Project
    sentence: str


Told: TypeAlias = list[News]


async def learn(world: World, fact: Fact) -> Told:
    """Take it in, inside a transaction; which projects it concerns, and what to say to their people."""
    learner = LEARNERS.get(type(fact))
    return await learner(world, fact) if learner else []


# Our App in an account


async def _installed(world: World, fact: Installed) -> Told:
    there = Project.filter(github_installation_id=fact.installation, removing_at=None)
    if fact.action == "deleted":
        await github.forget_installation(world, fact.installation)
        return await _trouble(
            there,
            f"The GitHub App was uninstalled from {fact.login}, so new pushes can't be deployed. "
            f"Install it there again, then {RECONNECT}. {ON}",
        )
    await github.remember_installation(
        world,
        GitHubAccount(
            installation=fact.installation,
            id=fact.account,
            login=fact.login,
            type="Organization" if fact.type == "Organization" else "User",
            suspended=fact.suspended,
        ),
    )
    if fact.action == "suspend":
        return await _trouble(
            there,
            f"The GitHub App is suspended for {fact.login}, so new pushes can't be deployed. "
            f"Unsuspend it on GitHub, under the account's installed apps. {ON}",
        )
    if fact.action == "unsuspend":
        return await _well(there, f"The GitHub App is no longer suspended for {fact.login}.")
    if fact.action == "renamed":
        return await _account_renamed(world, there, fact)
    return []


async def _account_renamed(world: World, there: QuerySet[Project], fact: Installed) -> Told:
    told = []
    for project in await there:
        owner, name = _owner_and_name(project)
        if owner.lower() == fact.before.lower():
            await _lead_to(world, project, f"{fact.login}/{name}")
        told.append(News(project, f"The account {fact.before} is called {fact.login} on GitHub now."))
    return told


async def _access(world: World, fact: Access) -> Told:
    there = Project.filter(
        github_installation_id=fact.installation, github_repo_id__in=fact.repositories, removing_at=None
    )
    if fact.action == "added":
        return await _well(there, "The GitHub App may read this repository.")
    return await _trouble(
        there,
        "The GitHub App may no longer read this repository, so new pushes can't be deployed. "
        f"Add the repository on GitHub, under the App's repository access. {ON}",
    )


# A repository


async def _changed(world: World, fact: Changed) -> Told:
    there = connected(fact.repository, fact.installation)
    if fact.action == "deleted":
        return await _trouble(
            there, f"{fact.full_name} was deleted on GitHub. Choose another repository in the project's settings. {ON}"
        )
    if fact.action == "transferred":
        return await _transferred(world, fact)
    if fact.action == "renamed":
        for project in await there:
            await _lead_to(world, project, fact.full_name)
        return await _note(there, f"The repository is called {fact.full_name} on GitHub now.")
    return await _note(there, SENTENCES[fact.action](fact))


SENTENCES: dict[str, Callable[[Changed], str]] = {
    "default_branch": lambda fact: (
        f"The default branch is {fact.default_branch} now, no longer {fact.before}. Environments go on taking the "
        "branches they name: change production's in the settings if it should follow."
    ),
    "privatized": lambda _: "The repository is private now. The GitHub App reads it as before.",
    "publicized": lambda _: "The repository is public now.",
}


async def _transferred(world: World, fact: Changed) -> Told:
    """Whoever owns it now has an installation of their own, which says nothing about the people of this project: they
    must show anew that the repository is theirs to deploy."""
    told = []
    for project in await connected(fact.repository, None):
        await _lead_to(world, project, fact.full_name)
        if fact.installation != project.github_installation_id:
            sentence = (
                f"The repository moved to {fact.full_name}. To go on deploying it, {RECONNECT}; "
                f"the GitHub App must be installed for its new owner. {ON}"
            )
            told += await _trouble(Project.filter(id=project.id), sentence)
        else:
            told.append(News(project, f"The repository moved to {fact.full_name}."))
    return told


async def _revoked(world: World, fact: Revoked) -> Told:
    """The identity stays: it says who they are, not what we may do."""
    theirs = Identity.filter(issuer=world.settings.github_url, subject=str(fact.account))
    await theirs.update(**github.token_facts(None))
    return []


LEARNERS: dict[type[Fact], Callable[[World, Any], Coroutine[Any, Any, Told]]] = {
    Installed: _installed,
    Access: _access,
    Changed: _changed,
    Revoked: _revoked,
}


# Projects


def connected(repository: int, installation: int | None) -> QuerySet[Project]:
    """The projects on a repository. Who connected them did so by an installation: another account's doesn't count, even
    if the repository has gone there."""
    found = Project.filter(github_repo_id=repository, removing_at=None)
    return found if installation is None else found.filter(github_installation_id=installation)


def _owner_and_name(project: Project) -> tuple[str, str]:
    """From its address."""
    owner, _, name = project.repo_url.removesuffix(".git").rpartition("/")
    return owner.rpartition("/")[2], name


async def _lead_to(world: World, project: Project, name: str) -> None:
    url = f"{world.settings.github_url.rstrip('/')}/{name}.git"
    await Project.filter(id=project.id).update(repo_url=url)


async def _trouble(there: QuerySet[Project], sentence: str) -> Told:
    return await _set(there, sentence, sentence)


async def _well(there: QuerySet[Project], sentence: str) -> Told:
    return await _set(there, "", sentence)


async def _set(there: QuerySet[Project], trouble: str, sentence: str) -> Told:
    projects: Sequence[Project] = await there
    await Project.filter(id__in=[project.id for project in projects]).update(repo_trouble=trouble)
    return [News(project, sentence) for project in projects]


async def _note(there: QuerySet[Project], sentence: str) -> Told:
    return [News(project, sentence) for project in await there]
