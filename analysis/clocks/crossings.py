"""Where one architecture becomes cheaper than another as n grows, with the lengths that the replicates allow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np
import pandas as pd
from scipy import stats

from analysis.clocks.across import grid, interval_over
from analysis.stats import LEVEL, Array, Interval

STEPS = 128
"""Points between two neighbouring lengths at which the ratio is looked at: a step is half a percent of a doubling."""
ONE, SEVERAL, NONE, OPEN = "one", "several", "none", "open"
BEYOND, BELOW, OUTSIDE = "beyond", "below", "outside"


@dataclass(frozen=True)
class Crossing:
    """What is known about where two curves cross inside the measured lengths."""

    kind: str
    """ONE or SEVERAL crossings; NONE, and the gap closes towards neither end; BEYOND, BELOW or OUTSIDE (both): none
    inside, but the gap closes towards that end, so a crossing lies there if anywhere; OPEN: the replicates tell the
    two apart nowhere."""
    points: tuple[Interval, ...]
    """Lengths at which the geometric-mean ratio is 1; 0 and infinity stand for below and beyond the range."""
    unsure: tuple[int, ...]
    """Measured lengths at which the replicates do not exclude a ratio of 1."""
    shortest: int
    longest: int
    short_leader: int
    """0 or 1: which of the two is cheaper at the shortest length."""
    long_leader: int
    replicates: int


def find(first: pd.DataFrame, second: pd.DataFrame, along: str = "length") -> Crossing | None:
    """Where two subjects' `seconds` cross; both frames have replicate, trial and seconds, and share their trials.

    The log ratio is formed inside a trial, and its mean over replicates and Student's t interval are interpolated
    against log n between neighbouring lengths. A length belongs to the interval of a crossing if the interval of the
    ratio holds 1 there (test inversion, as Fieller 1954 does for a ratio) and at all lengths up to the crossing.
    Crossings to and fro inside one such interval are one or, where the lead comes back, none. None with fewer than two
    lengths.
    """
    pair = first.merge(second[["trial", "seconds"]], on="trial", suffixes=("", "_other"))
    pair = pair.assign(log_ratio=np.log(pair["seconds"] / pair["seconds_other"]))
    wide = grid(pair, "log_ratio", along) if len(pair) else pd.DataFrame()
    if wide.shape[1] < 2:
        return None
    lengths, ratios = wide.columns.to_numpy(dtype=float), wide.to_numpy(dtype=float)
    means = np.nanmean(ratios, axis=0)
    places, unsure = _scan(np.log(lengths), ratios)
    points = tuple(_around(zero, places, unsure) for zero in _zeros(np.log(lengths), means))
    points = _net(points) if len(wide) > 1 else points
    return Crossing(
        kind=_kind(points, unsure, ratios, means),
        points=points,
        unsure=tuple(int(n) for n, held in zip(lengths, unsure[::STEPS], strict=True) if held),
        shortest=int(lengths[0]),
        longest=int(lengths[-1]),
        short_leader=int(means[0] > 0),
        long_leader=int(means[-1] > 0),
        replicates=len(wide),
    )


def _zeros(x: Array, y: Array) -> list[float]:
    """Where the broken line through (x, y) changes sign; touching 0 and turning back is no change."""
    kept = np.flatnonzero(y)
    return [
        float(x[i] - y[i] * (x[j] - x[i]) / (y[j] - y[i]))
        for i, j in pairwise(kept.tolist())
        if (y[i] > 0) != (y[j] > 0)
    ]


def _scan(x: Array, ratios: Array) -> tuple[Array, Array]:
    """Places from end to end, and whether the interval of the interpolated log ratio holds 0 there.

    Its half-width is interpolated too, which bounds it from above. That of the interpolated replicates is no use: two
    replicates whose lines happen to cross agree perfectly there, and would end an interval in the middle of nowhere.
    """
    weights = np.linspace(0, 1, STEPS + 1)
    places, unsure = [], []
    for i in range(x.size - 1):
        inside = weights[min(i, 1) :]  # a measured length ends one stretch and begins the next: take it once
        both = ratios[np.isfinite(ratios[:, i : i + 2]).all(axis=1), i : i + 2]
        places.append(np.interp(inside, (0, 1), x[i : i + 2]))
        mean, reach = (np.interp(inside, (0, 1), ends) for ends in _intervals(both))
        unsure.append(np.abs(mean) <= reach)
    return np.concatenate(places), np.concatenate(unsure)


def _intervals(both: Array) -> tuple[Array, Array]:
    """(replicates, 2) -> mean (2,) and half-width (2,) of Student's t interval, without end below two replicates."""
    if len(both) < 2:
        return np.zeros(2), np.full(2, np.inf)
    reach = stats.t.ppf((1 + LEVEL) / 2, len(both) - 1) * stats.sem(both, axis=0)
    return both.mean(axis=0), np.asarray(reach, dtype=float)


def _around(zero: float, places: Array, unsure: Array) -> Interval:
    """The unbroken stretch of unsure places around a zero, as lengths; an end of the range counts as open."""
    low = high = zero
    for place, open_ in zip(places[places <= zero][::-1], unsure[places <= zero][::-1], strict=True):
        if not open_:
            break
        low = place
    for place, open_ in zip(places[places >= zero], unsure[places >= zero], strict=True):
        if not open_:
            break
        high = place
    return Interval(
        float(np.exp(zero)),
        0.0 if low <= places[0] and unsure[0] else float(np.exp(low)),
        np.inf if high >= places[-1] and unsure[-1] else float(np.exp(high)),
    )


def _net(points: Iterable[Interval]) -> tuple[Interval, ...]:
    """The middle one of an odd number of crossings that share an interval; an even number is nothing but noise."""
    groups = [list(own) for _, own in groupby(points, key=lambda point: (point.low, point.high))]
    return tuple(own[len(own) // 2] for own in groups if len(own) % 2)


def _kind(points: Sequence[Interval], unsure: Array, ratios: Array, means: Array) -> str:
    if unsure.all() and len(ratios) > 1:
        return OPEN
    if points:
        return ONE if len(points) == 1 else SEVERAL
    short, long = _closes(ratios[:, 0], ratios[:, 1], means[0]), _closes(ratios[:, -1], ratios[:, -2], means[-1])
    return {(True, True): OUTSIDE, (True, False): BELOW, (False, True): BEYOND}.get((short, long), NONE)


def _closes(end: Array, inner: Array, sign: float) -> bool:
    """Whether the log ratio is nearer to 0 at the end of the range than one length further in, beyond doubt."""
    found = interval_over(np.sign(sign) * (end - inner))
    return found is not None and found[0].high < 0
