"""access.json: which e-mail addresses may sign in. No file, or one without rules: every valid address. Who is turned
away may be reported to an address of the operator's choice."""

import asyncio
import json
import logging
import re
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import aiohttp

log = logging.getLogger(__name__)

KINDS = ("emails", "domains", "globs", "regex")
LONGEST_EMAIL = 320
REPORT_TIMEOUT = 3


@dataclass(frozen=True)
class Rules:
    """What one version of the file says."""

    emails: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    globs: tuple[str, ...] = ()
    regex: tuple[re.Pattern[str], ...] = ()

    @property
    def count(self) -> int:
        return len(self.emails) + len(self.domains) + len(self.globs) + len(self.regex)

    def allow(self, address: str) -> bool:
        """Whether one rule fits the whole address; letters in either case are the same.

        A pattern is the operator's own and runs without a time limit, on at most 320 characters: one with nested
        repeats, like `(a+)+@…`, can hold the process up. access.example.json shows patterns that can't.
        """
        email = address.strip().lower()
        if len(email) > LONGEST_EMAIL or email.count("@") != 1:
            return False
        return (
            not self.count
            or email in self.emails
            or email.partition("@")[2] in self.domains
            or any(fnmatchcase(email, glob) for glob in self.globs)
            or any(pattern.fullmatch(email) for pattern in self.regex)
        )


class BadRules(Exception):
    """The file isn't as it should be; the text says how."""


def parse(text: str) -> Rules:
    """The rules in the file's text. Raises BadRules."""
    if not text.strip():
        return Rules()
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadRules(f"it is not JSON ({error})") from None
    if not isinstance(found, dict):
        raise BadRules("it must be an object with " + ", ".join(KINDS))
    if unknown := found.keys() - set(KINDS):
        raise BadRules(f"it has {', '.join(sorted(unknown))}, but only {', '.join(KINDS)} are known")
    words = {kind: _words(kind, found.get(kind, [])) for kind in KINDS}
    return Rules(
        emails=frozenset(words["emails"]),
        domains=frozenset(word.removeprefix("@") for word in words["domains"]),
        globs=words["globs"],
        regex=tuple(_pattern(text) for text in found.get("regex", [])),
    )


def _words(kind: str, given: object) -> tuple[str, ...]:
    if not isinstance(given, list) or not all(isinstance(word, str) and word.strip() for word in given):
        raise BadRules(f"{kind} must be a list of texts")
    return tuple(word.strip().lower() for word in given)


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text, re.IGNORECASE)
    except (re.error, RecursionError, OverflowError) as error:
        raise BadRules(f"the pattern {text[:100]!r} is broken: {error}") from None


class Access:
    """The file, read again when it has changed; the event loop never waits for the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, ...] | None = ()
        self._rules: Rules | None = None
        self.broken = ""
        """What is wrong with the file, when it was last read."""

    async def allows(self, address: str) -> bool:
        rules = await self.rules()
        return rules is not None and rules.allow(address)

    async def rules(self) -> Rules | None:
        """What the file says now; None: it is broken, and nobody gets in."""
        await asyncio.to_thread(self._look)
        return self._rules

    def _look(self) -> None:
        """Read the file if it isn't the one we know. Two at once only read it twice."""
        try:
            stat = self.path.stat()
            seen = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        except FileNotFoundError:
            self._seen, self._rules, self.broken = None, Rules(), ""
            return
        except OSError as error:
            self._break(f"it can't be read ({error.strerror})", seen=(0,))
            return
        if seen == self._seen:
            return
        try:
            self._rules = parse(self.path.read_text(encoding="utf-8"))
            self._seen, self.broken = seen, ""
        except (BadRules, OSError, UnicodeDecodeError) as error:
            self._break(str(error), seen=seen)

    def _break(self, why: str, *, seen: tuple[int, ...]) -> None:
        """Said once for each version of the file."""
        if seen != self._seen:
            log.error("access.json is broken and denies everybody", extra={"path": str(self.path), "why": why})
        self._seen, self._rules, self.broken = seen, None, why


@dataclass(frozen=True)
class Denial:
    """Somebody who was turned away."""

    email: str
    provider: str
    """email, github or google."""
    ip: str
    user_agent: str


async def report(url: str, denial: Denial) -> None:
    """Post it to the operator's own system. Whether that answers changes nothing for anybody."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=REPORT_TIMEOUT)) as http,
            http.post(url, json=asdict(denial), allow_redirects=False) as answer,
        ):
            trouble = "" if answer.status < 300 else f"status {answer.status}"
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        trouble = type(error).__name__
    if trouble:
        log.warning("denial not reported", extra={"why": trouble})
