"""A run's cells in a notebook: a frame to work with, and a table when it is the last line.

from analysis.notebook import verdicts
verdicts("reports/quick")  # the table; verdicts("reports/quick").frame is a pandas DataFrame, one row a cell
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from analysis import wording
from analysis.load import load
from analysis.verdicts import judge

COLUMNS = (
    *("row", "column", "variant", "architecture", "claimed", "measured", "figure", "low", "high", "unit"),
    *("verdict", "alternative", "seeds", "device", "regime", "core_parameters", "reason"),
)


@dataclass(frozen=True)
class Verdicts:
    """What a run earned; shows itself as a table where HTML can be shown."""

    judged: Mapping[str, Any]
    """As in verdicts.json."""

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row per cell, columns COLUMNS; what is unknown is missing, `figure`, `low` and `high` are in `unit`."""
        frame = pd.DataFrame(wording.both(self.judged, "cells"), columns=list(COLUMNS))
        whole = dict.fromkeys(("seeds", "core_parameters"), "Int64")
        return frame.astype({**whole, **dict.fromkeys(("figure", "low", "high"), "float64")})

    @cached_property
    def table(self) -> pd.DataFrame:
        """Rows of the table down, columns across, both variants of a cell in its text."""
        cells, titles = wording.index(self.judged), wording.titles(self.judged)
        names = [rule["row"] for rule in wording.both(self.judged, "rows")]
        texts = [["\n".join(line for line, _ in wording.cell_lines(cells, n, t)) for t in titles] for n in names]
        return pd.DataFrame(texts, index=[wording.named(n) for n in names], columns=titles)

    def _repr_html_(self) -> str:
        """Everything escaped: names may be a stranger's."""
        shown = "".join(
            f'<tr><th scope="row">{escape(str(name))}</th>' + "".join(map(_shown, row)) + "</tr>"
            for name, *row in self.table.itertuples(name=None)
        )
        head = "".join(f'<th scope="col">{escape(wording.printable(title))}</th>' for title in self.table.columns)
        captions = (wording.headline(self.judged), wording.legend(self.judged))
        caption = "<br>".join(escape(text) for text in captions)
        return f"<table><caption>{caption}</caption><tr><td></td>{head}</tr>{shown}</table>"

    def __repr__(self) -> str:
        shown = self.frame[["row", "column", "variant", "claimed", "measured", "figure", "verdict"]]
        return f"{wording.headline(self.judged)}\n{shown.to_string(index=False)}"


def verdicts(folder: str | Path) -> Verdicts:
    """The verdicts of a run folder. Raises RecordsError, with a mend, for one that cannot be used."""
    return Verdicts(judge(load(Path(folder))))


def frame(folder: str | Path) -> pd.DataFrame:
    """The cells of a run folder, one row each; see `Verdicts.frame`."""
    return verdicts(folder).frame


def _shown(text: str) -> str:
    return f"<td>{'<br>'.join(escape(line) for line in text.splitlines())}</td>"
