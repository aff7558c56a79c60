"""measurements.csv: one line per measured value, with everything that is known of its trial.

The same as the frame `load.tidy` as text, made without that frame: the facts of a trial are written out once and
repeated as text, where a frame of a million values copies twenty columns a million times.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.load import Run, columns

FORMULA = re.compile(r"^[=+\-@\t\r]")
"""A spreadsheet runs a cell that begins like this."""
AT_ONCE = 50_000
"""Lines in a piece: enough to be fast, few enough to take no memory."""


def pieces(run: Run) -> Iterator[str]:
    """The file in pieces of whole lines. A trial without any value has one line, with an empty metric."""
    header = columns(run)
    yield ",".join(header) + "\n"
    facts = _lines(_texts(run.trials[name]) for name in header[:-4])  # metric, subject, step and value follow
    names, place = _named(run.values)
    trial = run.values["trial"].to_numpy(dtype=np.int64)
    silent = np.setdiff1d(np.arange(len(run.trials)), trial)
    held = [
        np.concatenate([trial, silent]),
        np.concatenate([place, np.full(silent.size, len(names))]),
        np.concatenate([run.values["step"].fillna(-1).to_numpy(dtype=np.int64), np.full(silent.size, -1)]),
        np.concatenate([run.values["value"].to_numpy(), np.full(silent.size, np.nan)]),
    ]
    names.append(",")
    order = np.argsort(held[0], kind="stable")
    for start in range(0, order.size, AT_ONCE):
        *places, values = (column[order[start : start + AT_ONCE]] for column in held)
        rows = zip(*(place.tolist() for place in places), _numbers(values), strict=True)
        yield "".join([f"{facts[t]},{names[n]},{'' if s < 0 else s},{v}\n" for t, n, s, v in rows])


def defused(text: str) -> str:
    """The text with an apostrophe before a leading = + - @ tab or carriage return."""
    return "'" + text if FORMULA.match(text) else text


def _texts(column: pd.Series) -> list[Any]:
    """Cells as they are written; each different text is looked at once."""
    if pd.api.types.is_numeric_dtype(column):
        return [None if blank else value for blank, value in zip(column.isna(), column.tolist(), strict=True)]
    codes, found = pd.factorize(column)
    safe = [defused(str(text)) for text in found]
    return [safe[code] for code in codes]


def _named(values: pd.DataFrame) -> tuple[list[str], Any]:
    """Metric and subject as they are written, each pair once, and for every value which of them it is."""
    (metric, metrics), (subject, subjects) = (pd.factorize(values[name]) for name in ("metric", "subject"))
    codes, pairs = pd.factorize(metric * max(len(subjects), 1) + subject)
    firsts, seconds = pairs // max(len(subjects), 1), pairs % max(len(subjects), 1)
    return _lines([[defused(str(t)) for t in metrics[firsts]], [defused(str(t)) for t in subjects[seconds]]]), codes


def _lines(columns: Iterable[list[Any]]) -> list[str]:
    """Cells side by side, quoted where they must be, without the end of the line."""
    written: list[str] = []
    writer = csv.writer(SimpleNamespace(write=written.append), lineterminator="\r\n")  # both ask for quotes inside
    writer.writerows(zip(*columns, strict=True))
    return [line[:-2] for line in written]


def _numbers(values: npt.NDArray[np.float64]) -> list[str]:
    """Shortest texts that read back as the same numbers; nothing for NaN. Four times as fast as Python's repr."""
    texts = msgspec.json.encode(values.tolist()).decode()[1:-1].split(",")
    for at in np.flatnonzero(~np.isfinite(values)):
        texts[at] = "" if np.isnan(values[at]) else str(values[at])
    return texts
