"""A24: whatever a Git server, or somebody who isn't one, sends to a webhook gets an answer in words: never a 500."""

import json

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from devpush.models import Project, Receipt
from devpush.web.webhooks import SENDERS
from tests import cast, hooks
from tests.fakes import FakeWorld
from tests.hooks import GITHUB, SECRET, Server, recorded, signature
from tests.visitor import dashboard

pytestmark = [pytest.mark.integration, pytest.mark.abuse, pytest.mark.usefixtures("db")]

one_database = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
EVENTS = ["push", "Push Hook", "Tag Push Hook", "System Hook", "repo:push", "repo:refs_changed", "repository"]
EVENTS += ["installation", "installation_repositories", "installation_target", "github_app_authorization"]
PAYLOADS = [recorded(str(path.relative_to(hooks.PAYLOADS).with_suffix(""))) for path in hooks.PAYLOADS.glob("*/*.json")]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["0" * 40, "refs/"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def with_another_part(payload: dict[str, object], part: str, value: object) -> bytes:
    return json.dumps(payload | {part: value}).encode()


BODIES = (
    st.binary(max_size=60)
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.builds(
        with_another_part,
        st.sampled_from(PAYLOADS),
        st.sampled_from(sorted({part for payload in PAYLOADS for part in payload})),
        JSON,
    )
    | st.sampled_from(PAYLOADS).map(lambda payload: json.dumps(payload).encode())
)
HEADER = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=30)
TYPES = st.sampled_from(
    ["application/json", "application/x-www-form-urlencoded", "multipart/form-data", "text/ä; =", ""]
)


@pytest.fixture
async def server(world: FakeWorld) -> Server:
    world.settings = hooks.with_app(world.settings)
    return Server(dashboard(world))


@pytest.fixture
async def project() -> Project:
    return await cast.project()


@one_database
@given(
    sender=st.sampled_from(sorted(SENDERS)), body=BODIES, event=st.sampled_from(EVENTS) | HEADER, id=HEADER, type=TYPES
)
@example(sender="gitlab", body=b"[" * 100_000, event="Push Hook", id="", type="application/json")
@example(sender="github", body=b"payload=%ff%00", event="push", id="x", type="application/x-www-form-urlencoded")
@example(sender="plain", body=b'{"ref": "\\ud800"}', event="", id="", type="")
async def test_what_a_server_proves_is_received_or_refused_in_words(
    server: Server, project: Project, sender: str, body: bytes, event: str, id: str, type: str
) -> None:
    told = {"Content-Type": type, **headers(sender, event, id), **proof(sender, str(project.hook_secret), body)}
    answer = await server.send(f"/api/hooks/{project.hook_id}", body, told)
    assert answer.status in (200, 202, 400), answer.text
    assert answer.text.endswith(".\n")
    if sender == "github":
        told |= proof(sender, SECRET, body)
        assert (await server.send(GITHUB, body, told)).status in (200, 202, 400)


@one_database
@given(sender=st.sampled_from(sorted(SENDERS)), body=BODIES, event=st.sampled_from(EVENTS) | HEADER, given=HEADER)
@example(sender="gitea", body=b"{}", event="push", given="sha256=")
@example(sender="plain", body=b"{}", event="", given="Bearer ")
async def test_what_nobody_proves_is_refused_and_not_written_down(
    server: Server, project: Project, sender: str, body: bytes, event: str, given: str
) -> None:
    told = headers(sender, event, "x") | dict.fromkeys(SENDERS[sender].proofs, given)
    for path in (f"/api/hooks/{project.hook_id}", GITHUB):
        assert (await server.send(path, body, told)).status in (401, 429)
    assert not await Receipt.exists()


@one_database
@given(sender=st.sampled_from(sorted(SENDERS)), body=BODIES, at=st.integers(0, 10_000), by=st.integers(1, 255))
async def test_a_proof_is_for_every_byte(
    server: Server, project: Project, sender: str, body: bytes, at: int, by: int
) -> None:
    """One byte is another one, in the body where the body is signed, else in the secret."""
    signed = SENDERS[sender].signs and body
    told = headers(sender, "push", "x") | proof(sender, str(project.hook_secret), body)
    if signed:
        body = changed(body, at, by)
    else:
        [(name, value)] = proof(sender, str(project.hook_secret), body).items()
        told[name] = value[:-1] + ("a" if value[-1] != "a" else "b")
    assert (await server.send(f"/api/hooks/{project.hook_id}", body, told)).status in (401, 429)
    assert not await Receipt.exists()


def changed(body: bytes, at: int, by: int) -> bytes:
    at %= len(body)
    return body[:at] + bytes([body[at] ^ by]) + body[at + 1 :]


def headers(sender: str, event: str, id: str) -> dict[str, str]:
    """The first of each that such a server sends. It is known by its event, so there is one."""
    told, event = SENDERS[sender], event.strip() or "x"
    return {name: value for names, value in ((told.events, event), (told.deliveries, id)) for name in names[:1]}


def proof(sender: str, secret: str, body: bytes) -> dict[str, str]:
    told = SENDERS[sender]
    return {told.proofs[0]: f"sha256={signature(secret, body)}" if told.signs else secret}
