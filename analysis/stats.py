"""Statistics: arrays -> (point, low, high). Pure functions, ignorant of files, architectures and words.

All intervals are at 95 %, and docs/statistics.md says how often each of them holds the truth. Ten values are where the
bootstrap begins: below that a percentile or BCa bootstrap of a mean covers 75 to 89 % of the time, Student's t about
95 %. Simulations use a fixed seed, so a report is reproducible.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special, stats

Array = npt.NDArray[np.float64]
Scale = Literal["plain", "log", "logit"]

LEVEL = 0.95
DRAWS = 4000
SEED = 20261122
BOOTSTRAP_FROM = 10
LOGIT_CLIP = 0.005
"""Shares are kept this far from 0 and 1 before the logit."""


class Interval(NamedTuple):
    """An estimate; low and high are infinite when too few values were there to say."""

    point: float
    low: float
    high: float

    def widened(self, value: float) -> Interval:
        """The same interval around `value`, stretched to include it."""
        return Interval(value, min(self.low, value), max(self.high, value))


class Slope(NamedTuple):
    """A fitted slope with its standard error and residual degrees of freedom."""

    interval: Interval
    error: float
    freedom: int


SCALES: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "plain": (lambda x: x, lambda x: x),
    "log": (np.log, np.exp),
    "logit": (lambda x: special.logit(np.clip(x, LOGIT_CLIP, 1 - LOGIT_CLIP)), special.expit),
}


def t_interval(values: npt.ArrayLike, scale: Scale = "plain") -> Interval:
    """Student's t interval of the mean, computed on a scale and carried back.

    On "log" the point is the geometric mean. On "logit" it is the plain mean, for shares between 0 and 1: the error of
    the mean is carried to the logit by its slope there, 1 / (p (1 - p)) (the delta method), so that the interval knows
    the walls. The mean of the logits is another figure, and an interval of it misses the plain mean the more surely the
    more values there are: of Beta(9, 1) it covers 95 % with 3, 83 % with 10 and 64 % with 20, this one 94 to 95 %.
    """
    x = _finite(values)
    if scale == "logit":
        return _share_interval(x)
    forward, backward = SCALES[scale]
    mean = float(forward(x).mean())
    reach = _quantile(x.size) * (float(stats.sem(forward(x))) if x.size > 1 else 1.0)
    with np.errstate(over="ignore"):
        return Interval(*(float(v) for v in backward(np.array([mean, mean - reach, mean + reach]))))


def _share_interval(x: Array) -> Interval:
    forward, backward = SCALES["logit"]
    centre = forward(x.mean())
    share = backward(centre)
    reach = _quantile(x.size) * (float(stats.sem(x)) if x.size > 1 else 1.0) / (share * (1 - share))
    point = float(x.mean())
    return Interval(point, float(backward(centre - reach)), float(backward(centre + reach))).widened(point)


def _quantile(values: int) -> float:
    """Student's t for the two-sided interval of a mean; infinite for one value, which says nothing about its error."""
    return float(stats.t.ppf((1 + LEVEL) / 2, values - 1)) if values > 1 else np.inf


def bootstrap(values: npt.ArrayLike) -> Interval:
    """Studentised bootstrap interval of the mean (Hall 1988), for ten values or more; a constant is its own interval.

    Every resample's distance from the mean is measured in its own standard errors, and the sample's standard error
    carries those back. BCa and percentiles have no such yardstick: with 10 and 20 values BCa covered 87 to 93 %.
    Where more than the tails' share of resamples is constant, their quantiles say nothing, and Student's t stands in.
    """
    x = _finite(values)
    point, error = float(x.mean()), float(stats.sem(x)) if x.size > 1 else 0.0
    if np.ptp(x) == 0:
        return Interval(point, point, point)
    drawn = x[np.random.default_rng(SEED).integers(0, x.size, (DRAWS, x.size))]
    varied = drawn[np.ptp(drawn, axis=1) > 0]
    if len(varied) < (1 + LEVEL) / 2 * DRAWS:
        return t_interval(x)
    distances = (varied.mean(axis=1) - point) / (varied.std(axis=1, ddof=1) / np.sqrt(x.size))
    short, long = np.quantile(distances, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(point, point - float(long) * error, point - float(short) * error).widened(point)


def mean_interval(values: npt.ArrayLike, scale: Scale = "plain") -> Interval:
    """Student's t under ten values, bootstrap from there on. On "log" both give the geometric mean; "logit" keeps t."""
    x = _finite(values)
    if x.size < BOOTSTRAP_FROM or scale == "logit":
        return t_interval(x, scale)
    if scale == "log":
        return Interval(*(float(np.exp(v)) for v in bootstrap(np.log(x))))
    return bootstrap(x)


def wilson(successes: int, trials: int) -> Interval:
    """Wilson score interval of a proportion (Wilson 1927)."""
    found = stats.binomtest(successes, trials).proportion_ci(LEVEL, method="wilson")
    return Interval(successes / trials, float(found.low), float(found.high))


def slope(x: npt.ArrayLike, y: npt.ArrayLike) -> Slope:
    """Ordinary least-squares slope of y on x, with the t interval of the slope.

    Two points alone leave no residual, so nothing is known about the error: the interval is infinite.
    """
    horizontal, vertical = _finite(x), _finite(y)
    if np.unique(horizontal).size < 2:
        raise ValueError("a slope needs at least two different x; measure at more sizes")
    freedom = horizontal.size - 2
    fit = stats.linregress(horizontal, vertical)
    exact = np.ptp(vertical) == 0  # scipy divides 0 by 0 on a flat line
    point, error = float(fit.slope), np.inf if not freedom else 0.0 if exact else float(fit.stderr)
    reach = float(stats.t.ppf((1 + LEVEL) / 2, freedom)) * error if freedom else np.inf
    return Slope(Interval(point, point - reach, point + reach), error, freedom)


def slope_draws(fit: Slope, generator: np.random.Generator) -> Array:
    """DRAWS plausible true slopes: point + error x Student's t. An unknown error gives draws of huge spread."""
    noise = generator.standard_t(max(fit.freedom, 1), DRAWS)
    return fit.interval.point + noise * (fit.error if np.isfinite(fit.error) else 1e9)


def percentiles(draws: Array, point: float) -> Interval:
    """Central 95 % of simulated figures, stretched to hold the point."""
    low, high = np.percentile(draws, [100 * (1 - LEVEL) / 2, 100 * (1 + LEVEL) / 2])
    return Interval(point, float(low), float(high)).widened(point)


def solved_share(weights: Sequence[float], solved: Sequence[int], runs: Sequence[int]) -> Interval:
    """Weighted share of cells that a majority of runs solves; one entry per cell, weights sum to 1.

    A cell's chance of solving is drawn from Beta(k + 1/2, m - k + 1/2), Jeffreys' posterior after k of m runs; a cell
    counts in a draw when that chance exceeds one half. Few seeds therefore give a wide interval, however they fell.
    """
    w, k, m = (np.asarray(v, dtype=float) for v in (weights, solved, runs))
    chance = np.random.default_rng(SEED).beta(k + 0.5, m - k + 0.5, size=(DRAWS, w.size))
    return percentiles((chance > 0.5) @ w, float(w[k > m / 2].sum()))


def relative_interval(own: Array, others: Array, point: float, ceiling: float) -> Interval:
    """Interval of `relative_exponent`, from simulated exponents: own (axes, sources, draws), others (families, ...).

    The figure is the smallest of several ratios, one per axis and other family, and the smallest of noisy numbers lies
    low: percentiles of the simulated figure itself covered ties in 70 % of runs. So each ratio gets its own interval,
    the upper ends at a level divided by their number, and the smallest ends hold the smallest ratio (Berger 1982).
    `ceiling` bounds both ends: 1 for who is among the references. Without another family nothing is known below it.
    """
    if not len(others):
        return Interval(point, 0.0, ceiling).widened(point)
    mine, theirs = combined_exponent(own), combined_exponent(others)
    endless = np.where(mine > 0, 1e9, 0.0)
    ratios = np.divide(mine, theirs, out=np.broadcast_to(endless, theirs.shape).copy(), where=theirs > 0)
    ratios = ratios.reshape(-1, ratios.shape[-1])
    tail = 100 * (1 - LEVEL) / 2
    low = float(np.percentile(ratios, tail, axis=1).min())
    high = float(np.percentile(ratios, 100 - tail / len(ratios), axis=1).min())
    return Interval(point, min(low, ceiling), min(high, ceiling)).widened(point)


def relative_speed(own: Array, references: Array) -> Interval:
    """Geometric mean over lengths of a rate's ratio to the fastest reference at each length, interval over replicates.

    own (replicates, lengths); references (families, replicates, lengths); ratios are formed inside a replicate. The
    fastest is picked once per length, on all replicates: picked anew in each it is the luckiest, and of two equal
    families neither interval reached 1 in up to 78 % of simulated runs. Picking among equals at every length still
    favours luck, so the upper end is at least that of the ratio to the family fastest over all lengths, which the
    figure cannot truly exceed. Who is fastest in the sample need not be: the lower end is at most that of the ratio to
    any reference.
    """
    logs = np.log(references)
    fastest = logs.mean(axis=1).argmax(axis=0)
    at_each = logs[fastest, :, np.arange(fastest.size)].T
    point, low, high = mean_interval(np.exp((np.log(own) - at_each).mean(axis=1)), "log")
    rivals = [mean_interval(np.exp((np.log(own) - rival).mean(axis=1)), "log") for rival in logs]
    fastest_overall = rivals[int(logs.mean(axis=(1, 2)).argmax())]
    return Interval(point, min(low, *(rival.low for rival in rivals)), max(high, fastest_overall.high))


def combined_exponent(exponents: Array) -> Array:
    """Geometric mean over the sources: (..., sources, draws) -> (..., draws). A negative exponent counts as 0."""
    clipped = np.clip(exponents, 0, None)
    return np.prod(clipped, axis=-2) ** (1 / clipped.shape[-2])


def relative_exponent(own: Array, reference: Array) -> Array:
    """Smallest ratio, over the axes, of an exponent to the best reference's.

    own (axes, sources, draws); reference (families, axes, sources, draws); returns (draws,). Where the best is 0,
    nobody scales and the ratio is 0.
    """
    mine, best = combined_exponent(own), combined_exponent(reference).max(axis=0)
    return np.divide(mine, best, out=np.zeros_like(mine), where=best > 0).min(axis=0)


def lag_weights(lags: Sequence[float]) -> Array:
    """Weights, summing to 1, of ascending distinct lags by their spacing in log2; equal spacing, equal weights."""
    x = np.log2(np.asarray(lags, dtype=float))
    if x.size == 1:
        return np.ones(1)
    gaps = np.diff(x)
    weights = (np.concatenate([gaps[:1], gaps]) + np.concatenate([gaps, gaps[-1:]])) / 2
    return weights / weights.sum()


def _finite(values: npt.ArrayLike) -> Array:
    x = np.asarray(values, dtype=float).ravel()
    if x.size == 0 or not np.isfinite(x).all():
        raise ValueError("statistics need at least one value, all finite; drop failed trials before")
    return x
