"""What a row hands to the verdict: a figure with its interval, and everything that could change its word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from analysis.claims import FAMILIES
from analysis.load import NOT_RUN, Run
from analysis.stats import Interval

FINISHED = ("ok", "diverged")
"""A diverged training is a result. A crash, a hang or a full memory says nothing about learning."""


@dataclass(frozen=True)
class Estimate:
    """A figure and the caps on its word (index of the best word still allowed, see claims.Rule.word)."""

    figure: float
    caps: Mapping[float, int] = field(default_factory=dict)
    """Cap by sensitivity factor, 1.0 among them; a missing one is 0: no cap."""


@dataclass(frozen=True)
class Finding:
    """One row for one architecture. Exactly one of `missing`, or an estimate or `word`, is there."""

    missing: str = ""
    """Why nothing was measured: the cell says `not run`."""
    estimate: Estimate | None = None
    interval: Interval | None = None
    word: str = ""
    """A word that follows without a figure (no intrinsic explanation at all, say)."""
    left_out: Mapping[str, Estimate] = field(default_factory=dict)
    """The estimate without one task or source; empty when there is only one."""
    bounds: Mapping[str, Estimate] = field(default_factory=dict)
    """The estimate had the missing trials gone one way or the other."""
    doubts: tuple[str, ...] = ()
    """What makes the verdict undecided whatever the figure says."""
    notes: tuple[str, ...] = ()
    """What a reader should know about the figure."""
    seeds: int | None = None
    """Independent repetitions behind the figure; None when it is exact."""
    tasks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Contender:
    """One column of the table in one variant."""

    column: str
    family: str
    variant: str
    architecture: str | None
    """None while the development stage has not chosen the best variant."""

    @property
    def is_stranger(self) -> bool:
        """Whether the column is outside the interview table: judged, but never the yardstick of the others."""
        return self.family not in FAMILIES


def references(contender: Contender, contenders: list[Contender]) -> tuple[list[str], list[str]]:
    """Architectures of the three families in the contender's class, and the families that have none there.

    Best variants are compared with best variants, plain ones with plain ones.
    """
    rivals = {c.family: c.architecture for c in contenders if c.variant == contender.variant and not c.is_stranger}
    known = [name for family in FAMILIES if (name := rivals.get(family))]
    return known, [family for family in FAMILIES if not rivals.get(family)]


def absence(run: Run, trials: pd.DataFrame) -> str:
    """Why these planned trials gave nothing: not planned, not run, or the first recorded reason."""
    if trials.empty:
        return f"not planned in study {run.plan['study']}"
    done = int((trials["status"] == "ok").sum())
    failed = trials[~trials["status"].isin(("ok", NOT_RUN))]
    if not failed.empty:
        first = failed.iloc[0]
        ended = f"{len(failed)} of {len(trials)} trials ended without a result"
        return f"{ended}; first: {first['status']} {first['reason']}".strip()
    if done == len(trials):
        return f"nothing usable was measured in {done} trials"
    return f"too few of {len(trials)} trials run ({done}): {run.why_not_run()}" if done else run.why_not_run()


def shortfall(run: Run, trials: pd.DataFrame) -> list[str]:
    """One sentence per kind of trial that is missing: `2 of 9 trials not run (time limit)`, `1 of 9 failed (...)`."""
    sentences = []
    for status, group in trials[trials["status"] != "ok"].groupby("status", sort=True):
        why: Any = run.why_not_run() if status == NOT_RUN else group.iloc[0]["reason"]
        sentences.append(f"{len(group)} of {len(trials)} trials {status}" + (f" ({why})" if why else ""))
    return sentences
