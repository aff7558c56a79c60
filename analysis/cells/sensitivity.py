"""How firm a word is: the word at every threshold, end and omission that the verdict tried."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analysis.cells.case import Case, answered, number
from analysis.claims import SENSITIVITY
from analysis.document import Entry, Line, Table
from analysis.rows.finding import Estimate


def table(case: Case) -> Table | None:
    """One row a case that was tried; None without a figure."""
    measured = case.cell["measured"]
    rows = []
    for tried, figure, word in _tried(case):
        same = word == measured
        rows.append((tried, number(figure), Entry((Line(word, "" if same else "undecided"),)), answered(same)))
    if not rows:
        return None
    return Table("Sensitivity: the word had things been a little different", HEADER, tuple(rows))


HEADER = ("Tried", "Figure", "Word", "Same word")


def _tried(case: Case) -> Iterator[tuple[str, float, str]]:
    estimate, interval, rule = case.finding.estimate, case.finding.interval, case.rule
    if estimate is None or interval is None:
        return
    cap = estimate.caps.get(1.0, 0)
    yield "as it is", estimate.figure, case.word(estimate)
    for factor in SENSITIVITY:
        moved = ", ".join(f"{at * factor:g}" for at in rule.thresholds)
        word = rule.word(estimate.figure, estimate.caps.get(factor, 0), factor)
        yield f"thresholds {factor - 1:+.0%}: {moved}", estimate.figure, word
    for end, value in (("lower", interval.low), ("upper", interval.high)):
        yield f"{end} end of the interval", value if np.isfinite(value) else np.nan, rule.word(value, cap)
    named: dict[str, Estimate] = {f"without {task}": left for task, left in case.finding.left_out.items()}
    for tried, other in {**named, **case.finding.bounds}.items():
        yield tried, other.figure, case.word(other)
