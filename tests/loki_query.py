"""LogQL as far as we speak it, parsed as Loki parses it: whatever else is asked is an error, not a guess."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

LONGEST = 5_120
"""Bytes, of Loki 2; Loki 3 takes more."""
NAME = r"[a-zA-Z_][a-zA-Z0-9_]*"
TOKENS = re.compile(
    rf"""(?P<space>[ \t\r\n]+)
    |(?P<string>"(?:[^"\\\n\0]|\\.)*"|`[^`]*`)
    |(?P<range>\[[^\]]*\])
    |(?P<number>[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?(?![a-zA-Z0-9_.]))
    |(?P<name>{NAME})
    |(?P<mark>\|=|\|~|!=|!~|=~|==|>=|<=|[{{}}(),=<>|])""",
    re.VERBOSE,
)
ESCAPE = re.compile(r'\\(?:([abfnrtv\\"])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))', re.DOTALL)
NAMED = dict(zip('abfnrtv\\"', '\a\b\f\n\r\t\v\\"', strict=True))
NOT_RE2 = re.compile(r"\(\?(?:[=!#(]|<[=!]|P=)|\\[1-9]|[*+?}]\+")
UNITS = {"ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9, "d": 24 * 3600 * 10**9}
Labels = dict[str, str]


class BadQuery(Exception):
    """What Loki would answer 400 to."""


@dataclass
class LogQuery:
    """A selector and what its lines go through."""

    matchers: list[Callable[[Mapping[str, str]], bool]]
    equal: dict[str, str]
    """Labels that must be exactly that."""
    stages: list[Callable[[str, Labels], bool]] = field(default_factory=list)
    """Each says whether the line stays, and may add labels."""

    def selects(self, labels: Mapping[str, str]) -> bool:
        return all(matcher(labels) for matcher in self.matchers)

    def passes(self, line: str, labels: Labels) -> bool:
        return all(stage(line, labels) for stage in self.stages)


@dataclass
class CountQuery:
    """sum(count_over_time(… [range]))"""

    log: LogQuery
    nanoseconds: int


def parse(text: str) -> LogQuery | CountQuery:
    if len(text.encode()) >= LONGEST:
        raise BadQuery(f"parse error : input size too long ({len(text.encode())} > {LONGEST})")
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens = list(_tokens(text))
        self.at = 0

    def whole(self) -> LogQuery | CountQuery:
        found = self._count() if self._sees("sum") else self._log()
        if self.at < len(self.tokens):
            raise self._unexpected()
        return found

    def _count(self) -> CountQuery:
        for word in ("sum", "(", "count_over_time", "("):
            self._take(word)
        log, span = self._log(), duration(self._kind("range")[1:-1])
        self._take(")")
        self._take(")")
        return CountQuery(log, span)

    def _log(self) -> LogQuery:
        query = self._selector()
        while self._sees("|~", "|=", "!=", "!~", "|"):
            mark = self._any()
            query.stages.append(self._pipe() if mark == "|" else _line_filter(mark, self._string()))
        return query

    def _selector(self) -> LogQuery:
        query = LogQuery([], {})
        selective = False
        self._take("{")
        while True:
            label, mark, value = self._kind("name"), self._any(), self._string()
            query.matchers.append(_matcher(label, mark, value))
            if mark == "=":
                query.equal[label] = value
            selective |= (mark == "=" and value != "") or (mark == "=~" and not regex(value).fullmatch(""))
            if self._sees("}"):
                break
            self._take(",")
        self._take("}")
        if not selective:
            raise BadQuery("parse error : queries require at least one regexp or equality matcher that isn't empty")
        return query

    def _pipe(self) -> Callable[[str, Labels], bool]:
        name = self._kind("name")
        if name == "regexp":
            return _extraction(regex(self._string()))
        mark = self._any()
        if self.tokens[self.at : self.at + 1] and self.tokens[self.at][0] == "number":
            return _number_filter(name, mark, float(self._any()))
        return _text_filter(name, mark, self._string())

    def _sees(self, *words: str) -> bool:
        return self.at < len(self.tokens) and self.tokens[self.at][1] in words

    def _take(self, word: str) -> None:
        if not self._sees(word):
            raise self._unexpected()
        self.at += 1

    def _any(self) -> str:
        if self.at >= len(self.tokens):
            raise self._unexpected()
        self.at += 1
        return self.tokens[self.at - 1][1]

    def _kind(self, kind: str) -> str:
        if self.at >= len(self.tokens) or self.tokens[self.at][0] != kind:
            raise self._unexpected()
        return self._any()

    def _string(self) -> str:
        return unquoted(self._kind("string"))

    def _unexpected(self) -> BadQuery:
        seen = self.tokens[self.at][1] if self.at < len(self.tokens) else "$end"
        return BadQuery(f"parse error : syntax error: unexpected {seen}")


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        found = TOKENS.match(text, at)
        if not found:
            raise BadQuery(f"parse error at column {at + 1}: unexpected {text[at]!r}")
        if found.lastgroup != "space":
            yield str(found.lastgroup), found[0]
        at = found.end()


def unquoted(token: str) -> str:
    """As Go's strconv.Unquote."""
    if token.startswith("`"):
        return token[1:-1]

    def meant(found: re.Match[str]) -> str:
        if found[5]:
            raise BadQuery("parse error : invalid syntax")
        if found[1]:
            return NAMED[found[1]]
        code = int(found[2] or found[3] or found[4], 16)
        if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF or (found[2] and code > 0x7F):
            raise BadQuery("parse error : invalid syntax")
        return chr(code)

    return ESCAPE.sub(meant, token[1:-1])


def regex(text: str) -> re.Pattern[str]:
    """A regular expression that RE2 takes, too."""
    if NOT_RE2.search(re.sub(r"\\[^0-9a-zA-Z]", "", text)):
        raise BadQuery(f"error parsing regexp: {text}")
    try:
        return re.compile(text)
    except re.error as problem:
        raise BadQuery(f"error parsing regexp: {problem}") from None


def duration(text: str) -> int:
    """Nanoseconds."""
    parts = re.findall(r"([0-9]+)(ms|[smhd])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise BadQuery(f'not a valid duration string: "{text}"')
    return sum(int(number) * UNITS[unit] for number, unit in parts)


def _matcher(label: str, mark: str, value: str) -> Callable[[Mapping[str, str]], bool]:
    if mark in ("=", "!="):
        return lambda labels: (labels.get(label, "") == value) == (mark == "=")
    if mark in ("=~", "!~"):
        pattern = regex(value)
        return lambda labels: bool(pattern.fullmatch(labels.get(label, ""))) == (mark == "=~")
    raise BadQuery(f"parse error : syntax error: unexpected {mark}")


def _line_filter(mark: str, wanted: str) -> Callable[[str, Labels], bool]:
    if mark in ("|=", "!="):
        return lambda line, _: (wanted in line) == (mark == "|=")
    pattern = regex(wanted)
    return lambda line, _: bool(pattern.search(line)) == (mark == "|~")


def _extraction(pattern: re.Pattern[str]) -> Callable[[str, Labels], bool]:
    if not pattern.groupindex:
        raise BadQuery("at least one named capture must be supplied")

    def stage(line: str, labels: Labels) -> bool:
        if found := pattern.search(line):
            for name, value in found.groupdict().items():
                labels[f"{name}_extracted" if name in labels else name] = value or ""
        return True

    return stage


def _number_filter(name: str, mark: str, wanted: float) -> Callable[[str, Labels], bool]:
    compare: dict[str, Callable[[float], bool]] = {
        ">": lambda value: value > wanted,
        ">=": lambda value: value >= wanted,
        "<": lambda value: value < wanted,
        "<=": lambda value: value <= wanted,
        "==": lambda value: value == wanted,
        "!=": lambda value: value != wanted,
    }
    if mark not in compare:
        raise BadQuery(f"parse error : syntax error: unexpected NUMBER after {mark}")

    def stage(_: str, labels: Labels) -> bool:
        if name not in labels:
            return False
        try:
            return compare[mark](float(labels[name]))
        except ValueError:  # so does Loki: a line whose value can't be read stays, with a label that says so
            labels["__error__"] = "LabelFilterErr"
            return True

    return stage


def _text_filter(name: str, mark: str, wanted: str) -> Callable[[str, Labels], bool]:
    matcher = _matcher(name, mark, wanted)
    return lambda _, labels: matcher(labels)
