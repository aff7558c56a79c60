"""The numbers behind the figures of clocks and peers, as tables for those who would rather read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis.clocks.across import pick
from analysis.clocks.findings import Frames, headline_size, layout_name
from analysis.clocks.measured import Clocks
from analysis.clocks.samples import FULL_PRECISION, PLAINEST, SINGLE
from analysis.clocks.wording import decimals, interval, number, size
from analysis.peers import words
from analysis.stats import Interval

MOST = 200
"""Rows of a table; steps of more are told at the headline's size alone."""
METRICS = {"saved_bytes": "kept for the backward pass", "peak_bytes": "peak of a training step"}


def _span(row: Any, factor: float = 1.0) -> str:
    return interval(Interval(row["point"], row["low"], row["high"]), number, factor)


def _names(clocks: Clocks) -> dict[str, str]:
    """Architecture -> the title of its column, for the plain ones; a kernel keeps its own name."""
    return {name: clocks.titles[family] for family, name in clocks.plain.items()}


def _grown(exponents: pd.DataFrame, row: Any, along: str = "length") -> str:
    """The local exponent that ends at this length."""
    own = pick(exponents, subject=row["subject"], end=row[along])
    return decimals(float(own["point"].iloc[0])) if len(own) else "-"


def step(clocks: Clocks, frames: Frames) -> pd.DataFrame:
    """Time of a step at every layout, size and length, of the plain families."""
    names = _names(clocks)
    steps = pick(frames["seconds"], **PLAINEST)
    steps = steps[steps["subject"].isin(names)]
    if len(steps) > MOST:
        steps = pick(steps, size=headline_size(clocks))
    exponents = pick(frames["exponents"], **PLAINEST)
    rows = [
        {
            "layout": layout_name(clocks, row["layout"]),
            "core parameters": row["size"],
            "family": names[row["subject"]],
            "n": row["length"],
            "ms per step (95 % interval)": _span(row, 1e3),
            "exponent of a sequence's time up to n": _grown(
                pick(exponents, layout=row["layout"], size=row["size"]), row
            ),
            "replicates": row["replicates"],
        }
        for row in steps.to_dict("records")
    ]
    return pd.DataFrame(rows[:MOST])


def memory(clocks: Clocks, frames: Frames) -> pd.DataFrame:
    """Bytes of one sequence at the headline's size."""
    fixed = {"layout": SINGLE, "size": headline_size(clocks), "precision": FULL_PRECISION, "threads": 1}
    held, exponents, names = pick(frames["memory"], **fixed), pick(frames["memory_exponents"], **fixed), _names(clocks)
    rows = [
        {
            "bytes": {"saved_bytes": "kept for the backward pass", "peak_bytes": "peak of a training step"}[
                row["metric"]
            ],
            "model": names.get(row["subject"], row["subject"]),
            "n": row["length"],
            "memory": size(row["bytes"]),
            "exponent up to n": _grown(pick(exponents, metric=row["metric"]), row),
        }
        for row in held.to_dict("records")
    ]
    return pd.DataFrame(rows[:MOST])


def generation(clocks: Clocks, frames: Frames) -> pd.DataFrame:
    """Time of a token and bytes of the state after every context."""
    names = _names(clocks)
    state = frames["state"].set_index(["subject", "context"])["state_bytes"].dropna()
    rows = [
        {
            "family": names[row["subject"]],
            "context": row["context"],
            "µs per token (95 % interval)": _span(row, 1e6),
            "state": size(state[at]) if (at := (row["subject"], row["context"])) in state.index else "-",
            "exponent of the time up to it": _grown(frames["generation_exponents"], row, "context"),
            "replicates": row["replicates"],
        }
        for row in frames["generation"].to_dict("records")
        if row["subject"] in names
    ]
    return pd.DataFrame(rows[:MOST])


def backend(clocks: Clocks, frames: Frames) -> pd.DataFrame:
    """Step time of every kernel over that of the architecture as shipped."""
    steps = pick(frames["kernel_times"], **PLAINEST, size=headline_size(clocks))
    rows = [
        {
            "layout": layout_name(clocks, row["layout"]),
            "kernel": row["subject"],
            "over": clocks.kernels[row["subject"]],
            "n": row["length"],
            "step time over as shipped (95 % interval)": _span(row),
            "replicates": row["replicates"],
        }
        for row in steps.to_dict("records")
    ]
    return pd.DataFrame(rows[:MOST])


def peer(found: Mapping[str, Any]) -> pd.DataFrame:
    """Our rate over each peer's."""
    rows = [
        {
            "group": words.name(row["group"]),
            "peer": row["who"],
            "width": row["width"],
            "n": row["length"],
            "ours over it (95 % interval)": words.span(row["ours_over_it"]),
            "core parameters over ours": number(row["parameters_over_ours"] or math.nan),
            "trials": row["trials"],
        }
        for row in found["contenders"]
        if row["ours_over_it"] is not None
    ]
    return pd.DataFrame(rows[:MOST])


def roofline(found: Mapping[str, Any]) -> pd.DataFrame:
    """Shares of both peaks."""
    rows = [
        {
            "group": words.name(row["group"]),
            "who": row["who"],
            "width": row["width"],
            "n": row["length"],
            "share of the torch.mm peak": words.span(row["share_of_matmul"]),
            "share of the best kernel's": words.span(row["share_of_convolution"]),
            "FLOPs per byte, at most": "-" if row["flops_per_byte"] is None else number(row["flops_per_byte"]),
        }
        for row in found["contenders"]
        if row["share_of_matmul"] is not None
    ]
    return pd.DataFrame(rows[:MOST])
