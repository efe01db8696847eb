"""Whatever an app prints, the log page stays a log page."""

import pytest

from devpush.web.ansi import ansi, first_line, plain
from tests.patience import coming_to_an_end


def test_plain_text_is_escaped() -> None:
    assert ansi("a <b> & \"c\" 'd'") == "a &lt;b&gt; &amp; &#34;c&#34; &#39;d&#39;"


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("\x1b[31mred\x1b[0m plain", '<span class="ansi-fg-1">red</span> plain'),
        ("\x1b[1;32mok\x1b[m", '<span class="ansi-bold ansi-fg-2">ok</span>'),
        ("\x1b[2mdim\x1b[22m not", '<span class="ansi-dim">dim</span> not'),
        ("\x1b[4mline\x1b[24m", '<span class="ansi-underline">line</span>'),
        (
            "\x1b[91;44mloud\x1b[39mback",
            '<span class="ansi-fg-9 ansi-bg-4">loud</span><span class="ansi-bg-4">back</span>',
        ),
        ("\x1b[38;5;196mred\x1b[0m", '<span class="ansi-fg-9">red</span>'),
        ("\x1b[38;2;0;160;0mgreen\x1b[0m", '<span class="ansi-fg-2">green</span>'),
        ("\x1b[38:5:4mblue\x1b[0m", '<span class="ansi-fg-4">blue</span>'),
        ("\x1b[38;5;244mgrey", '<span class="ansi-fg-8">grey</span>'),
        ("\x9b33mC1 introducer", '<span class="ansi-fg-3">C1 introducer</span>'),
    ],
)
def test_colours_become_classes(text: str, html: str) -> None:
    assert ansi(text) == html


@pytest.mark.parametrize(
    "text",
    [
        "\x1b[2J\x1b[Hab",  # clear the screen
        "a\x1b[1Ab\x1b[?25l",  # move up, hide the cursor
        "\x1b]0;title\x07ab",  # window title
        "\x1b]0;title\x1b\\ab",
        "a\x1bPq#0;2;0;0;0\x1b\\b",  # sixel
        "a\x1bcb",  # reset the terminal
        "a\x1b(Bb",  # character set
        "a\x00\x08\x7f\x85b\x1b",
        "\x1b[31\x1b[0mab",  # one escape cut off by the next
        "\u202ea\u2066b\u200f",  # bidi controls
        "a\rb",
        "\x1b[999999999999999999999mab",
        "\x1b[38;5;999mab",
        "\x1b[;;;;mab",
    ],
)
def test_everything_else_is_made_inert(text: str) -> None:
    assert ansi(text) == "ab"


def test_a_link_keeps_its_words_and_loses_its_target() -> None:
    assert ansi("\x1b]8;;javascript:alert(1)\x07click\x1b]8;;\x07 here") == "click here"


def test_markup_inside_escapes_does_not_get_out() -> None:
    assert (
        ansi("\x1b[31m<script>alert(1)</script>")
        == '<span class="ansi-fg-1">&lt;script&gt;alert(1)&lt;/script&gt;</span>'
    )
    assert "<img" not in ansi("\x1b]0;<img src=x onerror=alert(1)>")


def test_unicode_and_tabs_stay() -> None:
    assert ansi("\t✓ grüße 東京 👩‍👩‍👧") == "\t✓ grüße 東京 👩‍👩‍👧"


def test_names_and_messages_read_as_they_are() -> None:
    assert plain("\u202egnp.exe \x1b[31mred\x1b[0m\nsecond") == "gnp.exe red\nsecond"
    assert first_line("\nFix totals\n\nBecause.") == "Fix totals"
    assert first_line("\u202e") == first_line(None) == "(no message)"


@pytest.mark.parametrize(
    "bomb", ["\x1b[", "\x1b]", "\x1b[1;", "\x1b[31m", "\x1b", "\x1b]8;;", "\x1b[0;0;0;0", "\u202e", "9;"]
)
def test_time_grows_with_the_length_and_no_faster(bomb: str) -> None:
    with coming_to_an_end():
        ansi(bomb * (400_000 // len(bomb)))
        ansi("\x1b[" + bomb * (400_000 // len(bomb)))
