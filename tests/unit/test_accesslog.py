"""Traefik's access log is read once, through restarts, rotations and holes, and says nothing of our own looks."""

import json
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from devpush.adapters import accesslog
from devpush.adapters.accesslog import TraefikAccessLog, parsed
from devpush.ports import Served

DEPLOYMENT = "3f2a91c0-0000-4000-8000-000000000001"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accesslog, "LOOK_EVERY", 0.001)
    monkeypatch.setattr(accesslog, "REST", 0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "access.log"


def entry(path: str = "/", **facts: Any) -> bytes:
    told = {
        "ClientAddr": "203.0.113.9:55306",
        "DownstreamStatus": 200,
        "Duration": 6_020_275,
        "RequestMethod": "GET",
        "RequestPath": path,
        "ServiceName": f"{DEPLOYMENT}@file",
        "StartUTC": "2026-11-23T19:21:23.110948547Z",
        "request_User-Agent": "curl/7.88.1",
        "origin_Content-Type": "text/html",
    }
    return json.dumps(told | facts).encode() + b"\n"


def write(path: Path, *entries: bytes) -> None:
    with path.open("ab") as file:
        file.write(b"".join(entries))


async def all_of(log: TraefikAccessLog, since: str = "") -> list[Served]:
    """Everything until nothing comes for a while."""
    async with aclosing(log.follow(since)) as requests:
        return await until_quiet(requests)


async def until_quiet(requests: AsyncGenerator[Served | None, None]) -> list[Served]:
    found, quiet = [], 0
    while quiet < 4:
        served = await anext(requests)
        if served:
            found.append(served)
        quiet = 0 if served else quiet + 1
    return found


def paths(found: list[Served]) -> list[str]:
    return [served.path for served in found]


# Lines


def test_a_line_is_a_request_to_a_deployment() -> None:
    served = parsed(entry("/cart"), "1:2")
    assert served
    assert (served.deployment, served.method, served.path, served.status) == (DEPLOYMENT, "GET", "/cart", 200)
    assert served.duration == pytest.approx(6.02, abs=0.01)
    assert served.at.isoformat() == "2026-11-23T19:21:23.116968+00:00", "when its answer was complete"
    assert (served.lasting, served.cursor) == (False, "1:2")


def test_a_query_is_never_kept() -> None:
    served = parsed(entry("/reset?token=canary"), "")
    assert served
    assert "canary" not in repr(served)


def test_what_stays_open_is_told_apart() -> None:
    for facts in ({"DownstreamStatus": 101}, {"origin_Content-Type": "text/event-stream; charset=utf-8"}):
        served = parsed(entry(**facts), "")
        assert served
        assert served.lasting


def test_our_own_looks_are_left_out_and_nobody_else_can_hide_so() -> None:
    probe = {"request_User-Agent": "devpush-probe"}
    for address in ("127.0.0.1:4711", "[::1]:4711", "172.18.0.1:4711"):
        assert parsed(entry(**probe, ClientAddr=address), "") is None
    for address in ("93.184.215.14:4711", "10.204.0.9:4711"):  # from afar, and another tenant's app
        assert parsed(entry(**probe, ClientAddr=address), "") is not None


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"ServiceName"',
        entry(ServiceName="platform@file"),
        entry(ServiceName=None),
        entry(Duration="long"),
        entry(StartUTC="yesterday"),
        entry(RequestPath=7),
        b'192.0.2.1 - - [10/Oct/2026:13:55:36 +0000] "GET / HTTP/1.1" 200',
    ],
)
def test_what_concerns_no_deployment_is_left_out(line: bytes) -> None:
    assert parsed(line, "") is None


# The file


async def test_requests_are_read_as_they_are_written(path: Path) -> None:
    async with aclosing(TraefikAccessLog(path).follow()) as requests:
        assert await until_quiet(requests) == [], "there is no file yet"
        write(path, entry("/1"), entry("/2")[:40])
        assert paths(await until_quiet(requests)) == ["/1"]
        write(path, entry("/2")[40:], entry("/3"))
        assert paths(await until_quiet(requests)) == ["/2", "/3"]


async def test_a_restart_goes_on_behind_the_last_request_that_was_kept(path: Path) -> None:
    write(path, *(entry(f"/{number}") for number in range(5)))
    found = await all_of(TraefikAccessLog(path))
    assert paths(await all_of(TraefikAccessLog(path), found[2].cursor)) == ["/3", "/4"]
    assert await all_of(TraefikAccessLog(path), found[4].cursor) == []


async def test_a_log_that_was_moved_away_is_read_to_its_end(path: Path) -> None:
    write(path, entry("/1"))
    async with aclosing(TraefikAccessLog(path).follow()) as requests:
        [first] = await until_quiet(requests)
        old = path.with_suffix(".log.1")
        path.replace(old)
        write(old, entry("/2"))  # whoever writes hasn't heard of it yet
        assert paths(await until_quiet(requests)) == ["/2"]
        write(old, entry("/3"))
        write(path, entry("/4"))
        assert paths(await until_quiet(requests)) == ["/3", "/4"]
    assert paths(await all_of(TraefikAccessLog(path), first.cursor)) == ["/2", "/3", "/4"], "after a restart, too"


async def test_a_log_that_was_emptied_is_read_from_its_beginning(path: Path) -> None:
    write(path, entry("/1"), entry("/2"))
    async with aclosing(TraefikAccessLog(path).follow()) as requests:
        assert len(await until_quiet(requests)) == 2
        os.truncate(path, 0)
        write(path, entry("/3"))
        assert paths(await until_quiet(requests)) == ["/3"]


async def test_the_disk_gets_back_what_was_kept(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accesslog, "WORTH_IT", 100_000)
    write(path, *(entry(f"/{number}") for number in range(4_000)))
    log, before = TraefikAccessLog(path), path.stat()
    found = await all_of(log)
    log.release(found[3_000].cursor)
    after = path.stat()
    assert after.st_size == before.st_size, "Traefik writes on at its end"
    assert after.st_blocks * 512 < before.st_blocks * 512 / 3
    assert paths(await all_of(log, found[3_000].cursor)) == [f"/{number}" for number in range(3_001, 4_000)]
    assert "/3999" in paths(await all_of(log)), "whoever lost the cursor begins behind the hole"
    log.release(found[3_001].cursor)
    assert path.stat().st_blocks == after.st_blocks, "not for a few bytes"


async def test_where_holes_cant_be_made_the_log_is_emptied_once_it_was_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accesslog, "_fallocate", lambda *_: -1)
    monkeypatch.setattr(accesslog, "TOO_LARGE", 1_000)
    monkeypatch.setattr(accesslog, "WORTH_IT", 1)
    write(path, *(entry(f"/{number}") for number in range(40)))
    log = TraefikAccessLog(path)
    async with aclosing(log.follow()) as requests:
        found = await until_quiet(requests)
        log.release(found[20].cursor)
        assert path.stat().st_size > 0, "more was written meanwhile"
        log.release(found[-1].cursor)
        assert path.stat().st_size == 0
        write(path, entry("/on"))
        assert paths(await until_quiet(requests)) == ["/on"]


async def test_without_a_log_there_are_no_requests() -> None:
    log = TraefikAccessLog(None)
    assert await all_of(log) == []
    log.release("1:4096")
