"""One comparison of two runs, and which of many are beyond doubt.

A difference is named when it is larger than LEAST beyond doubt: times, steps and scores are tested against an effect of
that size, not against none, because no machine that is slower today is slower by the same factor for everything; shares
of solved trainings are tested against none and must reach it. Holm's correction (1979) goes over every test made. A
time must moreover lie outside the A/A band: what two copies of one architecture differ by in either run. An exact
figure knows no chance; it has to reach LEAST.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analysis.statistics.paired import holm
from analysis.stats import LEVEL

LEAST = 1.05
"""Smallest factor that is named; of a share or a score, LEAST - 1 in its own unit."""
Scale = Literal["ratio", "difference"]


@dataclass(frozen=True)
class Comparison:
    """One figure of one architecture (or column) in both runs."""

    subject: str
    what: str
    condition: str
    """What is the same on both sides: size, threads, precision; a row of the table."""
    place: str
    """Length, context or task; empty for a mean over them."""
    before: float
    after: float
    unit: str
    effect: float
    """After over before on "ratio", the machine's drift taken out of times; after minus before on "difference"."""
    low: float
    high: float
    """Interval of the effect at 95 %, of this comparison alone; NaN where nothing is known."""
    p: float | None
    """Chance of such a figure if the true effect were below `least`; None if exact, NaN if too few values to test."""
    least: float = LEAST
    """Factor that is tested against."""
    band: float = 1.0
    """Factor that two copies of one architecture differ by; 1 where there are none."""
    scale: Scale = "ratio"

    @property
    def is_large(self) -> bool:
        """Whether the effect is at least the least one and outside the A/A band."""
        if self.scale == "difference":
            return bool(abs(self.effect) >= LEAST - 1)
        return bool(max(self.effect, 1 / self.effect) >= max(self.least, self.band))


def beyond_doubt(made: Sequence[Comparison]) -> list[Comparison]:
    """Those that are named, in the order given; all that were made must be handed in."""
    p = np.array([np.nan if c.p is None else c.p for c in made], dtype=float)
    known = ~np.isnan(p)
    p[known] = holm(p[known])
    sure = [c.p is None or adjusted < 1 - LEVEL for c, adjusted in zip(made, p, strict=True)]
    return [c for c, is_sure in zip(made, sure, strict=True) if is_sure and c.is_large]


def number_tested(made: Sequence[Comparison]) -> int:
    """How many of them were tested."""
    return sum(c.p is not None and not np.isnan(c.p) for c in made)
