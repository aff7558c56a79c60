"""Measures from trained models: the price of solving a cell, and explanations after the fact.

Every number comes from report trials of the headline setting; a method of explanation is chosen on development seeds,
as the deciding one is. A failure is counted, never left out of a median.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.measure import Context, Measure
from analysis.rows import interpretability


def costs(context: Context, name: str) -> list[Measure]:
    """Cells lost, and the median price of the cells that all best variants solve; an unsolved cell costs infinity."""
    if context.report("long range").empty:
        return []
    cells = context.cells
    own = cells.xs(name) if name in cells.index.get_level_values(0) else cells.iloc[:0].droplevel(0)
    lost = int((own["solved"] <= 0.5).sum())
    failed = Measure(
        "long-range cells failed",
        f"{lost} of {len(own)}" if len(own) else "not run",
        (("failed", lost), ("cells", len(own))),
    )
    count = len(context.common)
    label = f" to solve ({count} cell{'s' * (count != 1)})"
    here = own[own.index.isin(context.common)]
    return [failed, _cost("steps" + label, here["steps"], "{:,.0f}"), _cost("CPU-s" + label, here["seconds"], "{:.2g}")]


def _cost(label: str, prices: pd.Series, form: str) -> Measure:
    if prices.empty:
        return Measure(label)
    median = float(np.median(prices))
    if np.isnan(median):
        return Measure(label)
    known = np.isfinite(median)
    text = form.format(median) if known else "most not solved"
    return Measure(label, text, (("median", median if known else None), ("cells", len(prices))))


def explaining(context: Context, name: str) -> list[Measure]:
    """The best method that works on any model, beside the family's own, on the same admitted models."""
    models = interpretability.select(context.run, name, context.setting)
    if models.planned.empty:
        return []
    label, prices = "best post-hoc explanation", "ms post-hoc, intrinsic"
    scored = {kind: _scored(context, models, kind) for kind in (interpretability.POSTHOC, interpretability.INTRINSIC)}
    outside, inside = scored.values()
    if outside is None:
        return [Measure(label), Measure("nAP post-hoc, intrinsic"), Measure(prices)]
    names = (("method", outside[0]), ("intrinsic method", inside[0] if inside else None))
    both = [pair[1:] for pair in (outside, inside) if pair]
    return [
        Measure(label, outside[0].removeprefix(interpretability.POSTHOC).replace("-", " "), names),
        _pair("nAP post-hoc, intrinsic", [nap for nap, _ in both], "{:.2f}"),
        _pair(prices, [milliseconds for _, milliseconds in both], "{:.3g}"),
    ]


def _scored(context: Context, models: interpretability.Models, kind: str) -> tuple[str, float, float] | None:
    """Chosen method of a kind, its mean nAP over tasks, and its median milliseconds; None where nothing is known."""
    choice = None if models.admitted.empty else interpretability.choose(context.run, models, kind)
    if choice is None:
        return None
    scores = interpretability.score(context.run, models.admitted, choice.method)
    if scores.empty:
        return None
    milliseconds = context.run.last(models.admitted, "milliseconds", choice.method).median()
    return choice.method, float(interpretability.mean_scores(scores)["nap"]), float(milliseconds)


def _pair(label: str, values: list[float], form: str) -> Measure:
    """Post hoc first; without an intrinsic method it stands alone."""
    texts = [form.format(value) if np.isfinite(value) else "unknown" for value in values]
    numbers = zip(("post hoc", "intrinsic"), (v if np.isfinite(v) else None for v in values), strict=False)
    return Measure(label, ", ".join([*texts, *["none"] * (2 - len(texts))]), tuple(numbers))
