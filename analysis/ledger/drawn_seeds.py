"""Values by seed as dots on one axis, with their intervals: what most of the ledger's pictures are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from analysis.cells import dots
from analysis.drawing import label, marks, short, style
from analysis.figures.lines import GREY, SMALL, WIDTH, ink, note
from analysis.stats import Interval, mean_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINE, AROUND = 0.23, 0.85
"""Inches of a line, and of axis and note."""
LETTERS = 34
BESIDE = 0.04
"""Share of the axis left free at either end."""
DOTS = 0.3
"""Lines by which single seeds lie below their mean."""


class Line(NamedTuple):
    """One line of the picture."""

    name: str
    family: str
    values: tuple[float, ...]
    interval: Interval | None
    group: str = ""
    """What stands above the first of neighbours that share it."""


def line(name: str, family: str, values: pd.Series, group: str = "") -> Line:
    """The line of values by seed, with the interval of their mean."""
    held = tuple(float(value) for value in values)
    return Line(name, family, held, mean_interval(held) if held else None, group)


def drawn(
    lines: Sequence[Line],
    axis: str,
    threshold: float | None = None,
    references: Mapping[str, float] | None = None,
    ends: tuple[float, float] | None = None,
    said: str = "",
) -> Figure:
    """The picture. `references` are vertical lines with a name; `ends` bound the axis, `said` ends the note."""
    from matplotlib.figure import Figure

    heights, groups, place = [], {}, 0.0
    for number, one in enumerate(lines):
        if one.group and (number == 0 or lines[number - 1].group != one.group):
            groups[place] = one.group
            place += 1
        heights.append(place)
        place += 1
    with style():
        figure = Figure(figsize=(WIDTH, LINE * place + AROUND + 0.2 * bool(references)), layout="constrained")
        axes = figure.subplots()
        known = marks([one.family for one in lines])
        for one, height in zip(lines, heights, strict=True):
            _line(axes, one, height, known[one.family].colour, known[one.family].marker)
        _limits(axes, lines, [*([] if threshold is None else [threshold]), *(references or {}).values()], ends)
        axes.set_ylim(place - 0.4, -0.6)
        axes.set_yticks(heights, [short(one.name, LETTERS) for one in lines])
        for at, name in groups.items():
            axes.text(0.01, at, label(name), transform=axes.get_yaxis_transform(), va="center", weight="bold")
        axes.tick_params(axis="y", length=0)
        axes.grid(False, axis="y")
        axes.set_xlabel(label(axis))
        _verticals(axes, threshold, references or {})
        bar = "Large marks: means; bars: 95 % intervals; small marks: seeds."
        note(figure, " ".join(filter(None, (bar, f"Dashed: {threshold:g}." if threshold is not None else "", said))))
    return figure


def data(lines: Sequence[Line], unit: str) -> pd.DataFrame:
    """What is drawn, as a frame."""
    grouped = any(one.group for one in lines)
    rows = [
        {
            **({"of": one.group} if grouped else {}),
            "who": one.name,
            unit: one.interval.point if one.interval else math.nan,
            "low": one.interval.low if one.interval else math.nan,
            "high": one.interval.high if one.interval else math.nan,
            "by seed": ", ".join(f"{value:.4g}" for value in one.values) or "not run",
        }
        for one in lines
    ]
    return pd.DataFrame(rows)


def _line(axes: Axes, one: Line, height: float, colour: str, marker: str) -> None:
    if one.interval is None:
        axes.text(
            0.5, height, "not run", transform=axes.get_yaxis_transform(), ha="center", va="center", fontsize=SMALL
        )
        return
    if math.isfinite(one.interval.low) and math.isfinite(one.interval.high):
        axes.hlines(height, one.interval.low, one.interval.high, color=colour, lw=1.6)
    axes.plot([one.interval.point], [height], marker, color=colour, ms=5.5, mec="0.15", mew=0.6, zorder=4)
    values = np.array(one.values)
    dots.draw(axes, values, np.full(len(values), height + DOTS), marker, colour)
    for drawn_dots in axes.lines[-1:]:
        drawn_dots.set_markersize(3)


def _limits(axes: Axes, lines: Sequence[Line], marked: Sequence[float], ends: tuple[float, float] | None) -> None:
    """Everything that is drawn, intervals only as far as twice the values' range around them: three seeds that differ
    can have an interval that would squeeze all else into a corner.
    """
    values = [*(value for one in lines for value in one.values), *marked]
    if not values:
        return
    low, high = min(values), max(values)
    room = max(high - low, 1e-9)
    inside = [end for one in lines if one.interval for end in one.interval[1:] if low - room <= end <= high + room]
    low, high = min([low, *inside]), max([high, *inside])
    if ends:
        low, high = min(low, ends[0]), max(high, ends[1])
    margin = BESIDE * max(high - low, 1e-9)
    axes.set_xlim(low - margin, high + margin)


def _verticals(axes: Axes, threshold: float | None, references: Mapping[str, float]) -> None:
    if threshold is not None:
        axes.axvline(threshold, color=GREY, lw=1.0, ls="--", zorder=1)
    levels: list[float] = []
    low, high = axes.get_xlim()
    for name, value in sorted(references.items(), key=lambda pair: pair[1]):
        axes.axvline(value, color="0.55", lw=0.9, ls=":", zorder=1)
        width = 0.0118 * (len(name) + 2) * (high - low)
        level = next((n for n, taken in enumerate(levels) if taken <= value - width / 2), len(levels))
        levels[level : level + 1] = [value + width / 2]
        axes.annotate(
            label(name),
            (value, 1),
            xytext=(0, 2 + 9 * level),
            xycoords=axes.get_xaxis_transform(),
            textcoords="offset points",
            ha="center",
            fontsize=7.5,
            color=ink("#555555"),
        )
