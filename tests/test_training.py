"""Learning: what counts as solved, what counts as diverged, and that a seed decides everything."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from bench.records import Record, to_line
from bench.tasks import TASKS
from bench.tasks.needle import Needle
from bench.training import Trained, make_optimiser, train, training_step
from bench.trial import Learn, Recipe
from models import ARCHITECTURES

SMALL = replace(ARCHITECTURES["transformer-rotary"], core_parameters=10_000)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def needle(**changes: object) -> Learn:
    fields: dict[str, object] = {
        "architecture": SMALL,
        "task": TASKS["needle"](length=16),
        "recipe": Recipe(learning_rate=1e-2, steps=150),
    }
    return Learn(**{**fields, **changes})  # type: ignore[arg-type]


def last(trained: Trained, metric: str) -> float:
    return [m.value for m in trained.measurements if m.metric == metric][-1]


def test_an_easy_task_is_solved_and_training_stops_there() -> None:
    trained = train(needle())
    assert trained.solved
    assert last(trained, "test_score") >= TASKS["needle"].solved_at
    assert last(trained, "steps_to_solve") == last(trained, "steps") < 150


def test_the_cap_is_a_number_of_steps_and_a_failure_is_kept() -> None:
    trained = train(needle(recipe=Recipe(learning_rate=1e-6, steps=30)))
    assert not trained.solved
    assert (last(trained, "solved"), last(trained, "steps")) == (0.0, 30.0)
    assert "steps_to_solve" not in {m.metric for m in trained.measurements}
    assert last(trained, "test_score") < TASKS["needle"].solved_at


def test_an_infinite_rate_is_called_diverged() -> None:
    trained = train(needle(recipe=Recipe(learning_rate=1e30, steps=100)))
    assert trained.diverged_at
    assert not trained.solved


def test_same_seed_same_bits_other_seed_other_bits() -> None:
    def bits(trial: Learn) -> str:
        measurements = tuple(m for m in train(trial).measurements if "seconds" not in m.metric)
        return to_line(Record(trial.id, trial.to_json(), "ok", measurements))

    trial = needle(recipe=Recipe(learning_rate=3e-3, steps=50))
    assert bits(trial) == bits(trial)
    assert bits(trial) != bits(replace(trial, seed=1)).replace('"seed":1', '"seed":0')


def test_the_name_of_an_architecture_decides_nothing() -> None:
    recipe = Recipe(learning_rate=3e-3, steps=50)
    one = train(needle(recipe=recipe))
    other = train(needle(recipe=recipe, architecture=replace(SMALL, name="twin", family="twin")))
    assert [m for m in one.measurements if m.metric == "score"] == [
        m for m in other.measurements if m.metric == "score"
    ]


def test_a_pool_of_data_is_all_the_model_sees() -> None:
    task = TASKS["markov"](length=16, symbols=8)
    seen: list[torch.Tensor] = []

    class Spy(type(task)):  # type: ignore[misc]
        def loss(self, logits: torch.Tensor, batch: object) -> torch.Tensor:
            seen.append(batch.inputs)  # type: ignore[attr-defined]
            return super().loss(logits, batch)

    trial = needle(task=Spy(length=16, symbols=8), data_tokens=64, recipe=Recipe(steps=10, evaluate_every=5))
    train(trial)
    assert len(torch.unique(torch.cat(seen), dim=0)) <= 4


def test_excess_loss_is_above_the_known_entropy_and_falls_with_data() -> None:
    def excess(tokens: int) -> float:
        recipe = Recipe(learning_rate=1e-2, steps=200, evaluation_sequences=128)
        return last(
            train(needle(task=TASKS["markov"](length=16, symbols=8), data_tokens=tokens, recipe=recipe)),
            "excess_loss_nats",
        )

    little, much = excess(256), excess(32_768)
    assert 0 < much < little
    assert math.isfinite(little)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_one_vector_of_parameters_learns_what_many_tensors_do(name: str) -> None:
    task, recipe = Needle(length=16), Recipe(learning_rate=1e-2, clip_norm=0.5)
    one, many = (ARCHITECTURES[name].build(task.interface, seed=3) for _ in range(2))
    ours = make_optimiser(one, recipe)
    plain = torch.optim.AdamW(many.parameters(), lr=1e-2, betas=(0.9, 0.98), weight_decay=recipe.weight_decay)
    for number in range(5):
        batch = task.sample(8, torch.Generator().manual_seed(number))
        loss = training_step(one, task, batch, ours, recipe.clip_norm)
        plain.zero_grad()
        other = task.loss(many(batch.inputs), batch)
        other.backward()
        torch.nn.utils.clip_grad_norm_(many.parameters(), recipe.clip_norm)
        plain.step()
        torch.testing.assert_close(loss, other.detach(), rtol=1e-4, atol=1e-5)
    for a, b in zip(one.parameters(), many.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-2, atol=1e-3)
    assert len({p.untyped_storage().data_ptr() for p in one.parameters()}) == 1
