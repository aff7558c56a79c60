"""How a token travels up a CNN: the tree of taps from the last output down, and one convolution in numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from analysis.anatomy.numbers import number, numbers, term
from analysis.anatomy.record import Anatomy, Level, Taps, WorkedTaps
from analysis.clocks.wording import listed
from analysis.document import Block, Paragraph, Picture, Table, anchor
from analysis.drawing import label, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, ROW = 7.0, 0.85
SMALL = 8.0
INK, PADDING = "0.35", "0.6"


def blocks(anatomy: Anatomy) -> list[Block]:
    """The tree, then the numbers; nothing of a model that is no stack of causal convolutions."""
    if anatomy.taps is None:
        return []
    return [_picture(anatomy, anatomy.taps), *_worked(anatomy, anatomy.taps.worked)]


def _picture(anatomy: Anatomy, taps: Taps) -> Picture:
    reached = taps.levels[0].positions
    inside = [position for position in reached if position >= 0]
    outside = [
        size for level in taps.levels for position, size in enumerate(level.gradient) if position not in level.positions
    ]
    padding = f", {len(reached) - len(inside)} of them padding before the first" if len(inside) < len(reached) else ""
    unseen = f"; where no tap leads, at {len(outside)} places, it is {number(max(outside))}" if outside else ""
    finding = (
        f"{len(taps.levels)} layers with dilations {listed(str(level.dilation) for level in taps.levels)} and "
        f"{len(taps.levels[0].taps)} taps: the last output sees {len(reached)} positions{padding}. The darker a point, "
        f"the larger the gradient of the answer there, against the largest of its row{unseen}."
    )
    rows = [
        {"layer": row, "position": position, "reached": "yes" if position in level.positions else "no",
         "gradient": size}
        for row, level in enumerate(taps.levels)
        for position, size in enumerate(level.gradient)
    ]  # fmt: skip
    with style():
        figure = _drawn(anatomy, taps.levels)
    return Picture(anchor("receptive-field", anatomy.name), "The receptive field", finding, figure, pd.DataFrame(rows))


def _drawn(anatomy: Anatomy, levels: list[Level]) -> Figure:
    from matplotlib.figure import Figure

    length = len(anatomy.sequence.inputs)
    figure = Figure(figsize=(WIDTH, ROW * (len(levels) + 1) + 0.3), layout="constrained")
    axes = figure.subplots()
    above = [length - 1]
    for row in reversed(range(len(levels))):
        _taps(axes, levels[row], row, above)
        above = levels[row].positions
    axes.scatter([length - 1], [len(levels)], s=110, color="black", zorder=3)
    for row, level in enumerate(levels):
        _points(axes, level, row, length)
    first = min(0, levels[0].positions[0])
    axes.set_xticks(range(length), [label(name) for name in anatomy.sequence.inputs])
    names = [f"into layer {row}\n(dilation {level.dilation})" for row, level in enumerate(levels)]
    axes.set_yticks(range(len(levels) + 1), [*names, "output"])
    axes.set_xlim(first - 0.6, length - 0.4)
    axes.set_ylim(-0.4, len(levels) + 0.4)
    axes.set_xlabel("input" + (" (before the first: padding)" if first < 0 else ""))
    axes.grid(False)
    for side in axes.spines.values():
        side.set_visible(False)
    return figure


def _taps(axes: Axes, level: Level, row: int, above: list[int]) -> None:
    for position in above:
        for tap in level.taps:
            is_padding = position - tap < 0
            axes.plot(
                [position - tap, position], [row, row + 1], color=PADDING if is_padding else INK, zorder=1,
                lw=0.7 if is_padding else 1.0, linestyle=":" if is_padding else "-",
            )  # fmt: skip


def _points(axes: Axes, level: Level, row: int, length: int) -> None:
    from matplotlib import colormaps

    largest = max(level.gradient) or 1.0
    padding = [position for position in level.positions if position < 0]
    axes.scatter(padding, [row] * len(padding), s=45, facecolor="white", edgecolor=PADDING, linestyle=":", zorder=2)
    for position in range(length):
        if position in level.positions:
            shade = colormaps["mako_r"](0.08 + 0.9 * level.gradient[position] / largest)
            axes.scatter([position], [row], s=110, color=[shade], edgecolor="black", linewidth=0.6, zorder=3)
        else:
            axes.scatter([position], [row], s=14, color=PADDING, zorder=2)


def _worked(anatomy: Anatomy, found: WorkedTaps) -> list[Block]:
    channels = range(len(found.inputs[0]))
    names = [
        anatomy.sequence.inputs[position] if position >= 0 else "padding" for position in found.positions
    ]  # fmt: skip
    rows = []
    for position, name, inputs, weights, total in zip(
        found.positions, names, found.inputs, found.weights, found.sums, strict=True
    ):
        rows.append((str(position), f"{name}: x", *numbers(inputs), ""))
        rows.append((str(position), "w", *numbers(weights), number(total)))
    sums = " + ".join(map(term, [*found.sums, found.bias]))
    where = found.path.removeprefix("core.")
    return [
        Paragraph(
            f"In numbers: {where}, channel {found.channel}, at the last position. It reads what the layer's norm made "
            f"of its input at {len(found.positions)} taps; products summed per tap, then over the taps, and the bias: "
            f"{sums} = {number(found.output)}; torch's own: {number(found.recorded)}."
        ),
        Table(
            f"Inputs x and weights w of channel {found.channel} at each tap; largest deviation of all channels from "
            f"torch's own: {found.difference:.0e}",
            ("position", "", *(f"{channel}" for channel in channels), "sum of w x"),
            tuple(rows),
        ),
    ]
