"""Bytes of two runs: what is counted exactly and needs no statistics.

Memory kept for the backward pass (traces and clocks), the peak of a step, and the state of a model that generates.
"""

from __future__ import annotations

import pandas as pd

from analysis.clocks import samples
from analysis.compare.comparison import Comparison
from analysis.compare.readings import CLOCK_ROWS
from analysis.load import Run

WHAT = {
    "saved_bytes": "memory kept for the backward pass",
    "peak_bytes": "peak memory of a step",
    "state_bytes": "state while generating",
}
KEYS = ["subject", "what", "condition", "place"]


def compare(a: Run, b: Run) -> list[Comparison]:
    """Every count that both runs have, equal ones included."""
    pairs = counts(a).merge(counts(b), on=KEYS, suffixes=("_a", "_b"))
    made = []
    for *row, before, after in pairs.itertuples(index=False, name=None):
        subject, what, condition, place = map(str, row)
        ratio = float(after / before)
        ends = (float(before), float(after))
        made.append(Comparison(subject, what, condition, place, *ends, "bytes", ratio, ratio, ratio, None))
    return made


def counts(run: Run) -> pd.DataFrame:
    """Columns KEYS and bytes; one row per architecture and place."""
    clocked = pd.concat([_clocked(run, row) for row in CLOCK_ROWS], ignore_index=True)
    decoded = samples.generation(run, samples.usable(run, samples.GENERATION, "decode"))
    decoded = decoded.rename(columns={"context": "at", "state_bytes": "bytes"})
    decoded = decoded.assign(metric="state_bytes", condition="")
    decoded["size"] = decoded["trial"].map(run.trials["core_parameters"])
    parts = [clocked, decoded, _traced(run)]
    found = pd.concat([part[["subject", "metric", "condition", "size", "at", "bytes"]] for part in parts])
    found = found[found["bytes"] > 0]
    along = found["metric"].map(lambda metric: "context" if metric == "state_bytes" else "n")
    size = found["size"].map(lambda n: "" if pd.isna(n) else f"{n:,} core parameters")
    found["condition"] = [", ".join(filter(None, pair)) for pair in zip(size, found["condition"], strict=True)]
    found["place"] = along + " = " + found["at"].astype(int).astype(str)
    found["what"] = found["metric"].map(WHAT)
    return found.drop_duplicates(KEYS)[[*KEYS, "bytes"]]


def _clocked(run: Run, row: str) -> pd.DataFrame:
    """Bytes that the clocks of a row counted; what a plan calls constant tokens is so many in another."""
    use = samples.usable(run, row, "clock")
    found = samples.memory(run, use).rename(columns={"length": "at"})
    constant = f"{samples.constant_tokens(use.planned) or 0:,} tokens"
    found["condition"] = found["layout"].replace(samples.CONSTANT, constant) + ", " + found["precision"]
    return found


def _traced(run: Run) -> pd.DataFrame:
    """Bytes kept in traces, which are of one sequence."""
    held = run.of("saved_bytes")
    trials = run.select(kind="trace", status="ok")
    held = held[held["trial"].isin(trials.index) & (held["subject"] == "")].drop_duplicates("trial", keep="last")
    facts = trials[["architecture", "core_parameters", "length"]].loc[held["trial"]]
    facts = facts.set_axis(["subject", "size", "at"], axis="columns")
    return facts.assign(metric="saved_bytes", condition="traced", bytes=held["value"].to_numpy())
