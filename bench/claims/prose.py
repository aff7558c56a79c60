"""Language generation, and what each part of a Transformer is worth to a model of language."""

from __future__ import annotations

from dataclasses import replace

from bench.claims import LANGUAGE, MODELLING
from bench.claims.experiment import PLAIN, Experiment
from bench.tasks.prose import Prose
from bench.trial import REGIMES, Recipe

ABLATIONS = (
    "transformer-no-positions",
    "transformer-no-residual",
    "transformer-no-norm",
    "transformer-no-feed-forward",
    "transformer-no-attention",
    "transformer-one-head",
)
"""The first of PLAIN without one of its parts each, at the same core parameters."""


def _experiments(written: int, compared: int, rates: tuple[float, ...]) -> tuple[Experiment, ...]:
    """By the steps of language generation, those of improved modelling, and the rates that are tried."""
    recipe = Recipe(batch_size=16, evaluate_every=50, evaluation_sequences=64)
    longer, shorter = (replace(recipe, steps=steps) for steps in (written, compared))
    generation = Experiment(claims=(LANGUAGE,), task=Prose(), contenders=PLAIN, recipe=longer, learning_rates=rates)
    families = replace(generation, claims=(MODELLING,), recipe=shorter, regimes=REGIMES)
    parts = replace(families, contenders=ABLATIONS, regimes=generation.regimes)
    return generation, families, parts


EXPERIMENTS = _experiments(1500, 350, rates=(3e-3, 8e-3))
FULL = _experiments(6000, 3000, rates=(1e-3, 3e-3, 8e-3))
