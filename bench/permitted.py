"""What a number under a metric can be at all: anything else is damage to a record, and is refused when it is read.

A metric's name carries its unit, so the name says which rule holds; a metric that no rule knows may be any number. NaN
and infinity are no numbers but say that there is none, and whoever judges counts them as not measured. Standard library
only.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Sequence
from operator import ge, le
from typing import NamedTuple

FLOAT32 = 3.5e38
"""Just above the largest float32: what a model computes is smaller, or infinite."""
LONGEST, LARGEST = 1e9, 1e30
"""Seconds, thirty years of them; bytes, operations, parameters."""
SHARE = 1 + 1e-6
"""A share that was summed up in float32 may exceed 1 by so much."""
CODE_POINTS = 0x10FFFF
"""Characters of Unicode, in whose numbers a text is kept; tokens, words and pixels have smaller ones."""


class Range(NamedTuple):
    """Smallest and largest value."""

    low: float = -FLOAT32
    high: float = FLOAT32


ANY = Range(-math.inf, math.inf)
PERMITTED: tuple[tuple[str, Range], ...] = (
    (r"solved|installed|example_planted", Range(0, 1)),
    (r"intervention_ap|structural_reach|attention_weight", Range(0, SHARE)),
    (r"(\w+_)?score", Range(high=1.5)),  # a test sample can be easier than the entropy of its source
    (r"\w+_nap", Range(high=SHARE)),
    (r"(\w+_)?(accuracy|exact_match|ceiling|floor)", Range(0, SHARE)),
    (r"excess_loss_nats", Range(low=-100)),
    (r"\w+_loss_nats|gradient_reach|gradient_half_length_positions", Range(low=0)),
    (r"\w+_bits_per_character", Range(low=0)),
    (r"sample_token|sample_word|example_pixel|example_word", Range(0, CODE_POINTS)),
    (r"comprehensiveness|sufficiency", Range(low=0)),  # the answer of a regression has no bound
    (r"(\w+_)?seconds(_per_\w+)?", Range(0, LONGEST)),
    (r"milliseconds", Range(0, 1000 * LONGEST)),
    (r"(\w+_)?bytes(_per_\w+)?|(tokens|flops)_per_\w+|flops_forward", Range(0, LARGEST)),
    (r"\w+_(operations|parameters|crossings|channels)|steps|steps_to_solve|best_step", Range(0, LARGEST)),
    (r"involuntary_switches(_per_\w+)?", Range(0, LARGEST)),
)
"""Pattern of the whole name -> range; the first that fits counts."""
SWITCHES = frozenset({"solved", "installed"})
"""0 or 1, nothing between."""


@functools.cache
def permitted(metric: str) -> Range:
    """The range of a metric."""
    return next((found for pattern, found in PERMITTED if re.fullmatch(pattern, metric)), ANY)


class Bounds:
    """The ranges of several metrics, side by side."""

    def __init__(self, metrics: Sequence[str]) -> None:
        self.metrics = metrics
        self.lows, self.highs = ([permitted(metric)[end] for metric in metrics] for end in (0, 1))
        self.switches = [at for at, metric in enumerate(metrics) if metric in SWITCHES]

    def first_outside(self, values: Sequence[float]) -> int | None:
        """Position of the first value that its metric cannot have; None when there is none."""
        # Almost every record is sound, and is waved through without a step of Python per value.
        sound = all(map(le, self.lows, values)) and all(map(ge, self.highs, values))
        if sound and all(values[at] in (0, 1) for at in self.switches):
            return None
        pairs = enumerate(zip(self.metrics, values, strict=True))
        return next((number for number, (metric, value) in pairs if not _may_be(metric, value)), None)


def _may_be(metric: str, value: float) -> bool:
    if not math.isfinite(value):
        return True
    low, high = permitted(metric)
    return low <= value <= high and (metric not in SWITCHES or value in (0, 1))
