"""Which family is fastest at every length, and which ones the replicates leave beside it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from analysis.clocks.across import grid, interval_over, pick
from analysis.clocks.samples import PLAINEST


def leaders(times: pd.DataFrame, plain: Mapping[str, str], titles: Mapping[str, str]) -> pd.DataFrame:
    """Columns layout, size, length, fastest (family) and label: the titles of all that replicates leave fastest.

    A family shares the lead if the interval of its ratio to the fastest, formed inside a trial, holds 1. A length at
    which a clocked family is missing is left out.
    """
    steps = pick(times, **PLAINEST)
    families = {family: name for family, name in plain.items() if name in set(steps["subject"])}
    rows = []
    for (layout, size), group in steps.groupby(["layout", "size"], sort=False):
        wide = {f: grid(group[group["subject"] == name], "seconds").transform(np.log) for f, name in families.items()}
        for n in sorted(set.intersection(*(set(logs.columns) for logs in wide.values())) if wide else ()):
            logs = {family: wide[family][n] for family in wide}
            fastest = min(logs, key=lambda family: float(logs[family].mean()))
            tied = [titles[f] for f in logs if f == fastest or _ties(logs[f] - logs[fastest])]
            rows.append((layout, size, n, fastest, " or ".join(tied)))
    return pd.DataFrame(rows, columns=["layout", "size", "length", "fastest", "label"])


def _ties(differences: pd.Series) -> bool:
    """Whether replicates leave a difference open; one replicate decides nothing, so its point is taken."""
    found = interval_over(differences.to_numpy(dtype=float))
    return found is not None and found[1] > 1 and found[0].low <= 0
