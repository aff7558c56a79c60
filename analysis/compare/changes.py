"""All comparisons of two runs, and the changes that are named: one entry per architecture, figure and condition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.compare import cells, exact, learning, timing
from analysis.compare.comparison import Comparison, Scale, beyond_doubt
from analysis.material import Material


@dataclass(frozen=True)
class Change:
    """A difference beyond doubt."""

    subject: str
    """The architecture that changed."""
    what: str
    condition: str
    places: tuple[str, ...]
    """The lengths, contexts or tasks at which it is beyond doubt by itself; empty if only their mean is."""
    before: float
    after: float
    unit: str
    effect: float
    """Factor on "ratio", the machine's drift taken out of times; after minus before on "difference"."""
    low: float
    high: float
    scale: Scale

    def __str__(self) -> str:
        at = "; ".join(filter(None, (self.condition, ", ".join(self.places))))
        if self.scale == "difference":
            return f"{self.what} of {self.subject}: {self.before:.2f} -> {self.after:.2f} ({at})"
        ends = f" [{self.low:.2f}, {self.high:.2f}]" if self.low < self.high else ""
        return f"{self.what} of {self.subject}: {self.effect:.2f} times{ends} ({at})"


@dataclass(frozen=True)
class Compared:
    """Two runs, compared once."""

    a: Material
    b: Material
    timings: timing.Timings
    made: tuple[Comparison, ...]
    """Every comparison, of times and of all else."""
    named: tuple[Comparison, ...]
    """Those beyond doubt."""
    changes: tuple[Change, ...]
    pairs: tuple[cells.Pair, ...]


def compared(a: Material, b: Material) -> Compared:
    """Make every comparison that two runs allow."""
    timings = timing.compare(a.run, b.run)
    pairs = cells.pairs(a.verdicts, b.verdicts)
    made = (*timings.made, *learning.compare(a.run, b.run), *exact.compare(a.run, b.run), *cells.compare(pairs))
    named = beyond_doubt(made)
    return Compared(a, b, timings, made, tuple(named), tuple(_changes(named)), tuple(pairs))


def changes(a: Material, b: Material) -> list[Change]:
    """What differs beyond doubt from run a to run b; [] if nothing does."""
    return list(compared(a, b).changes)


def _changes(named: Sequence[Comparison]) -> list[Change]:
    """The mean over the places speaks for them, or else the largest effect."""
    groups: dict[tuple[str, str, str], list[Comparison]] = {}
    for one in named:
        groups.setdefault((one.what, one.subject, one.condition), []).append(one)
    found = []
    for (what, subject, condition), group in groups.items():
        first = min(group, key=lambda one: (one.place != "", -_size(one)))
        places = tuple(one.place for one in group if one.place)
        ends = (first.before, first.after, first.unit, first.effect, first.low, first.high, first.scale)
        found.append(Change(subject, what, condition, places, *ends))
    return found


def _size(one: Comparison) -> float:
    return abs(one.effect) if one.scale == "difference" else float(abs(np.log(one.effect)))
