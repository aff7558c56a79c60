"""ledger.json -> the ledger in the terminal, in 80 columns, and as GitHub Markdown.

Names come from records, which may be a stranger's: nothing in them is interpreted as markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text
from tabulate import tabulate

from analysis.ledger import words
from analysis.ledger.words import Claim, capital
from analysis.page import CHOSEN, escaped, selection
from analysis.wording import CELL_WIDTH, STYLES, printable

ABREAST = 3
"""Columns side by side in 80 characters."""
WIDTH = 80
MOST_FAILED = 20
"""Sentences on failed trials of one claim that are printed; ledger.json holds all."""
POINTER = "rules, reasons and what failed: ledger.md"


def render(ledger: Mapping[str, Any], console: Console) -> None:
    """Print three sentences, and every claim with its families, floor, seeds and verdict."""
    console.print(Text(words.heading(ledger)))
    for sentence in words.lead(ledger):
        console.print(Text(sentence))
    titles = words.titles(ledger)
    for start in range(0, len(titles), ABREAST):
        abreast = titles[start : start + ABREAST]
        console.print(Text(), _side_by_side([[title] for title in abreast], "bold"), Text("─" * WIDTH), sep="\n")
        for claim in ledger["claims"]:
            console.print(_claim(claim, abreast))
    console.print(Text(words.LEGEND), style="dim")
    console.print(Text(POINTER))


def markdown(ledger: Mapping[str, Any]) -> str:
    """The whole page, ending in a newline."""
    parts = [escaped(words.heading(ledger)), *(escaped(sentence) for sentence in words.lead(ledger))]
    parts += [_grid(ledger), escaped(words.LEGEND)]
    for claim in ledger["claims"]:
        parts += _section(claim)
    parts += [f"**{CHOSEN}**", selection(ledger)] if ledger["selection"] else []
    return "\n\n".join(part for part in parts if part) + "\n"


def failed(claim: Claim) -> list[str]:
    """What failed or was not run, as far as it is printed."""
    lost = [printable(line) for line in claim["failed"]]
    more = len(lost) - MOST_FAILED
    return [*lost[:MOST_FAILED], *([f"{more} more"] if more > 0 else [])]


def _claim(claim: Claim, titles: list[str]) -> Group:
    """Its name, the figures of its families side by side, its verdict, and what the figures are to be read against."""
    own = {f["column"]: f for f in claim["families"]}
    first, *others = words.verdict_lines(claim)
    lines = [*others, f"{claim['unit']} {claim['bound']}", _against(claim)]
    return Group(
        Text(f"{claim['number']} {claim['claim']}".upper(), style="bold"),
        _side_by_side([words.family_lines(claim, own[title]) for title in titles]),
        Text(first, style=STYLES[claim["verdict"]]),
        *(Text(printable(line)) for line in lines),
        Text(),
    )


def _side_by_side(stacks: Sequence[Sequence[str]], style: str = "") -> Table:
    grid = Table.grid(padding=(0, 1, 0, 0))
    for _ in stacks:
        grid.add_column(width=CELL_WIDTH, overflow="fold")
    grid.add_row(*(Text("\n".join(map(printable, stack)), style=style) for stack in stacks))
    return grid


def _against(claim: Claim) -> str:
    floor = f"floor {claim['floor']}; " if claim["floor"] else ""
    counted = words.seeds(claim)
    return floor + (counted if "process" in counted else f"seeds {counted}")


def _grid(ledger: Mapping[str, Any]) -> str:
    titles = words.titles(ledger)
    rows = []
    for claim in ledger["claims"]:
        own = {f["column"]: f for f in claim["families"]}
        cells = ["<br>".join(map(escaped, words.family_lines(claim, own[title]))) for title in titles]
        verdict = "<br>".join(map(escaped, words.verdict_lines(claim)))
        name = escaped(f"{claim['number']}. {capital(claim['claim'])}")
        rows.append([name, *cells, escaped(claim["floor"]), escaped(words.seeds(claim)), verdict])
    header = ["Claim", *map(escaped, titles), "Floor", "Seeds", "Verdict"]
    return tabulate(rows, header, tablefmt="pipe", disable_numparse=True)


def _section(claim: Claim) -> list[str]:
    title = f"**{escaped(words.summary(claim))}**"
    rule = escaped(f"Claimed: {claim['said']} Rule: {claim['rule']}.")
    lost = failed(claim)
    parts = [title, rule, _bullets(words.reasons(claim))]
    parts += ["What failed or was not run:", _bullets(lost)] if lost else []
    return [*parts, f"To measure it again: `{printable(claim['repeat']).replace('`', '')}`"]


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {escaped(line)}" for line in lines)
