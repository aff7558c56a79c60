"""What two runs learned, training by training: the same task, length and seed on both sides are a pair.

A seed draws the same data and the same start on both sides, and even where a device makes other sums of them, the task
and its length are those of the pair. Solved or not is compared by McNemar's exact test (1947), which counts the pairs
that disagree; steps to solve by Wilcoxon's signed ranks (1945), over the pairs that both solved, against LEAST.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import stats

from analysis.claims import LONG_RANGE, STATE_TRACKING
from analysis.compare.comparison import LEAST, Comparison
from analysis.load import Run
from analysis.rows.finding import FINISHED
from analysis.stats import t_interval

ROWS = {LONG_RANGE.row: "long range", STATE_TRACKING.row: "state tracking"}
"""Row of the table -> how trials name it."""
SHARE, STEPS = "share of trainings solved", "steps to solve"
SETTING = ["regime", "core_parameters", "architecture"]
PAIR = [*SETTING, "kind", "task", "length", "lag", "seed", "data_tokens", "number"]


def compare(a: Run, b: Run) -> list[Comparison]:
    """Share solved and steps to solve of every architecture in every setting, for the trainings that both runs have."""
    made = []
    for row, name in ROWS.items():
        first, second = (_trainings(run, name) for run in (a, b))
        pairs = first.merge(second, on=PAIR, suffixes=("_a", "_b"))
        for (regime, size, architecture), group in pairs.groupby(SETTING, sort=False):
            condition = f"{row}, {regime} at {size:,}, {len(group)} trainings"
            made += list(_compared(str(architecture), condition, group))
    return made


def _trainings(run: Run, row: str) -> pd.DataFrame:
    """Report trainings that came to an end; columns PAIR, solved, steps (NaN where not solved)."""
    trials = run.select(row=row, split="report")
    trials = trials[trials["status"].isin(FINISHED)]
    solved = (run.last(trials, "solved") == 1) & (trials["status"] == "ok")
    facts = trials[[name for name in PAIR if name != "number"]]
    number = facts.groupby(list(facts), dropna=False).cumcount()  # a plan may hold a task twice, with other settings
    steps = run.last(trials, "steps_to_solve").where(solved)
    return facts.fillna({"lag": -1, "data_tokens": 0}).assign(number=number, solved=solved, steps=steps)


def _compared(architecture: str, condition: str, pairs: pd.DataFrame) -> Iterator[Comparison]:
    before, after = pairs["solved_a"].mean(), pairs["solved_b"].mean()
    lost = int((pairs["solved_a"] & ~pairs["solved_b"]).sum())
    gained = int((pairs["solved_b"] & ~pairs["solved_a"]).sum())
    p = float(stats.binomtest(lost, lost + gained).pvalue) if lost + gained else 1.0
    place = f"{gained} solved anew, {lost} no longer" if lost + gained else ""
    known = (np.nan, np.nan, p)
    yield Comparison(
        architecture, SHARE, condition, place, before, after, "", after - before, *known, scale="difference"
    )
    both = pairs[(pairs["steps_a"] > 0) & (pairs["steps_b"] > 0)]
    if len(both):
        logs = np.log((both["steps_b"] / both["steps_a"]).to_numpy(dtype=float))
        found = t_interval(np.exp(logs), "log")
        p = float(stats.wilcoxon(np.sign(logs.mean()) * logs - np.log(LEAST), alternative="greater").pvalue)
        first, second = (float(np.exp(np.log(both[side]).mean())) for side in ("steps_a", "steps_b"))
        yield Comparison(architecture, STEPS, condition, f"{len(both)} solved twice", first, second, "", *found, p)
