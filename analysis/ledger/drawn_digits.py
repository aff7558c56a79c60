"""Images that models drew: digits of 8 x 8 pixels, tiled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.drawing import Mark, label, marks, style
from analysis.figures.lines import SMALL, WIDTH, ink

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIDE, INK = 8, 16
"""Pixels to a side; the darkest level."""
GAP = 1
"""Pixels between two images."""
PIXEL = 0.025
"""Inches."""
Image = npt.NDArray[np.float64]


class Grid(NamedTuple):
    """The images of one family."""

    title: str
    family: str
    images: Sequence[Sequence[Image | None]]
    """Rows of images (8, 8); None leaves a place empty."""


def image(held: pd.DataFrame) -> Image | None:
    """An image (8, 8) from its pixels, columns step and value; None unless every pixel is there once."""
    places, levels = held["step"].to_numpy(dtype=int), held["value"].to_numpy(dtype=float)
    if sorted(places) != list(range(SIDE * SIDE)):
        return None
    found = np.zeros(SIDE * SIDE)
    found[places] = np.clip(levels, 0, INK)
    return found.reshape(SIDE, SIDE)


def tiled(rows: Sequence[Sequence[Image | None]]) -> Image:
    """All images in one, paper between them: (height, width)."""
    step, across = SIDE + GAP, max(map(len, rows))
    found = np.zeros((step * len(rows) - GAP, step * across - GAP))
    for down, row in enumerate(rows):
        for right, one in enumerate(row):
            if one is not None:
                found[down * step : down * step + SIDE, right * step : right * step + SIDE] = one
    return found


def drawn(grids: Sequence[Grid], headings: Sequence[str] = (), across: int = 3) -> Figure:
    """The grids beside each other, `across` in a row; `headings` stand above the columns of images."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    down, known = -(-len(grids) // across), marks([grid.family for grid in grids])
    height, width = (max(ends) for ends in zip(*(tiled(grid.images).shape for grid in grids), strict=True))
    each = min(WIDTH / across - 0.3, PIXEL * 3 * width)
    title = 0.42 + 0.12 * max((text.count("\n") + 1 for text in headings), default=0)
    with style():
        figure = Figure(
            figsize=(WIDTH, down * (each * height / width + title) + 0.1), layout=ConstrainedLayoutEngine(h_pad=0.08)
        )
        places = figure.subplots(down, across, squeeze=False).flat
        for axes, grid in zip(places, grids, strict=False):
            _grid(axes, grid, known[grid.family], headings)
        for axes in list(figure.axes)[len(grids) :]:
            axes.set_axis_off()
    return figure


def show(axes: Axes, found: Image) -> None:
    """An image in ink on paper."""
    axes.imshow(found, cmap="gray_r", vmin=0, vmax=INK, interpolation="none")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    for side in axes.spines.values():
        side.set_visible(False)


def frame(grids: Sequence[Grid]) -> pd.DataFrame:
    """How many images of each were drawn, and how much ink they have, for who cannot see them."""
    rows: list[dict[str, Any]] = []
    for grid in grids:
        found = [one for row in grid.images for one in row if one is not None]
        ink_of = [float(one.mean()) for one in found]
        rows.append(
            {"family": grid.title, "images": len(found), "mean level of a pixel": np.mean(ink_of) if found else np.nan}
        )
    return pd.DataFrame(rows)


def _grid(axes: Axes, grid: Grid, mark: Mark, headings: Sequence[str]) -> None:
    show(axes, tiled(grid.images))
    for number, text in enumerate(headings):
        place = number * (SIDE + GAP) + (SIDE - 1) / 2
        axes.text(
            place,
            -1.2,
            "\n".join(map(label, text.split("\n"))),
            ha="center",
            va="bottom",
            fontsize=SMALL - 1,
            color="0.25",
        )
    axes.set_title(label(grid.title), fontsize=9, color=ink(mark.colour), pad=4 + 9 * _levels(headings), loc="left")


def _levels(headings: Sequence[str]) -> int:
    return max((text.count("\n") + 1 for text in headings), default=0)
