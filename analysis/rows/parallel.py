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

ROW = "parallel"
ELEMENTWISE, KERNELS = "pram", "kernel"


def find(run: Run, contender: Contender, row: str = ROW) -> Finding:
    """Exponent q of work / span against n, over the traced lengths n >= 16, from the traces of a row of the plan."""
    planned = select(run, contender, row)
    if planned.empty:
        return Finding(missing=absence(run, planned))
    found = traced(run, planned, ELEMENTWISE)
    fit = _exponent(found)
    if fit is None:
        return Finding(missing=absence(run, planned))
    q, lengths = fit
    coarse = _exponent(traced(run, planned, KERNELS))
    notes = [f"traced at n = {', '.join(map(str, lengths))}; exact, so no seeds: the interval is the power law's"]
    notes += [f"q = {coarse[0].interval.point:.2f} when each kernel call counts as one operation"] if coarse else []
    return Finding(
        estimate=Estimate(q.interval.point),
        interval=q.interval,
        notes=tuple(notes),
        doubts=(*shortfall(run, planned), *_unusable(planned, found)),
    )


def select(run: Run, contender: Contender, row: str = ROW) -> pd.DataFrame:
    """Planned traces of n >= 16, at the size that most of them have."""
    planned = run.select(row=row, kind="trace", architecture=contender.architecture)
    planned = planned[planned["length"] >= SHORTEST_TRACE]
    if planned.empty:
        return planned
    size = planned["core_parameters"].value_counts(sort=False).sort_index().idxmax()
    return planned[planned["core_parameters"] == size]


def traced(run: Run, trials: pd.DataFrame, model: str) -> pd.DataFrame:
    """Work, span (operations) and parallelism = work / span of the usable traces, by ascending length n."""
    ok = trials[trials["status"] == "ok"].sort_values("length")
    counts = {part: run.last(ok, f"{part}_operations", model) for part in ("work", "span")}
    found = ok[["id", "length"]].assign(**counts, parallelism=counts["work"] / counts["span"])
    return found[np.isfinite(found["parallelism"]) & (found["parallelism"] > 0)]


def _unusable(planned: pd.DataFrame, found: pd.DataFrame) -> list[str]:
    lost = int((planned["status"] == "ok").sum()) - len(found)
    return [f"{lost} of {len(planned)} traces without a usable work and span"] if lost else []


def _exponent(found: pd.DataFrame) -> tuple[Slope, list[int]] | None:
    """Slope of log2(work / span) against log2 n and the lengths it rests on; None with fewer than two."""
    lengths = found["length"].astype(int)
    if lengths.nunique() < 2:
        return None
    return slope(np.log2(lengths), np.log2(found["parallelism"])), lengths.tolist()
