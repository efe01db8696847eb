"""The environment variables that an app and its builds see."""

import json
from uuid import UUID

from devpush.deploy.lines import Secrets, secrets_of
from devpush.models import Alias, AliasKind, Deployment, Project, Variable
from devpush.ports import APP_PORT
from devpush.settings import Settings


async def snapshot(project: Project, environment_id: UUID) -> str:
    """The tenant's variables for an environment as JSON; the environment's own win over those for all."""
    rows = await Variable.filter(project_id=project.id).order_by("key")
    chosen = {row.key: row.value for row in rows if row.environment_id is None}
    chosen |= {row.key: row.value for row in rows if row.environment_id == environment_id}
    return json.dumps(chosen, ensure_ascii=False)


def tenants(deployment: Deployment) -> dict[str, str]:
    """The tenant's own, from the deployment's snapshot."""
    variables: dict[str, str] = json.loads(deployment.variables)
    return variables


def secrets(deployment: Deployment) -> Secrets:
    """What must not be seen of them in its log."""
    return secrets_of(tenants(deployment).values())


def building(deployment: Deployment) -> dict[str, str]:
    """What install and build commands see. Nothing of the commit or the deployment: equal inputs, equal image."""
    environment = deployment.environment
    return tenants(deployment) | {
        "PORT": str(APP_PORT),
        "DEVPUSH": "true",
        "DEVPUSH_TEAM_ID": str(deployment.project.team_id),
        "DEVPUSH_PROJECT_ID": str(deployment.project.id),
        "DEVPUSH_ENVIRONMENT": environment.slug if environment else "",
    }


async def running(settings: Settings, deployment: Deployment) -> dict[str, str]:
    """What the app and its pre-deploy command see."""
    host = await _hostname(settings, deployment)
    return building(deployment) | {
        "DEVPUSH_URL": settings.app_url(host) if host else "",
        "DEVPUSH_DOMAIN": host,
        "DEVPUSH_DEPLOYMENT_ID": str(deployment.id),
        "DEVPUSH_GIT_PROVIDER": "git",
        "DEVPUSH_GIT_REPO": deployment.project.repo_url,
        "DEVPUSH_GIT_REF": deployment.branch,
        "DEVPUSH_GIT_COMMIT_SHA": deployment.commit_sha,
        "DEVPUSH_GIT_COMMIT_AUTHOR": deployment.commit_author.replace("\0", ""),
        "DEVPUSH_GIT_COMMIT_MESSAGE": deployment.commit_message.replace("\0", ""),
    }


async def _hostname(settings: Settings, deployment: Deployment) -> str:
    """The hostname of the environment it is for."""
    alias = await Alias.get_or_none(
        project_id=deployment.project.id,
        environment_id=deployment.environment_id,
        kind__in=(AliasKind.production, AliasKind.environment),
    )
    return f"{alias.label}.{settings.deploy_domain}" if alias else ""
