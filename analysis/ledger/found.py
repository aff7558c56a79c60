"""What a claim's module hands to the ledger: one family's figure, and everything that a reader must know of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from analysis.load import Run
from analysis.rows.finding import absence
from analysis.stats import Interval, Scale, mean_interval


class Column(NamedTuple):
    """A family of the ledger."""

    title: str
    family: str
    plain: str
    """Its plain variant: the contender where a claim does not say otherwise."""


def columns(run: Run) -> list[Column]:
    """The families of the plan, strangers last."""
    return [Column(str(c["title"]), str(c["family"]), str(c["plain"])) for c in run.plan["columns"]]


@dataclass(frozen=True)
class Found:
    """One family in one claim. Either `missing`, or `interval`, is there."""

    missing: str = ""
    """Why nothing was measured."""
    interval: Interval | None = None
    also: Interval | None = None
    """The second figure, where the rule has one."""
    values: tuple[float, ...] = ()
    """What the interval rests on: one value a seed, or a process of a clock."""
    planned: int = 0
    """Seeds that were planned."""
    floor: str = ""
    """What the figure is to be read against, as measured."""
    forms: tuple[str, ...] = ()
    """Architectures that it is about."""
    doubts: tuple[str, ...] = ()
    """Why the word is open whatever the figure says."""
    notes: tuple[str, ...] = ()
    """What else was measured, a sentence each."""


def nothing(run: Run, trials: pd.DataFrame) -> Found:
    """Nothing usable came of these planned trials."""
    return Found(missing=absence(run, trials), planned=int(trials["seed"].nunique()))


def mean(values: pd.Series, scale: Scale = "plain") -> Interval:
    """Interval of the mean over seeds. `values` by seed, all finite."""
    return mean_interval(values.to_numpy(dtype=float), scale)


def smallest(intervals: Sequence[Interval]) -> Interval:
    """Interval of the smallest of several figures: lowest point, lowest lower end, lowest upper end (Berger 1982)."""
    return Interval(*(min(ends) for ends in zip(*intervals, strict=True)))
