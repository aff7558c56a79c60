"""How long until solved: the fraction of trainings that are still unsolved, against steps and against CPU seconds.

The fraction is the product-limit estimate (Kaplan and Meier 1958): a training that reaches its step cap unsolved is
censored there, neither dropped nor taken for one that will never be solved.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from analysis.clocks import panels, wording
from analysis.document import Picture
from analysis.drawing import Mark, marks, short, style
from analysis.figures.trainings import SMALL, SOLVED, TRAINED, Line, counted, lines, lost, trainings
from analysis.rows.finding import absence
from analysis.stats import LEVEL, Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analysis.material import Material

NAME = "steps-to-solve"
TITLE = "Steps and CPU seconds to solve"

CLOCKS = {"steps": "training steps", "seconds": "CPU seconds of training"}
"""What is counted until solved -> the name of its axis."""
SHARE = "fraction unsolved"
COLUMNS = (
    *("counted", "contender", "architecture", "trainings", *TRAINED, "median"),
    *("at", SHARE, "low", "high"),
)
AMONG = 10
"""Places at which the numbers of a curve are told."""
MOST = 400
"""Points drawn of one curve: no eye sees more."""
MOST_ENDS = 120
"""Ticks on a curve."""
MARK_EVERY = 0.12
"""Distance of a curve's markers, as a share of the panel's diagonal."""
PLAIN_DASH = (0, (2.0, 1.5))
WIDTH, HEIGHT = 7.0, 2.5
"""Inches of the figure and of one panel."""


class Curve(NamedTuple):
    """The unsolved fraction of one line's trainings against one clock."""

    times: Array
    """Ascending, without the start, where the fraction is 1."""
    unsolved: Array
    low: Array
    """Pointwise interval, on the log-log scale; NaN before the first training is solved and where all are."""
    high: Array
    censored: Array
    """When trainings ended unsolved."""

    @classmethod
    def of(cls, own: pd.DataFrame, clock: str) -> Curve:
        """From trainings with their outcomes; at least one must have a time."""
        from scipy import stats

        timed = own.dropna(subset=[clock])
        solved = (timed["outcome"] == SOLVED).to_numpy()
        times = timed[clock].to_numpy(dtype=float)
        found = stats.ecdf(stats.CensoredData(uncensored=times[solved], right=times[~solved])).sf
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The confidence interval is undefined", RuntimeWarning)
            ends: Any = found.confidence_interval(LEVEL, method="log-log")
        low, high = (np.asarray(end.probabilities) for end in (ends.low, ends.high))
        return cls(found.quantiles, found.probabilities, low, high, np.sort(times[~solved]))

    @property
    def median(self) -> float:
        """Time by which half are solved; NaN when that was not reached."""
        reached = self.times[self.unsolved <= 0.5]
        return float(reached[0]) if reached.size else np.nan

    def at(self, times: Array) -> pd.DataFrame:
        """Fraction and interval at given times, none of them after the last training ended."""
        place = np.searchsorted(self.times, times[times <= self.times[-1]], side="right") - 1
        known = {name: np.where(place < 0, np.nan, getattr(self, name)[place]) for name in ("low", "high")}
        share = np.where(place < 0, 1.0, self.unsolved[place])
        return pd.DataFrame({"at": times[: place.size], SHARE: share, **known})


Curves = Mapping[str, Mapping[Line, Curve]]
"""Clock -> line -> its curve."""


def picture(material: Material) -> Picture | str:
    """Curves of all leading contenders on the cells they share, and of the plain variants that cover these."""
    drawn, held = lines(material), trainings(material)
    timed = held.dropna(subset=["steps"])
    if not any(drawn[i].leads for i in set(timed["line"])):
        return absence(material.run, material.run.trials.loc[held["trial"].unique()])
    cells = _common_cells(timed, drawn)
    if cells.empty:
        return "no cell was trained to its end by every contender"
    timed, held = (frame.merge(cells, on=["task", "length"]) for frame in (timed, held))
    covered = timed.drop_duplicates(["line", "task", "length"])["line"].value_counts()
    kept = sorted(int(i) for i in covered[covered == len(cells)].index)
    own = {drawn[i]: timed[timed["line"] == i] for i in kept}
    clocks = [clock for clock in CLOCKS if timed.loc[timed["line"].isin(kept), clock].notna().any()]
    curves = {c: {line: Curve.of(f, c) for line, f in own.items() if f[c].notna().any()} for c in clocks}
    with style():
        figure = _draw(curves, marks([line.family for line in drawn]))
    finding = _finding(curves, own, len(cells)) + _missing(held[held["line"].isin(kept)])
    return Picture(NAME, TITLE, finding, figure, _data(curves, own))


def _common_cells(timed: pd.DataFrame, drawn: Sequence[Line]) -> pd.DataFrame:
    """Cells (task, length) in which every leading contender that was trained at all has a training."""
    leading = timed[timed["line"].isin([i for i, line in enumerate(drawn) if line.leads])]
    holders = leading.groupby(["task", "length"])["line"].nunique()
    return holders[holders == leading["line"].nunique()].index.to_frame(index=False)


def _missing(held: pd.DataFrame) -> str:
    silent = held["outcome"].isin(TRAINED) & held["steps"].isna()
    untold = [f"{silent.sum()} without a number of steps"] if silent.any() else []
    said = wording.listed([*filter(None, [lost(held)]), *untold])
    return f"; left out: {said}" if said else ""


def _draw(curves: Curves, known: Mapping[str, Mark]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, HEIGHT * len(curves) + 0.3), layout="constrained")
    grid = figure.subplots(len(curves), 1, squeeze=False)
    for (clock, own), axes in zip(curves.items(), grid.flat, strict=True):
        start = min(float(curve.times[0]) for curve in own.values()) * 0.8
        for line, curve in own.items():
            _step(axes, curve, start, known[line.family], line.leads)
        _finish(axes, own, start, known)
        axes.set_xlabel(CLOCKS[clock])
    note = "ticks: ended unsolved; bands: pointwise 95 %, as if trainings were independent"
    figure.supxlabel(note, x=0.01, ha="left", fontsize=SMALL, color="0.25")
    return figure


def _step(axes: Axes, curve: Curve, start: float, mark: Mark, leads: bool) -> None:
    """The curve from `start` on, with its band if it leads, and a tick at every training that ended unsolved."""
    points = ((curve.times, MOST), (curve.censored, MOST_ENDS))
    kept, cut = (np.unique(np.linspace(0, x.size - 1, most).astype(int)) for x, most in points)
    x, y = np.append(start, curve.times[kept]), np.append(1.0, curve.unsolved[kept])
    dash = mark.line if leads else PLAIN_DASH
    axes.plot(x, y, drawstyle="steps-post", color=mark.colour, linestyle=dash, lw=1.8 if leads else 0.9)
    if curve.censored.size:
        ends = curve.at(curve.censored[cut])
        axes.plot(ends["at"], ends[SHARE], "|", color=mark.colour, markersize=6, mew=0.9)
    if leads:
        fallen = np.flatnonzero(np.diff(y)) + 1
        axes.plot(x[fallen], y[fallen], mark.marker, color=mark.colour, markersize=4.5, markevery=MARK_EVERY)
        low, high = curve.low[kept], curve.high[kept]
        axes.fill_between(curve.times[kept], low, high, step="post", color=mark.colour, alpha=0.14, lw=0)


def _finish(axes: Axes, own: Mapping[Line, Curve], start: float, known: Mapping[str, Mark]) -> None:
    """Logarithmic time, half of the trainings, and a name beside the end of every curve."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.set_xlim(start, max(float(curve.times[-1]) for curve in own.values()) * 1.05)
    axes.set_ylim(0.0, 1.03)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "0.5", "", "1"])
    axes.xaxis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.axhline(0.5, color="0.3", lw=0.8, zorder=1)
    axes.set_ylabel(SHARE)
    names = sorted(own, key=lambda line: float(own[line].unsolved[-1]))
    heights = panels.spread([float(own[line].unsolved[-1]) / 1.03 for line in names])
    heights = [max(height, place * panels.GAP) for place, height in enumerate(heights)]  # clear of the axis below
    for line, height in zip(names, heights, strict=True):
        axes.annotate(
            short(line.title),
            xy=(float(own[line].times[-1]), float(own[line].unsolved[-1])),
            xytext=(1.03, height),
            textcoords="axes fraction",
            va="center",
            fontsize=SMALL,
            color=known[line.family].colour,
            arrowprops=panels.LEADER | {"color": known[line.family].colour},
        )


def _finding(curves: Curves, own: Mapping[Line, pd.DataFrame], cells: int) -> str:
    """Medians of the leading contenders, the fewest steps first."""
    leading = [line for line in own if line.leads]
    order = sorted(leading, key=lambda line: float(np.nan_to_num(_median(curves, "steps", line), nan=np.inf)))
    said = "; ".join(f"{line.title} {_price(curves, line, own[line])}" for line in order)
    caps = [int(cap) for frame in own.values() for cap in frame["cap"].dropna()]
    capped = f" capped at {wording.counted([min(caps), max(caps)], 'step')}" if caps else ""
    return f"Median to solve over {counted(cells, 'cell')}{capped}: {said}"


def _median(curves: Curves, clock: str, line: Line) -> float:
    held = curves.get(clock, {}).get(line)
    return held.median if held else np.nan


def _price(curves: Curves, line: Line, own: pd.DataFrame) -> str:
    steps, seconds = (_median(curves, clock, line) for clock in CLOCKS)
    if np.isnan(steps):
        return f"not reached ({int((own['outcome'] == SOLVED).sum())} of {len(own)} solved)"
    return f"{steps:,.0f} steps" + ("" if np.isnan(seconds) else f" and {wording.number(seconds)} CPU seconds")


def _data(curves: Curves, own: Mapping[Line, pd.DataFrame]) -> pd.DataFrame:
    """The curves at a few places along their axis, with what they rest on."""
    parts = []
    for clock, held in curves.items():
        first = min(float(curve.times[0]) for curve in held.values())
        last = max(float(curve.times[-1]) for curve in held.values())
        places = np.geomspace(first, last, AMONG)
        places = np.unique(np.round(places) if clock == "steps" else places)
        for line, curve in held.items():
            ended = own[line].dropna(subset=[clock])["outcome"]
            facts = {outcome: int((ended == outcome).sum()) for outcome in TRAINED}
            whose = {"counted": CLOCKS[clock], "contender": line.title, "architecture": line.architecture}
            parts.append(curve.at(places).assign(**whose, trainings=len(ended), **facts, median=curve.median))
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)]
