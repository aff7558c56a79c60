"""Performance profiles: the share of trainings that score above every threshold (Dolan and More 2002)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from analysis.statistics.aggregate import can_resample, resampled
from analysis.stats import LEVEL, Array

STRAYS = 2
"""Shares move in jumps: with one stray of a resample, three seeds cover 92 %; with two, 94 to 97 %."""


class Band(NamedTuple):
    """A share at each threshold, with its pointwise interval; ends are NaN where there are too few cells or seeds."""

    point: Array
    low: Array
    high: Array


def profile(cells: Sequence[Array], thresholds: Array) -> Band:
    """P(score > threshold), every cell weighing the same, over the stratified resamples of `aggregate`.

    One array of scores per cell; thresholds (T,), ascending -> three arrays (T,). As a distribution it hides nothing
    that a mean would (Agarwal et al. 2021): where two profiles cross, no single figure orders the two.
    """
    point = np.mean([(cell[:, None] > thresholds).mean(axis=0) for cell in cells], axis=0)
    if not can_resample(cells):
        blank = np.full_like(point, np.nan)
        return Band(point, blank, blank)
    drawn = resampled(cells, STRAYS)
    bins = thresholds.size + 1  # a score lies above as many thresholds as the number of its bin
    place = np.searchsorted(thresholds, drawn.reshape(len(drawn), -1)) + bins * np.arange(len(drawn))[:, None]
    counts = np.bincount(place.ravel(), minlength=bins * len(drawn)).reshape(len(drawn), bins)
    shares = counts[:, :0:-1].cumsum(axis=1)[:, ::-1] / drawn[0].size
    low, high = np.quantile(shares, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return Band(point, np.minimum(low, point), np.maximum(high, point))
