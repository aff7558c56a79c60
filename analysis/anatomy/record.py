"""anatomy.json, read and checked: what `bench.anatomy` wrote down of one forward pass of each model.

A `difference` is the largest deviation of what was recomputed from what the model gave. Letters: L length, S source,
T target, D width, H hidden units, d head width, k taps.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Vector = list[float]
Matrix = list[list[float]]
Count = Annotated[int, Meta(ge=0)]
Side = Literal["sequence", "source", "target"]


class Struct(msgspec.Struct, forbid_unknown_fields=True):
    """What has these fields and no others."""


class Positions(Struct):
    """Tables of positions at a small width."""

    width: Count
    table: Matrix
    """(L, D): sines in even channels, cosines in odd."""
    angles: Matrix
    """(L, D/2), radians."""
    turned: Matrix
    """(L, D): the vector (1, ..., 1, 0, ..., 0) after rotary positions; pairs are (i, i + D/2)."""


class Sequence(Struct):
    """The sequence that was followed. Lists have L entries; what is not asked for is an empty text.

    `probability` is that of the right answer.
    """

    task: str
    source: Count
    inputs: list[str]
    answers: list[str]
    predicted: list[str]
    probability: Vector
    planted: list[Count]
    """Positions that decide the answer, where the task knows them."""
    place: Count
    """The position whose answer is followed."""

    def side(self, side: Side) -> list[str]:
        """The inputs of a side."""
        return {"sequence": self.inputs, "source": self.inputs[: self.source], "target": self.inputs[self.source :]}[
            side
        ]


class Module(Struct):
    """A module that was called, in the order of the calls."""

    path: str
    module: str
    """The Python module that its class stands in."""
    name: str
    inputs: list[list[Count]]
    output: list[Count]
    parameters: Count


class Box(Struct):
    """Something that tensors went through: a module, or a function between modules."""

    path: str
    label: str
    parameters: Count | None
    """Trainable numbers; None of a function."""
    tables: list[str]
    """What a function reads beside what flows."""


class Arrow(Struct):
    """What went from one box to another, both by their number."""

    source: Count
    target: Count
    shapes: Annotated[list[list[Count]], Meta(min_length=1)]
    """Of each tensor."""


class Diagram(Struct):
    """What flowed where."""

    boxes: list[Box]
    arrows: list[Arrow]


class Inside(Struct):
    """An attention module, its kernel written out."""

    path: str
    diagram: Diagram
    difference: float


class Head(Struct):
    """One attention head: queries by keys."""

    path: str
    head: Count
    queries: Side
    keys: Side
    scores: Matrix
    visible: list[list[bool]]
    weights: Matrix
    difference: float


class WorkedQuery(Struct):
    """One query of one head."""

    path: str
    head: Count
    queries: Side
    keys: Side
    query: Count
    scale: float
    q: Vector
    k: Matrix
    v: Matrix
    products: Vector
    scores: Vector
    visible: list[bool]
    weights: Vector
    output: Vector
    recorded: Vector
    difference: float


class GateSum(Struct):
    """How a gate of one unit came about."""

    gate: str
    weight_x: Vector
    weight_h: Vector
    from_x: float
    from_h: float
    bias: float
    sum: float
    value: float


class Cell(Struct):
    """One unit of an LSTM over all positions, and one of its steps in numbers."""

    path: str
    layer: Count
    unit: Count
    step: Count
    gates: Matrix
    """(L, 4): input, forget, candidate, output."""
    cell: Vector
    """(L + 1,): before the first position, and after each."""
    hidden: Vector
    cells: Matrix
    """(L, H): all units of the layer, after each position."""
    entering: Vector
    before: Vector
    sums: list[GateSum]
    difference: float


class Level(Struct):
    """A layer of convolutions: what of its input reaches the last output."""

    path: str
    dilation: Count
    taps: list[Count]
    """How far back each looks, the farthest first."""
    positions: list[int]
    """Those below 0 are padding."""
    gradient: Vector


class WorkedTaps(Struct):
    """The last position of one channel of one convolution."""

    path: str
    channel: Count
    positions: list[int]
    inputs: Matrix
    weights: Matrix
    sums: Vector
    bias: float
    output: float
    recorded: float
    difference: float


class Taps(Struct):
    """A causal stack of dilated convolutions."""

    levels: list[Level]
    worked: WorkedTaps


class Anatomy(Struct):
    """Everything about one architecture."""

    name: str
    role: Literal["decoder-only", "encoder-only", "encoder-decoder"]
    width: Count
    inner: Count
    parameters: dict[str, Count]
    steps: Count
    score: float
    sequence: Sequence
    modules: list[Module]
    diagram: Diagram
    influence: Vector
    inside: Inside | None
    heads: list[Head]
    worked_query: WorkedQuery | None
    cell: Cell | None
    taps: Taps | None


class Record(Struct):
    """The whole file."""

    schema: Literal[1]
    seed: Count
    torch: str
    positions: Positions
    architectures: Annotated[list[Anatomy], Meta(min_length=1)]
