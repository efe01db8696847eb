"""A4, A28: variables keep to their grammar, arrive byte for byte, and are in no page, error, event or log record."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from quart import Quart
from tortoise import connections

from devpush.models import Deployment, Project, State, Variable
from tests import cast
from tests.fakes import FakeWorld
from tests.visitor import Answer, Visitor, dashboard

pytestmark = [pytest.mark.abuse, pytest.mark.usefixtures("db")]

CANARY = "canary-7f3a9c"


@pytest.fixture
def app(world: FakeWorld) -> Quart:
    return dashboard(world)


@pytest.fixture
def records(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """Everything anybody logged, down to the last detail."""
    found: list[str] = []
    with caplog.at_level(logging.DEBUG):
        yield found
    found += [f"{record.getMessage()} {record.__dict__}" for record in caplog.records]
    assert not [text for text in found if CANARY in text]


class Settings:
    """Alice at a project's settings."""

    def __init__(self, visitor: Visitor, slug: str) -> None:
        self.visitor, self.path = visitor, f"/projects/{slug}/variables"

    async def save(self, htmx: bool = True, **form: Any) -> Answer:
        return await self.visitor.post(self.path, form, htmx=htmx)

    async def review(self, text: str, htmx: bool = True) -> Answer:
        return await self.visitor.post(f"{self.path}/review", {"dotenv": text}, htmx=htmx)

    async def paste(self, text: str) -> Answer:
        """Look at what a .env file changes, and save it."""
        looked = await self.review(text)
        sealed = {"sealed": looked.field("sealed")}
        return await self.visitor.post(f"{self.path}/changes", sealed, htmx=True)

    async def value(self, key: str) -> Answer:
        variable = await Variable.get(key=key)
        return await self.visitor.get(f"{self.path}/{variable.id}/value")


@pytest.fixture
async def settings_page(app: Quart) -> Settings:
    project = await cast.project()
    return Settings(await Visitor(app).signed_in(await cast.alice()), project.slug)


@pytest.mark.parametrize(
    "key",
    [
        *("LD_PRELOAD", "LD_LIBRARY_PATH", "DOCKER_HOST", "PORT", "DEVPUSH_URL", "PATH"),
        *("A=B", "A\nB", "A B", "1A", "", "É", "A\0B", "A$(id)", "x" * 101, "x" * 9000),
    ],
)
async def test_other_names_are_refused_and_nothing_is_kept(settings_page: Settings, key: str) -> None:
    answers = [await settings_page.save(key=key, value=CANARY)]
    if key != "A=B":  # in a file that is a variable A
        answers.append(await settings_page.review(f"GOOD=1\n{key}={CANARY}"))
    for answer in answers:
        assert answer.status == 422
        assert CANARY not in answer.text
        assert not await Variable.exists()


@pytest.mark.parametrize("value", ["a\0b", CANARY + "x" * 66_000, CANARY + "é" * 33_000])
async def test_other_values_are_refused_and_not_repeated(settings_page: Settings, value: str) -> None:
    for htmx in (True, False):
        answer = await settings_page.save(htmx=htmx, key="KEY", value=value)
        assert answer.status == 422
        assert CANARY not in answer.text
    assert not await Variable.exists()


async def test_all_values_together_are_bounded(settings_page: Settings) -> None:
    big = "x" * 65_000
    text = "\n".join(f"KEY_{number}={big}" for number in range(14))
    assert (await settings_page.paste(text)).status == 200
    for _ in range(2):
        answer = await settings_page.save(key="ONE_MORE", value=big * 1)
        assert (answer.status, "about 1 MB together" in answer.text) in ((200, False), (422, True))
        answer = await settings_page.paste(text.replace("KEY_", "OTHER_"))
        assert (answer.status, "about 1 MB together" in answer.text) == (422, True)
    again = text.replace("KEY_0=x", "KEY_0=y")
    assert (await settings_page.paste(again)).status == 200, "the same again takes no more room"
    assert await Variable.all().count() <= 15


async def test_values_come_back_byte_for_byte_to_who_asks(settings_page: Settings) -> None:
    for number, value in enumerate(
        [
            "",
            " a ",
            "a\nb\n",
            "'\"`$(id)${A}\\n",
            "a=b#c",
            "é✨\u202e\x1b[31m",
            "<script>alert(1)</script>",
            "\t",
            "gAAAAx",
        ]
    ):
        assert (await settings_page.save(key=f"KEY_{number}", value=value)).status == 200
        answer = await settings_page.value(f"KEY_{number}")
        assert (answer.text, answer.headers["Cache-Control"]) == (value, "no-store")
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


async def test_the_same_key_again_replaces_the_value_in_its_scope_only(settings_page: Settings) -> None:
    production = await cast.production(await Project.get(slug=settings_page.path.split("/")[2]))
    await settings_page.save(key="KEY", value="one")
    await settings_page.save(key="KEY", value="two", environment=str(production.id))
    await settings_page.paste("KEY=three\nOTHER=four")
    rows = {(row.key, row.environment_id): row.value for row in await Variable.all()}
    assert rows == {("KEY", None): "three", ("KEY", production.id): "two", ("OTHER", None): "four"}


async def test_a_kept_value_is_in_no_page_event_record_or_row(
    app: Quart, world: FakeWorld, settings_page: Settings, records: list[str]
) -> None:
    visitor = settings_page.visitor
    answers = [
        await settings_page.save(key="KEY", value=f"{CANARY}-1"),
        await settings_page.review(f"OTHER='{CANARY}-2'"),
        await settings_page.paste(f"OTHER='{CANARY}-2'"),
        await settings_page.save(htmx=False, key="THIRD", value=f"{CANARY}-3"),
        await settings_page.save(key="no way", value=CANARY),
        await settings_page.review(f"BROKEN='{CANARY}"),
        await settings_page.review(CANARY, htmx=False),
        await settings_page.review(f"FOURTH={CANARY}", htmx=False),
    ]
    slug = settings_page.path.split("/")[2]
    project = await cast.project()
    await cast.deployment(project, state=State.failed, variables={"KEY": CANARY})
    deployment = await Deployment.first()
    assert deployment
    pages = [
        f"/projects/{slug}",
        f"/projects/{slug}/settings",
        f"/projects/{slug}/deployments",
        f"/projects/{slug}/logs",
    ]
    pages += [f"/projects/{project.slug}/deployments/{deployment.id}", "/teams/alice", "/account"]
    answers += [await visitor.get(page) for page in pages]
    assert [answer.status for answer in answers] == [200, 200, 200, 303, 422, 422, 422, 200, *[200] * len(pages)]
    for answer in answers:
        assert CANARY not in answer.text
        assert CANARY not in str(answer.headers)
    assert "KEY" in answers[9].text
    assert CANARY not in str(world.live.said)
    for table in ("variable", "deployment"):
        rows = await connections.get("default").execute_query_dict(f"SELECT * FROM {table}")
        assert CANARY not in str(rows)


async def test_values_are_read_one_by_one_by_who_may(app: Quart, settings_page: Settings) -> None:
    await settings_page.save(key="KEY", value=CANARY)
    variable = await Variable.get(key="KEY")
    path = f"{settings_page.path}/{variable.id}"
    for user in (await cast.bob(), await cast.carol()):
        visitor = await Visitor(app).signed_in(user)
        expected = 403 if user.email.startswith("bob") else 404
        for answer in (await visitor.get(f"{path}/value"), await visitor.post(f"{path}/removal")):
            assert (answer.status, CANARY in answer.text) == (expected, False)
        whole = await visitor.get(f"{settings_page.path}.env")
        assert (whole.status, CANARY in whole.text) == (expected, False)
    assert (await settings_page.visitor.get(f"{settings_page.path}.env")).text == f"KEY={CANARY}\n"
    assert (await Visitor(app).get(f"{path}/value")).status in (303, 401)
    assert (await settings_page.visitor.get(f"{path}/removal")).status == 405
    assert await Variable.exists(id=variable.id)
    answer = await settings_page.visitor.post(f"{path}/removal", htmx=True)
    assert (answer.status, await Variable.exists()) == (200, False)
