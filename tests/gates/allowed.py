"""What the gates let pass: allowed.toml, where each has its reason, and each hole its day."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

LONGEST = timedelta(days=184)


@dataclass
class Allowed:
    holes: Mapping[str, str] = field(default_factory=dict)
    """Packages by the id of what is known against them."""
    examples: frozenset[str] = frozenset()
    wrong: list[str] = field(default_factory=list)
    """What is the matter with the list itself."""
    met: set[str] = field(default_factory=set)
    """What was needed; the rest of the list has had its day."""

    @classmethod
    def read(cls, path: Path, today: date) -> "Allowed":
        entries = tomllib.loads(path.read_text())
        holes, examples = entries.get("hole", []), entries.get("example", [])
        wrong = [f"{path.name}: {name(entry)} has no reason." for entry in holes + examples if not entry.get("reason")]
        for entry in holes:
            wrong += [f"{path.name}: {name(entry)} {trouble}" for trouble in _day(entry.get("until"), today)]
        return cls({entry["id"]: entry["package"] for entry in holes}, frozenset(map(name, examples)), wrong)

    def hole(self, package: str, *ids: str) -> bool:
        found = {id for id in ids if self.holes.get(id) == package}
        self.met |= found
        return bool(found)

    def example(self, mark: str) -> bool:
        if mark in self.examples:
            self.met.add(mark)
        return mark in self.examples


def name(entry: Mapping[str, Any]) -> str:
    return str(entry.get("id") or entry.get("mark"))


def _day(until: object, today: date) -> list[str]:
    if not isinstance(until, date):
        return ["needs a day, like until = 2027-01-31."]
    if until <= today:
        return [f"was allowed until {until}. Please look at it again."]
    if until > today + LONGEST:
        return ["is allowed for longer than half a year."]
    return []
