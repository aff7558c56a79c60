"""What becomes of a claim at one length alone: the row's own machinery on the records of that length.

A length has no full verdict (no thresholds moved, no task left out). It counts as decided when the figure and its whole
95 % interval give one word and the row has no doubt; work and span are exact, so there the local exponent decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from analysis.claims import (
    GENERATION,
    INTERPRETABILITY,
    LONG_RANGE,
    OURS,
    PARALLEL,
    RULES,
    SCALABILITY,
    SHORTEST_TRACE,
    SPEED,
    STATE_TRACKING,
    VARIANTS,
    Rule,
)
from analysis.figures.parts import part
from analysis.load import Run
from analysis.material import Material
from analysis.regimes import Setting, settings
from analysis.rows import generation, interpretability, long_range, parallel, scalability, speed, state_tracking
from analysis.rows.finding import Contender, Finding
from analysis.wording import SIGNS

Verdicts = dict[int | None, tuple[str, str]]
"""Length, or None for the table -> verdict and word."""
DECIDED = ("agrees", "disagrees", "no claim")
VOID = "void"


class Row(NamedTuple):
    """How a row of the table is asked about one length."""

    select: Mapping[str, Any]
    """Which planned trials are its own."""
    along: str
    """Column of the trials that holds the length."""
    find: Callable[[Run, Contender, list[Contender], Setting], Finding]
    is_learned: bool = False
    """Whether it is judged in every setting, by its report trials."""


ROWS: dict[str, Row] = {
    PARALLEL.row: Row({"row": "parallel", "kind": "trace"}, "length", lambda run, c, *_: parallel.find(run, c)),
    LONG_RANGE.row: Row({"row": long_range.ROW}, "length", lambda run, c, _, s: long_range.find(run, c, s), True),
    SCALABILITY.row: Row({"row": scalability.ROW}, "length", lambda run, c, cs, _: scalability.find(run, c, cs)),
    SPEED.row: Row({"row": speed.TIMING.row, "kind": "clock"}, "length", lambda run, c, cs, _: speed.find(run, c, cs)),
    INTERPRETABILITY.row: Row(
        {"row": interpretability.ROW}, "length", lambda run, c, _, s: interpretability.find(run, c, s), True
    ),
    GENERATION.row: Row(
        {"row": generation.TIMING.row, "kind": "decode"}, "context", lambda run, c, cs, _: generation.find(run, c, cs)
    ),
    STATE_TRACKING.row: Row(
        {"row": state_tracking.ROW}, "length", lambda run, c, _, s: state_tracking.find(run, c, s), True
    ),
}


@dataclass(frozen=True)
class Square:
    """One claim at one place."""

    row: str
    column: str
    claimed: str | None
    setting: Setting
    length: int | None
    """None for the whole table's verdict."""
    verdict: str
    """A key of `wording.SIGNS`."""
    word: str = ""
    """The measured word; empty where nothing was measured."""


def variant(material: Material) -> str:
    """The best variants; the plain ones where a family's best was never chosen, as nothing was trained."""
    best = [c for c in material.contenders if c.variant == VARIANTS[0] and not c.is_stranger]
    return VARIANTS[0] if best and all(c.architecture for c in best) else VARIANTS[1]


def squares(material: Material) -> list[Square]:
    """Every claim of a run in every setting: at each length for which something was planned, and in the table."""
    chosen = variant(material)
    table = _table(material, chosen)
    headline, *others = settings(material.run)
    found: list[Square] = []
    for rule in (*RULES.values(), *OURS.values()):
        row = ROWS[rule.row]
        every = material.run.select(**row.select)
        shared = None if row.is_learned else part(material.run, every, steps=True)
        for c in (c for c in material.contenders if c.variant == chosen and c.architecture):
            own = shared or part(material.run, every[(every["architecture"] == c.architecture).to_numpy(dtype=bool)])
            for setting in (headline, *(others if row.is_learned else ())):
                alone = _alone(own, material, rule, c, setting)
                if cell := table.get((rule.row, c.column, setting.regime, setting.core_parameters)):
                    alone[None] = (cell["verdict"] if cell["verdict"] in SIGNS else "no claim", cell["measured"] or "")
                if any(length is not None for length in alone):  # a verdict of what was not planned says nothing
                    claimed = rule.claimed.get(c.family)
                    found += [Square(rule.row, c.column, claimed, setting, n, *said) for n, said in alone.items()]
    return found


def _alone(run: Run, material: Material, rule: Rule, contender: Contender, setting: Setting) -> Verdicts:
    """A claim at every length; `run` holds the trials of its row, of a learned row those of the contender alone."""
    row = ROWS[rule.row]
    found: Verdicts = {}
    for lengths in _lengths(rule, _planned(run, row, contender, setting)[row.along]):
        # What is judged is chosen on development trials, which need not be of this length.
        kept = run.trials[row.along].isin(lengths).to_numpy(dtype=bool) | (run.trials["split"] == "development")
        here = run if kept.all() else part(run, run.trials[kept], steps=not row.is_learned)
        finding = row.find(here, contender, material.contenders, setting)
        found[lengths[-1]] = judged(rule, rule.claimed.get(contender.family), finding)
    return found


def judged(rule: Rule, claimed: str | None, finding: Finding) -> tuple[str, str]:
    """Verdict, a key of SIGNS, and word of a finding at one length."""
    if finding.missing:
        return "not run", ""
    estimate, interval, word = finding.estimate, finding.interval, finding.word
    certain = not finding.doubts
    if estimate is not None:
        cap = estimate.caps.get(1.0, 0)
        word = rule.word(estimate.figure, cap)
        ends = (interval.low, interval.high) if interval is not None and rule.row != PARALLEL.row else ()
        certain = certain and all(rule.word(end, cap) == word for end in ends)
    if not certain or word in ("", VOID):
        return "undecided", word
    return "no claim" if claimed is None else "agrees" if claimed == word else "disagrees", word


def _table(material: Material, chosen: str) -> dict[tuple[str, str, str, int | None], Mapping[str, Any]]:
    """(row, column, regime, core parameters) -> cell; rows that are not learned stand under the headline's budget."""
    if not material.verdicts:
        return {}
    parts = [material.verdicts, {"cells": material.verdicts["regimes"]["cells"]}, material.verdicts["ours"]]
    cells = [c for part in parts for c in (*part["cells"], *part.get("elsewhere", ())) if c["variant"] == chosen]
    size = material.headline.core_parameters
    return {(c["row"], c["column"], c["regime"], c["core_parameters"] or size): c for c in cells}


def _planned(run: Run, row: Row, contender: Contender, setting: Setting) -> pd.DataFrame:
    trials = run.trials
    named = np.array([contender.architecture in names for names in trials["contenders"]], dtype=bool)
    trials = trials[(trials["architecture"] == contender.architecture) | named]
    return trials[setting.holds(trials) & (trials["split"] == "report")] if row.is_learned else trials


def _lengths(rule: Rule, lengths: pd.Series) -> Iterator[tuple[int, ...]]:
    """The lengths of each square; an exponent lies between two neighbours, and stands at the longer one."""
    held = sorted({int(n) for n in lengths.dropna()})
    if rule.row != PARALLEL.row:
        return ((n,) for n in held)
    return pairwise(n for n in held if n >= SHORTEST_TRACE)
