"""Choices: made on development trials alone, the better wins, and ties go where the documentation says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from pretended import learned, learning

from bench.planning import LONG_RANGE, SCALABILITY, Plan
from bench.records import Record
from bench.selection import Choice, choose_best, choose_rates, keep_rates, merit
from bench.studies import QUICK
from bench.tasks.markov import Markov
from bench.tasks.needle import Needle
from bench.trial import DEVELOPMENT, Learn, Recipe
from models import ARCHITECTURES, FAMILIES

RATES = (1e-3, 3e-3, 1e-2)
STUDY = replace(QUICK, learning_rates=RATES)


def trial(rate: float = 1e-3, seed: int = 1000, name: str = "cnn-k3") -> Learn:
    recipe = Recipe(learning_rate=rate, steps=400)
    return Learn(architecture=ARCHITECTURES[name], task=Needle(length=32), recipe=recipe, seed=seed, split=DEVELOPMENT)


# Merit


@pytest.mark.parametrize("earned", [0.0, 0.3, 1.0, 1.25, 1.9])
def test_solved_early_beats_solved_late_beats_nearly_solved(earned: float) -> None:
    assert merit(trial(), learned(trial(), earned)) == pytest.approx(earned)


def test_what_did_not_finish_has_no_merit() -> None:
    assert merit(trial(), None) == 0
    for status in ("diverged", "failed", "out of memory", "timed out"):
        assert merit(trial(), learned(trial(), 1.9, status)) == 0


def test_merit_keeps_to_its_range() -> None:
    assert merit(trial(), learned(trial(), -0.2)) == 0, "worse than chance is no worse than failed"
    source = replace(trial(), task=Markov(length=32))
    assert merit(source, learned(source, 0.7)) == pytest.approx(0.7)
    assert merit(source, learned(source, -0.5)) == 0


# Rates


def test_the_rate_with_the_best_mean_over_seeds_and_tasks_wins() -> None:
    earned = {(1e-3, 1000): 0.6, (1e-3, 1001): 0.6, (1e-2, 1000): 1.9, (1e-2, 1001): 0.0}
    trials = {key: trial(*key) for key in earned}
    results = {t.id: learned(t, earned[key]) for key, t in trials.items()}
    choice = choose_rates(trials.values(), results)["cnn-k3"]
    assert (choice.learning_rate, choice.trials) == (1e-2, 2)
    assert choice.merit == pytest.approx(0.95)


def test_ties_go_to_the_smaller_rate_in_whatever_order() -> None:
    trials = [trial(rate) for rate in (1e-2, 1e-3, 3e-3)]
    for order in (trials, trials[::-1]):
        results = {t.id: learned(t, 0.5 if t.recipe.learning_rate > 2e-3 else 0.4) for t in order}
        assert choose_rates(order, results)["cnn-k3"].learning_rate == 3e-3


def test_a_rate_that_was_only_screened_is_not_chosen() -> None:
    """Its single trial may have been lucky; those that went on have been seen twice."""
    earned = {(1e-3, 1000): 0.9, (3e-3, 1000): 0.8, (3e-3, 1001): 0.2, (1e-2, 1000): 0.7, (1e-2, 1001): 0.6}
    trials = {key: trial(*key) for key in earned}
    results = {t.id: learned(t, earned[key]) for key, t in trials.items()}
    choice = choose_rates(trials.values(), results)["cnn-k3"]
    assert (choice.learning_rate, choice.trials) == (1e-2, 2)


def test_the_better_two_rates_go_on_once_all_are_screened() -> None:
    trials = [trial(rate) for rate in RATES]
    results = {t.id: learned(t, merit) for t, merit in zip(trials, (0.5, 0.2, 0.5), strict=True)}
    assert keep_rates(trials, results) == {"cnn-k3": (1e-3, 1e-2)}
    tied = {t.id: learned(t, 0.5) for t in trials}
    assert keep_rates(trials[::-1], tied) == {"cnn-k3": (1e-3, 3e-3)}, "ties go to the smaller rates"
    del results[trials[1].id]
    assert keep_rates(trials, results) == {}


def test_every_variant_chooses_for_itself() -> None:
    best = {"cnn-k3": 1e-3, "cnn-k8": 1e-2}
    trials = [trial(rate, name=name) for rate in RATES for name in best]
    results = {t.id: learned(t, float(best[t.architecture.name] == t.recipe.learning_rate)) for t in trials}
    assert {name: c.learning_rate for name, c in choose_rates(trials, results).items()} == best


# The best variant


def choices(**merits: float) -> dict[str, Choice]:
    return {name: Choice(name, 1e-3, value, 4) for name, value in merits.items()}


def test_the_better_variant_is_best_and_ties_go_to_the_first() -> None:
    assert choose_best(("a", "b"), choices(a=0.5, b=0.6)) == "b"
    assert choose_best(("a", "b"), choices(b=0.5, a=0.5)) == "a"
    assert choose_best(("b", "a"), choices(b=0.5, a=0.5)) == "b"


# In a plan


def earned(trial: Learn) -> float:
    """CNNs like a high rate, Transformers a middle one; the long kernel and rotary positions are better."""
    liked = {"cnn": 1e-2, "transformer": 3e-3, "lstm": 1e-3}[trial.architecture.family]
    better = trial.architecture.name in ("cnn-k8", "transformer-rotary")
    return 0.5 + 0.3 * (trial.recipe.learning_rate == liked) + 0.1 * better


def developed(plan: Plan, merit: Callable[[Learn], float]) -> dict[str, Record]:
    """Results of both development stages."""
    return learning(plan.development(learning(plan.screening({}), merit)), merit)


def opposite(trial: Learn) -> float:
    return 1 - earned(trial)


def test_a_plan_trains_each_variant_at_the_rate_it_chose() -> None:
    plan = Plan(study=STUDY)
    results = developed(plan, earned)
    best = {column["family"]: column["best"] for column in plan.columns(results)}
    assert best == {"transformer": "transformer-rotary", "lstm": "lstm-chrono", "cnn": "cnn-k8"}
    rates = {(p.trial.architecture.family, p.trial.recipe.learning_rate) for p in plan.report(results)}  # type: ignore[attr-defined]
    assert rates == {("transformer", 3e-3), ("lstm", 1e-3), ("cnn", 1e-2)}
    assert {(c["architecture"], c["row"]) for c in plan.selection(results)} == {
        (name, row) for name in ARCHITECTURES for row in (LONG_RANGE, SCALABILITY)
    }


def test_sources_and_cells_choose_apart() -> None:
    plan = Plan(study=STUDY)

    def apart(trial: Learn) -> float:
        return float(trial.recipe.learning_rate == (1e-2 if trial.task.measures == "scaling" else 1e-3))

    results = developed(plan, apart)
    assert {c.learning_rate for c in plan.learning_rates(results, LONG_RANGE).values()} == {1e-3}
    assert {c.learning_rate for c in plan.learning_rates(results, SCALABILITY).values()} == {1e-2}


def test_report_trials_never_choose() -> None:
    plan = Plan(study=STUDY)
    before = developed(plan, earned)
    after = before | learning(plan.report(before), opposite)
    assert len(after) > len(before)
    assert plan.columns(after) == plan.columns(before)
    assert plan.selection(after) == plan.selection(before)
    assert plan.report(after) == plan.report(before)


def test_nothing_is_best_before_every_development_trial_has_ended() -> None:
    plan = Plan(study=STUDY)
    results = developed(plan, earned)
    results.pop(next(p.trial.id for p in plan.screening({})[::-1] if LONG_RANGE in p.rows))
    for column in plan.columns(results):
        several = len(FAMILIES[column["family"]].candidates) > 1
        assert (column["best"] is None) == several
        assert ("1 development trials not run" in column["best_reason"]) == several
