"""The figure of a cell on the axis of its rule: bands of the words, thresholds, interval, seeds, tasks left out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from analysis.cells import dots
from analysis.cells.case import Case, Evidence
from analysis.claims import SENSITIVITY
from analysis.drawing import evenly, label
from analysis.stats import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BANDS = ("#f4f4f4", "#dedede")
"""Alternating greys; the words stand in them, so that the shade decides nothing."""
INK, FAINT = "#222222", "#444444"
BACKED = {"fc": "white", "ec": "none", "alpha": 0.75, "pad": 0.6}
"""Behind a small label, so that no threshold crosses it out."""
LETTER = 0.0122
"""Width of a letter of a small label as a share of the axis."""
LOWEST, HIGHEST = -0.6, 2.0
"""How far from 0 the axis goes for values that are far beyond the thresholds, as shares of max(1, figure)."""
PADDING = 0.03
MOST_DOTS = 200
"""Values that the numbers below the picture name; the download holds all."""


class Range(NamedTuple):
    """Ends of the axis."""

    low: float
    high: float


class Rows(NamedTuple):
    """Heights of what is drawn, from the top; None for what is absent."""

    words: float
    figure: float
    dots: float | None
    left_out: float | None
    moved: float
    bottom: float


def extent(case: Case, evidence: Evidence) -> Range:
    """0 to 1 and everything that is drawn, as far as it is not absurdly far away."""
    estimate, interval = case.finding.estimate, case.finding.interval
    if estimate is None or interval is None:
        raise ValueError(f"{case.rule.row}, {case.who}: no figure, so nothing to draw")
    drawn = [0.0, 1.0, *interval, *(dot.value for dot in evidence.dots)]
    drawn += [*evidence.beside, *(left.figure for left in case.finding.left_out.values())]
    wide = max(1.0, abs(estimate.figure))
    kept = np.clip([value for value in drawn if np.isfinite(value)], LOWEST * wide, HIGHEST * wide)
    low, high = min(float(kept.min()), estimate.figure), max(float(kept.max()), estimate.figure)
    margin = PADDING * (high - low)
    return Range(low - margin, high + margin)


def rows(case: Case, evidence: Evidence, ends: Range) -> Rows:
    """Where the rows lie; the bottom is how much height the strip needs, in rows."""
    height, places = 2.0, {}
    levels = {"dots": _levels(_dots(evidence), ends) if evidence.named else 0, "left out": 0}
    levels["left out"] = _levels(_left_out(case), ends)
    for name, there in (("dots", bool(evidence.dots)), ("left out", bool(case.finding.left_out))):
        if there:
            places[name] = -height
            height += 1 + 0.62 * levels[name]
    return Rows(0.0, -1.0, places.get("dots"), places.get("left out"), -height, height + 0.6)


def draw(axes: Axes, case: Case, evidence: Evidence, ends: Range) -> None:
    """The whole strip."""
    found = rows(case, evidence, ends)
    axes.set_xlim(*ends)
    axes.set_ylim(-found.bottom, 0.6)
    axes.grid(visible=False)
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    _bands(axes, case, found, ends)
    _figure(axes, case, found, ends)
    names = {found.figure: "figure, 95 %", found.moved: "threshold ±10 %"}
    if found.dots is not None:
        names[found.dots] = evidence.dots_are
        _dot_row(axes, case, evidence, found.dots, ends)
    if found.left_out is not None:
        names[found.left_out] = "without one " + ("source" if case.rule.row == "Scalability" else "task")
        left = _left_out(case)
        axes.plot([v for v, _ in left], [found.left_out] * len(left), "D", ms=4, mfc="none", mec=INK, ls="")
        _names(axes, left, found.left_out, ends)
    axes.set_yticks(list(names), labels=[label(name) for name in names.values()])
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(label(case.rule.unit))


def data(case: Case, evidence: Evidence) -> pd.DataFrame:
    """What the strip shows, as a frame of texts and numbers."""
    interval = case.finding.interval or Interval(np.nan, np.nan, np.nan)
    shown: list[tuple[str, str, float]] = [
        ("figure", "", interval.point),
        ("interval", "lower end", interval.low),
        ("interval", "upper end", interval.high),
    ]
    pairs = zip(case.rule.words, case.rule.thresholds, strict=False)
    shown += [("threshold", f"of {word}", at) for word, at in pairs]
    kept = evenly(np.array([dot.value for dot in evidence.dots]), MOST_DOTS)
    few = f" ({MOST_DOTS} of {len(evidence.dots)}, at even ranks)" if len(evidence.dots) > MOST_DOTS else ""
    shown += [(evidence.dots_are + few, evidence.dots[at].name, evidence.dots[at].value) for at in kept]
    shown += [("figure without", task, left.figure) for task, left in case.finding.left_out.items()]
    return pd.DataFrame(shown, columns=["what", "of", "value"])


def _bands(axes: Axes, case: Case, found: Rows, ends: Range) -> None:
    rule = case.rule
    edges = [ends.high, *rule.thresholds, ends.low]
    for index, (high, low) in enumerate(pairwise(edges)):
        word = rule.words[index]
        axes.axvspan(low, high, color=BANDS[index % 2], lw=0, zorder=0)
        weight = "bold" if word == case.cell["measured"] else "normal"
        place = (max(low, ends.low) + min(high, ends.high)) / 2
        axes.text(place, found.words, word, ha="center", va="center", fontsize=9, weight=weight, color=INK)
    axes.vlines(list(rule.thresholds), -found.bottom, 0.6, color=INK, lw=1.1, zorder=1)
    moved = [at * factor for at in rule.thresholds for factor in SENSITIVITY]
    axes.vlines(moved, found.moved - 0.3, found.moved + 0.3, color=INK, lw=0.7)
    axes.set_xticks(_ticks(rule.thresholds, ends), minor=False)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")


def _ticks(thresholds: Sequence[float], ends: Range) -> list[float]:
    """The thresholds, and round numbers that stand well apart from them."""
    apart = 0.06 * (ends.high - ends.low)
    rounds = [value for value in np.arange(-10, 50) / 2 if ends.low <= value <= ends.high]
    return sorted([*thresholds, *(float(v) for v in rounds if min(abs(v - at) for at in thresholds) > apart)])


def _figure(axes: Axes, case: Case, found: Rows, ends: Range) -> None:
    interval = case.finding.interval
    if interval is None:
        return
    low, high = max(interval.low, ends.low), min(interval.high, ends.high)
    mark = case.mark
    axes.hlines(found.figure, low, high, color=mark.colour, lw=2.2)
    for end, known, sign in ((low, interval.low >= ends.low, 8), (high, interval.high <= ends.high, 9)):
        axes.plot([end], [found.figure], "|" if known else sign, color=mark.colour, ms=9 if known else 6, mew=1.4)
    axes.plot([interval.point], [found.figure], mark.marker, color=mark.colour, ms=8, mec=INK, mew=0.8, zorder=3)


def _dot_row(axes: Axes, case: Case, evidence: Evidence, height: float, ends: Range) -> None:
    own = _dots(evidence)
    places = [min(max(value, ends.low), ends.high) for value, _ in own]
    offsets = dots.stacked(places, (ends.high - ends.low) / 60) if len(places) <= dots.MANY else [0.0] * len(places)
    dots.draw(axes, np.array(places), height + np.array(offsets), case.mark.marker, case.mark.colour)
    if evidence.named:
        _names(axes, own, height, ends)


def _dots(evidence: Evidence) -> list[tuple[float, str]]:
    return sorted((dot.value, dot.name) for dot in evidence.dots if np.isfinite(dot.value))


def _left_out(case: Case) -> list[tuple[float, str]]:
    """Figures without one task, those that coincide under one name."""
    grouped: dict[float, list[str]] = {}
    for task, left in case.finding.left_out.items():
        grouped.setdefault(round(left.figure, 6), []).append(task)
    return sorted((value, ", ".join(tasks)) for value, tasks in grouped.items())


def _spans(marked: Sequence[tuple[float, str]], ends: Range) -> list[tuple[int, float]]:
    """Level and left end (as a share of the axis) of each name, so that no two on a level overlap."""
    levels: list[float] = []
    found = []
    for value, name in marked:
        width = LETTER * len(name)
        left = (value - ends.low) / (ends.high - ends.low) - width / 2
        left = min(max(left, 0.0), max(1 - width, 0.0))
        level = next((n for n, taken in enumerate(levels) if taken <= left), len(levels))
        levels[level : level + 1] = [left + width + LETTER]
        found.append((level, left))
    return found


def _levels(marked: Sequence[tuple[float, str]], ends: Range) -> int:
    return max((level + 1 for level, _ in _spans(marked, ends)), default=0)


def _names(axes: Axes, marked: Sequence[tuple[float, str]], height: float, ends: Range) -> None:
    for (_, name), (level, left) in zip(marked, _spans(marked, ends), strict=True):
        place = ends.low + left * (ends.high - ends.low)
        axes.text(place, height - 0.62 * (level + 1), label(name), fontsize=8, va="center", color=FAINT, bbox=BACKED)
