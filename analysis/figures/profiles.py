"""Performance profiles: the share of trainings that score above every threshold, one curve per contender."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.clocks.wording import listed
from analysis.document import Picture
from analysis.drawing import LETTERS, style
from analysis.figures.lines import GREY, SMALL, WIDTH, End, Shown, note, shown, write_ends
from analysis.material import Material
from analysis.rows.finding import absence
from analysis.rows.long_range import ROW
from analysis.statistics.profiles import Band, profile
from analysis.statistics.scores import by_cell, planned_scores
from analysis.wording import cut, printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME = "performance-profiles"
TITLE = "Performance profiles: how many trainings score above every threshold"
THRESHOLDS = np.linspace(0, 1, 101)
HALFWAY, SOLVED = 0.5, 0.95
TOLD = (0.0, 0.1, 0.25, HALFWAY, 0.75, 0.9, SOLVED, 0.99)
"""Thresholds of the numbers behind the figure."""
LABELLED_AT = 0.88
HEIGHT = 3.6
BAND = 0.16
"""Opacity of an interval, so that several can be told apart."""


@dataclass(frozen=True)
class Profile:
    """The curve of one contender."""

    who: Shown
    cells: int
    trainings: int
    band: Band

    def at(self, threshold: float) -> tuple[float, float, float]:
        """Share above the threshold with its interval."""
        index = int(np.argmin(np.abs(THRESHOLDS - threshold)))
        return self.band.point[index], self.band.low[index], self.band.high[index]


def picture(material: Material) -> Picture | str:
    """Profiles of the best variants with their intervals; of the plain ones without."""
    scores = planned_scores(material)
    profiles = []
    for who in shown(material):
        cells = list(by_cell(scores, who.architecture).values())
        if cells:
            profiles.append(Profile(who, len(cells), sum(c.size for c in cells), profile(cells, THRESHOLDS)))
    if not profiles:
        return absence(material.run, material.run.select(row=ROW, split="report"))
    with style():
        figure = _drawn(profiles, str(material.headline))
    return Picture(NAME, TITLE, _finding(profiles), figure, _data(profiles))


def _drawn(profiles: Sequence[Profile], setting: str) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    axes = figure.subplots()
    for one in profiles:
        _curve(axes, one)
    axes.axvline(SOLVED, color=GREY, lw=0.8, ls=":")
    axes.text(SOLVED - 0.008, 0.01, "solved", ha="right", va="bottom", fontsize=SMALL, color=GREY)
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.02, 1.02)
    axes.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    axes.set_xlabel("score: 0 chance, 1 perfect")
    axes.set_ylabel("trainings that score higher")
    counts = sorted({one.trainings for one in profiles})
    number = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    known = any(np.isfinite(one.band.low).all() for one in profiles)
    bands = "bands: pointwise 95 % intervals of the best variants" if known else "too few cells or seeds for intervals"
    note(figure, f"{number} trainings a curve, every cell weighing the same; {bands}; {setting}")
    figure.canvas.draw()
    write_ends(axes, [End(LABELLED_AT, one.at(LABELLED_AT)[0], one.who.title, one.who.mark.colour) for one in profiles])
    return figure


def _curve(axes: Axes, one: Profile) -> None:
    mark, best = one.who.mark, one.who.is_best
    if best and np.isfinite(one.band.low).all():
        axes.fill_between(THRESHOLDS, one.band.low, one.band.high, step="post", color=mark.colour, alpha=BAND, lw=0)
    axes.step(
        THRESHOLDS,
        one.band.point,
        where="post",
        color=mark.colour,
        linestyle=mark.line,
        marker=mark.marker,
        markevery=(5, 15),
        markersize=5 if best else 3.5,
        markerfacecolor=mark.colour if best else "white",
        lw=1.6 if best else 0.8,
    )


def _finding(profiles: Sequence[Profile]) -> str:
    """How many pass half of the way, the most first, and whether one figure can order the leading ones."""
    leading = [one for one in profiles if one.who.is_best] or list(profiles)
    ordered = sorted(leading, key=lambda one: -one.at(HALFWAY)[0])
    shares = listed(f"{_share(one)} of {_named(one)}'s trainings" for one in ordered)
    crossing = [
        f"{_named(a)}'s and {_named(b)}'s"
        for a, b in combinations(ordered, 2)
        if (a.band.point > b.band.point).any() and (a.band.point < b.band.point).any()
    ]
    order = f"the profiles of {listed(crossing)} cross" if crossing else "no two profiles cross"
    return f"More than half of the way from chance to perfect is reached by {shares}" + (
        f"; {order}." if len(leading) > 1 else "."
    )


def _named(one: Profile) -> str:
    """The contender as a sentence names it, where nothing is a formula."""
    named = one.who.column if one.who.is_best else f"{one.who.column}, {one.who.variant}"
    return printable(cut(named, LETTERS))


def _share(one: Profile) -> str:
    point, low, high = one.at(HALFWAY)
    return f"{point:.0%} [{low:.0%}, {high:.0%}]" if np.isfinite(low) else f"{point:.0%}"


def _data(profiles: Sequence[Profile]) -> pd.DataFrame:
    rows = [
        (one.who.column, one.who.variant, one.who.architecture, threshold, *one.at(threshold))
        for one in profiles
        for threshold in TOLD
    ]
    return pd.DataFrame(rows, columns=["column", "variant", "architecture", "score above", "share", "low", "high"])
