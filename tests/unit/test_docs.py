"""What the docs point at is there: files, headings, scripts, playbooks and commands."""

import argparse
import re
from pathlib import Path

import pytest

from devpush import cli
from devpush.settings import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "tests").glob("*/README.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PLAYS = ("setup.yml", "deploy.yml", "update.yml", "backup.yml", "restore.yml")
of_every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@of_every_page
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text()):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, heading = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        assert not heading or heading in headings(target), link


def headings(page: Path) -> set[str]:
    """As GitHub makes anchors of them."""
    texts = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in texts}


@of_every_page
def test_every_file_of_provision_that_is_named_is_there(page: Path) -> None:
    named = set(re.findall(r"\bprovision/[\w./-]*\w", page.read_text()))
    named |= {f"provision/ansible/{name}" for name in re.findall(r"\b(\w+\.yml)`?", page.read_text()) if name in PLAYS}
    assert not [name for name in named if not (ROOT / name).exists()]


@of_every_page
def test_every_command_that_is_named_is_one(page: Path) -> None:
    text = page.read_text()
    ours = set(re.findall(r"devpush\.py ([a-z][a-z-]+)\b", text))
    assert not ours - commands()
    host = set(re.findall(r"^devpush ([a-z][a-z-]+)\b|`devpush ([a-z][a-z-]+)\b", text, re.MULTILINE))
    assert not {first or second for first, second in host} - commands() - host_commands()


def commands() -> set[str]:
    [found] = [action for action in cli.parser()._actions if isinstance(action, argparse._SubParsersAction)]
    return set(found.choices)


def host_commands() -> set[str]:
    """Those of provision/devpush: the words of its `case`."""
    found = re.findall(
        r"^\s+([a-z][a-z-]*(?: \| [a-z][a-z-]*)*)\)", (ROOT / "provision/devpush").read_text(), re.MULTILINE
    )
    return {word for words in found for word in words.split(" | ")}


def test_every_page_is_found_from_the_readme() -> None:
    linked = {(ROOT / link).resolve() for link in LINK.findall((ROOT / "README.md").read_text()) if ":" not in link}
    assert not [page.name for page in (ROOT / "docs").glob("*.md") if page not in linked]


def test_the_architecture_is_read_in_ten_minutes() -> None:
    assert len((ROOT / "ARCHITECTURE.md").read_text().splitlines()) <= 200
