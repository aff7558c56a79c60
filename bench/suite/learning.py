"""What training buys: steps to solve a small needle, and the score and the tokens/s of one fixed budget of steps.

Score and tokens/s come from the same trials, so that speed bought with accuracy shows. asv takes every rise for a loss;
for these two figures it is a gain.
"""

from __future__ import annotations

import time
from dataclasses import replace

from bench.tasks import TASKS
from bench.training import Trained, train
from bench.trial import Learn, Recipe
from models import ARCHITECTURES

SEEDS = (0, 1, 2)
BUDGET_STEPS = 100
CAP_STEPS = 400
# High for a reported trial; here it makes every variant learn within seconds.
RECIPE = Recipe(learning_rate=1e-2, evaluation_sequences=128)


class _OnNeedle:
    params = (list(ARCHITECTURES),)
    param_names = ("architecture",)
    version = "1"


class StepsToSolve(_OnNeedle):
    """Steps until a small needle is solved."""

    unit = "steps"

    def track_steps(self, architecture: str) -> float:
        """Mean over seeds; a seed that did not solve it counts as the cap."""
        recipe = replace(RECIPE, steps=CAP_STEPS, evaluate_every=10)
        return sum(_last(train(_trial(architecture, seed, recipe)), "steps") for seed in SEEDS) / len(SEEDS)

    track_steps.pretty_name = "Steps to solve needle"  # type: ignore[attr-defined]


class FixedBudget(_OnNeedle):
    """The score on fresh sequences after a fixed number of steps."""

    unit = "score"

    def track_score(self, architecture: str) -> float:
        """Mean over seeds, 0 is chance and 1 is perfect."""
        scores = [_last(train(_trial(architecture, seed, _budget())), "test_score") for seed in SEEDS]
        return sum(scores) / len(scores)

    track_score.pretty_name = "Needle score after a fixed budget"  # type: ignore[attr-defined]


class Throughput(_OnNeedle):
    """Tokens a second of the same trials, data generation and evaluation included."""

    unit = "tokens/s"

    def setup(self, architecture: str) -> None:
        """Train a little first: torch loads parts of itself at the first step of an optimiser."""
        train(_trial(architecture, SEEDS[0], replace(_budget(), steps=5)))

    def track_tokens_per_second(self, architecture: str) -> float:
        """The fastest of the seeds, which a busy machine disturbs least."""
        return max(_tokens_per_second(_trial(architecture, seed, _budget())) for seed in SEEDS)

    track_tokens_per_second.pretty_name = "Tokens per second of learning"  # type: ignore[attr-defined]


def _budget() -> Recipe:
    # Looked at only after the last step, a trial cannot stop early.
    return replace(RECIPE, steps=BUDGET_STEPS, evaluate_every=BUDGET_STEPS)


def _trial(architecture: str, seed: int, recipe: Recipe) -> Learn:
    small = replace(ARCHITECTURES[architecture], core_parameters=10_000)
    return Learn(architecture=small, task=TASKS["needle"](length=16), recipe=recipe, seed=seed)


def _tokens_per_second(trial: Learn) -> float:
    start = time.perf_counter()
    train(trial)
    return trial.recipe.steps * trial.recipe.batch_size * trial.task.length / (time.perf_counter() - start)


def _last(trained: Trained, metric: str) -> float:
    return [m.value for m in trained.measurements if m.metric == metric][-1]
