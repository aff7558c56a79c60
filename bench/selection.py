"""Choices made on development seeds, and on nothing else: a learning rate per variant, a best variant per family."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean

from bench.records import Record
from bench.trial import Learn

Results = Mapping[str, Record]
"""Finished records by trial id."""


@dataclass(frozen=True)
class Choice:
    """The learning rate that one variant uses from here on, and how well it did with it."""

    architecture: str
    learning_rate: float
    merit: float
    trials: int
    """Development trials behind this rate; the same number for every variant."""


def merit(trial: Learn, record: Record | None) -> float:
    """How well one development trial went, from 0 to 2: solved early beats solved late beats nearly solved.

    A trial without a finished record, diverged or failed, has merit 0. For a source of known entropy the merit is the
    share of the way from the unigram loss to the entropy rate.
    """
    if record is None or record.status != "ok":
        return 0.0
    score = record.value("best_score")
    if score is None:
        return max(0.0, record.value("test_score") or 0.0)
    if record.value("solved"):
        return 2.0 - (record.value("steps_to_solve") or 0.0) / trial.recipe.steps
    return min(max(score, 0.0), 1.0)


def choose_rates(trials: Iterable[Learn], results: Results) -> dict[str, Choice]:
    """Per architecture the learning rate with the best mean merit; ties go to the smaller rate."""
    merits: dict[str, dict[float, list[float]]] = {}
    for trial in trials:
        rates = merits.setdefault(trial.architecture.name, {})
        rates.setdefault(trial.recipe.learning_rate, []).append(merit(trial, results.get(trial.id)))
    choices = {}
    for name, rates in merits.items():
        rate = min(rates, key=lambda r: (-fmean(rates[r]), r))
        choices[name] = Choice(name, rate, fmean(rates[rate]), len(rates[rate]))
    return choices


def choose_best(candidates: Iterable[str], choices: Mapping[str, Choice]) -> str:
    """The candidate with the best development merit; ties go to the one listed first."""
    return max(candidates, key=lambda name: choices[name].merit)
