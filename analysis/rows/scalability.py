"""Scalability: how fast the loss above the source's exact entropy falls with data and with core parameters.

excess ~ size^-b on two axes (training tokens D at one model size; core parameters N on fresh data). The figure is the
smaller of the two exponents' ratios to the best family's, so the leader's own interval ends at 1. Hestness et al. 2017
and Kaplan et al. 2020 describe such power laws.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy.stats

from analysis.claims import EXCESS_FLOOR, REGIME, SENSITIVITY
from analysis.load import Run
from analysis.rows.finding import Contender, Estimate, Finding, absence, references, shortfall
from analysis.stats import (
    SEED,
    Array,
    Interval,
    Slope,
    combined_exponent,
    relative_exponent,
    relative_interval,
    slope,
    slope_draws,
)

ROW = "scalability"
AXES = {"data": "data_tokens", "parameters": "core_parameters"}


@dataclass(frozen=True)
class Series:
    """Excess losses of one architecture along one axis on one source."""

    fit: Slope
    gain: float
    """Nats gained per doubling in the last step between sizes."""
    margin: float
    """Half the 95 % interval of that gain."""
    spread: float
    """Standard deviation over the seeds at the largest size; NaN with one seed."""
    sizes: tuple[int, ...]
    seeds: int
    """Fewest seeds at any size."""
    clipped: int
    """Points raised to EXCESS_FLOOR."""


Grid = Mapping[tuple[str, str], Series]
"""(axis, source) -> series."""


class Comparison(NamedTuple):
    """What a figure rests on."""

    own: Grid
    rivals: Mapping[str, Grid]
    """Architecture of a reference family -> its grid; the contender's own may be among them."""
    sources: list[str]
    """Those that all were measured on."""


def find(run: Run, contender: Contender, contenders: list[Contender]) -> Finding:
    """Smaller ratio of exponents to the best family's, with the saturation of either axis as a cap."""
    planned = select(run, contender.architecture)
    names, absent = references(contender, contenders)
    own, rivals, sources = compared(run, contender, contenders)
    if not sources or not rivals:
        uncommon = "no source on which all families were measured"
        return Finding(missing=uncommon if _sources(own) else absence(run, planned))
    doubts = shortfall(run, planned) + _unmeasured(run, planned)
    silent = [*absent, *(name for name in names if name not in rivals)]
    doubts += [f"no reference from {', '.join(silent)}"] if silent else []
    doubts += [f"one seed at the largest size: saturation with {axis} unknown" for axis in _unjudged(own, sources)]
    figure = _figure(own, rivals, sources)
    return Finding(
        estimate=Estimate(figure, _caps(own, sources)),
        interval=_interval(contender.architecture or "", own, rivals, sources),
        left_out=_left_out(own, rivals, sources),
        bounds=_bounds(own, sources, figure),
        doubts=tuple(doubts),
        notes=_notes(own, rivals, sources),
        seeds=min(own[axis, source].seeds for axis in AXES for source in sources),
        tasks=tuple(sources),
    )


def compared(run: Run, contender: Contender, contenders: list[Contender]) -> Comparison:
    """The fits behind the figure."""
    names, _ = references(contender, contenders)
    grids = {name: _grid(run, name) for name in {*names, contender.architecture} if name}
    own = grids.get(contender.architecture or "", {})
    rivals = {name: grids[name] for name in names if _sources(grids[name])}
    sources = sorted(set.intersection(*(_sources(grid) for grid in (own, *rivals.values()))))
    return Comparison(own, rivals, sources)


def select(run: Run, architecture: str | None) -> pd.DataFrame:
    """Planned report trials of an architecture."""
    return run.select(row=ROW, split="report", regime=REGIME, architecture=architecture)


def _unmeasured(run: Run, planned: pd.DataFrame) -> list[str]:
    ok = planned[planned["status"] == "ok"]
    blank = int(_excess(run, ok).isna().sum())
    return [f"{blank} of {len(planned)} trials without an excess loss"] if blank else []


def _excess(run: Run, trials: pd.DataFrame) -> pd.Series:
    """Nats above the entropy of the source; NaN where none were measured or the loss was not finite."""
    found = run.last(trials, "excess_loss_nats")
    return found.where(np.isfinite(found))


def points(run: Run, planned: pd.DataFrame) -> dict[tuple[str, str], pd.DataFrame]:
    """Trials behind every axis and source that has at least two sizes, each with its `size` and `excess` in nats."""
    ok = planned[planned["status"] == "ok"].copy()
    ok["excess"] = _excess(run, ok)
    ok = ok.dropna(subset=["excess"])
    finite = ok[ok["data_tokens"] > 0]
    common = finite["core_parameters"].value_counts(sort=False).sort_index()
    parts = {"parameters": ok[ok["data_tokens"] == 0]}
    if len(common):
        parts["data"] = finite[finite["core_parameters"] == common.idxmax()]
    return {
        (axis, str(source)): group.assign(size=group[AXES[axis]].astype(int))
        for axis, part in parts.items()
        for source, group in part.groupby("task", sort=True)
        if group[AXES[axis]].nunique() >= 2
    }


def _grid(run: Run, architecture: str) -> Grid:
    return run.once((ROW, architecture), lambda: _fitted(run, select(run, architecture)))


def _fitted(run: Run, planned: pd.DataFrame) -> Grid:
    return {
        key: _series(group["size"].to_numpy(dtype=float), group["excess"].to_numpy(dtype=float))
        for key, group in points(run, planned).items()
    }


def _series(sizes: Array, excess: Array) -> Series:
    raised = np.maximum(excess, EXCESS_FLOOR)
    distinct, counts = np.unique(sizes, return_counts=True)
    means = [raised[sizes == size].mean() for size in distinct]
    last = raised[sizes == distinct[-1]]
    return Series(
        fit=slope(np.log(sizes), -np.log(raised)),
        gain=float((means[-2] - means[-1]) / np.log2(distinct[-1] / distinct[-2])),
        margin=_margin(last, raised[sizes == distinct[-2]]) / float(np.log2(distinct[-1] / distinct[-2])),
        spread=float(last.std(ddof=1)) if last.size > 1 else float("nan"),
        sizes=tuple(int(size) for size in distinct),
        seeds=int(counts.min()),
        clipped=int((excess < EXCESS_FLOOR).sum()),
    )


def _margin(last: Array, before: Array) -> float:
    """Half the 95 % interval of the difference of two means, Student's t with pooled variance; 0 without a spread."""
    degrees = last.size + before.size - 2
    if degrees < 1:
        return 0.0
    squares = last.var() * last.size + before.var() * before.size
    error = np.sqrt(squares / degrees * (1 / last.size + 1 / before.size))
    return float(scipy.stats.t.ppf(0.975, degrees) * error)


def _sources(grid: Grid) -> set[str]:
    """Sources that have both axes."""
    return set.intersection(*({source for axis, source in grid if axis == wanted} for wanted in AXES))


def exponents(grid: Grid, sources: list[str]) -> Array:
    """(axes, sources, 1)"""
    return np.array([[[grid[axis, source].fit.interval.point] for source in sources] for axis in AXES])


def _stacked(rivals: Mapping[str, Grid], sources: list[str]) -> Array:
    """(families, axes, sources, 1)"""
    return np.stack([exponents(grid, sources) for grid in rivals.values()])


def _figure(own: Grid, rivals: Mapping[str, Grid], sources: list[str]) -> float:
    return float(relative_exponent(exponents(own, sources), _stacked(rivals, sources))[0])


def _interval(name: str, own: Grid, rivals: Mapping[str, Grid], sources: list[str]) -> Interval:
    """From the slopes' t distributions; a family among the references cannot exceed 1."""
    draws = {}
    for position, (rival, grid) in enumerate({**rivals, name: own}.items()):
        generator = np.random.default_rng([SEED, position])
        draws[rival] = np.array([[slope_draws(grid[a, s].fit, generator) for s in sources] for a in AXES])
    others = [draws[rival] for rival in rivals if rival != name]
    ceiling = 1.0 if name in rivals else np.inf
    return relative_interval(draws[name], np.array(others), _figure(own, rivals, sources), ceiling)


def saturated(grid: Grid, sources: list[str], axis: str, factor: float = 1.0, margins: float = 0.0) -> bool:
    """Whether the last doubling gains no more than `factor` seed deviations, both pooled over the sources.

    `margins` moves the gain by so many of its own margins of error.
    """
    series = [grid[axis, source] for source in sources]
    gain = np.mean([s.gain for s in series])
    margin = np.sqrt(np.sum([s.margin**2 for s in series])) / len(series)
    spread = np.sqrt(np.mean([s.spread**2 for s in series]))
    return not gain + margins * margin > factor * (0.0 if np.isnan(spread) else spread)


def _unjudged(grid: Grid, sources: list[str]) -> list[str]:
    return [axis for axis in AXES if any(np.isnan(grid[axis, source].spread) for source in sources)]


def _caps(grid: Grid, sources: list[str]) -> dict[float, int]:
    """One saturated axis allows Moderate at best, two allow Low."""
    return {f: sum(saturated(grid, sources, axis, f) for axis in AXES) for f in (1.0, *SENSITIVITY)}


def _bounds(own: Grid, sources: list[str], figure: float) -> dict[str, Estimate]:
    """The figure had the gains of the last doublings been at either end of their intervals.

    A cap decides a word whatever the figure is, so it must not come from the noise of a few seeds.
    """
    ends = {"saturated within the error of the last gain": -1.0, "not saturated within the error of the last gain": 1.0}
    caps = {name: sum(saturated(own, sources, axis, margins=end) for axis in AXES) for name, end in ends.items()}
    return {name: Estimate(figure, {1.0: cap}) for name, cap in caps.items()}


def _left_out(own: Grid, rivals: Mapping[str, Grid], sources: list[str]) -> dict[str, Estimate]:
    rest = {source: [s for s in sources if s != source] for source in sources if len(sources) > 1}
    return {source: Estimate(_figure(own, rivals, kept), _caps(own, kept)) for source, kept in rest.items()}


def _notes(own: Grid, rivals: Mapping[str, Grid], sources: list[str]) -> tuple[str, ...]:
    notes = [f"sources: {', '.join(sources)}"]
    mine = combined_exponent(exponents(own, sources))[:, 0]
    best = combined_exponent(_stacked(rivals, sources)).max(axis=0)[:, 0]
    for axis, exponent, leading in zip(AXES, mine, best, strict=True):
        state = "saturated" if saturated(own, sources, axis) else "not saturated"
        sizes = ", ".join(f"{size:,}" for size in own[axis, sources[0]].sizes)
        notes.append(f"exponent against {axis} {exponent:.2f} (best family {leading:.2f}), {state}; sizes {sizes}")
    clipped = sum(own[axis, source].clipped for axis in AXES for source in sources)
    return (
        (*notes, f"{clipped} excess losses raised to the floor of {EXCESS_FLOOR:g} nats") if clipped else tuple(notes)
    )
