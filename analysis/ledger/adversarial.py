"""Adversarial training: accuracy under attack after it, minus after clean training."""

from __future__ import annotations

import pandas as pd

from analysis.claims import FAMILIES
from analysis.ledger import trained
from analysis.ledger.found import Column, Found, columns, mean, nothing, smallest
from analysis.ledger.rules import ADVERSARIAL, MATCHED_WITHIN, TRANSFORMER
from analysis.load import Run

ACCURACY, CLEAN, TRAINED, PGD, NONE = "accuracy", "clean", "adversarial", "pgd", "none"
DECIDING = 100
"""Size of the perturbation that decides, in thousandths."""


def subject(training: str, attack: str) -> str:
    """What the records call a training and an attack."""
    return f"{training} training, {attack}"


def accuracy(run: Run, column: Column, training: str, attack: str, step: int) -> pd.Series:
    """Seed -> accuracy on test images under an attack of a size in thousandths."""
    return trained.at_step(run, _planned(run, column), ACCURACY, subject(training, attack), step)


def gain(run: Run, column: Column) -> pd.Series:
    """Seed -> accuracy gained under PGD."""
    after, before = (accuracy(run, column, training, PGD, DECIDING) for training in (TRAINED, CLEAN))
    return (after - before).dropna()


def find(run: Run, column: Column) -> Found:
    """The gain of one family, beside its accuracies without an attack."""
    planned, gained = _planned(run, column), gain(run, column)
    if gained.empty:
        return nothing(run, planned)
    clean = {training: accuracy(run, column, training, NONE, 0) for training in (CLEAN, TRAINED)}
    told = [f"{values.mean():.3f} after {training} training" for training, values in clean.items() if len(values)]
    return Found(
        interval=mean(gained),
        values=tuple(gained),
        planned=int(planned["seed"].nunique()),
        forms=tuple(dict.fromkeys(planned["architecture"])),
        doubts=tuple(trained.diverged(planned, gained)),
        notes=tuple([f"accuracy without an attack: {', '.join(told)}"] if told else []),
    )


def compare(run: Run) -> Found:
    """The Transformer's gain minus that of the best other family, with what makes them incomparable as doubts."""
    every = [c for c in columns(run) if c.family in FAMILIES]
    own = next(c for c in every if c.family == TRANSFORMER)
    gains = {c.title: gain(run, c) for c in every}
    if gains[own.title].empty:
        return nothing(run, _planned(run, own))
    pairs = {title: (gains[own.title] - other).dropna() for title, other in gains.items() if title != own.title}
    known = [differences for differences in pairs.values() if len(differences)]
    if not known:
        return Found(missing=f"no seed in common with {' or '.join(pairs)}")
    absent = [f"nothing to compare with from {title}" for title, found in pairs.items() if found.empty]
    lowest = min(known, key=lambda differences: float(differences.mean()))
    return Found(
        interval=smallest([mean(differences) for differences in known]),
        values=tuple(lowest),
        doubts=(*absent, *_unmatched(run, every)),
    )


def _unmatched(run: Run, every: list[Column]) -> list[str]:
    """Doubts where clean accuracies after the same training lie too far apart."""
    doubts = []
    for training in (CLEAN, TRAINED):
        found = {c.title: accuracy(run, c, training, NONE, 0) for c in every}
        means = {title: float(values.mean()) for title, values in found.items() if len(values)}
        if len(means) < len(every):
            doubts.append(f"clean accuracy after {training} training is not known of every family")
        elif max(means.values()) - min(means.values()) > MATCHED_WITHIN:
            told = ", ".join(f"{title} {value:.3f}" for title, value in means.items())
            doubts.append(f"clean accuracies after {training} training are not matched: {told}")
    return doubts


def _planned(run: Run, column: Column) -> pd.DataFrame:
    return trained.of_family(run, ADVERSARIAL, column.family, column.plain)
