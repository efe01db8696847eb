"""A new project: checked whole, then made in one transaction with its production environment and hostname."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tortoise.transactions import in_transaction

from devpush.deploy import github, runners, traffic
from devpush.deploy.detect import preset
from devpush.errors import Refused
from devpush.models import Alias, Environment, Project, Team, User, Variable, rules
from devpush.models.names import free_slug
from devpush.models.project import PRODUCTION
from devpush.ports import World


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What a person has chosen for a project that isn't there yet."""

    name: str
    source: str
    branch: str
    runner: str
    runner_version: str = ""
    """One of the runner's; "": the one the server would choose."""
    username: str = ""
    token: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    """The private half of a deploy key of ours (deploy/keys.py), for ssh://…"""
    public_key: str = ""
    github_repo_id: int | None = None
    """Connected by the GitHub App: tokens are asked for when they are needed, and none is kept here."""
    github_installation_id: int | None = None
    local: bool = False
    """A repository on this server: a bundled example, or one named on the command line. Never from a form."""
    preset: str = ""
    root_dir: str = ""
    install: str = ""
    build: str = ""
    pre_deploy: str = ""
    start: str = ""
    health_path: str = "/"
    dependency_files: tuple[str, ...] | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    cpu_quota: int | None = None
    memory_mb: int | None = None


async def create_project(world: World, team: Team, draft: Draft, *, by: User | None) -> Project:
    """Raises Refused, naming the field, and has made nothing then."""
    if draft.runner not in runners.runners():
        raise Refused(f"There is no runner {draft.runner!r}.", field="runner")
    name = rules.project_name(draft.name)
    values: dict[str, Any] = {
        **_repository(draft),
        "preset": draft.preset,
        "runner": draft.runner,
        "runner_version": draft.runner_version,
        "root_dir": rules.root_dir(draft.root_dir),
        "install": rules.command(draft.install, "install"),
        "build": rules.command(draft.build, "build"),
        "pre_deploy": rules.command(draft.pre_deploy, "pre_deploy"),
        "start": rules.command(draft.start, "start"),
        "health_path": rules.health_path(draft.health_path),
        "dependency_files": list(_dependency_files(draft)),
        "cpu_quota": draft.cpu_quota or world.settings.default_cpu_quota,
        "memory_mb": draft.memory_mb or world.settings.default_memory_mb,
    }
    branch = rules.branch(draft.branch)
    variables = {rules.variable_key(key): rules.variable_value(value) for key, value in draft.variables.items()}
    async with in_transaction():
        slug = await free_slug(name, "project", _slug_taken)
        project = await Project.create(team=team, created_by=by, name=name, slug=slug, **values)
        production = await Environment.create(project=project, name="Production", slug=PRODUCTION, branch=branch)
        await traffic.name_environment(project, production)
        await Variable.keep(project.id, variables)
    return project


def _repository(draft: Draft) -> dict[str, Any]:
    """Where the source is, and the one thing that opens it."""
    url = draft.source if draft.local else rules.repository_url(draft.source)
    connected, by_key = draft.github_repo_id is not None, rules.is_ssh(url) and not draft.local
    if by_key and not draft.key:
        raise Refused("An SSH address needs a deploy key. The dashboard makes one: New project.", field="source")
    return {
        "repo_url": url,
        "repo_local": draft.local,
        "repo_username": github.USERNAME if connected else draft.username.strip()[:255],
        "repo_token": None if connected or by_key else draft.token.strip() or None,
        "repo_key": draft.key if by_key else None,
        "repo_public_key": draft.public_key if by_key else "",
        "github_repo_id": draft.github_repo_id,
        "github_installation_id": draft.github_installation_id,
    }


def _dependency_files(draft: Draft) -> tuple[str, ...]:
    if draft.dependency_files is not None:
        return draft.dependency_files
    chosen = preset(draft.preset)
    return chosen.dependency_files if chosen else runners.runner(draft.runner).dependency_files


async def _slug_taken(slug: str) -> bool:
    """A slug is also the hostname of production: both must be free on the whole server."""
    return await Project.exists(slug=slug) or await Alias.exists(label=slug)


@dataclass(frozen=True)
class Example:
    """A small app that comes with the platform, as a local bare repository."""

    slug: str
    title: str
    description: str
    runner: str
    source: str


def examples(world: World) -> list[Example]:
    """Those that `python devpush.py prepare` has made."""
    folder = world.settings.data_dir / "examples"
    return [
        Example(runner.slug, runner.example_title, runner.example_description, runner.slug, str(source))
        for runner in runners.runners().values()
        if (source := folder / f"{runner.slug}.git").is_dir()
    ]
