"""What a model's time buys: the time of its training against its mean score over the long-range cells.

Time is the CPU seconds of a training, which ends when the task is solved or the steps are used up. On another device,
or where none were recorded, it is the time per token of a training step in the clocks that decide training speed.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.clocks.panels import spread
from analysis.clocks.wording import decimals, interval, listed, number
from analysis.document import Picture
from analysis.drawing import label, style
from analysis.figures.lines import Shown, ink, shown
from analysis.figures.times import DIVERGED, Time, stepping, training
from analysis.material import Material
from analysis.rows.finding import FINISHED, absence
from analysis.rows.long_range import ROW
from analysis.stats import Interval, mean_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME = "speed-and-accuracy"
TITLE = "Speed against accuracy: what the time of a training buys"
CELL = ["task", "length", "lag"]
DETAIL = {"training": [*CELL, "seed"], "cell, mean over seeds": CELL, "task, mean over cells": ["task"]}
"""What a small point may stand for; the first of which there are not too many is drawn."""
MOST = 500
"""Small points of a figure."""
SIZE = (7.0, 3.9)


@dataclass(frozen=True)
class Point:
    """One model."""

    shown: Shown
    seconds: Interval
    score: Interval
    solved: float
    """Share of its trainings."""
    trainings: int
    seeds: int
    leads: bool = False
    """Whether no other model is at once as quick and as good."""

    @property
    def name(self) -> str:
        """In full and as it was recorded, for text."""
        return self.shown.column + ("" if self.shown.is_best else f", {self.shown.variant}")


def picture(material: Material) -> Picture | str:
    """The frontier of the headline setting."""
    planned = material.run.select(row=ROW, split="report")
    planned = planned[material.headline.holds(planned)]
    trials = planned[planned["status"].isin(FINISHED)]
    trials = trials.assign(score=_scores(material, trials), solved=material.run.last(trials, "solved") == 1)
    trials = trials.dropna(subset=["score"])
    time = training(material, trials) or stepping(material, trials)
    if trials.empty or time is None:
        return absence(material.run, planned) if trials.empty else "neither trainings nor steps were timed"
    trials = trials.assign(log=np.log(time.by_trial))
    points = [point for model in shown(material) if (point := _point(model, trials, time))]
    if not points:
        return "no contender's training was timed"
    leading = optimal([p.seconds.point for p in points], [p.score.point for p in points])
    points = [replace(point, leads=leads) for point, leads in zip(points, leading, strict=True)]
    with style():
        figure = _drawn(points, trials, time, str(material.headline))
    return Picture(NAME, TITLE, _finding(points, time), figure, _data(points, time))


def optimal(seconds: Sequence[float], scores: Sequence[float]) -> list[bool]:
    """Which points no other one beats: none is as quick and as good, and better in one of the two (Pareto)."""
    pairs = list(zip(seconds, scores, strict=True))
    return [not any(s <= x and y >= v and (s, y) != (x, v) for s, y in pairs) for x, v in pairs]


def _scores(material: Material, trials: pd.DataFrame) -> pd.Series:
    """0 is chance, 1 perfect. What diverged has learned nothing."""
    found = material.run.last(trials, "test_score").fillna(material.run.last(trials, "score"))
    return found.where(np.isfinite(found)).where(trials["status"] != DIVERGED, 0.0)


def _point(model: Shown, trials: pd.DataFrame, time: Time) -> Point | None:
    own = trials[trials["architecture"] == model.architecture]
    if own["log"].isna().all():
        return None
    logs, scores = _by_seed(own, "log").dropna(), _by_seed(own, "score")
    span = time.spans.get(model.architecture) or mean_interval(np.exp(logs), "log")
    mean = _mean(own, "score")
    score = Interval(mean, -np.inf, np.inf)  # one seed says nothing about its error
    if len(scores) > 1:
        score = mean_interval(scores, "logit").widened(mean)
    solved = float(own["solved"].mean())
    return Point(model, span.widened(float(np.exp(_mean(own, "log")))), score, solved, len(own), len(scores))


def _by_seed(trials: pd.DataFrame, column: str) -> pd.Series:
    """Over the cells of a task and then the tasks, for each seed."""
    cells = trials.groupby(["seed", *CELL], dropna=False)[column].mean()
    return cells.groupby(level=["seed", "task"], dropna=False).mean().groupby(level="seed", dropna=False).mean()


def _mean(trials: pd.DataFrame, column: str) -> float:
    """Over the seeds of a cell, the cells of a task, the tasks."""
    cells = trials.groupby(CELL, dropna=False)[column].mean()
    return float(cells.groupby(level="task").mean().mean())


def _drawn(points: Sequence[Point], trials: pd.DataFrame, time: Time, setting: str) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.subplots()
    small = _small(points, trials)
    for point in points:
        mark, own = point.shown.mark, trials[trials["architecture"] == point.shown.architecture]
        held = own.groupby(DETAIL[small], dropna=False)[["log", "score"]].mean()
        axes.scatter(np.exp(held["log"]), held["score"], s=12, marker=mark.marker, color=mark.colour, alpha=0.4, lw=0)
        _cross(axes, point)
    axes.set_xscale("log")
    _steps(axes, [point for point in points if point.leads])
    axes.set_ylim(min(-0.06, float(trials["score"].min()) - 0.04), 1.06)
    _name(axes, points)
    _ticks(axes)
    axes.set_xlabel("\n".join(textwrap.wrap(time.axis, 62)))
    axes.set_ylabel("mean score over long-range cells\n(0 chance, 1 perfect; tasks weigh the same)")
    bars = "bars: 95 % intervals over seeds" if max(p.seeds for p in points) > 1 else "one seed, no intervals"
    note = f"Filled: best variant; hollow: plain; small: one {small}; {bars}; {setting}. Line: nothing above and left."
    figure.supxlabel("\n".join(map(label, textwrap.wrap(note, 120))), x=0.01, ha="left", fontsize=8, color="0.25")
    return figure


def _small(points: Sequence[Point], trials: pd.DataFrame) -> str:
    drawn = trials[trials["architecture"].isin([point.shown.architecture for point in points])]
    counts = {name: drawn.groupby(["architecture", *by], dropna=False).ngroups for name, by in DETAIL.items()}
    return next((name for name, count in counts.items() if count <= MOST), list(DETAIL)[-1])


def _cross(axes: Axes, point: Point) -> None:
    mark, (x, left, right), (y, low, high) = point.shown.mark, point.seconds, point.score
    if np.isfinite([left, right]).all():
        axes.plot([left, right], [y, y], color=mark.colour, lw=1.0, zorder=3)
    if np.isfinite([low, high]).all():
        axes.plot([x, x], [low, high], color=mark.colour, lw=1.0, zorder=3)
    filled = mark.colour if point.shown.is_best else "white"
    axes.plot([x], [y], mark.marker, color=mark.colour, markerfacecolor=filled, markersize=8, mew=1.4, zorder=4)


def _steps(axes: Axes, frontier: Sequence[Point]) -> None:
    """Best mean score that can be had within a time."""
    ordered = sorted((p.seconds.point, p.score.point) for p in frontier)
    left, right = axes.get_xlim()
    xs, ys = [x for x, _ in ordered], [y for _, y in ordered]
    axes.step([*xs, right], [*ys, ys[-1]], where="post", color="0.35", lw=1.2, zorder=2)
    axes.set_xlim(left, right)


def _name(axes: Axes, points: Sequence[Point]) -> None:
    """Names at the right edge, at the heights of their points or a little apart, joined to them by thin lines."""
    low, high = axes.get_ylim()
    ordered = sorted(points, key=lambda point: (point.score.point, point.shown.title))
    heights = spread([(point.score.point - low) / (high - low) for point in ordered])
    for point, height in zip(ordered, heights, strict=True):
        colour = point.shown.mark.colour
        axes.annotate(
            point.shown.title,
            xy=(point.seconds.point, point.score.point),
            xytext=(1.05, height),
            textcoords="axes fraction",
            va="center",
            fontsize=8.5 if point.leads else 8,
            fontweight="bold" if point.leads else "normal",
            color=ink(colour),
            arrowprops={"arrowstyle": "-", "lw": 0.5, "color": colour, "alpha": 0.7, "relpos": (0, 0.5), "shrinkB": 5},
        )


def _ticks(axes: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    left, right = axes.get_xlim()
    axes.xaxis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0) if right < 1000 * left else (1.0,)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.10g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _finding(points: Sequence[Point], time: Time) -> str:
    first = sorted((point for point in points if point.leads), key=lambda point: point.seconds.point)
    scores = [f"score {decimals(p.score.point)} for {number(p.seconds.point)} {time.unit}" for p in first]
    said = listed(f"{point.name} ({score})" for point, score in zip(first, scores, strict=True))
    behind = [point.name for point in points if not point.leads]
    beaten = f"; {listed(behind)} {'is' if len(behind) == 1 else 'are'} beaten on both by another" if behind else ""
    return f"No other model is at once as quick to train and as good as {said}{beaten}."


def _data(points: Sequence[Point], time: Time) -> pd.DataFrame:
    rows = [
        {
            "model": point.name,
            "architecture": point.shown.architecture,
            f"{time.unit} (95 % interval)": interval(point.seconds),
            "mean score (95 % interval)": interval(point.score, decimals),
            "trainings solved": f"{point.solved:.0%} of {point.trainings}",
            "seeds": point.seeds,
            "on the frontier": "yes" if point.leads else "no",
        }
        for point in points
    ]
    return pd.DataFrame(rows)
