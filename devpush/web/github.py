"""Where GitHub sends people back to after they have installed our App, or have asked for it."""

from quart import Blueprint, Response, g, request

from devpush.deploy import github
from devpush.errors import Unavailable
from devpush.models import Team
from devpush.ports import GitHubAccount, GitHubRefused, TokenRefused
from devpush.web.auth import me, signed_in
from devpush.web.forms import answer, flash, redirect_to, world
from devpush.web.picker import number

bp = Blueprint("github", __name__)


@bp.get("/api/github/install/callback")
@signed_in
async def installed() -> Response:
    """Anybody can write any number into this address: what counts is what GitHub shows to this very user. What is
    kept is what GitHub says, so coming here twice, or by somebody's trick, does no harm."""
    if request.args.get("setup_action") == "request":
        return _say(
            "Your organization must agree",
            "You asked for the App to be installed. An owner of the organization on GitHub approves it; "
            "its repositories are here as soon as they have.",
        )
    installation = number(request.args.get("installation_id", ""))
    if not installation:
        return _say("There is nothing to finish here", "GitHub sends people here after they installed the App.", 400)
    try:
        token = await github.user_token(world(), me())
        if token is None:
            return _connect_first()
        accounts = await world().github.accounts(token)
    except TokenRefused:
        await github.forget_user_token(me())
        return _connect_first()
    except (GitHubRefused, Unavailable) as error:
        return _say("GitHub can't be asked now", f"{error} The App is installed; reload this page in a moment.", 503)
    account = next((account for account in accounts if account.installation == installation), None)
    return await _welcome(account) if account else _not_theirs()


async def _welcome(account: GitHubAccount) -> Response:
    await github.remember_installation(world(), account)
    team = _team()
    if team is None:
        return redirect_to("home.index")
    flash("success", f"The App is installed on {account.login}. Choose a repository.")
    return redirect_to("new_project.new", team_slug=team.slug, installation=account.installation)


def _team() -> Team | None:
    """The one that `state` names, if it is theirs: the picker gives it along. Else the one they are in longest."""
    teams: list[Team] = g.teams
    named = [team for team in teams if team.slug == request.args.get("state")]
    return next(iter(named or teams), None)


def _not_theirs() -> Response:
    return _say(
        "This installation isn't yours",
        "GitHub doesn't show it to your account there, so nothing was changed. If you installed the App with another "
        "account, connect that one first. If you did it just now, reload this page in a moment.",
        403,
    )


def _connect_first() -> Response:
    """Who they are on GitHub isn't known here: they show that, and come back."""
    return answer("auth/connect.html", status=200, following=request.full_path.rstrip("?"))


def _say(heading: str, message: str, status: int = 200) -> Response:
    return answer(
        "auth/trouble.html", status=status, heading=heading, message=message, back=("/", "Go to the overview")
    )
