"""A .env file's text ↔ variables: comments, `export`, quotes, multi-line values. Nothing is expanded."""

import re
from collections.abc import Mapping

from devpush.errors import Refused
from devpush.models import rules

LARGEST_FILE = 1_048_576
BLANK = re.compile(r"[ \t]*(#[^\n]*)?(\n|\Z)")
NAME = re.compile(r"[ \t]*(?:export[ \t]+)?([^\s=#'\"]+)[ \t]*=[ \t]*")
UNQUOTED = re.compile(r"[^\n]*")
COMMENT = re.compile(r"(^|[ \t])#.*")
QUOTED = {'"': re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL), "'": re.compile(r"'([^']*+)'")}
ESCAPED = re.compile(r"\\(.)", re.DOTALL)
NEEDS_NO_QUOTES = re.compile(r"[\w./:@%+,=-]*", re.ASCII)
"""Neither here nor in a shell."""
MEANING = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "'": "'", "\\": "\\", "$": "$", "\n": ""}


def parse(text: str, field: str = "dotenv") -> dict[str, str]:
    """The variables, in order. A refusal tells the line, never what stands there: it may be half a secret."""
    if len(text) > LARGEST_FILE:
        raise Refused("This is more than 1 MB; a .env file is smaller.", field=field)
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    variables: dict[str, str] = {}
    at = 0
    while at < len(text):
        if blank := BLANK.match(text, at):
            at = blank.end()
            continue
        try:
            key, value, after = _variable(text, at)
            if key in variables:
                raise Refused(f"{key} stands here twice. Please keep one of them.")
        except Refused as refused:
            line = text.count("\n", 0, at) + 1
            raise Refused(f"Line {line}: {refused}", field=field) from None
        variables[key] = value
        at = after
    return variables


def _variable(text: str, at: int) -> tuple[str, str, int]:
    """The variable that begins here, and where the next line begins."""
    name = NAME.match(text, at)
    if not name:
        raise Refused("Each line is NAME=value, a comment that begins with “#”, or empty.")
    key = rules.variable_key(name[1])
    value, after = _value(text, name.end())
    rest = BLANK.match(text, after)
    if not rest:
        raise Refused("After the closing quote only a comment may follow.")
    return key, rules.variable_value(value), rest.end()


def _value(text: str, at: int) -> tuple[str, int]:
    quote = text[at : at + 1]
    if quote not in QUOTED:
        plain = UNQUOTED.match(text, at)
        assert plain  # noqa: S101 - it matches the empty string too
        return COMMENT.sub("", plain[0]).strip(), plain.end()
    quoted = QUOTED[quote].match(text, at)
    if not quoted:
        raise Refused("The quote that begins here never ends.")
    value = quoted[1]
    return (ESCAPED.sub(_unescape, value) if quote == '"' else value), quoted.end()


def _unescape(found: re.Match[str]) -> str:
    return MEANING.get(found[1], found[0])


def render(variables: Mapping[str, str]) -> str:
    """The text that `parse` reads the same variables from, as a person would write it."""
    return "".join(f"{key}={_written(value)}\n" for key, value in variables.items())


def _written(value: str) -> str:
    if NEEDS_NO_QUOTES.fullmatch(value):
        return value
    if "'" not in value and "\r" not in value:
        return f"'{value}'"
    escaped = re.sub(r'([\\"$])', r"\\\1", value).replace("\r", "\\r")
    return f'"{escaped}"'
