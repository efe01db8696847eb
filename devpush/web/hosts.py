"""From an app's hostname to what is behind it, for who finds nothing live there and owns it."""

from uuid import UUID

from quart import Blueprint, Response, g

from devpush.errors import NotFound
from devpush.models import Alias, Domain
from devpush.web.auth import signed_in
from devpush.web.forms import redirect_to, world

bp = Blueprint("hosts", __name__)


@bp.get("/hosts/<hostname>")
@signed_in
async def show(hostname: str) -> Response:
    host, mine = hostname.lower().partition(":")[0], [team.id for team in g.teams]
    label, _, domain = host.partition(".")
    if "\0" in host:
        raise NotFound
    if domain != world().settings.deploy_domain:
        return await _custom(host, mine)
    found = Alias.get_or_none(label=label, project__team_id__in=mine, project__removing_at=None)
    alias = await found.select_related("project")
    if alias is None:
        raise NotFound
    slug, deployment_id = alias.project.slug, alias.deployment_id
    if deployment_id is None:
        return redirect_to("projects.overview", project_slug=slug)
    return redirect_to("deployments.show", project_slug=slug, deployment_id=deployment_id)


async def _custom(host: str, mine: list[UUID]) -> Response:
    """A custom domain that serves nothing now."""
    found = Domain.filter(held=host, project__team_id__in=mine, project__removing_at=None)
    domain = await found.select_related("project").first()
    if domain is None:
        raise NotFound
    return redirect_to("projects.overview", project_slug=domain.project.slug)
