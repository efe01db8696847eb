"""Whatever comes in, a parser gives back what it promises or refuses it in its own words: it never breaks."""

import asyncio
import json
import re
from contextlib import suppress
from typing import Any

import aiohttp
from aiohttp.base_protocol import BaseProtocol
from hypothesis import example, given
from hypothesis import strategies as st

from devpush.adapters.accesslog import parsed
from devpush.adapters.output import HEADER, STREAMS, frames
from devpush.deploy import dockerfile
from devpush.errors import DeployFailed, Refused
from devpush.models import Environment, rules
from devpush.web.ansi import ansi, plain

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
BRANCHES = st.text(st.sampled_from("ab/-.*?[]!\\"), min_size=1, max_size=12)


# Branch patterns


@given(pattern=BRANCHES, branch=BRANCHES)
@example(pattern="feature/*", branch="feature/[a]")
@example(pattern="[ab]", branch="a")
@example(pattern="a?*", branch="ab")
def test_an_environment_takes_what_its_one_star_stands_for_and_nothing_else(pattern: str, branch: str) -> None:
    try:
        pattern = rules.branch_pattern(pattern)
    except Refused:
        return
    before, star, after = pattern.partition("*")
    fits = branch.startswith(before) and branch[len(before) :].endswith(after) if star else branch == pattern
    assert Environment(slug="staging", branch=pattern).takes(branch) == fits


# Docker's frames


async def read(content: bytes) -> list[tuple[str, bytes]]:
    reader = aiohttp.StreamReader(BaseProtocol(asyncio.get_running_loop()), 2**16)
    reader.feed_data(content)
    reader.feed_eof()
    return [frame async for frame in frames(reader)]


@given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=50))), st.integers(0, 20))
async def test_frames_come_whole_and_what_is_cut_off_is_not_made_up(sent: list[tuple[int, bytes]], cut: int) -> None:
    whole = b"".join(HEADER.pack(kind, len(data)) + data for kind, data in sent)
    told = [(STREAMS.get(kind, "system"), data) for kind, data in sent]
    assert await read(whole) == told
    got = await read(whole[: max(0, len(whole) - cut)])
    assert got == told[: len(got)]


@given(st.binary(max_size=200))
async def test_any_bytes_are_frames_or_refused(content: bytes) -> None:
    with suppress(aiohttp.ClientPayloadError):
        assert sum(len(data) for _, data in await read(content)) <= len(content)


# Traefik's access log

GOOD = {
    "ServiceName": "0a1b2c3d-0000-4000-8000-000000000000@file",
    "Duration": 1_000_000,
    "StartUTC": "2026-11-24T05:00:00Z",
    "RequestMethod": "GET",
    "RequestPath": "/a?b",
    "DownstreamStatus": 200,
    "ClientAddr": "198.51.100.7:1234",
}


@given(name=st.sampled_from(sorted(GOOD)), value=JSON)
@example(name="Duration", value=1e300)
@example(name="StartUTC", value="9999-12-31T23:59:59.999Z")
def test_a_line_with_anything_in_it_is_read_or_passed_over(name: str, value: object) -> None:
    assert parsed(json.dumps(GOOD).encode(), "1:1")
    parsed(json.dumps(GOOD | {name: value}).encode(), "1:1")


@given(st.binary(max_size=100))
def test_any_line_of_the_access_log_is_read_or_passed_over(line: bytes) -> None:
    assert parsed(line, "1:1") is None


# What apps and people write

ESCAPES = st.text(st.sampled_from("a<&\"'\x1b\x9b[]0;:8m\x07\\\n\u202e\u2066"), max_size=60)


@given(ESCAPES)
def test_whatever_an_app_prints_its_html_holds_our_own_classes_and_nothing_else(text: str) -> None:
    html = str(ansi(text))
    bare = re.sub(r'<span class="(ansi-[a-z0-9-]+ ?)+">|</span>', "", html)
    assert "<" not in bare
    assert html.count("<span") == html.count("</span>")
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", html)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", plain(text))


WORDS = [
    "FROM a",
    "AS b",
    "COPY --from=b",
    "ARG",
    "X=1",
    "${X",
    "$X",
    "\\\n",
    "\n",
    "ONBUILD",
    "RUN <<E",
    "E",
    '["',
    "--mount=",
    "# escape=`",
]
DOCKERFILES = st.lists(st.sampled_from(WORDS), max_size=12)


@given(DOCKERFILES | st.text(max_size=60).map(lambda text: [text]))
def test_any_dockerfile_is_understood_or_refused_with_its_line(words: list[str]) -> None:
    with suppress(DeployFailed):
        file = dockerfile.read(" ".join(words).encode())
        images = file.images({})
        assert file.written({}, dict.fromkeys(images, "sha256:" + "0" * 64), {})
