"""How a Transformer learns of order: a table that is added, angles that are turned by, and what both amount to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.anatomy.numbers import number
from analysis.anatomy.record import Positions
from analysis.document import Block, Paragraph, Picture
from analysis.drawing import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 7.0, 4.3
SMALL = 8.0
TURN = 2 * np.pi
CLOSE = 0.3
"""Distance of two arrow heads from which on each has a number of its own."""


def blocks(positions: Positions) -> list[Block]:
    """Text and figure."""
    table, turned = np.array(positions.table), np.array(positions.turned)
    length, width = table.shape
    gap = np.abs(table @ table.T - turned @ turned.T).max()
    return [
        Paragraph(
            "Attention itself is blind to order: were the keys dealt out anew, every score would come along with its "
            "key. Either the entry tells a position apart, by a fixed vector that is added to the embedding: sin(p w) "
            "in the even channels and cos(p w) in the odd ones, w = 10000^(-2i/D) for the pair i (Vaswani et al. 2017, "
            "section 3.5; models/transformer_core.py, sinusoids). Or queries and keys are turned, pair by pair, by the "
            "angle p w (Su et al. 2021, section 3.2; models/attention.py, Rotation)."
        ),
        Paragraph(
            "Both rest on the same thing. The product of two rows of the table is the sum over the pairs of "
            "cos((m - n) w): it depends on the distance alone. So does the product of two vectors that were turned by "
            f"their positions; here the two differ by {number(gap)} at most over all {length} x {length} pairs of "
            "positions."
        ),
        _picture(table, turned, np.array(positions.angles), width),
    ]


def _picture(table: np.ndarray, turned: np.ndarray, angles: np.ndarray, width: int) -> Picture:
    last = angles[-1]
    finding = (
        f"At D = {width} there are {width // 2} pairs. Over {len(table)} positions the first turns by "
        f"{number(last[0])} radians, which is {number(last[0] / TURN)} turns, and the last by {number(last[-1])}: fast "
        "pairs tell neighbours apart, slow ones the far ends."
    )
    with style():
        figure = _drawn(table, turned)
    data = pd.DataFrame(table, columns=[f"channel {channel}" for channel in range(width)])
    data.insert(0, "position", range(len(table)))
    return Picture("positions", "Positions: added, or turned by", finding, figure, data)


def _drawn(table: np.ndarray, turned: np.ndarray) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[1.25, 1], squeeze=False).flat
    left, right = above.subplots(1, 2, width_ratios=[1.3, 1])
    _heat(left, table)
    _products(right, table, turned)
    pairs = table.shape[1] // 2
    for pair, axes in enumerate(below.subplots(1, pairs, squeeze=False).flat):
        _dial(axes, turned[:, [pair, pair + pairs]], pair)
    return figure


def _heat(axes: Axes, table: np.ndarray) -> None:
    image = axes.imshow(table, cmap="vlag", vmin=-1, vmax=1, aspect="auto", interpolation="none")
    axes.set_title("Sinusoidal: the table that is added", loc="left", fontsize=9)
    axes.set_xlabel("channel (even: sine, odd: cosine)")
    axes.set_ylabel("position")
    axes.set_xticks(range(table.shape[1]))
    axes.set_yticks(range(0, len(table), 2))
    axes.grid(False)
    axes.figure.colorbar(image, ax=axes, aspect=25)


def _products(axes: Axes, table: np.ndarray, turned: np.ndarray) -> None:
    distance = np.arange(len(table))
    axes.plot(distance, table[0] @ table.T, color="#0173b2", marker="o", markersize=6, markerfacecolor="white", lw=1.4,
              label="rows of the table")  # fmt: skip
    axes.plot(
        distance, turned[0] @ turned.T, color="#de8f05", marker=".", linestyle=":", lw=1.4, label="turned vectors"
    )
    axes.set_title("Product of two positions", loc="left", fontsize=9)
    axes.set_xlabel("distance [positions]")
    axes.set_ylim(0, None)
    axes.legend(fontsize=SMALL, loc="lower left")


def _dial(axes: Axes, arrows: np.ndarray, pair: int) -> None:
    """Where rotary positions leave the vector (1, 0) of one pair of channels."""
    from matplotlib import colormaps

    shades = colormaps["mako_r"](np.linspace(0.25, 0.95, len(arrows)))
    for (x, y), shade in zip(arrows, shades, strict=True):
        axes.plot([0, x], [0, y], color=shade, lw=1.3)
    ends = {"0": arrows[0], str(len(arrows) - 1): arrows[-1]}
    if np.linalg.norm(arrows[0] - arrows[-1]) < CLOSE:
        ends = {" to ".join(ends): arrows[-1] + (-0.3, 0.2)}
    for text, (x, y) in ends.items():
        axes.text(1.22 * x, 1.22 * y, text, ha="center", va="center", fontsize=SMALL)
    axes.set_aspect("equal")
    axes.set_xlim(-1.35, 1.35)
    axes.set_ylim(-1.35, 1.35)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(f"Rotary, pair {pair}", loc="left", fontsize=9)
