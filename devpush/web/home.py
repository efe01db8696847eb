"""The front door: to the team one was in last, to make one, or to sign in."""

from quart import Blueprint, Response, g, request

from devpush.deploy import membership
from devpush.models import Team
from devpush.models.people import SESSION_LIFE
from devpush.web.auth import me
from devpush.web.forms import answer, redirect_to, world
from devpush.web.session import cookie_name, put_cookie

bp = Blueprint("home", __name__)

COOKIE = "devpush_team"


@bp.get("/")
async def index() -> Response:
    if g.visit is None:
        return redirect_to("auth.sign_in")
    if not g.teams:
        return answer("teams/none.html", invitations=await membership.waiting_for(me()))
    return redirect_to("teams.overview", team_slug=_last_team().slug)


def _last_team() -> Team:
    """Of this browser; else the oldest."""
    last = request.cookies.get(cookie_name(world().settings, COOKIE), "")
    teams: list[Team] = g.teams
    return next((team for team in teams if str(team.id) == last), teams[0])


@bp.after_app_request
async def remember_team(response: Response) -> Response:
    """Only pages count, and only when it is another team than before: most answers carry no cookie."""
    team: Team | None = g.get("team")
    if team and response.status_code == 200 and response.mimetype == "text/html":
        name = cookie_name(world().settings, COOKIE)
        if request.cookies.get(name) != str(team.id):
            put_cookie(response, COOKIE, str(team.id), life=SESSION_LIFE)
    return response
