"""verdicts.json -> the table in the terminal: 80 columns, no colour needed, short. The whole story is in page.

Names come from records, which may be a stranger's: nothing in them is interpreted as markup.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from analysis import wording
from analysis.regimes import OPEN
from analysis.wording import Cells, named, printable

ABREAST = 3
"""Columns side by side in 80 characters."""
LABEL, VALUE = 25, 18
"""Widths of the block of further measures."""
POINTER = "full reasons, plain variants and notes: table.md"


def render(verdicts: Mapping[str, Any], console: Console) -> None:
    """Print the table, what it rests on, what is open and why, and what was measured beside it."""
    cells, titles = wording.index(verdicts), wording.titles(verdicts)
    blocks = [titles[start : start + ABREAST] for start in range(0, len(titles), ABREAST)]
    console.print(Text(wording.headline(verdicts)))
    _list(console, "VERDICTS THAT FLIP BETWEEN REGIMES", wording.flips(verdicts))
    for block in blocks:
        console.print(_table(verdicts["rows"], cells, block))
        console.print(Text(_line(wording.OURS_TITLE, len(block))))
        console.print(_table(verdicts["ours"]["rows"], cells, block, header=False))
    console.print(Text(wording.legend(verdicts)), style="dim")
    _list(console, "Rules", _rules(verdicts))
    _list(console, "Why undecided or not run (best variants)", _open(verdicts))
    for block in blocks:
        _beside(console, verdicts, block)
    console.print(Text("\n" + printable(f"Regimes: {verdicts['regimes']['summary']}")))
    console.print(Text(POINTER))


def _list(console: Console, title: str, lines: list[str]) -> None:
    if not lines:
        return
    console.print(Text(f"\n{title}"), style="bold")
    bullets = Table.grid(padding=(0, 1, 0, 0))
    for line in lines:
        bullets.add_row("*", Text(line))
    console.print(bullets)


def _line(title: str, columns: int) -> str:
    """A title in a rule as wide as so many columns."""
    return f"── {title} ".ljust(columns * (wording.CELL_WIDTH + 1) - 1, "─")


def _table(rows: list[Mapping[str, Any]], cells: Cells, titles: list[str], header: bool = True) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=0, show_header=header)
    for title in titles:
        table.add_column(
            Text(printable(title)), min_width=wording.CELL_WIDTH, max_width=wording.CELL_WIDTH, overflow="fold"
        )
    for rule in rows:
        table.add_row(Text(rule["row"].upper(), style="bold", no_wrap=True), *[""] * (len(titles) - 1))
        stacks = [wording.cell_lines(cells, rule["row"], title) for title in titles]
        table.add_row(*(Text("\n").join(Text(line, style=style) for line, style in stack) for stack in stacks))
        table.add_row()
    return table


def _rules(verdicts: Mapping[str, Any]) -> list[str]:
    lines = []
    cells = wording.both(verdicts, "cells")
    for rule in wording.both(verdicts, "rows"):
        own = [cell for cell in cells if cell["row"] == rule["row"] and cell["measured"]]
        counts = sorted({cell["seeds"] for cell in own if cell["seeds"] is not None})
        some = next((wording.seeds(cell) for cell in own if cell["seeds"] == max(counts, default=None)), "not run")
        repeats = f"{counts[0]} to {some}" if len(counts) > 1 else some
        tasks = ", ".join(sorted({task for cell in own for task in cell["tasks"]}))
        where = ", ".join(filter(None, (verdicts["device"], repeats)))
        said = f"{named(rule['row'])}: {rule['unit']}; {rule['bands']}; {where}" + f"; {tasks}" * bool(tasks)
        lines.append(printable(said))
    return lines


def _open(verdicts: Mapping[str, Any]) -> list[str]:
    """The doubts of best variants; columns that share them share a line."""
    texts = wording.shared(
        (f"{named(cell['row'])}, \0: {'; '.join(cell['doubts'])}", cell["column"])
        for cell in wording.both(verdicts, "cells")
        if cell["variant"] == "best" and cell["verdict"] in OPEN
    )
    return [printable(text.replace("\0", ", ".join(columns), 1)) for text, columns in texts.items()]


def _beside(console: Console, verdicts: Mapping[str, Any], titles: list[str]) -> None:
    found = {(m["measure"], m["column"]): m["text"] for m in verdicts["beside"] if m["variant"] == "best"}
    labels = list(dict.fromkeys(label for label, title in found if title in titles))
    if not labels:
        return
    block = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="")
    block.add_column("", width=LABEL)
    for title in titles:
        block.add_column(Text(printable(title)), width=VALUE - 1, overflow="fold")
    for label in labels:
        texts = (found.get((label, title), "not measured") for title in titles)
        block.add_row(Text(printable(label)), *(Text(printable(text)) for text in texts))
    console.print(Text(f"\n{wording.BESIDE}"), style="bold")
    console.print(block)
    console.print(Text(wording.BESIDE_NOTE), style="dim")
