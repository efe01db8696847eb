"""Whether a push changes what a project watches: globs over paths, from the repository's root."""

from collections.abc import Callable, Iterable, Sequence

MOST_STEPS = 2_000_000
"""Of comparing, after which a push counts as one that changes something: nobody's patterns keep the others waiting."""


class TooMuch(Exception):
    """It would take longer than it is worth."""


def concerns(changed: Iterable[str] | None, patterns: Sequence[str]) -> bool:
    """Whether one of the changed paths fits one of the patterns. Paths that aren't known may all have changed, and no
    patterns watch everything."""
    if changed is None or not patterns:
        return True
    steps = 0

    def same_letter(pattern: str, letter: str) -> bool:
        nonlocal steps
        steps += 1
        if steps > MOST_STEPS:
            raise TooMuch
        return pattern in (letter, "?")

    def same_name(pattern: str, name: str) -> bool:
        return pattern == name or fits(pattern, name, "*", same_letter)

    split = [_parts(pattern) for pattern in patterns]
    try:
        return any(fits(parts, path.split("/"), "**", same_name) for path in changed for parts in split)
    except TooMuch:
        return True


def fits(pattern: Sequence[str], items: Sequence[str], star: str, alike: Callable[[str, str], bool]) -> bool:
    """Whether items are as the pattern says, in which `star` stands for any number of them. Only the last star is ever
    tried anew, so that it never takes more than length × length steps."""
    at = seen = 0
    back: tuple[int, int] | None = None
    while seen < len(items):
        if at < len(pattern) and pattern[at] == star:
            back = (at, seen)
            at += 1
        elif at < len(pattern) and alike(pattern[at], items[seen]):
            at, seen = at + 1, seen + 1
        elif back:
            back = (back[0], back[1] + 1)
            at, seen = back[0] + 1, back[1]
        else:
            return False
    return all(part == star for part in pattern[at:])


def _parts(pattern: str) -> list[str]:
    """`apps/web`, `apps/web/` and `apps/web/**` all mean the folder and what is below; so does a file's own name."""
    parts = pattern.strip("/").split("/")
    return parts if parts[-1] == "**" else [*parts, "**"]
