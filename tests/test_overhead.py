"""Overhead trials: the bare loop does what the harness does, no more and no less; nothing looks at real time."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Any

import pytest
import torch
from test_timing import FakeMachine
from torch import Tensor, nn

from bench import overhead as module
from bench.overhead import Plan, as_learn, bare_loop, overhead
from bench.tasks.flipflop import FlipFlop
from bench.tasks.markov import Markov
from bench.tasks.needle import Needle
from bench.tasks.task import Batch, Task
from bench.training import CONFIRMING, FINAL, UNSOLVED, train
from bench.trial import Overhead, Recipe
from models import ARCHITECTURES
from models.architecture import SequenceModel

SMALL = {name: replace(architecture, core_parameters=10_000) for name, architecture in ARCHITECTURES.items()}
RECIPE = Recipe(steps=12, batch_size=4, warmup_steps=4, evaluate_every=5, evaluation_sequences=8)
SOURCE = Markov(length=16, symbols=8)


def trial(architecture: str = "lstm-forget-bias", task: Task = SOURCE, **changes: Any) -> Overhead:
    recipe = replace(RECIPE, **changes)
    return Overhead(architecture=SMALL[architecture], task=task, recipe=recipe, samples=3, replicate=1)


def weights(model: SequenceModel) -> Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def parameter_by_parameter(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    betas = (recipe.beta1, recipe.beta2)
    return torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, betas=betas, weight_decay=recipe.weight_decay, fused=True
    )


@pytest.mark.parametrize("task", [SOURCE, Needle(length=16), FlipFlop(length=16)], ids=lambda task: task.name)
@pytest.mark.parametrize("architecture", sorted(SMALL))
def test_both_end_with_the_same_weights(architecture: str, task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the bit where both optimisers see the parameters one by one, and otherwise up to rounding.

    In one vector the harness sums the norm in another order, and other elements fall behind the last full register.
    """
    made = trial(architecture, task)
    trained = train(as_learn(made))
    bare = bare_loop(made, Plan.of(trained, made))[0]
    untrained = made.architecture.build(task.interface, seed=made.replicate)
    inputs = task.sample(4, torch.Generator().manual_seed(7)).inputs
    with torch.no_grad():  # not the weights: Adam follows the rounding where the gradient is zero, as in a key's bias
        found, expected, before = (model(inputs) for model in (bare, trained.model, untrained))
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)
    assert (before - expected).abs().max() > 1e-2
    monkeypatch.setattr("bench.training.make_optimiser", parameter_by_parameter)
    assert torch.equal(weights(bare), weights(train(as_learn(made)).model))


@pytest.mark.parametrize("change", [{"learning_rate": 2.9e-3}, {"clip_norm": 0.02}, {"weight_decay": 0.5}])
def test_the_same_weights_are_no_accident(change: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.training.make_optimiser", parameter_by_parameter)
    made, other = trial(), trial(**change)
    plan = Plan(RECIPE.steps, {})
    assert torch.equal(weights(bare_loop(other, plan)[0]), weights(train(as_learn(other)).model))
    assert not torch.equal(weights(bare_loop(made, plan)[0]), weights(bare_loop(other, plan)[0]))


def test_a_learn_trial_that_looked_solved_is_tested_as_often_and_as_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """Solved in the eyes of development at steps 5 and 10, and confirmed at neither; or confirmed at step 10."""
    size = RECIPE.evaluation_sequences
    needle = trial(task=Needle(length=16))
    scores = iter([1.0, 0.0, 1.0, 0.5, 0.2, 0.3])
    monkeypatch.setattr(Needle, "score", lambda *_: next(scores))
    assert Plan.of(train(as_learn(needle)), needle) == Plan(
        12, {5: [CONFIRMING * size], 10: [CONFIRMING * size], 12: [UNSOLVED * size]}
    )
    scores = iter([0.1, 1.0, 1.0])
    assert Plan.of(train(as_learn(needle)), needle) == Plan(10, {10: [CONFIRMING * size]})


def test_a_source_is_tested_once_with_its_best_weights() -> None:
    made = trial()
    trained = train(as_learn(made))
    assert Plan.of(trained, made) == Plan(12, {12: [FINAL * RECIPE.evaluation_sequences]})
    patient = trial(learning_rate=0.0, patience=1)
    assert Plan.of(train(as_learn(patient)), patient).steps == 10, "no better at step 10 than at step 5"


def test_the_bare_loop_draws_and_judges_what_the_harness_does(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Batch] = []
    judged: list[int] = []
    sample, metric = Needle.sample, Needle.metric

    def seen_sample(self: Needle, size: int, generator: torch.Generator) -> Batch:
        drawn.append(sample(self, size, generator))
        return drawn[-1]

    def seen_metric(self: Needle, logits: Tensor, batch: Batch) -> float:
        judged.append(len(logits))
        return metric(self, logits, batch)

    monkeypatch.setattr(Needle, "sample", seen_sample)
    monkeypatch.setattr(Needle, "metric", seen_metric)
    made = trial(task=Needle(length=16))
    plan = Plan.of(train(as_learn(made)), made)
    drawn_there, judged_there = drawn.copy(), judged.copy()
    drawn.clear()
    judged.clear()
    bare_loop(made, plan)
    assert judged == judged_there == [8, 8, 8, UNSOLVED * 8]
    mine, theirs = (sorted(draws, key=lambda batch: len(batch.inputs)) for draws in (drawn, drawn_there))
    assert [len(batch.inputs) for batch in mine] == [4] * 12 + [8, UNSOLVED * 8]
    assert all(torch.equal(a.inputs, b.inputs) for a, b in zip(mine, theirs, strict=True))


def test_raw_seconds_of_every_round_and_equal_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    machine, order = FakeMachine(), []
    real_train, real_bare = module.train, module.bare_loop

    def slow_train(learn: object) -> object:
        machine.work(3.0, stolen=1.0)
        order.append("harness")
        return real_train(learn)  # type: ignore[arg-type]

    def quick_loop(made: Overhead, plan: Plan) -> object:
        machine.work(2.0)
        order.append("bare loop")
        return real_bare(made, plan)

    monkeypatch.setattr(module, "train", slow_train)
    monkeypatch.setattr(module, "bare_loop", quick_loop)
    rows = overhead(replace(trial(), samples=8), machine.stopwatch())
    found = defaultdict(list)
    for row in rows:
        found[row.subject, row.metric].append((row.step, row.value))
    assert {key: sorted(value) for key, value in found.items() if key[1] != "steps"} == {
        ("harness", "cpu_seconds"): [(k, 3.0) for k in range(8)],
        ("harness", "seconds"): [(k, 4.0) for k in range(8)],
        ("bare loop", "cpu_seconds"): [(k, 2.0) for k in range(8)],
        ("bare loop", "seconds"): [(k, 2.0) for k in range(8)],
    }
    assert found["harness", "steps"] == found["bare loop", "steps"] == [(None, 12.0)]
    assert order[:2] == ["harness", "bare loop"], "both are warm before the first round"
    assert len(order) == 2 + 16
    assert set(order[2::2]) == {"harness", "bare loop"}, "neither always goes first"


def test_rounds_that_did_not_do_the_same_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    short = iter([RECIPE.steps, 7])
    real = module.train
    monkeypatch.setattr(
        module, "train", lambda learn: real(replace(learn, recipe=replace(learn.recipe, steps=next(short, 12))))
    )
    with pytest.raises(RuntimeError, match=r"the harness did .*steps=7.*do not compare"):
        overhead(trial(), FakeMachine().stopwatch())


def test_a_loss_that_is_not_finite_is_said() -> None:
    with pytest.raises(RuntimeError, match="not finite at step 5"):
        overhead(trial(learning_rate=float("inf")), FakeMachine().stopwatch())
    with pytest.raises(RuntimeError, match="not finite at step 5"):
        bare_loop(trial(learning_rate=float("inf")), Plan(12, {}))


def test_another_replicate_is_another_seed() -> None:
    made = trial()
    assert as_learn(made).seed == 1
    assert as_learn(replace(made, replicate=2)).seed == 2
    assert as_learn(made).to_json()["recipe"] == made.to_json()["recipe"]
