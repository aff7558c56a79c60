"""The section on statistics across tasks and seeds: what is compared and why so, tables, and how far to trust them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import groupby

from analysis.document import Block, Bullets, Entry, Fold, Line, Paragraph, Table, Tone, anchor
from analysis.material import Material
from analysis.rows.finding import absence
from analysis.rows.long_range import ROW
from analysis.statistics import compared, declared
from analysis.statistics.aggregate import FEWEST_CELLS, improvement, iqm
from analysis.statistics.coverage import ALARMS, CONSERVATIVE, COVERAGE, SEEDS, percent
from analysis.statistics.declared import OVERALL, SCORES, TIMES, Family
from analysis.statistics.equivalence import EQUIVALENT, UNDECIDED, Comparison
from analysis.statistics.scores import by_cell, planned_scores
from analysis.stats import LEVEL, Array, Interval

TITLE = "Statistics across tasks and seeds"
MEANINGFUL = 0.75
"""Probability of improvement that is worth a word (Bouthillier et al. 2021)."""
SMALL = 0.001
WHY = (
    "A training mostly solves its cell (a task at a lag) or does not, so a plain mean hangs on a few of them, and the "
    "best of several seeds on luck. The interquartile mean leaves out the best and the worst quarter of all scores; "
    "the probability of improvement asks how often one family's training beats another's. Scores run from 0 (chance) "
    "to 1 (perfect); worse than chance counts as chance, a diverged training ended there; every cell weighs the same."
)
HOW = (
    "{question} {count} comparisons of {name} follow from the plan alone, so none was picked after looking: {pairs}, "
    "overall and by {by}. Holm's correction keeps the chance of even one false alarm among them at 5 %. "
    "One is {gains}, both are equivalent, or it is undecided; equivalence has to be shown like anything else, "
    "by two one-sided tests against a band of {band}. Each interval is that of a comparison on its own, so it may "
    "leave out what the corrected test does not."
)


def blocks(material: Material) -> list[Block]:
    """The section; where nothing can be compared it says why. Never raises for what a run lacks."""
    inside = [*_aggregates(material), *_family(SCORES, compared.scores(material))]
    inside += _family(TIMES, compared.times(material))
    return [*inside, _trust()]


def _aggregates(material: Material) -> list[Block]:
    scores = planned_scores(material)
    if scores["score"].isna().all():
        planned = material.run.select(row=ROW, split="report")
        return [Paragraph(f"No long-range score to compare: {absence(material.run, planned)}.")]
    missing, fewest = int(scores["score"].isna().sum()), int(scores.groupby("cell")["seed"].nunique().min())
    said = [f"Setting: {material.headline}."]
    said += [f"{missing} of {len(scores)} trainings ended without a score and are left out."] if missing else []
    said += ["One seed a cell: nothing is known about luck, so there are no intervals."] if fewest < 2 else []
    few = scores["cell"].nunique() < FEWEST_CELLS
    said += [f"Fewer than {FEWEST_CELLS} cells are too few to resample: no intervals of the means."] if few else []
    variants = _variants(material)
    means = {name: by_cell(scores, name) for name in variants}
    rows = tuple(
        (
            f"{variants[name]} ({name})",
            *_shown(iqm(list(cells.values()))),
            f"{len(cells)}",
            f"{sum(cell.size for cell in cells.values())}",
        )
        for name, cells in means.items()
        if cells
    )
    silent = [variants[name] for name, cells in means.items() if not cells]
    said += [f"No score of {', '.join(silent)}."] if silent else []
    header = ("Variant", "Interquartile mean", "95 % interval", "cells", "trainings")
    return [
        Paragraph(WHY),
        Paragraph(" ".join(said)),
        Table("Interquartile mean of the scores, with stratified bootstrap intervals", header, rows),
        *_improvements(material, means),
    ]


def _variants(material: Material) -> dict[str, str]:
    """Architecture -> `LSTM, best`, in the order of the columns; one that is both is named once."""
    found: dict[str, str] = {}
    for contender in material.contenders:
        if contender.architecture:
            known = found.get(contender.architecture)
            named = f"{known} and {contender.variant}" if known else f"{contender.column}, {contender.variant}"
            found[contender.architecture] = named
    return found


def _improvements(material: Material, means: Mapping[str, Mapping[str, Array]]) -> list[Block]:
    rows = []
    for first, second in declared.pairs(material):
        ours, theirs = means.get(str(first.architecture), {}), means.get(str(second.architecture), {})
        shared = [cell for cell in ours if cell in theirs]
        if shared:
            found = improvement([ours[cell] for cell in shared], [theirs[cell] for cell in shared])
            rows.append((first.column, second.column, *_shown(found), _reading(found, first.column, second.column)))
    if not rows:
        return [Paragraph("No two families share a cell, so none can be called an improvement on another.")]
    caption = (
        "Probability that a training of A scores higher than one of B on the same cell; ties count half, no correction"
    )
    return [Table(caption, ("A", "B", "P(A > B)", "95 % interval", "reading, uncorrected"), tuple(rows))]


def _reading(found: Interval, first: str, second: str) -> str:
    """Who improves on whom, and whether by a margin worth a word."""
    if found.low > 0.5 or found.high < 0.5:
        winner, chance = (first, found.point) if found.point > 0.5 else (second, 1 - found.point)
        return f"{winner} improves" + (" by a wide margin" if chance >= MEANINGFUL else "")
    return "either may"


def _family(family: Family, comparisons: Sequence[Comparison]) -> list[Block]:
    """Overall comparisons in sight, all of them behind a line."""
    if not comparisons:
        return [Paragraph(f"No comparison of {family.name}: none is planned in this study.")]
    names = [" with ".join(pair) for pair, _ in groupby(comparisons, key=lambda c: (c.first, c.second))]
    band = f"{family.band:g}" if family.band else "what two copies of one architecture differ by in the same processes"
    told = HOW.format(
        count=len(comparisons),
        name=family.name,
        pairs=", ".join(names),
        by=family.by,
        question=family.question,
        gains=family.gains,
        band=band,
    )
    if family is SCORES:
        fewest = math.ceil(1 + math.log2(len(comparisons) / (1 - LEVEL)))
        told += f" Fewer than {fewest} pairs cannot be decided: all of their signs can agree by chance too easily."
    summary = [c for c in comparisons if c.where == OVERALL]
    counts = {kind: sum(_kind(c) == kind for c in comparisons) for kind in (family.gains, EQUIVALENT, UNDECIDED)}
    count = ", ".join(f"{number} {kind}" for kind, number in counts.items())
    return [
        Paragraph(told),
        _table(f"Paired comparison of {family.name}, overall", summary),
        Fold(
            f"All {len(comparisons)} comparisons of {family.name}: {count}",
            anchor("statistics", family.name),
            [_table(f"Paired comparison of {family.name}", comparisons)],
        ),
    ]


def _table(caption: str, comparisons: Sequence[Comparison]) -> Table:
    is_ratio = any(c.neutral for c in comparisons)
    header = (
        "A and B",
        "where",
        "speed of A / B" if is_ratio else "score of A minus B",
        "95 % interval",
        "replicates" if is_ratio else "pairs",
        *(("A/A band",) if is_ratio else ()),
        "Holm p, different",
        "Holm p, equivalent",
        "outcome",
    )
    rows = tuple(
        (
            f"{c.first} and {c.second}",
            c.where,
            *_shown(c.interval),
            f"{len(c.values)}",
            *((_times(c.band),) if is_ratio else ()),
            _p(c.p, c),
            _p(c.p_equivalent, c),
            Entry((Line(c.outcome if c.values else f"{UNDECIDED}: no matched pair", _tone(c)),)),
        )
        for c in comparisons
    )
    return Table(caption, header, rows)


def _kind(comparison: Comparison) -> str:
    outcome = comparison.outcome
    return outcome if outcome in (EQUIVALENT, UNDECIDED) else comparison.gains


def _tone(comparison: Comparison) -> Tone:
    return "undecided" if comparison.outcome == UNDECIDED else ""


def _trust() -> Fold:
    """What the intervals cover in simulation, and those that say less than they could."""
    header = ("Interval", "simulated as", *(f"{n} seeds" for n in SEEDS))
    rows = tuple((row.estimator, row.situation, *map(percent, row.covered)) for row in COVERAGE)
    told = (
        "How often intervals of a nominal 95 % held the truth in simulated studies, by the number of seeds (for times, "
        "replicates). 93 to 97 % is as it should be. docs/statistics.md says how each was simulated."
    )
    kept = tuple(f"{name}: {why}" for name, why in CONSERVATIVE.items())
    claims = tuple((alarm.claim, f"{alarm.seeds}", percent(alarm.rate)) for alarm in ALARMS)
    inside: list[Block] = [
        Paragraph(told),
        Table("Coverage of nominal 95 % intervals by simulation", header, rows),
        Paragraph("Wider than they need be, by construction:"),
        Bullets(kept),
        Table("Claims that are not so, by simulation; at most 5 %", ("Claim", "seeds", "of studies"), claims),
    ]
    return Fold("How far these intervals can be trusted", anchor("statistics", "coverage"), inside)


def _shown(found: Interval) -> tuple[str, str]:
    point = "-" if math.isnan(found.point) else f"{found.point + 0.0:.2f}"
    known = math.isfinite(found.low) and math.isfinite(found.high)
    return point, f"{found.low + 0.0:.2f} to {found.high + 0.0:.2f}" if known else "?"


def _times(band: float) -> str:
    return f"{1 / band:.3f} to {band:.3f}" if math.isfinite(band) else "?"


def _p(p: float, comparison: Comparison) -> str:
    if not comparison.values:
        return "-"
    return f"< {SMALL:g}" if p < SMALL else f"{p:.3f}"
