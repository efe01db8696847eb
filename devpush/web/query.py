"""What a URL asks for, as far as it makes sense."""

from datetime import UTC, datetime, timedelta

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


def moment(text: str, *, end: bool = False) -> datetime | None:
    """A day or a minute, with the reader's offset as moments.js writes it, else in UTC. `end`: when it is over."""
    try:
        at = datetime.fromisoformat(text)
        at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
        return at + (timedelta(days=1) if len(text) == len("2026-01-01") else timedelta(minutes=1)) * end
    except (ValueError, OverflowError):
        return None
