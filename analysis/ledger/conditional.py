"""Conditional generation: whether a sample is what was asked for, as a judge who knows real digits sees it."""

from __future__ import annotations

from analysis.ledger import trained
from analysis.ledger.found import Column, Found, mean, nothing
from analysis.ledger.rules import CONDITIONAL
from analysis.load import Run

JUDGED, JUDGE, LIKELIHOOD = "judged_accuracy", "judge_accuracy", "likelihood_accuracy"


def find(run: Run, column: Column) -> Found:
    """Share of samples judged right, beside what the judge is worth and what the likelihoods say."""
    planned = trained.of_family(run, CONDITIONAL, column.family, column.plain)
    judged = trained.by_seed(run, planned, JUDGED)
    if judged.empty:
        return nothing(run, planned)
    likelihood, judge = (trained.by_seed(run, planned, metric) for metric in (LIKELIHOOD, JUDGE))
    notes = [f"the most likely class is right for {likelihood.mean():.2f} of test images"] if len(likelihood) else []
    notes += [f"the judge is right on {judge.mean():.3f} of real ones"] if len(judge) else []
    return Found(
        interval=mean(judged, "logit"),
        values=tuple(judged),
        planned=int(planned["seed"].nunique()),
        forms=tuple(dict.fromkeys(planned["architecture"])),
        doubts=tuple(trained.diverged(planned, judged)),
        notes=tuple(notes),
    )
