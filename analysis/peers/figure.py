"""Ours over each peer: one panel per group and length, a row per peer, a mark with its interval per width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis import drawing
from analysis.peers import words
from analysis.peers.compared import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

NAME = "peers.svg"
GREY = "#555555"
LETTERS = 36
"""Of a name."""
SPREAD = 0.5
"""Height of a row that the widths share."""
PAGE_WIDTH, TICKS = 7.0, 5
"""Inches of a page of text; numbers that fit below one of two panels there."""


def draw(figures: Mapping[str, Any], folder: Path) -> str:
    """Draw and save; returns the file's name, or nothing when no peer was measured."""
    with drawing.style():
        figure = drawn(figures)
        return drawing.save(figure, folder / NAME).name if figure else ""


def drawn(figures: Mapping[str, Any], page: bool = False) -> Figure | None:
    """The figure, as wide as it needs or as a `page` of text is; None when no peer was measured."""
    from matplotlib.figure import Figure

    rows = [row for row in figures["contenders"] if row["ours_over_it"] is not None]
    if not rows:
        return None
    groups = [group for group in words.groups(figures) if any(row["group"] == group for row in rows)]
    lengths, widths = (sorted({row[key] for row in rows}) for key in ("length", "width"))
    peers = {g: sorted({row["who"] for row in rows if row["group"] == g}, reverse=True) for g in groups}
    heights = [len(peers[group]) + 0.6 for group in groups]
    across = PAGE_WIDTH if page else 1.8 + 3.4 * len(lengths)
    figure = Figure(figsize=(across, 1.1 + 0.45 * sum(heights)), layout="constrained")
    grid = figure.subplots(len(groups), len(lengths), sharex=True, squeeze=False, height_ratios=heights, sharey="row")
    for panels, group in zip(grid, groups, strict=True):
        for axes, length in zip(panels, lengths, strict=True):
            held = [row for row in rows if (row["group"], row["length"]) == (group, length)]
            _panel(axes, held, peers[group], widths, drawing.marks(groups)[group])
        panels[0].set_ylabel(drawing.short(words.name(group), LETTERS))
    for axes, length in zip(grid[0], lengths, strict=True):
        axes.set_title(f"n = {length}")
    grid[0][0].set_xlim(*_limits(rows))
    if page:
        grid[0][0].locator_params(axis="x", nbins=TICKS)
    figure.supxlabel("ours over the peer, tokens per second of forward and backward (95 % interval)", fontsize=9)
    figure.legend(handles=width_handles(widths), loc="outside upper right", ncols=len(widths), frameon=False)
    return figure


def _panel(axes: Axes, rows: Sequence[Row], peers: Sequence[str], widths: Sequence[int], mark: drawing.Mark) -> None:
    axes.axvline(1.0, color=GREY, linewidth=1.0, zorder=1)
    for row in rows:
        place = widths.index(row["width"])
        y = peers.index(row["who"]) + offset(place, len(widths))
        point, low, high = row["ours_over_it"]
        if low is not None:
            axes.plot([low, high], [y, y], color=mark.colour, linewidth=1.2, zorder=2)
        axes.plot([point], [y], mark.marker, color=mark.colour, markersize=size(place), zorder=3)
    axes.set_yticks(range(len(peers)), [drawing.short(who, LETTERS) for who in peers])
    axes.set_ylim(-0.6, len(peers) - 0.4)
    axes.grid(False, axis="y")


def offset(place: int, widths: int) -> float:
    """Where a width stands inside its row: the widest on top."""
    return SPREAD * ((place + 0.5) / widths - 0.5)


def size(place: int) -> float:
    """Wider layers have larger marks."""
    return 3.2 + 1.4 * place


def _limits(rows: Sequence[Row]) -> tuple[float, float]:
    """Every point and 1, with some room; an interval of a noisy cell may run out of the panel."""
    points = np.array([row["ours_over_it"][0] for row in rows] + [1.0])
    ends = np.array([end for row in rows for end in row["ours_over_it"][1:] if end is not None] + [1.0])
    room = max(0.1, 0.5 * float(np.ptp(points)))
    low = max(ends.min(), points.min() - room)
    return max(0.0, low - 0.03), min(ends.max(), points.max() + room) + 0.03


def width_handles(widths: Sequence[int]) -> list[Line2D]:
    """What a legend says of the marks' sizes."""
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color=GREY, marker="o", linestyle="", markersize=size(place), label=f"width {width}")
        for place, width in enumerate(widths)
    ]
