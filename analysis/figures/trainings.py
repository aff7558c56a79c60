"""What the figures of learning start from: the contenders they draw, and what became of each of their trainings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from analysis.rows import long_range, state_tracking
from analysis.rows.finding import Contender

if TYPE_CHECKING:
    from analysis.material import Material

ROWS = (long_range.ROW, state_tracking.ROW)
SOLVED, UNSOLVED, DIVERGED = "solved", "unsolved", "diverged"
METRICS = ("solved", "steps", "steps_to_solve", "training_cpu_seconds")
TRAINED = (SOLVED, UNSOLVED, DIVERGED)
"""Outcomes of trainings that say something about learning; any other is the status of a trial that was lost."""
SMALL = 8
"""Points of the smallest text."""


class Line(NamedTuple):
    """A column of the table in one variant: what a figure of learning draws as one line."""

    column: str
    family: str
    variant: str
    architecture: str
    leads: bool
    """Whether it stands for its column: the best variant, or the plain one while no best was chosen."""

    @property
    def title(self) -> str:
        """The column's name, and the variant where it is not the best."""
        return self.column if self.variant == "best" else f"{self.column}, {self.variant}"


def lines(material: Material) -> list[Line]:
    """Best variants, and plain ones that differ from them, by column."""
    distinct: dict[tuple[str, str], Contender] = {}
    for contender in material.contenders:
        if contender.architecture:
            distinct.setdefault((contender.column, contender.architecture), contender)
    first = dict(reversed(distinct))
    return [
        Line(column, contender.family, contender.variant, name, first[column] == name)
        for (column, name), contender in distinct.items()
    ]


def trainings(material: Material) -> pd.DataFrame:
    """Planned report trainings of the learning rows in the headline setting, one row each per line.

    Columns: line (position in `lines`), trial (position in run.trials), task, length, lag (the length where none was
    planned), seed, outcome, cap, steps and seconds (CPU). A diverged training would never have solved its cell, so it
    counts as unsolved up to its cap, its seconds drawn out at its own pace; a lost one has neither steps nor seconds.
    """
    return material.run.once(("trainings", *lines(material), material.headline), lambda: _trainings(material))


def _trainings(material: Material) -> pd.DataFrame:
    run, parts = material.run, [material.run.trials.iloc[:0].assign(line=0, trial=0)]
    for number, line in enumerate(lines(material)):
        contender = Contender(line.column, line.family, line.variant, line.architecture)
        for row in ROWS:
            planned = long_range.select(run, contender, material.headline, row)
            parts.append(planned.assign(line=number, trial=planned.index))
    held = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    measured = {m: held["trial"].map(run.last(run.trials, m)).astype(float) for m in METRICS}
    ended = np.where(measured["solved"] == 1, SOLVED, UNSOLVED)
    outcome = held["status"].where(held["status"] != "ok", pd.Series(ended, index=held.index))
    cap = held["id"].map(_caps(material)).astype(float)
    ran, pace = measured["steps"], (cap / measured["steps"]).where(outcome == DIVERGED, 1.0)
    steps = measured["steps_to_solve"].fillna(ran).where(outcome == SOLVED, ran.fillna(cap))
    steps = steps.where(outcome != DIVERGED, cap)
    found = held[["line", "trial", "task", "length", "seed"]].assign(
        lag=held["lag"].fillna(held["length"]),
        outcome=outcome,
        cap=cap,
        steps=_positive(steps, outcome),
        seconds=_positive(measured["training_cpu_seconds"] * pace, outcome),
    )
    return found.dropna(subset=["length"]).drop_duplicates(["line", "trial"]).reset_index(drop=True)


def _caps(material: Material) -> dict[str, float]:
    """Planned trial -> its step cap; a trial without a recipe has none."""
    recipes = {entry["id"]: entry["trial"].get("recipe") for entry in material.run.plan["trials"]}
    return {id: recipe.get("steps", np.nan) for id, recipe in recipes.items() if isinstance(recipe, Mapping)}


def _positive(spent: pd.Series, outcome: pd.Series) -> pd.Series:
    """What trainings took; nothing where one was lost, or where the number cannot be a duration."""
    return spent.where(outcome.isin(TRAINED) & np.isfinite(spent) & (spent > 0))


def lost(held: pd.DataFrame) -> str:
    """How many trainings gave nothing, by status: `2 not run, 1 timed out`; empty where all did."""
    statuses = held.drop_duplicates("trial")["outcome"]
    counts = statuses[~statuses.isin(TRAINED)].value_counts().sort_index()
    return ", ".join(f"{count} {status}" for status, count in counts.items())


def counted(number: int, noun: str) -> str:
    """`1 cell`, `2 cells`."""
    return f"{number:,} {noun}{'s' * (number != 1)}"
