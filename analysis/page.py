"""verdicts.json -> table.md: the table and everything that it rests on, as GitHub Markdown.

Names come from records, which may be a stranger's: everything is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from analysis import wording
from analysis.claims import CAVEATS
from analysis.wording import Cells, named, printable

CHOSEN = "Learning rates, chosen on development seeds"
MARKUP = re.compile(r"([\\`*_\[\]<|&]|^[#>+-](?!>)|~(?=~))")


def markdown(verdicts: Mapping[str, Any]) -> str:
    """The whole page, ending in a newline."""
    cells, titles = wording.index(verdicts), wording.titles(verdicts)
    parts = [
        escaped(wording.headline(verdicts)),
        _section("Verdicts that flip between regimes", _bullets(wording.flips(verdicts))),
        _table(verdicts["rows"], cells, titles),
        _section(wording.OURS_TITLE, _table(verdicts["ours"]["rows"], cells, titles)),
        escaped(wording.legend(verdicts)),
        _section("Columns", _bullets(_columns(verdicts))),
        _section("Rules", _bullets(f"{named(r['row'])}: {r['rule']}" for r in wording.both(verdicts, "rows"))),
        _section("Why every cell says what it says", _bullets(_reasons(wording.both(verdicts, "cells")))),
        _section(wording.BESIDE, "\n\n".join(_beside(verdicts))),
        _section(CHOSEN, selection(verdicts)),
        _section("Regimes", escaped(verdicts["regimes"]["summary"])),
        _bullets(_reasons([*verdicts["regimes"]["cells"], *verdicts["ours"]["elsewhere"]])),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def escaped(text: str) -> str:
    """Text that Markdown shows as it is."""
    return MARKUP.sub(r"\\\1", printable(text))


def _section(title: str, body: str) -> str:
    return f"**{title}**\n\n{body}" if body else ""


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {escaped(line)}" for line in lines)


def _grid(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table of texts that are escaped already."""
    frame = pd.DataFrame(list(rows), columns=list(header))
    return "" if frame.empty else str(frame.to_markdown(index=False, disable_numparse=True))


def _table(rules: Sequence[Mapping[str, Any]], cells: Cells, titles: Sequence[str]) -> str:
    rows = []
    for rule in rules:
        stacks = [[escaped(line) for line, _ in wording.cell_lines(cells, rule["row"], title)] for title in titles]
        rows.append([escaped(rule["row"]), *("<br>".join(stack) for stack in stacks)])
    return _grid(["Feature", *map(escaped, titles)], rows)


def _columns(verdicts: Mapping[str, Any]) -> list[str]:
    lines = []
    for column in verdicts["columns"]:
        why = f" ({column['best_reason']})" if column.get("best_reason") else ""
        names = f"best {column['best'] or 'not chosen yet'}{why}, plain {column['plain']}"
        lines.append(f"{column['title']}: {names}")
    return [*lines, *CAVEATS]


def _reasons(cells: Sequence[wording.Cell]) -> list[str]:
    """Every cell in words; cells that say the same, as those of a plain variant that is the best one, share a line."""
    pairs = []
    for cell in cells:
        place = f"{named(cell['row'])}, {cell['column']}, {cell['architecture'] or 'not chosen yet'}"
        where = f", {cell['regime']} at {cell['core_parameters']:,}" if cell["core_parameters"] else ""
        on = f"; tasks: {', '.join(cell['tasks'])}" if cell["tasks"] else ""
        text = f"{place} (\0){where}: {wording.verdict_text(cell)}: {cell['reason']}{on}; unit: {cell['unit']}"
        pairs.append((text, cell["variant"]))
    return [text.replace("\0", " and ".join(variants), 1) for text, variants in wording.shared(pairs).items()]


def _beside(verdicts: Mapping[str, Any]) -> list[str]:
    """One table a column: measure, best, plain."""
    found = {(m["column"], m["measure"], m["variant"]): m["text"] for m in verdicts["beside"]}
    names = {(c["title"], variant): c[variant] for c in verdicts["columns"] for variant in ("best", "plain")}
    grids = []
    for title in wording.titles(verdicts):
        labels = dict.fromkeys(label for column, label, _ in found if column == title)
        header = [escaped(f"{title}: {names[title, v] or 'not chosen yet'} ({v})") for v in ("best", "plain")]
        rows = (
            [escaped(label), *(escaped(found.get((title, label, v), "not measured")) for v in ("best", "plain"))]
            for label in labels
        )
        grids.append(_grid(["Measure", *header], rows))
    grids = [grid for grid in grids if grid]
    return [escaped(wording.BESIDE_NOTE), *grids] if grids else []


def selection(verdicts: Mapping[str, Any]) -> str:
    """The table of what was chosen; empty where nothing was."""
    header = ("For", "Architecture", "Learning rate", "Merit (0 to 2)", "Development trials at each rate")
    return _grid(
        header,
        (
            [
                escaped(str(choice["row"])),
                escaped(str(choice["architecture"])),
                f"{choice['learning_rate']:g}" + (" (edge)" if choice.get("edge") else ""),
                f"{choice['merit']:.2f}",
                str(choice["trials"]),
            ]
            for choice in verdicts["selection"]
        ),
    )
