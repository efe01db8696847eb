"""What Git servers say in their webhooks, as far as we listen: pure, and the only place that knows their formats.

Whatever comes in, a parser gives back facts of bounded size, or raises Garbled.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeAlias
from urllib.parse import parse_qs

from devpush.errors import Refused
from devpush.models import rules

MOST_PARTS = 500_000
"""Values of one payload: 25 MB of `[],[],[]` would be a gigabyte of objects."""
MOST_FACTS = 50
MOST_PATHS = 2_000
LONGEST_PATH = 500
LONGEST_MESSAGE = 10_000
LONGEST_NAME = 255
LARGEST_ID = 2**63 - 1
GITHUB_LISTS = 2_048
"""Commits at most, the newest left out."""

SHA = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
FULL_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}")
LOGIN = re.compile(r"[A-Za-z0-9_.-]{1,100}")
NOT_TEXT = re.compile("[\0\ud800-\udfff]")
"""What PostgreSQL can't keep."""

Payload: TypeAlias = Mapping[str, Any]


class Garbled(Exception):
    """The payload isn't what such a server sends; the text is a sentence for whoever set the webhook up."""


# What we make of it


@dataclass(frozen=True)
class Push:
    """A branch was moved to another commit."""

    branch: str
    sha: str
    before: str = ""
    """Where the branch was; "" if it is new, or nobody says."""
    message: str = ""
    author: str = ""
    pushed_at: int | None = None
    """Seconds since 1970, where the server tells: later pushes to the repository have no smaller one."""
    changed: tuple[str, ...] | None = None
    """Every path that differs from `before`; None if that isn't told, or not wholly."""
    repository: int | None = None
    """GitHub's ids."""
    installation: int | None = None


@dataclass(frozen=True)
class NotAPush:
    """Something happened to a ref that deploys nothing: a tag, a branch that was deleted."""

    branch: str
    sentence: str
    repository: int | None = None
    installation: int | None = None


@dataclass(frozen=True)
class Look:
    """Something was pushed, and we must ask the server what: to this branch, or anywhere."""

    branch: str = ""
    sha: str = ""


@dataclass(frozen=True)
class Installed:
    """Our App in an account: created, deleted, suspend, unsuspend, renamed (the account)."""

    action: str
    installation: int
    account: int
    login: str
    type: str = "User"
    suspended: bool = False
    before: str = ""
    """The login it had."""


@dataclass(frozen=True)
class Access:
    """The App was let into repositories (added), or shut out of them (removed)."""

    action: str
    installation: int
    repositories: tuple[int, ...]


@dataclass(frozen=True)
class Changed:
    """A repository was renamed, transferred, deleted, privatized, publicized, or has another default_branch."""

    action: str
    repository: int
    full_name: str
    before: str = ""
    """What of it was otherwise: its name, its owner, its default branch."""
    default_branch: str = ""
    installation: int | None = None


@dataclass(frozen=True)
class Revoked:
    """A user took back what our App may do in their name."""

    account: int


Fact: TypeAlias = Push | NotAPush | Look | Installed | Access | Changed | Revoked
KINDS: Mapping[str, Any] = {kind.__name__: kind for kind in (Push, NotAPush, Look, Installed, Access, Changed, Revoked)}
Facts: TypeAlias = tuple[Fact, ...]
Parser: TypeAlias = Callable[[str, Payload], Facts]
"""From an event and its payload."""


def keep(facts: Iterable[Fact]) -> dict[str, Any]:
    """As a row keeps them."""
    return {"facts": [{"kind": type(fact).__name__, **asdict(fact)} for fact in facts]}


def kept(stored: Payload) -> Facts:
    """From a row; what a later version wrote and this one doesn't know is left out."""
    return tuple(_kept(fact) for fact in stored.get("facts", ()) if fact.get("kind") in KINDS)


def _kept(stored: Payload) -> Fact:
    kind = KINDS[stored["kind"]]
    values = {name: stored[name] for name in (field.name for field in fields(kind)) if name in stored}
    fact: Fact = kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})
    return fact


# From bytes


def read(body: bytes, *, form: bool = False) -> Payload:
    """The JSON of a body, or of its form field `payload`."""
    if sum(body.count(part) for part in (b",", b"[", b"{")) > MOST_PARTS:
        raise Garbled("The payload has too many parts.")
    try:
        text = _form_field(body) if form else body
        payload = json.loads(text)
    except (ValueError, RecursionError):
        raise Garbled("The payload is no JSON.") from None
    return _mapping(payload)


def _form_field(body: bytes) -> str:
    found = parse_qs(body.decode(), max_num_fields=20).get("payload")
    if not found:
        raise Garbled("The form has no field “payload”.")
    return found[0]


# GitHub


def github(event: str, payload: Payload) -> Facts:
    """What GitHub tells; () for an event that doesn't concern us."""
    parser = GITHUB.get(event)
    return parser(payload) if parser else ()


def _github_push(payload: Payload) -> Facts:
    repository = _of(payload, "repository")
    head = _of(payload, "head_commit")
    where = {"repository": _number(repository, "id"), "installation": _installation(payload)}
    ref, after = _text(payload, "ref"), _text(payload, "after")
    if no_push := _no_push(ref, after, **where):
        return (no_push,)
    whole = not payload.get("created") and not payload.get("forced")
    commits = _list(payload, "commits")
    return (
        Push(
            branch=_branch(ref),
            sha=_sha(after),
            before=_known_sha(payload, "before"),
            message=_text(head, "message", LONGEST_MESSAGE),
            author=_text(_of(head, "author"), "name", LONGEST_NAME),
            pushed_at=_number(repository, "pushed_at"),
            changed=_changed(commits, after) if whole and len(commits) < GITHUB_LISTS else None,
            **where,
        ),
    )


def _github_installation(payload: Payload) -> Facts:
    action = _text(payload, "action")
    if action not in ("created", "deleted", "suspend", "unsuspend", "new_permissions_accepted"):
        return ()
    return (_installed(action, payload, _of(_of(payload, "installation"), "account")),)


def _github_target(payload: Payload) -> Facts:
    """An account that has our App was renamed."""
    if _text(payload, "action") != "renamed":
        return ()
    before = _text(_of(_of(payload, "changes"), "login"), "from")
    return (_installed("renamed", payload, _of(payload, "account"), before=_login(before)),)


def _installed(action: str, payload: Payload, account: Payload, *, before: str = "") -> Installed:
    return Installed(
        action=action,
        installation=_id(_of(payload, "installation")),
        account=_id(account),
        login=_login(_text(account, "login")),
        type="Organization" if _text(account, "type") == "Organization" else "User",
        suspended=action == "suspend" or bool(_of(payload, "installation").get("suspended_at")),
        before=before,
    )


def _github_access(payload: Payload) -> Facts:
    installation = _id(_of(payload, "installation"))
    facts = []
    for action in ("added", "removed"):
        listed = _list(payload, f"repositories_{action}")
        ids = tuple(dict.fromkeys(_id(_mapping(one)) for one in listed))
        facts += [
            Access(action, installation, ids[start : start + MOST_PATHS]) for start in range(0, len(ids), MOST_PATHS)
        ]
    return tuple(facts[:MOST_FACTS])


def _github_repository(payload: Payload) -> Facts:
    action, changes, repository = _text(payload, "action"), _of(payload, "changes"), _of(payload, "repository")
    if action == "edited" and "default_branch" in changes:
        action = "default_branch"
    if action not in BEFORE:
        return ()
    full_name = _text(repository, "full_name")
    if not FULL_NAME.fullmatch(full_name):
        raise Garbled("The payload names no repository.")
    return (
        Changed(
            action=action,
            repository=_id(repository),
            full_name=full_name,
            before=BEFORE[action](changes),
            default_branch=_text(repository, "default_branch", LONGEST_NAME),
            installation=_installation(payload),
        ),
    )


def _owner_before(changes: Payload) -> str:
    owner = _of(_of(changes, "owner"), "from")
    return _text(_of(owner, "user") or _of(owner, "organization"), "login", LONGEST_NAME)


BEFORE: Mapping[str, Callable[[Payload], str]] = {
    "renamed": lambda changes: _text(_of(_of(changes, "repository"), "name"), "from", LONGEST_NAME),
    "transferred": _owner_before,
    "default_branch": lambda changes: _text(_of(changes, "default_branch"), "from", LONGEST_NAME),
    "deleted": lambda _: "",
    "privatized": lambda _: "",
    "publicized": lambda _: "",
}
"""What of a repository's past each action tells."""


def _github_authorization(payload: Payload) -> Facts:
    return (Revoked(_id(_of(payload, "sender"))),) if _text(payload, "action") == "revoked" else ()


GITHUB: Mapping[str, Callable[[Payload], Facts]] = {
    "push": _github_push,
    "installation": _github_installation,
    "installation_target": _github_target,
    "installation_repositories": _github_access,
    "repository": _github_repository,
    "github_app_authorization": _github_authorization,
}


# The others, each by the webhook of one project


def github_hook(event: str, payload: Payload) -> Facts:
    """A repository's own webhook on GitHub: only pushes are its business."""
    return _github_push(payload) if event == "push" else ()


def gitlab(event: str, payload: Payload) -> Facts:
    if event not in ("Push Hook", "Tag Push Hook", "System Hook"):
        return ()
    if event == "System Hook" and _text(payload, "object_kind") not in ("push", "tag_push"):
        return ()
    ref, after = _text(payload, "ref"), _text(payload, "after")
    if no_push := _no_push(ref, after):
        return (no_push,)
    commits, before = _list(payload, "commits"), _known_sha(payload, "before")
    whole = before and _number(payload, "total_commits_count") == len(commits)
    return (_listed(_branch(ref), _sha(after), before, commits, {}, whole=bool(whole)),)


def gitea(event: str, payload: Payload) -> Facts:
    """Gitea, Forgejo and Gogs."""
    if event != "push":
        return ()
    ref, after = _text(payload, "ref"), _text(payload, "after")
    if no_push := _no_push(ref, after):
        return (no_push,)
    commits, before = _list(payload, "commits"), _known_sha(payload, "before")
    whole = before and _number(payload, "total_commits") == len(commits)
    return (_listed(_branch(ref), _sha(after), before, commits, _of(payload, "head_commit"), whole=bool(whole)),)


def bitbucket(event: str, payload: Payload) -> Facts:
    """Bitbucket Cloud, and Bitbucket Data Center, which doesn't tell the commits."""
    if event == "repo:push":
        changes = _list(_of(payload, "push"), "changes")
        return tuple(_cloud(_mapping(change)) for change in changes[:MOST_FACTS])
    if event == "repo:refs_changed":
        return tuple(_data_center(_mapping(change)) for change in _list(payload, "changes")[:MOST_FACTS])
    return ()


def _cloud(change: Payload) -> Fact:
    new, old = _of(change, "new"), _of(change, "old")
    folder = "heads" if _text(new or old, "type") in ("branch", "named_branch") else "tags"
    ref = f"refs/{folder}/{_text(new or old, 'name')}"
    target = _of(new, "target")
    if no_push := _no_push(ref, _text(target, "hash") if new else ""):
        return no_push
    author = _of(target, "author")
    return Push(
        branch=_branch(ref),
        sha=_sha(_text(target, "hash")),
        before=_known_sha(_of(old, "target"), "hash"),
        message=_text(target, "message", LONGEST_MESSAGE).rstrip(),
        author=_text(_of(author, "user"), "display_name", LONGEST_NAME)
        or re.sub(r"\s*<[^>]*>$", "", _text(author, "raw", LONGEST_NAME)),
    )


def _data_center(change: Payload) -> Fact:
    ref, after = _text(_of(change, "ref"), "id"), _text(change, "toHash")
    return _no_push(ref, after) or Look(_branch(ref), _sha(after))


def plain(event: str, payload: Payload) -> Facts:
    """Ours: {"ref": branch, "sha": commit}, both optional."""
    ref, sha = _text(payload, "ref"), _text(payload, "sha")
    if ref.startswith("refs/") and (no_push := _no_push(ref, sha or "0" * 39 + "1")):
        return (no_push,)
    if sha and not ref:
        raise Garbled("A commit alone doesn't say where it goes: please send its branch as “ref” as well.")
    return (Look(_branch(f"refs/heads/{ref}") if ref else "", _sha(sha) if sha else ""),)


HOOKS: Mapping[str, Parser] = {
    "github": github_hook,
    "gitlab": gitlab,
    "gitea": gitea,
    "bitbucket": bitbucket,
    "plain": plain,
}
"""Whose format a project's own webhook may have."""


def _listed(branch: str, sha: str, before: str, commits: Sequence[Any], head: Payload, *, whole: bool) -> Push | Look:
    """A push whose head is among its commits. Without any (a branch that begins at an old one) we must ask."""
    newest = next((one for one in commits if isinstance(one, dict) and one.get("id") == sha), None)
    head = head if head.get("id") == sha else newest or {}
    if not head:
        return Look(branch, sha)
    return Push(
        branch=branch,
        sha=sha,
        before=before,
        message=_text(head, "message", LONGEST_MESSAGE),
        author=_text(_of(head, "author"), "name", LONGEST_NAME),
        changed=_changed(commits, sha) if whole else None,
    )


# What they have in common


def _no_push(ref: str, after: str, **where: int | None) -> NotAPush | None:
    """A tag, a deletion, or what is neither a branch nor a tag."""
    if ref.startswith("refs/tags/"):
        return NotAPush("", f"{_short(ref[10:])} is a tag, and only branches are deployed.", **where)
    if not ref.startswith("refs/heads/"):
        if not ref.startswith("refs/"):
            raise Garbled("The payload names no branch.")
        return NotAPush("", f"{_short(ref)} is no branch, and only branches are deployed.", **where)
    if not after.strip("0"):
        return NotAPush(_branch(ref), "The branch was deleted. What it deployed goes on.", **where)
    return None


def _changed(commits: Sequence[Any], head: str) -> tuple[str, ...] | None:
    """Every path that the commits touch; None unless each of them says so and the head is one of them."""
    paths: dict[str, None] = {}
    for commit in commits:
        if not isinstance(commit, dict):
            return None
        for kind in ("added", "modified", "removed"):
            listed = commit.get(kind)
            if not isinstance(listed, list) or len(listed) > MOST_PATHS:
                return None
            paths |= dict.fromkeys(_clean(path) for path in listed if isinstance(path, str))
        if len(paths) > MOST_PATHS:
            return None
    if not any(commit.get("id") == head for commit in commits) or any(len(path) > LONGEST_PATH for path in paths):
        return None
    return tuple(paths)


def _branch(ref: str) -> str:
    try:
        return rules.branch(ref.removeprefix("refs/heads/"))
    except Refused as refusal:
        raise Garbled(str(refusal)) from None


def _sha(text: str) -> str:
    if not SHA.fullmatch(text):
        raise Garbled("The payload names no commit.")
    return text


def _known_sha(payload: Payload, name: str) -> str:
    """ "" for none, which servers write as zeros."""
    text = _text(payload, name)
    return text if SHA.fullmatch(text) and text.strip("0") else ""


def _login(text: str) -> str:
    if not LOGIN.fullmatch(text):
        raise Garbled("The payload names no account.")
    return text


def _installation(payload: Payload) -> int | None:
    return _number(_of(payload, "installation"), "id")


def _id(thing: Payload) -> int:
    found = _number(thing, "id")
    if found is None:
        raise Garbled("The payload lacks an id.")
    return found


def _number(thing: Payload, name: str) -> int | None:
    value = thing.get(name)
    good = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_ID
    return value if good else None


def _of(thing: Payload, name: str) -> Payload:
    """A part that is an object; an empty one if it is missing, or anything else."""
    part = thing.get(name)
    return part if isinstance(part, dict) else {}


def _list(thing: Payload, name: str) -> Sequence[Any]:
    part = thing.get(name)
    return part if isinstance(part, list) else []


def _mapping(value: object) -> Payload:
    if not isinstance(value, dict):
        raise Garbled("The payload is no JSON object.")
    return value


def _text(thing: Payload, name: str, limit: int = 1_000) -> str:
    value = thing.get(name)
    return _clean(value[:limit]) if isinstance(value, str) else ""


def _clean(text: str) -> str:
    return NOT_TEXT.sub("", text)


def _short(name: str) -> str:
    return name if len(name) <= 100 else f"{name[:99]}…"
