"""Figures as data: speed.json, for whoever wants to recompute or redraw. One row of a figure is one line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from analysis.clocks import findings, page
from analysis.clocks.crossings import Crossing
from analysis.clocks.findings import Frames
from analysis.clocks.measured import Clocks

DIGITS = 6
"""Significant digits: the last bits of a library's logarithm must not change the file."""


def to_json(clocks: Clocks, frames: Frames) -> str:
    """JSON text: what the figures rest on, then each figure as its columns and rows; None is infinite or unknown."""
    about = {
        "study": clocks.run.plan["study"],
        "device": clocks.run.plan["device"],
        "machine": dict(clocks.run.machine),
        "constant_tokens": clocks.tokens,
        "kernels": dict(clocks.kernels),
        "columns": [dict(column) for column in clocks.columns],
        "found": findings.sentences(clocks, frames),
        "notes": page.notes(clocks, frames),
    }
    parts = [f"{json.dumps(key)}: {_dumps(value)}" for key, value in about.items()]
    figures = ",\n".join(f"{json.dumps(name)}: {_table(frame)}" for name, frame in frames.items())
    return "{\n" + ",\n".join([*parts, f'"figures": {{\n{figures}\n}}']) + "\n}\n"


def _table(frame: pd.DataFrame) -> str:
    rows = ",\n".join(_dumps(list(row)) for row in frame.itertuples(index=False, name=None))
    return f'{{"columns": {_dumps(list(frame.columns))}, "rows": [\n{rows}\n]}}'


def _dumps(value: object) -> str:
    return json.dumps(_plain(value), sort_keys=True, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Crossing):
        return _plain(asdict(value) | {"points": [point._asdict() for point in value.points]})
    if isinstance(value, Mapping):
        return {str(key): _plain(held) for key, held in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(held) for held in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None
    return value
