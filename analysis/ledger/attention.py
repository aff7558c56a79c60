"""Attention helps: the same family with and without it, on tasks that need to look something up."""

from __future__ import annotations

import pandas as pd

from analysis.ledger import trained
from analysis.ledger.found import Column, Found, mean, nothing
from analysis.ledger.rules import ATTENTION
from analysis.ledger.sequences import exact
from analysis.load import Run

PAIRS = {
    "transformer": ("transformer-sinusoidal", "transformer-no-attention"),
    "lstm": ("lstm-attention", "lstm-forget-bias"),
    "cnn": ("cnn-attention", "cnn-k3"),
}
"""Family -> architectures with attention and without."""


def gains(run: Run, family: str) -> dict[str, pd.Series]:
    """Task -> seed -> score gained by attention, for the tasks on which both forms were planned."""
    planned = trained.select(run, ATTENTION, family=family)
    found = {}
    for task, own in planned.groupby("task", sort=False):
        forms = [own[own["architecture"] == name] for name in PAIRS.get(family, ())]
        if len(forms) == 2 and all(len(form) for form in forms):
            found[str(task)] = (exact(run, forms[0]) - exact(run, forms[1])).dropna()
    return found


def find(run: Run, column: Column) -> Found:
    """Gain by attention, mean over tasks, seeds paired."""
    planned, parts = trained.select(run, ATTENTION, family=column.family), gains(run, column.family)
    values, doubts = trained.over_parts(parts)
    if values.empty:
        return nothing(run, planned[planned["architecture"].isin(PAIRS.get(column.family, ()))])
    told = [f"{task} {gained.mean():+.2f}" for task, gained in parts.items() if len(gained)]
    return Found(
        interval=mean(values),
        values=tuple(values),
        planned=int(planned["seed"].nunique()),
        forms=PAIRS[column.family],
        doubts=tuple(doubts),
        notes=(f"by task: {', '.join(told)}",),
    )
