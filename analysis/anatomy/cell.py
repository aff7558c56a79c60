"""The LSTM cell as one draws it, with the numbers of one unit at one step in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.anatomy.canvas import SOFT, Canvas, Place
from analysis.anatomy.numbers import number
from analysis.anatomy.record import Cell
from analysis.drawing import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 7.0, 3.75
CELL, INNER, GATES, BUS, ENTRY = 0.55, 1.35, 2.25, 2.95, 3.5
"""Inches from the top: the line of the cell, that of the products, the gates, what they read, and where x comes in."""
FORGET, INPUT, CANDIDATE, OUTPUT, OUT, END = 1.75, 2.8, 4.1, 5.2, 6.0, 6.85
"""Inches from the left: the gates, where the hidden value is made, and the right edge."""
ADDED = (INPUT + CANDIDATE) / 2
ROUND = 0.26
SIGMA, TIMES = "\N{GREEK SMALL LETTER SIGMA}", "\N{MULTIPLICATION SIGN}"
GATE = 0.92
FILLS = ("#cfe3f3", "#fbe3c0", "#d6ecdf", "#f3dcea")


def drawn(cell: Cell) -> Figure:
    """Hochreiter & Schmidhuber 1997 with the forget gate of Gers et al. 2000; x and h are vectors."""
    values = cell.gates[cell.step]
    before, after = cell.cell[cell.step], cell.cell[cell.step + 1]
    with style():
        canvas = Canvas(WIDTH, HEIGHT)
        _gates(canvas, cell)
        _cell_line(canvas, before, after, values)
        _hidden(canvas, cell.hidden[cell.step + 1])
        return canvas.figure


def _sign(canvas: Canvas, x: float, y: float, sign: str) -> None:
    canvas.box(Place(x, y, ROUND, ROUND), sign, round_ends=True)


def _gates(canvas: Canvas, cell: Cell) -> None:
    """Four boxes over one line of what they all read."""
    names = (f"i = {SIGMA}", f"f = {SIGMA}", "g = tanh", f"o = {SIGMA}")
    for place, name, value, fill in zip(
        (INPUT, FORGET, CANDIDATE, OUTPUT), names, cell.gates[cell.step], FILLS, strict=True
    ):
        canvas.box(Place(place, GATES, GATE, 0.42), name, number(value), fill)
        canvas.arrow([(place, BUS), (place, GATES + 0.21)])
    canvas.line([(0.15, BUS), (OUTPUT, BUS)])
    canvas.text(0.15, BUS - 0.13, f"h before ({len(cell.before)})", side="left")
    canvas.arrow([(0.95, ENTRY), (0.95, BUS)])
    canvas.text(1.05, ENTRY - 0.1, f"x ({len(cell.entering)})", side="left")
    reads = f"each reads {len(cell.entering)} + {len(cell.before)} numbers"
    canvas.text(ADDED, BUS + 0.16, reads, colour=SOFT)


def _cell_line(canvas: Canvas, before: float, after: float, values: list[float]) -> None:
    """c = f c + i g, along the top."""
    i, f, g, _ = values
    half = ROUND / 2
    canvas.text(0.15, CELL - 0.16, f"c before = {number(before)}", side="left")
    canvas.arrow([(0.15, CELL), (FORGET - half, CELL)])
    _sign(canvas, FORGET, CELL, TIMES)
    canvas.arrow([(FORGET, GATES - 0.21), (FORGET, CELL + half)])
    canvas.arrow([(FORGET + half, CELL), (ADDED - half, CELL)])
    canvas.text((FORGET + ADDED) / 2, CELL - 0.16, f"f c = {number(f * before)}")
    _sign(canvas, ADDED, CELL, "+")
    canvas.arrow([(INPUT, GATES - 0.21), (INPUT, INNER), (ADDED - half, INNER)])
    canvas.arrow([(CANDIDATE, GATES - 0.21), (CANDIDATE, INNER), (ADDED + half, INNER)])
    _sign(canvas, ADDED, INNER, TIMES)
    canvas.arrow([(ADDED, INNER - half), (ADDED, CELL + half)])
    canvas.text(ADDED + 0.08, (INNER + CELL) / 2, f"i g = {number(i * g)}", side="left")
    canvas.arrow([(ADDED + half, CELL), (END, CELL)])
    canvas.text(END, CELL - 0.16, f"c = {number(after)}", side="right")


def _hidden(canvas: Canvas, hidden: float) -> None:
    """h = o tanh(c), down on the right."""
    half, squashed = ROUND / 2, 0.95
    canvas.arrow([(OUT, CELL), (OUT, squashed - 0.125)])
    canvas.box(Place(OUT, squashed, 0.55, 0.25), "tanh", round_ends=True)
    meeting = 1.6
    canvas.arrow([(OUT, squashed + 0.125), (OUT, meeting - half)])
    _sign(canvas, OUT, meeting, TIMES)
    canvas.arrow([(OUTPUT, GATES - 0.21), (OUTPUT, meeting), (OUT - half, meeting)])
    canvas.arrow([(OUT, meeting + half), (OUT, BUS), (END, BUS)])
    canvas.text(END, BUS - 0.13, f"h = {number(hidden)}", side="right")
