"""Plans: fair to every family, the same from the same results, and true to what a study promises."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import Any

import pytest
import torch
from pretended import clocked, learning

from bench.planning import REFERENCE, Plan, Planned
from bench.selection import KEPT
from bench.studies import FULL, QUICK, SMOKE, STUDIES
from bench.trial import (
    CORE_PARAMETERS,
    DEVELOPMENT,
    REPORT,
    TRAINING_FLOPS,
    TRAINING_TIME,
    Clock,
    Decode,
    Explain,
    Learn,
    Trace,
)
from models import ARCHITECTURES, FAMILIES, find
from models.architecture import Architecture, SequenceModel
from models.budget import solve
from models.cost import counted_flops

STRANGER = find("strangers:Window")
EVERY_STUDY = pytest.mark.parametrize("study", [SMOKE, QUICK], ids=lambda s: s.name)


def learns(planned: list[Planned]) -> list[Learn]:
    return [p.trial for p in planned if isinstance(p.trial, Learn)]


def developed(plan: Plan) -> dict[str, Any]:
    """Results of both development stages: every variant did equally well with everything."""
    screened = learning(plan.screening({}), lambda trial: 0.5)
    return learning(plan.development(screened), lambda trial: 0.5)


# Fairness


def test_each_variant_goes_on_with_the_rates_that_it_did_best_with() -> None:
    """Variants differ in what they like, and all get equally many further trials; nobody does before it is screened."""
    plan = Plan(study=QUICK)
    low, middle, high = sorted(QUICK.learning_rates)
    screened = learning(
        plan.screening({}), lambda t: t.recipe.learning_rate * (-1 if t.architecture.family == "cnn" else 1) + 0.5
    )
    first = {p.trial.id for p in plan.screening({})}
    further = [t for t in learns(plan.development(screened)) if t.id not in first]
    liked = {(t.architecture.family, t.recipe.learning_rate) for t in further}
    assert liked == {("cnn", low), ("cnn", middle)} | {(f, r) for f in ("transformer", "lstm") for r in (middle, high)}
    assert {t.seed for t in further} == {1001}
    missing = next(p.trial.id for p in plan.screening({}) if p.trial.architecture.name == "cnn-k3")  # type: ignore[union-attr]
    screened.pop(missing)
    waiting = {
        t.architecture.name for t in learns(plan.development(screened)) if t.id not in first and t.task.name != "markov"
    }
    assert waiting == {*ARCHITECTURES} - {"cnn-k3"}


def test_the_screening_has_half_of_the_steps_and_what_follows_has_all() -> None:
    plan = Plan(study=QUICK)
    caps = {cell.task: cell.steps for cell in (*QUICK.cells, *QUICK.sources)}
    shares = {
        (t.seed, t.recipe.steps / caps[t.task]) for t in learns(plan.development(developed(plan))) if t.task in caps
    }
    assert shares == {(1000, 0.5), (1001, 1.0)}


@pytest.mark.parametrize("study", [s for s in STUDIES.values() if s.cells], ids=lambda s: s.name)
def test_development_and_report_seeds_are_disjoint(study: Any) -> None:
    plan = Plan(study=replace(study, regimes=(CORE_PARAMETERS,)), strangers=(STRANGER,))
    development, report = learns(plan.development({})), learns(plan.report(developed(plan)))
    assert {t.split for t in development} == {DEVELOPMENT}
    assert {t.split for t in report} == {REPORT}
    assert {t.seed for t in development}.isdisjoint({t.seed for t in report})


@EVERY_STUDY
def test_everybody_gets_the_same_development(study: Any) -> None:
    """Cells, sources, step caps, batch sizes, learning rates, seeds: all that a trial says but for the architecture."""
    plan = Plan(study=study, strangers=(STRANGER,))
    given: dict[str, Counter[object]] = defaultdict(Counter)
    for trial in learns(plan.development(developed(plan))):
        given[trial.architecture.name][replace(trial, architecture=ARCHITECTURES["cnn-k3"])] += 1
    assert given.keys() == {*ARCHITECTURES, STRANGER.name}
    expected = given["cnn-k3"]
    assert all(counts == expected for counts in given.values())
    cells = sum(cell.development for cell in study.cells) + len(study.sources)
    rates, further = len(study.learning_rates), study.development_seeds - 1
    assert expected.total() == cells * (rates + further * min(rates, KEPT))
    assert {t.recipe.learning_rate for t in expected} == set(study.learning_rates)  # type: ignore[attr-defined]


@EVERY_STUDY
def test_everybody_gets_the_same_report_but_for_the_learning_rate(study: Any) -> None:
    plan = Plan(study=study, strangers=(STRANGER,))
    given: dict[str, Counter[object]] = defaultdict(Counter)
    for trial in learns(plan.report(developed(plan))):
        size = trial.architecture.core_parameters
        recipe = replace(trial.recipe, learning_rate=1.0)
        same = replace(ARCHITECTURES["cnn-k3"], core_parameters=size)
        given[trial.architecture.name][replace(trial, architecture=same, recipe=recipe)] += 1
    plain = {family.plain for family in FAMILIES.values()}
    assert given.keys() >= {*plain, STRANGER.name}
    assert all(counts == given["cnn-k3"] for counts in given.values())
    assert set(given["cnn-k3"].values()) == {1}


@EVERY_STUDY
def test_every_deciding_clock_holds_every_architecture_at_one_budget(study: Any) -> None:
    plan = Plan(study=study, strangers=(STRANGER,))
    clocks = [p.trial for p in plan.structure_and_speed({}) if isinstance(p.trial, Clock) and "speed" in p.rows]
    assert clocks == plan.clocks()
    assert {(c.length, c.replicate) for c in clocks} == {
        (n, r) for n in study.clock_lengths for r in range(study.clock_replicates)
    }
    for clock in clocks:
        assert [a.name for a in clock.architectures] == [*ARCHITECTURES, STRANGER.name]
        assert {a.core_parameters for a in clock.architectures} == {study.core_parameters[0]}


@EVERY_STUDY
def test_a_stranger_takes_part_in_every_stage_and_has_its_column(study: Any) -> None:
    plan = Plan(study=study, strangers=(STRANGER,))
    results = developed(plan)
    for stage in plan.stages:
        kinds: dict[type, set[str]] = defaultdict(set)
        for p in stage(results):
            contenders = p.trial.architectures if isinstance(p.trial, Clock | Decode) else (p.trial.architecture,)  # type: ignore[attr-defined]
            kinds[type(p.trial)] |= {a.name for a in contenders}
        assert all(STRANGER.name in names for names in kinds.values()), kinds
    (own,) = [c for c in plan.columns(results) if c["family"] == STRANGER.name]
    assert own["plain"] == own["best"] == own["title"] == STRANGER.name


# Purity


def test_the_same_results_give_the_same_plan() -> None:
    """In whatever order they came in, whatever else is on file, and in another process as well."""
    results = developed(Plan(study=QUICK))
    backwards = dict(reversed(results.items())) | {"another-plans": next(iter(results.values()))}
    for one, other in zip(Plan(study=QUICK).stages, Plan(study=QUICK).stages, strict=True):
        assert one(results) == other(backwards)
        assert [p.trial.id for p in one(results)] == [p.trial.id for p in other(results)]


def test_clocks_traces_and_screening_look_at_no_results() -> None:
    plan = Plan(study=QUICK)
    screened = learning(plan.screening({}), lambda t: t.recipe.learning_rate * 10)
    results = learning(plan.development(screened), lambda t: t.recipe.learning_rate * 10)
    assert plan.structure_and_speed(results) == plan.structure_and_speed({})
    assert plan.screening(results) == plan.screening({})
    assert {t.recipe.learning_rate for t in learns(plan.report(results))} == {max(QUICK.learning_rates)}


# What the quick study promises


def test_quick_has_three_seeds_in_every_learning_cell() -> None:
    seeds: dict[tuple[object, ...], set[int]] = defaultdict(set)
    plan = Plan(study=QUICK)
    for trial in learns(plan.report(developed(plan))):
        seeds[trial.architecture, trial.task, trial.data_tokens, type(trial)].add(trial.seed)
    assert min(len(found) for found in seeds.values()) >= 3


def test_quick_has_three_sizes_of_data_and_of_model_on_every_source() -> None:
    plan = Plan(study=QUICK)
    data, models = defaultdict(set), defaultdict(set)
    for trial in learns(plan.report(developed(plan))):
        if trial.task.measures == "scaling" and trial.data_tokens:
            data[trial.architecture.name, trial.task].add(trial.data_tokens)
        elif trial.task.measures == "scaling":
            models[trial.architecture.name, trial.task].add(trial.architecture.core_parameters)
    assert data
    assert data.keys() == models.keys()
    assert min(len(sizes) for sizes in (*data.values(), *models.values())) >= 3


def test_quick_has_every_row_and_every_task_of_the_rules() -> None:
    plan = Plan(study=QUICK)
    planned = [p for stage in plan.stages for p in stage(developed(plan))]
    assert {row for p in planned for row in p.rows} == {
        "parallel", "long range", "scalability", "speed", "interpretability", "state tracking",
        "generation latency", "theory",
    }  # fmt: skip
    long_range = {t.task.name for p in planned if "long range" in p.rows for t in learns([p]) if t.split == REPORT}
    assert long_range == {"needle", "latch", "copy", "adding", "mqar", "induction"}
    assert {p.trial.length for p in planned if isinstance(p.trial, Trace)} == {16, 32, 64, 128, 256, 512}
    assert all(isinstance(p.trial, Explain) for p in planned if "interpretability" in p.rows)


def test_theory_traces_the_plain_variants_and_strangers_at_further_sizes_only() -> None:
    """At the first size everybody is traced anyway, for the row of the table."""
    plan = Plan(study=QUICK, strangers=(STRANGER,))
    traced = [p.trial for p in plan.structure_and_speed({}) if p.rows == ("theory",)]
    given = {(t.architecture.name, t.architecture.core_parameters, t.length) for t in traced if isinstance(t, Trace)}
    names = [*(family.plain for family in FAMILIES.values()), STRANGER.name]
    sizes, lengths = QUICK.theory_core_parameters, QUICK.theory_lengths
    assert given == {(name, size, n) for name in names for size in sizes for n in lengths}
    assert QUICK.core_parameters[0] not in sizes


# Regimes

REGIMES = replace(FULL, cells=FULL.cells[:3], core_parameters=(25_000,), seeds=1)


def flops(architecture: Architecture, trial: Learn) -> int:
    """A training step on one sequence as torch's own counter sees it, three forward passes."""
    interface = trial.task.interface
    size = solve(architecture, interface)
    with torch.device("meta"):
        return 3 * counted_flops(SequenceModel(size.width, architecture.core(size, interface), interface), interface)


def matched(regime: str, results: dict[str, Any]) -> list[Learn]:
    plan = Plan(study=REGIMES, strangers=(STRANGER,))
    return [t for t in learns(plan.report(developed(plan) | results)) if t.regime == regime]


def test_equal_training_flops_within_a_rounding_of_the_steps() -> None:
    reference = replace(ARCHITECTURES[REFERENCE], core_parameters=25_000)
    trials = matched(TRAINING_FLOPS, {})
    assert len({t.architecture.name for t in trials}) >= 5
    assert len({t.recipe.steps for t in trials}) > 3, "the caps differ, or nothing was matched"
    caps = {cell.task: cell.steps for cell in REGIMES.cells}
    for trial in trials:
        step, budget = flops(trial.architecture, trial), caps[trial.task] * flops(reference, trial)
        assert abs(trial.recipe.steps * step - budget) <= step / 2


def test_equal_training_time_within_a_rounding_of_the_steps() -> None:
    names = [*ARCHITECTURES, STRANGER.name]
    seconds = {name: 0.01 * (1 + k) for k, name in enumerate(names)}
    trials = matched(
        TRAINING_TIME, clocked(Plan(study=REGIMES, strangers=(STRANGER,)).structure_and_speed({}), seconds)
    )
    assert {t.architecture.name for t in trials} >= {"lstm-chrono", "cnn-k3", STRANGER.name}
    caps = {cell.task: cell.steps for cell in REGIMES.cells}
    for trial in trials:
        step = seconds[trial.architecture.name]
        assert abs(trial.recipe.steps * step - caps[trial.task] * seconds[REFERENCE]) <= step / 2 + 1e-9


def test_training_time_is_matched_by_the_deciding_clocks_alone() -> None:
    """The grid has a clock at every length too, of other calls, and here of other times as well."""
    planned = Plan(study=REGIMES, strangers=(STRANGER,)).structure_and_speed({})
    names = [*ARCHITECTURES, STRANGER.name]
    deciding = clocked(
        [p for p in planned if "speed" in p.rows], {name: 0.01 * (1 + k) for k, name in enumerate(names)}
    )
    grid = clocked(
        [p for p in planned if "clock grid" in p.rows], {name: 1.0 / (1 + k) for k, name in enumerate(names)}
    )
    assert len(grid) > 100
    assert matched(TRAINING_TIME, grid | deciding) == matched(TRAINING_TIME, deciding) != []
    assert not matched(TRAINING_TIME, grid)


def test_no_training_time_without_a_clock() -> None:
    assert not matched(TRAINING_TIME, {})
    assert {t.recipe.steps for t in matched(CORE_PARAMETERS, {})} == {cell.steps for cell in REGIMES.cells}
