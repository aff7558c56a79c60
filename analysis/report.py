"""Run folder in, judgement out: the table where a row of it was planned, pages on speed and peers, all measurements.

The same records give the same bytes. Each file is replaced in one step.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from analysis import clocks, page, peers
from analysis.load import Run, load, tidy
from analysis.verdicts import judge
from bench.records import write_atomically

VERDICTS, TABLE, MEASUREMENTS = "verdicts.json", "table.md", "measurements.csv"
FORMULA = re.compile(r"^[=+\-@\t\r]")
"""A spreadsheet runs a cell that begins like this."""


BESIDE_THE_TABLE = {"clock grid", "peers", "theory"}
"""Rows of a plan that no cell of the table rests on."""


class Written(NamedTuple):
    """What was made of a run folder."""

    verdicts: dict[str, Any]
    """Empty where the study has no row of the table."""
    found: list[str]
    """Lines for the terminal: what the pages beside the table say first."""
    files: list[str]


def write(folder: Path) -> Written:
    """Judge a run folder and write every file. Raises RecordsError for a folder that cannot be used."""
    run = load(folder)
    verdicts, files = _write_table(run, folder)
    pages = (clocks, peers)
    files += [name for page in pages for name in page.write(run, folder)]
    write_atomically(folder / MEASUREMENTS, to_csv(tidy(run)))
    return Written(verdicts, [line for page in pages for line in page.summary(run)], [*files, MEASUREMENTS])


def _write_table(run: Run, folder: Path) -> tuple[dict[str, Any], list[str]]:
    if {row for rows in run.trials["rows"] for row in rows} <= BESIDE_THE_TABLE and len(run.trials):
        return {}, []
    verdicts = judge(run)
    write_atomically(folder / VERDICTS, json.dumps(verdicts, indent=1, sort_keys=True, allow_nan=False) + "\n")
    write_atomically(folder / TABLE, page.markdown(verdicts))
    return verdicts, [TABLE, VERDICTS]


def to_csv(frame: pd.DataFrame) -> str:
    """CSV whose text cells no spreadsheet takes for a formula."""
    safe = frame.copy()
    for name in (name for name in safe if not pd.api.types.is_numeric_dtype(safe[name])):
        texts = pd.Categorical(safe[name])  # few distinct texts in many rows: look at each once
        safe[name] = np.array([*(defused(str(text)) for text in texts.categories), ""], dtype=object)[texts.codes]
    return str(safe.to_csv(index=False, lineterminator="\n"))


def defused(text: str) -> str:
    """The text with an apostrophe before a leading = + - @ tab or carriage return."""
    return "'" + text if FORMULA.match(text) else text
