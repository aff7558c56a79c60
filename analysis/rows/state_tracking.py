"""State tracking: the share of (task, lag) cells solved where the answer asks for a state, not for a look back.

A row of ours: parity and flip-flop, by the rule and the estimator of long range, whose tasks they complement.
"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from analysis.load import NOT_RUN, Run
from analysis.regimes import Setting
from analysis.rows import long_range
from analysis.rows.finding import Contender, Finding

ROW = "state tracking"


def find(run: Run, contender: Contender, setting: Setting) -> Finding:
    """Share of cells solved, with how many seeds solved each task."""
    finding = long_range.find(run, contender, setting, ROW)
    trials = long_range.select(run, contender, setting, ROW)
    counts = _counts(run, trials[trials["status"] != NOT_RUN])
    return replace(finding, notes=(*counts, *finding.notes)) if finding.estimate else finding


def _counts(run: Run, trials: pd.DataFrame) -> list[str]:
    """One note per task, so that the two never hide behind their mean."""
    solved = (run.last(trials, "solved") == 1) & (trials["status"] == "ok")
    grouped = solved.groupby(trials["task"], sort=True)
    return [f"{task}: {int(own.sum())} of {len(own)} trainings" for task, own in grouped]
