"""Single values drawn so that each is seen: few as marks of their family, many as the ticks of a rug."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from analysis.stats import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MANY = 60
"""From here on a mark each would fill the page with bytes and the panel with ink; a rug is one path."""
TICK = 0.12
"""Half the height of a rug's tick, in rows."""
DASH = 1.06
"""Factor to either end of a rug's stroke on a logarithmic axis."""


def draw(axes: Axes, x: Array, y: Array, marker: str, colour: str, filled: bool = False) -> None:
    """Values along x, at heights y in rows."""
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    if x.size <= MANY:
        axes.plot(x, y, marker, ms=5, mfc=colour if filled else "none", mec=colour, mew=1.1, ls="")
        return
    axes.plot(*_rug(x, x, y - TICK, y + TICK), color=colour, lw=0.9 if filled else 0.5)


def draw_up(axes: Axes, x: Array, y: Array, marker: str, colour: str) -> None:
    """Values along y, of positive x on a logarithmic axis."""
    if x.size <= MANY:
        axes.plot(x, y, marker, ms=4.5, mfc="none", mec=colour, ls="")
        return
    axes.plot(*_rug(x / DASH, x * DASH, y, y), color=colour, lw=0.5)


def _rug(left: Array, right: Array, low: Array, high: Array) -> tuple[Array, Array]:
    """Separate straight strokes as one path."""
    nothing = np.full(left.size, np.nan)
    return np.column_stack([left, right, nothing]).ravel(), np.column_stack([low, high, nothing]).ravel()


def stacked(places: Sequence[float], width: float) -> list[float]:
    """Vertical offsets, in rows, of ascending places, so that those closer than a width stand above each other."""
    groups: list[list[int]] = []
    for index, place in enumerate(places):
        if groups and place - places[groups[-1][0]] < width:
            groups[-1].append(index)
        else:
            groups.append([index])
    step = 0.8 / max([4, *map(len, groups)])
    offsets = [0.0] * len(places)
    for group in groups:
        for position, index in enumerate(group):
            offsets[index] = step * (position - (len(group) - 1) / 2)
    return offsets
