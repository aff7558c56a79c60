"""Curves of the ledger: loss by position, accuracy by labels, accuracy against perturbation; one panel each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from analysis.drawing import label, marks, short, style
from analysis.figures.lines import GREY, WIDTH, compact, note

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANEL = 2.5
"""Inches of a panel's height."""
MOST_TICKS = 8


class Curve(NamedTuple):
    """Values of one family along an axis, by seed."""

    name: str
    family: str
    held: pd.DataFrame
    """Columns seed, x, y."""
    strong: bool = True
    """Drawn as a whole line with filled marks; otherwise dotted, with hollow ones."""
    panel: str = ""


class Look(NamedTuple):
    """How the panels are drawn."""

    across: str
    up: str
    logarithmic: bool = False
    ends: tuple[float, float] | None = None
    level: float | None = None
    """Where a line of reference lies."""
    said: str = ""


def drawn(curves: Sequence[Curve], look: Look) -> Figure:
    """One panel for each `panel`; means over seeds as lines, single seeds as faint ones."""
    from matplotlib.figure import Figure

    panels = list(dict.fromkeys(curve.panel for curve in curves))
    with style():
        figure = Figure(figsize=(WIDTH, PANEL + 0.9), layout="constrained")
        grid = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
        known = marks([curve.family for curve in curves])
        for axes, panel in zip(grid, panels, strict=True):
            for curve in (c for c in curves if c.panel == panel):
                _curve(axes, curve, known[curve.family].colour, known[curve.family].marker)
            axes.set_title(short(panel))
            _axis(axes, [float(x) for c in curves for x in c.held["x"]], look)
        grid[0].set_ylabel(label(look.up))
        handles = {text: line for axes in grid for line, text in zip(*axes.get_legend_handles_labels(), strict=True)}
        figure.legend(list(handles.values()), list(handles), loc="outside upper center", ncols=3, frameon=False)
        note(figure, " ".join(filter(None, ("Lines: means over seeds; faint: single seeds.", look.said))))
    return figure


def binned(held: pd.DataFrame) -> pd.DataFrame:
    """Means over positions 1, 2, 3 to 4, 5 to 8, ...: columns seed, x (geometric middle) and y; `held` has x from 0."""
    if held.empty:
        return held
    place = np.ceil(np.log2(held["x"].to_numpy(dtype=float) + 1)).astype(int)
    means = held.assign(x=place).groupby(["seed", "x"], as_index=False)["y"].mean()
    last = 2.0 ** means["x"]
    return means.assign(x=np.where(means["x"] == 0, 1.0, np.sqrt((last / 2 + 1) * last)))


def data(curves: Sequence[Curve], across: str, up: str, shown: Callable[[float], str] = compact) -> pd.DataFrame:
    """Means over seeds, one line for each point."""
    rows = []
    for curve in curves:
        for x, own in curve.held.groupby("x")["y"]:
            where = {"panel": curve.panel} if curve.panel else {}
            rows.append({**where, "curve": curve.name, across: shown(float(str(x))), up: own.mean(), "seeds": len(own)})
    return pd.DataFrame(rows)


def _curve(axes: Axes, curve: Curve, colour: str, marker: str) -> None:
    pattern = "-" if curve.strong else ":"
    for _, own in curve.held.groupby("seed"):
        own = own.sort_values("x")
        axes.plot(own["x"], own["y"], pattern, color=colour, lw=0.6, alpha=0.4, zorder=2)
    mean = curve.held.groupby("x")["y"].mean()
    axes.plot(
        *(mean.index.to_numpy(dtype=float), mean.to_numpy()),
        f"{marker}{pattern}",
        color=colour,
        mfc=colour if curve.strong else "white",
        ms=4.5,
        lw=1.6,
        label=label(curve.name),
        zorder=3,
    )


def _axis(axes: Axes, places: Sequence[float], look: Look) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    if look.logarithmic:
        axes.set_xscale("log", base=2)
        held = sorted(set(places))
        axes.xaxis.set_major_locator(FixedLocator(held[:: max(1, -(-len(held) // MOST_TICKS))]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: compact(round(x))))
        axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel(label(look.across))
    if look.ends:
        axes.set_ylim(*look.ends)
    if look.level is not None:
        axes.axhline(look.level, color=GREY, lw=0.8, ls="--", zorder=1)
