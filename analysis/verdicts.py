"""Finding + Rule -> one cell of the table: word, verdict, and why.

The word is the one at the point estimate. It is undecided, naming the other word, when the interval leaves the word's
band, when the word flips with every threshold a tenth lower or higher or with one task left out, or when the row itself
has a doubt. What was not run gets no word.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from analysis.claims import (
    INTERPRETABILITY,
    LONG_RANGE,
    PARALLEL,
    REGIME,
    RULES,
    RULES_VERSION,
    SCALABILITY,
    SENSITIVITY,
    SPEED,
    VARIANTS,
    Rule,
)
from analysis.load import Run
from analysis.rows import interpretability, long_range, parallel, scalability, speed
from analysis.rows.finding import Contender, Finding

DIGITS = 6
ALONE = {PARALLEL.row: parallel.find, LONG_RANGE.row: long_range.find, INTERPRETABILITY.row: interpretability.find}
COMPARED = {SCALABILITY.row: scalability.find, SPEED.row: speed.find}
"""Rows whose figure is a ratio to the best family."""


@dataclass(frozen=True)
class Cell:
    """One cell of verdicts.json. `figure`, `low`, `high` are in `unit`; None where nothing (or no bound) is known."""

    row: str
    column: str
    variant: str
    architecture: str | None
    claimed: str | None
    measured: str | None = None
    figure: float | None = None
    low: float | None = None
    high: float | None = None
    unit: str = ""
    seeds: int | None = None
    tasks: tuple[str, ...] = ()
    device: str = ""
    regime: str = REGIME
    verdict: str = "not run"
    reason: str = ""
    alternative: str | None = None
    sensitivity: dict[str, Any] = field(default_factory=dict)


def judge(run: Run) -> dict[str, Any]:
    """The whole verdicts.json of a run, as plain JSON values."""
    contenders = [
        Contender(str(column["title"]), str(column["family"]), variant, column[variant])
        for column in run.plan["columns"]
        for variant in VARIANTS
    ]
    cells = [_cell(run, rule, contender, contenders) for rule in RULES.values() for contender in contenders]
    return {
        "rules": RULES_VERSION,
        "study": run.plan["study"],
        "device": run.plan["device"],
        "command": run.plan.get("command", ""),
        "stopped": run.plan.get("stopped", ""),
        "machine": dict(run.machine),
        "machines": run.machines,
        "columns": [dict(column) for column in run.plan["columns"]],
        "rows": [{"row": rule.row, "unit": rule.unit, "rule": rule.statement} for rule in RULES.values()],
        "cells": [{**asdict(cell), "tasks": list(cell.tasks)} for cell in cells],
    }


def _cell(run: Run, rule: Rule, contender: Contender, contenders: list[Contender]) -> Cell:
    blank = Cell(
        row=rule.row,
        column=contender.column,
        variant=contender.variant,
        architecture=contender.architecture,
        claimed=rule.claimed.get(contender.family),
        unit=rule.unit,
        device=str(run.plan["device"]),
    )
    if contender.architecture is None:
        why = f"the development stage has not chosen the best variant: {run.why_not_run()}"
        return _filled(blank, rule, Finding(missing=why))
    return _filled(blank, rule, _find(run, rule.row, contender, contenders))


def _find(run: Run, row: str, contender: Contender, contenders: list[Contender]) -> Finding:
    if row in COMPARED:
        return COMPARED[row](run, contender, contenders)
    return ALONE[row](run, contender)


def _filled(blank: Cell, rule: Rule, finding: Finding) -> Cell:
    """The cell with its word, verdict and reason."""
    if finding.missing:
        return replace(blank, reason=finding.missing)
    word = _word(rule, finding)
    others, causes, sensitivity = _flips(rule, finding, word)
    causes = [*finding.doubts, *causes] + (["void: the untrained control scores too well"] if word == "void" else [])
    verdict = "undecided" if causes or word is None else _compared(blank.claimed, word)
    reason = "; ".join([*([", and ".join(causes)] if causes else []), *finding.notes])
    return replace(
        blank,
        measured=word,
        figure=_rounded(finding.interval.point if finding.interval else None),
        low=_rounded(finding.interval.low if finding.interval else None),
        high=_rounded(finding.interval.high if finding.interval else None),
        seeds=finding.seeds,
        tasks=finding.tasks,
        verdict=verdict,
        reason=reason,
        alternative=" or ".join(w for w in rule.words if w in others) or None,
        sensitivity=sensitivity,
    )


def _word(rule: Rule, finding: Finding) -> str | None:
    if finding.estimate is None:
        return finding.word or None
    return rule.word(finding.estimate.figure, finding.estimate.caps.get(1.0, 0))


def _compared(claimed: str | None, word: str) -> str:
    return "no claim" if claimed is None else "agrees" if claimed == word else "disagrees"


def _flips(rule: Rule, finding: Finding, word: str | None) -> tuple[set[str], list[str], dict[str, Any]]:
    """Other words that the figure could have earned, the reasons in words, and the sensitivity table."""
    estimate, interval = finding.estimate, finding.interval
    if estimate is None or interval is None or word is None:
        return set(), [], {}
    cap = estimate.caps.get(1.0, 0)
    tried = {
        f"interval {_text(interval.low)} to {_text(interval.high)} reaches": [rule.word(v, cap) for v in interval[1:]]
    }
    thresholds = {f: rule.word(estimate.figure, estimate.caps.get(f, 0), f) for f in SENSITIVITY}
    tried |= {f"thresholds moved by {f - 1:+.0%} give": [w] for f, w in thresholds.items()}
    left = {task: (e.figure, rule.word(e.figure, e.caps.get(1.0, 0))) for task, e in finding.left_out.items()}
    tried |= {f"without {task} it is": [w] for task, (_, w) in left.items()}
    tried |= {f"{case} it is": [rule.word(e.figure, e.caps.get(1.0, 0))] for case, e in finding.bounds.items()}
    flips = {case: sorted(set(words) - {word}) for case, words in tried.items() if set(words) != {word}}
    sensitivity = {
        "thresholds": {f"{f - 1:+.0%}": w for f, w in thresholds.items()},
        "left out": {task: {"figure": _rounded(figure), "measured": w} for task, (figure, w) in left.items()},
    }
    return (
        {w for words in flips.values() for w in words},
        [f"{c} {' and '.join(w)}" for c, w in flips.items()],
        sensitivity,
    )


def _text(value: float) -> str:
    return f"{value:.2f}" if np.isfinite(value) else "unknown"


def _rounded(value: float | None) -> float | None:
    """None for what is unknown: JSON has no infinity."""
    return round(float(value), DIGITS) + 0.0 if value is not None and np.isfinite(value) else None
