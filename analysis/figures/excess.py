"""Excess loss against training tokens and against core parameters, with the power laws that the row is judged by.

Hestness et al. 2017 and Kaplan et al. 2020 describe such laws; selection and fit are the row's own (rows/scalability).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from analysis.claims import EXCESS_FLOOR
from analysis.clocks import wording
from analysis.document import Picture
from analysis.drawing import evenly, short, style
from analysis.figures.lines import (
    GREY,
    SMALL,
    WIDTH,
    End,
    Shown,
    note,
    shown,
    tick_at,
    tick_values,
    write_ends,
)
from analysis.material import Material
from analysis.rows import scalability
from analysis.rows.finding import Contender, absence
from analysis.stats import Array, Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME = "excess-loss"
TITLE = "Excess loss"
AXES = {"data": "training tokens", "parameters": "core parameters"}
"""Axis of the row -> what its sizes are."""
PANEL = 3.1
"""Inches of a panel's height."""
DODGE = 0.02
"""Share of the sizes' logarithmic range by which architectures stand beside each other."""
ROOM = 1.25
MOST_MARKS = 60
"""Seeds drawn of one size; of more, those at even ranks."""


class Fall(NamedTuple):
    """One architecture along one axis on one source."""

    who: Shown
    points: pd.DataFrame
    """Columns size, seed, excess (nats)."""
    exponent: Interval
    clipped: int
    """Points that the fit raises to the floor."""

    def fitted(self, sizes: Array) -> Array:
        """The power law at some sizes: a least-squares line in logarithms goes through the mean of its points."""
        logs = np.log(self.points["excess"].clip(lower=EXCESS_FLOOR))
        middle = np.log(self.points["size"].astype(float))
        return np.exp(logs.mean() - self.exponent.point * (np.log(sizes) - middle.mean()))


Falls = Mapping[tuple[str, str], list[Fall]]
"""(source, axis of the row) -> architectures."""


def picture(material: Material) -> Picture | str:
    """Every seed's excess loss and the fitted laws, a row of panels for each source; why not, if there is no law."""
    found: dict[tuple[str, str], list[Fall]] = {}
    for one in shown(material):
        for place, fall in _falls(material, one).items():
            found.setdefault(place, []).append(fall)
    if not found:
        return absence(material.run, material.run.select(row=scalability.ROW, split="report"))
    sources = sorted({source for source, _ in found})
    falls = {(source, axis): found.get((source, axis), []) for source in sources for axis in AXES}
    with style():
        figure = _drawn(sources, falls)
    return Picture(NAME, TITLE, _finding(falls), figure, _data(falls))


def _falls(material: Material, one: Shown) -> dict[tuple[str, str], Fall]:
    """The row's points and fits of one architecture, by source and axis."""
    contender = Contender(one.column, material.families[one.architecture], one.variant, one.architecture)
    fits = scalability.compared(material.run, contender, material.contenders).own
    points = scalability.points(material.run, scalability.select(material.run, one.architecture))
    return {
        (source, axis): Fall(one, group[["size", "seed", "excess"]], fit.fit.interval, fit.clipped)
        for (axis, source), group in points.items()
        if (fit := fits.get((axis, source)))
    }


def _drawn(sources: list[str], falls: Falls) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, PANEL * len(sources) + 0.3), layout="constrained")
    grid = figure.subplots(len(sources), len(AXES), squeeze=False)
    for row, source in zip(grid, sources, strict=True):
        for axes, axis in zip(row, AXES, strict=True):
            _panel(axes, falls[source, axis])
            axes.set_title(f"{short(source)}: against {axis}", loc="left")
            axes.set_xlabel(AXES[axis])
        row[0].set_ylabel("excess loss [nats per token]")
    note(figure, "A mark is a seed, a line the fitted power law with its exponent; filled: best variant, open: plain.")
    return figure


def _panel(axes: Axes, falls: list[Fall]) -> None:
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    if not falls:
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", fontsize=SMALL)
        return
    sizes = np.unique(np.concatenate([fall.points["size"].to_numpy(dtype=float) for fall in falls]))
    ends = []
    for number, fall in enumerate(falls):
        colour, marker, line = fall.who.mark
        shift = (sizes[-1] / sizes[0]) ** (DODGE * (number - (len(falls) - 1) / 2))
        along = np.array([sizes[0], sizes[-1]])
        sizes_apart = fall.points.groupby("size")["excess"]
        kept = [own.index[evenly(own.to_numpy(dtype=float), MOST_MARKS)] for _, own in sizes_apart]
        marks = fall.points.loc[np.sort(np.concatenate(kept))]
        axes.plot(
            marks["size"].astype(float) * shift,
            marks["excess"].clip(lower=EXCESS_FLOOR),
            linestyle="",
            marker=marker,
            color=colour,
            markerfacecolor=colour if fall.who.is_best else "white",
            markersize=4.0,
        )
        axes.plot(along * shift, fall.fitted(along), color=colour, linestyle=line if fall.who.is_best else ":", lw=1.4)
        text = f"{fall.who.title}\n{_exponent(fall.exponent)}"
        ends.append(End(float(along[-1] * shift), float(fall.fitted(along)[-1]), text, colour))
    _limits(axes, falls, [end.y for end in ends])
    tick_at(axes, sizes)
    write_ends(axes, ends)


def _limits(axes: Axes, falls: list[Fall], ends: list[float]) -> None:
    values = np.concatenate([fall.points["excess"].clip(lower=EXCESS_FLOOR).to_numpy(dtype=float) for fall in falls])
    low = min(float(values.min()), *ends)
    if any(fall.clipped for fall in falls):
        low = min(low, EXCESS_FLOOR)
        axes.axhline(EXCESS_FLOOR, color=GREY, lw=0.9, linestyle=(0, (1, 1)))
        axes.annotate(
            f"floor {EXCESS_FLOOR:g}: smaller ones count as this",
            (0.02, EXCESS_FLOOR),
            xycoords=("axes fraction", "data"),
            xytext=(0, 2),
            textcoords="offset points",
            fontsize=SMALL,
            color=GREY,
        )
    axes.set_ylim(low / ROOM, float(values.max()) * ROOM)
    tick_values(axes)


def _exponent(found: Interval) -> str:
    """`-0.61 [-0.73, -0.50]`: the loss falls as size to this power; an end unknown is a question mark."""
    point, low, high = -found.point, -found.high, -found.low
    ends = f"{low:.2f}, {high:.2f}" if np.isfinite(low) and np.isfinite(high) else "?"
    return f"{point:.2f} [{ends}]"


def _finding(falls: Falls) -> str:
    said = []
    for (source, axis), held in falls.items():
        if held:
            ordered = sorted(held, key=lambda fall: -fall.exponent.point)
            parts = wording.listed(f"{_exponent(f.exponent)} ({f.who.column} {f.who.variant})" for f in ordered)
            said.append(f"{AXES[axis]} on {source} to the power {parts}")
    return f"Steepest first, the excess loss falls as {'; as '.join(said)}."


def _data(falls: Falls) -> pd.DataFrame:
    rows = [
        {"source": source, "axis": AXES[axis], "column": fall.who.column, "architecture": fall.who.architecture}
        | {"size": size, "seeds": len(group), "mean": group.mean(), "lowest": group.min(), "highest": group.max()}
        | {"exponent": -fall.exponent.point, "low": -fall.exponent.high, "high": -fall.exponent.low}
        for (source, axis), held in falls.items()
        for fall in held
        for size, group in fall.points.groupby("size")["excess"]
    ]
    return pd.DataFrame(rows)
