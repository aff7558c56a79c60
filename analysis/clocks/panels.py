"""One panel of a figure: curves against n on logarithmic axes, labelled where they end, readable in grey."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from analysis.drawing import Mark, label

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GAP = 0.075
"""Least distance of two labels, as a share of the panel's height."""
ROOM = 1.35
"""Factor left free above the highest and below the lowest point."""
MANY = 2.5
"""Decades from which an axis is labelled at powers of ten alone."""
DODGE = 0.008
"""Share of the width by which curves stand beside each other, so that no interval hides another."""
MOST = 6
"""Labels of lengths that fit below a panel."""
LEADER = {"arrowstyle": "-", "lw": 0.6, "shrinkA": 1, "shrinkB": 0, "relpos": (0, 0.5)}
"""The line from a curve's end to its label."""


class Curve(NamedTuple):
    """One line of a panel; points must be positive, ends may be infinite or missing."""

    title: str
    mark: Mark
    points: pd.DataFrame
    """Columns x, point, and low and high where there are intervals."""


def draw(axes: Axes, curves: Sequence[Curve], ticks: Callable[[float], str]) -> None:
    """Draw curves with their intervals; `ticks` writes the numbers of the vertical axis."""
    held = [curve for curve in curves if len(curve.points)]
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    if not held:
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center")
        return
    lengths = sorted({int(n) for curve in held for n in curve.points["x"]})
    for number, curve in enumerate(held):
        _line(axes, curve, (lengths[-1] / lengths[0]) ** (DODGE * (number - (len(held) - 1) / 2)))
    values = np.concatenate([curve.points["point"].to_numpy(dtype=float) for curve in held])
    low, high = float(values.min()) / ROOM, float(values.max()) * ROOM
    axes.set_ylim(low, high)
    _label_ends(axes, held, low, high)
    _tick(axes, lengths, np.log10(high / low), ticks)


def _line(axes: Axes, curve: Curve, dodge: float) -> None:
    points, mark = curve.points.assign(x=curve.points["x"] * dodge), curve.mark
    axes.plot(
        points["x"], points["point"], color=mark.colour, marker=mark.marker, linestyle=mark.line, markersize=4.5, lw=1.4
    )
    if "low" in points:
        known = points[np.isfinite(points["low"]) & np.isfinite(points["high"])]
        axes.vlines(known["x"], known["low"], known["high"], color=mark.colour, lw=1.0)


def _label_ends(axes: Axes, curves: Sequence[Curve], low: float, high: float) -> None:
    """Titles at the right, at the height of each curve's end, moved apart where they would overlap."""
    ends = [float(np.log(c.points["point"].iloc[-1] / low) / np.log(high / low)) for c in curves]
    order = np.argsort(ends, kind="stable")
    heights = spread([ends[i] for i in order])
    for i, height in zip(order, heights, strict=True):
        axes.annotate(
            label(curves[i].title),
            xy=(1.0, ends[i]),
            xytext=(1.06, height),
            xycoords="axes fraction",
            textcoords="axes fraction",
            va="center",
            fontsize=8,
            color=curves[i].mark.colour,
            arrowprops=LEADER | {"color": curves[i].mark.colour},
        )


def spread(heights: Sequence[float]) -> list[float]:
    """Ascending heights, GAP apart at least: where they would be closer, a group is spread around its middle."""
    groups: list[list[float]] = []
    for height in heights:
        groups.append([height])
        while len(groups) > 1 and _placed(groups[-1])[0] - _placed(groups[-2])[-1] < GAP:
            last = groups.pop()
            groups[-1] += last
    return [place for group in groups for place in _placed(group)]


def _placed(group: Sequence[float]) -> list[float]:
    middle = sum(group) / len(group)
    return [middle + GAP * (number - (len(group) - 1) / 2) for number in range(len(group))]


def _tick(axes: Axes, lengths: Sequence[int], decades: float, ticks: Callable[[float], str]) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

    shown = lengths[:: -(-len(lengths) // MOST)]
    axes.xaxis.set_major_locator(FixedLocator(shown))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:,.0f}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(LogLocator(base=10, subs=(1.0,) if decades > MANY else (1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: ticks(y)))
    axes.yaxis.set_minor_formatter(NullFormatter())
    if len(lengths) == 1:
        axes.set_xlim(lengths[0] / 2, lengths[0] * 2)
