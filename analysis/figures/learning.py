"""Learning curves: the score of every report training against its steps, to solved or to the step cap."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.clocks import wording
from analysis.document import Picture
from analysis.drawing import Mark, marks, short, style
from analysis.figures.trainings import (
    DIVERGED,
    SMALL,
    SOLVED,
    TRAINED,
    UNSOLVED,
    Line,
    counted,
    lines,
    lost,
    trainings,
)
from analysis.rows.finding import absence
from analysis.stats import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from analysis.material import Material

NAME = "learning-curves"
TITLE = "Learning curves"

CELL = ["task", "length"]
THRESHOLD = 0.95
"""Score from which a task counts as solved, by the rule of long-range dependencies."""
MOST = 12
"""Panels; with more cells than that, each task is shown at its longest length."""
MOST_TASKS = 24
"""Of more tasks than that, only the first are drawn."""
MOST_SEEDS = 20
"""Curves of one contender in one panel."""
MOST_ROWS = 200
LOWEST = -0.25
"""The vertical axis ends here: early in training a score may lie far below chance."""
ACROSS, WIDTH, HEIGHT = 3, 7.0, 1.6
"""Panels side by side; inches of the figure and of a row of panels."""
KEY = 0.5
"""Inches of a key above the panels."""
LETTERS_AN_INCH = 13
"""Of an axis's name."""
CLOSE = 50
"""Ratio of the last step to the first up to which ticks at 1, 2 and 5 do not touch."""
ENDS = {
    SOLVED: "solved: training stops",
    UNSOLVED: "hollow: step cap, unsolved",
    DIVERGED: "cross: diverged",
}

Curves = Mapping[int, Array]
"""Position of a trial in run.trials -> (evaluations, 2): training steps and scores."""


def small_multiples(panels: int) -> tuple[Figure, list[Axes], list[Axes]]:
    """A figure with its panels, and the places left over in its grid."""
    from matplotlib.figure import Figure

    down = -(-panels // ACROSS)
    across = min(panels + 1, ACROSS)  # a lone panel has the key beside it
    above = 0.0 if panels % across else KEY
    figure = Figure(figsize=(WIDTH, HEIGHT * down + 0.7 + above), layout="constrained")
    places = list(figure.subplots(down, across, squeeze=False, sharey=True).flat)
    for spare in places[panels:]:
        spare.set_axis_off()
    return figure, places[:panels], places[panels:]


def add_key(figure: Figure, spare: Sequence[Axes], handles: list[Line2D]) -> None:
    """What the lines and marks mean: in a place left over, else above the panels."""
    if spare:
        spare[0].legend(handles=handles, loc="center left", fontsize=SMALL, frameon=False, handlelength=3.0)
    else:
        figure.legend(
            handles=handles, loc="outside upper left", ncols=3, fontsize=SMALL, frameon=False, handlelength=3.0
        )


def name_axes(figure: Figure, panels: Sequence[Axes], across: str, up: str) -> None:
    """Names that all panels share; the upright one in as many lines as it takes to be no longer than they are high."""
    lines_up = textwrap.wrap(up, int(LETTERS_AN_INCH * HEIGHT) * -(-len(panels) // ACROSS))
    figure.supylabel("\n".join(lines_up), fontsize=9)
    figure.supxlabel(across, fontsize=9)


def picture(material: Material) -> Picture | str:
    """Curves of the seeds of every leading contender, a panel per (task, length)."""
    drawn, held = lines(material), trainings(material)
    held = held[held["line"].isin([i for i, line in enumerate(drawn) if line.leads])]
    scores = _scores(material, held)
    if scores.empty:
        return absence(material.run, material.run.trials.loc[held["trial"].unique()])
    every = held[held["trial"].isin(scores["trial"])].drop_duplicates(CELL).sort_values(CELL)[CELL]
    cells = every if len(every) <= MOST else every.drop_duplicates("task", keep="last").iloc[:MOST_TASKS]
    shown = held.merge(cells, on=CELL).sort_values([*CELL, "line", "seed"], kind="stable")
    traced = shown[shown["trial"].isin(scores["trial"])].groupby([*CELL, "line"], sort=False).head(MOST_SEEDS)
    curves = _curves(scores[scores["trial"].isin(traced["trial"])])
    known = marks([line.family for line in drawn])
    with style():
        figure, panels, spare = small_multiples(len(cells))
        for axes, (cell, own) in zip(panels, traced.groupby(CELL, sort=True), strict=True):
            axes.set_title(f"{short(str(cell[0]))}, n = {cell[1]}", fontsize=9)
            for number, group in own.groupby("line", sort=True):
                _draw(axes, group, curves, known[drawn[int(str(number))].family])
        _finish(figure, panels, list(curves.values()))
        add_key(figure, spare, _key([drawn[i] for i in sorted(set(traced["line"]))], known, set(traced["outcome"])))
    finding = _finding(shown, drawn, len(cells), len(every))
    return Picture(NAME, TITLE, finding, figure, _data(shown, drawn, scores))


def _scores(material: Material, held: pd.DataFrame) -> pd.DataFrame:
    """Finite scores along the trainings: trial, step, value, by ascending step."""
    scores = material.run.of("score")
    usable = scores["trial"].isin(held["trial"]) & scores["step"].notna() & np.isfinite(scores["value"])
    return scores[usable].sort_values(["trial", "step"], kind="stable")


def _curves(scores: pd.DataFrame) -> Curves:
    grouped = scores.groupby("trial", sort=True)
    return {int(str(trial)): own[["step", "value"]].to_numpy(dtype=float) for trial, own in grouped}


def _draw(axes: Axes, group: pd.DataFrame, curves: Curves, mark: Mark) -> None:
    """The seeds of one contender: a thin line each, and a mark where it ended."""
    from matplotlib.collections import LineCollection

    paths = [curves[trial] for trial in group["trial"]]
    axes.add_collection(LineCollection(paths, colors=mark.colour, linestyles=mark.line, linewidths=0.8, alpha=0.85))
    for path, outcome in zip(paths, group["outcome"], strict=True):
        if outcome in TRAINED:
            shape = "x" if outcome == DIVERGED else mark.marker
            face = mark.colour if outcome == SOLVED else "white"
            end = (path[-1, 0], max(path[-1, 1], LOWEST))
            axes.plot(*end, shape, color=mark.colour, mfc=face, markersize=5, mew=1.1, zorder=3, clip_on=False)


def _finish(figure: Figure, panels: Sequence[Axes], held: Sequence[Array]) -> None:
    """The same axes everywhere: steps on a logarithmic scale, because most cells are solved early or never."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    every = np.concatenate(held)
    first, last, lowest = max(every[:, 0].min(), 1.0), max(every[:, 0].max(), 2.0), every[:, 1].min()
    ticks = (1.0, 2.0, 5.0) if last / first < CLOSE else (1.0, 3.0)
    for axes in panels:
        axes.axhline(THRESHOLD, color="0.3", lw=0.8, zorder=1)
        axes.set_xscale("log")
        axes.set_xlim(first * 0.9, last * 1.15)
        axes.set_ylim(max(LOWEST, min(lowest, 0.0) - 0.03), 1.06)
        axes.set_yticks([0.0, 0.5, THRESHOLD], ["0", "0.5", f"{THRESHOLD:g}"])
        axes.xaxis.set_major_locator(LogLocator(base=10, subs=ticks))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    cut = f", cut off below {LOWEST:g}" if lowest < LOWEST else ""
    name_axes(figure, panels, "training steps", f"score (0: chance, 1: perfect{cut})")


def _key(drawn: Sequence[Line], known: Mapping[str, Mark], outcomes: set[str]) -> list[Line2D]:
    from matplotlib.lines import Line2D

    looks = [(line, known[line.family]) for line in drawn]
    handles = [
        Line2D([], [], color=m.colour, ls=m.line, lw=1, marker=m.marker, ms=5, label=short(w.title)) for w, m in looks
    ]
    for outcome, said in ENDS.items():
        if outcome in outcomes:
            shape, face = ("x" if outcome == DIVERGED else "o"), ("0.3" if outcome == SOLVED else "white")
            handles.append(Line2D([], [], color="0.3", ls="", marker=shape, mfc=face, ms=5, label=said))
    return [*handles, Line2D([], [], color="0.3", lw=0.8, label=f"solved from {THRESHOLD:g}")]


def _finding(shown: pd.DataFrame, drawn: Sequence[Line], cells: int, every: int) -> str:
    """How many trainings each contender solved and when, the most first."""
    tallies = []
    for number, own in shown[shown["outcome"].isin(TRAINED)].groupby("line", sort=True):
        solved = own[own["outcome"] == SOLVED]
        when = f" (median at step {solved['steps'].median():,.0f})" if solved["steps"].notna().any() else ""
        tallies.append((-len(solved) / len(own), f"{drawn[int(str(number))].title} {len(solved)} of {len(own)}{when}"))
    said = wording.listed(text for _, text in sorted(tallies, key=lambda tally: tally[0]))
    part = "" if cells == every else f", the longest of each task among {every}"
    counts = shown.drop_duplicates("trial")["outcome"].value_counts()
    capped, diverged = (int(counts.get(outcome, 0)) for outcome in (UNSOLVED, DIVERGED))
    ended = f"; {capped} reached the step cap unsolved" * bool(capped) + f"; {diverged} diverged" * bool(diverged)
    silent = f"; without a result: {lost(shown)}" if lost(shown) else ""
    cut = (
        f"; drawn are at most {MOST_SEEDS} seeds each" if shown.value_counts([*CELL, "line"]).max() > MOST_SEEDS else ""
    )
    return f"Trainings solved in {counted(cells, 'cell')}{part}: {said}{ended}{silent}{cut}"


def _data(shown: pd.DataFrame, drawn: Sequence[Line], scores: pd.DataFrame) -> pd.DataFrame:
    """One row per training; per contender and cell where these would be too many."""
    ends = shown["trial"].map(scores.drop_duplicates("trial", keep="last").set_index("trial")["value"])
    titles = shown["line"].map(dict(enumerate(line.title for line in drawn)))
    rows = shown.assign(contender=titles, **{"last score": ends})
    if len(rows) <= MOST_ROWS:
        return rows[[*CELL, "contender", "seed", "outcome", "steps", "last score"]].reset_index(drop=True)
    rows["solved steps"] = rows["steps"].where(rows["outcome"] == SOLVED)
    keys = [rows[name] for name in (*CELL, "line", "contender")]
    grouped = rows.groupby(keys, sort=True)
    facts = {name: (rows["outcome"] == name).groupby(keys, sort=True).sum() for name in TRAINED}
    facts |= {"median steps of the solved": grouped["solved steps"].median()}
    return pd.DataFrame({"trainings": grouped.size(), **facts}).reset_index().drop(columns="line")
