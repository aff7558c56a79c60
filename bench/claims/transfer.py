"""Claim 8: who has learned without labels needs fewer of them.

The models are a quarter of the usual size, so that the time there is buys four times the steps. Every fine-tuning, of
a pre-trained model or from scratch, has the same steps and the same two learning rates to choose from; what was spent
on pre-training comes on top, and that is what is asked: whether it pays.
"""

from __future__ import annotations

from dataclasses import replace

from bench.claims import PRETRAINING
from bench.claims.experiment import PLAIN, Experiment
from bench.tasks.digits import Digits
from bench.tasks.prose import Prose
from bench.tasks.task import Task
from bench.tasks.topics import Topics
from bench.trial import Recipe, Transfer

TUNING = Recipe(steps=120, batch_size=16, warmup_steps=10)
BUDGETS: dict[Task, Recipe] = {
    Digits(): Recipe(steps=600, batch_size=16, evaluate_every=100),
    Prose(length=64): Recipe(steps=600, batch_size=16, evaluate_every=100),
    Topics(): Recipe(steps=400, batch_size=32, evaluate_every=100),
}
"""What is pre-trained on: the next pixel, the next character, and masked words with the next sentence."""

EXPERIMENTS = tuple(
    Experiment(
        claims=(PRETRAINING,),
        task=task,
        contenders=PLAIN,
        recipe=recipe,
        kind=Transfer,
        options={"tuning": TUNING, "tuning_rates": (3e-3, 1e-2)},
        core_parameters=25_000,
    )
    for task, recipe in BUDGETS.items()
)
FULL = tuple(
    replace(
        experiment,
        recipe=replace(experiment.recipe, steps=8 * experiment.recipe.steps),
        options={"tuning": replace(TUNING, steps=4 * TUNING.steps), "tuning_rates": (1e-3, 3e-3, 1e-2)},
    )
    for experiment in EXPERIMENTS
)
