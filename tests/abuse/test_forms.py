"""A31: what anybody may send us before we know who they are, and how long it keeps the others waiting."""

from threading import Thread, current_thread, main_thread
from urllib.parse import urlencode

import pytest
from quart import Quart

from devpush.web import bodies
from devpush.web.bodies import LONG, MOST_BYTES, MOST_FIELDS
from tests import cast
from tests.fakes import FakeWorld
from tests.visitor import Visitor, dashboard

pytestmark = [pytest.mark.integration, pytest.mark.abuse, pytest.mark.usefixtures("db")]

FORMS = bodies.URLENCODED
MIB = 1024 * 1024


@pytest.fixture
def app(world: FakeWorld) -> Quart:
    return dashboard(world)


async def send(
    app: Quart, body: bytes, path: str = "/auth/sign-in", *, by: Visitor | None = None, mimetype: str = FORMS[0]
) -> int:
    """A form, without a proof. The status."""
    cookies = (by or Visitor(app)).cookies
    headers = {
        "Host": "localhost:8000",
        "Content-Type": mimetype,
        "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
    }
    return (await app.test_client().post(path, data=body, headers=headers)).status_code


@pytest.mark.parametrize("field", [b"a=&", b"&", b"a&", b"%61=%61&"])
async def test_a31_a_form_of_countless_fields_is_not_read(app: Quart, field: bytes) -> None:
    """Two megabytes of them took more than a second, and a stranger may send as many such forms as they like."""
    for mimetype in FORMS:
        assert await send(app, field * (MOST_BYTES // len(field)), mimetype=mimetype) == 413


async def test_a31_a_long_form_is_read_beside_the_others(app: Quart, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of its letters is encoded: to read that takes half a second."""
    read_in: list[Thread] = []

    def parse(*sent: object, **how: object) -> list[tuple[str, str]]:
        read_in.append(current_thread())
        return []

    monkeypatch.setattr(bodies, "parse_qsl", parse)
    for size in (LONG + 3, MOST_BYTES):
        assert await send(app, b"a=" + b"%41" * ((size - 2) // 3)) == 403
    assert len(read_in) == 2
    assert main_thread() not in read_in


async def test_a31_where_a_picture_may_come_a_form_is_no_larger_than_elsewhere(app: Quart) -> None:
    alice = await Visitor(app).signed_in(await cast.alice())
    body = b"a=" + b"%41" * (3 * MIB)
    assert await send(app, body, "/account/picture", by=alice) == 413


async def test_a31_a_form_as_people_fill_it_in_is_read(app: Quart) -> None:
    alice = await Visitor(app).signed_in(await cast.alice())
    fields = {f"field-{number}": "Ä & b" * 20 for number in range(MOST_FIELDS - 3)}
    form = {"csrf_token": await alice.csrf_token(), "name": "Älice & Söhne"} | fields
    assert await send(app, urlencode(form).encode(), "/account/general", by=alice) == 303
    assert (await cast.alice()).name == "Älice & Söhne"
