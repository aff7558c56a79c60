"""The picture of a cell: the strip, and below it what the row measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.cells import strip
from analysis.cells.case import Case, Evidence, number
from analysis.cells.flips import steps
from analysis.document import Picture
from analysis.drawing import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 7.0
LEFT, RIGHT, BELOW, ABOVE, BETWEEN = 1.35, 0.25, 0.5, 0.06, 0.2
"""Margins in inches; nothing is laid out automatically, which would draw every figure several times."""
ROW = 0.24
GAP = 0.75
"""Between two panels that stand beside each other."""


def picture(case: Case, evidence: Evidence, name: str) -> Picture:
    """Strip and panels. Raises ValueError for a cell without a figure."""
    with style():
        drawn = _drawn(case, evidence)
    title = f"{case.rule.row}, {case.who}"
    return Picture(name, title, finding(case), drawn, strip.data(case, evidence))


def finding(case: Case) -> str:
    """Figure, word, the nearest other word and the verdict, in one sentence."""
    estimate, cell = case.finding.estimate, case.cell
    ends = ", ".join("?" if cell[end] is None else f"{cell[end]:.2f}" for end in ("low", "high"))
    said = f"The figure {cell['figure']:.2f} [{ends}] reads {cell['measured']}"
    near = next(iter(steps(case.rule, estimate)), None) if estimate else None
    if near is not None:
        side = "below" if near.up else "above"
        said += f", {number(near.distance, 2)} {side} the threshold {near.threshold:g} towards {near.word}"
    if case.rule.is_ours or cell["claimed"] is None:
        return f"{said}; nothing is claimed{_open(case)}."
    return f"{said}; claimed is {cell['claimed']}, verdict: {cell['verdict']}{_open(case)}."


def _open(case: Case) -> str:
    return f" (it may be {case.cell['alternative']})" if case.cell["alternative"] else ""


def _drawn(case: Case, evidence: Evidence) -> Figure:
    from matplotlib.figure import Figure

    ends = strip.extent(case, evidence)
    above = ROW * (strip.rows(case, evidence, ends).bottom + 0.6)
    below = BETWEEN + evidence.height + BELOW if evidence.panels else 0.0
    height = ABOVE + above + BELOW + below
    figure = Figure(figsize=(WIDTH, height))

    def place(left: float, bottom: float, width: float, tall: float) -> tuple[float, float, float, float]:
        return left / WIDTH, bottom / height, width / WIDTH, tall / height

    whole = WIDTH - LEFT - RIGHT
    strip.draw(figure.add_axes(place(LEFT, below + BELOW, whole, above)), case, evidence, ends)
    each = (whole - GAP * (len(evidence.panels) - 1)) / max(1, len(evidence.panels))
    for position, panel in enumerate(evidence.panels):
        axes = figure.add_axes(place(LEFT + position * (each + GAP), BELOW, each, evidence.height))
        if panel.aligned:
            axes.set_xlim(*ends)
        panel.draw(axes)
    for axes in figure.axes:
        _settle(axes)
    return figure


def _settle(axes: Axes) -> None:
    """Ticks as they are now: matplotlib would choose them anew whenever it saves, by the settings of that moment."""
    from matplotlib.ticker import FixedLocator

    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        places = [place for place in axis.get_majorticklocs() if low <= place <= high]
        axis.set_major_locator(FixedLocator(places))
        axis.get_major_ticks(len(places))
