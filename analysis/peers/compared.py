"""Measured peers and overhead -> figures with intervals, as plain data ready for JSON.

Ratios and shares are formed inside a trial, where both sides shared the machine's state; the interval is Student's t
of their logarithms over the trials of a cell, which are its replicates.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.peers.measured import Measured
from analysis.stats import t_interval

OURS = "ours"
PASSES_OVER_PARAMETERS = 3
"""Read by forward, read by backward, and their gradients written."""
PASSES_OVER_ACTIVATIONS = 4
"""Input read, output written, the output's gradient read, the input's gradient written."""
BYTES = {"fp32": 4, "bf16": 2}
"""Of a number that moves; parameters of a bf16 trial are cast from single precision, which the bound leaves out."""
DIGITS = 6

Estimate = list[float | None]
"""Point, low, high; the ends are None where one trial alone cannot give them."""
Row = dict[str, Any]


def compare(measured: Measured) -> dict[str, Any]:
    """Every figure of the page: contenders, the fastest peers, training steps, the machine, overhead."""
    contenders = _contenders(measured.contenders, BYTES.get(measured.precision, 4))
    return {
        "precision": measured.precision,
        "contenders": contenders,
        "fastest": _fastest(contenders),
        "steps": _steps(measured.contenders),
        "machine": _machine(measured.limits),
        "overhead": _overhead(measured.overhead),
        "not_installed": _not_installed(measured.contenders),
        "notes": list(measured.notes),
    }


def estimate(values: pd.Series) -> Estimate | None:
    """Geometric mean over replicates with its interval; None without a single value."""
    held = values.dropna()
    if held.empty:
        return None
    found = t_interval(held, "log")
    return [rounded(found.point), *(rounded(end) if held.size > 1 else None for end in (found.low, found.high))]


def rounded(value: float) -> float | None:
    """Six significant digits, so that the last bits of a library's logarithm do not change the file."""
    return float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None


def least_bytes(core_parameters: pd.Series, tokens: pd.Series, width: pd.Series, number: int = 4) -> pd.Series:
    """Bytes that forward and backward must move at least, `number` bytes each, were everything else kept in cache."""
    activations = PASSES_OVER_ACTIVATIONS * tokens * width
    return number * (PASSES_OVER_PARAMETERS * core_parameters + activations)


def _contenders(frame: pd.DataFrame, number: int) -> list[Row]:
    """One row per cell and installed contender, ours first, then the peers by name."""
    rows = []
    own = frame[frame["who"] == OURS].set_index(["trial", "group"])
    present = frame[frame["installed"]].join(own[["rate", "core_parameters"]].add_prefix("own_"), on=["trial", "group"])
    for _, held in present.groupby(["group", "width", "length", "who"], sort=True):
        who = str(held["who"].iloc[0])
        traffic = least_bytes(held["core_parameters"], held["tokens"], held["width"], number)
        rows.append(
            {
                **_cell(held),
                "who": who,
                "trials": int(held["rate"].notna().sum()),
                "tokens_per_second": estimate(held["rate"]),
                "flops_per_second": estimate(held["work"]),
                "core_parameters": _count(held["core_parameters"]),
                "parameters_over_ours": _median(held["core_parameters"] / held["own_core_parameters"]),
                "ours_over_it": estimate(held["own_rate"] / held["rate"]) if who != OURS else None,
                "share_of_matmul": estimate(held["work"] / held["matmul"]),
                "share_of_convolution": estimate(held["work"] / held["convolution"]),
                "flops_per_byte": _median(held["flops"] / traffic),
            }
        )
    return sorted(rows, key=lambda row: (row["group"], row["length"], row["width"], row["who"] != OURS, row["who"]))


def _count(values: pd.Series) -> int | None:
    return None if values.isna().all() else round(float(values.median()))


def _median(values: pd.Series) -> float | None:
    return rounded(float(values.median()))


def _fastest(contenders: list[Row]) -> list[Row]:
    """Ours against the fastest peer of every cell.

    Who is fastest in the sample need not be: the lower end is the lowest of the ratios to any peer.
    """
    cells: dict[tuple[str, int, int], list[Row]] = {}
    for row in contenders:
        if row["ours_over_it"] is not None:
            cells.setdefault((row["group"], row["length"], row["width"]), []).append(row)
    rows = []
    for (group, length, width), peers in cells.items():
        first = min(peers, key=lambda row: (row["ours_over_it"][0], row["who"]))
        point, low, high = first["ours_over_it"]
        spans = sorted((*peer["ours_over_it"], peer["who"]) for peer in peers if peer["ours_over_it"][1] is not None)
        rows.append(
            {
                "group": group,
                "width": width,
                "length": length,
                "peer": first["who"],
                "peers": len(peers),
                "ratio": [point, None if low is None else min(span[1] for span in spans), high],
                "level_with": [who for _, least, most, who in spans if least <= 1 <= most],
                "parameters_over_ours": first["parameters_over_ours"],
            }
        )
    return rows


def _steps(frame: pd.DataFrame) -> list[Row]:
    """Our whole training steps as shares of both peaks."""
    timed = frame[(frame["who"] == OURS) & frame["step_work"].notna()]
    return [
        {
            **_cell(held),
            "trials": len(held),
            "flops_per_second": estimate(held["step_work"]),
            "share_of_matmul": estimate(held["step_work"] / held["matmul"]),
            "share_of_convolution": estimate(held["step_work"] / held["convolution"]),
        }
        for _, held in timed.groupby(["group", "length", "width"], sort=True)
    ]


def _cell(held: pd.DataFrame) -> Row:
    """Which cell the rows of a group come from."""
    first = held.iloc[0]
    return {"group": str(first["group"]), "width": int(first["width"]), "length": int(first["length"])}


def _machine(limits: pd.DataFrame) -> list[Row]:
    """Every probe, over all trials: operations or bytes per second, and its extremes over the trials."""
    probes = sorted(set(limits.columns) - {"trial", "width", "length"})
    held = {probe: limits[probe].dropna() for probe in probes}
    return [
        {
            "probe": probe,
            "trials": len(speeds),
            "per_second": estimate(speeds),
            "lowest": rounded(float(speeds.min())),
            "highest": rounded(float(speeds.max())),
        }
        for probe, speeds in held.items()
        if len(speeds)
    ]


def _overhead(frame: pd.DataFrame) -> list[Row]:
    rows = []
    for _, held in frame.groupby(["architecture", "task", "length"], sort=True, dropna=False):
        first = held.iloc[0]
        rows.append(
            {
                **{key: str(first[key]) for key in ("architecture", "family", "task")},
                "length": None if pd.isna(first["length"]) else int(first["length"]),
                "trials": len(held),
                "ratio": estimate(held["ratio"]),
            }
        )
    return rows


def _not_installed(frame: pd.DataFrame) -> list[str]:
    """Contenders that no trial had, as "group/who"."""
    names = frame["group"] + "/" + frame["who"]
    return sorted(set(names) - set(names[frame["installed"]]))
