"""Where the boxes of a block diagram stand: in the order of the calls, from the top down, in one column or in three."""

from __future__ import annotations

import re
from typing import NamedTuple

from analysis.anatomy.canvas import Place
from analysis.anatomy.record import Box, Diagram

TALL, LOW, GAP, MARGIN = 0.42, 0.25, 0.29, 0.2
"""Inches: heights of a module's box, of a function's, and of the arrow between two; room at the edges."""
LETTER, ENDS = 0.075, 0.25
"""Inches: of a letter, and of both ends of a box around letters."""
SIGNS = {
    "add": "+", "mul": "\u00d7", "sub": "\u2212", "matmul": "@", "gelu": "GELU", "relu": "ReLU",
    "masked_fill": "mask",
}  # fmt: skip
LAYER = re.compile(r"(.+\.\d+)\.")
ENCODER, DECODER = "core.encoder", "core.decoder"
LEFT, MIDDLE, RIGHT = 0, 1, 2


class Column(NamedTuple):
    """Its centre, and how wide a module's box is, in inches."""

    x: float
    width: float


ONE = (Column(3.2, 2.4),)
THREE = (Column(1.2, 1.75), Column(3.55, 1.4), Column(5.525, 1.75))


class Layout(NamedTuple):
    """Everything's place."""

    columns: list[int]
    """Of each box."""
    places: list[Place]
    height: float
    """Inches, of the whole."""

    def beside(self, number: int) -> float:
        """The right edge of a box's column."""
        x, width = _shape(self.columns)[self.columns[number]]
        return x + width / 2


def layout(diagram: Diagram) -> Layout:
    """An encoder stands left, its decoder right, and between them what only hands over from one to the other."""
    columns = _columns(diagram)
    shape = _shape(columns)
    below = [MARGIN] * len(shape)
    """For each column, how far down it is filled."""
    places: list[Place] = []
    for box, column in zip(diagram.boxes, columns, strict=True):
        height = TALL if box.parameters is not None else LOW
        start = max(below) if _is_shared(box) else below[column]
        places.append(Place(shape[column].x, start + height / 2, _width(box, shape[column]), height))
        if _is_shared(box):
            below = [start + height + GAP] * len(shape)
        elif column != MIDDLE:
            below[column] = start + height + GAP
    for number, column in enumerate(columns):
        if column == MIDDLE and not _is_shared(diagram.boxes[number]):
            target = next((arrow.target for arrow in diagram.arrows if arrow.source == number), number)
            places[number] = places[number]._replace(y=places[target].y)
    return Layout(columns, places, max(below) - GAP + MARGIN)


def title(box: Box) -> str:
    """What stands in a box: a class, or a function's sign and the table that it reads."""
    tables = [table.rpartition(".")[2] for table in box.tables]
    return " ".join([box.label if box.parameters is not None else SIGNS.get(box.label, box.label), *tables])


def layer(path: str) -> str:
    """The innermost list member that a path lies in: core.blocks.0 for core.blocks.0.attention; else nothing."""
    found = LAYER.match(f"{path}.")
    return found[1] if found else ""


def _columns(diagram: Diagram) -> list[int]:
    if not all(any(box.path.startswith(side) for box in diagram.boxes) for side in (ENCODER, DECODER)):
        return [LEFT] * len(diagram.boxes)
    columns: list[int] = []
    for number, box in enumerate(diagram.boxes):
        sources = {columns[arrow.source] for arrow in diagram.arrows if arrow.target == number}
        if box.path.startswith(ENCODER):
            columns.append(LEFT)
        elif box.path.startswith(DECODER):
            columns.append(MIDDLE if box.parameters is not None and sources == {LEFT} else RIGHT)
        else:
            columns.append(RIGHT if RIGHT in columns else MIDDLE)
    return columns


def _shape(columns: list[int]) -> tuple[Column, ...]:
    return THREE if RIGHT in columns else ONE


def _is_shared(box: Box) -> bool:
    """Whether a box belongs to the shell around the core."""
    return not box.path.startswith("core")


def _width(box: Box, column: Column) -> float:
    return column.width if box.parameters is not None else min(column.width, ENDS + LETTER * len(title(box)))
