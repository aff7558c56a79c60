"""How a model is trained beyond the rate: the schedule of the rate and the smoothing of the targets."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bench import training
from bench.tasks.adding import Adding
from bench.tasks.copy import Copy
from bench.tasks.needle import Needle
from bench.tasks.task import Task
from bench.training import learning_rate, make_optimiser, train, training_step
from bench.trial import Learn, Recipe
from models import ARCHITECTURES

SMALL = replace(ARCHITECTURES["lstm-forget-bias"], core_parameters=10_000)
FALLING = "inverse-square-root"


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


# The schedule


@pytest.mark.parametrize("warmup", [1, 50, 4000])
def test_the_falling_rate_is_that_of_the_paper(warmup: int) -> None:
    """Vaswani et al. 2017, equation 3, at the paper's width of 512."""
    recipe = Recipe(schedule=FALLING, warmup_steps=warmup, learning_rate=(512 * warmup) ** -0.5)
    for step in (1, 2, 49, 50, 51, 4000, 100_000):
        expected = 512**-0.5 * min(step**-0.5, step * warmup**-1.5)
        assert learning_rate(recipe, step) == pytest.approx(expected, rel=1e-12)


def test_the_plain_rate_stays_where_the_warm_up_ends() -> None:
    recipe = Recipe(learning_rate=3e-3, warmup_steps=50)
    rates = [learning_rate(recipe, step) for step in range(1, 500)]
    assert rates == [3e-3 * min(1.0, step / 50) for step in range(1, 500)], "to the bit, as it was before"


@pytest.mark.parametrize("schedule", ["constant", FALLING])
def test_the_optimiser_gets_the_rate_and_the_loss_its_smoothing(schedule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = Recipe(schedule=schedule, label_smoothing=0.2, warmup_steps=4, steps=12, evaluate_every=6)
    seen, original = [], training.training_step

    def spy(*arguments: Any) -> Tensor:
        seen.append((arguments[3].param_groups[0]["lr"], arguments[5]))
        return original(*arguments)

    monkeypatch.setattr(training, "training_step", spy)
    train(Learn(architecture=SMALL, task=Needle(length=8), recipe=recipe))
    assert seen == [(learning_rate(recipe, step), 0.2) for step in range(1, 13)]


# The smoothing


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("task", [Copy(length=32), Needle(length=16)], ids=lambda task: task.name)
def test_smoothed_loss_and_gradient_are_torchs(task: Task, smoothing: float) -> None:
    """At scored positions alone; the rate is nought, so that the gradient can be read off afterwards."""
    one, other = (SMALL.build(task.interface, seed=3) for _ in range(2))
    batch = task.sample(8, torch.Generator().manual_seed(0))
    optimiser = make_optimiser(one, Recipe(learning_rate=0.0, weight_decay=0.0))
    loss = training_step(one, task, batch, optimiser, math.inf, smoothing)
    measure = nn.CrossEntropyLoss(label_smoothing=smoothing)
    expected = measure(other(batch.inputs)[batch.scored], batch.targets[batch.scored])
    gradients = torch.autograd.grad(expected, list(other.parameters()))
    torch.testing.assert_close(loss, expected.detach())
    torch.testing.assert_close([p.grad for p in one.parameters()], list(gradients))


def test_values_have_no_classes_to_be_spread_over() -> None:
    task = Adding(length=8)
    model = SMALL.build(task.interface)
    batch = task.sample(4, torch.Generator().manual_seed(0))
    with pytest.raises(ValueError, match="these targets are values"):
        training_step(model, task, batch, make_optimiser(model, Recipe()), 1.0, 0.1)


# What a recipe may say


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schedule": "cosine"}, "constant, inverse-square-root, got 'cosine'"),
        ({"label_smoothing": 1.0}, "below 1, got 1.0"),
        ({"label_smoothing": -0.1}, "at least 0"),
        ({"label_smoothing": math.nan}, "got nan"),
    ],
)
def test_bad_fields_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Recipe(**changes)


def test_what_came_later_is_part_of_the_identity_only_where_it_is_used() -> None:
    plain = Learn(architecture=SMALL, task=Needle(length=8))
    assert not {"schedule", "label_smoothing"} & set(plain.to_json()["recipe"])
    trials = [
        replace(plain, recipe=Recipe(**changes)) for changes in ({}, {"schedule": FALLING}, {"label_smoothing": 0.1})
    ]
    assert trials[0].id == plain.id
    assert len({trial.id for trial in trials}) == 3
