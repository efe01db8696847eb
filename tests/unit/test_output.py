"""Docker's output becomes lines: short enough, readable, none lost, none twice."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from devpush.adapters.output import LINE_LIMIT, Lines, Reading

START = 1_800_000_000 * 10**9


def cut(*pieces: bytes) -> list[str]:
    lines = Lines()
    return [line for piece in pieces for line in lines.feed(piece)] + list(lines.end())


def test_lines_are_cut_wherever_the_pieces_end() -> None:
    assert cut(b"one\ntw", b"o\n\nthr", b"ee") == ["one", "two", "", "three"]


def test_of_a_progress_bar_the_last_state_is_shown() -> None:
    assert cut(b" 10%\r 20%\r", b" 90%\r", b"100%\r\nnext\r\n") == ["100%", "next"]
    assert cut(b"half\r") == ["half"]


def test_a_line_without_an_end_is_cut_between_characters() -> None:
    lines = cut("€".encode() * LINE_LIMIT)
    assert "".join(lines) == "€" * LINE_LIMIT
    assert max(len(line.encode()) for line in lines) <= LINE_LIMIT


def test_what_is_no_text_is_replaced() -> None:
    assert cut(b"a\xff\0b\n") == ["a\ufffd\ufffdb"]


@given(st.lists(st.binary(max_size=60)))
def test_pieces_make_no_difference(pieces: list[bytes]) -> None:
    assert cut(*pieces) == cut(b"".join(pieces))


def test_an_endless_line_is_not_kept_whole() -> None:
    lines = Lines()
    for _ in range(1000):
        for line in lines.feed(b"x" * 5000):
            assert len(line) <= LINE_LIMIT
        for line in lines.feed(b"\r" * 5000):
            assert len(line) <= LINE_LIMIT
    assert len(lines._rest) <= LINE_LIMIT + 1


def test_an_entry_of_the_log_is_a_time_and_a_text() -> None:
    line = Reading().line("err", b"2026-11-23T13:01:59.809221892Z hello world\n")
    assert line
    assert (line.at, line.stream, line.text) == (
        datetime(2026, 11, 23, 13, 1, 59, 809221, UTC),
        "err",
        "hello world",
    )


def entry(ns: int, text: str) -> bytes:
    at = datetime.fromtimestamp(ns // 10**9, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{ns % 10**9:09d}Z {text}\n".encode()


def docker(log: list[int], since: str) -> list[bytes]:
    """What Docker answers: the lines whose time is not before `since`, in the order of the file."""
    seconds, ns = since.split(".")
    from_ = int(seconds) * 10**9 + int(ns)
    return [entry(at, str(number)) for number, at in enumerate(log) if at >= from_]


steps = st.one_of(st.just(0), st.integers(-900_000_000, 900_000_000), st.integers(0, 3 * 10**9))


@given(st.lists(steps, max_size=40), st.lists(st.integers(0, 15), max_size=12))
def test_nothing_is_lost_or_repeated_however_often_reading_is_cut_off(gaps: list[int], reads: list[int]) -> None:
    """Lines may carry the same nanosecond, and come up to a second out of order."""
    log, newest = [], START
    for gap in gaps:
        log.append(newest + gap)
        newest = max(newest, log[-1])
    seen: list[str] = []
    cursor = ""
    for many in [*reads, len(log)]:
        reading = Reading(cursor)
        fresh = [line for raw in docker(log, reading.since) if (line := reading.line("out", raw))]
        for line in fresh[:many]:
            seen.append(line.text)
            cursor = line.cursor
    assert seen == [str(number) for number in range(len(log))]


def test_when_old_lines_were_rotated_away_new_ones_are_not_skipped() -> None:
    log = [START + number for number in range(5)]
    reading = Reading()
    cursor = [line.cursor for at in log if (line := reading.line("out", entry(at, "old")))][-1]
    resumed = Reading(cursor)
    assert resumed.line("out", entry(START + 9, "new")), "five were read, none of them is there any more"
