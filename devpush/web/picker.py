"""The page of a new project, and on it the repositories on GitHub that whoever asks may push to.

The page never waits for GitHub: it comes with the shape of a list, and asks for the list by itself.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, cast
from urllib.parse import urlencode

from quart import Blueprint, Response, current_app, request
from quart.typing import ResponseReturnValue

from devpush.deploy import connect, create, github
from devpush.errors import Unavailable
from devpush.models import Identity
from devpush.models.people import hash_token
from devpush.ports import App, GitHubAccount, GitHubRefused, GitHubRepository, Token, TokenRefused, World
from devpush.web.auth import may, me, this_team
from devpush.web.forms import answer, is_htmx, path_to, world

bp = Blueprint("picker", __name__)

PATIENCE = 8.0
"""Seconds until we say that GitHub is slow."""
KEPT = 60.0
"""Seconds that an answer of GitHub's is good for, so that searching and paging don't ask again."""
MOST_KEPT = 200
MOST_PAGES = 10
AT_ONCE = 3
ROWS = 10
LONGEST_SEARCH = 100
EPOCH = datetime.min.replace(tzinfo=UTC)

State = Literal["no_app", "connect", "reconnect", "waiting", "trouble", "nowhere", "suspended", "list"]


@dataclass(frozen=True, kw_only=True)
class Picker:
    """What is shown of GitHub on the page of a new project."""

    state: State
    url: str = ""
    """Where the list comes from, as it was asked for."""
    trouble: str = ""
    install_url: str = ""
    manage_url: str = ""
    """Where it is chosen on GitHub what our App may read."""
    accounts: Sequence[GitHubAccount] = ()
    account: GitHubAccount | None = None
    q: str = ""
    repositories: Sequence[GitHubRepository] = ()
    found: int = 0
    of: int = 0
    more_url: str = ""
    cut: bool = False
    """There were more than we read."""


@bp.get("/teams/<team_slug>/new/repositories")
@may("create_project")
async def repositories(team_slug: str) -> ResponseReturnValue:
    """The list; without JavaScript, the whole page with it."""
    picker = await _pick(_Asked.read(request.args))
    if is_htmx():
        return answer("projects/_picker.html", picker=picker)
    return await new_page(picker=picker)


async def new_page(
    form: Mapping[str, str] | None = None, errors: Mapping[str, str] | None = None, *, picker: Picker | None = None
) -> Response:
    """Where a new project begins, again with what was typed if it was refused."""
    form = {name: value for name, value in (form or {}).items() if name != "token"}
    return answer(
        "projects/new.html",
        status=422 if errors else 200,
        examples=create.examples(world()),
        picker=picker or await _before(form),
        form=form,
        errors=errors or {},
    )


def number(text: str) -> int:
    """An id of GitHub's, out of a form or an address; 0 is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0


# What is asked for


@dataclass(frozen=True)
class _Asked:
    installation: int = 0
    q: str = ""
    page: int = 1
    again: bool = False
    """Ask GitHub anew: somebody may just have come back from there."""

    @classmethod
    def read(cls, given: Mapping[str, str]) -> "_Asked":
        page = min(number(given.get("page", "")), MOST_PAGES * 100)
        q = given.get("q", "").strip()[:LONGEST_SEARCH]
        return cls(number(given.get("installation", "")), q, max(page, 1), bool(given.get("again")))

    def url(self, *, page: int = 0, again: bool = False) -> str:
        values = {"installation": self.installation or "", "q": self.q, "page": page or "", "again": again and 1}
        path = path_to("picker.repositories", team_slug=this_team().slug)
        query = urlencode({name: value for name, value in values.items() if value})
        return f"{path}?{query}" if query else path


async def _before(form: Mapping[str, str]) -> Picker:
    """What the page shows before GitHub was asked, from what we know ourselves."""
    if await github.app(world()) is None:
        return Picker(state="no_app")
    held = Identity.filter(user_id=me().id, provider=github.PROVIDER, access_token__isnull=False)
    if not await held.exists():
        return Picker(state="connect")
    return Picker(state="waiting", url=_Asked.read(form).url(again=True))


# What there is


async def _pick(asked: _Asked) -> Picker:
    app = await github.app(world())
    if app is None:
        return Picker(state="no_app")
    try:
        async with asyncio.timeout(PATIENCE):
            token = await github.user_token(world(), me())
            return await _found(app, token, asked) if token else Picker(state="connect")
    except TokenRefused:
        return Picker(state="reconnect")
    except (Unavailable, GitHubRefused, TimeoutError) as failure:
        return Picker(state="trouble", trouble=str(failure) or connect.SLOW, url=asked.url(page=asked.page, again=True))


async def _found(app: App, token: Token, asked: _Asked) -> Picker:
    theirs, here, listings = hash_token(token.value), world(), _listings()
    if asked.again:
        listings.forget(theirs)
    accounts = await listings.get((theirs, 0), lambda: here.github.accounts(token))
    shown = _shown(accounts, asked.installation)
    facts: dict[str, Any] = {"install_url": _install_url(app), "url": asked.url(), "q": asked.q}
    if shown is None:
        return Picker(state="nowhere", **facts)
    manage_url = github.installation_page(here, shown.installation, login=shown.login, type=shown.type)
    facts |= {"accounts": accounts, "account": shown, "manage_url": manage_url}
    if shown.suspended:
        return Picker(state="suspended", **facts)
    listing = await listings.get((theirs, shown.installation), lambda: read_all(here, token, shown.installation))
    found = [repository for repository in listing.repositories if _matches(repository, asked.q)]
    rows = asked.page * ROWS
    return Picker(
        state="list",
        repositories=found[:rows],
        found=len(found),
        of=len(listing.repositories),
        more_url=asked.url(page=asked.page + 1) if len(found) > rows else "",
        cut=listing.cut,
        **facts,
    )


def _shown(accounts: Sequence[GitHubAccount], installation: int) -> GitHubAccount | None:
    """The account asked for, or the first that works."""
    by_id = {account.installation: account for account in accounts}
    working = [account for account in accounts if not account.suspended]
    return by_id.get(installation) or next(iter(working or accounts), None)


def _matches(repository: GitHubRepository, q: str) -> bool:
    name = repository.full_name.lower()
    return all(word in name for word in q.lower().split())


def _install_url(app: App) -> str:
    """`state` comes back with them: the team they were in."""
    return f"{github.page(world(), app)}/installations/new?{urlencode({'state': this_team().slug})}"


# Asking GitHub, and keeping its answers a while


@dataclass(frozen=True)
class Listing:
    repositories: Sequence[GitHubRepository]
    """Those they may push to, the latest pushed first."""
    cut: bool


async def read_all(world: World, token: Token, installation: int) -> Listing:
    """Every page up to a bound: GitHub can't search among the repositories of an installation, so we do."""
    found: list[GitHubRepository] = []
    first, more = 1, True
    while more and first <= MOST_PAGES:
        numbers = range(first, min(first + (AT_ONCE if first > 1 else 1), MOST_PAGES + 1))
        pages = await asyncio.gather(*(world.github.repositories(token, installation, page=page) for page in numbers))
        found += [repository for page in pages for repository in page.items if repository.can_push]
        first, more = numbers.stop, all(page.more for page in pages)
    unique = {repository.id: repository for repository in found}.values()  # pages shift while they are read
    latest = sorted(unique, key=lambda one: one.full_name.lower())
    return Listing(sorted(latest, key=lambda one: one.pushed_at or EPOCH, reverse=True), more)


class Listings:
    """Answers by (whose token, installation; 0 is the list of accounts). Who asks meanwhile waits for the same answer,
    and it is read to its end though whoever asked has gone: "Try again" finds it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[tuple[str, int], tuple[float, asyncio.Task[Any]]] = OrderedDict()

    async def get(self, key: tuple[str, int], read: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        until, task = self._kept.get(key, (0.0, None))
        if task is None or (task.done() and (until < self._clock() or _failed(task))):
            task = asyncio.create_task(read())
            self._kept[key] = self._clock() + KEPT, task
        self._kept.move_to_end(key)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return await asyncio.shield(task)

    def forget(self, theirs: str) -> None:
        """What was answered to them; not what is being asked."""
        for key, (_, task) in list(self._kept.items()):
            if key[0] == theirs and task.done():
                del self._kept[key]

    def __len__(self) -> int:
        return len(self._kept)


def _failed(task: asyncio.Task[Any]) -> bool:
    return task.cancelled() or task.exception() is not None


def _listings() -> Listings:
    """This application's."""
    return cast(Listings, current_app.extensions.setdefault("listings", Listings()))
