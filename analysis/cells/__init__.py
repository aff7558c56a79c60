"""Each cell opens: the table, and for every place in it a fold with the evidence of its word.

What a row measured is told by one module a kind of row (explained, scaled, solved, timed, traced); each question that
all rows answer (sensitivity, flips, failures, commands) has a module too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from analysis import wording
from analysis.cells import explained, failures, flips, scaled, sensitivity, solved, timed, traced
from analysis.cells.case import Case, Evidence
from analysis.cells.commands import command, remarks
from analysis.cells.overview import PREFIX, places, table
from analysis.cells.pictures import picture
from analysis.claims import (
    GENERATION,
    INTERPRETABILITY,
    LONG_RANGE,
    OURS,
    PARALLEL,
    RULES,
    RULES_VERSION,
    SCALABILITY,
    SPEED,
    STATE_TRACKING,
    VARIANTS,
)
from analysis.document import Block, Bullets, Code, Fold, Paragraph, Section, Tone, anchor
from analysis.material import Material
from analysis.rows.finding import Contender
from analysis.wording import named, printable, verdict_text

__all__ = ["PREFIX", "folds", "table", "unopened"]

EVIDENCE: Mapping[str, Callable[[Case], Evidence]] = {
    PARALLEL.row: traced.evidence,
    LONG_RANGE.row: solved.evidence,
    SCALABILITY.row: scaled.evidence,
    SPEED.row: timed.evidence,
    INTERPRETABILITY.row: explained.evidence,
    GENERATION.row: timed.evidence,
    STATE_TRACKING.row: solved.evidence,
}
TONES: Mapping[str, Tone] = {
    "agrees": "agrees",
    "disagrees": "disagrees",
    "undecided": "undecided",
    "not run": "not run",
}


def folds(material: Material, prefix: str = PREFIX) -> list[Block]:
    """One fold a row and column, in the order of the table; nothing for a study without rows.

    Anchors and files are called <prefix>-<row>-<column>; `table` of the same run and prefix links to them.
    """
    return [block for fold in unopened(material, prefix) for block in fold()]


def unopened(material: Material, prefix: str = PREFIX) -> list[Callable[[], list[Block]]]:
    """The folds as calls that make them, each by itself."""
    if not material.verdicts:
        return []
    cells, found = wording.index(material.verdicts), places(material, prefix)
    contenders = {(c.column, c.variant): c for c in material.contenders}
    return [partial(_fold, material, row, title, name, cells, contenders) for (row, title), name in found.items()]


def _fold(
    material: Material,
    row: str,
    title: str,
    name: str,
    cells: wording.Cells,
    contenders: Mapping[tuple[str, str], Contender],
) -> list[Block]:
    rule = (RULES | OURS)[row]
    best, plain = (Case(material, rule, contenders[title, v], cells[row, title, v]) for v in VARIANTS)
    blocks = opened(best, f"{name}-{best.contender.variant}")
    if _alike(best, plain):
        blocks.append(Paragraph("The plain variant is the same architecture, with the same figure and verdict."))
    else:
        blocks = [
            Section(f"Best: {_name(best)}", anchor(name, "best"), blocks),
            Section(f"Plain: {_name(plain)}", anchor(name, "plain"), opened(plain, f"{name}-plain")),
        ]
    blocks += [Paragraph(f"To measure this cell again. {remarks(best)}"), Code(command(best))]
    summary = f"{named(row)}, {printable(title)}: {verdict_text(best.cell)}"
    return [Fold(summary, name, blocks, TONES.get(str(best.cell["verdict"]), ""))]


def opened(case: Case, name: str) -> list[Block]:
    """The evidence of one variant; `name` is that of its picture."""
    evidence = EVIDENCE[case.rule.row](case)
    blocks: list[Block] = [_drawn(case, evidence, name), Paragraph(_in_words(case))]
    blocks.append(Paragraph(f"The rule (version {RULES_VERSION}): {case.rule.statement}. Bands: {case.rule.bands}."))
    if evidence.steps:
        blocks += [Paragraph("From the values to the word:"), Bullets((*evidence.steps, *_to_the_word(case)))]
    blocks += evidence.tables
    tried = sensitivity.table(case)
    blocks += [tried] if tried else []
    blocks += failures.blocks(case, evidence)
    if turns := [*flips.sentences(case), *evidence.flips]:
        blocks += [Paragraph("What would flip it:"), Bullets(tuple(map(printable, turns)))]
    if elsewhere := _elsewhere(case):
        blocks += [Paragraph("In other regimes and at other budgets:"), Bullets(elsewhere)]
    return blocks


def _drawn(case: Case, evidence: Evidence, name: str) -> Block:
    if case.finding.estimate is None:
        return Paragraph(f"No figure, so no picture: {printable(str(case.cell['reason']))}.")
    return picture(case, evidence, name)


def _in_words(case: Case) -> str:
    """The line of the table with everything that stands behind it."""
    cell = case.cell
    parts = [f"{case.who}: {verdict_text(cell)}", f"unit: {cell['unit']}", f"device: {cell['device']}"]
    if cell["core_parameters"]:
        parts.append(f"{cell['regime']} at {cell['core_parameters']:,}")
    parts += [f"tasks: {', '.join(cell['tasks'])}"] if cell["tasks"] else []
    return printable("; ".join(parts) + ".")


def _to_the_word(case: Case) -> tuple[str, ...]:
    cell = case.cell
    claimed = f"Claimed is {cell['claimed']}: {cell['verdict']}." if cell["claimed"] else "Nothing is claimed for it."
    return (
        f"By the bands and conditions of the rule, {cell['figure']:.6g} reads {cell['measured']}.",
        f"{claimed} Why: {printable(str(cell['reason']))}.",
    )


def _alike(best: Case, plain: Case) -> bool:
    """Whether the plain variant has nothing of its own to show: judged beside others it may differ all the same."""
    keys = ("architecture", "measured", "verdict", "figure", "low", "high")
    return all(best.cell[key] == plain.cell[key] for key in keys)


def _name(case: Case) -> str:
    return printable(case.contender.architecture or "not chosen yet")


def _elsewhere(case: Case) -> tuple[str, ...]:
    """The same cell under what else was matched."""
    verdicts, cell = case.material.verdicts, case.cell
    keys = ("row", "column", "variant")
    others = [
        other
        for other in (*verdicts["regimes"]["cells"], *verdicts["ours"]["elsewhere"])
        if all(other[key] == cell[key] for key in keys)
    ]
    return tuple(
        printable(f"{other['regime']} at {other['core_parameters']:,}: {verdict_text(other)}; {other['reason']}")
        for other in others
    )
