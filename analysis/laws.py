"""Counts against length -> the law they follow: constant, linear, logarithmic or a power, and how well it fits.

Counts of a traced module carry no noise, so a law that holds at all holds exactly; only where none does is the better
of two curves named.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.load import Run
from analysis.stats import Array

FEWEST = 3
"""Lengths that a law needs: any two points lie on a line."""
EXACT = 1e-9
"""Largest relative residual of a law that holds without error."""
CONSTANT, LOGARITHM, LINEAR = "1", "log n", "n"
NEAR_LINEAR = 0.05
"""A fitted exponent this close to 1 counts as linear growth."""


@dataclass(frozen=True)
class Law:
    """How a count grows with n."""

    growth: str
    """What an O( ) would hold: "1", "log n", "n", or "n^q" with the fitted exponent."""
    text: str
    """Coefficients of an exact law (`7 n + 7`), else what fits best (`~ n^0.98`, `~ log n`)."""
    misfit: float
    """Largest relative residual; 0 where the law is exact."""


def traces(run: Run, architecture: str) -> pd.DataFrame:
    """Planned traces of an architecture at one size: that of the most lengths, as the row of the table takes it."""
    planned = run.select(row="parallel", kind="trace", architecture=architecture)
    planned = planned[planned["length"].notna()]
    sizes = planned["core_parameters"].value_counts(sort=False).sort_index()
    return planned[planned["core_parameters"] == sizes.idxmax()] if len(sizes) else planned


def series(run: Run, architecture: str, metric: str, subject: str = "") -> pd.Series:
    """One metric of an architecture's finished traces of one size: positive values by ascending length."""
    own = traces(run, architecture)
    own = own[own["status"] == "ok"]
    values = run.last(own, metric, subject)
    usable = np.isfinite(values) & (values > 0)
    found = pd.Series(values[usable].to_numpy(dtype=float), own.loc[usable, "length"].to_numpy(dtype=int))
    return found[~found.index.duplicated(keep="last")].sort_index()


def fitted(values: pd.Series) -> Law | None:
    """The law of positive values by ascending length; None with fewer than FEWEST lengths."""
    n, y = values.index.to_numpy(dtype=float), values.to_numpy(dtype=float)
    if n.size < FEWEST:
        return None
    if float(np.ptp(y)) <= EXACT * float(y.max()):
        return Law(CONSTANT, f"constant {y[0]:.6g}", 0.0)
    for growth, x, name in ((LINEAR, n, "n"), (LOGARITHM, np.log2(n), "log₂ n")):
        rise, start, misfit = _line(x, y)
        if misfit < EXACT:
            return Law(growth, _written(rise, start, name), 0.0)
    return _nearest(n, y)


def _nearest(n: Array, y: Array) -> Law:
    """Of a power a n^q and a logarithm a + b log n, both of two coefficients, the one with the smaller misfit."""
    exponent, offset, _ = _line(np.log(n), np.log(y), weights=np.ones_like(y))
    power = float(np.abs(np.exp(offset) * n**exponent / y - 1).max())
    rise, _, logarithm = _line(np.log2(n), y)
    if logarithm <= power and rise > 0:
        return Law(LOGARITHM, "~ log n", logarithm)
    growth = LINEAR if abs(exponent - 1) < NEAR_LINEAR else f"n^{exponent:.2f}"
    return Law(growth, f"~ n^{exponent:.2f}", power)


def _line(x: Array, y: Array, weights: Array | None = None) -> tuple[float, float, float]:
    """Slope, intercept and largest relative residual of the least-squares line; relative residuals are minimised."""
    slope, start = np.polyfit(x, y, 1, w=1 / y if weights is None else weights)
    misfit = np.abs(start + slope * x - y) / np.maximum(np.abs(y), np.finfo(float).tiny)
    return float(slope), float(start), float(misfit.max())


def _written(rise: float, start: float, name: str) -> str:
    first = "" if abs(rise - 1) < EXACT else f"{rise:.6g} "
    rest = round(start, 6)
    return f"{first}{name}" + (f" {'+' if rest > 0 else '-'} {abs(rest):.6g}" if rest else "")
