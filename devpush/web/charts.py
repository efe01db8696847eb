"""Charts as the server draws them: paths of SVG in whole numbers. Decides everything, touches nothing."""

from collections.abc import Iterator, Sequence

WIDTH, HEIGHT = 600, 120
"""The drawing's own units; the page stretches it."""

Values = Sequence[float | None]


def line(values: Values, top: float) -> str:
    """The path through these values, from the left to the right end; where one is missing it pauses."""
    return "".join("M" + "L".join(f"{x} {y}" for x, y in part) for part in _parts(values, top))


def area(values: Values, top: float) -> str:
    """What lies under the line."""
    return "".join(
        f"M{part[0][0]} {HEIGHT}L" + "L".join(f"{x} {y}" for x, y in part) + f"L{part[-1][0]} {HEIGHT}Z"
        for part in _parts(values, top)
    )


def top_of(*series: Values) -> float:
    """A round number that none of them is above: 1, 2 or 5 with zeros."""
    highest = max((value for values in series for value in values if value is not None), default=0.0)
    if highest <= 0:
        return 1.0
    step = 1e-6
    while True:
        for factor in (1, 2, 5):
            if highest <= step * factor:
                return step * factor
        step *= 10


def thinned(values: Values, most: int) -> list[float | None]:
    """At most so many values; each stands for its neighbours by the highest of them, so that no peak is lost."""
    size = -(-len(values) // most) or 1
    groups = (values[at : at + size] for at in range(0, len(values), size))
    return [max((value for value in group if value is not None), default=None) for group in groups]


def _parts(values: Values, top: float) -> Iterator[list[tuple[int, int]]]:
    """Runs of points without a gap."""
    apart = WIDTH / max(1, len(values) - 1)
    part: list[tuple[int, int]] = []
    for at, value in enumerate(values):
        if value is None:
            if part:
                yield _wide(part)
            part = []
        else:
            part.append((round(at * apart), round(HEIGHT - min(value / top, 1) * (HEIGHT - 2) - 1)))
    if part:
        yield _wide(part)


def _wide(part: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """A single point is no line: it becomes a short one."""
    if len(part) > 1:
        return part
    [(x, y)] = part
    return [(max(0, x - 2), y), (min(WIDTH, x + 2), y)]
