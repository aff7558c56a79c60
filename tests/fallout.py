"""Simulated long-range studies whose scores fall out as recorded ones do, with the truth of every figure known.

A training solves its cell or does not. In the published quick run seeds of one architecture and cell disagree in 9 of
60 cells: chances to solve from Beta(a, a) with a = 0.15 give 17 %. A solved cell scores a little below 1, an unsolved
one at chance or at a level of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats as reference

from analysis.stats import Array

CELLS = 12
"""As in the quick study."""
SHAPE = 0.15
SHORT_OF_PERFECT, WOBBLE, HIGHEST_LEVEL = 0.015, 0.03, 0.8
AT_CHANCE = 0.6
"""Share of cells whose unsolved trainings have learned nothing."""
GRID = (np.arange(200) + 0.5) / 200


@dataclass(frozen=True)
class World:
    """What one contender's trainings do: chance to solve each cell and level where it is not solved, (cells,)."""

    chance: Array
    level: Array

    @classmethod
    def drawn(cls, generator: np.random.Generator, cells: int = CELLS) -> World:
        """A contender like the recorded ones."""
        level = np.where(generator.random(cells) < AT_CHANCE, 0.0, generator.uniform(0.05, HIGHEST_LEVEL, cells))
        return cls(generator.beta(SHAPE, SHAPE, cells), level)

    def rival(self, generator: np.random.Generator) -> World:
        """A contender that is the same in about half of the cells."""
        other, same = World.drawn(generator, self.chance.size), generator.random(self.chance.size) < 0.5
        return World(np.where(same, self.chance, other.chance), np.where(same, self.level, other.level))

    def scores(self, generator: np.random.Generator, seeds: int) -> Array:
        """(cells, seeds) scores of as many independent trainings."""
        shape = (self.chance.size, seeds)
        solved = 1 - generator.exponential(SHORT_OF_PERFECT, shape)
        unsolved = self.level[:, None] + WOBBLE * generator.standard_normal(shape)
        return np.clip(np.where(generator.random(shape) < self.chance[:, None], solved, unsolved), 0, 1)

    @property
    def population(self) -> tuple[Array, Array]:
        """Scores (cells, 400) of solved and unsolved trainings by their quantiles, and the weight of each."""
        solved = np.broadcast_to(1 + SHORT_OF_PERFECT * np.log(GRID), (self.chance.size, GRID.size))
        unsolved = np.clip(self.level[:, None] + WOBBLE * reference.norm.ppf(GRID), 0, 1)
        weights = np.repeat(np.stack([self.chance, 1 - self.chance], axis=1), GRID.size, axis=1) / GRID.size
        return np.concatenate([solved, unsolved], axis=1), weights

    @property
    def mean(self) -> float:
        """Expected score, every cell weighing the same."""
        scores, weights = self.population
        return float((scores * weights).sum(axis=1).mean())

    @property
    def iqm(self) -> float:
        """Mean of the middle half of what endless seeds would score."""
        scores, weights = (part.ravel() for part in self.population)
        order = np.argsort(scores)
        ends = np.cumsum(weights[order]) / weights.sum()
        starts = np.concatenate([[0.0], ends[:-1]])
        inside = np.clip(np.minimum(ends, 0.75) - np.maximum(starts, 0.25), 0, None)
        return float(inside @ scores[order] / inside.sum())

    def above(self, threshold: float) -> float:
        """P(score > threshold), every cell weighing the same."""
        scores, weights = self.population
        return float(((scores > threshold) * weights).sum(axis=1).mean())

    def beats(self, other: World) -> float:
        """P(own score > other's score), ties half, mean over cells."""
        return float(
            np.mean([_beats(a, v, b, w) for a, v, b, w in zip(*self.population, *other.population, strict=True)])
        )


@dataclass(frozen=True)
class Even(World):
    """Scores that spread evenly around a level of each cell: what averages are usually tested on."""

    @classmethod
    def drawn(cls, generator: np.random.Generator, cells: int = CELLS) -> Even:
        """`chance` is the level, `level` the standard deviation."""
        return cls(generator.beta(2, 1, cells), generator.uniform(0.02, 0.15, cells))

    def rival(self, generator: np.random.Generator) -> Even:
        other, same = Even.drawn(generator, self.chance.size), generator.random(self.chance.size) < 0.5
        return Even(np.where(same, self.chance, other.chance), np.where(same, self.level, other.level))

    def scores(self, generator: np.random.Generator, seeds: int) -> Array:
        return self.chance[:, None] + self.level[:, None] * generator.standard_normal((self.chance.size, seeds))

    @property
    def population(self) -> tuple[Array, Array]:
        scores = self.chance[:, None] + self.level[:, None] * reference.norm.ppf(GRID)
        return scores, np.full(scores.shape, 1 / GRID.size)


def _beats(a: Array, v: Array, b: Array, w: Array) -> float:
    """P(A > B) of two weighted populations, ties half."""
    order = np.argsort(b)
    mass = np.concatenate([[0.0], np.cumsum(w[order])])
    below, upto = (mass[np.searchsorted(b[order], a, side)] for side in ("left", "right"))
    return float(v @ (below + upto) / 2)
