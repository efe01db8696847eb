"""A subject's figures as a table: what was measured, its floor, the ratio, what is wanted and whether it is so."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

HEAD = ("", "figure", "floor", "ratio", "target", "")


@dataclass(frozen=True)
class Figure:
    """One row. `met` is None where nothing is promised."""

    name: str
    figure: str
    floor: str = ""
    ratio: str = ""
    target: str = ""
    met: bool | None = None

    @property
    def cells(self) -> tuple[str, ...]:
        verdict = "" if self.met is None else "met" if self.met else "NOT MET"
        return self.name, self.figure, self.floor, self.ratio, self.target, verdict


def against_floor(name: str, seconds: Sequence[float], floor: Sequence[float], times: float) -> Figure:
    """A duration that may take so many times its floor; medians of both."""
    figure, least = statistics.median(seconds), statistics.median(floor)
    ratio = figure / least
    return Figure(
        name,
        _spread(seconds),
        _spread(floor),
        f"{ratio:.2f}",
        f"≤ {times} ×",
        ratio <= times,
    )


def at_most(name: str, value: float, most: float, unit: str, *, floor: float | None = None, note: str = "") -> Figure:
    """A quantity with an upper limit of its own; the floor is there to compare."""
    return Figure(
        name,
        f"{value:.4g} {unit}{note}",
        "" if floor is None else f"{floor:.4g} {unit}",
        f"{value / floor:.2f}" if floor else "",
        f"≤ {most:g} {unit}",
        value <= most,
    )


def at_least(name: str, value: float, least: float, unit: str, *, floor: float) -> Figure:
    """A rate that must be reached; here the floor is a trivial page, which nothing can be faster than."""
    figures = (f"{value:.0f} {unit}", f"{floor:.0f} {unit}", f"{value / floor:.2f}", f"≥ {least:g} {unit}")
    return Figure(name, *figures, value >= least)


def _spread(seconds: Sequence[float]) -> str:
    """The median, and from where to where."""
    least, half, most = (value * 1000 for value in (min(seconds), statistics.median(seconds), max(seconds)))
    return f"{half:.0f} ms ({least:.0f} – {most:.0f})"


def show(title: str, figures: Sequence[Figure]) -> None:
    rows = [HEAD, *(figure.cells for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    print(f"\n{title}\n")
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print(f"  {'  '.join(cells)}".rstrip(), flush=True)
