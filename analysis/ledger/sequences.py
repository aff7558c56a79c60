"""Sequence to sequence: how often a whole target sequence comes out right."""

from __future__ import annotations

import pandas as pd

from analysis.ledger import trained
from analysis.ledger.found import Column, Found, mean, nothing
from analysis.ledger.rules import SEQUENCES
from analysis.load import Run

TASK, SYMBOLS, ROLE = "reverse", 16, "encoder-decoder"
"""What decides: the task, the symbols of its source (its length is twice that), and the role."""
SCORE = "test_score"
SEARCHED = {"greedy_exact_match": "generated greedily", "beam_exact_match": "by beam search"}


def exact(run: Run, trials: pd.DataFrame) -> pd.Series:
    """Seed -> share of test sequences without any error; a diverged training has none."""
    return trained.by_seed(run, trials, SCORE, diverged=0.0).clip(0.0, 1.0)


def find(run: Run, column: Column) -> Found:
    """The better of a family's encoder-decoder forms at reversal, all of them in the notes."""
    planned = trained.select(run, SEQUENCES, family=column.family, task=TASK, length=2 * SYMBOLS, role=ROLE)
    forms = {str(name): exact(run, own) for name, own in planned.groupby("architecture", sort=False)}
    known = {name: values for name, values in forms.items() if len(values)}
    if not known:
        return nothing(run, planned)
    best = max(known, key=lambda name: float(known[name].mean()))
    own = planned[planned["architecture"] == best]
    others = [f"{name} {values.mean():.2f}" if len(values) else f"{name} not run" for name, values in forms.items()]
    return Found(
        interval=mean(known[best], "logit"),
        values=tuple(known[best]),
        planned=int(own["seed"].nunique()),
        forms=(best,),
        notes=(*([f"forms: {', '.join(others)}"] if len(forms) > 1 else []), *_searched(run, own)),
    )


def _searched(run: Run, trials: pd.DataFrame) -> list[str]:
    """What the same models score when they see their own symbols instead of the right ones."""
    found = {said: trained.by_seed(run, trials, metric) for metric, said in SEARCHED.items()}
    told = [f"{values.mean():.2f} {said}" for said, values in found.items() if len(values)]
    return [f"exact match {', '.join(told)}"] if told else []
