"""Whatever comes in, a parser gives back what it promises or refuses it in its own words: it never breaks."""

import asyncio
import json
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC
from pathlib import Path
from tempfile import gettempdir
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiohttp.base_protocol import BaseProtocol
from hypothesis import example, given
from hypothesis import strategies as st

from devpush import access
from devpush.adapters.accesslog import parsed
from devpush.adapters.output import HEADER, STREAMS, frames
from devpush.deploy import dockerfile, payloads
from devpush.errors import BadSettings, DeployFailed, Refused
from devpush.models import Environment, names, rules
from devpush.settings import read as settings_of
from devpush.web import query
from devpush.web.ansi import ansi, plain
from devpush.web.forms import same_site
from devpush.web.streams import _event

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


# Names of hosts


@given(st.text(max_size=80) | st.text("a1-é ß.", max_size=80), st.integers(1, 40))
def test_any_name_makes_a_slug_that_is_a_host_label(text: str, limit: int) -> None:
    slug = names.slugify(text, "app", limit=limit)
    assert names.SLUG.fullmatch(slug)
    assert len(slug) <= max(limit, len("app"))
    assert names.slugify(slug, "app") == slug


LABELS = st.from_regex(r"\A[a-z0-9]([a-z0-9-]{0,90}[a-z0-9])?\Z")


@given(LABELS, LABELS)
@example("a" * 63 + "b", "a" * 63 + "c")
def test_a_long_label_is_cut_and_no_two_become_one(one: str, two: str) -> None:
    assert names.LABEL.fullmatch(names.label(one))
    assert (names.label(one) == names.label(two)) == (one == two)


# Events of a stream

ENDINGS = st.text(
    st.sampled_from("a: \r\n\x0b\x0c\x85\u2028\0") | st.characters(exclude_categories=["Cs"]), max_size=40
)


@given(ENDINGS, st.none() | st.integers(0, query.LARGEST))
def test_whatever_is_streamed_stays_in_its_one_event(text: str, id: int | None) -> None:
    """Read as browsers read it: no text ends its event, begins another, or names another id."""
    lines = re.split("\r\n|\r|\n", _event("line", text, id).decode())
    assert lines[-2:] == ["", ""]
    fields = [line.partition(": ") for line in lines[:-2]]
    assert [value for name, _, value in fields if name == "event"] == ["line"]
    assert [value for name, _, value in fields if name == "id"] == ([] if id is None else [str(id)])
    assert [value for name, _, value in fields if name == "data"] == re.split("\r\n|\r|\n", text.strip())


# What addresses ask for


@given(st.text(max_size=30) | st.text("0123456789-+e.²٣", max_size=21))
def test_a_number_of_an_address_fits_the_database_or_is_none(text: str) -> None:
    found = query.number(text)
    assert found is None or (0 <= found <= 2**63 - 1 and found == int(text))


MOMENTS = st.text("0123456789-:TZ+. ", max_size=32) | st.datetimes().map(str) | st.dates().map(str)


@given(MOMENTS, st.booleans())
@example("9999-12-31", True)
@example("0001-01-01T00:00+14:00", False)
def test_a_moment_of_an_address_is_one_or_none(text: str, end: bool) -> None:
    found = query.moment(text, end=end)
    assert found is None or found.tzinfo is UTC


@given(st.text(max_size=40) | st.text("/\\:@?#.a\t\n[]%", max_size=16).map(lambda text: f"/{text}"))
@example("//evil.example")
@example("/\\evil.example")
@example("/\t/evil.example")
@example("/[")
def test_no_path_to_go_to_leads_off_the_site(text: str) -> None:
    if path := same_site(text):
        assert urlsplit(urljoin("https://push.example.com/a", path)).netloc == "push.example.com"


# Numbers that people type


class Defaults:
    default_memory_mb = 4096
    default_cpu_quota = 100_000


NUMBERS = st.text("0123456789.,-+eE ²٣_", max_size=12) | st.text(max_size=8) | st.integers().map(str)
RULES: dict[str, tuple[Callable[[str], int | None], int, int]] = {
    "memory": (lambda text: rules.memory_mb(text, Defaults()), 16, rules.most_memory_mb(Defaults())),
    "cpu": (lambda text: rules.cpu_quota(text, Defaults()), rules.LEAST_CPU_QUOTA, rules.most_cpu_quota(Defaults())),
    "drain": (rules.drain_seconds, 0, rules.LONGEST_DRAIN),
    "images": (rules.kept_images, 1, rules.MOST_KEPT_IMAGES),
}


@given(st.sampled_from(sorted(RULES)), NUMBERS)
@example("cpu", ".000001")
@example("drain", "²")
def test_a_typed_number_is_within_its_bounds_or_refused(which: str, text: str) -> None:
    rule, low, high = RULES[which]
    with suppress(Refused):
        found = rule(text)
        assert found is None or low <= found <= high


# Settings and the access list

SETTINGS = re.findall(
    r"^#? ?([A-Z][A-Z0-9_]+)=", (Path(__file__).parents[2] / ".env.example").read_text(), re.MULTILINE
)
VALUES = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    [
        "http://[",
        "s3://a",
        "s3://bucket/..",
        "1e9",
        "-1",
        "²",
        "::1/129",
        "a" * 300,
        "\0",
        "/\0",
        "xn--",
        ",",
        "https://a:b",
    ]
)


@given(st.dictionaries(st.sampled_from(SETTINGS), VALUES, max_size=4))
@example({"RUNNER_CA_BUNDLE": "/\0"})
@example({"ENCRYPTION_KEY": "ä"})
def test_any_environment_makes_settings_or_every_complaint_about_it(environ: dict[str, str]) -> None:
    own = {"SECRET_KEY": "of the test", "DATA_DIR": gettempdir(), "ENCRYPTION_KEY": "A" * 43 + "="}
    try:
        told = ""
        settings_of(own | environ)
    except BadSettings as complaints:
        told = str(complaints)
    assert all(line.startswith("  - ") for line in told.splitlines()[1:])


RULE = st.text("ab@.*?+()[]{}|\\^$0123456789,", max_size=20)


@given(
    st.text(max_size=40) | st.dictionaries(st.sampled_from(["emails", "regex", "globs", "other"]), JSON).map(json.dumps)
)
@example(json.dumps({"regex": ["(" * 5_000 + ")" * 5_000]}))
@example(json.dumps({"regex": ["a{99999999999}"]}))
@example("[" * 100_000)
def test_any_access_list_is_read_or_its_trouble_told(text: str) -> None:
    with suppress(access.BadRules):
        access.parse(text).allow("alice@example.com")


@given(st.sampled_from(["emails", "domains", "globs", "regex"]), st.lists(RULE, max_size=3))
def test_any_rule_of_the_access_list_lets_somebody_in_or_not(kind: str, texts: list[str]) -> None:
    with suppress(access.BadRules):
        assert access.parse(json.dumps({kind: texts})).allow("alice@example.com") in (True, False)


# What is kept of a webhook

FACTS = st.lists(st.one_of([st.builds(kind) for kind in payloads.KINDS.values()]), max_size=4)


@given(FACTS)
def test_what_is_kept_of_a_webhook_is_read_again_as_it_was(facts: list[payloads.Fact]) -> None:
    assert payloads.kept(json.loads(json.dumps(payloads.keep(facts)))) == tuple(facts)
