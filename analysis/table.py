"""verdicts.json -> the table a person reads: in the terminal (80 columns, no colour needed) and as GitHub Markdown.

Verdicts carry a sign and a word, so that neither colour nor a font decides what is read. Names come from records, which
may be a stranger's: nothing in them is interpreted as markup.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from analysis.claims import SPEED, VARIANTS

SIGNS = {"agrees": "=", "disagrees": "x", "undecided": "?", "not run": "-", "no claim": "~"}
STYLES = {"agrees": "green", "disagrees": "red", "undecided": "yellow", "not run": "dim", "no claim": "cyan"}
LEGEND = (
    "A cell: claimed word -> measured word, figure [95 % interval], verdict; then the plain variant. "
    "Signs: = agrees, x disagrees, ? undecided, - not run, ~ no claim to compare with."
)
ABREAST = 3
"""Columns side by side in 80 characters."""
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
MARKUP = re.compile(r"([\\`*_\[\]<|&]|^[#>+-](?!>)|~(?=~))")

Cells = Mapping[tuple[str, str, str], Mapping[str, Any]]
"""(row, column, variant) -> cell of verdicts.json."""


def render(verdicts: Mapping[str, Any], console: Console) -> None:
    """Print the table, the rules behind it and the reasons of what is undecided or not run."""
    cells = _index(verdicts)
    titles = list(dict.fromkeys(cell["column"] for cell in verdicts["cells"]))
    console.print(Text(_headline(verdicts)))
    for start in range(0, len(titles), ABREAST):
        console.print(_block(verdicts, cells, titles[start : start + ABREAST]))
    console.print(Text(LEGEND), style="dim")
    for title, lines in (("Columns", _columns(verdicts)), ("Rules", _rules(verdicts)), ("Reasons", _reasons(verdicts))):
        if lines:
            console.print(Text(f"\n{title}"), style="bold")
        bullets = Table.grid(padding=(0, 1, 0, 0))
        for line in lines:
            bullets.add_row("*", Text(line))
        console.print(bullets)


def markdown(verdicts: Mapping[str, Any]) -> str:
    """The same as GitHub Markdown, ending in a newline."""
    cells = _index(verdicts)
    titles = list(dict.fromkeys(cell["column"] for cell in verdicts["cells"]))
    frame = pd.DataFrame(
        {
            "Feature": [escaped(rule["row"]) for rule in verdicts["rows"]],
            **{
                escaped(title): [
                    "<br>".join(escaped(line) for line, _ in _lines(cells, rule["row"], title))
                    for rule in verdicts["rows"]
                ]
                for title in titles
            },
        }
    )
    parts = [escaped(_headline(verdicts)), frame.to_markdown(index=False, disable_numparse=True), escaped(LEGEND)]
    for title, lines in (("Columns", _columns(verdicts)), ("Rules", _rules(verdicts)), ("Reasons", _reasons(verdicts))):
        parts += [f"**{title}**\n\n" + "\n".join(f"- {escaped(line)}" for line in lines)] if lines else []
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """Text that Markdown shows as it is."""
    return MARKUP.sub(r"\\\1", printable(text))


def printable(text: str) -> str:
    """Text without control characters, line breaks and changes of writing direction."""
    return UNPRINTABLE.sub(" ", text)


def _index(verdicts: Mapping[str, Any]) -> Cells:
    return {(cell["row"], cell["column"], cell["variant"]): cell for cell in verdicts["cells"]}


def _headline(verdicts: Mapping[str, Any]) -> str:
    machine = verdicts["machine"]
    where = machine.get("accelerator") or machine.get("processor") or machine.get("fingerprint") or ""
    on = f" ({where})" if where else ""
    cut = f"; not complete: {verdicts['stopped']}" if verdicts["stopped"] else ""
    return printable(
        f"Study {verdicts['study']}, device {verdicts['device']}{on}, rules version {verdicts['rules']}{cut}"
    )


def _block(verdicts: Mapping[str, Any], cells: Cells, titles: list[str]) -> Table:
    block = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for title in titles:
        block.add_column(Text(printable(title)), min_width=24, max_width=26, overflow="fold")
    for rule in verdicts["rows"]:
        block.add_row(Text(rule["row"].upper(), style="bold", no_wrap=True), *[""] * (len(titles) - 1))
        stacks = [_lines(cells, rule["row"], title) for title in titles]
        block.add_row(*(Text("\n").join(Text(line, style=style) for line, style in stack) for stack in stacks))
        block.add_row()
    return block


def _lines(cells: Cells, row: str, title: str) -> list[tuple[str, str]]:
    """The lines of one cell with their styles."""
    best, plain = (cells[row, title, variant] for variant in VARIANTS)
    claimed = f"{best['claimed']} -> " if best["claimed"] else ""
    verdict = f"{SIGNS[best['verdict']]} {best['verdict']}"
    verdict += f" (or {best['alternative']})" if best["alternative"] else ""
    lines = [(claimed + (best["measured"] or "none"), ""), (_figure(best), ""), (verdict, STYLES[best["verdict"]])]
    if plain["architecture"] != best["architecture"]:
        lines.append((f"plain: {_short(plain)}", "dim"))
    return [(printable(line), style) for line, style in lines if line]


def _figure(cell: Mapping[str, Any]) -> str:
    if cell["figure"] is None:
        return ""
    low, high = ("unknown" if cell[end] is None else f"{cell[end]:.2f}" for end in ("low", "high"))
    return f"{cell['figure']:.2f} [{low}, {high}]"


def _short(cell: Mapping[str, Any]) -> str:
    if cell["measured"] is None:
        return str(cell["verdict"])
    figure = "" if cell["figure"] is None else f" {cell['figure']:.2f}"
    return f"{cell['measured']}{figure}{' ?' if cell['verdict'] == 'undecided' else ''}"


def _columns(verdicts: Mapping[str, Any]) -> list[str]:
    lines = []
    for column in verdicts["columns"]:
        why = f" ({column['best_reason']})" if column.get("best_reason") else ""
        names = f"best {column['best'] or 'not chosen yet'}{why}, plain {column['plain']}"
        if column["best"] == column["plain"]:
            names = f"{column['plain']}{why}"
        lines.append(printable(f"{column['title']}: {names}"))
    return lines


def _rules(verdicts: Mapping[str, Any]) -> list[str]:
    lines = []
    for rule in verdicts["rows"]:
        own = [cell for cell in verdicts["cells"] if cell["row"] == rule["row"] and cell["measured"]]
        counts = sorted({cell["seeds"] for cell in own if cell["seeds"] is not None})
        exact = "exact" if any(cell["figure"] is not None for cell in own) else "none"
        seeds = " to ".join(str(count) for count in dict.fromkeys((counts[0], counts[-1]))) if counts else exact
        tasks = sorted({task for cell in own for task in cell["tasks"]})
        on = f"; tasks: {', '.join(tasks)}" if tasks else ""
        repeated = "processes" if rule["row"] == SPEED.row else "seeds"
        where = f"unit: {rule['unit']}; device {verdicts['device']}; {repeated}: {seeds}{on}"
        lines.append(printable(f"{rule['row']}: {rule['rule']}; {where}"))
    return lines


def _reasons(verdicts: Mapping[str, Any]) -> list[str]:
    """Why cells are undecided or not run; one line where several cells share a reason."""
    shared: dict[tuple[str, str, str], list[str]] = {}
    for cell in verdicts["cells"]:
        if cell["verdict"] in ("undecided", "not run"):
            name = f"{cell['column']} {cell['variant']}"
            shared.setdefault((cell["row"], cell["verdict"], cell["reason"]), []).append(name)
    return [
        printable(f"{row}, {', '.join(names)}: {verdict}: {reason}") for (row, verdict, reason), names in shared.items()
    ]
