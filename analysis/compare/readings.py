"""What a run's clocks read, condition by condition, in a shape in which two runs can be joined."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis.clocks import samples
from analysis.clocks.samples import FULL_PRECISION, SINGLE, TWIN
from analysis.load import Run

CLOCK_ROWS = ("speed", samples.GRID)
TOKEN = "token"
PASSES = {
    "forward": "forward pass",
    "forward_backward": "forward and backward pass",
    "step": "training step",
    TOKEN: "generated token",
}
CONDITION = ["pass", "layout", "size", "threads", "precision", "row"]
"""What a mean over lengths holds fixed."""
PLACE = [*CONDITION, "tokens", "at"]


def readings(run: Run) -> pd.DataFrame:
    """Median seconds of one call: one row per trial, pass and architecture; columns PLACE, subject, trial, seconds.

    `at` is the length of a sequence, or the context that was read before a generated token.
    """
    parts = []
    for row in CLOCK_ROWS:
        held = samples.medians(run, samples.usable(run, row, "clock")).rename(columns={"length": "at"})
        held["layout"] = np.where(held["layout"] == SINGLE, SINGLE, held["tokens"].map("{:,.0f} tokens".format))
        parts.append(held.drop_duplicates(["trial", "pass", "subject"]).assign(row=row))
    decodes = samples.usable(run, samples.GENERATION, "decode")
    held = samples.generation(run, decodes).rename(columns={"context": "at"})
    held["size"] = held["trial"].map(decodes.trials["core_parameters"]).astype("float64").fillna(0).astype(int)
    held = held.assign(row=samples.GENERATION, layout="", threads=1, precision=FULL_PRECISION, tokens=1.0)
    parts.append(held.assign(**{"pass": TOKEN}))
    found = pd.concat(parts, ignore_index=True)
    return found.loc[found["subject"] != TWIN, [*PLACE, "subject", "trial", "seconds"]]


def condition(row: Mapping[str, Any]) -> str:
    """What a mean over lengths holds fixed, in words; `row` has the entries CONDITION."""
    size, threads = int(row["size"]), int(row["threads"])
    parts = [f"{size:,} core parameters" if size else "", str(row["layout"])]
    parts += [] if row["pass"] == TOKEN else [f"{threads} thread{'s' * (threads != 1)}", str(row["precision"])]
    return ", ".join(filter(None, parts))


def place(row: Mapping[str, Any]) -> str:
    """The length of a sequence or of what was read before."""
    return f"{'context' if row['pass'] == TOKEN else 'n'} = {row['at']}"
