"""The table as blocks, every place a link to the fold in which its evidence lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analysis import wording
from analysis.document import Block, Entry, Line, Paragraph, Table, Tone, anchor
from analysis.material import Material
from analysis.wording import SIGNS, STYLES, Cells

TONES: dict[str, Tone] = {
    STYLES["agrees"]: "agrees",
    STYLES["disagrees"]: "disagrees",
    STYLES["undecided"]: "undecided",
    "dim": "dim",
}
"""Style of a line in the terminal -> tone. A line without a claim has none."""
PREFIX = "cell"
LONGEST = 60
"""Letters of a row's and a column's name together: they become the name of a file."""

Places = Mapping[tuple[str, str], str]
"""(row, column) -> anchor of its fold."""


def table(material: Material, prefix: str = PREFIX) -> list[Block]:
    """The reproduced table, the one of ours, and what the signs mean; nothing for a study without rows.

    Every place leads to its fold (see `folds`); `prefix` keeps the folds of several runs on one page apart.
    """
    verdicts = material.verdicts
    if not verdicts:
        return []
    cells, titles, found = wording.index(verdicts), wording.titles(verdicts), places(material, prefix)
    return [
        _table("The interview table: claimed word, then measured word", verdicts["rows"], cells, titles, found),
        _table(wording.OURS_TITLE, verdicts["ours"]["rows"], cells, titles, found),
        Paragraph(wording.legend(verdicts)),
    ]


def places(material: Material, prefix: str = PREFIX) -> dict[tuple[str, str], str]:
    """A name of its own for every row and column, also where two strangers' names differ in signs alone."""
    names: dict[tuple[str, str], str] = {}
    for row in wording.both(material.verdicts, "rows"):
        for title in wording.titles(material.verdicts):
            wanted = anchor(prefix, anchor(row["row"], title)[:LONGEST])
            name, copies = wanted, 1
            while name in names.values():
                copies += 1
                name = f"{wanted}-{copies}"
            names[row["row"], title] = name
    return names


def _table(
    caption: str, rows: Sequence[Mapping[str, Any]], cells: Cells, titles: Sequence[str], found: Places
) -> Table:
    return Table(
        caption,
        ("Feature", *map(wording.printable, titles)),
        tuple((rule["row"], *(_entry(cells, rule["row"], title, found) for title in titles)) for rule in rows),
    )


def _entry(cells: Cells, row: str, title: str, found: Places) -> Entry:
    lines = [Line(text, _tone(text, style)) for text, style in wording.cell_lines(cells, row, title)]
    return Entry(tuple(lines), found[row, title])


def _tone(text: str, style: str) -> Tone:
    return "not run" if text == f"{SIGNS['not run']} not run" else TONES.get(style, "")
