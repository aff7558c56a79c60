"""Measures from traces and clocks: gradient reach, structural reach, span, bytes kept, step time, generation.

Traces are exact and of one sequence; each measure is that of the longest length at which the study took it.
Clocks are those that decide a row.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.measure import UNMEASURED, Context, Measure
from analysis.rows import generation, speed
from analysis.rows.parallel import KERNELS
from analysis.stats import Array, slope

FEWEST = 3
"""Lengths that a law needs: any two points lie on a line."""
CLOSE = 1e-9
ENDLESS = ("gradient_half_length_positions",)
"""May be infinite; of the others, what is not finite was not measured."""


def reach(context: Context, name: str) -> list[Measure]:
    """How far the gradient reaches in an untrained model, and which pairs of positions are connected at all."""
    half, pairs = "gradient_half_length_positions", "structural_reach"
    found = []
    for metric, title in ((half, "grad. half-length"), (pairs, "structural reach")):
        n, value = _at_longest(context, name, metric)
        if n is None or value is None:
            found += [Measure(f"{title}, n={n}")] if n else []
            continue
        # A record holds null where the gradient does not decay, for JSON has no infinity.
        decays = np.isfinite(value)
        number = (("value", value if decays else None),)
        if metric == pairs:
            text = f"{value:.0%} of pairs" if decays else UNMEASURED
        else:
            text = f"{value:,.0f} positions" if decays else "no decay"
        found.append(Measure(f"{title}, n={n}", text, number))
    return found


def span(context: Context, name: str) -> list[Measure]:
    """Kernel calls that must follow each other, with the law in n when it holds exactly."""
    series = _series(context, name, "span_operations", KERNELS)
    n, value = _at_longest(context, name, "span_operations", KERNELS)
    if n is None:
        return []
    label = f"span in kernels, n={n}"
    if value is None:
        return [Measure(label)]
    series = series[np.isfinite(series)]
    found = law(series.index.to_numpy(dtype=float), series.to_numpy(dtype=float))
    text = f"{value:,.0f}" + (f": {found}" if found else "")
    return [Measure(label, text, (("value", value), ("law", found or None)))]


def law(lengths: Array, values: Array) -> str:
    """`constant`, `7 n + 7` or `6 log2 n + 1` when all points lie on it without residual; else nothing."""
    if lengths.size < FEWEST:
        return ""
    if np.ptp(values) == 0:
        return "constant"
    for x, name in ((lengths, "n"), (np.log2(lengths), "log2 n")):
        rise = (values[-1] - values[0]) / (x[-1] - x[0])
        start = values[0] - rise * x[0]
        if np.allclose(start + rise * x, values, rtol=CLOSE, atol=0):
            start = round(float(start), 9)
            sign = "+" if start >= 0 else "-"
            return f"{rise:.6g} {name}" + (f" {sign} {abs(start):.6g}" if start else "")
    return ""


def saved(context: Context, name: str) -> list[Measure]:
    """Memory that one sequence's forward pass keeps for the backward pass."""
    n, value = _at_longest(context, name, "saved_bytes")
    if n is None:
        return []
    text = UNMEASURED if value is None else f"{value / 1e6:.2f} MB"
    return [Measure(f"kept for backward, n={n}", text, (("bytes", value),))]


def step_time(context: Context, name: str) -> list[Measure]:
    """Exponent of the seconds per token of a training step against n: 0 is a cost linear in the sequence."""
    label = "step-time exponent in n"
    clocks = speed.select(context.run, [name])
    if clocks.planned.empty:
        return []
    if len(clocks.sizes) < 2 or clocks.trials.empty:
        return [Measure(label)]
    fit = slope(np.log(clocks.trials["length"].to_numpy(dtype=float)), -np.log(clocks.rates[name].to_numpy()))
    lengths = ", ".join(map(str, clocks.sizes))
    return [Measure(label, f"{fit.interval.point:.2f}", (("exponent", fit.interval.point), ("lengths", lengths)))]


def decoding(context: Context, name: str) -> list[Measure]:
    """Milliseconds per generated token and bytes of the state, after the longest context."""
    clocks = generation.select(context.run, [name])
    if clocks.planned.empty:
        return []
    n = int(clocks.planned["context"].max())
    labels = f"decode ms/token, n={n}", f"state, n={n}"
    here = clocks.trials["context"] == n
    held = generation.state_bytes(context.run, clocks, name)
    if not here.any():
        return [Measure(label) for label in labels]
    latency = 1000 / float(np.exp(np.log(clocks.rates.loc[here, name]).mean()))
    found = [Measure(labels[0], f"{latency:.3g}", (("milliseconds", latency),))]
    if n not in held.index:
        return [*found, Measure(labels[1])]
    return [*found, Measure(labels[1], f"{held[n] / 1000:,.3g} kB", (("bytes", float(held[n])),))]


def _series(context: Context, name: str, metric: str, subject: str = "") -> pd.Series:
    """Values of one architecture's traces by ascending length; NaN where the record holds null."""
    own = context.run.select(row="parallel", kind="trace", architecture=name, status="ok")
    held = context.run.of(metric)
    held = held[held["trial"].isin(own.index) & (held["subject"] == subject)]
    lengths = own.loc[held["trial"], "length"].to_numpy(dtype=int)
    return pd.Series(held["value"].to_numpy(dtype=float), lengths).groupby(level=0).last().sort_index()


def _at_longest(context: Context, name: str, metric: str, subject: str = "") -> tuple[int | None, float | None]:
    """Longest length at which any architecture has the metric, and this one's value there.

    The length is None when nobody has it, the value when this one has none.
    """
    held = context.run.of(metric)
    traces = context.run.select(row="parallel", kind="trace")
    traces = traces[traces.index.isin(held.loc[held["subject"] == subject, "trial"])]
    if traces.empty:
        return None, None
    n = int(traces["length"].max())
    series = _series(context, name, metric, subject)
    value = float(series.get(n, np.nan))
    return n, value if np.isfinite(value) or (metric in ENDLESS and n in series.index) else None
