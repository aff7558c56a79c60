"""Pre-training: what fine-tuning a pre-trained model gains over training from scratch on the same labels."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.ledger import trained
from analysis.ledger.found import Column, Found, mean, nothing
from analysis.ledger.rules import PRETRAINING
from analysis.load import Run

ACCURACY, PRETRAINED, SCRATCH = "finetuned_accuracy", "pretrained", "scratch"
ASIDE = {
    "masked_accuracy": "masked words right",
    "masked_ceiling": "ceiling",
    "masked_floor": "floor",
    "next_sentence_accuracy": "next sentence right",
}


def accuracies(run: Run, family: str, plain: str, task: str) -> pd.DataFrame:
    """Accuracy on test data: columns seed, subject (PRETRAINED or SCRATCH), step (number of labels), value."""
    planned = trained.of_family(run, PRETRAINING, family, plain, task=task)
    held = trained.stepped(run, planned, ACCURACY)
    return held[held["subject"].isin([PRETRAINED, SCRATCH])]


def sources(run: Run, family: str) -> list[str]:
    """Tasks that a family was planned to be pre-trained on."""
    return [str(task) for task in dict.fromkeys(trained.select(run, PRETRAINING, family=family)["task"])]


def gain(held: pd.DataFrame) -> pd.Series:
    """Seed -> mean gain over numbers of labels, for seeds that have both models at every number."""
    wide: Any = held.pivot_table(index="seed", columns=["subject", "step"], values="value")
    if not {PRETRAINED, SCRATCH} <= set(wide.columns.get_level_values(0)):
        return pd.Series(dtype=float)
    return pd.Series((wide[PRETRAINED] - wide[SCRATCH]).dropna().mean(axis=1))


def find(run: Run, column: Column) -> Found:
    """Gain by pre-training, mean over sources and numbers of labels, seeds paired."""
    planned = trained.select(run, PRETRAINING, family=column.family)
    parts = {s: gain(accuracies(run, column.family, column.plain, s)) for s in sources(run, column.family)}
    values, doubts = trained.over_parts(parts)
    if values.empty:
        return nothing(run, planned)
    told = [f"{source} {gained.mean():+.3f}" for source, gained in parts.items() if len(gained)]
    return Found(
        interval=mean(values),
        values=tuple(values),
        planned=int(planned["seed"].nunique()),
        forms=tuple(dict.fromkeys(planned["architecture"])),
        doubts=tuple(doubts),
        notes=(f"by source: {', '.join(told)}", *_masked(run, planned)),
    )


def _masked(run: Run, trials: pd.DataFrame) -> list[str]:
    """How well masked words and next sentences were learned, where they were."""
    found = {said: trained.by_seed(run, trials, metric) for metric, said in ASIDE.items()}
    told = [f"{said} {values.mean():.2f}" for said, values in found.items() if len(values)]
    return ["; ".join(told)] if told else []
