"""Claim 10: training on adversarial examples makes a model robust, and a Transformer more so than others."""

from __future__ import annotations

from dataclasses import replace

from bench.claims import ADVERSARIAL
from bench.claims.experiment import PLAIN, Experiment
from bench.tasks.digit_rows import DigitRows
from bench.trial import Attack, Recipe

RECIPE = Recipe(steps=800, batch_size=32, evaluate_every=10, evaluation_sequences=200)
"""The step cap is far above what any family needs; all development images are looked at."""

EXPERIMENTS = (
    Experiment(
        claims=(ADVERSARIAL,),
        task=DigitRows(),
        contenders=PLAIN,
        recipe=RECIPE,
        kind=Attack,
    ),
)
FULL = tuple(
    replace(
        experiment,
        recipe=replace(RECIPE, steps=4 * RECIPE.steps),
        options={"clean_accuracy": 0.97, "epsilons": (0.025, 0.05, 0.1, 0.15, 0.2)},
    )
    for experiment in EXPERIMENTS
)
