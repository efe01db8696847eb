"""Migrations run while the version before is still at work: they expand. What is in its way goes a version later."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from devpush.models.database import MIGRATIONS

SIDE_BY_SIDE_FROM = 4
"""Before this one, an update stopped the old process first."""
DESTRUCTIVE = {
    "takes away what the version before reads": r"\bDROP\s+(TABLE|COLUMN|VIEW|SCHEMA|SEQUENCE|TYPE|DEFAULT)\b"
    r'|\bDROP\s+(?!INDEX|CONSTRAINT|NOT|TRIGGER|FUNCTION|EXTENSION|IF)"?\w+"?',
    "renames what the version before knows": r"\bRENAME\b",
    "gives a column another type": r"\bALTER\s+(COLUMN\s+)?\"?\w+\"?\s+(SET\s+DATA\s+)?TYPE\b",
    "refuses rows that the version before writes": r"\bSET\s+NOT\s+NULL\b"
    r"|\bADD\s+CONSTRAINT\b(?!.*\bNOT\s+VALID\b)|\bCREATE\s+UNIQUE\s+INDEX\b"
    r"|\bADD\s+(COLUMN\s+)?(IF\s+NOT\s+EXISTS\s+)?(?!CONSTRAINT)\"?\w+\"?\s+(?:(?!\bDEFAULT\b|;|,\s*ADD\b).)*\bNOT\s+NULL\b"
    r"(?:(?!\bDEFAULT\b|;|,\s*ADD\b).)*(?=;|,\s*ADD\b|$)",
    "empties a table": r"(?<!\bOR )\bTRUNCATE\b|\bDELETE\s+FROM\b",
}
REVIEWED: dict[str, str] = {}
"""A statement (as it stands, spaces made one) → why it may run beside the version before: since which version that no
longer uses what goes."""


@pytest.mark.parametrize("path", sorted(MIGRATIONS.glob("models/[0-9]*_*.py")), ids=lambda path: path.stem)
async def test_a_migration_leaves_the_version_before_at_work(path: Path) -> None:
    if int(path.stem.partition("_")[0]) < SIDE_BY_SIDE_FROM:
        return
    migration = _loaded(path)
    sql = await migration.upgrade(None)
    assert [(why, each) for each in _statements(sql) for why in _harms(each) if each not in REVIEWED] == []


@pytest.mark.parametrize(
    "statement",
    [
        'ALTER TABLE "project" DROP COLUMN "name"',
        'ALTER TABLE "project" DROP "name"',
        "DROP TABLE project",
        'ALTER TABLE project RENAME COLUMN name TO "title"',
        "ALTER TABLE project ALTER COLUMN name TYPE INT",
        'ALTER TABLE "project" ALTER "name" SET NOT NULL',
        'ALTER TABLE "project" ADD "size" INT NOT NULL',
        'ALTER TABLE "project" ADD "kind" INT NOT NULL DEFAULT 1, ADD "size" INT NOT NULL',
        "CREATE UNIQUE INDEX one ON project (name)",
        "ALTER TABLE project ADD CONSTRAINT named CHECK (name <> '')",
        "DELETE FROM project",
    ],
)
def test_what_would_harm_the_version_before_is_noticed(statement: str) -> None:
    assert _harms(statement) != []


@pytest.mark.parametrize(
    "statement",
    [
        'CREATE TABLE IF NOT EXISTS "backup" ("id" UUID NOT NULL PRIMARY KEY, "name" TEXT NOT NULL UNIQUE)',
        'ALTER TABLE "installation" ADD "front" VARCHAR(64)',
        'ALTER TABLE "project" ADD "size" INT NOT NULL DEFAULT 0',
        'ALTER TABLE "project" ADD COLUMN IF NOT EXISTS "size" INT DEFAULT 0 NOT NULL',
        'ALTER TABLE "project" ALTER "name" DROP NOT NULL',
        "CREATE INDEX by_name ON project (name)",
        "DROP INDEX by_name",
        "UPDATE project SET size = 0",
    ],
)
def test_what_only_adds_may_be_done(statement: str) -> None:
    assert _harms(statement) == []


def _harms(statement: str) -> list[str]:
    return [why for why, pattern in DESTRUCTIVE.items() if re.search(pattern, statement, re.IGNORECASE | re.DOTALL)]


def _statements(sql: str) -> list[str]:
    """Comments and spaces don't count. A “;” within quotes makes two of one, which harms nothing here."""
    bare = re.sub(r"--[^\n]*", "", sql)
    bare = re.sub(r"\bCOMMENT ON\b.*?'(?:[^']|'')*'\s*;", "", bare, flags=re.DOTALL)
    return [text for each in bare.split(";") if (text := " ".join(each.split()))]


def _loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
