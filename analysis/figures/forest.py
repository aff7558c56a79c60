"""Paired comparisons of families: differences of scores on the same cells and seeds, factors between step times."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.clocks.wording import listed
from analysis.document import Picture
from analysis.drawing import Mark, evenly, label, marks, short, style
from analysis.figures.lines import GREY, WIDTH, ink, note
from analysis.material import Material
from analysis.statistics import compared
from analysis.statistics.declared import OVERALL, SCORES, TIMES, Family
from analysis.statistics.equivalence import EQUIVALENT, UNDECIDED, Comparison
from analysis.wording import cut, printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME = "paired-comparisons"
TITLE = "Paired comparisons of the families"
ACROSS = 3
"""Panels side by side."""
LINE, AROUND = 0.2, 0.72
"""Inches of a line of a panel, and of its title and axis."""
MOST_PANELS, MOST_LINES = 6, 16
MOST_PAIRS = 120
"""Ticks on a line; of more pairs, those at even ranks."""
LETTERS, LONGEST = 12, 22
"""Of a name in a panel, and in a sentence."""
FAINT = 0.3
BELOW = 0.3
"""Lines by which single pairs lie below their mean."""
FACTORS = (1.02, 1.05, 1.1, 1.2, 1.5, 2, 3, 5, 10, 20, 50, 100, 1000)
"""What the axis of factors may be labelled with."""
AXES = {SCORES.name: "score, right \N{MINUS SIGN} left", TIMES.name: "speed, right / left"}


@dataclass(frozen=True)
class Panel:
    """One pair of columns in one family of comparisons."""

    family: Family
    comparisons: list[Comparison]


def picture(material: Material) -> Picture | str:
    """One panel per pair of columns: first the scores, then the step times, as far as the run has them."""
    families = {SCORES.name: compared.scores(material), TIMES.name: compared.times(material)}
    blocks = [_panels(family, families[family.name]) for family in (SCORES, TIMES)]
    blocks = [block for block in blocks if block]
    if not blocks:
        return "no two families share a training's cell and seed, or a clock"
    with style():
        figure = _drawn(blocks, {name: len(found) for name, found in families.items() if found})
    every = [c for found in families.values() for c in found]
    return Picture(NAME, TITLE, _finding(families), figure, _data(every))


def _panels(family: Family, comparisons: Sequence[Comparison]) -> list[Panel]:
    """Pairs of which anything was measured; overall alone where all of it would be too much to look at."""
    pairs = dict.fromkeys((c.first, c.second) for c in comparisons if c.values)
    places = dict.fromkeys(c.where for c in comparisons if c.values)
    crowded = len(pairs) > MOST_PANELS or len(places) > MOST_LINES
    kept = [c for c in comparisons if c.where == OVERALL or not crowded]
    return [Panel(family, [c for c in kept if (c.first, c.second) == pair]) for pair in pairs]


def _drawn(blocks: Sequence[Sequence[Panel]], counts: dict[str, int]) -> Figure:
    from matplotlib.figure import Figure

    rows = [block[i : i + ACROSS] for block in blocks for i in range(0, len(block), ACROSS)]
    heights = [LINE * len(row[0].comparisons) + AROUND for row in rows]
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.6), layout="constrained")
    grid = figure.subplots(len(rows), ACROSS, squeeze=False, height_ratios=heights)
    known = marks([name for row in rows for panel in row for c in panel.comparisons for name in c.families])
    for axes_row, row in zip(grid, rows, strict=True):
        for place, axes in enumerate(axes_row):
            if place < len(row):
                _panel(axes, row[place], known, place == 0)
            else:
                axes.set_visible(False)
    total = " and ".join(f"{count} of {name}" for name, count in counts.items())
    most = max(len(c.values) for row in rows for panel in row for c in panel.comparisons)
    few = f", {MOST_PAIRS} at most" if most > MOST_PAIRS else ""
    note(
        figure,
        f"Filled with the winner's mark: decided after Holm's correction ({total}); diamond: equivalent; hollow: "
        "undecided. Bars: 95 % intervals of single comparisons. Ticks: every pair of the same cell and seed, or every "
        f"replicate{few}. Shaded: differences that count as none.",
    )
    return figure


def _panel(axes: Axes, panel: Panel, known: dict[str, Mark], is_first: bool) -> None:
    for line, comparison in enumerate(panel.comparisons):
        if comparison.values:
            _line(axes, line, comparison, known)
        else:
            axes.text(0.5, line, "no pair", transform=axes.get_yaxis_transform(), ha="center", va="center", fontsize=8)
    first = panel.comparisons[0]
    axes.axvline(first.neutral, color=GREY, lw=0.8, zorder=1)
    if len(panel.comparisons) > 1:
        axes.axhline(0.55, color="0.8", lw=0.8, zorder=0)
    _limits(axes, panel)
    axes.set_ylim(len(panel.comparisons) - 0.4, -0.6)
    names = [cut(c.where, LETTERS) for c in panel.comparisons]
    axes.set_yticks(range(len(names)), [label(name) for name in names] if is_first else [""] * len(names))
    axes.tick_params(axis="y", length=0)
    axes.grid(False, axis="y")
    axes.set_xlabel(AXES[panel.family.name])
    left, right = (ink(known[family].colour) for family in (first.families[1], first.families[0]))
    axes.set_title(f"← {short(first.second, LETTERS)}", loc="left", fontsize=8.5, color=left)
    axes.set_title(f"{short(first.first, LETTERS)} →", loc="right", fontsize=8.5, color=right)


def _line(axes: Axes, y: int, c: Comparison, known: dict[str, Mark]) -> None:
    """Every pair, the interval, and a mark for the outcome."""
    from matplotlib.patches import Rectangle

    if math.isfinite(c.band):
        left, right = (1 / c.band, c.band) if c.neutral else (-c.band, c.band)
        axes.add_patch(Rectangle((left, y - 0.5), right - left, 1, color="0.6", alpha=FAINT, lw=0, zorder=0))
    pairs = np.array(c.values)[evenly(np.array(c.values), MOST_PAIRS)]
    axes.plot(pairs, np.full(pairs.size, y + BELOW), "|", color="0.2", alpha=0.5, markersize=4, mew=0.8, zorder=2)
    mark = _mark(c, known)
    if math.isfinite(c.interval.low) and math.isfinite(c.interval.high):
        axes.hlines(y, c.interval.low, c.interval.high, color=mark.colour, lw=3.0 if c.where == OVERALL else 1.2)
    face = "white" if c.outcome == UNDECIDED else mark.colour
    axes.plot([c.interval.point], [y], mark.marker, color=mark.colour, mfc=face, markersize=4.5, mew=1.2, zorder=4)


def _mark(c: Comparison, known: dict[str, Mark]) -> Mark:
    if c.outcome == EQUIVALENT:
        return Mark("0.2", "D", "-")
    if c.outcome == UNDECIDED:
        return Mark("0.35", "o", "-")
    return known[c.families[0 if c.interval.point > c.neutral else 1]]


def _limits(axes: Axes, panel: Panel) -> None:
    """Scores from -1 to 1; factors on a logarithmic axis that is even about 1."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

    if not panel.comparisons[0].neutral:
        axes.set_xlim(-1.08, 1.08)
        axes.set_xticks([-1, -0.5, 0, 0.5, 1], ["-1", "-0.5", "0", "0.5", "1"])
        return
    ends = [value for c in panel.comparisons for value in (*c.values, c.interval.low, c.interval.high)]
    reach = max([abs(math.log2(value)) for value in ends if 0 < value < math.inf], default=0.0) * 1.12 + 0.02
    factor = max([f for f in FACTORS if math.log2(f) <= 0.95 * reach], default=FACTORS[0])
    axes.set_xscale("log", base=2)
    axes.set_xlim(2**-reach, 2**reach)
    axes.xaxis.set_major_locator(FixedLocator([1 / factor, 1, factor]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}" if value >= 1 else f"1/{1 / value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())


def _finding(families: dict[str, list[Comparison]]) -> str:
    """What is decided overall, and how many of all declared comparisons."""
    return "; ".join(_sentence(name, found) for name, found in families.items() if found) + "."


def _sentence(name: str, comparisons: Sequence[Comparison]) -> str:
    told = [_told(c) for c in comparisons if c.where == OVERALL]
    decided = sum(c.outcome != UNDECIDED for c in comparisons)
    return f"{name} overall: {listed(told)} ({decided} of {len(comparisons)} declared comparisons decided)"


def _told(c: Comparison) -> str:
    first, second = (printable(n if len(n) <= LONGEST else n[: LONGEST - 1] + "…") for n in (c.first, c.second))
    if c.outcome in (EQUIVALENT, UNDECIDED):
        return f"{first} and {second} {c.outcome}"
    winner, loser = (first, second) if c.interval.point > c.neutral else (second, first)
    return f"{winner} {c.gains} than {loser}"


def _data(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    rows = [
        (
            TIMES.name if c.neutral else SCORES.name,
            c.first,
            c.second,
            c.where,
            *c.interval,
            len(c.values),
            c.band,
            c.p,
            c.p_equivalent,
            c.outcome,
        )
        for c in comparisons
    ]
    names = ["compared", "A", "B", "where", "A against B", "low", "high", "pairs", "band", "Holm p, different"]
    return pd.DataFrame(rows, columns=[*names, "Holm p, equivalent", "outcome"])
