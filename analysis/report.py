"""Run folder in, verdicts out: writes verdicts.json, table.md and measurements.csv beside the records.

The same records give the same bytes. Each file is replaced in one step.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis import page
from analysis.load import load, tidy
from analysis.verdicts import judge
from bench.records import write_atomically

VERDICTS, TABLE, MEASUREMENTS = "verdicts.json", "table.md", "measurements.csv"
FORMULA = re.compile(r"^[=+\-@\t\r]")
"""A spreadsheet runs a cell that begins like this."""


def write(folder: Path) -> dict[str, Any]:
    """Judge a run folder and write the three files. Raises RecordsError for a folder that cannot be used."""
    run = load(folder)
    verdicts = judge(run)
    write_atomically(folder / VERDICTS, json.dumps(verdicts, indent=1, sort_keys=True, allow_nan=False) + "\n")
    write_atomically(folder / TABLE, page.markdown(verdicts))
    write_atomically(folder / MEASUREMENTS, to_csv(tidy(run)))
    return verdicts


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
