"""What others wrote, made safe to show: log text with terminal escapes → HTML; commit messages and names → plain text.

Colours, bold, dim, italic, underline and inverse become spans with classes; every other escape, control character and
bidi trick is dropped. One pass, linear in the text.
"""

import re

from markupsafe import Markup, escape

SETS = (
    {1: ("bold", "ansi-bold"), 2: ("dim", "ansi-dim"), 3: ("italic", "ansi-italic")}
    | {4: ("underline", "ansi-underline"), 7: ("inverse", "ansi-inverse")}
    | {30 + n: ("fg", f"ansi-fg-{n}") for n in range(8)}
    | {90 + n: ("fg", f"ansi-fg-{n + 8}") for n in range(8)}
    | {40 + n: ("bg", f"ansi-bg-{n}") for n in range(8)}
    | {100 + n: ("bg", f"ansi-bg-{n + 8}") for n in range(8)}
)
"""What a code sets, and its class."""
CLEARS = {22: ("bold", "dim"), 23: ("italic",), 24: ("underline",), 27: ("inverse",), 39: ("fg",), 49: ("bg",)}
PALETTES = {38: "fg", 48: "bg"}
"""Codes that are followed by a colour of a larger palette."""
LONGEST_STYLE = 64  # parameters of one sequence that are looked at; the rest of it is ignored

# Anything that is not text. The alternatives exclude each other by their first characters and none can backtrack:
# an escape that never ends is swallowed up to the end of its line.
NOT_TEXT = re.compile(
    r"(?:\x1b\[|\x9b)(?P<style>[0-9;:]*+)m"  # colours: the only escape we honour
    r"|(?:\x1b\[|\x9b)[0-?]*+[ -/]*+[@-~]?"  # cursor, erase, modes…
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*+(?:\x07|\x1b\\|\x9c)?"  # OSC (links), DCS and such
    r"|\x1b[ -/]*+[0-~]?"  # the rest
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"  # control characters but tab and newline
    r"|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"  # bidi controls: text that reads other than it is
)


def ansi(text: str) -> Markup:
    """The text as HTML: escaped, with its colours as classes."""
    style: dict[str, str] = {}
    parts: list[str] = []
    at = 0
    for found in NOT_TEXT.finditer(text):
        _write(parts, text[at : found.start()], style)
        at = found.end()
        if found["style"] is not None:
            _restyle(style, found["style"])
    _write(parts, text[at:], style)
    return Markup("".join(parts))  # noqa: S704  every part was escaped in _write, and the classes are our own words


def plain(text: str | None) -> str:
    """The text without escapes, control characters and bidi tricks: what is read is what is there."""
    return NOT_TEXT.sub("", text) if text else ""


def first_line(text: str | None) -> str:
    """A commit message's first line."""
    return plain((text or "").strip().split("\n", 1)[0]) or "(no message)"


def _write(parts: list[str], text: str, style: dict[str, str]) -> None:
    if not text:
        return
    shown = str(escape(text))
    parts.append(f'<span class="{" ".join(style.values())}">{shown}</span>' if style else shown)


def _restyle(style: dict[str, str], parameters: str) -> None:
    """Apply one `ESC [ … m` to the style in force."""
    codes = [
        int(code[:4]) if code else 0 for code in parameters.replace(":", ";").split(";", LONGEST_STYLE)[:LONGEST_STYLE]
    ]
    position = 0
    while position < len(codes):
        code = codes[position]
        position += 1
        if code == 0:
            style.clear()
        elif code in SETS:
            kind, name = SETS[code]
            style[kind] = name
        elif code in PALETTES:
            colour, used = _colour(codes[position:])
            position += used
            if colour is not None:
                style[PALETTES[code]] = f"ansi-{PALETTES[code]}-{colour}"
        else:
            for kind in CLEARS.get(code, ()):
                style.pop(kind, None)


def _colour(codes: list[int]) -> tuple[int | None, int]:
    """The nearest of our sixteen colours for `5;N` and `2;R;G;B`, and how many codes that took."""
    if codes[:1] == [5] and len(codes) > 1:
        return _of_256(codes[1]), 2
    if codes[:1] == [2] and len(codes) > 3:
        return _nearest(*codes[1:4]), 4
    return None, len(codes[:1])


def _of_256(number: int) -> int | None:
    if number < 16:
        return number
    if number < 232:
        cube = number - 16
        return _nearest(*(0 if level == 0 else 55 + level * 40 for level in (cube // 36, cube // 6 % 6, cube % 6)))
    if number < 256:
        grey = 8 + (number - 232) * 10
        return _nearest(grey, grey, grey)
    return None


def _nearest(red: int, green: int, blue: int) -> int:
    """Hue by which channels stand out, brightness by the strongest."""
    strongest, weakest = max(red, green, blue), min(red, green, blue)
    if strongest - weakest < 32:
        return 0 if strongest < 64 else 8 if strongest < 150 else 7 if strongest < 230 else 15
    middle = (strongest + weakest) / 2
    hue = (red > middle) + 2 * (green > middle) + 4 * (blue > middle)
    return hue + 8 if strongest > 200 else hue
