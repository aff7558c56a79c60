"""Figures over replicates: a tidy frame with one value per replicate -> point, low and high of each group."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from analysis.stats import LEVEL, SCALES, Array, Interval, Scale, t_interval

FIGURE = ["point", "low", "high", "replicates"]


def across(frame: pd.DataFrame, by: Sequence[str], column: str, scale: Scale = "log") -> pd.DataFrame:
    """Student's t interval of a column over the rows (replicates) of each group; columns `by` and FIGURE.

    Three replicates are what a clock grid has, and there a bootstrap of a nominal 95 % covers about 75 %. With one
    replicate the interval is infinite. Groups keep the order in which they first appear. The same as
    `stats.t_interval` for every group, all at once: a run has thousands of them.
    """
    forward, backward = SCALES[scale]
    values = frame[column].to_numpy(dtype=float)
    held = frame.loc[np.isfinite(values), list(by)].assign(_value=forward(values[np.isfinite(values)]))
    grouped = held.groupby(list(by), sort=False)["_value"]
    found = grouped.agg(mean="mean", error="sem", replicates="size").reset_index()
    count = found["replicates"].to_numpy(dtype=float)
    reach = stats.t.ppf((1 + LEVEL) / 2, np.maximum(count - 1, 1)) * found["error"].to_numpy(dtype=float)
    reach = np.where(count > 1, reach, np.inf)
    for name, shift in (("point", 0.0), ("low", -reach), ("high", reach)):
        found[name] = backward(found["mean"].to_numpy(dtype=float) + shift)
    return found[[*by, *FIGURE]]


def pick(frame: pd.DataFrame, **wanted: object) -> pd.DataFrame:
    """Rows whose columns equal the given values."""
    keep = np.ones(len(frame), dtype=bool)
    for column, value in wanted.items():
        keep &= (frame[column] == value).to_numpy(dtype=bool)
    return frame[keep]


def ratios(top: pd.DataFrame, bottom: pd.DataFrame, on: Sequence[str], column: str) -> pd.DataFrame:
    """`ratio` of a column between rows that agree in `on`; rows without a partner are left out."""
    merged = top.merge(bottom[[*on, column]], on=list(on), suffixes=("", "_base"))
    return merged.assign(ratio=merged[column] / merged[f"{column}_base"])


def grid(frame: pd.DataFrame, column: str, along: str = "length") -> pd.DataFrame:
    """Values (replicates, lengths) of one subject under one condition; NaN where a replicate lacks a length."""
    once = frame.drop_duplicates(["replicate", along], keep="last")  # two plans of one place: the last one counts
    return once.set_index(["replicate", along])[column].unstack().sort_index(axis=0).sort_index(axis=1)


def complete(wide: pd.DataFrame) -> pd.DataFrame:
    """The lengths that every replicate has."""
    return wide.dropna(axis="columns")


def interval_over(values: Array, scale: Scale = "plain") -> tuple[Interval, int] | None:
    """Interval of the finite values and their number; None without any."""
    finite = values[np.isfinite(values)]
    return (t_interval(finite, scale), finite.size) if finite.size else None
