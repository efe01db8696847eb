"""What a project's Git server told us, and what became of it."""

from uuid import UUID

from quart import Blueprint
from quart.typing import ResponseReturnValue

from devpush.deploy import push
from devpush.errors import NotFound, Refused
from devpush.models import Delivery
from devpush.models.reading import Page, plain
from devpush.web import webhooks
from devpush.web.activity import did
from devpush.web.auth import allowed, may, me, this_project
from devpush.web.forms import answer, flash, redirect_to, world
from devpush.web.query import asked_number

bp = Blueprint("deliveries", __name__)

ROWS = 25
SHOWN = ("id", "source", "event", "branch", "commit_sha", "commit_message", "verdict", "sentence", "created_at")
EVENTS = {"look": "request", "Push Hook": "push", "Tag Push Hook": "tag push", "repo:push": "push"}
"""What servers call otherwise than people."""
SOURCES = {
    "github": "GitHub",
    "gitlab": "GitLab",
    "gitea": "Gitea",
    "bitbucket": "Bitbucket",
    "plain": "Webhook",
    "poll": "Found by looking",
    "replay": "Replay",
}


@bp.get("/projects/<project_slug>/deliveries")
@may("view")
async def index(project_slug: str) -> ResponseReturnValue:
    return answer(
        "projects/deliveries.html",
        tab="settings",
        page=await _page(asked_number("page") or 1),
        may_deploy=allowed("deploy"),
        may_change=allowed("change_project"),
        sources=SOURCES,
        refused=webhooks.refused(this_project().id),
    )


@bp.post("/projects/<project_slug>/deliveries/<uuid:delivery_id>/replay")
@may("deploy")
async def replay(project_slug: str, delivery_id: UUID) -> ResponseReturnValue:
    """Deploy that push anew."""
    delivery = await Delivery.get_or_none(id=delivery_id, project_id=this_project().id)
    if delivery is None:
        raise NotFound
    try:
        deployment = await push.replay(world(), this_project(), delivery, by=me())
        await did("delivery.replayed", delivery.branch)
    except Refused as refused:
        flash("error", str(refused))
        return redirect_to("deliveries.index", project_slug=project_slug)
    return redirect_to("deployments.show", project_slug=project_slug, deployment_id=deployment.id)


async def _page(number: int) -> Page[dict[str, object]]:
    """Newest first."""
    found = Delivery.filter(project_id=this_project().id)
    total = await found.count()
    pages = max(1, -(-total // ROWS))
    number = min(max(number, 1), pages)
    window = found.order_by("-created_at", "id").offset((number - 1) * ROWS).limit(ROWS)
    rows = await window.values(*SHOWN, deployment_id="deployment__id", state="deployment__state")
    return Page([_row(row) for row in rows], number, pages, total)


def _row(row: dict[str, object]) -> dict[str, object]:
    texts = {name: plain(str(row[name])) for name in ("branch", "commit_message", "sentence", "event")}
    texts["event"] = EVENTS.get(texts["event"], texts["event"])
    return {**row, **texts, "replayable": bool(row["branch"] and row["commit_sha"])}
