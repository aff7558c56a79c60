"""verdicts.json -> the table for a paper: LaTeX with the packages booktabs and, for names beyond ASCII, any engine
that reads UTF-8. No colour; a verdict is a word."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from analysis import wording
from analysis.claims import PARALLEL
from analysis.document import anchor
from analysis.wording import Cell, Cells, named, printable

SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
    '"': r"\textquotedbl{}",
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
}
ARROW = r" $\to$ "
BREAK = r" \\"
HINT = "% needs \\usepackage{booktabs} and \\usepackage[T1]{fontenc}"


def escaped(text: str) -> str:
    """Text that LaTeX prints as it is; two dashes stay two dashes."""
    return re.sub("(?<=-)-", "{}-", "".join(SPECIAL.get(letter, letter) for letter in printable(text)))


def table(verdicts: Mapping[str, Any]) -> str:
    """The table of a run, three lines of a cell for its best variant and two for the plain one; ends in a newline."""
    cells, titles = wording.index(verdicts), wording.titles(verdicts)
    lines = [
        HINT,
        r"\begin{table*}",
        r"\centering\footnotesize\setlength{\tabcolsep}{4pt}",
        rf"\caption{{{_caption(verdicts)}}}",
        rf"\label{{tab:{anchor('bakeoff', verdicts['study'], verdicts['device'])}}}",
        rf"\begin{{tabular}}{{@{{}}l{'l' * len(titles)}@{{}}}}",
        r"\toprule",
        " & ".join(["", *map(escaped, titles)]) + BREAK,
        r"\midrule",
        *_body(verdicts["rows"], cells, titles),
    ]
    if ours := verdicts["ours"]["rows"]:
        lines += [r"\midrule", *_body(ours, cells, titles)]
    lines += [r"\bottomrule", r"\end{tabular}", r"\end{table*}"]
    return "\n".join(lines) + "\n"


def _caption(verdicts: Mapping[str, Any]) -> str:
    """Study, device, rules, and how to read a cell."""
    read = r"Claimed $\to$ measured, figure, 95\,\% interval and verdict, best variant first"
    return f"{escaped(wording.headline(verdicts))}. {read}."


def _body(rows: list[Mapping[str, Any]], cells: Cells, titles: list[str]) -> list[str]:
    lines = []
    for number, rule in enumerate(rows):
        stacks = [_stack(cells, rule["row"], title) for title in titles]
        heads = [escaped(named(rule["row"])), "", "", "", ""]
        grid = zip(heads, *stacks, strict=True)
        lines += [r"\addlinespace"] * bool(number) + [" & ".join(line) + BREAK for line in grid if any(line)]
    return lines


def _stack(cells: Cells, row: str, title: str) -> tuple[str, ...]:
    """Words, figure and verdict of the best variant, then of the plain one; empty where there is nothing."""
    best, plain = cells[row, title, "best"], cells[row, title, "plain"]
    said = [plain["measured"] or "", plain["verdict"] if plain["verdict"] in wording.SIGNS else ""]
    return (
        _words(best),
        _figure(best),
        escaped(_verdict(best)),
        f"plain: {escaped(', '.join(filter(None, said)))}",
        _figure(plain),
    )


def _verdict(cell: Cell) -> str:
    """Nothing for a decided row of ours, whose verdict is the word."""
    other = f" (or {cell['alternative'].replace(' or ', '/')})" if cell["alternative"] else ""
    return cell["verdict"] + other if cell["verdict"] in wording.SIGNS else ""


def _words(cell: Cell) -> str:
    if cell["measured"] is None:
        return escaped(f"claimed: {cell['claimed']}" if cell["claimed"] else "")
    return ARROW.join(escaped(word) for word in (cell["claimed"], cell["measured"]) if word)


def _figure(cell: Cell) -> str:
    """`0.72 [0.71, 0.74]`; an unknown end is a question mark."""
    if cell["figure"] is None:
        return ""
    figure, low, high = (_number(cell[name]) for name in ("figure", "low", "high"))
    return f"{figure} [{low}, {high}]" + " exact" * (cell["row"] == PARALLEL.row)


def _number(value: float | None) -> str:
    """Two decimals, with a minus sign; a ratio to something near zero only as that."""
    if value is None:
        return "?"
    size = f"{abs(value):.2f}" if abs(value) < wording.BEYOND else f">{wording.BEYOND:g}"
    return f"${'-' * (value < 0 and size != '0.00')}{size}$"
