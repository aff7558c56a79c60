"""Finding + Rule -> one cell of the table: word, verdict, and why.

The word is the one at the point estimate. It is undecided, naming the other word, when the interval leaves the word's
band, when the word flips with every threshold a tenth lower or higher or with one task left out, or when the row itself
has a doubt. What was not run gets no word. The learning rows are judged once in every setting of the plan (regimes).

Rows of ours stand apart, under `ours`: nothing is claimed for them, so their verdict is the word itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from analysis import beside
from analysis.claims import (
    GENERATION,
    INTERPRETABILITY,
    LONG_RANGE,
    OURS,
    REGIME,
    RULES,
    RULES_VERSION,
    SCALABILITY,
    SENSITIVITY,
    SPEED,
    STATE_TRACKING,
    VARIANTS,
    Rule,
)
from analysis.load import Run
from analysis.regimes import Setting, flips, settings, summary
from analysis.rows import generation, interpretability, long_range, parallel, scalability, speed, state_tracking
from analysis.rows.finding import Contender, Finding
from analysis.stats import Interval

DIGITS = 6
LEARNED = {
    LONG_RANGE.row: long_range.find,
    INTERPRETABILITY.row: interpretability.find,
    STATE_TRACKING.row: state_tracking.find,
}
"""Rows that are judged in every setting."""
COMPARED = {SCALABILITY.row: scalability.find, SPEED.row: speed.find, GENERATION.row: generation.find}
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
    core_parameters: int | None = None
    """Budget of a learning row; None where lengths or sources bring sizes of their own."""
    verdict: str = "not run"
    """Of a decided row of ours: the word."""
    reason: str = ""
    """Why the verdict is this one, and what to know about the figure: doubts and notes in one text."""
    doubts: tuple[str, ...] = ()
    """Why it is undecided."""
    notes: tuple[str, ...] = ()
    alternative: str | None = None
    sensitivity: dict[str, Any] = field(default_factory=dict)


def judge(run: Run) -> dict[str, Any]:
    """The whole verdicts.json of a run, as plain JSON values."""
    contenders = [
        Contender(str(column["title"]), str(column["family"]), variant, column[variant])
        for column in run.plan["columns"]
        for variant in VARIANTS
    ]
    found = settings(run)
    interview = _judged(run, RULES, contenders, found)
    return {
        "rules": RULES_VERSION,
        "study": run.plan["study"],
        "device": run.plan["device"],
        "command": run.plan.get("command", ""),
        "stopped": run.plan.get("stopped", ""),
        "machine": dict(run.machine),
        "machines": run.machines,
        "columns": [dict(column) for column in run.plan["columns"]],
        "selection": [dict(choice) for choice in run.plan.get("selection", ())],
        "rows": interview["rows"],
        "cells": interview["cells"],
        "ours": _judged(run, OURS, contenders, found),
        "beside": beside.measures(run, contenders, found[0]),
        "regimes": {
            "settings": [asdict(setting) for setting in found],
            "summary": summary(found, interview["flips"]),
            "flips": interview["flips"],
            "cells": interview["elsewhere"],
        },
    }


def _judged(
    run: Run, rules: Mapping[str, Rule], contenders: list[Contender], found: list[Setting]
) -> dict[str, list[dict[str, Any]]]:
    """Rules, their cells in the headline setting, the learned ones elsewhere, and those that flip between settings."""
    headline, *others = found
    cells = [_cell(run, rule, c, contenders, headline) for rule in rules.values() for c in contenders]
    learned = [rule for rule in rules.values() if rule.row in LEARNED]
    elsewhere = [_cell(run, rule, c, contenders, s) for s in others for rule in learned for c in contenders]
    return {
        "rows": [{"row": r.row, "unit": r.unit, "bands": r.bands, "rule": r.statement} for r in rules.values()],
        "cells": [_plain(cell) for cell in cells],
        "elsewhere": [_plain(cell) for cell in elsewhere],
        "flips": flips([asdict(cell) for cell in (*cells, *elsewhere) if cell.row in LEARNED]),
    }


def _plain(cell: Cell) -> dict[str, Any]:
    """A cell as JSON values."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(cell).items()}


def _cell(run: Run, rule: Rule, contender: Contender, contenders: list[Contender], setting: Setting) -> Cell:
    blank = Cell(
        row=rule.row,
        column=contender.column,
        variant=contender.variant,
        architecture=contender.architecture,
        claimed=rule.claimed.get(contender.family),
        unit=rule.unit,
        device=str(run.plan["device"]),
        regime=setting.regime,
        core_parameters=setting.core_parameters if rule.row in LEARNED else None,
    )
    if contender.architecture is None:
        why = f"the development stage has not chosen the best variant: {run.why_not_run()}"
        return _filled(blank, rule, Finding(missing=why))
    return _filled(blank, rule, _find(run, rule.row, contender, contenders, setting))


def _find(run: Run, row: str, contender: Contender, contenders: list[Contender], setting: Setting) -> Finding:
    if row in COMPARED:
        return COMPARED[row](run, contender, contenders)
    return LEARNED[row](run, contender, setting) if row in LEARNED else parallel.find(run, contender)


def _filled(blank: Cell, rule: Rule, finding: Finding) -> Cell:
    """The cell with its word, verdict and reason."""
    if finding.missing:
        return replace(blank, reason=finding.missing, doubts=(finding.missing,))
    word = _word(rule, finding)
    others, causes, sensitivity = _alternatives(rule, finding, word)
    causes = [*finding.doubts, *causes] + (["void: the untrained control scores too well"] if word == "void" else [])
    verdict = "undecided" if causes or word is None else _compared(rule, blank.claimed, word)
    why = causes or [_firm(rule, finding, word)]
    return replace(
        blank,
        measured=word,
        figure=_rounded(finding.interval.point if finding.interval else None),
        low=_rounded(finding.interval.low if finding.interval else None),
        high=_rounded(finding.interval.high if finding.interval else None),
        seeds=finding.seeds,
        tasks=finding.tasks,
        verdict=verdict,
        reason="; ".join([*why, *finding.notes]),
        doubts=tuple(causes),
        notes=finding.notes,
        alternative=" or ".join(w for w in rule.words if w in others) or None,
        sensitivity=sensitivity,
    )


def _word(rule: Rule, finding: Finding) -> str | None:
    if finding.estimate is None:
        return finding.word or None
    return rule.word(finding.estimate.figure, finding.estimate.caps.get(1.0, 0))


def _firm(rule: Rule, finding: Finding, word: str | None) -> str:
    """Why a decided word is decided."""
    if finding.estimate is None:
        return f"{word} by rule, without a figure"
    cap = finding.estimate.caps.get(1.0, 0)
    if rule.word(finding.estimate.figure) != word:
        worst = cap >= len(rule.thresholds)
        return f"{word} by the rule's second condition{' alone, whatever the figure' * worst}; see the notes"
    left = " and without any one task" if finding.left_out else ""
    return f"{word} over the whole interval, with thresholds a tenth lower and higher{',' * bool(left)}{left}"


def _compared(rule: Rule, claimed: str | None, word: str) -> str:
    if rule.is_ours:
        return word
    return "no claim" if claimed is None else "agrees" if claimed == word else "disagrees"


def _alternatives(rule: Rule, finding: Finding, word: str | None) -> tuple[set[str], list[str], dict[str, Any]]:
    """Other words that the figure could have earned, the reasons in words, and the sensitivity table."""
    estimate, interval = finding.estimate, finding.interval
    if estimate is None or interval is None or word is None:
        return set(), [], {}
    cap = estimate.caps.get(1.0, 0)
    tried = {"interval": _reached(rule, interval, cap)}
    thresholds = {f: rule.word(estimate.figure, estimate.caps.get(f, 0), f) for f in SENSITIVITY}
    tried |= {f"thresholds {f - 1:+.0%}": (w,) for f, w in thresholds.items()}
    left = {task: (e.figure, rule.word(e.figure, e.caps.get(1.0, 0))) for task, e in finding.left_out.items()}
    tried |= {f"without {task}": (w,) for task, (_, w) in left.items()}
    tried |= {case: (rule.word(e.figure, e.caps.get(1.0, 0)),) for case, e in finding.bounds.items()}
    others = {w: [case for case, words in tried.items() if w in words] for w in rule.words if w != word}
    others = {other: cases for other, cases in others.items() if cases}
    sensitivity = {
        "thresholds": {f"{f - 1:+.0%}": w for f, w in thresholds.items()},
        "left out": {task: {"figure": _rounded(figure), "measured": w} for task, (figure, w) in left.items()},
    }
    return set(others), [f"may be {other} ({', '.join(cases)})" for other, cases in others.items()], sensitivity


def _reached(rule: Rule, interval: Interval, cap: int) -> tuple[str, ...]:
    """Every word from one end of an interval to the other."""
    first, last = sorted(rule.words.index(rule.word(end, cap)) for end in (interval.low, interval.high))
    return rule.words[first : last + 1]


def _rounded(value: float | None) -> float | None:
    """None for what is unknown: JSON has no infinity."""
    return round(float(value), DIGITS) + 0.0 if value is not None and np.isfinite(value) else None
