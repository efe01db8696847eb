"""What Git servers send, recorded, and what we make of it; and whatever else somebody may send."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from devpush.deploy import payloads
from devpush.deploy.payloads import Access, Changed, Facts, Garbled, Installed, Look, NotAPush, Push, Revoked

FOLDER = Path(__file__).resolve().parent.parent / "payloads"
ZEROS = "0" * 40
HEAD = "6113728f27ae82c7b1a177c8d03f9e96e0adf246"


def recorded(name: str) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return payload


def github(name: str, **other: Any) -> Facts:
    """What we make of a recorded event of GitHub's, with some of it otherwise."""
    return payloads.github(name.partition(".")[0], recorded(f"github/{name}") | other)


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        (
            "push.branch",
            [Push("master", HEAD, "", "Initial commit", "Codertocat", 1557933657, None, 186853002, 1)],
        ),
        ("push.tag", [NotAPush("", "simple-tag is a tag, and only branches are deployed.", 186853002)]),
        ("push.tag_deleted", [NotAPush("", "simple-tag is a tag, and only branches are deployed.", 186853002)]),
        ("installation.created", [Installed("created", 957387, 21031067, "Codertocat")]),
        ("installation.deleted", [Installed("deleted", 2, 1, "octocat")]),
        ("installation.suspend", [Installed("suspend", 16598467, 21031067, "Codertocat", suspended=True)]),
        ("installation.unsuspend", [Installed("unsuspend", 16598467, 21031067, "Codertocat")]),
        (
            "installation.new_permissions_accepted",
            [Installed("new_permissions_accepted", 957387, 21031067, "Codertocat")],
        ),
        ("installation_repositories.added", [Access("added", 957387, (186853007,))]),
        ("installation_repositories.removed", [Access("removed", 2, (1296269,))]),
        ("installation_target.renamed", [Installed("renamed", 2, 1, "new-octocat", before="octocat")]),
        (
            "repository.renamed",
            [Changed("renamed", 186853261, "Octocoders/Hello-World", "Hello-World", "master", 1)],
        ),
        (
            "repository.transferred",
            [Changed("transferred", 186853261, "Octocoders/Hello-World", "octocat", "master", 1)],
        ),
        ("repository.deleted", [Changed("deleted", 186853261, "Octocoders/Hello-World", "", "master", 1)]),
        ("repository.privatized", [Changed("privatized", 186853002, "Codertocat/Hello-World", "", "master")]),
        ("repository.publicized", [Changed("publicized", 186853002, "Codertocat/Hello-World", "", "master")]),
        (
            "repository.default_branch",
            [Changed("default_branch", 186853261, "Octocoders/Hello-World", "main", "master")],
        ),
        ("github_app_authorization.revoked", [Revoked(1)]),
        ("ping", []),
        ("pull_request", []),
        ("repository.created", []),
        ("repository.edited", []),
    ],
)
def test_every_event_of_github_is_understood(name: str, facts: list[object]) -> None:
    found = github(name)
    assert list(found) == facts
    assert payloads.kept(json.loads(json.dumps(payloads.keep(found)))) == found, "as a row keeps it"


def test_no_recorded_payload_is_left_out() -> None:
    marks = test_every_event_of_github_is_understood.pytestmark  # type: ignore[attr-defined]
    names = {case[0] for case in marks[0].args[1]}
    assert names == {path.stem for path in (FOLDER / "github").glob("*.json")}


def test_a_branch_that_was_deleted_is_no_push() -> None:
    [fact] = github("push.branch", deleted=True, after=ZEROS, head_commit=None, commits=[])
    assert fact == NotAPush("master", "The branch was deleted. What it deployed goes on.", 186853002, 1)


def test_the_paths_of_a_push_are_those_of_all_its_commits() -> None:
    earlier = {"id": "e" * 40, "added": ["a.py"], "modified": [], "removed": ["old.py"]}
    head = {"id": HEAD, "added": [], "modified": ["a.py", "web/b.py"], "removed": []}
    more = {"created": False, "before": "b" * 40, "commits": [earlier, head]}
    assert changed("push.branch", **more) == ("a.py", "old.py", "web/b.py")
    assert changed("push.branch", **more | {"forced": True}) is None, "what was thrown away isn't told"
    assert changed("push.branch", **more | {"created": True}) is None
    assert changed("push.branch", **more | {"commits": [earlier]}) is None, "the head is missing"
    assert changed("push.branch", **more | {"commits": [earlier] * 2047 + [head]}) is None, "there may be more"
    assert changed("push.branch", **more | {"commits": None}) is None
    assert changed("push.branch", **more | {"commits": []}) is None
    many = {**head, "added": [f"{n}.py" for n in range(3000)]}
    assert changed("push.branch", **more | {"commits": [many]}) is None, "too many to keep"


def changed(name: str, **other: Any) -> tuple[str, ...] | None:
    [fact] = github(name, **other)
    assert isinstance(fact, Push)
    return fact.changed


@pytest.mark.parametrize(
    ("source", "event", "name", "facts"),
    [
        (
            "gitlab",
            "Push Hook",
            "gitlab/push",
            [
                Push(
                    "master",
                    "da1560886d4f094c3e6c9ef40349f7d38b5d27d7",
                    "95790bf891e76fee5e1747ab589903a6a1f80f22",
                    "fixed readme",
                    "GitLab dev user",
                )
            ],
        ),
        (
            "gitlab",
            "Tag Push Hook",
            "gitlab/tag_push",
            [NotAPush("", "v1.0.0 is a tag, and only branches are deployed.")],
        ),
        ("gitlab", "Merge Request Hook", "gitlab/merge_request", []),
        ("gitlab", "System Hook", "gitlab/merge_request", []),
        (
            "gitea",
            "push",
            "gitea/push",
            [
                Push(
                    "develop",
                    "bffeb74224043ba2feb48d137756c8a9331c449a",
                    "28e1879d029cb852e4844d9c718537df08844e03",
                    "Webhooks Yay!",
                    "Gitea",
                )
            ],
        ),
        (
            "gitea",
            "push",
            "gitea/push_with_files",
            [
                Push(
                    "develop",
                    "bffeb74224043ba2feb48d137756c8a9331c449a",
                    "28e1879d029cb852e4844d9c718537df08844e03",
                    "Webhooks Yay!",
                    "Gitea",
                    changed=("web/new.py", "README.md"),
                )
            ],
        ),
        ("gitea", "pull_request", "gitea/push", []),
        (
            "bitbucket",
            "repo:push",
            "bitbucket/push",
            [
                Push(
                    "name-of-branch",
                    "709d658dc5b6d6afcd46049c2f332ee3f515a67d",
                    "1e65c05c1d5171631d92438a13901ca7dae9618c",
                    "new commit message",
                    "Emma",
                )
            ],
        ),
        (
            "bitbucket",
            "repo:refs_changed",
            "bitbucket/refs_changed",
            [Look("master", "178864a7d521b6f5e720b386b2c2b0ef8563e0dc")],
        ),
        ("bitbucket", "pullrequest:created", "bitbucket/push", []),
        ("github", "installation", "github/installation.deleted", []),
    ],
)
def test_other_servers_are_understood(source: str, event: str, name: str, facts: list[object]) -> None:
    assert list(payloads.HOOKS[source](event, recorded(name))) == facts


def test_gitlab_tells_paths_only_if_it_tells_every_commit() -> None:
    [fact] = payloads.gitlab("Push Hook", recorded("gitlab/push") | {"total_commits_count": 2})
    assert isinstance(fact, Push)
    assert fact.changed == ("CHANGELOG", "app/controller/application.rb")


def test_a_push_without_commits_must_be_looked_at() -> None:
    """A branch that begins at a commit of another one."""
    payload = recorded("gitlab/push") | {"commits": [], "before": ZEROS}
    assert payloads.gitlab("Push Hook", payload) == (Look("master", payload["after"]),)


def test_bitbucket_may_tell_of_several_branches_and_their_ends() -> None:
    payload = recorded("bitbucket/push")
    [change] = payload["push"]["changes"]
    tag = {"new": {"type": "tag", "name": "v1", "target": {"hash": HEAD}}, "old": None}
    gone = {"new": None, "old": change["old"]}
    payload["push"]["changes"] = [change, tag, gone]
    kinds = [type(fact).__name__ for fact in payloads.bitbucket("repo:push", payload)]
    assert kinds == ["Push", "NotAPush", "NotAPush"]


@pytest.mark.parametrize(
    ("body", "fact"),
    [
        ({}, Look()),
        ({"ref": "main"}, Look("main")),
        ({"ref": "refs/heads/main", "sha": HEAD}, Look("main", HEAD)),
        ({"ref": "refs/tags/v1"}, NotAPush("", "v1 is a tag, and only branches are deployed.")),
    ],
)
def test_the_plain_body_is_a_branch_and_a_commit_or_nothing(body: dict[str, Any], fact: object) -> None:
    assert payloads.plain("", body) == (fact,)


@pytest.mark.parametrize(
    "body", [{"sha": HEAD}, {"ref": "main", "sha": "HEAD"}, {"ref": "-x"}, {"ref": "a b"}, {"ref": "a\nb"}]
)
def test_a_plain_body_that_makes_no_sense_is_refused_with_a_sentence(body: dict[str, Any]) -> None:
    with pytest.raises(Garbled, match=r"[A-Z].*\."):
        payloads.plain("", body)


def test_a_form_carries_the_payload_in_a_field() -> None:
    body = urlencode({"payload": json.dumps({"zen": "Ärger & co."})}).encode()
    assert payloads.read(body, form=True) == {"zen": "Ärger & co."}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' + b"9" * 5000 + b"}",
        b"[" + b"[]," * 300_000 + b"[]]",
    ],
    ids=len,
)
def test_what_is_no_object_of_a_sensible_size_is_refused(body: bytes) -> None:
    with pytest.raises(Garbled):
        payloads.read(body)
    with pytest.raises(Garbled):
        payloads.read(body, form=True)


def test_what_the_database_can_not_keep_is_left_out() -> None:
    head = {"id": HEAD, "message": "a\0b\ud800c" + "x" * 20_000, "author": {"name": "N\0" * 1000}}
    [fact] = github("push.branch", head_commit=head)
    assert isinstance(fact, Push)
    assert fact.message.startswith("abcx")
    assert len(fact.message) <= payloads.LONGEST_MESSAGE
    assert len(fact.author) <= payloads.LONGEST_NAME


# Whatever may come

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([HEAD, ZEROS, "refs/heads/x"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
EVERYTHING = [
    *(("github", path.stem.partition(".")[0], f"github/{path.stem}") for path in (FOLDER / "github").glob("*.json")),
    ("gitlab", "Push Hook", "gitlab/push"),
    ("gitlab", "Tag Push Hook", "gitlab/tag_push"),
    ("gitea", "push", "gitea/push_with_files"),
    ("bitbucket", "repo:push", "bitbucket/push"),
    ("bitbucket", "repo:refs_changed", "bitbucket/refs_changed"),
    ("plain", "", "github/ping"),
]


@given(st.sampled_from(EVERYTHING), st.data())
def test_a_payload_with_anything_in_it_is_understood_or_refused(
    case: tuple[str, str, str], data: st.DataObject
) -> None:
    source, event, name = case
    payload = recorded(name)
    for _ in range(data.draw(st.integers(1, 4))):
        _twist(payload, data)
    understood_or_refused(source, event, payload)


def _twist(payload: dict[str, Any], data: st.DataObject) -> None:
    """Put anything in the place of some part of it."""
    place: Any = payload
    while True:
        keys: list[Any] = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            return
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or data.draw(st.booleans()):
            place[key] = data.draw(JSON)
            return
        place = place[key]


@given(st.sampled_from(EVERYTHING), st.dictionaries(st.text(max_size=12), JSON, max_size=5))
@example(("github", "push", ""), {"ref": "refs/heads/x", "after": ZEROS, "repository": [], "head_commit": 1})
@example(("bitbucket", "repo:push", ""), {"push": {"changes": [{}] * 1000}})
def test_any_object_is_understood_or_refused(case: tuple[str, str, str], payload: dict[str, Any]) -> None:
    understood_or_refused(case[0], case[1], payload)


@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()), st.booleans())
def test_any_bytes_are_read_or_refused(body: bytes, form: bool) -> None:
    with suppress(Garbled):
        assert isinstance(payloads.read(body, form=form), dict)


def understood_or_refused(source: str, event: str, payload: dict[str, Any]) -> None:
    parsers = [payloads.HOOKS[source], *([payloads.github] if source == "github" else [])]
    for parser in parsers:
        facts: Facts = ()
        with suppress(Garbled):
            facts = parser(event, payload)
        kept = json.dumps(payloads.keep(facts))
        assert len(facts) <= payloads.MOST_FACTS
        assert len(kept) < 2_000_000
        assert "\\u0000" not in kept
        assert payloads.kept(json.loads(kept)) == facts
        kept.encode()
