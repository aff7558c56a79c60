"""What the measures beside the table share: the trials that they may use, and the form of their result."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from analysis.load import Run
from analysis.regimes import Setting
from analysis.rows.long_range import ROW as LONG_RANGE
from analysis.rows.long_range import ended

UNMEASURED = "not measured"


@dataclass(frozen=True)
class Measure:
    """One number beside the table, as printed and as data."""

    label: str
    text: str = UNMEASURED
    numbers: tuple[tuple[str, float | int | str | None], ...] = ()
    """Name and value; None is infinite or unknown, as the text says."""


@dataclass(frozen=True)
class Context:
    """What the measures of all columns share."""

    run: Run
    setting: Setting
    best: tuple[str, ...]
    """Best variants of the three families: the cells that they all solve are where costs are compared."""

    def report(self, row: str) -> pd.DataFrame:
        """Planned report trials of a row in the headline setting."""
        trials = self.run.select(row=row, split="report")
        return trials[self.setting.holds(trials)]

    @cached_property
    def cells(self) -> pd.DataFrame:
        """Long-range cells by architecture and cell: share of seeds that solve it, median steps and CPU-seconds to it.

        A seed that does not solve its cell counts as infinite in both medians.
        """
        trials = self.report(LONG_RANGE)
        trials = trials[ended(self.run, trials)]
        solved = self.run.last(trials, "solved") == 1
        frame = trials.assign(
            cell=[f"{t} {n} {lag}" for t, n, lag in zip(trials["task"], trials["length"], trials["lag"], strict=True)],
            solved=solved.astype(float),
            steps=self.run.last(trials, "steps_to_solve").where(solved, np.inf),
            seconds=self.run.last(trials, "training_cpu_seconds").where(solved, np.inf),
        )
        grouped = frame.groupby(["architecture", "cell"])
        return grouped.agg(solved=("solved", "mean"), steps=("steps", "median"), seconds=("seconds", "median"))

    @cached_property
    def common(self) -> list[str]:
        """Cells that every best variant solves on the majority of its seeds."""
        shares = self.cells["solved"].unstack("architecture").reindex(columns=list(self.best))
        return list(shares.index[(shares > 0.5).all(axis=1)]) if self.best else []
