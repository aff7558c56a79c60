"""What the table says, in plain text: shared by the terminal (table) and Markdown (page).

A verdict carries a sign and a word, so that neither colour nor a font decides what is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from analysis.claims import GENERATION, OURS, PARALLEL, SPEED, VARIANTS

SIGNS = {"agrees": "=", "disagrees": "x", "undecided": "?", "not run": "-", "no claim": "~"}
STYLES = {"agrees": "green", "disagrees": "red", "undecided": "yellow", "not run": "dim", "no claim": "cyan"}
OURS_TITLE = "Ours: not in the interview table, nothing claimed"
BESIDE = "Also measured (decides nothing)"
BESIDE_NOTE = (
    "Prices are medians over the cells that all best variants solve, an unsolved one counting as infinite; "
    "the exponent is at equal tokens a step, 0 being a cost linear in n."
)
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")

Cell = Mapping[str, Any]
"""A cell of verdicts.json."""
Cells = Mapping[tuple[str, str, str], Cell]
"""(row, column, variant) -> cell."""


def printable(text: str) -> str:
    """Text without control characters, line breaks and changes of writing direction."""
    return UNPRINTABLE.sub(" ", text)


def cut(text: str, letters: int) -> str:
    """Text of so many letters at most; strangers' names can be of any length."""
    return text if len(text) <= letters else text[: letters - 1] + "…"


def both(verdicts: Mapping[str, Any], part: str) -> list[Mapping[str, Any]]:
    """`rows` or `cells` of the interview table, then those of ours."""
    return [*verdicts[part], *verdicts["ours"][part]]


def index(verdicts: Mapping[str, Any]) -> Cells:
    """All cells by their place."""
    return {(cell["row"], cell["column"], cell["variant"]): cell for cell in both(verdicts, "cells")}


def titles(verdicts: Mapping[str, Any]) -> list[str]:
    """Columns from left to right."""
    return list(dict.fromkeys(cell["column"] for cell in verdicts["cells"]))


def named(row: str) -> str:
    """The name of a row where rows of both kinds are listed together."""
    return f"{row} (ours)" if row in OURS else row


def headline(verdicts: Mapping[str, Any]) -> str:
    """Study, device, rules, and whether the run was cut short."""
    machine = verdicts["machine"]
    where = machine.get("accelerator") or machine.get("processor") or machine.get("fingerprint") or ""
    on = f" ({where})" if where else ""
    missing = any(cell["verdict"] == "not run" for cell in verdicts["cells"])
    cut = f"; not complete: {verdicts['stopped']}" if verdicts["stopped"] else "; not complete" if missing else ""
    return printable(
        f"Study {verdicts['study']}, device {verdicts['device']}{on}, rules version {verdicts['rules']}{cut}"
    )


def legend(verdicts: Mapping[str, Any]) -> str:
    """What the signs mean; only those that a table can hold."""
    signs = [f"{SIGNS[v]} {v}" for v in SIGNS if v != "no claim" or any(c["verdict"] == v for c in verdicts["cells"])]
    return f"claimed -> measured, figure [95%]; {' '.join(signs)}"


def cell_lines(cells: Cells, row: str, title: str) -> list[tuple[str, str]]:
    """The lines of one place in the table with their styles: the best variant, then the plain one."""
    best, plain = (cells[row, title, variant] for variant in VARIANTS)
    lines = [(_words(best), ""), (figure(best), ""), (_verdict(best), STYLES.get(best["verdict"], ""))]
    # One variant can be both and still differ here: plain is judged beside plain ones, best beside best ones.
    if all(plain[key] == best[key] for key in ("architecture", "verdict")) and figure(plain) == figure(best):
        lines.append(("plain: the same", "dim"))
    else:
        sign = f"{SIGNS[plain['verdict']]} " if plain["verdict"] in SIGNS else ""
        word = plain["measured"] or plain["verdict"]
        lines += [(f"plain: {sign}{word}", "dim"), (figure(plain), "dim")]
    return [(printable(line), style) for line, style in lines if line]


def verdict_text(cell: Cell) -> str:
    """One cell in one line."""
    parts = [_words(cell), figure(cell), _verdict(cell)]
    return printable(", ".join(part for part in parts if part))


def seeds(cell: Cell) -> str:
    """How often the figure was repeated: seeds, processes of a clock, or not at all."""
    if cell["row"] == PARALLEL.row:
        return "exact" if cell["figure"] is not None else ""
    if cell["seeds"] is None:
        return ""
    unit = "proc" if cell["row"] in (SPEED.row, GENERATION.row) else "seed"
    return f"{cell['seeds']} {unit}{'s' * (cell['seeds'] != 1)}"


def flips(verdicts: Mapping[str, Any]) -> list[str]:
    """Verdicts that another regime or budget contradicts, one line each."""
    lines = []
    for flip in (*verdicts["regimes"]["flips"], *verdicts["ours"]["flips"]):
        words = "; ".join(
            word["measured"]
            + (f" ({word['verdict']})" if word["verdict"] in SIGNS else "")
            + f" in {word['regime']} at {word['core_parameters']:,}"
            for word in flip["words"]
        )
        lines.append(printable(f"{named(flip['row'])}, {flip['column']} ({flip['architecture']}): {words}"))
    return lines


def shared(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Text -> everybody it was said of, in order."""
    found: dict[str, list[str]] = {}
    for text, name in pairs:
        found.setdefault(text, []).append(name)
    return found


def _words(cell: Cell) -> str:
    if cell["measured"] is None:
        return f"claimed: {cell['claimed']}" if cell["claimed"] else ""
    return f"{cell['claimed']} -> {cell['measured']}" if cell["claimed"] else str(cell["measured"])


BEYOND = 10_000
"""A ratio to something near zero; its digits mean nothing."""
CELL_WIDTH = 26
"""Characters of a cell, three of them side by side in 80."""


def figure(cell: Cell) -> str:
    """Figure, interval and repetitions of one cell; what is known of them."""
    if cell["figure"] is None:
        return seeds(cell)
    ends = ["?" if cell[end] is None else _number(cell[end]) for end in ("low", "high")]
    line = f"{_number(cell['figure'])} [{', '.join(ends)}] {seeds(cell)}".rstrip()
    return line if len(line) <= CELL_WIDTH else line.replace(", ", ",")


def _number(value: float) -> str:
    if abs(value) >= BEYOND:
        return f"{'-' * (value < 0)}>{BEYOND:g}"
    return f"{round(value, 2) + 0.0:.2f}"  # adding 0.0 turns -0.0 into 0.0


def _verdict(cell: Cell) -> str:
    """Nothing for a decided row of ours, whose verdict is the word."""
    if cell["verdict"] not in SIGNS:
        return ""
    other = f" (or {cell['alternative'].replace(' or ', '/')})" if cell["alternative"] else ""
    return f"{SIGNS[cell['verdict']]} {cell['verdict']}{other}"
