"""Questions to the two frames of a run, each answered from what is looked up once.

A judgement asks some hundreds of them. Going through a million values or a hundred thousand texts anew for each would
take longer than everything else together.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from functools import cached_property
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
T = TypeVar("T")
ABSENT = -2
"""Code of a value that a column does not hold; -1 is that of a blank."""


class Lookup:
    """The frames `trials` and `values` of a run, indexed as questions come."""

    def __init__(self, trials: pd.DataFrame, values: pd.DataFrame) -> None:
        self.trials, self.values = trials, values
        self._kept: dict[Hashable, Any] = {}

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gives, made when it is asked for first."""
        if key not in self._kept:
            self._kept[key] = make()
        return cast(T, self._kept[key])

    def equal(self, column: str, value: object) -> Mask:
        """Which trials have the value in a column; a blank equals nothing."""
        codes, numbers = self.once(("codes", column), lambda: _coded(self.trials[column]))
        return codes == numbers.get(value, ABSENT)

    def holding(self, row: object) -> Mask:
        """Which trials speak for a row."""
        codes, numbers = self.once("rows", lambda: _coded(self.trials["rows"]))
        return self.once(("row", row), lambda: np.array([row in rows for rows in numbers], dtype=bool)[codes])

    def of(self, metric: str) -> pd.DataFrame:
        """Values of one metric."""
        return self.once(("metric", metric), lambda: self.values.iloc[self._places.get(metric, [])])

    def last(self, metric: str, subject: str) -> Numbers:
        """Last value of a metric by the trial's label in `trials`; NaN where it was not measured."""
        return self.once(("last", metric, subject), lambda: self._last(metric, subject))

    def _last(self, metric: str, subject: str) -> Numbers:
        found = self.of(metric)
        codes, numbers = self.once(("subjects", metric), lambda: _coded(found["subject"]))
        found = found[codes == numbers.get(subject, ABSENT)].drop_duplicates("trial", keep="last")
        at = found["trial"].to_numpy(dtype=np.int64)
        # The trials may be a part of a run's, and their labels then have gaps.
        last = np.full(1 + max(np.max(labels, initial=-1) for labels in (self.trials.index.to_numpy(), at)), np.nan)
        last[at] = found["value"].to_numpy()
        return last

    @cached_property
    def _places(self) -> Mapping[Any, Codes]:
        """Metric -> positions in `values`, ascending."""
        codes, numbers = _coded(self.values["metric"])
        order, ends = np.argsort(codes, kind="stable"), np.bincount(codes, minlength=len(numbers)).cumsum()
        return dict(zip(numbers, np.split(order, ends[:-1]), strict=True)) if numbers else {}


def _coded(column: pd.Series) -> tuple[Codes, dict[Any, int]]:
    """A number for every cell, and value -> number in the order of the numbers."""
    if column.dtype == object:  # pandas would take tuples for levels of an index
        numbers: dict[Any, int] = {}
        return np.array([numbers.setdefault(cell, len(numbers)) for cell in column], dtype=np.intp), numbers
    codes, found = pd.factorize(column)
    return codes, {value: code for code, value in enumerate(found)}
