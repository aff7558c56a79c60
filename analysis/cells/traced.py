"""Evidence of parallel processing: work and span at every length, and the power law through their ratio."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.cells.case import Case, Dot, Evidence, Held, Panel, exact, listed, whole
from analysis.document import Table
from analysis.rows import parallel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_TICKS = 8
LEAST = 8
"""Least ratio of the ends of the vertical axis to the lowest point: what hardly grows shall look so."""


def evidence(case: Case) -> Evidence:
    """Traces of the deciding size."""
    planned = parallel.select(case.run, case.contender)
    if case.finding.estimate is None:
        return Evidence(planned)
    found = parallel.traced(case.run, planned, parallel.ELEMENTWISE)
    logs = np.log2(found.groupby("length")["parallelism"].mean())
    lengths = np.log2(logs.index.to_numpy(dtype=float))
    local = np.diff(logs.to_numpy(dtype=float)) / np.diff(lengths)
    names = [f"{int(a)} to {int(b)}" for a, b in zip(logs.index, logs.index[1:], strict=False)]
    return Evidence(
        planned=planned,
        steps=(
            "Trace one forward pass at every length n: count all scalar operations (work) and those on the longest "
            "chain of operations that wait for each other (span).",
            "Divide work by span: so many operations could run at once.",
            "Fit a straight line through log2(work / span) against log2 n by least squares; its slope is the exponent "
            f"q = {exact(case.finding.estimate.figure)}.",
        ),
        tables=(_table(case, found),),
        dots=tuple(Dot(float(q), name) for q, name in zip(local, names, strict=True)),
        dots_are="between two lengths",
        panels=(Panel(lambda axes: _draw(axes, found, case)),),
        height=1.7,
        flips=(
            "Counts are exact: the same code gives the same figure again; other lengths or another model can move it.",
        ),
    )


def _table(case: Case, found: pd.DataFrame) -> Table:
    coarse = parallel.traced(case.run, case.run.trials.loc[found.index], parallel.KERNELS)
    both = found.join(coarse[["work", "span"]].add_suffix("_kernels"))

    def write(t: Held) -> list[str]:
        counts = [whole(t[key]) for key in ("length", "work", "span")]
        return [*counts, exact(t["parallelism"]), whole(t["work_kernels"]), whole(t["span_kernels"]), t["id"]]

    header = ("n", "Work (operations)", "Span (operations)", "Work / span", "Work in kernels", "Span in kernels")
    caption = "Every trace: the figure is the slope of log2(work / span) on log2 n"
    return listed(caption, (*header, "Trial"), both, write)


def _draw(axes: Axes, found: pd.DataFrame, case: Case) -> None:
    from matplotlib.ticker import FixedLocator, LogLocator, NullLocator, StrMethodFormatter

    mark = case.mark
    n, ratio = found["length"].to_numpy(dtype=float), found["parallelism"].to_numpy(dtype=float)
    q = case.finding.estimate.figure if case.finding.estimate else np.nan
    level = np.log2(ratio).mean() - q * np.log2(n).mean()
    ends = np.array([n.min(), n.max()])
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.plot(ends, 2**level * ends**q, mark.line, color=mark.colour, lw=1.2)
    axes.plot(n, ratio, mark.marker, color=mark.colour, ms=5, ls="")
    axes.annotate(f"fit: n^{q:.2f}", (ends[1], 2**level * ends[1] ** q), xytext=(6, 0), textcoords="offset points",
                  va="center", fontsize=8)  # fmt: skip
    distinct = sorted(set(n))
    axes.xaxis.set_major_locator(FixedLocator(distinct[:: -(-len(distinct) // MOST_TICKS)]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.set_xlim(ends[0] / 1.15, ends[1] * 2)
    low, high = float(ratio.min()) / 2, float(max(ratio.max() * 2, ratio.min() * LEAST))
    axes.set_ylim(low, high)
    axes.yaxis.set_major_locator(LogLocator(base=10, subs=(1.0,) if high / low > 100 else (1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.set_xlabel("length n (positions)")
    axes.set_ylabel("work / span\n(operations at once)")
    for side in ("right", "top"):
        axes.spines[side].set_visible(False)
