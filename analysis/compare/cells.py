"""Cells of the table in both runs, and which of them changed.

A cell of training speed or generation is a ratio to the fastest family, so it moves when another column does; who
changed, the clocks themselves say (timing). The rows that count solved cells are compared training by training
(learning). What is left is compared by figure and interval: scalability and interpretability. Parallel processing is
exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from analysis import wording
from analysis.claims import GENERATION, INTERPRETABILITY, PARALLEL, SCALABILITY, SPEED
from analysis.compare.comparison import LEAST, Comparison
from analysis.stats import LEVEL
from analysis.wording import Cell

CELL = "cell of the table"
RELATIVE = {SPEED.row: "training step", GENERATION.row: "generated token"}
"""Row -> the call whose time decides it, as timing names it."""
BY_INTERVAL = (SCALABILITY.row, INTERPRETABILITY.row)


@dataclass(frozen=True)
class Pair:
    """One cell in both runs."""

    before: Cell
    after: Cell

    @property
    def name(self) -> str:
        """Row, column and variant."""
        return f"{wording.named(self.before['row'])}, {self.before['column']} ({self.before['variant']})"

    @property
    def is_of_one_quantity(self) -> bool:
        """Whether figures of the two runs may be compared: over the same lengths, at the same size, on the same tasks.

        The lengths of a trace stand in the notes alone.
        """
        same = ("regime", "core_parameters", "tasks", "seeds")
        sides = [(*(cell[name] for name in same), _lengths(cell)) for cell in (self.before, self.after)]
        return sides[0] == sides[1]

    @property
    def moved(self) -> tuple[str, ...]:
        """What differs: the architecture, word, verdict; the figure if neither interval reaches the other."""
        same = [(name, self.before[name] == self.after[name]) for name in ("architecture", "measured", "verdict")]
        names = {"architecture": "another variant is best", "measured": "word", "verdict": "verdict"}
        return (*(names[name] for name, is_same in same if not is_same), *(("figure",) if self._is_apart() else ()))

    def _is_apart(self) -> bool:
        ends = [self.before["low"], self.before["high"], self.after["low"], self.after["high"]]
        if self.before["figure"] is None or self.after["figure"] is None or None in ends:
            return False
        return bool(ends[1] < ends[2] or ends[3] < ends[0])


def _lengths(cell: Cell) -> tuple[str, ...]:
    return tuple(note.partition(";")[0] for note in cell["notes"] if note.startswith("traced at n = "))


def pairs(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Pair]:
    """Cells that both tables have, in the order of the first one; none where one run has no table."""
    if not a or not b:
        return []
    first, second = wording.index(a), wording.index(b)
    return [Pair(cell, second[place]) for place, cell in first.items() if place in second]


def compare(found: Sequence[Pair]) -> list[Comparison]:
    """The cells that no other comparison covers, for the same architecture, measured on both sides."""
    made: list[Comparison] = []
    for pair in found:
        names = {cell["architecture"] for cell in (pair.before, pair.after)}
        if len(names) == 1 and pair.before["measured"] and pair.after["measured"] and pair.is_of_one_quantity:
            made += list(_compared(pair, str(names.pop())))
    return made


def _compared(pair: Pair, name: str) -> Iterator[Comparison]:
    before, after, row = pair.before, pair.after, pair.before["row"]
    if before["figure"] is None or after["figure"] is None:
        return
    what, condition = f"{CELL}: {row}", f"{before['column']} ({before['variant']})"
    known = (float(before["figure"]), float(after["figure"]))
    change = known[1] - known[0]
    if row == PARALLEL.row:
        yield Comparison(name, what, condition, "", *known, "", change, change, change, None, scale="difference")
    elif row in BY_INTERVAL:
        error = float(np.hypot(_error(before), _error(after)))
        ends = (abs(change) - (LEAST - 1), abs(change) + LEAST - 1)
        p = float(ends[0] <= 0) if error == 0 else sum(float(stats.norm.sf(end / error)) for end in ends)
        reach = float(stats.norm.ppf((1 + LEVEL) / 2)) * error
        around = (change - reach, change + reach, p)
        yield Comparison(name, what, condition, "", *known, "", change, *around, scale="difference")


def _error(cell: Cell) -> float:
    """Standard error that the interval stands for, were it a normal one; with few seeds that is more than it is."""
    if cell["low"] is None or cell["high"] is None:
        return np.nan
    return float((cell["high"] - cell["low"]) / 2 / stats.norm.ppf((1 + LEVEL) / 2))
