"""What the settings show of a project's repository: where it is, what opens it, and how pushes come from there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeAlias
from urllib.parse import urlsplit

from devpush.deploy import github
from devpush.models import Project, reading, rules
from devpush.web.forms import path_to, world

Kind: TypeAlias = Literal["github", "local", "https", "ssh"]
"""`github` is connected by our App; the others are opened by nothing, a token, or a key of ours."""
LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True)
class Hook:
    """The project's own webhook."""

    url: str
    has_secret: bool
    unreachable: bool
    """Git servers elsewhere don't get to us: the dashboard's address is this machine's own name for itself."""


@dataclass(frozen=True)
class Account:
    """Where on GitHub our App is installed, for a project that is connected by it."""

    login: str
    suspended: bool
    url: str
    """Where people set the installation up."""

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Self | None:
        """From a row of github_installation, if there is one."""
        id, login = record["installation"], record["account_login"]
        if id is None:
            return None
        url = github.installation_page(world(), id, login=login, type=record["account_type"])
        return cls(login, record["suspended_at"] is not None, url)


@dataclass(frozen=True)
class RepositoryCard:
    kind: Kind
    name: str
    """github.com/ada/engine"""
    link: str
    """Where a person can look at it; "" if we can't tell."""
    trouble: str
    told: bool
    """Whether GitHub can reach us."""
    account: Account | None
    """None, too, where the App is no longer installed."""
    token_kept: bool
    public_key: str
    hook: Hook


def repository_card(project: Project, account: Account | None) -> RepositoryCard:
    return RepositoryCard(
        kind=_kind(project),
        name=reading.repository_name(project.repo_url, local=project.repo_local),
        link=_link(project),
        trouble=project.repo_trouble,
        told=github.reaches_us(world().settings),
        account=account,
        token_kept=bool(project.repo_token),
        public_key=project.repo_public_key,
        hook=_hook(project),
    )


def repository_form(project: Project) -> dict[str, object]:
    """What the fields hold before anybody has typed. The token is in no page."""
    typed_before = not project.repo_local and not project.github_repo_id
    return {
        "url": project.repo_url if typed_before else "",
        "username": project.repo_username if typed_before else "",
    }


def pushes_form(project: Project) -> dict[str, object]:
    return {
        "polled": project.polled,
        "watch_paths": "\n".join(project.watch_paths),
        "skip_by_message": project.skip_by_message,
    }


def _kind(project: Project) -> Kind:
    if project.github_repo_id:
        return "github"
    if project.repo_local:
        return "local"
    return "ssh" if rules.is_ssh(project.repo_url) else "https"


def _link(project: Project) -> str:
    https = not project.repo_local and project.repo_url.startswith("https://")
    return project.repo_url.removesuffix(".git") if https else ""


def _hook(project: Project) -> Hook:
    base = world().settings.dashboard_url
    host = urlsplit(base).hostname or ""
    return Hook(
        url=base + path_to("webhooks.project", hook_id=project.hook_id),
        has_secret=project.hook_secret is not None,
        unreachable=host in LOCAL_NAMES or host.endswith(".localhost"),
    )
