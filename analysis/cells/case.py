"""One cell of the table in one variant, and what an opened cell is made of."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.claims import Rule
from analysis.document import Table
from analysis.drawing import Mark, marks
from analysis.load import Run
from analysis.material import Material
from analysis.rows import parallel
from analysis.rows.finding import Contender, Estimate, Finding
from analysis.verdicts import COMPARED, LEARNED
from analysis.wording import Cell, printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Held = Mapping[Hashable, Any]
"""A row of a frame: column -> value."""
MOST_ROWS = 60
"""Rows of a table of trials; the rest is in the download."""


@dataclass(frozen=True)
class Case:
    """A cell of verdicts.json beside the rule and the records that it came from."""

    material: Material
    rule: Rule
    contender: Contender
    cell: Cell

    @property
    def run(self) -> Run:
        """The records."""
        return self.material.run

    @property
    def who(self) -> str:
        """Column, architecture and variant."""
        name = self.contender.architecture or "not chosen yet"
        return printable(f"{self.contender.column} ({name}, {self.contender.variant})")

    @property
    def mark(self) -> Mark:
        """How the family looks."""
        families = [c.family for c in self.material.contenders]
        return marks(families)[self.contender.family]

    @cached_property
    def finding(self) -> Finding:
        """What the row's own rule handed to the verdict, with everything that could change the word."""
        if self.contender.architecture is None:
            return Finding(missing=str(self.cell["reason"]))
        row = self.rule.row
        if row in COMPARED:
            return COMPARED[row](self.run, self.contender, self.material.contenders)
        if row in LEARNED:
            return LEARNED[row](self.run, self.contender, self.material.headline)
        return parallel.find(self.run, self.contender)

    def word(self, estimate: Estimate) -> str:
        """The word that an estimate earns."""
        return self.rule.word(estimate.figure, estimate.caps.get(1.0, 0))


@dataclass(frozen=True)
class Dot:
    """One seed's, replicate's or source's own value on the figure's axis."""

    value: float
    name: str


@dataclass(frozen=True)
class Panel:
    """Raw evidence below the strip."""

    draw: Callable[[Axes], None]
    aligned: bool = False
    """Whether it shares the axis of the figure with the strip above."""


@dataclass(frozen=True)
class Evidence:
    """What a cell rests on. `planned` is all there is where nothing was measured."""

    planned: pd.DataFrame
    steps: tuple[str, ...] = ()
    """From the values to the figure, in words."""
    tables: tuple[Table, ...] = ()
    """Every value behind the figure."""
    dots: tuple[Dot, ...] = ()
    dots_are: str = ""
    """What one dot is: `each seed`."""
    named: bool = False
    """Whether the dots are few enough to carry their names."""
    panels: tuple[Panel, ...] = ()
    height: float = 0.0
    """Of the panels, in inches."""
    beside: tuple[float, ...] = ()
    """What else an aligned panel draws, so that the axis of the figure must hold it."""
    flips: tuple[str, ...] = ()
    """What would have to change, beyond the figure, for another word."""
    failures: tuple[str, ...] = ()
    """What failed without its trial failing."""


def listed(caption: str, header: Sequence[str], values: pd.DataFrame, write: Callable[[Held], Sequence[str]]) -> Table:
    """A table of trials or values, cut after MOST_ROWS rows; then its caption says so. `write` makes a row's texts."""
    left = len(values) - MOST_ROWS
    cut = f" ({left:,} of {len(values):,} rows are left out here; the download holds all)" if left > 0 else ""
    rows = (write(held) for held in values.head(MOST_ROWS).to_dict("records"))
    return Table(caption + cut, tuple(header), tuple(tuple(map(printable, row)) for row in rows))


def number(value: Any, digits: int = 4) -> str:
    """A value in so many significant digits; a dash for what was not measured."""
    return "-" if pd.isna(value) else f"{float(value):,.{digits}g}"


def exact(value: Any) -> str:
    """A value in so many digits that the figure can be worked out from it."""
    return "-" if pd.isna(value) else f"{float(value):.7g}"


def whole(value: Any) -> str:
    """A whole number with all its digits, or a dash."""
    return "-" if pd.isna(value) else f"{float(value):,.0f}"


def answered(value: Any) -> str:
    """Whether something held, or a dash where it was not asked."""
    return "-" if pd.isna(value) else "yes" if value else "no"
