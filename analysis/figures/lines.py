"""What figures of curves share: who is drawn and how, labels at the ends of curves, ticks at the values measured."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from analysis.claims import VARIANTS
from analysis.clocks.panels import GAP, LEADER, MOST, spread
from analysis.drawing import Mark, marks, short
from analysis.material import Material

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 7.0
"""Inches: a column of text."""
SMALL = 8.0
"""Points of the smallest letters."""
NOTE_LETTERS = 16
"""Small letters that fit in an inch."""
LEADING = 1.25
"""Height of a line of text over that of its letters."""
GREY = "0.35"
DARKER = 0.68


class Shown(NamedTuple):
    """One architecture of the table."""

    architecture: str
    column: str
    variant: str
    mark: Mark

    @property
    def is_best(self) -> bool:
        """Whether it is its column's best variant."""
        return self.variant == VARIANTS[0]

    @property
    def title(self) -> str:
        """`LSTM`, or `LSTM, plain` for a plain variant that is not the best one."""
        return short(self.column) + ("" if self.is_best else f", {self.variant}")


class End(NamedTuple):
    """What is written where a curve ends: at (x, y) in data coordinates."""

    x: float
    y: float
    text: str
    colour: str


def shown(material: Material, every: bool = True) -> list[Shown]:
    """Architectures of the table in the order of its columns, the best variant first; the plain ones only if `every`.

    A column whose best variant was never chosen shows its plain one in any case.
    """
    known = marks([c.family for c in material.contenders])
    found: list[Shown] = []
    for c in material.contenders:
        taken = [s.architecture for s in found if s.column == c.column]
        if c.architecture and c.architecture not in taken and (every or not taken):
            found.append(Shown(c.architecture, c.column, c.variant, known[c.family]))
    return found


def write_ends(axes: Axes, ends: Sequence[End]) -> None:
    """Texts to the right of the panel at the height of their curves' ends, moved apart where they would meet.

    To be called when the limits of the axes are final.
    """
    if not ends:
        return
    places = [min(max(_height(axes, end), 0.0), 1.0) for end in ends]
    inches = axes.get_window_extent().height / axes.figure.dpi
    lines = max(end.text.count("\n") + 1 for end in ends)
    gap = lines * SMALL * LEADING / 72 / inches
    order = sorted(range(len(ends)), key=lambda i: places[i])
    heights = [h * gap / GAP for h in spread([places[i] * GAP / gap for i in order])]
    beyond = min(heights[0] - gap / 2, 0.0) + max(heights[-1] + gap / 2 - 1.0, 0.0)
    heights = [height - beyond for height in heights]
    for i, height in zip(order, heights, strict=True):
        axes.annotate(
            ends[i].text,
            xy=(ends[i].x, ends[i].y),
            xytext=(1.07, height),
            xycoords="data",
            textcoords="axes fraction",
            va="center",
            fontsize=SMALL,
            color=ink(ends[i].colour),
            arrowprops=LEADER | {"color": ends[i].colour},
        )


def tick_at(axes: Axes, values: Iterable[float], most: int = MOST) -> None:
    """Ticks of a logarithmic horizontal axis at the values measured, or at evenly chosen ones if there are many."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    held = sorted({float(value) for value in values})
    if not held:
        axes.set_xticks([])
        return
    axes.xaxis.set_major_locator(FixedLocator(held[:: -(-len(held) // most)]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda n, _: compact(n)))
    axes.xaxis.set_minor_locator(NullLocator())
    if len(held) == 1:
        axes.set_xlim(held[0] / 2, held[0] * 2)


def tick_values(axes: Axes, write: Callable[[float], str] = lambda y: f"{y:g}") -> None:
    """Ticks of a logarithmic vertical axis: powers of ten, or 1, 2, 5 where there are few decades."""
    import numpy as np
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(LogLocator(base=10, subs=(1.0,) if np.log10(high / low) > 2 else (1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: write(y)))
    axes.yaxis.set_minor_formatter(NullFormatter())


def note(figure: Figure, text: str) -> None:
    """A line under a figure that says how to read it."""
    lines = textwrap.wrap(text, int(figure.get_figwidth() * NOTE_LETTERS))
    figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=SMALL, color=GREY)


def ink(colour: str) -> tuple[float, float, float]:
    """A colour dark enough for letters: the orange of curves has too little contrast on white."""
    from matplotlib.colors import to_rgb

    red, green, blue = (DARKER * part for part in to_rgb(colour))
    return red, green, blue


def compact(value: float) -> str:
    """`4,096`, `12.5k`, `1.2M`: a count in few letters."""
    for unit, name in ((1e6, "M"), (1e3, "k")):
        if value >= 10 * unit or (value >= unit and value % unit == 0):
            return f"{value / unit:.3g}{name}"
    return f"{value:,.4g}"


def _height(axes: Axes, end: End) -> float:
    return float(axes.transLimits.transform(axes.transScale.transform((end.x, end.y)))[1])
