"""The front door: to one's own team, or to sign in."""

from quart import Blueprint, Response, g

from devpush.web.forms import answer, redirect_to

bp = Blueprint("home", __name__)


@bp.get("/")
async def index() -> Response:
    if g.visit is None:
        return redirect_to("auth.sign_in")
    if not g.teams:
        return answer("errors/sentence.html", heading="You are in no team", message="Ask a team's owner to invite you.")
    return redirect_to("teams.overview", team_slug=g.teams[0].slug)
