"""Parallel processing: how fast the work that can run at once grows with the length.

Work and span are counts traced from the running module, so the only uncertainty is how well one power law describes
them: the interval is that of the fitted slope, and a perfect line is its own interval.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.claims import SHORTEST_TRACE
from analysis.load import Run
from analysis.rows.finding import Contender, Estimate, Finding, absence, shortfall
from analysis.stats import Slope, slope

ELEMENTWISE, KERNELS = "pram", "kernel"


def find(run: Run, contender: Contender) -> Finding:
    """Exponent q of work / span against n, over the traced lengths n >= 16."""
    planned = run.select(kind="trace", architecture=contender.architecture)
    planned = planned[planned["length"] >= SHORTEST_TRACE]
    if planned.empty:
        return Finding(missing=absence(run, planned))
    size = planned["core_parameters"].value_counts(sort=False).sort_index().idxmax()
    planned = planned[planned["core_parameters"] == size]
    fit = _exponent(run, planned, ELEMENTWISE)
    if fit is None:
        return Finding(missing=absence(run, planned))
    q, lengths = fit
    coarse = _exponent(run, planned, KERNELS)
    notes = [f"traced at n = {', '.join(map(str, lengths))}; exact, so no seeds: the interval is the power law's"]
    notes += [f"q = {coarse[0].interval.point:.2f} when each kernel call counts as one operation"] if coarse else []
    return Finding(
        estimate=Estimate(q.interval.point),
        interval=q.interval,
        notes=tuple(notes),
        doubts=tuple(shortfall(run, planned)),
    )


def _exponent(run: Run, trials: pd.DataFrame, model: str) -> tuple[Slope, list[int]] | None:
    """Slope of log2(work / span) against log2 n and the lengths it rests on; None with fewer than two."""
    ok = trials[trials["status"] == "ok"].sort_values("length")
    parallelism = run.last(ok, "work_operations", model) / run.last(ok, "span_operations", model)
    usable = np.isfinite(parallelism) & (parallelism > 0)
    lengths = ok.loc[usable, "length"].astype(int)
    if lengths.nunique() < 2:
        return None
    return slope(np.log2(lengths), np.log2(parallelism[usable])), lengths.tolist()
