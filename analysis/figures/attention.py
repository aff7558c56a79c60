"""Which position attends to which in a solved Transformer: every layer and head, on one planted sequence."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.clocks.wording import listed
from analysis.document import Picture
from analysis.drawing import label, style
from analysis.figures.examples import Example, examples, pick
from analysis.material import Material
from analysis.rows.finding import absence
from analysis.rows.interpretability import ROW
from analysis.stats import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME = "attention-maps"
TITLE = "Attention of a solved Transformer, layer by layer and head by head"
PREFERRED = ("induction", "needle")
MOST, ACROSS = 16, 4
"""Maps of a figure, the first ones being drawn; maps beside each other."""
WIDTH, BAR, LARGEST = 7.0, 1.0, 2.8
"""Inches: of the figure, of what is no map in its width, of a map at most."""
SHADES = 64
"""As many as an eye tells apart; an image of more makes a larger file."""
TOP = 5
"""Keys named in the table, for each head."""
LETTERS = 118


def picture(material: Material) -> Picture | str:
    """Maps of the best variant, or of the first architecture that recorded its attention."""
    found = [example for example in examples(material) if example.attention]
    if not found:
        planned = material.run.select(kind="explain", row=ROW, split="report")
        planned = planned[material.headline.holds(planned)]
        solved = (material.run.last(planned, "solved") == 1).any()
        return "no solved model recorded its attention" if solved else absence(material.run, planned)
    order = {name: number for number, name in enumerate(material.titles)}  # the best variants first
    example = min(pick(found, PREFERRED), key=lambda e: order.get(e.architecture, len(order)))
    with style():
        figure = _drawn(example)
    return Picture(NAME, TITLE, _finding(example), figure, _data(example))


def _drawn(example: Example) -> Figure:
    from matplotlib import colormaps
    from matplotlib.colors import PowerNorm
    from matplotlib.figure import Figure

    maps = dict(list(example.attention.items())[:MOST])
    across = min(ACROSS, len(maps))
    down = -(-len(maps) // across)
    side = min(LARGEST, (WIDTH - BAR) / across)
    figure = Figure(figsize=(side * across + BAR, (side + 0.25) * down + 0.75), layout="constrained")
    grid = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True)
    norm = PowerNorm(0.5, vmin=0, vmax=1)  # linear, an even spread over many keys would look like nothing
    shades = colormaps["mako_r"].resampled(SHADES)
    for axes, (subject, weights) in zip(grid.flat, maps.items(), strict=False):
        image = axes.imshow(weights, cmap=shades, norm=norm, interpolation="none")
        axes.set_title(label(subject[:40]), fontsize=9, pad=8)
        _mark(axes, example)
    for axes in grid.flat[len(maps) :]:
        axes.set_axis_off()
    for axes in grid[:, 0]:
        axes.set_ylabel("query position")
    for axes in grid[-1]:
        axes.set_xlabel("key position")
    figure.colorbar(
        image, ax=grid, label="attention weight", ticks=[0, 0.01, 0.1, 0.25, 0.5, 1], format="%g", aspect=30
    )
    _note(figure, example)
    return figure


def _mark(axes: Axes, example: Example) -> None:
    """The planted keys above the map, the query that gives the answer beside it."""
    axes.plot(example.positions, [-0.5] * len(example.positions), "kv", markersize=5, clip_on=False)
    axes.plot([example.length - 0.5], [example.length - 1], "k<", markersize=5, clip_on=False)
    axes.set_xlim(-0.5, example.length - 0.5)
    axes.set_ylim(example.length - 0.5, -0.5)
    axes.grid(False)


def _note(figure: Figure, example: Example) -> None:
    held = len(example.attention)
    some = f"; the first {MOST} of {held} maps" if held > MOST else ""
    what = f"{example.architecture}, one sequence of {example.task}{some}"
    note = f"{what}. ▼ planted keys; ◀ the query that gives the answer."
    width = int(LETTERS * figure.get_figwidth() / WIDTH)
    figure.supxlabel("\n".join(map(label, textwrap.wrap(note, width))), x=0.01, ha="left", fontsize=8, color="0.25")


def _finding(example: Example) -> str:
    shares = {subject: _planted_share(example, weights) for subject, weights in example.attention.items()}
    best = max(shares, key=shares.__getitem__)
    places = f"position{'s' * (len(example.positions) > 1)} {listed(map(str, example.positions))}"
    heads = f", the most of its {len(shares)} maps" if len(shares) > 1 else ""
    return (
        f"On one sequence of {example.task} the last query of {example.architecture} gives {shares[best]:.0%} of its "
        f"attention in {best} to the planted {places}{heads}; spread evenly it would be "
        f"{len(example.positions) / example.length:.0%}."
    )


def _planted_share(example: Example, weights: Array) -> float:
    """Attention of the last query that goes to planted keys, 0 to 1."""
    return float(weights[-1][example.positions].sum())


def _data(example: Example) -> pd.DataFrame:
    rows = []
    for subject, weights in list(example.attention.items())[:MOST]:
        for rank, key in enumerate(np.argsort(-weights[-1], kind="stable")[:TOP], start=1):
            rows.append(
                {
                    "map": subject,
                    "rank": rank,
                    "key attended by the last query": int(key),
                    "weight": float(weights[-1][key]),
                    "planted": "yes" if key in example.positions else "no",
                }
            )
    return pd.DataFrame(rows)
