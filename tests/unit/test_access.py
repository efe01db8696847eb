"""access.json says who may sign in."""

import json
import os
from pathlib import Path

import pytest

from devpush.access import Access, BadRules, parse
from devpush.settings import ROOT

RULES = {
    "emails": ["Ada@Example.com"],
    "domains": ["example.org", "@example.info"],
    "globs": ["*@*.example.net"],
    "regex": [r"dev-[a-z]{1,20}@team\.io"],
}


@pytest.mark.parametrize(
    "address",
    ["ada@example.com", "ADA@EXAMPLE.COM", "bob@example.org", "eve@example.info", "x@a.example.net", "dev-ops@team.io"],
)
def test_who_fits_a_rule_may_come(address: str) -> None:
    assert parse(json.dumps(RULES)).allow(address)


@pytest.mark.parametrize(
    "address",
    [
        "bob@example.com",
        "bob@sub.example.org",
        "bob@example.org.evil.com",
        "bob@evil-example.org",
        "evil@x.com@example.org",
        "dev-ops@team.io.evil.com",
        "xdev-ops@team.io",
        "dev-ops@teamxio",
        "ada@example.com\nx",
        "a" * 400 + "@example.org",
        "",
    ],
)
def test_who_fits_none_may_not(address: str) -> None:
    assert not parse(json.dumps(RULES)).allow(address)


@pytest.mark.parametrize("text", ["", "  \n", "{}", '{"emails": [], "regex": []}'])
def test_no_rules_let_everybody_in(text: str) -> None:
    assert parse(text).allow("anybody@anywhere.org")


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '"x"',
        '{"mails": []}',
        '{"emails": "a@b.c"}',
        '{"emails": [1]}',
        '{"emails": [""]}',
        '{"regex": ["("]}',
    ],
)
def test_a_broken_file_is_told_apart_from_an_empty_one(text: str) -> None:
    with pytest.raises(BadRules):
        parse(text)


def test_the_example_is_good() -> None:
    rules = parse((ROOT / "access.example.json").read_text())
    assert rules.allow("ada@example.com")
    assert not rules.allow("eve@example.com")


async def test_the_file_is_read_again_when_it_changes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "access.json"
    access = Access(path)
    assert await access.allows("eve@anywhere.org"), "no file lets everybody in"

    path.write_text('{"domains": ["example.org"]}')
    assert not await access.allows("eve@anywhere.org")
    assert await access.allows("bob@example.org")

    path.write_text('{"domains": ["example.org"')
    assert not await access.allows("bob@example.org"), "a broken file denies everybody"
    assert not await access.allows("bob@example.org")
    assert [record.message for record in caplog.records] == ["access.json is broken and denies everybody"]

    path.write_text('{"domains": ["anywhere.org"]}')
    assert await access.allows("eve@anywhere.org")

    path.unlink()
    assert await access.allows("anybody@elsewhere.org")


async def test_a_folder_or_an_unreadable_file_denies_everybody(tmp_path: Path) -> None:
    folder = tmp_path / "access.json"
    folder.mkdir()
    assert not await Access(folder).allows("ada@example.com")
    latin = tmp_path / "latin.json"
    latin.write_bytes('{"emails": ["ä@example.com"]}'.encode("latin-1"))
    os.utime(latin)
    assert not await Access(latin).allows("ada@example.com")


async def test_it_tells_how_many_rules_there_are_or_what_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "access.json"
    access = Access(file)
    rules = await access.rules()
    assert rules
    assert (rules.count, access.broken) == (0, "")
    file.write_text(json.dumps(RULES))
    rules = await access.rules()
    assert rules
    assert rules.count == 5
    file.write_text('{"emails": "ada@example.com"}')
    assert await access.rules() is None
    assert access.broken == "emails must be a list of texts"
    file.unlink()
    assert await access.rules()
    assert access.broken == ""
