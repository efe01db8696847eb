"""Who may do what: one table, one mark a handler, and one hook that asks before any handler runs.

A route is either in PUBLIC or its handler is marked with `may`, `signed_in` or `operator`: the process refuses to start
with any other.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, cast
from urllib.parse import urlsplit

from quart import Quart, Response, current_app, g, request

from devpush.errors import Forbidden, NotFound
from devpush.models import Project, Role, Team, User
from devpush.models.database import fetch
from devpush.web import session
from devpush.web.forms import is_htmx, path_to, same_site

MAY: Mapping[str, Role] = {
    "view": Role.member,
    "deploy": Role.member,
    "create_project": Role.member,
    "change_project": Role.admin,
    "remove_project": Role.admin,
    "leave_team": Role.member,
    "change_team": Role.admin,
    "manage_members": Role.admin,
    "view_audit": Role.admin,
    "remove_team": Role.owner,
}
"""Action → the least role in the team that may do it."""

MAKER_MAY = frozenset({"change_project"})
"""So may whoever made the project, whatever their role."""

PUBLIC = frozenset(
    {
        "assets.file",
        "auth.follow_link",
        "auth.link",
        "auth.send_link",
        "auth.sign_in",
        "health.health",
        "health.ready",
        "home.index",
        "metrics.prometheus",
        "oauth.begin",
        "oauth.github",
        "oauth.github_authorized",
        "oauth.google",
        "webhooks.github",
        "webhooks.project",
    }
)
"""Endpoints that answer anybody. Each one is a decision."""

SIGNED_IN = "be signed in"
OPERATE = "operate the server"

FIND_PROJECT = "SELECT * FROM project WHERE slug = $1 AND team_id = ANY($2) AND removing_at IS NULL"

View = TypeVar("View", bound=Callable[..., Any])
_asks: dict[Callable[..., Any], str] = {}


def may(action: str) -> Callable[[View], View]:
    """Mark a handler: whoever asks needs this right in the team that the URL names."""
    if action not in MAY:
        raise ValueError(f"{action} is not in MAY.")

    def mark(view: View) -> View:
        _asks[view] = action
        return view

    return mark


def signed_in(view: View) -> View:
    """Mark a handler that concerns nobody but the one who asks."""
    _asks[view] = SIGNED_IN
    return view


def operator(view: View) -> View:
    """Mark a handler that concerns the whole server: only its operator may."""
    _asks[view] = OPERATE
    return view


# What handlers ask


def me() -> User:
    return cast(User, g.me)


def this_team() -> Team:
    return cast(Team, g.team)


def this_project() -> Project:
    return cast(Project, g.project)


def my_role() -> Role:
    return cast(Role, g.role)


def allowed(action: str) -> bool:
    """Whether they may do this as well, here."""
    return _permits(action, _Place(this_team(), my_role(), g.get("project")), me())


async def enter(**url: str) -> bool:
    """Stand where such a URL would lead, if that is theirs to see: for pages whose own URL names no place."""
    place = await _find_place(g.visit, url)
    if place is None:
        return False
    _stand(place)
    return True


Standing = Literal["may", "gone", "signed out"]
ASK_AGAIN = 4.0
"""Streams and downloads outlive the right to see them by no more than this, and its queries."""


@dataclass(frozen=True, slots=True)
class Permission:
    """What one session may do at one place."""

    token: str = field(repr=False)
    action: str
    url: tuple[tuple[str, Any], ...]

    async def standing(self) -> Standing:
        visit = await session.find(self.token)
        if visit is None:
            return "signed out"
        if self.action == SIGNED_IN:
            return "may"
        place = await _find_place(visit, dict(self.url))
        return "may" if place and _permits(self.action, place, visit.user) else "gone"


def permission() -> Permission:
    """What streams ask again and again, long after the request: is this still theirs to see?"""
    return Permission(g.visit.token, _action(), tuple((request.view_args or {}).items()))


# What runs before every handler


async def ask_to_sign_in() -> Response | None:
    """Whoever isn't signed in goes and does that first."""
    if g.visit or request.url_rule is None or request.endpoint in PUBLIC:
        return None
    if request.method in ("GET", "HEAD") and not _by_script():
        return Response("", 303, {"Location": _sign_in_path(request.full_path.rstrip("?"))})
    here = urlsplit(request.headers.get("HX-Current-URL", ""))
    path = _sign_in_path(f"{here.path}?{here.query}".rstrip("?"))
    if _by_script():
        return Response("", 401, {"HX-Redirect": path})
    return Response("", 303, {"Location": path})


async def guard() -> None:
    """Find the team or project of the URL, and whether they may. A stranger learns nothing: theirs or not at all."""
    if request.url_rule is None or request.endpoint in PUBLIC:
        return
    action = _action()
    if action == SIGNED_IN:
        return
    if action == OPERATE:
        if not g.me.is_operator:
            raise NotFound
        return
    place = await _find_place(g.visit, request.view_args or {})
    if place is None:
        raise NotFound
    _stand(place)
    if not _permits(action, place, g.me):
        raise Forbidden(f"This takes the role of {MAY[action]} in {place.team.name}.")


def refuse_forgotten(app: Quart) -> None:
    """At start: every route is public by decision, or guarded; and what guards it can be found in its URL."""
    for rule in app.url_map.iter_rules():
        action = _asks.get(app.view_functions[rule.endpoint])
        if (rule.endpoint in PUBLIC) == (action is not None):
            raise RuntimeError(
                f"{rule.endpoint} must be either in PUBLIC or marked with may(…), signed_in or operator."
            )
        if action in MAY and not rule.arguments & {"team_slug", "project_slug"}:
            raise RuntimeError(f"{rule.endpoint} asks for {action}, but its URL names neither team nor project.")


@dataclass(frozen=True, slots=True)
class _Place:
    team: Team
    role: Role
    project: Project | None


def _stand(place: _Place) -> None:
    g.team, g.role, g.project = place.team, place.role, place.project


async def _find_place(visit: session.Visit, url: Mapping[str, Any]) -> _Place | None:
    """The team or project that the URL names, if they are in it."""
    if slug := url.get("project_slug"):
        return await _find_project(visit, slug)
    for membership in visit.memberships:
        if membership.team.slug == url.get("team_slug"):
            return _Place(membership.team, membership.role, None)
    return None


async def _find_project(visit: session.Visit, slug: str) -> _Place | None:
    by_team = {membership.team.id: membership for membership in visit.memberships}
    if "\0" in slug:
        return None  # PostgreSQL knows no such text
    rows = await fetch(FIND_PROJECT, slug, list(by_team))
    if not rows:
        return None
    project = Project._init_from_db(**rows[0])  # as Tortoise does it; its own query costs three times as much
    membership = by_team[project.team_id]
    return _Place(membership.team, membership.role, project)


def _permits(action: str, place: _Place, user: User) -> bool:
    if place.role.rank >= MAY[action].rank:
        return True
    made_by = place.project and place.project.created_by_id
    return action in MAKER_MAY and made_by is not None and made_by == user.id


def _action() -> str:
    return _asks[current_app.view_functions[cast(str, request.endpoint)]]


def _by_script() -> bool:
    """htmx, a stream, fetch: they would take the sign-in page for the answer."""
    return (
        is_htmx()
        or request.headers.get("Sec-Fetch-Mode", "navigate") != "navigate"
        or request.accept_mimetypes.best == "text/event-stream"
    )


def _sign_in_path(after: str) -> str:
    following = same_site(after)
    return path_to("auth.sign_in", next=following) if following not in ("", "/") else path_to("auth.sign_in")
