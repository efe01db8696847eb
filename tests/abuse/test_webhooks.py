"""A24, A22: what anybody may send to the webhooks, and what becomes of it."""

import asyncio
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from quart import Quart
from tortoise import connections

from devpush.deploy import inbox, payloads
from devpush.models import Deployment, GitHubApp, Project, Receipt
from devpush.models.people import now
from devpush.web import webhooks
from tests import cast, hooks
from tests.fakes import FakeWorld
from tests.hooks import GITHUB, SECRET, Server, recorded, sha, signature
from tests.visitor import Answer, dashboard

pytestmark = [pytest.mark.integration, pytest.mark.abuse, pytest.mark.usefixtures("db")]


@pytest.fixture
def app(world: FakeWorld) -> Quart:
    world.settings = hooks.with_app(world.settings)
    return dashboard(world)


@pytest.fixture
def server(app: Quart) -> Server:
    return Server(app)


async def kept() -> list[str]:
    return [one.event for one in await Receipt.all().order_by("id")]


# GitHub's


async def test_a_signed_push_is_written_down_and_answered(server: Server, world: FakeWorld) -> None:
    answer = await server.github(hooks.push(), key="72d3162e-cc78-11e3-81ab-4c9367dc0958")
    assert (answer.status, answer.text) == (202, "Received.\n")
    receipt = await Receipt.get()
    assert (receipt.source, receipt.key, receipt.event) == ("github", "72d3162e-cc78-11e3-81ab-4c9367dc0958", "push")
    assert (receipt.handled_at, receipt.attempts, receipt.project_id) == (None, 0, None)
    assert world.jobs.queues == ["receipts"]
    [fact] = payloads.kept(receipt.facts)
    assert isinstance(fact, payloads.Push)


async def test_a_form_is_understood_as_well(server: Server) -> None:
    assert (await server.github(hooks.push(message="Ü & ä = %"), form=True)).status == 202
    [fact] = payloads.kept((await Receipt.get()).facts)
    assert isinstance(fact, payloads.Push)
    assert fact.message == "Ü & ä = %"


async def test_a24_without_an_app_the_endpoint_is_closed(world: FakeWorld) -> None:
    server = Server(dashboard(world))
    for secret in (SECRET, ""):
        assert (await server.github(hooks.push(), secret=secret)).status == 404
    assert await kept() == []


async def test_the_app_of_the_manifest_flow_has_its_secret_in_the_database(world: FakeWorld) -> None:
    server = Server(dashboard(world))
    assert (await server.github(hooks.push())).status == 404
    await GitHubApp.create(
        app_id=1,
        slug="push",
        name="Push",
        client_id="x",
        client_secret="x",
        private_key="x",
        webhook_secret="made by GitHub",
    )
    assert (await server.github(hooks.push(), secret="made by GitHub")).status == 202
    assert (await server.github(hooks.push())).status == 401


async def test_a_push_costs_one_query(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    await server.github(hooks.push())
    asked: list[str] = []
    pool = type(connections.get("default"))
    for name in ("execute_query", "execute_query_dict", "execute_insert"):
        real = getattr(pool, name)

        async def counted(self: Any, query: str, *args: Any, real: Callable[..., Any] = real) -> Any:
            asked.append(query)
            return await real(self, query, *args)

        monkeypatch.setattr(pool, name, counted)
    assert (await server.github(hooks.push())).status == 202
    assert len(asked) == 1


async def test_while_the_database_is_away_nothing_is_promised(
    server: Server, world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What wasn't written isn't answered with 202: GitHub shows it as failed, and the heads tell us later."""

    async def away(*_: object) -> None:
        raise ConnectionResetError

    with monkeypatch.context() as trouble:
        trouble.setattr(type(connections.get("default")), "execute_query_dict", away)
        answers = await asyncio.gather(*(server.github(hooks.push()) for _ in range(3)))
    assert {one.status for one in answers} == {503}
    assert world.jobs.queues == []
    assert [one.status for one in await asyncio.gather(*(server.github(hooks.push()) for _ in range(9)))] == [202] * 9
    assert await Receipt.all().count() == 9


async def test_a24_a_wrong_signature_is_refused(server: Server) -> None:
    zeros = "0" * 64
    for given in ("", "sha256=", f"sha256={zeros}", "sha1=" + "0" * 40, zeros, "ü" * 40, "sha256=" + "a" * 10_000):
        answer = await server.github(hooks.push(), X_Hub_Signature_256=given)
        assert answer.status == 401, given
    assert await kept() == []


async def test_a24_the_signature_is_of_every_byte_that_came(server: Server) -> None:
    body = json.dumps(hooks.push()).encode()
    headers = {"X-GitHub-Event": "push", "X-GitHub-Delivery": "1", "Content-Type": "application/json"}
    for signed in (body + b" ", body.replace(b": ", b":"), b"", json.dumps(hooks.push()).encode()):
        sent = headers | {"X-Hub-Signature-256": "sha256=" + signature(SECRET, signed)}
        assert (await server.send(GITHUB, body, sent)).status == 401
    assert (await server.send(GITHUB, body, headers | {"X-Hub-Signature": signature(SECRET, body)})).status == 401


async def test_a24_a_delivery_is_handled_once(server: Server, world: FakeWorld) -> None:
    await cast.project(github_repo_id=hooks.REPOSITORY, github_installation_id=hooks.INSTALLATION)
    payload = hooks.push()
    first, *again = [await server.github(payload, key="one") for _ in range(4)]
    assert first.status == 202
    assert {(one.status, one.text) for one in again} == {(200, "This delivery was already received.\n")}
    at_once = await asyncio.gather(*(server.github(payload, key="two") for _ in range(6)))
    assert sorted(one.status for one in at_once) == [200] * 5 + [202]
    while await inbox.work(world):
        pass
    assert await Deployment.all().count() == 1, "the same push under another id is no news either"


async def test_a24_a_body_above_25_mb_is_refused(server: Server) -> None:
    for size in (30 * 1024 * 1024, 25 * 1024 * 1024 + 1):
        assert (await server.github(b" " * size)).status == 413
        assert (await server.github(b" " * size, Content_Length="")).status == 413, "its length untold"
    assert await kept() == []


async def test_a24_a_body_of_25_mb_is_read(server: Server) -> None:
    body = json.dumps(hooks.push()).encode()
    assert (await server.github(body + b" " * (25 * 1024 * 1024 - len(body)))).status == 202


async def test_a24_only_webhooks_may_be_large(server: Server) -> None:
    form = {"Content-Type": FORM, "Origin": "http://localhost:8000"}
    assert (await server.send("/auth/sign-in", b"x" * 3_000_000, form)).status == 413


async def test_a22_few_large_bodies_are_read_at_a_time(server: Server, app: Quart) -> None:
    """Whoever begins to send them need not prove anything before the end."""
    await server.github(hooks.push())
    door = app.extensions["webhooks"]
    door.large = webhooks.MOST_LARGE
    large = json.dumps(hooks.push()).encode() + b" " * 3_000_000
    assert (await server.github(large)).status == 503
    assert (await server.github(hooks.push(), Content_Length="")).status == 503, "nobody knows how large that one is"
    assert (await server.github(hooks.push())).status == 202
    door.large = 0
    assert (await server.github(large)).status == 202
    assert door.large == 0


async def test_a24_malformed_payloads_are_refused(server: Server) -> None:
    deep, long = b"[" * 200_000, b'{"a":' + b"1" * 10_000 + b"}"
    for body in (b"", b"{", b"[1]", b"null", b"\xff", deep, long, b'{"ref": 1}'):
        for answer in (await server.github(body), await server.github(body, Content_Type=FORM)):
            assert answer.status == 400, body[:10]
            assert answer.text.endswith(".\n")
    assert await kept() == []


FORM = "application/x-www-form-urlencoded"


async def test_a24_the_event_and_the_delivery_must_be_named(server: Server) -> None:
    odd: list[dict[str, Any]] = [{"X_GitHub_Event": ""}, {"X_GitHub_Delivery": ""}, {"X_GitHub_Delivery": "a" * 200}]
    for other in odd:
        assert (await server.github(hooks.push(), **other)).status == 400
    assert await kept() == []


async def test_a24_unknown_events_are_answered_and_ignored(server: Server) -> None:
    for event, payload in (
        ("ping", recorded("github/ping")),
        ("no_such_event", {"anything": [1, 2]}),
        ("x" * 5000, {}),
        ("pull_request", recorded("github/pull_request")),
        ("star", {"action": "created"}),
        ("repository", recorded("github/repository.created")),
    ):
        assert (await server.github(payload, event)).status == 200, event
    assert await kept() == []


async def test_a24_tags_deletions_and_huge_lists_are_no_trouble(server: Server, world: FakeWorld) -> None:
    project = await cast.project(github_repo_id=hooks.REPOSITORY, github_installation_id=hooks.INSTALLATION)
    huge = hooks.push(before=sha())
    commit = huge["commits"][0] | {"added": [f"{n}/file.txt" for n in range(150)]}
    huge["commits"] = [commit | {"id": sha(n)} for n in range(4000)]
    tag = hooks.push() | {"ref": "refs/tags/v1"}
    gone = hooks.push() | {"deleted": True, "after": "0" * 40, "head_commit": None}
    odd = hooks.push() | {"ref": "refs/notes/commits"}
    assert [(await server.github(one)).status for one in (tag, gone, odd, huge)] == [202, 202, 202, 400]
    huge["commits"] = huge["commits"][:2048]
    assert (await server.github(huge)).status == 202
    while await inbox.work(world):
        pass
    [deployment] = await Deployment.filter(project=project)
    assert deployment.commit_sha == huge["after"]


async def test_a25_a_forks_pull_request_builds_nothing(server: Server, world: FakeWorld) -> None:
    await cast.project(github_repo_id=hooks.REPOSITORY, github_installation_id=hooks.INSTALLATION)
    pull = recorded("github/pull_request") | {"repository": {"id": hooks.REPOSITORY}}
    for event in ("pull_request", "pull_request_target", "check_suite", "workflow_run"):
        assert (await server.github(pull, event)).status == 200
    fork = hooks.push(repository=hooks.REPOSITORY + 1)
    ref = hooks.push() | {"ref": "refs/pull/1/head"}
    assert [(await server.github(one)).status for one in (fork, ref)] == [202, 202]
    while await inbox.work(world):
        pass
    assert not await Deployment.exists()


async def test_a22_a_flood_of_wrong_signatures_is_throttled_and_the_right_ones_are_heard(app: Quart) -> None:
    """GitHub's addresses are everybody's: who floods us from there must not keep the real deliveries out."""
    flood, other = Server(app, "203.0.113.7"), Server(app, "203.0.113.8")
    answers = [await flood.github({}, secret="wrong") for _ in range(webhooks.MOST_WRONG + 5)]
    assert [one.status for one in answers] == [401] * webhooks.MOST_WRONG + [429] * 5
    assert answers[-1].headers["Retry-After"] == "60"
    assert (await other.github({}, secret="wrong")).status == 401
    assert (await flood.github(hooks.push())).status == 202


async def test_a24_no_proof_of_a_browser_is_asked_and_none_helps(server: Server) -> None:
    """No CSRF token, another origin: a webhook. The same with a session's cookie: still only the signature counts."""
    assert (await server.github(hooks.push(), Origin="https://evil.example", Sec_Fetch_Site="cross-site")).status == 202
    assert (await server.github(hooks.push(), secret="x", Cookie="devpush_session=whatever")).status == 401


# A project's own


async def hooked(**facts: Any) -> tuple[Project, str]:
    project = await cast.project(**facts)
    return project, f"/api/hooks/{project.hook_id}"


def headers_of(source: str, secret: str, body: bytes, event: str = "push") -> dict[str, str]:
    signed = signature(secret, body)
    return {
        "github": {
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": "d1",
            "X-Hub-Signature-256": f"sha256={signed}",
        },
        "gitlab": {"X-Gitlab-Event": "Push Hook", "X-Gitlab-Event-UUID": "d1", "X-Gitlab-Token": secret},
        "gitea": {
            "X-Gitea-Event": event,
            "X-Gitea-Delivery": "d1",
            "X-Gitea-Signature": signed,
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": "d1",
            "X-Hub-Signature-256": f"sha256={signed}",
        },
        "forgejo": {"X-Forgejo-Event": event, "X-Forgejo-Delivery": "d1", "X-Forgejo-Signature": signed},
        "gogs": {"X-Gogs-Event": event, "X-Gogs-Delivery": "d1", "X-Gogs-Signature": signed},
        "bitbucket": {"X-Event-Key": "repo:push", "X-Request-UUID": "d1", "X-Hub-Signature": f"sha256={signed}"},
        "data center": {"X-Event-Key": "repo:refs_changed", "X-Request-Id": "d1", "X-Hub-Signature": signed},
        "plain": {"X-Devpush-Token": secret},
        "bearer": {"Authorization": f"Bearer {secret}"},
    }[source] | {"Content-Type": "application/json"}


BODIES: dict[str, Any] = {
    "github": recorded("github/push.branch"),
    "gitlab": recorded("gitlab/push"),
    "gitea": recorded("gitea/push"),
    "forgejo": recorded("gitea/push_with_files"),
    "gogs": recorded("gitea/push"),
    "bitbucket": recorded("bitbucket/push"),
    "data center": recorded("bitbucket/refs_changed"),
    "plain": {"ref": "main"},
    "bearer": {},
}


@pytest.mark.parametrize("source", list(BODIES))
async def test_every_server_proves_itself_in_its_own_way(server: Server, source: str) -> None:
    project, path = await hooked()
    body = json.dumps(BODIES[source]).encode()
    sent = headers_of(source, project.hook_secret or "", body)
    assert (await server.send(path, body, sent)).status == 202
    receipt = await Receipt.get()
    assert receipt.project_id == project.id
    assert receipt.key.startswith(f"{project.id.hex}:")
    assert (receipt.event == "look") == (source in ("data center", "plain", "bearer"))


@pytest.mark.parametrize("source", list(BODIES))
async def test_who_does_not_know_the_secret_learns_nothing(server: Server, source: str) -> None:
    project, path = await hooked()
    _, closed_path = await hooked(hook_secret=None)
    going, going_path = await hooked(removing_at=now())
    body = json.dumps(BODIES[source]).encode()
    answers = [
        await server.send(path, body, headers_of(source, "wrong", body)),
        await server.send(path, body, {"Content-Type": "application/json"}),
        await server.send(f"/api/hooks/{uuid4()}", body, headers_of(source, project.hook_secret or "", body)),
        await server.send(closed_path, body, headers_of(source, "", body)),
        await server.send(going_path, body, headers_of(source, going.hook_secret or "", body)),
        await server.send(path, b"{", headers_of(source, "wrong", b"{")),
    ]
    assert {same(answer) for answer in answers} == {same(answers[0])}
    assert answers[0].status == 401
    assert await kept() == []


def same(answer: Answer) -> tuple[int, str, tuple[tuple[str, str], ...]]:
    return answer.status, answer.text, tuple(sorted(answer.headers.items()))


async def test_a_secret_of_one_kind_is_no_proof_of_another(server: Server) -> None:
    """Whoever names GitLab's event must know the secret, not a signature; and the other way round."""
    project, path = await hooked()
    body = json.dumps(BODIES["gitlab"]).encode()
    secret = project.hook_secret or ""
    for wrong in (
        {"X-Gitlab-Event": "Push Hook", "X-Hub-Signature-256": signature(secret, body)},
        {"X-Gitea-Event": "push", "X-Gitlab-Token": secret},
        {"X-GitHub-Event": "push", "X-Devpush-Token": secret},
        {"X-Event-Key": "repo:push", "Authorization": f"Bearer {secret}"},
    ):
        assert (await server.send(path, body, wrong)).status == 401


@pytest.mark.parametrize("source", ["github", "gitlab", "gitea", "bitbucket"])
async def test_a_projects_delivery_is_handled_once(server: Server, source: str) -> None:
    project, path = await hooked()
    other, other_path = await hooked()
    body = json.dumps(BODIES[source]).encode()
    sent = headers_of(source, project.hook_secret or "", body)
    assert [(await server.send(path, body, sent)).status for _ in range(2)] == [202, 200]
    theirs = headers_of(source, other.hook_secret or "", body)
    assert (await server.send(other_path, body, theirs)).status == 202, "ids are of one server, and anybody has one"


async def test_two_events_of_gitlab_may_have_one_id(server: Server) -> None:
    """Two branches, pushed at once."""
    project, path = await hooked()
    for branch in ("main", "next"):
        body = json.dumps(BODIES["gitlab"] | {"ref": f"refs/heads/{branch}"}).encode()
        assert (await server.send(path, body, headers_of("gitlab", project.hook_secret or "", body))).status == 202


async def test_a_plain_webhook_needs_no_body(server: Server, world: FakeWorld) -> None:
    project, path = await hooked()
    secret = project.hook_secret or ""
    assert (await server.send(path, b"", {"X-Devpush-Token": secret})).status == 202
    assert (await server.send(path, b"", {"X-Devpush-Token": secret, "Content-Type": FORM})).status == 202
    assert world.jobs.queues == ["looks", "looks"]
    assert (await server.send(path, b"ref=main", {"X-Devpush-Token": secret})).status == 400


async def test_a_push_of_another_server_becomes_a_deployment(server: Server, world: FakeWorld) -> None:
    project, path = await hooked()
    await cast.environment(project, "staging", branch="develop")
    body = json.dumps(BODIES["gitea"]).encode()
    await server.send(path, body, headers_of("gitea", project.hook_secret or "", body))
    await inbox.work(world)
    deployment = await Deployment.get()
    assert (deployment.branch, deployment.commit_message, deployment.commit_author) == (
        "develop",
        "Webhooks Yay!",
        "Gitea",
    )


async def test_a_projects_webhook_says_nothing_about_other_repositories(server: Server, world: FakeWorld) -> None:
    """Its secret is its members', who aren't GitHub: neither other projects nor our App's installations."""
    project, path = await hooked()
    other = await cast.project(github_repo_id=186853002, github_installation_id=1)
    secret = project.hook_secret or ""
    for name, event in (
        ("push.branch", "push"),
        ("installation.deleted", "installation"),
        ("repository.deleted", "repository"),
    ):
        body = json.dumps(recorded(f"github/{name}")).encode()
        await server.send(path, body, headers_of("github", secret, body, event) | {"X-GitHub-Delivery": name})
    await inbox.work(world)
    assert not await Deployment.filter(project=other).exists()
    assert (await Project.get(id=other.id)).repo_trouble == ""


async def test_a27_what_a_push_says_is_text(server: Server, world: FakeWorld) -> None:
    await cast.project(github_repo_id=hooks.REPOSITORY, github_installation_id=hooks.INSTALLATION)
    evil = "<script>alert(1)</script>\x1b]8;;https://evil.example\x07link\x1b[31m\u202egnp.exe\0"
    payload = hooks.push(message=evil)
    payload["head_commit"]["author"] = {"name": evil}
    assert (await server.github(payload)).status == 202
    await inbox.work(world)
    assert (await Deployment.get()).commit_message == evil.replace("\0", ""), "pages make it harmless"
