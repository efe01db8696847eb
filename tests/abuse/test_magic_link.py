"""A21: links that sign in: used twice, opened by a scanner, with a forged host, leading elsewhere, for strangers."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from quart import Quart

from devpush.models import Session, SignInLink, User
from devpush.web.forms import same_site
from devpush.web.session import client_ip
from devpush.web.throttle import Throttle, client_key
from tests import cast
from tests.fakes import FakeWorld
from tests.patience import PATIENCE
from tests.visitor import TOKEN, Visitor, access_file, dashboard

pytestmark = [pytest.mark.integration, pytest.mark.abuse]

ELSEWHERE = [
    "https://evil.example/",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    " //evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "evil.example",
    "@evil.example",
    "https:evil.example",
    "/%0d%0aLocation:x\r\nLocation: https://evil.example",
    "/" + "a" * 3000,
    "/\0",
]


@pytest.fixture
def app(db: str, world: FakeWorld) -> Quart:
    world.settings = replace(world.settings, smtp_host="127.0.0.1")
    return dashboard(world)


async def settle(app: Quart) -> None:
    await asyncio.gather(*app.background_tasks)


async def test_a_link_works_once(app: Quart) -> None:
    link = f"/auth/link/{await SignInLink.make('ada@example.com')}"
    assert (await Visitor(app).post(link)).status == 303
    assert (await Visitor(app).post(link)).status == 410
    assert (await Visitor(app).get(link)).status == 410
    assert await Session.all().count() == 1


async def test_of_two_at_once_one_gets_in(app: Quart) -> None:
    link = f"/auth/link/{await SignInLink.make('ada@example.com')}"
    answers = await asyncio.gather(*(Visitor(app).post(link) for _ in range(4)))
    assert sorted(answer.status for answer in answers) == [303, 410, 410, 410]


async def test_a_scanner_that_opens_it_doesnt_use_it_up(app: Quart) -> None:
    link = f"/auth/link/{await SignInLink.make('ada@example.com')}"
    for method in ("GET", "HEAD", "GET"):
        assert (await Visitor(app).ask(method, link)).status == 200
    assert await User.all().count() == 0
    assert (await Visitor(app).post(link)).status == 303


async def test_a_link_ends_after_fifteen_minutes(app: Quart) -> None:
    link = f"/auth/link/{await SignInLink.make('ada@example.com')}"
    made = (await SignInLink.get()).expires_at - datetime.now(UTC)
    assert timedelta(minutes=14) < made <= timedelta(minutes=15)
    await SignInLink.all().update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert (await Visitor(app).post(link)).status == 410


@pytest.mark.parametrize("token", ["x", "a" * 5000, "%00", "%ff%fe", "..%2f..", "' OR 1=1 --"])
async def test_a_made_up_link_signs_nobody_in(app: Quart, token: str) -> None:
    assert (await Visitor(app).get(f"/auth/link/{token}")).status in (404, 410)
    assert (await Visitor(app).post(f"/auth/link/{token}")).status in (404, 410)


@pytest.mark.parametrize("header", ["Host", "X-Forwarded-Host", "Forwarded", "X-Original-Host", "X-Host"])
async def test_the_links_host_is_from_the_settings(app: Quart, world: FakeWorld, header: str) -> None:
    visitor = Visitor(app)
    form = {"csrf_token": await visitor.csrf_token(), "email": "ada@example.com"}
    forged = {header: "evil.example", "Origin": "http://evil.example"} if header == "Host" else {header: "evil.example"}
    answer = await visitor.ask("POST", "/auth/sign-in", form=form, headers=forged)
    await settle(app)
    if header == "Host":
        assert (answer.status, world.mailer.sent) == (404, [])
    else:
        [mail] = world.mailer.sent
        assert "http://localhost:8000/auth/link/" in mail.text
        assert "evil" not in mail.text + mail.html


async def test_another_port_in_the_host_doesnt_reach_the_mail(app: Quart, world: FakeWorld) -> None:
    visitor = Visitor(app)
    visitor.host = "localhost:666"
    assert (await visitor.post("/auth/sign-in", {"email": "ada@example.com"})).status == 200
    await settle(app)
    assert "666" not in world.mailer.sent[0].text


@pytest.mark.parametrize("path", ELSEWHERE)
async def test_next_leads_nowhere_else(app: Quart, world: FakeWorld, path: str) -> None:
    assert same_site(path) == ""
    page = await Visitor(app).get(f"/auth/sign-in?next={quote(path)}")
    assert 'name="next"' not in page.text
    await Visitor(app).post("/auth/sign-in", {"email": "ada@example.com", "next": path})
    await settle(app)
    [mail] = world.mailer.sent
    assert "next" not in mail.text
    link = f"/auth/link/{await SignInLink.make('ada@example.com')}?next={quote(path)}"
    assert (await Visitor(app).post(link)).location == "/"


@pytest.mark.parametrize(
    "path", ["/", "/teams/a", "/projects/x/deployments?page=2&status=failed", "/hosts/a.localhost"]
)
def test_next_leads_to_pages_of_ours(path: str) -> None:
    assert same_site(path) == path


async def test_known_unknown_and_denied_addresses_get_one_answer(app: Quart, world: FakeWorld) -> None:
    access_file(world).write_text('{"domains": ["example.com"]}')
    await cast.alice()
    answers = {}
    for address in ("alice@example.com", "nobody@example.com", "eve@evil.example"):
        answer = await Visitor(app).post("/auth/sign-in", {"email": address})
        shown = TOKEN.sub("", answer.text).replace(address, "…")
        answers[address] = (answer.status, shown, sorted(set(answer.headers.keys()) - {"Content-Length"}))
    assert len({str(answer) for answer in answers.values()}) == 1
    await settle(app)
    told = {mail.to: mail.text for mail in world.mailer.sent}
    assert told.keys() == answers.keys()
    assert "/auth/link/" not in told["eve@evil.example"]
    assert "may not sign in here" in told["eve@evil.example"], "told where only eve reads it"
    assert await User.filter(email__in=["nobody@example.com", "eve@evil.example"]).count() == 0
    assert await SignInLink.filter(email="eve@evil.example").count() == 0


async def test_nothing_of_the_difference_is_in_the_time_of_the_answer(app: Quart, world: FakeWorld) -> None:
    """All that differs happens after the answer: a mail server that hangs is not felt."""
    release = asyncio.Event()

    class Hanging:
        async def send(self, mail: object) -> None:
            await release.wait()

    world.mailer = Hanging()  # type: ignore[assignment]  # slower than the fake
    async with asyncio.timeout(PATIENCE):  # the answer comes while the mail server hangs
        assert (await Visitor(app).post("/auth/sign-in", {"email": "ada@example.com"})).status == 200
    assert app.background_tasks
    release.set()
    await settle(app)


async def test_access_is_asked_again_when_the_link_is_used(app: Quart, world: FakeWorld) -> None:
    link = f"/auth/link/{await SignInLink.make('ada@example.com')}"
    access_file(world).write_text('{"domains": ["example.org"]}')
    answer = await Visitor(app).post(link)
    assert answer.status == 403
    assert "may not sign in here" in answer.text
    assert await User.all().count() == 0


async def test_a_broken_access_file_lets_nobody_in(app: Quart, world: FakeWorld) -> None:
    access_file(world).write_text("{")
    await Visitor(app).post("/auth/sign-in", {"email": "ada@example.com"})
    await settle(app)
    assert await SignInLink.all().count() == 0


async def test_one_address_gets_few_mails_and_the_same_answer(app: Quart, world: FakeWorld) -> None:
    texts = set()
    for _ in range(8):
        answer = await Visitor(app).post("/auth/sign-in", {"email": "ada@example.com"})
        texts.add((answer.status, answer.text))
    await settle(app)
    assert len(texts) == 1
    assert len(world.mailer.sent) == 5


async def test_one_client_is_slowed_down(app: Quart, world: FakeWorld) -> None:
    statuses = [
        (await Visitor(app).post("/auth/sign-in", {"email": f"user{number}@example.com"})).status
        for number in range(25)
    ]
    assert statuses.count(200) == 20
    assert statuses[20:] == [422] * 5
    await settle(app)
    assert len(world.mailer.sent) == 20


def test_a_throttle_forgets_after_its_time_and_never_grows_without_end() -> None:
    now = 0.0
    throttle = Throttle(2, per=10, clock=lambda: now)
    assert [throttle.allows("a") for _ in range(3)] == [True, True, False]
    assert throttle.allows("b")
    now = 11.0
    assert throttle.allows("a")
    for number in range(30_000):
        throttle.allows(str(number))
    assert len(throttle._times) <= 10_000


def test_who_has_one_address_of_an_ipv6_network_has_them_all() -> None:
    assert client_key("2001:db8:1:2::3") == client_key("2001:db8:1:2:ffff::4")
    assert client_key("2001:db8:1:2::3") != client_key("2001:db8:1:3::3")
    assert client_key("192.0.2.1") == "192.0.2.1"


@pytest.mark.parametrize(
    ("peer", "told", "believed"),
    [
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("127.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        ("::1", "2001:db8::1", "2001:db8::1"),
        ("127.0.0.1", "<script>", "127.0.0.1"),
        ("127.0.0.1", "", "127.0.0.1"),
    ],
)
async def test_only_our_proxy_is_believed_about_whom_it_speaks_for(
    app: Quart, peer: str, told: str, believed: str
) -> None:
    headers = {"X-Forwarded-For": told, "Remote-Addr": "6.6.6.6"}
    async with app.test_request_context("/", headers=headers, scope_base={"client": (peer, 1)}):
        assert client_ip() == believed


async def test_the_first_visitor_becomes_nobody_special(app: Quart) -> None:
    """A23: the operator is who holds the link that was printed at the start."""
    ada = Visitor(app)
    await ada.post(f"/auth/link/{await SignInLink.make('ada@example.com')}")
    assert not (await User.get(email="ada@example.com")).is_operator
    operator = await User.operator("localhost")
    await SignInLink.make(operator.email, operator=True)
    mailed = await SignInLink.make(operator.email)
    await Visitor(app).post(f"/auth/link/{mailed}")
    assert await User.filter(is_operator=True).count() == 1


async def test_whoever_takes_the_operators_address_first_is_not_the_operator(app: Quart) -> None:
    """A23: nor does the operator's link sign anybody in to that account."""
    squatter = await User.with_email("operator@localhost")
    operator = await User.operator("localhost")
    assert operator.id != squatter.id
    assert operator.is_operator
    assert not (await User.get(id=squatter.id)).is_operator
    assert (await User.operator("localhost")).id == operator.id
