"""FLOPs of a forward pass as a law in length n, width d and kernel size k, fitted to what was traced.

Non-negative least squares, weights 1 / FLOPs, so that a relative error counts alike at every size. One exponent would
mislead: a cost a n d^2 + b n^2 d has slopes between 1 and 2 that depend on where they are taken.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize

from analysis.load import Run
from analysis.stats import Array

FEWEST = 3
"""Lengths of a fit: through two any two terms go without a misfit."""
LINEAR, QUADRATIC = "n", "n²"
PROJECTIONS, ATTENTION, KERNEL = "n d²", "n² d", "k n d²"
EXACT = 1e-9
"""Rounding of a fit without a misfit."""
LAYER, NETWORK = "a layer", "the whole network"


@dataclass(frozen=True)
class Form:
    """The law of one family."""

    terms: Mapping[str, float]
    """Term -> coefficient. In n alone (LINEAR, QUADRATIC) where the width was not varied."""
    scope: str
    """LAYER or NETWORK: what the coefficients are of."""
    misfit: float
    """Largest relative residual."""
    points: pd.DataFrame
    """What it was fitted to: n, d, k, layers, core_parameters, flops."""

    @property
    def has_width(self) -> bool:
        """Whether the width was varied, so that powers of d could be told apart."""
        return not {LINEAR, QUADRATIC} & set(self.terms)

    @property
    def text(self) -> str:
        """`24.2 n d² + 3.99 n² d`."""
        return " + ".join(
            f"{value:,.3g} {name}" if value < 1e4 else f"{value:,.0f} {name}" for name, value in self.held
        )

    @property
    def held(self) -> list[tuple[str, float]]:
        """Terms and coefficients in the order in which they are written."""
        order = (KERNEL, PROJECTIONS, ATTENTION, LINEAR, QUADRATIC)
        return sorted(self.terms.items(), key=lambda item: order.index(item[0]))

    def span(self, column: str) -> str:
        """`32 to 128`: the range of a column of the points."""
        ends = sorted({float(self.points[column].min()), float(self.points[column].max())})
        return " to ".join(f"{value:,.0f}" for value in ends)


def points(run: Run) -> pd.DataFrame:
    """One row a finished trace: family, architecture, n, d, k, layers, core_parameters, flops; NaN where unknown.

    Width d in channels, k the taps of a convolution. An architecture's configuration is read from the plan.
    """
    ok = run.select(kind="trace", status="ok").dropna(subset=["length", "core_parameters"])
    planned = {entry["id"]: entry["trial"].get("architecture") or {} for entry in run.plan["trials"]}
    configured = [planned.get(id, {}) for id in ok["id"]]
    kernels = [_whole(found.get("kernel_size")) for found in configured]
    n = ok["length"].astype(float)
    layers = [_layers(found, k, length) for found, k, length in zip(configured, kernels, n, strict=True)]
    found = ok[["family", "architecture"]].assign(
        n=n,
        d=run.last(ok, "width_channels"),
        k=np.array(kernels, dtype=float),
        layers=np.array(layers, dtype=float),
        core_parameters=ok["core_parameters"].astype(float),
        flops=run.last(ok, "flops_forward"),
    )
    return found[np.isfinite(found["flops"]) & (found["flops"] > 0)]


def covering_layers(kernel_size: int, length: float) -> int:
    """Least number of layers, dilations 1, 2, 4, ..., whose receptive field covers a length (Bai et al. 2018, 3.2)."""
    return max(1, math.ceil(math.log2(1 + (length - 1) / (kernel_size - 1)) - 1e-9))


def fit(own: pd.DataFrame) -> Form | None:
    """The law of one family's points; None with fewer than FEWEST lengths.

    In n and d where some length was traced at several widths, else in n alone, at the size of most lengths.
    """
    wide = own.dropna(subset=["d"])
    if len(wide) and wide.groupby(["architecture", "n"])["d"].nunique().max() > 1 and wide["n"].nunique() >= FEWEST:
        return _in_width(wide)
    if own.empty:
        return None
    own = own[own["core_parameters"] == own["core_parameters"].value_counts(sort=False).sort_index().idxmax()]
    if own["n"].nunique() < FEWEST:
        return None
    return _form({LINEAR: own["n"], QUADRATIC: own["n"] ** 2}, NETWORK, own)


def crossing(cheap: float, steep: float, other: float) -> float | None:
    """The n from which cheap n + steep n^2 exceeds other n: None where it never does, 0 where it always does."""
    if cheap >= other:
        return 0.0 if steep > 0 or cheap > other else None
    return (other - cheap) / steep if steep > 0 else None


def _in_width(own: pd.DataFrame) -> Form:
    known = own["layers"].notna().all()
    layers = own["layers"] if known else 1.0
    columns = {PROJECTIONS: layers * own["n"] * own["d"] ** 2, ATTENTION: layers * own["n"] ** 2 * own["d"]}
    if own["k"].nunique() > 1 and own["k"].notna().all():  # one k alone cannot be told from a coefficient
        columns[KERNEL] = columns[PROJECTIONS] * own["k"]
    return _form(columns, LAYER if known else NETWORK, own)


def _form(columns: Mapping[str, pd.Series], scope: str, own: pd.DataFrame) -> Form:
    """Terms whose share nowhere exceeds the typical residual are noise: left out, and the rest fitted anew."""
    flops = own["flops"].to_numpy(dtype=float)
    held = {name: column.to_numpy(dtype=float) for name, column in columns.items()}
    while True:
        found = _nonnegative(held, flops)
        residuals = sum(found[name] * held[name] for name in held) / flops - 1
        shares = {name: float((found[name] * held[name] / flops).max()) for name in held}
        weakest = min(shares, key=lambda name: shares[name])
        if len(held) == 1 or shares[weakest] > float(np.sqrt(np.mean(residuals**2))) + EXACT:
            return Form(found, scope, float(np.abs(residuals).max()), own)
        del held[weakest]


def _nonnegative(columns: Mapping[str, Array], flops: Array) -> dict[str, float]:
    scale = {name: float((column / flops).max()) for name, column in columns.items()}
    design = np.column_stack([column / flops / scale[name] for name, column in columns.items()])
    solution, _ = optimize.nnls(design, np.ones_like(flops))
    return {name: float(value) / scale[name] for name, value in zip(columns, solution, strict=True)}


def _layers(architecture: Mapping[str, Any], kernel_size: int | None, length: float) -> float:
    """Layers in a row: as configured, or as many as cover the length; NaN of an architecture that says neither."""
    if depth := _whole(architecture.get("depth")):
        return float(depth)
    return float(covering_layers(kernel_size, length)) if kernel_size and kernel_size > 1 else math.nan


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
