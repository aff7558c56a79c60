"""Sequence to sequence: reversal and sorting, with a source that is read as a whole or in one row with the answer."""

from __future__ import annotations

from dataclasses import replace

from bench.claims import ATTENTION, SEQUENCES
from bench.claims.experiment import PLAIN, Experiment
from bench.tasks.sequences import Reverse, Sort
from bench.trial import Recipe
from models.architecture import DECODER_ONLY

ENCODER_DECODERS = ("transformer-2017", "lstm-forget-bias", "lstm-attention", "cnn-k3", "cnn-attention")
"""The paper's Transformer; the other families as they were before it, and with attention to the source."""

EXPERIMENTS = tuple(
    Experiment(
        claims=claims,
        task=task,
        contenders=contenders,
        recipe=Recipe(steps=steps),
        learning_rates=(1e-3, 6e-3),
        development_share=tried / steps,  # fewer, and a rate at which a model never settles looks better
    )
    for claims, task, contenders, steps, tried in (
        ((SEQUENCES, ATTENTION), Reverse(length=32), ENCODER_DECODERS, 1200, 300),
        ((SEQUENCES,), Reverse(length=32, role=DECODER_ONLY), PLAIN, 400, 200),
        ((SEQUENCES,), Reverse(length=16), ENCODER_DECODERS, 250, 125),
        ((SEQUENCES,), Sort(length=24), ENCODER_DECODERS, 250, 125),
    )
)

LONGER = 6
FULL = tuple(replace(each, recipe=replace(each.recipe, steps=LONGER * each.recipe.steps)) for each in EXPERIMENTS)
