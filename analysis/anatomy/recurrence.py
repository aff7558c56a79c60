"""How a token travels through an LSTM: the cell at one step, its gates at all steps, and the sums behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.anatomy.cell import drawn
from analysis.anatomy.numbers import number, numbers, term
from analysis.anatomy.record import Anatomy, Cell
from analysis.document import Block, Fold, Paragraph, Picture, Table, anchor
from analysis.drawing import label, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 7.0, 5.6
SMALL = 8.0
GATES = ("input gate i", "forget gate f", "candidate g", "output gate o")
LOOKS = (("#0173b2", "o", "-"), ("#de8f05", "s", "--"), ("#029e73", "^", "-."), ("#cc78bc", "D", ":"))


def blocks(anatomy: Anatomy) -> list[Block]:
    """The cell, the gates over the positions, the numbers; nothing of a model without an LSTM."""
    if anatomy.cell is None:
        return []
    cell, inputs = anatomy.cell, anatomy.sequence.inputs
    i, f, g, o = cell.gates[cell.step]
    before, after, hidden = cell.cell[cell.step], cell.cell[cell.step + 1], cell.hidden[cell.step + 1]
    place = f"position {cell.step} ({inputs[cell.step]})"
    who = f"unit {cell.unit} of layer {cell.layer}"
    finding = (
        f"At {place} {who}, whose cell moves the most there, goes from c = {number(before)} to {number(after)}: "
        f"it keeps f = {number(f)} of what it held, and takes in i g = {number(i * g)}."
    )
    return [
        Picture(anchor("cell", anatomy.name), "One step of one LSTM cell", finding, drawn(cell)),
        Paragraph(
            f"c = f c + i g = {number(f)} x {term(before)} + {number(i)} x {term(g)} = {number(after)}; "
            f"h = o tanh(c) = {number(o)} x {term(float(np.tanh(after)))} = {number(hidden)}. All gates read "
            "the same: the input x and the hidden values of all units before it."
        ),
        *_tables(anatomy, cell, place, who),
        _over_positions(anatomy, cell, who),
    ]


def _tables(anatomy: Anatomy, cell: Cell, place: str, who: str) -> list[Block]:
    sums = [
        (row.gate, *numbers((row.from_x, row.from_h, row.bias, row.sum, row.value)))
        for row in cell.sums
    ]  # fmt: skip
    weights = [
        (row.gate, *numbers(values)) for row in cell.sums for values in [[*row.weight_x, *row.weight_h]]
    ]  # fmt: skip
    read = [f"x{n}" for n in range(len(cell.entering))] + [f"h{n}" for n in range(len(cell.before))]
    return [
        Table(
            f"The gates of {who} at {place}: sum = w · x + u · h + b, value = sigmoid(sum), of the candidate tanh(sum)",
            ("gate", "w · x", "u · h", "b", "sum", "value"),
            tuple(sums),
        ),
        Fold(
            "Every number in these sums",
            anchor("sums", anatomy.name),
            [
                Table(
                    f"What comes in at {place}, and the weights of {who} on it",
                    ("", *read),
                    (("x and h", *numbers([*cell.entering, *cell.before])), *weights),
                )
            ],
        ),
    ]


def _over_positions(anatomy: Anatomy, cell: Cell, who: str) -> Picture:
    held = cell.cell[cell.step + 1]
    kept = float(np.prod([gates[1] for gates in cell.gates[cell.step + 1 :]]))
    finding = (
        f"The gates of {who} at every position, below them its cell c and its hidden value h, and at the bottom the "
        f"cells of all units of the layer. Of the {number(held)} that the cell held after the shaded step, the forget "
        f"gates since then leave a share of {number(kept)}, {number(kept * held)}; the rest of the "
        f"{number(cell.cell[-1])} at the last position came in later. Recomputed from the weights; the hidden values "
        f"of the last layer deviate by {cell.difference:.0e} at most from torch's own."
    )
    with style():
        figure = _drawn(anatomy, cell)
    data = pd.DataFrame(cell.gates, columns=list(GATES))
    data.insert(0, "input", anatomy.sequence.inputs)
    data.insert(0, "position", range(len(data)))
    return Picture(
        anchor("gates", anatomy.name),
        "Gates over the positions",
        finding,
        figure,
        data.assign(cell=cell.cell[1:], hidden=cell.hidden[1:]),
    )


def _drawn(anatomy: Anatomy, cell: Cell) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    gates, values, cells = figure.subplots(3, 1, sharex=True, height_ratios=[1, 1, 1.1])
    positions = range(len(cell.gates))
    for name, column, look in zip(GATES, np.array(cell.gates).T, LOOKS, strict=True):
        _curve(gates, positions, column, name, look)
    _curve(values, positions, cell.cell[1:], "cell c", LOOKS[0])
    _curve(values, positions, cell.hidden[1:], "hidden h", LOOKS[1])
    for axes in (gates, values):
        axes.axvspan(cell.step - 0.5, cell.step + 0.5, color="0.9", zorder=0)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, fontsize=SMALL, frameon=False, borderpad=0)
        axes.set_ylabel("value")
    held = np.array(cell.cells).T
    extreme = float(np.abs(held).max()) or 1.0
    image = cells.imshow(held, cmap="vlag", vmin=-extreme, vmax=extreme, aspect="auto", interpolation="none")
    cells.set_ylabel("unit")
    cells.set_yticks(range(len(held)) if len(held) <= 12 else range(0, len(held), 4))
    cells.set_xlabel("input")
    cells.set_xticks(list(positions), [label(name) for name in anatomy.sequence.inputs])
    cells.grid(False)
    figure.colorbar(image, ax=[gates, values, cells], label="cell c", aspect=12, shrink=0.33, anchor=(0, 0))
    return figure


def _curve(axes: Axes, x: object, y: object, name: str, look: tuple[str, str, str]) -> None:
    colour, marker, line = look
    axes.plot(x, y, color=colour, marker=marker, linestyle=line, markersize=4, lw=1.3, label=name)  # type: ignore[arg-type]
