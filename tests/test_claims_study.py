"""Every experiment on the claims, development and report, examination included, with next to nothing to learn from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from bench.claims.experiment import Experiment
from bench.experiments import perform
from bench.planning import Plan
from bench.records import Record, from_line, to_line
from bench.runner import _unique
from bench.studies import CLAIMS, CLAIMS_FULL
from bench.trial import DEVELOPMENT, REPORT, Learn, Recipe


def shrunk(experiment: Experiment) -> Experiment:
    """Two steps wherever there are steps, one rate, small models; tasks and what is asked of them as they are."""

    def short(recipe: Recipe) -> Recipe:
        return replace(recipe, steps=2, batch_size=2, evaluation_sequences=4)

    return replace(
        experiment,
        recipe=short(experiment.recipe),
        options={key: short(held) if isinstance(held, Recipe) else held for key, held in experiment.options.items()},
        learning_rates=(1e-3,),
        core_parameters=25_000,
        development_share=1.0,
    )


def run(experiment: Experiment) -> list[Record]:
    """All trials, as a runner would have them, through the file and back."""
    study = replace(CLAIMS, experiments=(shrunk(experiment),), clock_lengths=(), trace_lengths=(), seeds=1)
    plan, results = Plan(study=study), dict[str, Record]()
    for stage in plan.stages:
        for planned in _unique(stage(results)):
            if planned.trial.id not in results:
                results[planned.trial.id] = from_line(to_line(perform(planned.trial)))
    return list(results.values())


@pytest.mark.parametrize("experiment", CLAIMS.experiments, ids=lambda e: f"{e.kind.kind}-{e.label}".replace(" ", "-"))
def test_an_experiment_runs_from_end_to_end(experiment: Experiment) -> None:
    torch.set_num_threads(1)
    records = run(experiment)
    assert [(r.status, r.reason) for r in records] == [("ok", "")] * len(records)
    found = {(r.trial["architecture"]["name"], r.trial["split"]) for r in records}
    assert found == {(name, split) for name in experiment.contenders for split in (DEVELOPMENT, REPORT)}
    assert all(r.measurements for r in records)


def test_the_longer_study_differs_in_budgets_alone() -> None:
    budgets: dict[str, Any] = {"recipe": Recipe(), "options": {}, "learning_rates": (), "core_parameters": 1}
    for short, full in zip(CLAIMS.experiments, CLAIMS_FULL.experiments, strict=True):
        assert replace(short, **budgets) == replace(full, **budgets)
        assert full.recipe.steps > short.recipe.steps
        assert issubclass(full.kind, Learn)
