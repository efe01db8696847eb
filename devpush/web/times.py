"""Times as people read them."""

from datetime import UTC, datetime

MINUTE, HOUR, DAY = 60, 3600, 86400


def iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def exact(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%-d %b %Y, %H:%M:%S UTC")


def ago(at: datetime) -> str:
    """3 min ago. The browser keeps it current by the same rule (static/src/app.js, `ago`)."""
    seconds = max(0, int((datetime.now(UTC) - at).total_seconds()))
    steps = (
        (10, "just now"),
        (MINUTE, f"{seconds} s ago"),
        (HOUR, f"{seconds // MINUTE} min ago"),
        (DAY, f"{seconds // HOUR} h ago"),
        (2 * DAY, "yesterday"),
        (30 * DAY, f"{seconds // DAY} days ago"),
    )
    return next((text for limit, text in steps if seconds < limit), at.astimezone(UTC).strftime("%-d %b %Y"))


def lasted(seconds: float) -> str:
    """0.4 s · 12 s · 3 min 05 s · 1 h 02 min"""
    whole = int(seconds)
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < MINUTE:
        return f"{whole} s"
    if seconds < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE:02d} s"
    return f"{whole // HOUR} h {whole % HOUR // MINUTE:02d} min"
