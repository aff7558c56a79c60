"""Every interval of the analysis where it is used: one simulated study -> its interval and the truth.

Names and situations are those of analysis.statistics.coverage, which holds what was found.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from fallout import CELLS, Even, World

from analysis import stats
from analysis.statistics.aggregate import improvement, iqm, mean_over_cells
from analysis.statistics.coverage import SEEDS
from analysis.statistics.paired import bounded_mean
from analysis.statistics.profiles import profile
from analysis.stats import Array, Interval

Generator = np.random.Generator
Study = Callable[[Generator, int], tuple[Interval, float]]
SLIVER = 1e-9
"""Where the truth may be an end of the interval exactly, sums in another order must not decide."""
MIDDLE = np.array([0.5])
SIZES = np.log([8e3, 32e3, 128e3])
LUCK, LENGTHS = 0.02, 3


@dataclass(frozen=True)
class Situation:
    """One row of the coverage table."""

    function: str
    """Which public function is simulated, from `analysis.` on."""
    estimator: str
    situation: str
    study: Study
    seeds: tuple[int, ...] = SEEDS
    cost: float = 1.0
    """Dear ones are simulated so many times less often."""
    at_most: float = 0.97
    """1 where the interval is conservative by construction; see CONSERVATIVE."""

    def coverage(self, seeds: int, studies: int) -> float:
        """Share of simulated studies whose interval holds the truth."""
        generator = np.random.default_rng([1, seeds])
        found = [self.study(generator, seeds) for _ in range(studies)]
        return float(np.mean([low - SLIVER <= truth <= high + SLIVER for (_, low, high), truth in found]))


def _normal(generator: Generator, n: int) -> tuple[Interval, float]:
    return stats.t_interval(generator.normal(2, 3, n)), 2.0


def _times(estimate: Callable[..., Interval]) -> Study:
    """Ratios of two families' step times, log-normal: luck multiplies."""
    return lambda generator, n: (estimate(np.exp(generator.normal(-0.7, 0.03, n)), "log"), math.exp(-0.7))


def _shares(estimate: Callable[..., Interval]) -> Study:
    """Scores of an explanation near 1, averaged over three tasks in every seed."""
    return lambda generator, n: (estimate(generator.beta(9, 1, (n, 3)).mean(axis=1), "logit"), 0.9)


def _skewed(estimate: Callable[..., Interval]) -> Study:
    return lambda generator, n: (estimate(generator.gamma(4, 1, n)), 4.0)


def _one_cell(generator: Generator, n: int) -> tuple[Interval, float]:
    chance = generator.uniform()
    return stats.wilson(int(generator.binomial(n, chance)), n), chance


def _unlike_cells(generator: Generator, n: int) -> tuple[Interval, float]:
    chance = World.drawn(generator).chance
    return stats.wilson(int(generator.binomial(n, chance).sum()), n * CELLS), float(chance.mean())


def _slope(generator: Generator, n: int) -> tuple[Interval, float]:
    return _fit(generator, n, 0.4).interval, 0.4


def _drawn_slope(generator: Generator, n: int) -> tuple[Interval, float]:
    fit = _fit(generator, n, 0.4)
    return stats.percentiles(stats.slope_draws(fit, generator), fit.interval.point), 0.4


def _fit(generator: Generator, n: int, exponent: float) -> stats.Slope:
    """Excess loss of n seeds at three sizes; its logarithm spreads evenly around a line."""
    x = np.repeat(SIZES, n)
    return stats.slope(x, exponent * x + generator.normal(0, 0.05, x.size))


def _solved(generator: Generator, n: int) -> tuple[Interval, float]:
    chance, weights = World.drawn(generator).chance, np.full(CELLS, 1 / CELLS)
    solved = generator.binomial(n, chance)
    return stats.solved_share(list(weights), list(solved), [n] * CELLS), float(weights @ (chance > 0.5))


def _exponents(*exponents: float) -> Study:
    """The smaller of two ratios to the best of three families, along data and along parameters."""

    def study(generator: Generator, n: int) -> tuple[Interval, float]:
        fits = [[_fit(generator, n, b) for _ in "DN"] for b in exponents]
        points = np.array([[[[fit.interval.point]] for fit in axes] for axes in fits])
        draws = np.array([[[stats.slope_draws(fit, generator)] for fit in axes] for axes in fits])
        point = float(stats.relative_exponent(points[0], points)[0])
        return stats.relative_interval(draws[0], draws[1:], point, 1.0), exponents[0] / max(exponents)

    return study


def _speed(*seconds: float) -> Study:
    """The first of three families relative to the fastest; every process has its luck, every clock in it some more."""

    def study(generator: Generator, n: int) -> tuple[Interval, float]:
        luck = generator.normal(0, LUCK, (3, n, LENGTHS)) + generator.normal(0, LUCK, (3, n, 1))
        rates = np.exp(luck) / np.array(seconds)[:, None, None]
        return stats.relative_speed(rates[0], rates), min(seconds) / seconds[0]

    return study


def _iqm(kind: type[World]) -> Study:
    def study(generator: Generator, n: int) -> tuple[Interval, float]:
        world = kind.drawn(generator)
        return iqm(list(world.scores(generator, n))), world.iqm

    return study


def _difference(kind: type[World]) -> Study:
    def study(generator: Generator, n: int) -> tuple[Interval, float]:
        world = kind.drawn(generator)
        rival = world.rival(generator)
        differences = world.scores(generator, n) - rival.scores(generator, n)
        return mean_over_cells(list(differences)), world.mean - rival.mean

    return study


def _improvement(kind: type[World]) -> Study:
    def study(generator: Generator, n: int) -> tuple[Interval, float]:
        world = kind.drawn(generator)
        rival = world.rival(generator)
        own, others = list(world.scores(generator, n)), list(rival.scores(generator, n))
        return improvement(own, others), world.beats(rival)

    return study


def _profile(kind: type[World]) -> Study:
    def study(generator: Generator, n: int) -> tuple[Interval, float]:
        world = kind.drawn(generator)
        band = profile(list(world.scores(generator, n)), MIDDLE)
        return Interval(*(float(end[0]) for end in band)), world.above(MIDDLE[0])

    return study


def _one_task(generator: Generator, n: int) -> tuple[Interval, float]:
    world = World.drawn(generator, 2)
    rival = world.rival(generator)
    pairs: Array = (world.scores(generator, n) - rival.scores(generator, n)).ravel()
    return bounded_mean(pairs, -1.0, 1.0), world.mean - rival.mean


LATER = (10, 20)
FALLS = "12 cells, trainings fall out as recorded"
EVENLY = "12 cells, scores spread evenly"
RATIOS = "ratios of times, log-normal"
LOSSES = "three sizes, log-normal losses"
ANY = 1.0


def _of_cells(function: str, estimator: str, study: Callable[[type[World]], Study], cost: float) -> list[Situation]:
    """As recorded, and for comparison as averages are usually simulated; there it only must not be too narrow."""
    return [
        Situation(f"statistics.{function}", estimator, FALLS, study(World), cost=cost),
        Situation(f"statistics.{function}", estimator, EVENLY, study(Even), cost=cost, at_most=0.98),
    ]


SITUATIONS = (
    Situation("stats.t_interval", "mean, t", "normal values", _normal),
    Situation("stats.t_interval", "geometric mean, t", RATIOS, _times(stats.t_interval)),
    Situation("stats.t_interval", "mean of shares, t", "scores near 1, three tasks a seed", _shares(stats.t_interval)),
    Situation("stats.bootstrap", "mean, studentised bootstrap", "skewed values", _skewed(stats.bootstrap), LATER),
    Situation("stats.mean_interval", "mean, t or bootstrap", "skewed values", _skewed(stats.mean_interval)),
    Situation("stats.mean_interval", "geometric mean, t or bootstrap", RATIOS, _times(stats.mean_interval), cost=2),
    Situation("stats.wilson", "share of one cell's trainings, Wilson", "any chance", _one_cell),
    Situation("stats.wilson", "share of all trainings, Wilson", "12 unlike cells", _unlike_cells, at_most=ANY),
    Situation("stats.slope", "exponent, t", LOSSES, _slope),
    Situation("stats.percentiles", "exponent, drawn", LOSSES, _drawn_slope),
    Situation("stats.solved_share", "share of cells solved", FALLS, _solved, cost=4, at_most=ANY),
    *(
        Situation("stats.relative_interval", "exponent / best", told, _exponents(own, 0.4, 0.4), cost=4, at_most=ANY)
        for told, own in {"behind two equals": 0.28, "three equals": 0.4}.items()
    ),
    Situation("stats.relative_speed", "speed / a clear leader's", "three families", _speed(1.5, 1, 3), cost=2),
    Situation("stats.relative_speed", "speed / fastest", "two equals lead", _speed(1, 1, 3), cost=4, at_most=ANY),
    *_of_cells("aggregate.iqm", "interquartile mean", _iqm, 1),
    *_of_cells("aggregate.mean_over_cells", "paired difference, overall", _difference, 1),
    *_of_cells("aggregate.improvement", "P(A > B)", _improvement, 1),
    *_of_cells("profiles.profile", "profile at 0.5", _profile, 1),
    Situation(
        "statistics.paired.bounded_mean",
        "paired difference, one task",
        "2 cells, as recorded",
        _one_task,
        cost=2,
        at_most=ANY,
    ),
)
