"""A model that is small enough to be followed by hand, trained until its numbers mean something."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch

from bench.tasks.task import Task, stream
from bench.training import evaluate, make_optimiser, training_step
from bench.trial import Recipe
from models.architecture import Architecture, Interface, SequenceModel, Size

WIDTHS = range(8, 65)
RECIPE = Recipe(learning_rate=1e-2, steps=800, batch_size=64)
"""Longer than it takes to be right nearly always: attention and gates become clearer after that."""
TESTED = 512
"""Test sequences."""


class Trained(NamedTuple):
    """A small model and how well it does."""

    model: SequenceModel
    size: Size
    score: float
    """On test sequences: 0 is chance, 1 perfect."""


def trained(architecture: Architecture, task: Task, seed: int, told: Callable[[str], None]) -> Trained:
    """The smallest model of an architecture, trained on a task; `told` gets a line at every evaluation.

    Raises ValueError where no small width gives a model, and where training diverges.
    """
    model, size = smallest(architecture, task.interface, seed)
    _train(model, task, seed, told)
    score = task.score(evaluate(model, task, task.draw("test", TESTED, stream("test", seed))))
    if not all(torch.isfinite(p).all() for p in model.parameters()):
        raise ValueError(f"architecture {architecture.name!r} diverged in training; take another --seed")
    return Trained(model.eval(), size, score)


def smallest(architecture: Architecture, interface: Interface, seed: int) -> tuple[SequenceModel, Size]:
    """The model of the first of WIDTHS at which it can be built and run; its shape is the architecture's natural one.

    `is_valid_width` is not asked: some architectures also refuse there what is possible but learns badly.
    """
    reason = ""
    for width in WIDTHS:
        try:
            size = Size(width, architecture.natural_inner(width, interface))
            with torch.random.fork_rng(devices=[]), torch.no_grad():
                torch.manual_seed(seed)
                model = SequenceModel(width, architecture.core(size, interface), interface)
                model(torch.zeros(2, interface.length, dtype=torch.long))
            return model, size
        except Exception as error:  # a stranger's code may refuse a width in any way
            reason = reason or " ".join(f"{type(error).__name__}: {error}".split())
    raise ValueError(
        f"architecture {architecture.name!r} gives no model of any width from {WIDTHS[0]} to {WIDTHS[-1]} ({reason}); "
        "mend its core()"
    )


def _train(model: SequenceModel, task: Task, seed: int, told: Callable[[str], None]) -> None:
    optimiser, supply = make_optimiser(model, RECIPE), stream("train", seed)
    watch = task.draw("development", RECIPE.evaluation_sequences, stream("development", seed))
    for step in range(1, RECIPE.steps + 1):
        for group in optimiser.param_groups:
            group["lr"] = RECIPE.learning_rate * min(1.0, step / RECIPE.warmup_steps)
        training_step(model, task, task.draw("train", RECIPE.batch_size, supply), optimiser, RECIPE.clip_norm)
        if step % RECIPE.evaluate_every == 0:
            told(f"step {step:,} of {RECIPE.steps:,}, score {task.score(evaluate(model, task, watch)):.2f}")
