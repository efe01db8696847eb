"""A pasted .env file gives the variables it means, or names the line that it can't be read at."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devpush.errors import Refused
from devpush.models import dotenv
from tests.patience import coming_to_an_end

KEYS = st.from_regex(r"\A[a-z_][a-z0-9_]{0,10}\Z")
VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=40)


def test_comments_export_quotes_and_several_lines_are_understood() -> None:
    text = """\ufeff# the database
export DATABASE_URL=postgresql://ada:p#ss=w@db/x  # not the port
EMPTY=

  SPACED = two words\t
SINGLE='as $it is, \\n "too"' # comment
DOUBLE="a\\tb \\"q\\" \\$HOME \\\\ \\d"
KEY="-----BEGIN-----
abc=
-----END-----"
SECOND='
x'
COMMENT=# nothing
LAST=é✨"""
    assert dotenv.parse(text) == {
        "DATABASE_URL": "postgresql://ada:p#ss=w@db/x",
        "EMPTY": "",
        "SPACED": "two words",
        "SINGLE": 'as $it is, \\n "too"',
        "DOUBLE": 'a\tb "q" $HOME \\ \\d',
        "KEY": "-----BEGIN-----\nabc=\n-----END-----",
        "SECOND": "\nx",
        "COMMENT": "",
        "LAST": "é✨",
    }


def test_nothing_is_expanded_or_run() -> None:
    assert dotenv.parse('A=$(id)\nB="${A}"\nC=`id`') == {"A": "$(id)", "B": "${A}", "C": "`id`"}


def test_windows_line_ends_and_no_text_are_fine() -> None:
    assert dotenv.parse('A=1\r\nB="x\r\ny"\r\n') == {"A": "1", "B": "x\ny"}
    assert dotenv.parse("") == dotenv.parse(" \n# only this") == {}


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("A=1\nhunter2secret", 2, "NAME=value"),
        ("A: hunter2secret", 1, "NAME=value"),
        ("=hunter2secret", 1, "NAME=value"),
        ("A=1\n\nB='hunter2secret", 3, "never ends"),
        ('A="hunter2secret" more', 1, "closing quote"),
        ("A=1\n# x\nA=hunter2secret", 3, "twice"),
        ("A='x\ny'\nPORT=hunter2secret", 3, "PORT is set by the platform"),
        ("1A=hunter2secret", 1, "letters, digits"),
        ("A=hunter2secret\0", 1, "NUL"),
        ("A=hunter2secret" + "x" * 70_000, 1, "64 kB"),
    ],
)
def test_a_refusal_names_the_line_and_never_what_stands_there(text: str, line: int, says: str) -> None:
    with pytest.raises(Refused, match=f"^Line {line}: .*{says}") as caught:
        dotenv.parse(text)
    assert caught.value.field == "dotenv"
    assert "hunter2" not in str(caught.value)


@given(st.dictionaries(KEYS, VALUES))
def test_what_is_written_in_double_quotes_comes_back(variables: dict[str, str]) -> None:
    def quoted(value: str) -> str:
        for plain, escaped in (("\\", "\\\\"), ('"', '\\"'), ("$", "\\$"), ("\n", "\\n")):
            value = value.replace(plain, escaped)
        return value

    text = "\n".join(f'export {key}="{quoted(value)}" # x' for key, value in variables.items())
    assert dotenv.parse(text) == variables


@given(st.dictionaries(KEYS, VALUES | st.text("\"'\\$# \n\r\tx\x85\u2028")))
def test_what_is_written_is_read_again_as_it_was(variables: dict[str, str]) -> None:
    assert dotenv.parse(dotenv.render(variables)) == variables


def test_variables_are_written_as_a_person_would() -> None:
    written = dotenv.render({"A": "https://a.example/?x=1", "B": "1.5", "C": "it's $5", "D": "two\nlines", "E": ""})
    assert written == "A='https://a.example/?x=1'\nB=1.5\nC=\"it's \\$5\"\nD='two\nlines'\nE=\n"


@given(st.text() | st.text("A=\"'\\# \n\r\tx$export"))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        variables = dotenv.parse(text)
    except Refused:
        return
    assert all(isinstance(value, str) for value in variables.values())


def test_hostile_files_hold_nobody_up() -> None:
    with coming_to_an_end():
        for text in [
            'A="' + "\\" * 500_000,
            "A=1" + " #" * 300_000 + "\nB",
            "A='" + "x\n" * 300_000,
            "A=1\n" * 200_000,
        ]:
            with pytest.raises(Refused):
                dotenv.parse(text)
        with pytest.raises(Refused, match="1 MB"):
            dotenv.parse("#" * 1_048_577)
        assert len(dotenv.parse("\n".join(f"K{number}=1" for number in range(80_000)))) == 80_000
