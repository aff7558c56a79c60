"""Solved share against lag: per task, what share of the seeds solves a cell, and where the majority ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.clocks import wording
from analysis.document import Picture
from analysis.drawing import Mark, marks, short, style
from analysis.figures.learning import MOST_ROWS, MOST_TASKS, add_key, name_axes, small_multiples
from analysis.figures.trainings import SOLVED, TRAINED, Line, counted, lines, trainings
from analysis.load import NOT_RUN
from analysis.rows.finding import absence
from analysis.stats import Array, Interval, wilson

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from analysis.material import Material

NAME = "solved-against-lag"
TITLE = "Solved share against lag"

CELL = ["task", "lag", "length"]
MAJORITY = 0.5
MOST_TICKS = 6
ABSENT = -0.16
"""Height at which a cell without any result is shown."""
SPREAD = 0.5
"""Share of the distance between two lags that contenders side by side take up."""
SIZE = 5.0
"""Points of a marker."""


def picture(material: Material) -> Picture | str:
    """A panel per task of the long-range and state-tracking rows, a line per contender and variant."""
    drawn, held = lines(material), trainings(material)
    if not held["outcome"].isin(TRAINED).any():
        return absence(material.run, material.run.trials.loc[held["trial"].unique()])
    cells = _cells(held)
    tasks = sorted(set(cells["task"]))[:MOST_TASKS]
    known = marks([line.family for line in drawn])
    with style():
        figure, panels, spare = small_multiples(len(tasks))
        for axes, task in zip(panels, tasks, strict=True):
            _panel(axes, cells[cells["task"] == task], drawn, known)
            axes.set_title(short(task), fontsize=9)
        _finish(figure, panels, cells[cells["task"].isin(tasks)])
        add_key(figure, spare, _key([drawn[i] for i in sorted(set(cells["line"]))], known, cells))
    return Picture(NAME, TITLE, _finding(cells, drawn), figure, _data(cells, drawn))


def _cells(held: pd.DataFrame) -> pd.DataFrame:
    """One row per line and (task, lag, length), counted as the rows count: a lost training is not a solved one.

    seeds (planned), runs (recorded), finished (trained to an end), solved, and share of the runs with its interval,
    NaN where nothing finished.
    """
    outcome = held["outcome"]
    flags = held[["line", *CELL]].assign(
        seeds=1, runs=outcome != NOT_RUN, finished=outcome.isin(TRAINED), solved=outcome == SOLVED
    )
    cells = flags.groupby(["line", *CELL], sort=True).sum().astype(int).reset_index()
    blank = Interval(np.nan, np.nan, np.nan)
    counts = list(zip(cells["solved"], cells["runs"].where(cells["finished"] > 0, 0), strict=True))
    known = {(solved, runs): wilson(int(solved), int(runs)) if runs else blank for solved, runs in set(counts)}
    shares = [known[pair] for pair in counts]
    return cells.join(pd.DataFrame(shares, columns=["share", "low", "high"]))


def weight(line: Line) -> tuple[float, float]:
    """Points of a line's markers and of its stroke."""
    return (SIZE, 1.3) if line.leads else (0.65 * SIZE, 0.7)


def _panel(axes: Axes, cells: pd.DataFrame, drawn: Sequence[Line], known: Mapping[str, Mark]) -> None:
    """Contenders side by side at every lag, so that no interval hides another."""
    lags = np.log2(np.unique(cells["lag"].clip(lower=1).to_numpy(dtype=float)))
    gap = float(np.diff(lags).min()) if lags.size > 1 else 1.0
    present = sorted(set(cells["line"]))
    offsets = SPREAD * gap * ((np.arange(len(present)) + 0.5) / len(present) - 0.5)
    for number, offset in zip(present, offsets, strict=True):
        line, own = drawn[number], cells[cells["line"] == number]
        x = np.log2(own["lag"].clip(lower=1).to_numpy(dtype=float)) + offset
        _draw(axes, x, own, known[line.family], line)
    shown = lags[:: -(-lags.size // MOST_TICKS)]
    axes.set_xticks(shown, [f"{lag:,.0f}" for lag in 2**shown])
    axes.set_xlim(lags[0] - 0.6 * gap, lags[-1] + 0.6 * gap)
    axes.axhline(MAJORITY, color="0.3", lw=0.8, zorder=1)
    axes.grid(False, axis="x")


def _draw(axes: Axes, x: Array, own: pd.DataFrame, mark: Mark, line: Line) -> None:
    """A contender's shares with their intervals; hollow where a seed is missing, below the panel where all are."""
    size, width = weight(line)
    share, low, high = (own[name].to_numpy(dtype=float) for name in ("share", "low", "high"))
    known, whole = np.isfinite(share), (own["finished"] == own["seeds"]).to_numpy()
    axes.plot(x[known], share[known], color=mark.colour, linestyle=mark.line, lw=width)
    axes.vlines(x[known], low[known], high[known], color=mark.colour, lw=width * 0.8, alpha=0.8)
    height = np.where(known, share, ABSENT)
    for chosen, face in ((whole, mark.colour), (~whole, "white")):
        axes.plot(
            x[chosen], height[chosen], mark.marker, color=mark.colour, mfc=face, markersize=size, mew=1.0, zorder=3
        )


def _finish(figure: Figure, panels: Sequence[Axes], cells: pd.DataFrame) -> None:
    absent = bool((cells["finished"] == 0).any())
    for axes in panels:
        axes.set_ylim(ABSENT - 0.1 if absent else -0.06, 1.07)
        axes.set_yticks([*[ABSENT] * absent, 0, 0.5, 1], [*["no result"] * absent, "0", "0.5", "1"])
    name_axes(figure, panels, "lag: distance in positions that must be bridged", "share of seeds that solve the cell")


def _key(drawn: Sequence[Line], known: Mapping[str, Mark], cells: pd.DataFrame) -> list[Line2D]:
    from matplotlib.lines import Line2D

    handles = []
    for line in drawn:
        mark, size, width = known[line.family], *weight(line)
        text = short(line.title)
        handles.append(
            Line2D([], [], lw=width, ms=size, color=mark.colour, ls=mark.line, marker=mark.marker, label=text)
        )
    handles.append(Line2D([], [], color="0.3", lw=0.8, label="solved above: the majority"))
    handles.append(Line2D([], [], color="0.3", ls="", marker="|", ms=9, label="95 % interval (Wilson)"))
    if (cells["finished"] < cells["seeds"]).any():
        text = "hollow: seeds without a result"
        handles.append(Line2D([], [], color="0.3", ls="", marker="o", mfc="white", ms=SIZE, label=text))
    return handles


def _finding(cells: pd.DataFrame, drawn: Sequence[Line]) -> str:
    """How many cells each leading contender solves and up to which lag, the most first."""
    tallies = []
    for number, own in cells.groupby("line", sort=True):
        line, measured = drawn[int(str(number))], own[own["finished"] > 0]
        if not line.leads or measured.empty:
            continue
        solved = measured[measured["share"] > MAJORITY]
        far = f", the farthest at lag {int(solved['lag'].max()):,}" if len(solved) else ""
        tallies.append((-len(solved) / len(measured), f"{line.title} {len(solved)} of {len(measured)}{far}"))
    said = "; ".join(text for _, text in sorted(tallies, key=lambda tally: tally[0]))
    absent = int((cells["finished"] == 0).sum())
    part = int(((cells["finished"] < cells["seeds"]) & (cells["finished"] > 0)).sum())
    counts = ((part, "with seeds missing"), (absent, "without any result"))
    gaps = wording.listed(f"{counted(number, 'point')} {what}" for number, what in counts if number)
    return f"Cells (task, lag) solved by the majority of seeds: {said}" + (f"; {gaps}" * bool(gaps))


def _data(cells: pd.DataFrame, drawn: Sequence[Line]) -> pd.DataFrame:
    """One row per point; without the plain variants, or per task, where these would be too many."""
    rows = cells.assign(
        contender=cells["line"].map(dict(enumerate(line.title for line in drawn))),
        **{"failed": cells["runs"] - cells["finished"], "not run": cells["seeds"] - cells["runs"]},
    ).sort_values([*CELL, "line"])
    if len(rows) > MOST_ROWS:
        rows = rows[rows["line"].isin([i for i, line in enumerate(drawn) if line.leads])]
    if len(rows) > MOST_ROWS:
        rows = rows.assign(cells=1, **{"cells solved": (rows["share"] > MAJORITY).astype(int)})
        totals = ["cells", "cells solved", "seeds", "solved", "failed", "not run"]
        return rows.groupby(["task", "line", "contender"], sort=True)[totals].sum().reset_index().drop(columns="line")
    columns = [*CELL, "contender", "seeds", "solved", "failed", "not run", "share", "low", "high"]
    return rows[columns].reset_index(drop=True)
