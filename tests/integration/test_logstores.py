"""What holds for every LogStore: lines are kept in order, once, and found again. With LOKI_URL it asks a real Loki."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from devpush.adapters.logtable import LogTable
from devpush.adapters.loki import LokiLogs
from devpush.ports import LogLine, LogStore, NewLine, Request, Source
from tests.loki_server import LokiServer
from tests.patience import until

pytestmark = pytest.mark.integration
KEEP = timedelta(days=30)


@pytest.fixture
async def table(db: str) -> AsyncIterator[LogStore]:
    async with LogTable(db) as table:
        yield table


@pytest.fixture
async def loki(tmp_path: Path) -> AsyncIterator[LogStore]:
    async with AsyncExitStack() as stack:
        url = os.environ.get("LOKI_URL") or (await stack.enter_async_context(LokiServer().serving())).url
        loki = LokiLogs(url, tmp_path / "spool", uuid4().hex[:8], spool=10_000_000, keep=KEEP)
        yield await stack.enter_async_context(loki)


@pytest.fixture(params=["table", "loki"])
def store(request: pytest.FixtureRequest) -> LogStore:
    store: LogStore = request.getfixturevalue(request.param)
    return store


class Project:
    """Lines of one project, kept and looked for."""

    def __init__(self, store: LogStore) -> None:
        self.store = store
        self.id, self.deployment = str(uuid4()), str(uuid4())
        self.now = datetime.now(UTC)

    def line(self, text: str, *, minutes: float = 0, **other: object) -> NewLine:
        at = self.now + timedelta(minutes=minutes)
        line = NewLine(self.id, self.deployment, at, "run", "out", text)
        return replace(line, **other)  # type: ignore[arg-type]

    def request(self, text: str, status: int, duration: float) -> NewLine:
        return self.line(text, source="request", request=Request(status, duration))

    async def keep(self, *texts: str) -> list[LogLine]:
        return await self.store.append([self.line(text) for text in texts])

    async def finds(self, texts: Sequence[str], **asked: object) -> list[LogLine]:
        """Those lines and no others; a store may take a moment until it shows them."""
        found: list[LogLine] = []

        async def so() -> bool:
            found[:] = await self.store.search(self.id, **asked)  # type: ignore[arg-type]
            return [line.text for line in found] == list(texts)

        try:
            await until(so, within=20)
        except TimeoutError:
            raise AssertionError(f"{[line.text for line in found]}, not {texts}") from None
        return found


@pytest.fixture
def project(store: LogStore) -> Project:
    return Project(store)


async def test_lines_are_kept_in_order(project: Project) -> None:
    kept = await project.store.append([project.line(str(number)) for number in range(2_000)])
    assert [line.text for line in kept] == [str(number) for number in range(2_000)]
    assert [line.id for line in kept] == sorted({line.id for line in kept})
    assert await project.finds(["1997", "1998", "1999"], limit=3) == kept[-3:]
    assert await project.finds(["10", "11", "12"], after=kept[9].id, limit=3) == kept[10:13]
    assert await project.finds(["6", "7", "8"], before=kept[9].id, limit=3) == kept[6:9]
    assert await project.finds(["7", "8"], after=kept[6].id, before=kept[9].id) == kept[7:9]
    assert await project.store.append([]) == []


async def test_more_lines_than_one_question_gives(project: Project) -> None:
    texts = [str(number) for number in range(6_000)]
    kept = await project.store.append([project.line(text) for text in texts])
    assert await project.finds(texts, limit=10_000) == kept
    assert await project.finds(texts[1:], after=kept[0].id, limit=10_000) == kept[1:]


async def test_lines_before_one_are_counted_for_their_numbers(project: Project) -> None:
    kept = await project.keep("0", "1", "2", "3", "4")
    [stranger] = await project.store.append([project.line("not theirs", deployment=str(uuid4()))])
    await project.finds(["0", "1", "2", "3", "4", "not theirs"])
    count = project.store.count
    assert await count(project.id, deployment=project.deployment, before=kept[3].id) == 3
    assert await count(project.id, deployment=project.deployment, before=stranger.id) == 5
    assert await count(project.id, deployment=stranger.deployment, before=stranger.id) == 0
    assert await count(project.id, deployment="not an id", before=9) == 0
    assert await count("not an id", deployment=stranger.deployment, before=9) == 0


async def test_every_filter_holds(project: Project) -> None:
    other = Project(project.store)
    another = project.line("four", deployment=str(uuid4()), source="build", stream="err", minutes=-10)
    await project.store.append([project.line("one", level="error", minutes=-10), project.line("two", minutes=-5)])
    await project.store.append([project.line("three"), other.line("foreign"), another])
    await project.finds(["one", "two", "three", "four"])
    await project.finds(["one"], level="error")
    await project.finds(["one", "two", "three"], deployments=[project.deployment])
    await project.finds(["four"], deployments=[another.deployment])
    await project.finds(["one", "two", "three", "four"], deployments={project.deployment, another.deployment})
    await project.finds([], deployments=[])
    await project.finds([], deployments=[str(uuid4())])
    await project.finds(["four"], source="build")
    await project.finds(["one", "two", "three"], source="run")
    await project.finds(["two", "three"], since=project.now - timedelta(minutes=5))
    await project.finds(["one", "four"], until=project.now - timedelta(minutes=5))
    await project.finds(["two"], since=project.now - timedelta(minutes=6), until=project.now - timedelta(minutes=4))
    await project.finds(["four"], source="build", until=project.now, text="OU", deployments=[another.deployment])
    await other.finds(["foreign"])


async def test_requests_are_found_by_status_and_duration(project: Project) -> None:
    lines = [
        project.request("GET /", 200, 3.25),
        project.request("GET /slow", 200, 1_200.5),
        project.request("GET /gone", 404, 1),
        project.request("POST /", 502, 30_000),
        project.line("500 of them took 900 ms"),
    ]
    kept = await project.store.append(lines)
    assert [line.request for line in kept] == [line.request for line in lines]
    assert await project.finds([line.text for line in lines]) == kept
    await project.finds(["GET /gone"], status=(400, 499))
    await project.finds(["GET /gone", "POST /"], status=(404, 502))
    await project.finds(["GET /slow", "POST /"], slower_than=1_200)
    await project.finds(["POST /"], slower_than=1_200.5)
    await project.finds(["GET /slow"], slower_than=100, status=(200, 299), source="request")
    await project.finds(["GET /slow"], slower_than=100, text="slow", until=project.now + timedelta(minutes=1))
    await project.finds([], status=(400, 599), source="run")


HOSTILE = [
    "100%",
    "under_score",
    "back\\slash",
    "trailing\\",
    "'; DROP TABLE log_line; --",
    '{"json": [1]}',
    '"}} or {installation=~".+"} |= "',
    "` + `",
    "(a+)+$",
    "(?i)x|y",
    "[^ ]+ [^ ]+",
    "{0} {}",
    "$1 \\1 \\Q \\E",
    "\tindented,  twice",
    "two\nlines",
    "ünï çödé 🎉 \ufeff \x7f",
    "\x1b[31mred\x1b[0m",
    "aab",
]


async def test_any_text_is_found_exactly(project: Project) -> None:
    await project.keep(*(f"before {text} after" for text in HOSTILE))
    await project.finds([f"before {text} after" for text in HOSTILE])
    for text in HOSTILE:
        for asked in (text, text.upper()):
            found = await project.store.search(project.id, text=asked)
            assert [line.text for line in found] == [f"before {text} after"], asked


async def test_only_the_text_is_searched(project: Project) -> None:
    [kept] = await project.store.append([project.line("plain", level="error")])
    await project.finds(["plain"], text="LAI")
    nothing = [
        "%",
        "_",
        "p%n",
        "pl_in",
        "p.ain",
        ".*",
        "\\",
        "plain\0",
        "\udc80",
        "out",
        "error",
        "run",
        "late",
        " plain",
    ]
    for text in [*nothing, project.deployment, project.id, str(kept.id)]:
        assert await project.store.search(project.id, text=text) == [], text


async def test_long_texts_are_searched_for(project: Project) -> None:
    text = "a(b)" * 2_000
    await project.keep(f"{text}!", f"{text}?")
    await project.finds([f"{text}?"], text=f"{text}?")


async def test_an_empty_line_is_a_line(project: Project) -> None:
    await project.keep("", " ", "x ")
    await project.finds(["", " ", "x "])


async def test_what_cannot_be_stored_is_replaced(project: Project) -> None:
    kept = await project.keep("a\0b", "c\udc80d é")
    assert [line.text for line in kept] == ["a\ufffdb", "c?d é"]
    assert await project.finds(["a\ufffdb", "c?d é"]) == kept


async def test_questions_beyond_reason_have_an_answer(project: Project) -> None:
    await project.keep("a")
    await project.finds(["a"])
    assert await project.store.search("no id") == []
    assert await project.store.search('x"} or {a="b') == []
    await project.finds([], deployments=["'"])
    await project.finds(["a"], deployments=["'", project.deployment])
    await project.finds(["a"], deployments=[project.deployment, *(str(uuid4()) for _ in range(300))])
    await project.finds(["a"], after=-(10**30), before=10**30, limit=10**9)
    await project.finds(["a"], limit=-1)
    await project.finds([], after=10, before=5)
    long_ago, far_away = datetime(1900, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
    await project.finds(["a"], since=long_ago, until=far_away)
    await project.finds([], since=far_away)
    await project.finds([], until=long_ago)


async def test_cursors_are_kept_with_their_lines(project: Project) -> None:
    one, two = f"app-{uuid4()}", f"app-{uuid4()}"
    await project.store.append([project.line("a")], cursors={one: "10", two: "5"})
    await project.store.append([], cursors={one: "11"})
    kept = await project.store.cursors()
    assert (kept[one], kept[two]) == ("11", "5")


async def test_lines_of_long_ago_are_kept_and_found(project: Project) -> None:
    """An app wrote on while nobody read its output."""
    days = [20, 8, 3, 0.01]
    await project.store.append([project.line(f"{ago} days ago", minutes=-ago * 1440) for ago in days])
    await project.finds([f"{ago} days ago" for ago in days])
    three = project.now - timedelta(days=3, minutes=1)
    await project.finds(["3 days ago", "0.01 days ago"], since=three)
    await project.finds(["20 days ago", "8 days ago"], until=three)
    await project.finds(["8 days ago"], since=project.now - timedelta(days=9), until=project.now - timedelta(days=7))


async def test_a_removed_project_is_gone(project: Project) -> None:
    other = Project(project.store)
    await project.store.append([project.line("mine"), other.line("foreign")])
    await project.finds(["mine"])
    await project.store.forget(project=project.id)
    await project.finds([])
    assert await project.store.count(project.id, deployment=project.deployment, before=2**53) == 0
    await other.finds(["foreign"])
    with pytest.raises(ValueError, match="forget what"):
        await project.store.forget()


async def test_what_is_young_outlives_the_retention(project: Project) -> None:
    await project.keep("young")
    await project.store.forget(before=project.now - timedelta(days=2))
    await project.finds(["young"])


async def test_nobody_who_reads_on_misses_a_line(project: Project) -> None:
    """Ids become visible in their order, also when many write at once."""
    sources: list[Source] = ["run", "build"]

    async def write(source: Source) -> None:
        for _ in range(20):
            await project.store.append([project.line("x", source=source) for _ in range(10)])

    writing = [asyncio.create_task(write(source)) for source in sources * 2]
    seen: list[int] = []

    async def read_on() -> bool:
        lines = await project.store.search(project.id, after=seen[-1] if seen else 0, limit=100)
        seen.extend(line.id for line in lines)
        return len(seen) >= 800

    await until(read_on)
    await asyncio.gather(*writing)
    assert len(seen) == len(set(seen)) == 800
