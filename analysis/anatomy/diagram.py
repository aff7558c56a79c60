"""The block diagram of a model, drawn from what flowed: boxes in the order of the calls, real shapes at the arrows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.anatomy.canvas import SOFT, Canvas
from analysis.anatomy.layout import LEFT, MIDDLE, RIGHT, Layout, layer, layout, title
from analysis.anatomy.record import Anatomy, Arrow, Box, Diagram, Inside
from analysis.document import Picture, anchor
from analysis.drawing import style
from analysis.wording import cut

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, WIDER = 7.0, 7.25
"""Inches: a column of text; with an encoder and a decoder side by side."""
ASIDE, LETTER = 0.08, 0.058
"""Inches: between things that must not touch, and a small letter."""
LETTERS = 30
FILLS = {
    "Attention": "#cfe3f3", "Norm": "#ececec", "Embedding": "#d6ecdf", "Conv": "#d6ecdf", "LSTM": "#fbe3c0",
    "GRU": "#fbe3c0", "RNN": "#fbe3c0", "Dense": "#fdf3d8", "Linear": "#fdf3d8",
}  # fmt: skip
"""Part of a class's name -> colour of its box, in which the name stands."""


def picture(anatomy: Anatomy) -> Picture:
    """The whole model, and what is to be seen in a sentence."""
    boxes = anatomy.diagram.boxes
    functions = dict.fromkeys(title(box) for box in boxes[1:] if box.parameters is None)
    modules = sum(box.parameters is not None for box in boxes)
    between = f", and between them {', '.join(functions)}" if functions else ""
    opened = any(layer(box.path) not in ("", box.path) for box in boxes)
    alike = " The first layer of a stack is drawn from inside, the others are like it." if opened else ""
    return Picture(
        anchor("diagram", anatomy.name),
        f"{anatomy.name}, block by block",
        f"{modules} modules as they were called, from the top down{between}. In a box stand a class, where its object "
        "lies in the model, and its trainable numbers; at an arrow the shape of what went along it: batch, positions, "
        f"channels, as the code has them.{alike}",
        _drawn(anatomy.diagram),
    )


def inside(anatomy: Anatomy, found: Inside) -> Picture:
    """One attention module, as Vaswani et al. 2017 draw it in figure 2."""
    return Picture(
        anchor("inside", anatomy.name),
        f"Inside {found.path}",
        "The same module with its kernel written out, for nobody sees into the fused one: queries times keys (@), "
        "scaled, masked if it is causal, softmax, times values. Shapes of four numbers are batch, heads, queries, and "
        f"keys or channels. Its output deviates by {found.difference:.0e} at most from the recorded one.",
        _drawn(found.diagram),
    )


def _drawn(diagram: Diagram) -> Figure:
    found = layout(diagram)
    with style():
        lanes = _lanes(diagram, found)
        half = _half(diagram, lanes)
        outermost = max(_lane(found, arrow, lane, half) for arrow, lane in zip(diagram.arrows, lanes, strict=True))
        canvas = Canvas(max(WIDER if RIGHT in found.columns else WIDTH, outermost + half + ASIDE), found.height)
        for box, place in zip(diagram.boxes, found.places, strict=True):
            below = "" if box.parameters is None else f"{cut(_within(box), LETTERS)} · {box.parameters:,}"
            fill = next((colour for part, colour in FILLS.items() if below and part in box.label), "white")
            canvas.box(place, cut(title(box), LETTERS), below, fill, round_ends=not below)
        for arrow, lane in zip(diagram.arrows, lanes, strict=True):
            _connect(canvas, found, arrow, _lane(found, arrow, lane, half))
        for name in dict.fromkeys(filter(None, (layer(box.path) for box in diagram.boxes))):
            _frame(canvas, diagram, found, name, half)
        return canvas.figure


def _within(box: Box) -> str:
    """The path of a module, without what stands beside the frame around it."""
    return box.path.removeprefix(f"{layer(box.path)}.").removeprefix("core.")


def _lanes(diagram: Diagram, found: Layout) -> list[int]:
    """For each arrow the lane that it takes past the boxes of its column, 1 being the nearest; 0 if it passes none."""
    lanes = [0] * len(diagram.arrows)
    for number, arrow in sorted(enumerate(diagram.arrows), key=lambda pair: pair[1].target - pair[1].source):
        column = found.columns[arrow.source]
        between = found.columns[arrow.source + 1 : arrow.target]
        if column != found.columns[arrow.target] or column not in between:
            continue
        beside = {
            lanes[other]
            for other, that in enumerate(diagram.arrows)
            if found.columns[that.source] == column and that.source < arrow.target and arrow.source < that.target
        }
        lanes[number] = next(lane for lane in range(1, len(lanes) + 1) if lane not in beside)
    return lanes


def _half(diagram: Diagram, lanes: list[int]) -> float:
    """Inches of half the longest shape at an arrow that passes boxes by."""
    letters = (len(_shape(arrow)) for arrow, lane in zip(diagram.arrows, lanes, strict=True) if lane)
    return LETTER * max(letters, default=0) / 2


def _lane(found: Layout, arrow: Arrow, lane: int, half: float) -> float:
    """Where a lane runs, in inches from the left; 0 for none."""
    return found.beside(arrow.source) + (2 * lane - 1) * (half + ASIDE / 2) if lane else 0.0


def _shape(arrow: Arrow) -> str:
    several = f"{len(arrow.shapes)} \u00d7 " if len(arrow.shapes) > 1 else ""
    return f"{several}({', '.join(map(str, arrow.shapes[0]))})"


def _connect(canvas: Canvas, found: Layout, arrow: Arrow, lane: float) -> None:
    source, target = found.places[arrow.source], found.places[arrow.target]
    columns = found.columns[arrow.source], found.columns[arrow.target]
    shape = _shape(arrow)
    if lane:
        start = source.bottom + 0.07
        canvas.arrow(
            [(source.x, source.bottom), (source.x, start), (lane, start), (lane, target.y), (target.right, target.y)]
        )
        canvas.text(lane, (start + target.y) / 2, shape, colour=SOFT, paper=True)
    elif columns[0] == columns[1]:
        canvas.arrow([(source.x, source.bottom), (target.x, target.top)])
        canvas.text(source.x - 0.06, (source.bottom + target.top) / 2, shape, side="right", colour=SOFT)
    elif columns[0] != MIDDLE:  # what the encoder made of the source, to whatever looks at it
        x = target.left - (0.1 if columns[1] == MIDDLE else 0.23)
        canvas.arrow([(source.right, source.y), (x, source.y), (x, target.y), (target.left, target.y)])
        canvas.text(source.right + LETTER * len(shape) / 2 + ASIDE, source.y, shape, colour=SOFT, paper=True)
    elif target.top < source.y:  # keys and values, at the height of the queries
        canvas.arrow([(source.right, source.y), (target.left, target.y)])
        canvas.text(target.left, source.top - 0.1, shape, side="right", colour=SOFT, paper=True)
    else:
        side = source.left if columns[1] == LEFT else source.right
        canvas.arrow([(side, source.y), (target.x, source.y), (target.x, target.top)])
        canvas.text((side + target.x) / 2, source.y, shape, colour=SOFT, paper=True)


def _frame(canvas: Canvas, diagram: Diagram, found: Layout, name: str, half: float) -> None:
    """A line around what lies in one layer, in its own column."""
    inside = [n for n, box in enumerate(diagram.boxes) if layer(box.path) == name and found.columns[n] != MIDDLE]
    if len(inside) < 2:
        return
    first, last, edge = found.places[inside[0]], found.places[inside[-1]], found.beside(inside[0])
    left, right = 2 * first.x - edge - ASIDE, edge + 2 * half + ASIDE
    canvas.frame(left, first.top - 0.06, right, last.bottom + 0.05)
    x = right + 0.1 if found.columns[inside[0]] == RIGHT else left - 0.1
    canvas.text(x, (first.top + last.bottom) / 2, name, colour=SOFT, turned=True)
