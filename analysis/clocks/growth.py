"""How a figure grows with n: exponents between neighbouring lengths, and a fitted a + b n + c n^2.

One line through all lengths misleads: a cost a n + b n^2 shows exponents that climb from 1 to 2, and a single slope
lies between them with a narrow interval around nothing. So exponents are local, and the law is fitted as a law.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize

from analysis.clocks.across import across, complete, grid
from analysis.stats import Array, Interval, t_interval

FEWEST = 4
"""Lengths of a fit: three coefficients through three lengths leave no misfit to see."""
TERMS = ("a", "b", "c")


def exponents(frame: pd.DataFrame, by: Sequence[str], column: str, along: str = "length") -> pd.DataFrame:
    """Local exponent log(y2 / y1) / log(n2 / n1) between neighbouring lengths, over replicates.

    Columns: `by`, start, end, tail (whether it is the last one of its group), and FIGURE.
    """
    rows: list[tuple[Any, ...]] = []
    for key, group in frame.groupby(list(by), sort=False):
        logs = grid(group, column, along).transform(np.log)
        lengths = [int(n) for n in logs.columns]
        for start, end in pairwise(lengths):
            slopes = (logs[end] - logs[start]) / np.log(end / start)
            rows += [(*key, start, end, end == lengths[-1], slope) for slope in slopes]
    names = [*by, "start", "end", "tail"]
    return across(pd.DataFrame(rows, columns=[*names, "slope"]), names, "slope", "plain")


def fits(frame: pd.DataFrame, by: Sequence[str], column: str, degree: int = 2, along: str = "length") -> pd.DataFrame:
    """Non-negative least squares of a + b n (+ c n^2) with weights 1 / y, over the lengths that every replicate has.

    Columns: `by`; of each term its point, low and high (as `a`, `a_low`, `a_high`); misfit (largest relative
    residual of the fit to the geometric mean); of degree 2 overtakes, overtakes_low, overtakes_high (length from which
    the quadratic term is the larger one; infinite without one); shortest, longest, replicates. Groups with fewer than
    FEWEST lengths are left out.
    """
    rows = []
    for key, group in frame.groupby(list(by), sort=False):
        wide = complete(grid(group, column, along))
        if wide.shape[1] >= FEWEST:
            lengths = wide.columns.to_numpy(dtype=float)
            found = fit(lengths, wide.to_numpy(dtype=float), degree)
            extent = {"shortest": int(lengths[0]), "longest": int(lengths[-1]), "replicates": len(wide)}
            rows.append(dict(zip(by, key, strict=True)) | found | extent)
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=list(by))


def fit(lengths: Array, values: Array, degree: int = 2) -> dict[str, float]:
    """One fit: lengths (lengths,), values (replicates, lengths) -> coefficients with intervals, misfit, overtakes.

    The point is the fit to the geometric mean over replicates; the interval is Student's t over the fits to single
    replicates, stretched to hold the point and cut at 0, below which no term may lie.
    """
    centre = np.exp(np.log(values).mean(axis=0))
    point = coefficients(lengths, centre, degree)
    single = np.array([coefficients(lengths, row, degree) for row in values])
    found: dict[str, float] = {}
    for name, best, spread in zip(TERMS, point, single.T, strict=False):
        low, high = t_interval(spread).widened(float(best))[1:]
        found |= {name: float(best), f"{name}_low": max(low, 0.0), f"{name}_high": high}
    fitted = np.vander(lengths, degree + 1, increasing=True) @ point
    found["misfit"] = float(np.abs(fitted / centre - 1).max())
    if degree == 2:
        length = overtakes(point, single, float(np.sqrt(lengths[0] * lengths[-1])))
        found |= dict(zip(("overtakes", "overtakes_low", "overtakes_high"), length, strict=True))
    return found


def coefficients(lengths: Array, values: Array, degree: int) -> Array:
    """(lengths,), (lengths,) -> (degree + 1,): weights 1 / y make a relative error count alike at every length."""
    scale = lengths.max() ** np.arange(degree + 1)  # columns of one magnitude, or the solver's tolerance decides
    terms = np.vander(lengths, degree + 1, increasing=True) / scale
    solution, _ = optimize.nnls(terms / values[:, None], np.ones_like(values))
    return np.asarray(solution / scale, dtype=float)


def overtakes(point: Array, single: Array, middle: float) -> Interval:
    """Length b / c from which c n^2 exceeds b n; low and high over the replicates' fits (replicates, 3).

    The interval is that of the quadratic term's share of both at the middle length, between 0 and 1, carried over to
    lengths: a replicate without either term has a share, where its b / c would be infinite or undefined.
    """
    best, spread = _share(point[None], middle), _share(single, middle)
    if np.isnan(best).any() or np.isnan(spread).any():
        return Interval(np.nan, 0.0, np.inf)
    share = t_interval(spread).widened(float(best[0]))
    low, middle_share, high = (min(max(value, 0.0), 1.0) for value in (share.low, share.point, share.high))
    return Interval(*(middle * (1 - s) / s if s else np.inf for s in (middle_share, high, low)))


def _share(found: Array, length: float) -> Array:
    linear, quadratic = found[:, 1], found[:, 2] * length
    total = linear + quadratic
    return np.divide(quadratic, total, out=np.full_like(total, np.nan), where=total > 0)
