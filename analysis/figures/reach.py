"""Gradient reach: how much of the gradient at the last position is left at a distance back, before and after training.

Hochreiter 1991 and Bengio et al. 1994: where it falls geometrically, what lies far back cannot be learned.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from analysis.clocks import wording
from analysis.document import Picture
from analysis.drawing import short, style
from analysis.figures.lines import SMALL, WIDTH, Shown, shown
from analysis.laws import traces
from analysis.material import Material
from analysis.rows.finding import absence
from analysis.wording import shared

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME = "gradient-reach"
TITLE = "Gradient reach"
METRIC, HALF_LENGTH, TRAINED = "gradient_reach", "gradient_half_length_positions", "trained"
INITIAL, LEARNED = "at initialisation", "after training"
ACROSS = 3
"""Panels in a row: one a column of the table."""
PANEL = 2.1
"""Inches of a panel's height."""
FAINTEST = 1e-12
"""Norms below this share of the panel's largest are not drawn: they would squeeze all the rest."""
ROOM = 8
"""Factor left free above the highest and below the lowest mean."""
THIN, MOST_MODELS = 64, 30
"""Points of a single model's line, and lines: thousands would make a heavy file and a grey block."""
MARKS = 6
"""Markers on a curve."""


class Reach(NamedTuple):
    """Curves of one architecture in one state, at one length."""

    who: Shown
    curves: pd.DataFrame
    """One column a model, one row a distance back; norms."""
    half: float
    """Positions over which the norm halves, median over the models; infinite where it does not decay."""

    @property
    def mean(self) -> pd.Series:
        """Geometric mean over the models, where all of them are above zero."""
        with np.errstate(divide="ignore"):
            return np.exp(np.log(self.curves).mean(axis=1)).replace([0.0, np.inf], np.nan).dropna()


def picture(material: Material) -> Picture | str:
    """Norm against distance for every architecture of the table; why not, if no trace and no solved model has it."""
    run = material.run
    untrained = pd.concat([traces(run, one.architecture) for one in shown(material)] or [run.trials.iloc[:0]])
    trained = run.select(kind="explain", split="report")
    trained = trained[material.headline.holds(trained)]
    states = {INITIAL: _reaches(material, untrained, ""), LEARNED: _reaches(material, trained, TRAINED)}
    states = {state: reaches for state, reaches in states.items() if reaches}
    if not states:
        return absence(run, untrained if len(untrained) else trained)
    with style():
        figure = _drawn(material, states)
    return Picture(NAME, TITLE, _finding(states), figure, _data(states))


def _reaches(material: Material, trials: pd.DataFrame, subject: str) -> list[Reach]:
    """Of every architecture, at the length that most architectures were measured at, the longest of these."""
    held = material.run.of(METRIC)
    held = held[(held["subject"] == subject) & held["trial"].isin(trials.index[trials["status"] == "ok"])]
    held = held[np.isfinite(held["value"])]
    measured = trials[trials.index.isin(held["trial"])]
    if measured.empty:
        return []
    spread = measured.groupby("length")["architecture"].nunique()
    length = spread[spread == spread.max()].index.max()
    half = material.run.last(trials, HALF_LENGTH)
    found = []
    for one in shown(material):
        own = measured.index[(measured["architecture"] == one.architecture) & (measured["length"] == length)]
        if len(own):
            curves = held[held["trial"].isin(own)].pivot_table(index="step", columns="trial", values="value", sort=True)
            found.append(Reach(one, curves, float(half.loc[curves.columns].median())))
    return [reach for reach in found if len(reach.mean)]


def _drawn(material: Material, states: Mapping[str, list[Reach]]) -> Figure:
    from matplotlib.figure import Figure

    columns = list(dict.fromkeys(reach.who.column for reaches in states.values() for reach in reaches))
    across = min(ACROSS, len(columns))
    strips = -(-len(columns) // ACROSS)
    figure = Figure(figsize=(WIDTH, 0.3 + PANEL * strips * len(states)), layout="constrained")
    grid = figure.subplots(strips * len(states), across, squeeze=False)
    for row, (state, reaches) in enumerate(states.items()):
        ends = [value for reach in reaches for value in (reach.mean.max(), reach.mean.min())]
        high = float(np.nanmax(ends)) * ROOM
        low = max(float(np.nanmin(ends)) / ROOM, high * FAINTEST)
        for place in range(strips * across):
            axes = grid[row * strips + place // across][place % across]
            if place >= len(columns):
                axes.set_axis_off()
                continue
            _panel(axes, [reach for reach in reaches if reach.who.column == columns[place]])
            axes.set_title(f"{short(columns[place], 14)}, {state}", loc="left", fontsize=9)
            axes.set_ylim(low, high)
            if place % across:
                axes.tick_params(labelleft=False)
            else:
                axes.set_ylabel("norm of the gradient")
            if row == len(states) - 1 and place + across >= len(columns):
                axes.set_xlabel("distance back [positions]")
    return figure


def _panel(axes: Axes, reaches: list[Reach]) -> None:
    axes.set_yscale("log")
    if not reaches:
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", fontsize=SMALL)
        return
    for reach in reaches:
        colour, marker, _ = reach.who.mark
        line, fill = ("-", colour) if reach.who.is_best else ("--", "white")
        if reach.curves.shape[1] > 1:
            each = reach.curves.where(reach.curves > 0).iloc[:: 1 + len(reach.curves) // THIN, :MOST_MODELS]
            axes.plot(each.index, each, color=colour, lw=0.5, alpha=0.35)
        mean = reach.mean
        axes.plot(
            mean.index,
            mean,
            color=colour,
            linestyle=line,
            lw=1.6,
            marker=marker,
            markerfacecolor=fill,
            markersize=4.5,
            markevery=max(1, len(mean) // MARKS),
            label=f"{reach.who.variant}: {_halving(reach)}",
        )
    axes.legend(loc="best", fontsize=SMALL, frameon=True, handlelength=2.2, borderpad=0.3)


def _halving(reach: Reach) -> str:
    if np.isnan(reach.half):
        return "half-length not measured"
    return f"halves in {reach.half:,.3g}" if np.isfinite(reach.half) else "no decay"


def _finding(states: Mapping[str, list[Reach]]) -> str:
    said = []
    for state, reaches in states.items():
        length = max(int(reach.curves.index.max()) + 1 for reach in reaches)
        pairs = [(_halving(reach).replace("in ", "every "), _who(reach, state)) for reach in reaches]
        parts = wording.listed(f"{text} ({', '.join(names)})" for text, names in shared(pairs).items())
        said.append(f"{state}, n = {length}: {parts}")
    return f"The gradient over positions back, {'; '.join(said)}."


def _who(reach: Reach, state: str) -> str:
    models = f" in {reach.curves.shape[1]} models" if state == LEARNED else ""
    return f"{reach.who.column} {reach.who.variant}{models}"


def _data(states: Mapping[str, list[Reach]]) -> pd.DataFrame:
    """Geometric means and extremes at distances that are powers of two."""
    rows = []
    for state, reaches in states.items():
        for reach in reaches:
            facts: dict[str, object] = {
                "state": state,
                "column": reach.who.column,
                "architecture": reach.who.architecture,
            }
            facts |= {"models": reach.curves.shape[1], "half-length": reach.half}
            for distance in [d for d in reach.curves.index if d & (d - 1) == 0]:
                norms = reach.curves.loc[distance]
                mean = float(reach.mean.get(distance, np.nan))
                rows.append(facts | {"distance": int(distance), "norm": mean, "low": norms.min(), "high": norms.max()})
    return pd.DataFrame(rows)
