"""The map of where claims hold as a figure: panels of squares, placed in inches."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from analysis.drawing import label, short
from analysis.figures.squares import Square
from analysis.wording import SIGNS, named

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TABLE = "table"
"""Heading of the squares that hold the whole table's verdict."""
LENGTH = "length n [tokens]"
COLOURS = {
    "agrees": ("#3b9c7e", "white"),
    "disagrees": ("#7a2a0c", "white"),
    "undecided": ("#f6e8b1", "black"),
    "not run": ("white", "0.35"),
    "no claim": ("#d5d9e6", "black"),
}
"""Of a square and of its sign: three clearly different greys for the three verdicts."""
WIDTH, SIDE, BETWEEN, LABELS = 7.0, 0.22, 0.25, 1.75
"""Inches: of the figure, of a square, between two panels, of the names of the rows."""
LENGTHS, LINE, ROW = 0.5, 0.145, 0.19
"""Inches: of the lengths above the squares, of a line of text, of the name of a row of the table."""
MOST_LINES = 7
"""Of a panel's title."""
LETTERS = 24
"""Of a column and its claimed word."""
APART, EDGE = 0.08, 0.012
"""Inches between the squares of the lengths and those of the table; around a square."""
NARROWEST = 1.25
"""Inches of the narrowest panel: its title must fit."""
PER_INCH = 15.5
"""Letters of the smallest text in an inch."""
NOTE = (
    "One length alone is decided where its figure and the whole 95 % interval give one word and nothing is in doubt; "
    "thresholds moved and tasks left out count in the table alone. An exponent of work over span stands at the longer "
    "of its two lengths. Empty: not planned there."
)


class Claim(NamedTuple):
    """A line of the map."""

    row: str
    column: str
    claimed: str | None

    def __str__(self) -> str:
        return f"{self.column}: {self.claimed}" if self.claimed else self.column


@dataclass(frozen=True)
class Panel:
    """One run in one setting."""

    title: str
    held: dict[tuple[Claim, int | None], Square]

    @property
    def lengths(self) -> list[int | None]:
        """Ascending, the table last."""
        found = {length for _, length in self.held}
        return [*sorted(n for n in found if n is not None), *([None] if None in found else [])]

    @property
    def heading(self) -> list[str]:
        """Its title in lines that fit above it."""
        return textwrap.wrap(self.title, int(self.width * PER_INCH))[:MOST_LINES]

    @property
    def width(self) -> float:
        """Inches."""
        return max(NARROWEST, SIDE * len(self.lengths) + APART)

    def left(self, length: int | None) -> float:
        """Where the squares of a length begin, in inches."""
        return SIDE * self.lengths.index(length) + (APART if length is None else 0.0)


def drawn(panels: Sequence[Panel], claims: Sequence[Claim]) -> Figure:
    """Everything stands on one pair of axes in inches, so that nothing has to be fitted."""
    from matplotlib.figure import Figure

    lines = _lines(panels)
    note = textwrap.wrap(NOTE, int(WIDTH * PER_INCH * 1.13))
    shown = [[c for c in claims if any(claim == c for p in line for claim, _ in p.held)] for line in lines]
    heights = [
        _above(line) + SIDE * len(own) + ROW * len({claim.row for claim in own})
        for line, own in zip(lines, shown, strict=True)
    ]
    below = 0.45 + LINE * len(note)
    widest = max(LABELS - BETWEEN + sum(panel.width + BETWEEN for panel in line) for line in lines)
    width, height = max(WIDTH, widest), sum(heights) + 0.15 * (len(lines) - 1) + below + 0.1
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.set_axis_off()
    top = height
    for line, own, tall in zip(lines, shown, heights, strict=True):
        _line(axes, line, own, top)
        top -= tall + 0.15
    _legend(axes, below - 0.2, {s.verdict for line in lines for p in line for s in p.held.values()})
    axes.text(0.06, below - 0.38, "\n".join(note), fontsize=8, va="top", color="0.25")
    return figure


def _lines(panels: Sequence[Panel]) -> list[list[Panel]]:
    """As many panels beside each other as fit."""
    lines: list[list[Panel]] = []
    room = 0.0
    for panel in panels:
        if not lines or panel.width > room:
            lines.append([])
            room = WIDTH - LABELS
        lines[-1].append(panel)
        room -= panel.width + BETWEEN
    return lines


def _above(panels: Sequence[Panel]) -> float:
    """Inches above the squares of a line."""
    return LENGTHS + LINE * max(len(panel.heading) for panel in panels)


def _line(axes: Axes, panels: Sequence[Panel], claims: Sequence[Claim], top: float) -> None:
    """Panels beside each other, the names of their rows at the left."""
    base = top - _above(panels)
    places, y = {}, base
    for number, claim in enumerate(claims):
        if not number or claims[number - 1].row != claim.row:
            y -= ROW
            axes.text(0.06, y + 0.05, named(claim.row), fontsize=8, fontweight="bold")
        y -= SIDE
        places[claim] = y
        axes.text(LABELS - 0.08, y + SIDE / 2, short(str(claim), LETTERS), fontsize=8, va="center_baseline", ha="right")
    axes.text(LABELS - 0.08, base + 0.03, LENGTH, fontsize=8, ha="right")
    left = LABELS
    for panel in panels:
        axes.text(left, top - 0.05, "\n".join(map(label, panel.heading)), fontsize=8, va="top", linespacing=1.1)
        for length in panel.lengths:
            start = left + panel.left(length)
            text = TABLE if length is None else str(length)
            weight = "bold" if length is None else "normal"
            middle = start + SIDE / 2
            axes.text(middle, base + 0.03, text, fontsize=8, rotation=90, ha="center", fontweight=weight)
            for claim, bottom in places.items():
                if square := panel.held.get((claim, length)):
                    _square(axes, start, bottom, square.verdict, _sign(square))
        left += panel.width + BETWEEN


def _square(axes: Axes, left: float, bottom: float, verdict: str, sign: str) -> None:
    from matplotlib.patches import Rectangle

    fill, ink = COLOURS[verdict]
    corner, side = (left + EDGE, bottom + EDGE), SIDE - 2 * EDGE
    axes.add_patch(Rectangle(corner, side, side, fc=fill, ec="0.45", lw=0.5))
    middle = (left + SIDE / 2, bottom + SIDE / 2)
    axes.text(*middle, sign, color=ink, fontsize=9, fontweight="bold", ha="center", va="center_baseline")


def _sign(square: Square) -> str:
    """The verdict's sign; the first letter of the word where nothing is claimed."""
    return square.word[:1] if square.verdict == "no claim" and square.word else SIGNS[square.verdict]


def _legend(axes: Axes, bottom: float, present: Iterable[str]) -> None:
    """The squares that occur, with their meaning."""
    left, held = 0.06, set(present)
    for verdict in (v for v in SIGNS if v in held):
        text = verdict if verdict != "no claim" else "first letter of the measured word: nothing claimed"
        _square(axes, left, bottom, verdict, SIGNS[verdict] if verdict != "no claim" else "F")
        axes.text(left + SIDE + 0.06, bottom + SIDE / 2, text, fontsize=8, va="center_baseline")
        left += SIDE + 0.25 + len(text) / PER_INCH
