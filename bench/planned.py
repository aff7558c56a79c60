"""A trial in a plan, with the rows that it speaks for; and how cells and sources become trainings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from bench.study import Cell, Source
from bench.trial import CORE_PARAMETERS, REPORT, Explain, Learn, Recipe, Trial
from models.architecture import Architecture

LONG_RANGE, SCALABILITY = "long range", "scalability"
INTERPRETABILITY, STATE_TRACKING = "interpretability", "state tracking"
Learned = TypeVar("Learned", Cell, Source)


@dataclass(frozen=True)
class Planned:
    """A trial and the rows that it speaks for."""

    trial: Trial
    rows: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """An entry of the plan's `trials`."""
        lag = self.trial.task.lag if isinstance(self.trial, Learn) else None
        return {"id": self.trial.id, "trial": self.trial.to_json(), "rows": list(self.rows), "lag": lag}


def a_cell(
    architecture: Architecture,
    cell: Cell,
    rate: float,
    seed: int,
    split: str,
    device: str,
    regime: str = CORE_PARAMETERS,
) -> Planned:
    """One training on a cell."""
    kind = Explain if cell.explain else Learn
    trial = kind(
        architecture=architecture,
        task=cell.task,
        recipe=Recipe(learning_rate=rate, steps=cell.steps, batch_size=cell.batch_size),
        seed=seed,
        split=split,
        device=device,
        regime=regime,
    )
    # State tracking is a row of its own, but its development cells help to choose the rate like any other.
    row = STATE_TRACKING if cell.task.measures == STATE_TRACKING and split == REPORT else LONG_RANGE
    return Planned(trial, (row, INTERPRETABILITY) if cell.explain else (row,))


def a_source(
    architecture: Architecture, source: Source, rate: float, seed: int, data_tokens: int, split: str, device: str
) -> Planned:
    """One training on a source: from a pool of `data_tokens` tokens, or on fresh data where that is 0."""
    recipe = Recipe(
        learning_rate=rate,
        steps=source.steps,
        batch_size=source.batch_size,
        evaluate_every=source.evaluate_every,
        patience=source.patience,
    )
    trial = Learn(
        architecture=architecture,
        task=source.task,
        recipe=recipe,
        seed=seed,
        split=split,
        device=device,
        data_tokens=data_tokens,
    )
    return Planned(trial, (SCALABILITY,))


def shortened(one: Learned, share: float) -> Learned:
    """The same with a share of the steps, at least one."""
    return replace(one, steps=max(1, round(one.steps * share)))


def learns(planned: Sequence[Planned], row: str) -> list[Learn]:
    """The trainings among these that speak for a row."""
    return [p.trial for p in planned if row in p.rows and isinstance(p.trial, Learn)]
