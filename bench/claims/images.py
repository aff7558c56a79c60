"""Image generation and conditional generation: digits, pixel by pixel."""

from __future__ import annotations

from dataclasses import replace

from bench.claims import CONDITIONAL, IMAGES
from bench.claims.experiment import PLAIN, Experiment
from bench.tasks.digits import Digits
from bench.trial import INVERSE_SQUARE_ROOT, Recipe

RATES = (3e-3, 6e-3)
RECIPE = Recipe(
    steps=1200,
    batch_size=16,
    schedule=INVERSE_SQUARE_ROOT,
    evaluate_every=100,
    evaluation_sequences=200,
    patience=4,
)
"""Development looks at all of its 200 images; tests, eight times that, at all of theirs. 1200 images are soon learned
by heart, and then a trial stops.
"""
EXPERIMENTS = (
    Experiment(claims=(IMAGES,), task=Digits(), contenders=PLAIN, recipe=RECIPE, learning_rates=RATES),
    Experiment(
        claims=(CONDITIONAL,),
        task=Digits(labelled=True),
        contenders=PLAIN,
        recipe=replace(RECIPE, steps=1600),
        learning_rates=RATES,
    ),
)
FULL = tuple(replace(each, recipe=replace(each.recipe, steps=6 * each.recipe.steps)) for each in EXPERIMENTS)
