"""What attention adds: families that have none with it, and a Transformer without it, where recall is asked for."""

from __future__ import annotations

from dataclasses import replace

from bench.claims import ATTENTION
from bench.claims.experiment import Experiment
from bench.tasks.copy import Copy
from bench.tasks.mqar import MQAR
from bench.trial import Recipe

CONTENDERS = (
    *("lstm-forget-bias", "lstm-attention"),
    *("cnn-k3", "cnn-attention"),
    *("transformer-sinusoidal", "transformer-no-attention"),
)
"""Pairs: without and with, but for the Transformer, whose own is taken away."""

EXPERIMENTS = tuple(
    Experiment(
        claims=(ATTENTION,),
        task=task,
        contenders=CONTENDERS,
        recipe=Recipe(steps=steps),
        learning_rates=(3e-3, 1e-2),
        development_share=0.6,  # recall is learned late and all at once, and before that one rate is like another
    )
    for task, steps in ((Copy(length=64), 300), (MQAR(length=32), 400))
)

LONGER = 6
FULL = tuple(replace(each, recipe=replace(each.recipe, steps=LONGER * each.recipe.steps)) for each in EXPERIMENTS)
