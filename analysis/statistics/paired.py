"""Tests of matched pairs that hold their level with three seeds, and Holm's correction over a family of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import stats

from analysis.statistics.aggregate import draws_for
from analysis.stats import LEVEL, SEED, Array, Interval

FLIPS = 9999
MANY = 500
"""Pairs beyond which the statistic is normal to the digits that are printed, and flips would take seconds."""
BATCH = 1_000_000
"""Values that are flipped at once."""
ALMOST_NONE = 1e-3
"""Spread within cells, in the largest difference, below which it counts as this: a ratio to nothing would be noise."""
DIGITS = 6
"""Of the statistic: sums in another order differ in the last bits, and a tie must stay a tie."""


def flip_p(differences: Array, cells: Sequence[object], flips: int = FLIPS) -> float:
    """Two-sided p of a sign-flip permutation test: of two that are alike, a difference could have had either sign.

    differences (pairs,) with the cell of each. Exact at any number of pairs, whatever the distribution. The statistic
    is the mean over cells in units of its error *within* cells: still exact, it also serves where the two differ from
    cell to cell (Janssen 1997; Chung and Romano 2013), as they do; the mean alone then finds up to a third less. Up to
    `flips` patterns are all tried, of more so many are drawn, and beyond MANY pairs the normal limit stands in. 1
    without any difference, and for a single pair.
    """
    largest = float(np.abs(differences).max(initial=0.0))
    if largest == 0 or differences.size < 2:
        return 1.0
    member = (np.asarray(cells, dtype=str)[:, None] == np.unique(np.asarray(cells, dtype=str))).astype(float)
    counts = member.sum(axis=0)
    squares = (differences / largest) ** 2 @ member

    def statistic(x: Array, axis: int = -1) -> Array:
        sums = x @ member
        within = np.clip(squares - sums**2 / counts, 0, None) / np.maximum(counts - 1, 1) / counts
        error = np.sqrt(within.sum(axis=-1) + ALMOST_NONE**2)
        return np.round(np.abs((sums / counts).sum(axis=-1)) / error, DIGITS)

    if differences.size > MANY and counts.min() > 1:
        return float(2 * stats.norm.sf(statistic(differences / largest)))
    found = stats.permutation_test(
        (differences / largest,),
        statistic,
        permutation_type="samples",
        vectorized=True,
        n_resamples=flips,
        batch=max(BATCH // differences.size, 1),
        alternative="greater",
        rng=np.random.default_rng(SEED),
    )
    return float(found.pvalue)


def bounded_mean(values: npt.ArrayLike, least: float, most: float) -> Interval:
    """Interval of the mean of independent values that lie between `least` and `most`, however few they are.

    Gaffke's (2005) bound: an unseen value at either end joins the sample, and the weights are Dirichlet(1, ..., 1).
    Of values that lie at the ends alone it is the exact interval of Clopper and Pearson (1934); of others it is wider
    than needed. Three seeds that agree leave room for a fourth that does not, which no interval from their spread does.
    """
    x = _sorted(values)
    lower, upper = _weighted(x, least, most)
    low, high = np.quantile(lower, (1 - LEVEL) / 2), np.quantile(upper, (1 + LEVEL) / 2)
    return Interval(float(x.mean()), float(low), float(high)).widened(float(x.mean()))


def bounded_equivalence_p(values: npt.ArrayLike, band: float, least: float, most: float) -> float:
    """p of the claim that the mean lies within +- band: the larger of two one-sided tests (Schuirmann 1987).

    Both are read off `bounded_mean`'s draws. A t test would call three agreeing seeds equivalent, though a failure in
    five runs goes unseen in three of them half of the time. At a band of 0.05 the claim takes some 60 pairs without
    any difference: 0.95^60 is below 5 %.
    """
    lower, upper = _weighted(_sorted(values), least, most)
    outside = max(int((lower <= -band).sum()), int((upper >= band).sum()))
    return (outside + 1) / (lower.size + 1)


def holm(p: npt.ArrayLike) -> Array:
    """Adjusted p-values of a family: below 5 % they hold together, however they depend on each other (Holm 1979)."""
    raw = np.asarray(p, dtype=float)
    order = np.argsort(raw, kind="stable")
    stepped = np.maximum.accumulate(raw[order] * np.arange(raw.size, 0, -1))
    adjusted = np.empty_like(raw)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def _sorted(values: npt.ArrayLike) -> Array:
    x = np.sort(np.asarray(values, dtype=float).ravel())
    if x.size == 0 or not np.isfinite(x).all():
        raise ValueError("a bounded mean needs at least one value, all finite; drop failed trials before")
    return x


def _weighted(x: Array, least: float, most: float) -> tuple[Array, Array]:
    """Draws of the mean when an unseen value lies at the lower end, and at the upper one."""
    weights = _weights(x.size)
    seen = weights[:, 1:] @ x
    return seen + weights[:, 0] * least, seen + weights[:, 0] * most


@lru_cache(maxsize=1)
def _weights(values: int) -> Array:
    """Dirichlet weights (draws, values + 1). The samples of a family are mostly of one size, so the last are kept."""
    weights = np.random.default_rng(SEED).standard_exponential((draws_for(values, 4000), values + 1))
    weights /= weights.sum(axis=1, keepdims=True)
    return weights
