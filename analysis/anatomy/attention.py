"""Attention: every head as a matrix with its mask, and one query of one head in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.anatomy.diagram import inside
from analysis.anatomy.numbers import number, numbers
from analysis.anatomy.record import Anatomy, Head, WorkedQuery
from analysis.document import Block, Paragraph, Picture, Table, anchor
from analysis.drawing import label, short, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 7.0
ACROSS = 2
SMALL = 8.0
MOST = 8
"""Heads of a figure, the first ones being drawn."""
SHADES = 64


def blocks(anatomy: Anatomy) -> list[Block]:
    """The matrices, then the numbers; nothing of a model that never called the kernel."""
    found: list[Block] = [] if anatomy.inside is None else [inside(anatomy, anatomy.inside)]
    if anatomy.heads:
        found.append(_picture(anatomy))
    if anatomy.worked_query is not None:
        found += _worked(anatomy, anatomy.worked_query)
    return found


def _picture(anatomy: Anatomy) -> Picture:
    shown = anatomy.heads[:MOST]
    some = f" The first {MOST} of {len(anatomy.heads)} heads are drawn." if len(anatomy.heads) > MOST else ""
    strongest = max(shown, key=lambda head: _choosing(head).max())
    weights = _choosing(strongest)
    query, key = np.unravel_index(int(weights.argmax()), weights.shape)
    queries, keys = (anatomy.sequence.side(side) for side in (strongest.queries, strongest.keys))
    hidden = any(not seen for head in shown for row in head.visible for seen in row)
    masked = " Hatched is what the mask hides: the keys after the query." if hidden else ""
    finding = (
        "Every row is a query, its weights over the keys sum to one. The largest of a query that has a choice, in "
        f"{_named(strongest)}, is {weights.max():.2f}, from position {query} ({queries[query]}) to position {key} "
        f"({keys[key]}).{masked}{some}"
    )
    with style():
        figure = _drawn(anatomy, shown)
    return Picture(anchor("attention", anatomy.name), "Attention, head by head", finding, figure, _data(anatomy, shown))


def _choosing(head: Head) -> np.ndarray:
    """The weights, (L, S), but zeros for queries that see a single key."""
    return np.array(head.weights) * (np.array(head.visible).sum(axis=1, keepdims=True) > 1)


def _named(head: Head | WorkedQuery) -> str:
    return f"{head.path.removeprefix('core.')}, head {head.head}"


def _drawn(anatomy: Anatomy, heads: Sequence[Head]) -> Figure:
    from matplotlib import colormaps
    from matplotlib.colors import PowerNorm
    from matplotlib.figure import Figure

    across = min(ACROSS, len(heads))
    down = -(-len(heads) // across)
    figure = Figure(figsize=(WIDTH if across > 1 else 4.2, 3.35 * down), layout="constrained")
    grid = figure.subplots(down, across, squeeze=False)
    shades, norm = colormaps["mako_r"].resampled(SHADES), PowerNorm(0.5, vmin=0, vmax=1)
    for axes, head in zip(grid.flat, heads, strict=False):
        image = axes.imshow(head.weights, cmap=shades, norm=norm, interpolation="none")
        _hatch(axes, head)
        axes.set_title(f"{short(_named(head), 34)}", loc="left", fontsize=9)
        _label(axes, anatomy, head)
    for axes in list(grid.flat)[len(heads) :]:
        axes.set_axis_off()
    figure.colorbar(
        image, ax=grid, label="weight", ticks=[0, 0.01, 0.1, 0.25, 0.5, 1], format="%g", aspect=30, shrink=1 / down
    )
    return figure


def _hatch(axes: Axes, head: Head) -> None:
    """What the mask hides."""
    from matplotlib.patches import Rectangle

    for query, row in enumerate(head.visible):
        first = next((key for key, seen in enumerate(row) if not seen), None)
        if first is not None:  # a mask hides what comes after
            corner, count = (first - 0.5, query - 0.5), len(row) - first
            axes.add_patch(Rectangle(corner, count, 1, facecolor="0.93", edgecolor="0.65", hatch="////", lw=0))


def _label(axes: Axes, anatomy: Anatomy, head: Head) -> None:
    queries, keys = (list(map(label, anatomy.sequence.side(side))) for side in (head.queries, head.keys))
    axes.set_xticks(range(len(keys)), keys)
    axes.set_yticks(range(len(queries)), queries)
    axes.set_xlabel("key" if head.keys == "sequence" else f"key ({head.keys})")
    axes.set_ylabel("query" if head.queries == "sequence" else f"query ({head.queries})")
    axes.grid(False)


def _data(anatomy: Anatomy, heads: Sequence[Head]) -> pd.DataFrame:
    rows = []
    for head in heads:
        for query, (scores, weights) in enumerate(zip(head.scores, head.weights, strict=True)):
            for key, (score, weight) in enumerate(zip(scores, weights, strict=True)):
                seen = head.visible[query][key]
                facts = {"head": _named(head), "query": query, "key": key}
                rows.append(facts | {"score": score, "seen": "yes" if seen else "no", "weight": weight})
    return pd.DataFrame(rows)


def _worked(anatomy: Anatomy, found: WorkedQuery) -> list[Block]:
    queries, keys = (anatomy.sequence.side(side) for side in (found.queries, found.keys))
    asking = f"position {found.query} of the {found.queries} ({queries[found.query]})"
    channels = list(map(str, range(len(found.q))))
    exponents = np.exp(np.array(found.scores))
    total = float(exponents[np.array(found.visible)].sum())
    strongest = int(np.argmax(found.weights))
    products = [
        (f"{place} ({name})", *numbers(k), number(product), number(score), "yes" if seen else "no",
         number(exponent) if seen else "0", number(weight))
        for place, (name, k, product, score, seen, exponent, weight) in enumerate(
            zip(keys, found.k, found.products, found.scores, found.visible, exponents, found.weights, strict=True)
        )
    ]  # fmt: skip
    mixture = [
        (f"{place} ({name})", number(weight), *numbers(value))
        for place, (name, weight, value) in enumerate(zip(keys, found.weights, found.v, strict=True))
    ]
    ends = [("sum of weight x value", "", *numbers(found.output)), ("the kernel's own", "", *numbers(found.recorded))]
    return [
        Paragraph(
            f"In numbers: {_named(found)}, for {asking}. Its query asks every key: score = q · k / sqrt(d), d = "
            f"{len(found.q)} channels, so products are multiplied by {number(found.scale)}; weights = softmax(scores) "
            "over the keys that the mask leaves; output = the sum of weight x value (Vaswani et al. 2017, equation 1). "
            f"It looks the most at position {strongest} ({keys[strongest]}), weight {found.weights[strongest]:.2f}."
        ),
        Table(f"The query q of {asking}", ("channel", *channels), (("q", *numbers(found.q)),)),
        Table(
            f"Keys, scores and weights; the exponentials of what is seen sum to {number(total)}",
            ("key", *(f"k{channel}" for channel in channels), "q · k", "score", "seen", "exp", "weight"),
            tuple(products),
        ),
        Table(
            "Values, mixed by the weights; largest deviation of the recomputed output from the kernel's, over all "
            f"queries and heads: {found.difference:.0e}",
            ("value of", "weight", *(f"v{channel}" for channel in channels)),
            (*mixture, *ends),
        ),
    ]
