"""The planted sequences that solved models were shown, read back from the records (see bench.examples)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.load import Run
from analysis.material import Material
from analysis.stats import Array

FEWEST = 2
"""Positions of something that can be drawn."""


@dataclass(frozen=True)
class Example:
    """One sequence of L positions, as one solved model saw it."""

    architecture: str
    task: str
    length: int
    seed: int
    planted: Array
    """(L,), 1 where the answer was planted."""
    relevance: Mapping[str, Array]
    """Intrinsic method -> (L,), as recorded."""
    attention: Mapping[str, Array]
    """Layer and head -> (L, L), query by key; empty for a core without attention."""

    @property
    def positions(self) -> list[int]:
        """The planted positions, from 0."""
        return [int(position) for position in np.flatnonzero(self.planted > 0)]

    def ranked(self, relevance: Array, count: int = 5) -> str:
        """`14*, 31, 2`: the most relevant positions, (L,), the planted ones with a star."""
        order = np.argsort(-relevance, kind="stable")[:count]
        return ", ".join(f"{position}*" if self.planted[position] > 0 else f"{position}" for position in order)


def examples(material: Material) -> list[Example]:
    """The example of the first seed of every model and task in the headline setting, in the order of the plan."""
    run = material.run
    trials = run.select(kind="explain", split="report", status="ok")
    trials = trials[material.headline.holds(trials) & trials.index.isin(run.of("example_planted")["trial"])]
    first = trials.sort_values("seed", kind="stable").drop_duplicates(["architecture", "task", "length"])
    found = []
    for number, trial in first.sort_index().iterrows():
        planted = _by_step(run, number, "example_planted").get("", np.empty(0))
        if planted.size >= FEWEST and planted.any():
            squares = _by_step(run, number, "attention_weight", planted.size**2)
            found.append(
                Example(
                    architecture=str(trial["architecture"]),
                    task=str(trial["task"]),
                    length=int(planted.size),
                    seed=int(trial["seed"]) if pd.notna(trial["seed"]) else 0,
                    planted=planted,
                    relevance=_by_step(run, number, "example_relevance", planted.size),
                    attention={name: flat.reshape(planted.size, -1) for name, flat in squares.items()},
                )
            )
    return found


def pick(found: Sequence[Example], preferred: Sequence[str]) -> list[Example]:
    """Those of one task at one length: the preferred tasks first, then where most models are, then the shortest."""
    places: dict[tuple[str, int], list[Example]] = {}
    for example in found:
        places.setdefault((example.task, example.length), []).append(example)
    rank = {task: number for number, task in enumerate(preferred)}
    order = sorted(places, key=lambda place: (rank.get(place[0], len(rank)), -len(places[place]), place[1], place[0]))
    return places[order[0]] if order else []


def stretched(relevance: Array) -> Array:
    """From the least, 0, to the most, 1: for an average precision only the order counts."""
    low, high = float(relevance.min()), float(relevance.max())
    return (relevance - low) / (high - low) if high > low else np.zeros_like(relevance)


def _by_step(run: Run, trial: object, metric: str, size: int | None = None) -> dict[str, Array]:
    """Subject -> values by step, 0 where nothing finite was recorded; steps beyond `size` are left out."""
    held = run.of(metric)
    held = held[(held["trial"] == trial) & held["step"].notna()]
    if held.empty:
        return {}
    count = size or int(held["step"].max()) + 1
    found = {}
    for subject, own in held[(held["step"] >= 0) & (held["step"] < count)].groupby("subject", sort=False):
        found[str(subject)] = np.zeros(count)
        found[str(subject)][own["step"].to_numpy(dtype=int)] = np.nan_to_num(own["value"].to_numpy(dtype=float))
    return found
