"""Three outcomes of a comparison: one is better, both are equivalent, or it is undecided. Never "no difference".

That no difference was found says little; that it is smaller than a stated band has to be shown like anything else, by
two one-sided tests (Schuirmann 1987). Holm's correction is applied to either claim over the whole declared family.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy import stats

from analysis.statistics.paired import holm
from analysis.stats import LEVEL, Array, Interval

EQUIVALENT, UNDECIDED = "equivalent", "undecided"
UNKNOWN = Interval(np.nan, -np.inf, np.inf)


@dataclass(frozen=True)
class Comparison:
    """One declared comparison of two columns."""

    first: str
    second: str
    where: str
    """OVERALL, a task or a length."""
    gains: str
    """What the winner is called."""
    families: tuple[str, str] = ("", "")
    interval: Interval = UNKNOWN
    """Difference of scores, or how many times as fast the first one is; above 0, or above 1, is to its advantage."""
    values: tuple[float, ...] = ()
    """Every matched pair's, in the same unit."""
    band: float = np.nan
    """Largest difference, or factor, that counts as none; NaN if unknown."""
    p: float = 1.0
    """Of there being no difference (scores), or none beyond the band (times)."""
    p_equivalent: float = 1.0
    """Of the difference lying outside the band."""
    neutral: float = field(default=0.0, kw_only=True)
    """The value of no difference: 0 or 1."""

    @property
    def outcome(self) -> str:
        """`LSTM faster`, equivalent or undecided; p-values are taken as they are, see `decided`."""
        if self.p_equivalent <= 1 - LEVEL:
            return EQUIVALENT
        if self.p <= 1 - LEVEL:
            return f"{self.first if self.interval.point > self.neutral else self.second} {self.gains}"
        return UNDECIDED


def decided(family: Sequence[Comparison]) -> list[Comparison]:
    """The comparisons of one declared family with both p-values corrected by Holm."""
    adjusted = zip(holm([c.p for c in family]), holm([c.p_equivalent for c in family]), strict=True)
    return [replace(c, p=float(p), p_equivalent=float(q)) for c, (p, q) in zip(family, adjusted, strict=True)]


def beyond_p(values: Array, band: float) -> float:
    """p of |mean| <= band by Student's t (a minimum-effect test; at band 0 the usual t test); 1 with one value."""
    return min(_tail(values, abs(values.mean()) - band) + _tail(values, abs(values.mean()) + band), 1.0)


def within_p(values: Array, band: float) -> float:
    """p of |mean| >= band by two one-sided t tests; 1 with one value or an infinite band, which would hold anything."""
    return _tail(values, band - abs(values.mean())) if np.isfinite(band) else 1.0


def _tail(values: Array, distance: float) -> float:
    """Upper tail of Student's t at a distance of the mean in standard errors."""
    if values.size < 2 or not np.isfinite(distance):
        return 1.0
    error = float(stats.sem(values))
    if error == 0:
        return 0.0 if distance > 0 else 1.0
    return float(stats.t.sf(distance / error, values.size - 1))
