"""The scores that statistics across tasks and seeds are made of: every long-range training of the headline setting."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.material import Material
from analysis.rows.finding import FINISHED
from analysis.rows.long_range import ROW
from analysis.stats import Array

CHANCE, PERFECT = 0.0, 1.0


def planned_scores(material: Material) -> pd.DataFrame:
    """One row per planned report training of a contender: architecture, task, cell (task, lag, length), seed, score.

    The score is that on fresh data (the last one of the training where there is none), how far from chance (0) to
    perfect (1); worse than chance counts as chance. A training that diverged ended at chance; the score of one that
    crashed, was not run or was not scored is NaN. The tasks are in the order of the plan.
    """
    key = ("scores", *material.contenders, material.headline)
    return material.run.once(key, lambda: _planned_scores(material))


def _planned_scores(material: Material) -> pd.DataFrame:
    run = material.run
    planned = run.select(row=ROW, split="report")
    planned = planned[material.headline.holds(planned) & planned["architecture"].isin(list(material.titles))]
    score = run.last(planned, "test_score").fillna(run.last(planned, "score"))
    score = score.mask(planned["status"] == "diverged", CHANCE)
    known = planned["status"].isin(FINISHED) & np.isfinite(score)
    lag = planned["lag"].fillna(planned["length"])
    return pd.DataFrame(
        {
            "architecture": planned["architecture"],
            "task": planned["task"],
            "cell": planned["task"].astype(str) + ", lag " + lag.astype(str) + " in " + planned["length"].astype(str),
            "seed": planned["seed"],
            "score": score.where(known).clip(CHANCE, PERFECT),
        }
    ).drop_duplicates(["architecture", "cell", "seed"], keep="last")


def by_cell(scores: pd.DataFrame, architecture: str | None) -> dict[str, Array]:
    """Cell -> the scores of one architecture's finished trainings, in the order of their seeds."""
    held = scores[scores["architecture"] == architecture].dropna(subset=["score"]).sort_values("seed", kind="stable")
    return {str(cell): group.to_numpy(dtype=float) for cell, group in held.groupby("cell", sort=True)["score"]}


def matched(scores: pd.DataFrame, first: str | None, second: str | None) -> pd.DataFrame:
    """Pairs of trainings of the same cell and seed: task, cell, seed and difference (first - second)."""
    held = scores.dropna(subset=["score"])
    ours, theirs = held[held["architecture"] == first], held[held["architecture"] == second]
    pairs = ours.merge(theirs[["cell", "seed", "score"]], on=["cell", "seed"], suffixes=("", "_other"))
    pairs = pairs.assign(difference=pairs["score"] - pairs["score_other"])
    return pairs.sort_values(["cell", "seed"], kind="stable")[["task", "cell", "seed", "difference"]]
