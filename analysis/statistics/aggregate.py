"""Figures over tasks x seeds with stratified intervals: scores cell by cell -> Interval.

A cell is a task at a lag; its scores are independent trainings. Cells are fixed, seeds are drawn, so seeds are
resampled within each cell (Agarwal et al. 2021). That alone covers 78 % with three seeds and 91 % with ten, for two
reasons, and both are mended here:

* n values drawn out of n vary less than the n - 1 degrees of freedom that they have; drawing n - 1 out of n does not
  (Rao and Wu 1988).
* Trainings mostly solve a cell or do not. A cell whose three seeds agree may still fail now and then, and resampling
  it never does. So on average one score of a whole resample strays: it is drawn from the scores of all cells.

docs/statistics.md has what these intervals cover, in simulations of trainings that fall out as recorded ones do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats

from analysis.stats import LEVEL, SEED, Array, Interval, percentiles, wilson

DRAWS = 2000
FEWEST_DRAWS = 200
FEWEST_CELLS, FEWEST_SEEDS = 6, 2
"""Less says too little about luck: resampling one cell's three seeds covers 72 %, two cells' 88 %, six cells' 93 %."""
BUDGET = 4_000_000
"""Values that are held at once. Where there are thousands of scores fewer resamples do as well."""
TRIMMED = 0.25


def iqm(cells: Sequence[Array]) -> Interval:
    """Interquartile mean of all scores: the mean of their middle half (Agarwal et al. 2021).

    A few lucky or failed trainings cannot move it, and it uses more of the scores than a median. One array per cell;
    the ends are infinite where cells or seeds are too few (`can_resample`).
    """
    pooled = _pooled(cells)
    return _stratified(
        cells,
        float(stats.trim_mean(pooled, TRIMMED)),
        lambda drawn: np.asarray(stats.trim_mean(drawn.reshape(len(drawn), -1), TRIMMED, axis=1)),
    )


def mean_over_cells(cells: Sequence[Array]) -> Interval:
    """Mean of the cells' means, every cell weighing the same; for differences of matched pairs as well as scores."""
    _pooled(cells)
    return _stratified(cells, float(np.mean([cell.mean() for cell in cells])), lambda drawn: drawn.mean(axis=(1, 2)))


def improvement(first: Sequence[Array], second: Sequence[Array]) -> Interval:
    """Probability that a training of `first` scores higher than one of `second`, mean over cells; ties count half.

    Both hold the same cells in the same order. The figure is that of Agarwal et al. (2021). Its variance in a cell is
    that of a table of who beats whom, rows and columns drawn at random: DeLong's (1988) sum of what either side varies
    by, less the interaction, which that counts twice. Degrees of freedom are Satterthwaite's (1946) over all cells.
    Where no training falls out otherwise than the rest of its cell, Wilson's interval of the seeds stands in.
    """
    duels = [_duel(a, b) for a, b in zip(first, second, strict=True)]
    if not duels:
        raise ValueError("no cell to compare; at least one must hold trainings of both")
    point = float(np.mean([own.mean() for own, _, _ in duels]))
    sides = [side for own, others, _ in duels for side in (own, others)]
    if min(side.size for side in sides) < 2:
        return Interval(point, -np.inf, np.inf)
    parts = np.array([side.var(ddof=1) / side.size for side in sides]) / len(duels) ** 2
    twice = sum(interaction / own.size / others.size for own, others, interaction in duels) / len(duels) ** 2
    if not parts.any():
        pairs = sum(min(own.size, others.size) for own, others, _ in duels)
        return wilson(round(point * pairs), pairs).widened(point)
    freedom = parts.sum() ** 2 / (parts**2 / np.array([side.size - 1 for side in sides])).sum()
    variance = max(parts.sum() - twice, parts.sum() / 2)  # a difference of estimates can fall below its truth's least
    reach = float(stats.t.ppf((1 + LEVEL) / 2, freedom) * np.sqrt(variance))
    return Interval(point, max(point - reach, 0.0), min(point + reach, 1.0))


def resampled(cells: Sequence[Array], strays: int = 1) -> Array:
    """Stratified resamples (draws, cells, seeds - 1) of scores, as described above; `seeds` is the fewest of any cell.

    `strays` is how many scores of a whole resample come from any cell, on average.
    """
    fewest, pooled = min(cell.size for cell in cells), _pooled(cells)
    generator = np.random.default_rng(SEED)
    shape = (draws_for(pooled.size, DRAWS), fewest - 1)
    drawn = np.stack([cell[generator.integers(0, cell.size, shape)] for cell in cells], axis=1)
    foreign = generator.random(drawn.shape) < strays / pooled.size
    drawn[foreign] = generator.choice(pooled, int(foreign.sum()))
    return drawn


def can_resample(cells: Sequence[Array]) -> bool:
    """Whether there are enough cells, and seeds in each, for resamples to say anything."""
    return len(cells) >= FEWEST_CELLS and min(cell.size for cell in cells) >= FEWEST_SEEDS


def draws_for(values: int, most: int) -> int:
    """How many resamples of so many values are drawn: `most`, or as many as BUDGET holds."""
    return int(np.clip(BUDGET // max(values, 1), FEWEST_DRAWS, most))


def _stratified(cells: Sequence[Array], point: float, figure: Callable[[Array], Array]) -> Interval:
    if not can_resample(cells):
        return Interval(point, -np.inf, np.inf)
    return percentiles(figure(resampled(cells)), point)


def _pooled(cells: Sequence[Array]) -> Array:
    if not cells or not all(cell.size for cell in cells):
        raise ValueError("no score to average; every cell needs a finished training")
    return np.concatenate(list(cells))


def _duel(own: Array, others: Array) -> tuple[Array, Array, float]:
    """One cell: for each own score the share of the others that it beats, for each other one the share that beats it.

    With them goes the mean square of the interaction: what a single duel varies by beyond its row and its column.
    """
    below, upto = _ranks(own, others)
    beats = (below + upto) / (2 * others.size)
    beaten_by = 1 - np.sum(_ranks(others, own), axis=0) / (2 * own.size)
    size, freedom = own.size * others.size, (own.size - 1) * (others.size - 1)
    squares = below.sum() + (upto - below).sum() / 4  # a win counts 1, a tie a half
    rows, columns = others.size * (beats**2).sum(), own.size * (beaten_by**2).sum()
    return beats, beaten_by, float(squares - rows - columns + size * beats.mean() ** 2) / max(freedom, 1)


def _ranks(own: Array, others: Array) -> tuple[Array, Array]:
    """For each own score, how many of the others lie below it, and how many do not lie above."""
    ordered = np.sort(others)
    return np.searchsorted(ordered, own, "left").astype(float), np.searchsorted(ordered, own, "right").astype(float)
