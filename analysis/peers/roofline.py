"""The roofline of the measured machine (Williams, Waterman and Patterson 2009) and every contender's share of it.

The contenders' intensity is a bound from below on traffic (see `compared.least_bytes`), so all of them stand far
right of the ridge, close together. What tells them apart is how far below the roof they stand: the panels beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis import drawing
from analysis.peers import words
from analysis.peers.compared import OURS, Row
from analysis.peers.figure import GREY, LETTERS, PAGE_WIDTH, offset, size, width_handles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME = "roofline.svg"
ROOFS = {"matmul": ("torch.mm", "-"), "convolution": ("best kernel (one-tap convolution)", "--")}
GIGA = 1e9
ROOF = 2.6
"""Inches of the roof above the shares, on a page."""


def attainable(intensity: np.ndarray, peak: float, bandwidth: float) -> np.ndarray:
    """Operations per second that neither the peak nor the memory forbids, at operations per byte."""
    return np.minimum(peak, bandwidth * intensity)


def draw(figures: Mapping[str, Any], folder: Path) -> str:
    """Draw and save; returns the file's name, or nothing when a probe or every contender is missing."""
    with drawing.style():
        figure = drawn(figures)
        return drawing.save(figure, folder / NAME).name if figure else ""


def drawn(figures: Mapping[str, Any], page: bool = False) -> Figure | None:
    """The figure, the shares beside the roof or, as wide as a `page` of text, below it; None without either."""
    from matplotlib.figure import Figure

    limits = {row["probe"]: float(row["per_second"][0]) for row in figures["machine"]}
    rows = [row for row in figures["contenders"] if row["share_of_matmul"] is not None]
    if not rows or not {"matmul", "copy"} <= set(limits):
        return None
    lengths, widths = (sorted({row[key] for row in rows}) for key in ("length", "width"))
    subjects = sorted({(row["group"], row["who"]) for row in rows}, key=_order(words.groups(figures)))
    height = 1.9 + 0.34 * max(10, len(subjects))
    if page:
        figure = Figure(figsize=(PAGE_WIDTH, ROOF + 0.8 * height), layout="constrained")
        grid = figure.add_gridspec(2, len(lengths), height_ratios=[ROOF, 0.8 * height - 1.0])
        roof = figure.add_subplot(grid[0, :])
        panels = [figure.add_subplot(grid[1, place]) for place in range(len(lengths))]
    else:
        figure = Figure(figsize=(4.4 + 2.8 * len(lengths), height), layout="constrained")
        roof, *panels = figure.subplots(1, 1 + len(lengths), width_ratios=[1.5] + [1.0] * len(lengths))
    right = max(*(row["share_of_matmul"][0] for row in rows), *(limits.get(p, 0) / limits["matmul"] for p in ROOFS))
    marks = drawing.marks(words.groups(figures))
    _roof(roof, rows, limits, marks)
    for axes, length in zip(panels, lengths, strict=True):
        held = [row for row in rows if row["length"] == length]
        _shares(axes, held, subjects, widths, limits, marks)
        axes.set(title=f"n = {length}", xlabel="share of the torch.mm peak", xlim=(0.0, 1.05 * right))
        if axes is not panels[0]:
            axes.set_yticklabels([])
    handles = [*roof.get_legend_handles_labels()[0], *width_handles(widths)]
    figure.legend(handles=handles, loc="outside lower center", ncols=3 if page else 4, frameon=False)
    return figure


def _order(groups: Sequence[str]) -> Any:
    """Groups as the page has them, ours first in each."""
    return lambda subject: (groups.index(subject[0]), subject[1] != OURS, subject[1])


def _roof(axes: Axes, rows: Sequence[Row], limits: Mapping[str, float], marks: Mapping[str, drawing.Mark]) -> None:
    from matplotlib.ticker import LogLocator

    placed = [row for row in rows if row["flops_per_byte"] is not None]
    ridge = max(limits.get(probe, 0.0) for probe in ROOFS) / limits["copy"]
    right = 2 * max([4 * ridge, *(row["flops_per_byte"] for row in placed)])
    intensity = np.geomspace(ridge / 30, right, 200)
    for probe, (label, line) in ROOFS.items():
        if probe in limits:
            height = attainable(intensity, limits[probe], limits["copy"]) / GIGA
            text = f"{label}, {limits[probe] / GIGA:,.0f} GFLOP/s"
            axes.plot(intensity, height, line, color=GREY, linewidth=1.4, label=text, zorder=1)
    for group in (group for group in marks if any(row["group"] == group for row in placed)):
        for ours in (True, False):
            held = [row for row in placed if (row["group"], row["who"] == OURS) == (group, ours)]
            text = drawing.short(f"{words.name(group)}, {'ours' if ours else 'peers'}", LETTERS)
            _points(axes, held, marks[group], text, ours)
    axes.set(xscale="log", yscale="log", title=f"Roofline; memory {limits['copy'] / GIGA:,.1f} GB/s")
    axes.set_xlabel("FLOPs per byte that must move\n(lower bound of traffic)")
    axes.set_ylabel("GFLOP/s, forward and backward")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("")


def _points(axes: Axes, rows: Sequence[Row], mark: drawing.Mark, label: str, ours: bool) -> None:
    if rows:
        axes.plot(
            [row["flops_per_byte"] for row in rows],
            [row["flops_per_second"][0] / GIGA for row in rows],
            mark.marker,
            color=mark.colour,
            markerfacecolor=mark.colour if ours else "white",
            markersize=5,
            label=label,
            zorder=3 if ours else 2,
        )


def _shares(
    axes: Axes,
    rows: Sequence[Row],
    subjects: Sequence[tuple[str, str]],
    widths: Sequence[int],
    limits: Mapping[str, float],
    marks: Mapping[str, drawing.Mark],
) -> None:
    """A line per contender, a mark per width, larger for wider; both peaks as upright lines."""
    for row in rows:
        mark, place = marks[row["group"]], widths.index(row["width"])
        y = -subjects.index((row["group"], row["who"])) + offset(place, len(widths))
        fill = mark.colour if row["who"] == OURS else "white"
        share = row["share_of_matmul"][0]
        axes.plot([share], [y], mark.marker, color=mark.colour, markerfacecolor=fill, markersize=size(place))
    for probe, (_, line) in ROOFS.items():
        if probe in limits:
            axes.axvline(limits[probe] / limits["matmul"], color=GREY, linestyle=line, linewidth=1.2, zorder=1)
    texts = [drawing.short(f"{words.name(group)}: {who}", LETTERS) for group, who in subjects]
    axes.set_yticks([-y for y in range(len(subjects))], texts)
    axes.set_ylim(0.6 - len(subjects), 0.6)
    axes.grid(False, axis="y")
