"""What Loki is asked: it understands it, and it finds what is meant."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devpush.adapters import logql
from devpush.adapters.logql import LONGEST_QUERY, Question
from devpush.adapters.spool import Entry, Waiting
from devpush.ports import LogLine, NewLine, Request
from tests import loki_query
from tests.loki_query import BadQuery, CountQuery, LogQuery, parse

PROJECT, DEPLOYMENT = str(uuid4()), str(uuid4())
NOON = datetime(2026, 11, 23, 12, 0, 0, 123_456, tzinfo=UTC)
ID = logql.microseconds(NOON) + 5
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)


def new(text: str, **other: object) -> NewLine:
    return replace(NewLine(PROJECT, DEPLOYMENT, NOON, "run", "out", text), **other)  # type: ignore[arg-type]


def asked(**what: object) -> Question:
    return Question(installation="0a1b2c3d", project=PROJECT, **what)  # type: ignore[arg-type]


def finds(question: Question, line: NewLine) -> bool:
    """Whether Loki would give that line, by the text of the query alone."""
    [stream] = logql.streams("0a1b2c3d", [Waiting((1, 1), ID, logql.entry(line, ID))])
    query = parse(question.query())
    assert isinstance(query, LogQuery)
    labels = dict(stream["stream"])
    return query.selects(labels) and query.passes(stream["values"][0][1], labels)


@given(TEXTS, TEXTS, TEXTS)
def test_any_text_is_found_and_no_other(before: str, text: str, after: str) -> None:
    assert finds(asked(text=text), new(before + text + after))
    assert finds(asked(text=text, level="error"), new(before + text, level="error", source="build"))
    assert finds(asked(text=text), new(before)) == (text.lower() in before.lower()) or not text.isascii()


@given(TEXTS)
def test_whatever_is_quoted_is_read_back(text: str) -> None:
    assert loki_query.unquoted(logql.quoted(text)) == text
    assert loki_query.regex(logql.literal(text)).fullmatch(text)


@given(TEXTS, st.sampled_from([None, "error"]), st.sampled_from([None, Request(404, 0.125)]), st.datetimes())
def test_a_line_comes_back_as_it_went(text: str, level: str | None, request: Request | None, at: datetime) -> None:
    line = new(text, level=level, request=request, at=at.replace(tzinfo=UTC))
    told = logql.entry(line, ID)
    back = LogLine(ID, line.deployment, line.at, line.source, line.stream, text, level, request)
    assert logql.line(ID, told.source, told.text) == back


def test_what_somebody_else_wrote_is_no_line() -> None:
    for text in ("", "a b c", "one two three four five six seven", f"{DEPLOYMENT} out - {10**30} - - x"):
        assert logql.line(ID, "run", text) is None


def test_what_stands_before_the_text_is_not_searched() -> None:
    for text in (DEPLOYMENT, "out", "error", str(logql.microseconds(NOON)), "404", "1.5", "request"):
        line = new("plain", level="error", source="request", request=Request(404, 1.5))
        assert not finds(asked(text=text), line)


def test_a_forged_beginning_is_only_text() -> None:
    forged = new(f"{uuid4()} out error 0 500 9999.000 text")
    [other, *_] = forged.text.split(" ")
    assert not finds(asked(deployments=[other]), forged)
    assert not finds(asked(level="error"), forged)
    assert not finds(asked(status=(500, 599)), forged)
    assert not finds(asked(since=NOON + timedelta(seconds=1)), forged)


def test_times_are_exact_to_the_microsecond() -> None:
    tick = timedelta(microseconds=1)
    assert finds(asked(since=NOON, until=NOON + tick), new("x"))
    assert not finds(asked(since=NOON + tick), new("x"))
    assert not finds(asked(until=NOON), new("x"))


def test_numbers_that_nobody_would_ask_for_are_understood() -> None:
    line = new("GET /", source="request", request=Request(200, 0.001))
    assert finds(asked(slower_than=-1, status=(-5, 10**20)), line)
    assert not finds(asked(slower_than=1e15), line)


def test_no_query_is_longer_than_loki_takes() -> None:
    for text in ("x" * 8_000, '"\\' * 4_000, "🎉" * 8_000):
        query = asked(text=text, deployments=[str(uuid4()) for _ in range(40)]).query()
        assert len(query.encode()) <= LONGEST_QUERY
        parse(query)


def test_lines_are_counted_over_a_time() -> None:
    counted = parse(asked(deployments=[DEPLOYMENT]).count(720 * 3_600_000))
    assert isinstance(counted, CountQuery)
    assert counted.nanoseconds == 720 * 3600 * 10**9


def test_a_push_holds_one_stream_of_a_project() -> None:
    def waiting(number: int, project: str, source: str) -> Waiting:
        return Waiting((1, number), number, Entry(project, source, False, "x"))

    lines = [waiting(1, "a", "run"), waiting(2, "b", "run"), waiting(3, "a", "build"), waiting(4, "b", "run")]
    assert [[line.id for line in piece] for piece in logql.one_stream_each(lines)] == [[1, 2], [3, 4]]
    assert logql.one_stream_each([]) == []


BAD = [
    "",
    "{}",
    "{a=1}",
    '{a=""}',
    '{a=~".*"}',
    '{a="1"',
    '{a="1"} |= x',
    '{a="1"} |~ "("',
    '{a="1"} |~ "(?=x)"',
    '{a="1"} |~ "\\\\1"',
    '{a="1"} |= "\\ud83c"',
    '{a="1"} | regexp "x"',
    '{a="1"} | b >= -1',
    '{a="1"} | json',
    '{a="1"} |= "new\nline"',
    '{a="1"}}',
    'sum(count_over_time({a="1"} [1x]))',
    'sum({a="1"})',
]


@pytest.mark.parametrize("text", BAD)
def test_our_loki_refuses_what_loki_refuses(text: str) -> None:
    """Or what we never ask."""
    with pytest.raises(BadQuery):
        parse(text)
