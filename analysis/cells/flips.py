"""What would flip a cell: the way to each neighbouring word, and what would decide an undecided one."""

from __future__ import annotations

import math
from typing import NamedTuple

from analysis.cells.case import Case, number
from analysis.claims import DIGITS, GENERATION, SENSITIVITY, SPEED, Rule
from analysis.rows.finding import Estimate
from analysis.stats import Interval

ENDLESS = 10_000
"""Repetitions beyond which their number says only that repeating is not the way."""


class Step(NamedTuple):
    """The way from a figure to another word."""

    word: str
    threshold: float
    up: bool
    distance: float
    """In the figure's unit; 0 for a figure that lies on the threshold."""


def steps(rule: Rule, estimate: Estimate) -> list[Step]:
    """Every other word that moving the figure alone would earn, the nearest first; a cap may leave none."""
    cap = estimate.caps.get(1.0, 0)
    now = rule.words.index(rule.word(estimate.figure, cap))
    found = []
    for index, at in enumerate(rule.thresholds):
        above, below = max(index, cap), max(index + 1, cap)
        if above == below:
            continue
        up = now >= below
        found.append(Step(rule.words[above if up else below], at, up, abs(round(at - estimate.figure, DIGITS))))
    return sorted(found, key=lambda step: step.distance)


def sentences(case: Case) -> list[str]:
    """Every way in which the word could become another, then what the row itself has to say (see Evidence.flips)."""
    estimate, interval = case.finding.estimate, case.finding.interval
    if estimate is None or interval is None:
        return []
    every = steps(case.rule, estimate)
    # The nearest on either side, and the claimed word however far it is.
    found = [s for s in every if s == next(t for t in every if t.up == s.up) or s.word == case.cell["claimed"]]
    said = [_way(case, step, interval) for step in found]
    if cap := estimate.caps.get(1.0, 0):
        best = case.rule.words[cap]
        said.append(f"The rule's second condition allows {best} at best, whatever the figure: see below.")
    said += [_repeat(case, step, interval) for step in found if _reaches(case, estimate, step, interval)]
    said += _near_a_threshold(case, estimate)
    said += _rests_on(case, estimate)
    return said or ["No value of the figure alone gives another word."]


def _way(case: Case, step: Step, interval: Interval) -> str:
    strict = case.rule.strict[case.rule.thresholds.index(step.threshold)]
    verb = {(True, False): "reach", (True, True): "exceed", (False, False): "fall below", (False, True): "fall to"}
    half = interval.high - interval.point if step.up else interval.point - interval.low
    if not math.isfinite(half):
        reach = "the interval has no known end on that side"
    elif half == 0:
        reach = "the interval has no width on that side"
    else:
        reach = f"{number(step.distance / half, 2)} half-widths of the interval on that side"
    claimed = ", the claimed word," if step.word == case.cell["claimed"] else ""
    return (
        f"For {step.word}{claimed} the figure would have to {verb[step.up, strict]} {step.threshold:g}, "
        f"{number(step.distance, 3)} from {number(interval.point, 3)}: {reach}."
    )


def _reaches(case: Case, estimate: Estimate, step: Step, interval: Interval) -> bool:
    """Whether the interval holds a figure that earns the other word, or one beyond it."""
    words = case.rule.words
    end = words.index(case.rule.word(interval.high if step.up else interval.low, estimate.caps.get(1.0, 0)))
    return end <= words.index(step.word) if step.up else end >= words.index(step.word)


def _repeat(case: Case, step: Step, interval: Interval) -> str:
    """How many repetitions would free the word from this threshold, as 1 / sqrt(repetitions) has it."""
    seeds = case.finding.seeds
    half = abs((interval.high if step.up else interval.low) - interval.point)
    opening = f"The interval reaches into {step.word}"
    if step.distance == 0:
        return f"{opening} and the figure lies on the threshold itself: repeating cannot decide it."
    if seeds is None:
        return f"{opening}: it is that of the fit, which more lengths would narrow if one law describes them."
    unit = "processes" if case.rule.row in (SPEED.row, GENERATION.row) else "seeds"
    if not math.isfinite(half):
        return f"{opening}, because {seeds} of the {unit} leave one end unknown: more {unit} would give it."
    needed = math.ceil(round(seeds * (half / step.distance) ** 2, DIGITS))
    amount = f"more than {ENDLESS:,}" if needed > ENDLESS else f"about {max(needed, seeds + 1):,}"
    return (
        f"{opening}. Should the figure stay where it is, {amount} {unit} instead of {seeds} would keep the interval "
        f"out (an estimate: its half of {number(half, 3)} shrinks as 1 / sqrt({unit}))."
    )


def _near_a_threshold(case: Case, estimate: Estimate) -> list[str]:
    """A word that a tenth more or less on the threshold changes is freed by another figure alone."""
    now, said = case.word(estimate), []
    if all(case.rule.word(estimate.figure, estimate.caps.get(f, 0), f) == now for f in SENSITIVITY):
        return []
    for at in case.rule.thresholds:
        ends = sorted(round(at * factor, DIGITS) for factor in SENSITIVITY)
        if ends[0] <= round(estimate.figure, DIGITS) <= ends[1]:
            said.append(
                f"The figure lies within a tenth of the threshold {at:g}. No number of repetitions decides that: it "
                f"would have to leave {ends[0]:g} to {ends[1]:g}."
            )
    return said


def _rests_on(case: Case, estimate: Estimate) -> list[str]:
    now = case.word(estimate)
    others = {task: case.word(left) for task, left in case.finding.left_out.items()}
    grouped: dict[str, list[str]] = {}
    for task, word in others.items():
        if word != now:
            grouped.setdefault(word, []).append(task)
    said = [f"Without {' or without '.join(tasks)} it would read {word}." for word, tasks in grouped.items()]
    for name, other in case.finding.bounds.items():
        if (word := case.word(other)) != now:
            said.append(f"{name.capitalize()}: it would read {word}.")
    return said
