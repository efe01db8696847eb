"""Search: jump to a team, a project, a deployment, a page, or do what is done often. The palette (Ctrl-K) asks for the
fragment; the page of its own needs no script."""

from collections.abc import Sequence
from dataclasses import dataclass

from quart import Blueprint, Response, g

from devpush.models import Project, Team, finding
from devpush.web.auth import allowed, enter, me, signed_in, this_project, this_team
from devpush.web.forms import answer, is_htmx, path_to
from devpush.web.query import asked

LONGEST = 100

bp = Blueprint("search", __name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Something to go to, or (`act`) to do."""

    word: str
    url: str
    icon: str = ""
    note: str = ""
    act: bool = False
    picture: tuple[str, Team | finding.FoundProject] | None = None
    deployment: finding.FoundDeployment | None = None


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    entries: Sequence[Entry]


@bp.get("/search")
@signed_in
async def index() -> Response:
    given = asked("q", "project", "team")
    q = given.get("q", "")[:LONGEST]
    here = await enter(project_slug=given.get("project", ""), team_slug=given.get("team", ""))
    groups = [group for group in await _groups(q, here) if group.entries]
    return answer("search/_found.html" if is_htmx() else "search/show.html", groups=groups, q=q)


async def _groups(q: str, here: bool) -> list[Group]:
    """What is nearest first."""
    teams = [team.id for team in g.teams]
    found = await finding.projects(q, teams, first=g.team.id if here else None)
    deployed = await finding.deployments(q, teams)
    around = [Group(this_project().name, _fitting(q, await _of_project(this_project())))] if g.get("project") else []
    return [
        *around,
        Group("Projects", [_project(project) for project in found]),
        Group("Deployments", [_deployment(deployment) for deployment in deployed]),
        Group("Teams", _fitting(q, [_team(team) for team in g.teams])),
        Group("Go to", _fitting(q, [*(_of_team(this_team()) if here else []), *_everywhere()])),
    ]


def _fitting(q: str, entries: Sequence[Entry]) -> list[Entry]:
    """Those that have every word."""
    words = q.lower().split()
    return [entry for entry in entries if all(word in f"{entry.word} {entry.note}".lower() for word in words)]


# What there is to go to, and to do


async def _of_project(project: Project) -> list[Entry]:
    def page(word: str, icon: str, endpoint: str, anchor: str = "", note: str = "") -> Entry:
        return Entry(word=word, icon=icon, note=note, url=path_to(endpoint, project_slug=project.slug, _anchor=anchor))

    pages = [
        page("Overview", "box", "projects.overview"),
        page("Deployments", "layers", "deployments.index"),
        page("Logs", "scroll-text", "logs.index"),
        page("Metrics", "activity", "metrics.index"),
    ]
    if allowed("change_project"):
        pages += [page("Settings", "settings", "projects.settings")]
        pages += [page(word, "settings", "projects.settings", anchor, "Settings") for anchor, word in SECTIONS.items()]
    return [*pages, *await _acts(project)]


SECTIONS = {
    "settings-environments": "Environments",
    "settings-variables": "Variables",
    "settings-domains": "Domains",
    "settings-build": "Build and deploy",
    "settings-resources": "Resources",
}
"""Of a project's settings, by their anchor."""


async def _acts(project: Project) -> list[Entry]:
    """What is done with production."""
    production = await finding.production(project.id)

    def path(endpoint: str, deployment: object) -> str:
        return path_to(endpoint, project_slug=project.slug, deployment_id=deployment)

    acts = []
    if current := production.current_id:
        word = f"Redeploy production ({current.hex[:7]})"
        acts.append(Entry(word=word, icon="rotate-cw", url=path("deployments.redeploy", current), act=True))
    if previous := production.previous_id:
        word = f"Roll back production to {previous.hex[:7]}…"
        acts.append(Entry(word=word, icon="undo-2", url=path("deployments.roll_back", previous)))
    return acts


def _project(project: finding.FoundProject) -> Entry:
    url = path_to("projects.overview", project_slug=project.slug)
    return Entry(word=project.name, note=project.team_name, url=url, picture=("project", project))


def _deployment(deployment: finding.FoundDeployment) -> Entry:
    url = path_to("deployments.show", project_slug=deployment.project_slug, deployment_id=deployment.id)
    return Entry(word=deployment.commit_message, note=deployment.project_name, url=url, deployment=deployment)


def _team(team: Team) -> Entry:
    return Entry(word=team.name, url=path_to("teams.overview", team_slug=team.slug), picture=("team", team))


def _of_team(team: Team) -> list[Entry]:
    def page(word: str, icon: str, endpoint: str, anchor: str = "") -> Entry:
        return Entry(word=word, icon=icon, note=team.name, url=path_to(endpoint, team_slug=team.slug, _anchor=anchor))

    return [
        page("New project", "plus", "new_project.new"),
        page("All projects", "box", "teams.projects"),
        page("Members", "users", "team_settings.show", "settings-members"),
        page("Team settings", "settings", "team_settings.show"),
    ]


def _everywhere() -> list[Entry]:
    operator = [Entry(word="Server", icon="server", url=path_to("operator.show"))] if me().is_operator else []
    return [
        Entry(word="Account", icon="user", url=path_to("account.show")),
        Entry(word="Invitations", icon="mail", url=path_to("invitations.index")),
        Entry(word="New team", icon="plus", url=path_to("teams.new")),
        *operator,
    ]
