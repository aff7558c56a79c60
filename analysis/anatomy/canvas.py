"""A sheet to draw boxes and arrows on, measured in inches from its upper left corner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from analysis.drawing import label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE, SMALL = 9.0, 8.0
"""Points of what a box is called, and of everything else."""
INK, SOFT = "0.1", "0.35"
LINE_HEIGHT = 0.15
"""Inches of a line of text."""


class Place(NamedTuple):
    """A box: its centre and its sides."""

    x: float
    y: float
    width: float
    height: float

    @property
    def top(self) -> float:
        """The upper edge."""
        return self.y - self.height / 2

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return self.y + self.height / 2

    @property
    def left(self) -> float:
        """The left edge."""
        return self.x - self.width / 2

    @property
    def right(self) -> float:
        """The right edge."""
        return self.x + self.width / 2


class Canvas:
    """To be made, used and saved within `analysis.drawing.style`."""

    def __init__(self, width: float, height: float) -> None:
        from matplotlib.figure import Figure

        self.figure: Figure = Figure(figsize=(width, height))
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set_axis_off()
        self.axes.set_xlim(0, width)
        self.axes.set_ylim(height, 0)

    def box(self, place: Place, title: str, below: str = "", fill: str = "white", round_ends: bool = False) -> None:
        """A box with a name, and a line below it."""
        from matplotlib.patches import FancyBboxPatch

        rounding = place.height / 2 if round_ends else 0.05
        style = f"round,pad=0,rounding_size={rounding}"
        corner = (place.left, place.top)
        self.axes.add_patch(
            FancyBboxPatch(corner, place.width, place.height, style, facecolor=fill, edgecolor=INK, lw=0.9, zorder=2)
        )
        raised = LINE_HEIGHT / 2 if below else 0.0
        self.text(place.x, place.y - raised, title, size=TITLE)
        if below:
            self.text(place.x, place.y + raised, below, colour=SOFT)

    def frame(self, left: float, top: float, right: float, bottom: float) -> None:
        """A dashed line around what belongs together."""
        from matplotlib.patches import Rectangle

        corner, width, height = (left, top), right - left, bottom - top
        self.axes.add_patch(Rectangle(corner, width, height, fill=False, edgecolor=SOFT, linestyle="--", lw=0.8))

    def arrow(self, points: Sequence[tuple[float, float]], colour: str = INK) -> None:
        """A line through points, with a head at its end."""
        look = {"arrowstyle": "-|>", "color": colour, "lw": 1.0, "shrinkA": 0, "shrinkB": 0}
        self.axes.annotate("", points[-1], points[-2], arrowprops=look, zorder=1)
        self.line(points[:-1], colour)

    def line(self, points: Sequence[tuple[float, float]], colour: str = INK) -> None:
        """A line through points."""
        self.axes.plot(*zip(*points, strict=True), color=colour, lw=1.0, zorder=1, solid_joinstyle="round")

    def text(
        self, x: float, y: float, text: str, side: str = "center", size: float = SMALL, colour: str = INK,
        paper: bool = False, turned: bool = False,
    ) -> None:  # fmt: skip
        """A text whose left, centre or right is at (x, y); on white, where it crosses a line; or read from below."""
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.8} if paper else None
        angle, mode = (90, "anchor") if turned else (0, None)
        self.axes.text(
            x, y, label(text), ha=side, va="center_baseline", fontsize=size, color=colour, bbox=box, zorder=3,
            rotation=angle, rotation_mode=mode,
        )  # fmt: skip
