"""Who appears in the tests: Alice owns a team, Bob is on it, Carol is a stranger with a team of her own."""

import json
from collections.abc import Mapping
from itertools import count
from typing import Any

from devpush.models import Deployment, Domain, Environment, GitHubApp, Member, Project, Role, State, Team, User
from devpush.models.deployment import next_act
from devpush.models.project import PRODUCTION

COMMIT = "c0ffee" + "0" * 34
_numbers = count(1)


async def alice() -> User:
    """Owns her team."""
    return await User.with_email("alice@example.com")


async def bob() -> User:
    """A member of Alice's team, and owner of one of his own."""
    user = await User.with_email("bob@example.com")
    await Member.get_or_create(team=await team_of(await alice()), user=user, defaults={"role": Role.member})
    return user


async def carol() -> User:
    """Shares nothing with the others."""
    return await User.with_email("carol@example.com")


async def team_of(user: User) -> Team:
    """The team they own."""
    member = await Member.filter(user=user, role=Role.owner).order_by("created_at").first()
    assert member, f"{user.email} owns no team"
    return await Team.get(id=member.team_id)


async def project(owner: User | None = None, **facts: Any) -> Project:
    """A Python project of Alice's (or `owner`'s) team, with its production environment on main."""
    owner = owner or await alice()
    number = next(_numbers)
    made = await Project.create(
        **{
            "team": await team_of(owner),
            "created_by": owner,
            "slug": f"shop-{number}",
            "name": f"Shop {number}",
            "repo_url": f"https://git.example.com/shop-{number}.git",
            "preset": "flask",
            "runner": "python-3.11",
            "start": "python main.py",
            "cpu_quota": 100_000,
            "memory_mb": 256,
            **facts,
        }
    )
    await environment(made, PRODUCTION, branch="main")
    return made


async def environment(project: Project, slug: str, *, branch: str, **facts: Any) -> Environment:
    position = await Environment.filter(project=project).count()
    return await Environment.create(
        **{
            "project": project,
            "name": slug.title(),
            "slug": slug,
            "branch": branch,
            "position": position,
            **facts,
        }
    )


async def github_app() -> GitHubApp:
    """The installation's own, as the manifest flow leaves it."""
    return await GitHubApp.create(
        app_id=7,
        slug="ours",
        name="Ours",
        client_id="Iv1.ours",
        client_secret="a client secret",
        private_key="a private key",
        webhook_secret="a webhook secret",
    )


async def domain(project: Project, hostname: str = "www.example.com", **facts: Any) -> Domain:
    """A custom domain of its production, entered by Alice a moment ago."""
    return await Domain.create(
        **{
            "project": project,
            "environment": None if facts.get("redirect_to") else await production(project),
            "hostname": hostname,
            **facts,
        }
    )


async def production(project: Project) -> Environment:
    return await Environment.get(project=project, slug=PRODUCTION)


async def deployment(
    project: Project, *, state: State = State.queued, variables: Mapping[str, str] | None = None, **facts: Any
) -> Deployment:
    """A deployment of production (or the `environment` given), in any state."""
    made = await Deployment.create(
        **{
            "number": await next_act(),
            "project": project,
            "environment": facts.get("environment") or await production(project),
            "branch": "main",
            "commit_sha": COMMIT,
            "commit_message": "Change it",
            "commit_author": "Alice",
            "config": project.config(),
            "variables": json.dumps(variables or {}),
            "state": state,
            **facts,
        }
    )
    await Project.filter(id=project.id).update(active_at=made.created_at)
    return made
