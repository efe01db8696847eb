"""What a log line goes through before it is kept: secrets out, its level guessed, floods cut. Touches nothing."""

import json
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import quote

MASK = "********"
SHORTEST_SECRET = 8
COMMON = frozenset({"production", "development", "localhost", "127.0.0.1", "disabled", "undefined", "0.0.0.0:8000"})
"""Values that hide nothing: a log without these words is harder to read, and no safer."""

RATE, BURST = 1_000.0, 5_000.0
"""Lines a second that a container may write for long, and at once. A long line counts for several."""
LONG = 1_000
NEWEST = 100
"""Of what is too much, so many newest lines wait for their turn: the end of a flood tells most."""
RESUME = 200.0

Secrets = re.Pattern[str] | None
T = TypeVar("T")


# Secrets


def secrets_of(values: Iterable[str]) -> Secrets:
    """What must not be seen: each value and each of its lines, also in the clothes of JSON and URLs."""
    pieces = {piece for value in values for line in (value, *value.splitlines()) for piece in _clothes(line.strip())}
    if not pieces:
        return None
    return re.compile("|".join(re.escape(piece) for piece in sorted(pieces, key=len, reverse=True)))


def _clothes(text: str) -> set[str]:
    if len(text) < SHORTEST_SECRET or text.lower() in COMMON:
        return set()
    return {text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], quote(text, safe="")}


def mask(text: str, secrets: Secrets) -> str:
    return secrets.sub(MASK, text) if secrets else text


# Levels

LEVELS = {
    "trace": "debug",
    "debug": "debug",
    "info": "info",
    "notice": "info",
    "log": "info",
    "warn": "warning",
    "warning": "warning",
    "error": "error",
    "err": "error",
    "fatal": "error",
    "critical": "error",
    "crit": "error",
    "alert": "error",
    "emerg": "error",
    "emergency": "error",
    "panic": "error",
    "severe": "error",
}
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
WORDS = "|".join(sorted(LEVELS, key=len, reverse=True))
LEVEL = re.compile(
    rf"^[\s\d\-/:.,+TZ]*(?:\[[\d\s\-/:.,+TZa-zA-Z]*\]\s*)*[\[(<]?(?:(?P<first>{WORDS.upper()})\b|(?P<colon>{WORDS}):)"
    rf"|\[(?P<bracket>{WORDS})\]"
    rf"|\b(?:level|lvl|severity)=\"?(?P<field>{WORDS})\b",
    re.ASCII,
)
BEGINNING = 200
"""Characters of a line in which its level stands, if it has one."""
LARGEST_JSON = 4_000


def level_of(text: str) -> str | None:
    """A guess: debug, info, warning or error; None where nothing tells."""
    if text.startswith("{"):
        return _json_level(text)
    found = LEVEL.search(ESCAPES.sub("", text[:BEGINNING]))
    if not found:
        bracket = re.search(rf"\[({WORDS})\]", text[:BEGINNING], re.IGNORECASE)
        return LEVELS[bracket[1].lower()] if bracket else None
    word = next(word for word in found.groups() if word)
    return LEVELS[word.lower()]


def _json_level(text: str) -> str | None:
    if len(text) > LARGEST_JSON:
        return None
    try:
        entry = json.loads(text)
    except (ValueError, RecursionError):
        return None
    level = next((entry[key] for key in ("level", "severity", "lvl", "levelname") if key in entry), None)
    if isinstance(level, str):
        return LEVELS.get(level.lower())
    if isinstance(level, int):  # pino's numbers
        return "error" if level >= 50 else "warning" if level >= 40 else "info" if level >= 30 else "debug"
    return None


# Floods


@dataclass(frozen=True)
class Dropped(Generic[T]):
    """So many lines were left out here; `last` is the last of them."""

    count: int
    last: T


class Cap(Generic[T]):
    """Lets through so many lines a second by the lines' own clock: to catch up after a pause is no flood."""

    def __init__(self, *, rate: float = RATE, burst: float = BURST, newest: int = NEWEST) -> None:
        self.rate, self.burst, self.newest = rate, burst, newest
        self.tokens = burst
        self.clock: float | None = None
        self.waiting: deque[tuple[T, float]] = deque()
        self.dropped = 0
        self.last: T | None = None

    def take(self, at: float, size: int, line: T, *, room: bool = True) -> Iterator[T | Dropped[T]]:
        """What goes through now, in order; nothing where there is no room for it."""
        cost = 1.0 + size // LONG
        if self.clock is not None:
            self.tokens = min(self.burst, self.tokens + max(0.0, at - self.clock) * self.rate)
        self.clock = at if self.clock is None else max(self.clock, at)
        if room and not self.waiting and not self.dropped and self.tokens >= cost:
            self.tokens -= cost
            yield line
            return
        self.waiting.append((line, cost))
        if len(self.waiting) > self.newest:
            self.dropped += 1
            self.last = self.waiting.popleft()[0]
        if room and self.tokens >= RESUME:
            yield from self.rest()

    def rest(self) -> Iterator[T | Dropped[T]]:
        """What still waits: the flood is over, or has paused."""
        if self.dropped and self.last is not None:
            yield Dropped(self.dropped, self.last)
        self.dropped, self.last = 0, None
        while self.waiting:
            line, cost = self.waiting.popleft()
            self.tokens -= cost
            yield line
