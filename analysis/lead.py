"""The first lines of a report: what was asked, what was found, and what limits it. From the verdicts alone."""

from __future__ import annotations

from collections.abc import Sequence

from analysis import wording
from analysis.clocks.wording import listed
from analysis.document import Block, Paragraph
from analysis.material import Material
from analysis.wording import Cell

QUESTION = (
    "A table that is repeated in interviews says which of Transformer, LSTM and 1D-CNN processes in parallel, reaches "
    "far, scales, trains fast and explains itself. Which of its words does a measurement bear out, when all three are "
    "matched in size and each gets the same budget?"
)
KEY = (
    "First the best variant of each family, fixed by the rules or chosen on seeds that are not reported; plain is the "
    "textbook's. exact: counted, not sampled; procs: processes with clocks of their own; void: the explanation scores "
    "on an untrained model too. Core parameters are those between embedding and read-out, equal for all. Every first "
    "line links to its evidence."
)
COUNTED = ("agrees", "disagrees", "undecided", "not run")
MOST = 4
"""Cells named in one sentence."""


def blocks(material: Material) -> list[Block]:
    """Three sentences on one run; nothing for a run without a table."""
    if not material.verdicts:
        return []
    best = [cell for cell in material.verdicts["cells"] if cell["variant"] == "best" and cell["claimed"]]
    told = [_counted(material, best), _named(best), _limits(material, best)]
    return [Paragraph(" ".join(told), lead=True)]


def _counted(material: Material, best: Sequence[Cell]) -> str:
    counts = {verdict: sum(cell["verdict"] == verdict for cell in best) for verdict in COUNTED}
    parts = [f"{count} {_verb(verdict, count)}" for verdict, count in counts.items() if count]
    return f"Of the table's {len(best)} cells, {listed(parts)} ({material.title}).{_elsewhere(best)}"


def _elsewhere(best: Sequence[Cell]) -> str:
    """How many undecided cells leave open which word holds, but not that the claimed one does not."""
    undecided = [cell for cell in best if cell["verdict"] == "undecided"]
    others = [cell for cell in undecided if cell["measured"] and cell["claimed"] not in _words(cell)]
    if not others:
        return ""
    verb = "leaves" if len(others) == 1 else "leave"
    return f" Of the undecided, {len(others)} {verb} two words open of which neither is the claimed one."


def _words(cell: Cell) -> list[str]:
    """Every word that an undecided cell may come to."""
    return [cell["measured"], *(cell["alternative"] or cell["claimed"]).split(" or ")]


def _verb(verdict: str, count: int) -> str:
    several = {
        "agrees": "agree with what was measured",
        "disagrees": "disagree",
        "undecided": "are undecided",
        "not run": "were not run",
    }
    one = {"agrees": "agrees with what was measured", "undecided": "is undecided", "not run": "was not run"}
    return one.get(verdict, verdict) if count == 1 else several[verdict]


def _named(best: Sequence[Cell]) -> str:
    wrong = [_contrast(cell) for cell in best if cell["verdict"] == "disagrees"]
    right = [f"{cell['row']} of {cell['column']} ({cell['measured']})" for cell in best if cell["verdict"] == "agrees"]
    if wrong:
        return f"Contradicted: {listed(_cut(wrong))}."
    return f"Borne out: {listed(_cut(right))}." if right else "No word of it is borne out or contradicted beyond doubt."


def _contrast(cell: Cell) -> str:
    figure = wording.figure(cell)
    return f"{cell['row']} of {cell['column']}, claimed {cell['claimed']}, measured {cell['measured']} ({figure})"


def _limits(material: Material, best: Sequence[Cell]) -> str:
    trials = material.run.select(split="report", status="ok")
    lengths = sorted(int(n) for n in trials["length"].dropna().unique())
    seeds = [cell["seeds"] for cell in best if cell["seeds"] and cell["core_parameters"]]
    facts = []
    if material.headline.core_parameters:
        facts.append(f"{material.headline.core_parameters:,} core parameters in the learning rows")
    if lengths:
        facts.append(f"lengths {lengths[0]} to {lengths[-1]} there")
    if seeds:
        facts.append(f"{min(seeds)} seed{'s' * (min(seeds) != 1)}")
    return f"That holds for {listed(facts) or 'what was run'}, and for no more."


def _cut(parts: Sequence[str]) -> list[str]:
    return [*parts[:MOST], *([f"{len(parts) - MOST} more"] if len(parts) > MOST else [])]
