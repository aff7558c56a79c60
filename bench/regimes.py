"""What is held equal between families, beside the core parameters: nothing more, training FLOPs, or training time.

Every regime becomes a step cap: who pays more for a step gets fewer of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median

from bench.selection import Results
from bench.trial import TRAINING_FLOPS, TRAINING_TIME, Clock
from models.architecture import Architecture, Interface
from models.budget import solve
from models.cost import train_step_flops

Seconds = Mapping[int, Mapping[str, float]]
"""Seconds per training step, by length of a cell and name of an architecture."""


def step_cap(
    steps: int,
    regime: str,
    architecture: Architecture,
    reference: Architecture,
    interface: Interface,
    seconds: Mapping[str, float],
) -> int | None:
    """The steps with which `architecture` spends what `reference` spends on `steps`; at least one.

    `seconds` per step, by name of the architecture; None while it lacks one of the two under TRAINING_TIME.
    """
    if regime == TRAINING_FLOPS:
        spent, allowed = (train_step_flops(a, solve(a, interface), interface) for a in (architecture, reference))
        return max(1, round(steps * allowed / spent))
    if regime == TRAINING_TIME:
        if not {architecture.name, reference.name} <= seconds.keys():
            return None
        return max(1, round(steps * seconds[reference.name] / seconds[architecture.name]))
    return steps


def seconds_near(length: int, clocks: Iterable[Clock], results: Results) -> dict[str, float]:
    """Median seconds per step of every architecture, from the finished ones of the clocks nearest in length."""
    clocks = list(clocks)
    nearest = min((clock.length for clock in clocks), key=lambda n: abs(n - length), default=0)
    samples: dict[str, list[float]] = {}
    for record in (results[clock.id] for clock in clocks if clock.length == nearest and clock.id in results):
        for m in record.measurements:
            if m.metric == "seconds_per_step":
                samples.setdefault(m.subject, []).append(m.value)
    return {name: median(values) for name, values in samples.items()}
