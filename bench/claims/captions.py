"""Multimodal generation: images from captions and captions from images, in one sequence."""

from __future__ import annotations

from dataclasses import replace

from bench.claims import MULTIMODAL
from bench.claims.experiment import PLAIN, Experiment
from bench.claims.images import RATES, RECIPE
from bench.tasks.captioned import Captioned

EXPERIMENTS = (
    Experiment(
        claims=(MULTIMODAL,),
        task=Captioned(),
        contenders=PLAIN,
        recipe=replace(RECIPE, steps=2000),
        learning_rates=RATES,
    ),
)
FULL = tuple(replace(each, recipe=replace(each.recipe, steps=6 * each.recipe.steps)) for each in EXPERIMENTS)
