"""Teams: a new one; its projects and what was deployed last."""

from quart import Blueprint, Response, request

from devpush.deploy import membership
from devpush.errors import Refused
from devpush.models import Project, reading, rules
from devpush.web.activity import did
from devpush.web.addresses import app_urls
from devpush.web.auth import may, me, signed_in, this_team
from devpush.web.forms import answer, flash, read_form, redirect_to, refusal, world
from devpush.web.query import asked_number

RECENT = 6
LONGEST_SEARCH = 200
MOST_IN_MENU = 100

bp = Blueprint("teams", __name__)


@bp.get("/teams/new")
@signed_in
async def new() -> Response:
    return answer("teams/new.html", form={}, errors={})


@bp.post("/teams")
@signed_in
async def create() -> Response:
    form = await read_form()
    try:
        team = await membership.found(world(), me(), rules.project_name(form.text("name", limit=400)))
    except Refused as error:
        return answer("teams/new.html", status=422, form=form.values, errors=refusal(error))
    await did("team.created", team.name, team=team)
    flash("success", f"{team.name} is there. Invite those you work with.")
    return redirect_to("team_settings.show", team_slug=team.slug, _anchor="settings-members")


@bp.get("/teams/<team_slug>")
@may("view")
async def overview(team_slug: str) -> Response:
    url, team_id = app_urls(), this_team().id
    projects = await reading.project_cards(team_id, url=url, limit=RECENT)
    deployments = await reading.latest_deployments(team_id=team_id, url=url)
    return answer("teams/overview.html", tab="overview", projects=projects, deployments=deployments)


@bp.get("/teams/<team_slug>/projects")
@may("view")
async def projects(team_slug: str) -> Response:
    q = request.args.get("q", "").replace("\0", "").strip()[:LONGEST_SEARCH]
    page = await reading.projects_page(this_team().id, q, asked_number("page") or 1, url=app_urls())
    return answer("teams/projects.html", tab="projects", page=page, projects=page.items, q=q)


@bp.get("/teams/<team_slug>/projects/menu")
@may("view")
async def project_menu(team_slug: str) -> Response:
    """The first of them by name. Where there are more, the palette finds them."""
    found = Project.filter(team=this_team(), removing_at=None).order_by("name", "slug").limit(MOST_IN_MENU + 1)
    names = await found.values("name", "slug")
    return answer("teams/_project_menu.html", projects=names[:MOST_IN_MENU], more=len(names) > MOST_IN_MENU)
