"""Choices made on development seeds, and on nothing else: a learning rate per variant, a best variant per family."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean

from bench.records import Record
from bench.trial import Learn

KEPT = 2
"""Learning rates of a variant that go on from the screening to the further development seeds."""
SCREENED = 0.5
"""Share of the steps that a trial of the screening gets."""
TIE = 1e-3
"""Weight of a right symbol's likelihood beside a score that counts whole answers."""

Results = Mapping[str, Record]
"""Finished records by trial id."""


@dataclass(frozen=True)
class Choice:
    """The learning rate that one variant uses from here on, and how well it did with it."""

    architecture: str
    learning_rate: float
    merit: float
    trials: int
    """Development trials behind this rate; the same number for every variant, once all have ended."""


def merit(trial: Learn, record: Record | None) -> float:
    """How well one development trial went, from 0 to 2: solved early beats solved late beats nearly solved.

    A trial without a finished record, diverged or failed, has merit 0. For a source of known entropy the merit is the
    share of the way from the unigram loss to the entropy rate. Where a task of the claims is not solved, a smaller loss
    breaks the tie between rates with which no answer is wholly right yet.
    """
    if record is None or record.status != "ok":
        return 0.0
    score = record.value("best_score")
    if score is None:
        return max(0.0, record.value("test_score") or 0.0)
    if record.value("solved"):
        return 2.0 - (record.value("steps_to_solve") or 0.0) / trial.recipe.steps
    loss, nearly = record.value("development_loss_nats"), min(max(score, 0.0), 1.0)
    return nearly if loss is None else (1 - TIE) * nearly + TIE * math.exp(-loss)


def keep_rates(trials: Iterable[Learn], results: Results) -> dict[str, tuple[float, ...]]:
    """Per architecture the KEPT learning rates with the best mean merit; ties go to the smaller rate.

    An architecture with a trial that has not ended is left out: its rates are not known yet.
    """
    trials = list(trials)
    waiting = {trial.architecture.name for trial in trials if trial.id not in results}
    return {
        name: tuple(_ranked(rates)[:KEPT]) for name, rates in _merits(trials, results).items() if name not in waiting
    }


def choose_rates(trials: Iterable[Learn], results: Results) -> dict[str, Choice]:
    """Per architecture the learning rate with the best mean merit, among those with most trials."""
    choices = {}
    for name, rates in _merits(trials, results).items():
        most = max(map(len, rates.values()))
        rate = _ranked({r: merits for r, merits in rates.items() if len(merits) == most})[0]
        choices[name] = Choice(name, rate, fmean(rates[rate]), most)
    return choices


def _merits(trials: Iterable[Learn], results: Results) -> dict[str, dict[float, list[float]]]:
    """Architecture -> learning rate -> merits."""
    merits: dict[str, dict[float, list[float]]] = {}
    for trial in trials:
        rates = merits.setdefault(trial.architecture.name, {})
        rates.setdefault(trial.recipe.learning_rate, []).append(merit(trial, results.get(trial.id)))
    return merits


def _ranked(rates: Mapping[float, list[float]]) -> list[float]:
    """Rates by falling mean merit; ties go to the smaller rate."""
    return sorted(rates, key=lambda rate: (-fmean(rates[rate]), rate))


def choose_best(candidates: Iterable[str], choices: Mapping[str, Choice]) -> str:
    """The candidate with the best development merit; ties go to the one listed first."""
    return max(candidates, key=lambda name: choices[name].merit)
