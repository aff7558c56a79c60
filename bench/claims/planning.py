"""From the experiments of a study to trials: rates tried on a development seed, then every contender at its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bench.claims.experiment import Experiment
from bench.regimes import Seconds, step_cap
from bench.selection import Choice, Results, choose_rates
from bench.trial import CORE_PARAMETERS, DEVELOPMENT, REPORT, Learn
from models import find
from models.architecture import Architecture

Claimed = tuple[Learn, tuple[str, ...]]
"""A trial and the claims that it speaks for."""


def screening(experiments: Sequence[Experiment], seed: int, device: str) -> Iterator[Claimed]:
    """Every contender at every rate, for a share of the steps."""
    for experiment in experiments:
        for trial in _tried(experiment, seed, device):
            yield trial, experiment.claims


def report(
    experiments: Sequence[Experiment], seeds: int, seed: int, device: str, results: Results, seconds: Seconds
) -> Iterator[Claimed]:
    """Every contender at its rate, seed by seed, in every regime; the development trials ran on `seed`.

    Of a time that is not measured yet nothing is planned: the stage is planned again when it is.
    """
    rates = [chosen(experiment, seed, device, results) for experiment in experiments]
    for number in range(max([seeds, *(e.seeds for e in experiments)])):
        for experiment, choices in zip(experiments, rates, strict=True):
            if number >= (experiment.seeds or seeds):
                continue
            for name in experiment.contenders:
                for trial in _reported(experiment, name, choices[name].learning_rate, number, device, seconds):
                    yield trial, experiment.claims


def chosen(experiment: Experiment, seed: int, device: str, results: Results) -> dict[str, Choice]:
    """The rate of every contender."""
    return choose_rates(_tried(experiment, seed, device), results)


def _tried(experiment: Experiment, seed: int, device: str) -> list[Learn]:
    recipe = experiment.recipe
    steps = max(1, round(recipe.steps * experiment.development_share))
    return [
        _trial(experiment, _architecture(experiment, name), rate, steps, seed, DEVELOPMENT, device)
        for name in experiment.contenders
        for rate in experiment.learning_rates
    ]


def _reported(
    experiment: Experiment, name: str, rate: float, seed: int, device: str, seconds: Seconds
) -> Iterator[Learn]:
    architecture = _architecture(experiment, name)
    reference = _architecture(experiment, experiment.contenders[0])
    for regime in experiment.regimes:
        near = seconds.get(experiment.task.length, {})
        steps = step_cap(experiment.recipe.steps, regime, architecture, reference, experiment.task.interface, near)
        if steps is not None:
            yield _trial(experiment, architecture, rate, steps, seed, REPORT, device, regime)


def _architecture(experiment: Experiment, name: str) -> Architecture:
    return replace(find(name), core_parameters=experiment.core_parameters)


def _trial(
    experiment: Experiment,
    architecture: Architecture,
    rate: float,
    steps: int,
    seed: int,
    split: str,
    device: str,
    regime: str = CORE_PARAMETERS,
) -> Learn:
    return experiment.kind(
        architecture=architecture,
        task=experiment.task,
        recipe=replace(experiment.recipe, learning_rate=rate, steps=steps),
        seed=seed,
        split=split,
        device=device,
        regime=regime,
        **experiment.options,
    )
