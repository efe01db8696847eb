"""What a URL asks for, as far as it makes sense."""

from quart import request

LONGEST = 255
LARGEST = 2**63 - 1


def asked(*names: str) -> dict[str, str]:
    """Those that are set. What PostgreSQL can't hold was typed by nobody, and is left out."""
    given = {name: request.args.get(name, "").strip()[:LONGEST] for name in names}
    return {name: value for name, value in given.items() if value and "\0" not in value}


def asked_number(name: str) -> int | None:
    return number(request.args.get(name, ""))


def number(text: str) -> int | None:
    """A whole number as ids are; None for anything else."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        return None
    return int(text) if int(text) <= LARGEST else None
