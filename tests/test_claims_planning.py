"""Experiments on the claims as trials: rates per contender, regimes, rows, one id a trial, resumed as planned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from pretended import clocked, learned, learning

from bench.claims import ATTENTION, CLAIMS, LANGUAGE, MODELLING, PARALLELISATION, SEQUENCES
from bench.claims.experiment import PLAIN, Experiment
from bench.claims.planning import chosen
from bench.options import make_column, make_wanted
from bench.planning import DEVELOPMENT_SEED, Plan, Planned
from bench.records import Measurement, Record
from bench.runner import _unique
from bench.studies import STUDIES
from bench.study import Study
from bench.tasks.copy import Copy
from bench.tasks.mqar import MQAR
from bench.tasks.needle import Needle
from bench.tasks.sequences import Reverse
from bench.tasks.task import stream
from bench.training import train
from bench.trial import DEVELOPMENT, REGIMES, REPORT, TRAINING_FLOPS, TRAINING_TIME, Clock, Learn, Recipe, Trace
from models import find
from models.architecture import Architecture
from models.budget import solve
from models.cost import train_step_flops

RATES = (1e-3, 3e-3, 9e-3)
COPY = Experiment(
    claims=(ATTENTION, SEQUENCES),
    task=Copy(length=32),
    contenders=(*PLAIN, "transformer-no-attention"),
    recipe=Recipe(steps=400, batch_size=8),
    core_parameters=20_000,
    learning_rates=RATES,
)
TIMED = Experiment(claims=(MODELLING,), task=MQAR(length=32), contenders=PLAIN, regimes=REGIMES, seeds=1)
STUDY = Study(
    name="toy", purpose="", cells=(), sources=(), clock_lengths=(32,), clock_replicates=1, experiments=(COPY, TIMED)
)
SHIPPED = pytest.mark.parametrize("study", [s for s in STUDIES.values() if s.experiments], ids=lambda s: s.name)


def learns(planned: list[Planned]) -> list[Learn]:
    return [p.trial for p in planned if isinstance(p.trial, Learn)]


def of(experiment: Experiment, planned: list[Planned]) -> list[Learn]:
    return [trial for trial in learns(planned) if trial.task == experiment.task]


def developed(plan: Plan, liked: Mapping[str, float] | None = None) -> dict[str, Record]:
    """Everybody did best with the rate that we say, else with the first."""
    liked = liked or {}
    return learning(plan.screening({}), lambda t: float(t.recipe.learning_rate == liked.get(t.architecture.name)))


def test_every_contender_is_tried_at_every_rate_for_a_share_of_the_steps() -> None:
    tried = of(COPY, Plan(study=STUDY).screening({}))
    assert Counter((t.architecture.name, t.recipe.learning_rate) for t in tried) == Counter(
        (name, rate) for name in COPY.contenders for rate in RATES
    )
    assert {(t.recipe.steps, t.recipe.batch_size, t.seed, t.split) for t in tried} == {
        (100, 8, DEVELOPMENT_SEED, DEVELOPMENT)
    }
    assert {t.architecture for t in tried} == {replace(find(n), core_parameters=20_000) for n in COPY.contenders}


def test_every_contender_is_reported_at_the_rate_that_it_did_best_with() -> None:
    plan, liked = Plan(study=STUDY), {"lstm-forget-bias": 9e-3, "cnn-k3": 3e-3}
    reported = of(COPY, plan.report(developed(plan, liked)))
    assert Counter((t.architecture.name, t.recipe.learning_rate, t.seed) for t in reported) == Counter(
        (name, liked.get(name, 1e-3), seed) for name in COPY.contenders for seed in range(3)
    )
    assert {(t.recipe.steps, t.split, t.regime) for t in reported} == {(400, REPORT, "core parameters")}


def test_a_rate_is_chosen_by_what_the_contender_did_in_this_experiment() -> None:
    plan = Plan(study=STUDY)
    results = learning(
        plan.screening({}), lambda t: t.recipe.learning_rate * (1 if t.task.name == "copy" else -1) + 0.5
    )
    liked = {t.task.name: t.recipe.learning_rate for t in learns(plan.report(results))}
    assert liked == {"copy": 9e-3, "mqar": 2e-3}
    rows = plan.selection(results)
    assert {(r["row"], r["architecture"]) for r in rows} == {(e.label, n) for e in (COPY, TIMED) for n in e.contenders}


def test_an_experiment_may_have_seeds_of_its_own() -> None:
    plan = Plan(study=STUDY)
    assert {t.seed for t in of(TIMED, plan.report(developed(plan)))} == {0}
    assert {t.seed for t in of(COPY, plan.report(developed(plan)))} == {0, 1, 2}


def test_regimes_give_whoever_pays_more_for_a_step_fewer_of_them() -> None:
    plan = Plan(study=STUDY)
    before = of(TIMED, plan.report(developed(plan)))
    assert TRAINING_TIME not in {t.regime for t in before}, "nothing is planned of a time that was not measured"
    seconds = {"transformer-sinusoidal": 0.01, "lstm-forget-bias": 0.04, "cnn-k3": 0.005}
    results = developed(plan) | clocked(plan.structure_and_speed({}), seconds)
    steps = {(t.regime, t.architecture.name): t.recipe.steps for t in of(TIMED, plan.report(results))}
    assert {steps["core parameters", name] for name in PLAIN} == {600}
    assert [steps[TRAINING_TIME, name] for name in PLAIN] == [600, 150, 1200]

    def flops(architecture: Architecture) -> int:
        interface = TIMED.task.interface
        return train_step_flops(architecture, solve(architecture, interface), interface)

    costs = {name: flops(replace(find(name), core_parameters=TIMED.core_parameters)) for name in PLAIN}
    for name in PLAIN:
        assert steps[TRAINING_FLOPS, name] == round(600 * costs[PLAIN[0]] / costs[name])


def test_trials_speak_for_the_claims_and_so_do_the_clocks_and_traces_of_their_study() -> None:
    plan = Plan(study=STUDY)
    for planned in (*plan.screening({}), *plan.report(developed(plan))):
        assert isinstance(planned.trial, Learn)
        assert planned.rows == (COPY if planned.trial.task == COPY.task else TIMED).claims
    assert {(type(p.trial), p.rows) for p in plan.structure_and_speed({})} == {
        (Clock, (PARALLELISATION,)),
        (Trace, (PARALLELISATION,)),
    }


def test_a_trial_of_two_experiments_runs_once_for_both() -> None:
    again = replace(COPY, claims=(LANGUAGE,), contenders=("cnn-k3",))
    plan = Plan(study=replace(STUDY, experiments=(COPY, again)))
    merged = _unique(plan.screening({}))
    assert len(merged) == len(COPY.contenders) * len(RATES)
    rows = {p.rows for p in merged if isinstance(p.trial, Learn) and p.trial.architecture.name == "cnn-k3"}
    assert rows == {(ATTENTION, SEQUENCES, LANGUAGE)}


def test_a_resumed_run_plans_what_the_first_one_planned() -> None:
    plan, liked = Plan(study=STUDY), {"cnn-k3": 9e-3}
    results = developed(plan, liked)
    first = [p.trial.id for p in plan.report(results)]
    backwards = dict(reversed(results.items()))
    later = {t.id: learned(t, 0.7) for t in learns(plan.report(results))[:5]}
    assert [p.trial.id for p in Plan(study=STUDY).report(backwards | later)] == first


@SHIPPED
def test_the_shipped_experiments_name_contenders_that_there_are_and_every_trial_has_an_id_of_its_own(
    study: Study,
) -> None:
    plan = Plan(study=study)
    trials = learns(_unique([*plan.screening({}), *plan.report(developed(plan))]))
    assert len({t.id for t in trials}) == len(trials)
    assert {t.seed for t in trials if t.split == REPORT} == set(range(study.seeds))
    assert {row for e in study.experiments for row in e.claims} <= set(CLAIMS) - {PARALLELISATION}
    for experiment in study.experiments:
        families = {find(name).family for name in experiment.contenders}
        assert families == {"transformer"} or families >= {"transformer", "lstm", "cnn"}
        assert all(experiment.task.interface.role in find(name).roles for name in experiment.contenders)


def let_through(*only: str) -> list[Any]:
    plan = Plan(study=STUDY)
    wanted = make_wanted(only, plan)
    stages = (plan.structure_and_speed({}), plan.screening({}), plan.report(developed(plan)))
    return [p.trial for planned in stages for p in planned if wanted(p)]


@pytest.mark.parametrize("name", ["attention-helps", "copy"])
def test_only_one_claim_or_task_brings_its_own_development_and_nobody_elses(name: str) -> None:
    found = let_through(name)
    assert {(type(t), t.task, t.split) for t in found} == {
        (Learn, COPY.task, DEVELOPMENT),
        (Learn, COPY.task, REPORT),
    }
    assert len(found) == len(COPY.contenders) * (len(RATES) + 3)


def test_only_a_claim_whose_time_is_matched_brings_the_clocks_along() -> None:
    assert {type(t) for t in let_through("improved-modelling")} == {Learn, Clock}
    assert {type(t) for t in let_through("parallelisation")} == {Trace, Clock}


def test_a_column_is_a_family_with_its_relatives() -> None:
    plan = Plan(study=STUDY)
    passes = make_column(("transformer",), plan)
    assert {t.architecture.name for t in learns([p for p in plan.screening({}) if passes(p)])} == {
        "transformer-sinusoidal",
        "transformer-no-attention",
    }


def test_an_experiment_is_not_mistaken_for_a_cell() -> None:
    """What chooses the best variant of a family is not moved by the claims."""
    cells = replace(STUDY, experiments=(replace(COPY, task=Needle(length=16)),))
    plan = Plan(study=cells)
    assert plan.columns(developed(plan)) == plan.columns({})


def test_where_no_answer_is_right_yet_the_smaller_loss_decides_and_never_against_a_score() -> None:
    first, second, third = of(COPY, Plan(study=STUDY).screening({}))[: len(RATES)]

    def record(trial: Learn, score: float, loss: float) -> Record:
        found = {"best_score": score, "solved": 0.0, "development_loss_nats": loss}
        return Record(trial.id, trial.to_json(), "ok", tuple(Measurement(*pair) for pair in found.items()))

    hopeless = {t.id: record(t, 0.0, loss) for t, loss in ((first, 2.7), (second, 1.9), (third, 2.2))}
    assert chosen(COPY, DEVELOPMENT_SEED, "cpu", hopeless)[PLAIN[0]].learning_rate == second.recipe.learning_rate
    scored = hopeless | {third.id: record(third, 0.01, 2.2)}
    assert chosen(COPY, DEVELOPMENT_SEED, "cpu", scored)[PLAIN[0]].learning_rate == third.recipe.learning_rate


@pytest.mark.parametrize("split", [DEVELOPMENT, REPORT])
def test_the_loss_that_breaks_ties_is_that_of_a_development_trial(split: str) -> None:
    recipe = Recipe(steps=1, batch_size=2, evaluation_sequences=4)
    architecture = replace(find("cnn-k3"), core_parameters=10_000)
    trained = train(Learn(architecture=architecture, task=Reverse(length=8), recipe=recipe, split=split, seed=7))
    watched = Reverse(length=8).sample(4, stream("development", 7))
    loss = Reverse(length=8).loss(trained.model(watched.inputs), watched).item()
    found = [m.value for m in trained.measurements if m.metric == "development_loss_nats"]
    assert found == ([pytest.approx(loss)] if split == DEVELOPMENT else [])
