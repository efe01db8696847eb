"""What waits for Loki on disk: in order, once, whoever dies."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devpush.adapters.spool import Entry, Spool
from devpush.errors import Unavailable

Opened = Callable[..., Spool]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    spools: list[Spool] = []

    def open_one(*, limit: int = 1_000_000, segment: int = 500) -> Spool:
        spool = Spool(tmp_path / "spool", limit=limit, segment=segment)
        spool.open()
        spools.append(spool)
        return spool

    yield open_one
    for spool in spools:
        spool.close()


def add(spool: Spool, *texts: str, **cursors: str) -> int:
    first, _ = spool.append(lambda _: [Entry("p", "run", False, text) for text in texts], cursors)
    return first


def test_nobody_else_on_the_machine_reads_what_waits(tmp_path: Path, opened: Opened) -> None:
    """Also in a folder that was there before."""
    (tmp_path / "spool").mkdir(mode=0o755)
    add(opened(), "a secret")
    assert (tmp_path / "spool").stat().st_mode & 0o077 == 0


def texts(spool: Spool, most: int = 1_000) -> list[str]:
    """Up to about so many of what is next, sent."""
    found: list[str] = []
    while len(found) < most and (lines := spool.ahead(most - len(found), 10**9)):
        spool.sent(lines[-1].mark)
        found += [line.entry.text for line in lines]
    return found


def test_what_goes_in_comes_out_in_order_with_growing_ids(opened: Opened) -> None:
    spool = opened(segment=10**6)
    assert spool.take_turn()
    numbers = [add(spool, str(number), f"{number} ü\n\t") for number in range(50)]
    assert numbers == sorted(set(numbers))
    lines = spool.ahead(1_000, 10**9)
    assert [line.entry.text for line in lines][:4] == ["0", "0 ü\n\t", "1", "1 ü\n\t"]
    assert len({line.id for line in lines}) == 100
    assert [line.mark for line in lines] == sorted(line.mark for line in lines)


def test_whoever_comes_next_goes_on_where_the_last_one_stopped(opened: Opened, tmp_path: Path) -> None:
    """Also in the middle of what was appended together."""
    spool = opened()
    spool.take_turn()
    for number in range(0, 100, 5):
        add(spool, *(str(number + more) for more in range(5)), app=str(number))
    seen = [text for _ in range(12) for text in texts(spool, 7)]
    spool.ahead(1, 1)  # read, but never sent
    os.close(spool._sender)  # as the kernel does when the process dies
    spool._sender = os.open(os.devnull, os.O_RDONLY)
    successor = opened()
    assert successor.take_turn()
    assert successor.cursors() == {"app": "95"}
    last = successor.last
    assert add(successor, "100") > last
    seen += texts(successor)
    assert seen == [str(number) for number in range(101)]


def test_sent_segments_are_removed_and_their_cursors_are_not(opened: Opened, tmp_path: Path) -> None:
    spool = opened()
    spool.take_turn()
    for number in range(100):
        add(spool, str(number), **{f"app-{number}": "1"})
    assert len(list((tmp_path / "spool").glob("*.log"))) > 5
    assert len(texts(spool)) == 100
    assert texts(spool) == []
    assert len(list((tmp_path / "spool").glob("*.log"))) == 1
    assert len(opened().cursors()) == 100


def test_nothing_is_removed_before_it_is_sent(opened: Opened) -> None:
    spool = opened()
    spool.take_turn()
    for number in range(100):
        add(spool, str(number))
    spool.ahead(1_000, 10**9)
    spool.again()
    assert texts(spool) == [str(number) for number in range(100)]


def test_two_processes_append_to_one_order(opened: Opened) -> None:
    one, two = opened(), opened()
    assert one.take_turn()
    assert not two.take_turn()
    ids = []
    for number in range(60):
        ids.append(add(one if number % 3 else two, str(number), app=str(number)))
        if number % 10 == 9:
            texts(one, 15)
    assert ids == sorted(set(ids))
    assert one.cursors() == two.cursors() == {"app": "59"}
    assert one.end == two.end


@pytest.mark.parametrize("torn", [b"0", b"00000000 {}\t[]\n", b"12345678 {"])
def test_what_somebody_died_over_is_cut_off(opened: Opened, tmp_path: Path, torn: bytes) -> None:
    spool = opened(segment=10**6)
    spool.take_turn()
    add(spool, "before")
    with (tmp_path / "spool" / "0000000001.log").open("ab") as file:
        file.write(torn)
    assert texts(spool) == ["before"]
    successor = opened(segment=10**6)
    add(successor, "after")
    assert texts(spool) == ["after"]


def test_a_full_spool_takes_nothing_more_until_there_is_room(opened: Opened) -> None:
    spool = opened(limit=3_000)
    spool.take_turn()
    added = 0

    def fill() -> None:
        nonlocal added
        while True:
            add(spool, "x" * 100, app=str(added))
            added += 1

    with pytest.raises(Unavailable, match=r"Loki is away, and the 0 MB kept for its lines are full"):
        fill()
    assert spool.cursors() == {"app": str(added - 1)}
    assert len(texts(spool)) == added
    assert texts(spool) == []
    add(spool, "goes on")
    assert texts(spool) == ["goes on"]


def test_a_full_disk_leaves_no_half_of_a_record(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = opened()
    spool.take_turn()
    add(spool, "before")
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda file, data: write(file, data[:10]))
        with pytest.raises(Unavailable, match="the disk is full"):
            add(spool, "never", app="1")
    assert spool.cursors() == {}
    add(spool, "after")
    assert texts(spool) == ["before", "after"]


def test_ids_grow_though_the_clock_is_set_back(tmp_path: Path) -> None:
    now = 10**18
    spool = Spool(tmp_path / "spool", limit=10**6, clock=lambda: now)
    spool.open()
    first = add(spool, "a", "b")
    now -= 60 * 10**9
    assert add(spool, "c") == first + 2
    now -= 2 * 3600 * 10**9  # Loki would take nothing for two hours
    assert add(spool, "d") == now // 1000
    spool.close()


def test_it_knows_where_a_deployments_lines_are(opened: Opened) -> None:
    spool = opened()
    spool.take_turn()
    first = add(spool, "shop one", "blog one", "shop two")
    add(spool, "blog two")
    texts(spool)
    before = (0, spool.born)
    assert spool.spans(["shop"]) == [before, (first, first + 2)]
    spool.note({"shop": (first + 500, first + 500)})
    other = opened()
    assert other.spans(["shop", "unknown"]) == [before, (first, first + 500)]
    assert other.spans(["unknown"]) == [before]
    [(low, high)] = other.spans(None)
    assert low <= first < high
