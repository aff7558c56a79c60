"""Evidence of scalability: excess losses against data and against parameters, beside the best family's."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.cells import dots
from analysis.cells.case import Case, Dot, Evidence, Held, Panel, answered, exact, listed, number, whole
from analysis.claims import EXCESS_FLOOR
from analysis.document import Table
from analysis.drawing import label
from analysis.rows import scalability as row
from analysis.rows.scalability import AXES, Comparison
from analysis.stats import combined_exponent
from analysis.wording import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Points = Mapping[tuple[str, str], pd.DataFrame]
"""(axis, source) -> trials with their size and excess."""
MOST_TICKS = 4
UNITS = {"data": "training tokens", "parameters": "core parameters"}


class Exponents:
    """Exponents of one comparison, combined over the sources."""

    def __init__(self, found: Comparison) -> None:
        self.own = dict(zip(AXES, self._combined(found.own, found.sources), strict=True))
        rivals = {name: self._combined(grid, found.sources) for name, grid in found.rivals.items()}
        self.rivals = {axis: {n: e[i] for n, e in rivals.items()} for i, axis in enumerate(AXES)}
        self.leader = {axis: max(held, key=held.__getitem__) for axis, held in self.rivals.items()}

    @staticmethod
    def _combined(grid: row.Grid, sources: list[str]) -> list[float]:
        return [float(value) for value in combined_exponent(row.exponents(grid, sources))[:, 0]]

    def best(self, axis: str) -> float:
        """The largest exponent of a reference."""
        return self.rivals[axis][self.leader[axis]]

    def ratio(self, axis: str) -> float:
        """Own exponent over the best one; 0 where nobody scales."""
        return self.own[axis] / self.best(axis) if self.best(axis) > 0 else 0.0


def evidence(case: Case) -> Evidence:
    """Excess losses of the column, and the fits of the families that it is compared with."""
    planned = row.select(case.run, case.contender.architecture)
    if case.finding.estimate is None:
        return Evidence(planned)
    found = row.compared(case.run, case.contender, case.material.contenders)
    powers = Exponents(found)
    own = _points(case, case.contender.architecture, found.sources)
    theirs = {axis: _points(case, powers.leader[axis], found.sources) for axis in AXES}
    ratios = " and ".join(f"{exact(powers.ratio(axis))} ({axis})" for axis in AXES)
    return Evidence(
        planned=planned,
        steps=(
            f"Excess loss is the test loss above the source's exact entropy, in nats, at least {EXCESS_FLOOR:g}.",
            "On each axis fit log(excess) against log(size) by least squares over all seeds; the exponent is minus the "
            "slope, 0 if negative; with several sources their geometric mean.",
            f"Divide each exponent by the best family's: {ratios}.",
            f"The smaller is the figure: {exact(case.finding.estimate.figure)}.",
            "Saturated is an axis whose last doubling gains no more than one standard deviation of the seeds: each one "
            "lowers the best word still allowed.",
        ),
        tables=(_exponents(found, powers), _trials(own)),
        dots=tuple(Dot(powers.ratio(axis), axis) for axis in AXES),
        dots_are="each axis",
        named=True,
        panels=tuple(
            Panel(partial(_draw, case=case, axis=axis, own=own, theirs=theirs[axis], leader=powers.leader[axis]))
            for axis in AXES
        ),
        height=1.7,
        flips=tuple(line for axis in AXES for line in _axis(case, axis, found, powers)),
    )


def _points(case: Case, architecture: str | None, sources: list[str]) -> Points:
    held = row.points(case.run, row.select(case.run, architecture))
    return {(axis, source): held[axis, source] for axis in AXES for source in sources}


def _exponents(found: Comparison, powers: Exponents) -> Table:
    rows = [
        (
            *(axis, exact(powers.own[axis]), powers.leader[axis], exact(powers.best(axis)), exact(powers.ratio(axis))),
            *(number(value) for value in _last_doubling(found, axis)),
            answered(row.saturated(found.own, found.sources, axis)),
        )
        for axis in AXES
    ]
    header = ("Against", "Exponent", "Best family's", "Its exponent", "Ratio", "Last doubling gains (nats)")
    columns = (*header, "Seeds' deviation (nats)", "Saturated")
    return Table("Exponents: the figure is the smaller ratio", columns, tuple(tuple(map(printable, r)) for r in rows))


def _last_doubling(found: Comparison, axis: str) -> tuple[float, float]:
    """Gain and the seeds' deviation in nats, pooled over the sources as the rule pools them; NaN with one seed."""
    series = [found.own[axis, source] for source in found.sources]
    return float(np.mean([s.gain for s in series])), float(np.sqrt(np.mean([s.spread**2 for s in series])))


def _trials(own: Points) -> Table:
    parts = [frame.assign(axis=axis).sort_values(["size", "seed"]) for (axis, _), frame in own.items()]

    def write(t: Held) -> list[str]:
        return [t["axis"], t["task"], whole(t["size"]), whole(t["seed"]), t["status"], exact(t["excess"]), t["id"]]

    header = ("Against", "Source", "Size", "Seed", "Status", "Excess loss (nats)", "Trial")
    return listed("Every training behind the exponents", header, pd.concat(parts), write)


def _axis(case: Case, axis: str, found: Comparison, powers: Exponents) -> list[str]:
    """What an axis asks for: an exponent, and a gain of its last doubling."""
    gain, spread = _last_doubling(found, axis)
    state = "is saturated" if row.saturated(found.own, found.sources, axis) else "is not saturated"
    bars = " and ".join(
        f"{number(at * powers.best(axis), 3)} for {word}"
        for word, at in zip(case.rule.words, case.rule.thresholds, strict=False)
    )
    return [
        f"{axis.capitalize()}: the exponent is {number(powers.own[axis], 3)}, and it takes {bars} beside the "
        f"{number(powers.best(axis), 3)} of {powers.leader[axis]}. It {state}: the last doubling gains "
        f"{number(gain, 3)} nats, one deviation of the seeds is {number(spread, 3)}."
    ]


def _draw(axes: Axes, case: Case, axis: str, own: Points, theirs: Points, leader: str) -> None:
    """Excess loss against size on logarithmic axes: own seeds with their fits, the best family's fits in grey."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

    axes.set_xscale("log")
    axes.set_yscale("log")
    mark = case.mark
    drawn = {key: frame for key, frame in own.items() if key[0] == axis}
    rival = {} if leader == case.contender.architecture else {k: f for k, f in theirs.items() if k[0] == axis}
    for frame in rival.values():
        _line(axes, frame, "#777777", ":", 1.2)
    for frame in drawn.values():
        sizes, excess = frame["size"].to_numpy(dtype=float), frame["excess"].clip(lower=EXCESS_FLOOR)
        dots.draw_up(axes, sizes, excess.to_numpy(dtype=float), mark.marker, mark.colour)
        _line(axes, frame, mark.colour, mark.line, 1.4)
    if rival:
        axes.text(0.03, 0.05, f"dotted: {label(leader)}", transform=axes.transAxes, fontsize=8, color="#555555")
    else:
        axes.text(0.03, 0.05, "the best family itself", transform=axes.transAxes, fontsize=8, color="#555555")
    every = sorted({int(size) for frame in drawn.values() for size in frame["size"]})
    axes.xaxis.set_major_locator(FixedLocator(every[:: -(-len(every) // MOST_TICKS)]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda size, _: _short(size)))
    held = [float(v) for f in (*drawn.values(), *rival.values()) for v in f["excess"].clip(lower=EXCESS_FLOOR)]
    axes.set_ylim(min(held) / 1.6, max(held) * 1.25)
    decades = np.log10(max(held) / min(held))
    axes.yaxis.set_major_locator(LogLocator(base=10, subs=(1.0,) if decades > 2 else (1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda loss, _: f"{loss:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_xlabel(UNITS[axis])
    axes.set_ylabel("excess loss (nats)")
    for side in ("right", "top"):
        axes.spines[side].set_visible(False)


def _line(axes: Axes, frame: pd.DataFrame, colour: str, dashes: str, width: float) -> None:
    sizes = np.log(frame["size"].to_numpy(dtype=float))
    slope, level = np.polyfit(sizes, np.log(frame["excess"].clip(lower=EXCESS_FLOOR).to_numpy(dtype=float)), 1)
    ends = np.array([sizes.min(), sizes.max()])
    axes.plot(np.exp(ends), np.exp(level + slope * ends), color=colour, ls=dashes, lw=width)


def _short(size: float) -> str:
    """12,500 -> 12.5k: three sizes have to fit below a narrow panel."""
    return next((f"{size / unit:.3g}{sign}" for unit, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")) if size >= unit),
                f"{size:g}")  # fmt: skip
