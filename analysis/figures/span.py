"""Span and path: how many operations must follow one another, what that leaves to run at once, how far apart ends are.

Sequential operations and maximum path length are columns of Vaswani et al. 2017 (arXiv 1706.03762), Table 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from analysis.claims import PARALLEL
from analysis.clocks import wording
from analysis.document import Picture
from analysis.drawing import label, style
from analysis.figures.lines import (
    GREY,
    SMALL,
    WIDTH,
    End,
    Shown,
    compact,
    shown,
    tick_at,
    tick_values,
    write_ends,
)
from analysis.laws import fitted, series
from analysis.material import Material
from analysis.rows import parallel
from analysis.rows.finding import Contender, absence
from analysis.rows.parallel import ELEMENTWISE, KERNELS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME = "span-and-path"
TITLE = "Span and path"
SPAN, PATHS = "span_operations", ("path_operations", "path_weight_crossings")
PANELS = {
    SPAN: ("Sequential operations (span)", "kernel calls"),
    "parallelism": ("Work that can run at once", "work / span, relative"),
    PATHS[0]: ("Longest path, in operations", "kernel calls"),
    PATHS[1]: ("Longest path, in weights", "weight matrices crossed"),
}
"""Title and unit."""
ROOM = 1.4
"""Factor left free above and below the curves."""


class Curve(NamedTuple):
    """One architecture in one panel."""

    who: Shown
    values: pd.Series
    """By length n."""
    law: str


def picture(material: Material) -> Picture | str:
    """Span, parallelism and both path lengths against n, of every column's best variant; why not, if untraced."""
    who = shown(material, every=False)
    panels = {
        SPAN: [_curve(one, series(material.run, one.architecture, SPAN, KERNELS)) for one in who],
        "parallelism": [_parallelism(material, one) for one in who],
        **{path: [_curve(one, series(material.run, one.architecture, path)) for one in who] for path in PATHS},
    }
    panels = {name: [curve for curve in curves if len(curve.values)] for name, curves in panels.items()}
    if not any(panels.values()):
        return absence(material.run, material.run.select(kind="trace"))
    with style():
        figure = _drawn(panels)
    return Picture(NAME, TITLE, _finding(panels), figure, _data(panels))


def _curve(one: Shown, values: pd.Series) -> Curve:
    law = fitted(values)
    return Curve(one, values, law.text if law else "")


def _parallelism(material: Material, one: Shown) -> Curve:
    """Work over span in scalar operations, and the slope by which the row of the table judges it."""
    contender = Contender(one.column, material.families[one.architecture], one.variant, one.architecture)
    traced = parallel.traced(material.run, parallel.select(material.run, contender), ELEMENTWISE)
    judged = parallel.find(material.run, contender)
    law = f"n^{judged.estimate.figure + 0.0:.2f}" if judged.estimate else ""
    return Curve(one, traced.drop_duplicates("length").set_index("length")["parallelism"].astype(float), law)


def _drawn(panels: Mapping[str, list[Curve]]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, 5.6), layout="constrained")
    grid = figure.subplots(2, 2)
    for axes, (name, curves) in zip(grid.flat, panels.items(), strict=True):
        title, unit = PANELS[name]
        axes.set_title(title, loc="left")
        axes.set_ylabel(unit)
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        relative = name == "parallelism"
        drawn = [c._replace(values=c.values / c.values.iloc[0]) for c in curves] if relative else curves
        _plot(axes, drawn, thresholds=relative)
        tick_at(axes, {n for curve in curves for n in curve.values.index})
    for axes in grid[1]:
        axes.set_xlabel("length n [tokens]")
    return figure


def _plot(axes: Axes, curves: list[Curve], thresholds: bool) -> None:
    if not curves:
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", fontsize=SMALL)
        return
    ends = _thresholds(axes, curves) if thresholds else []
    for curve in curves:
        mark, values = curve.who.mark, curve.values
        axes.plot(values.index, values, color=mark.colour, marker=mark.marker, linestyle=mark.line, markersize=4.5)
        text = f"{curve.who.title}\n{label(curve.law)}".rstrip()
        ends.append(End(float(values.index[-1]), float(values.iloc[-1]), text, mark.colour))
    every = np.concatenate([curve.values.to_numpy() for curve in curves])
    axes.set_ylim(float(every.min()) / ROOM, float(every.max()) * ROOM)
    tick_values(axes, compact)
    write_ends(axes, ends)


def _thresholds(axes: Axes, curves: list[Curve]) -> list[End]:
    """The slopes at which the row's word changes, from the point in which all curves start."""
    first, last = min(c.values.index[0] for c in curves), max(c.values.index[-1] for c in curves)
    ends = []
    for word, q in zip(PARALLEL.words, PARALLEL.thresholds, strict=False):
        axes.plot([first, last], [1.0, (last / first) ** q], color=GREY, lw=0.8, zorder=1)
        ends.append(End(float(last), float((last / first) ** q), f"n^{q:g}\n{word} above", GREY))
    return ends


def _finding(panels: Mapping[str, list[Curve]]) -> str:
    said = []
    if panels[SPAN]:
        laws = wording.listed(f"{c.law or 'too few lengths for a law'} ({c.who.column})" for c in panels[SPAN])
        said.append(f"counted in kernel calls that must follow one another, a forward pass takes {laws}")
    if panels["parallelism"]:
        said.append(
            "what can run at once grows as "
            + wording.listed(f"{c.law or 'an unknown power of n'} ({c.who.column})" for c in panels["parallelism"])
        )
    if panels[PATHS[0]]:
        far = [f"{c.values.iloc[-1]:,.0f} at n = {c.values.index[-1]} ({c.who.column})" for c in panels[PATHS[0]]]
        said.append(f"the operations between the positions farthest apart are {wording.listed(far)}")
    text = "; ".join(said)
    return f"{text[:1].upper()}{text[1:]}."


def _data(panels: Mapping[str, list[Curve]]) -> pd.DataFrame:
    lengths = sorted({n for curves in panels.values() for c in curves for n in c.values.index})
    rows = [
        {"panel": PANELS[name][0], "unit": PANELS[name][1], "column": c.who.column, "architecture": c.who.architecture}
        | {"law": c.law}
        | {f"n = {n}": c.values.get(n, np.nan) for n in lengths}
        for name, curves in panels.items()
        for c in curves
    ]
    return pd.DataFrame(rows)
