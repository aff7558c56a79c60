"""Test images, and what each family wrote beneath them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from analysis.drawing import label, marks, style
from analysis.figures.lines import WIDTH, ink
from analysis.ledger.drawn_digits import Image, show
from analysis.wording import SIGNS, cut

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WORDS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    *("thin", "thick", "left", "right"),
)
"""Words of a caption by their number in the records."""
ROW, IMAGE, NAMES = 0.52, 1.0, 1.0
"""Inches: of a row of captions, of an image, of the names on the left."""
NAME_LETTERS = 15


class Captioned(NamedTuple):
    """An image, its caption, and what each family wrote; captions are numbers of words."""

    image: Image
    own: tuple[int, ...]
    written: Mapping[str, tuple[int, ...]]
    """Title of a family -> its caption."""


def words(numbers: Sequence[int]) -> str:
    """A caption; what is no word, such as a level of ink, is a question mark."""
    return " ".join(WORDS[number] if 0 <= number < len(WORDS) else "?" for number in numbers)


def drawn(found: Sequence[Captioned], families: Mapping[str, str]) -> Figure:
    """One column for each image; `families` holds title -> family, one row each below the caption of the data."""
    from matplotlib.figure import Figure

    with style():
        height = IMAGE + ROW * (len(families) + 1) + 0.15
        figure = Figure(figsize=(WIDTH, height))
        known, each = marks(list(families.values())), (WIDTH - NAMES) / len(found)
        for number, one in enumerate(found):
            left = (NAMES + number * each) / WIDTH
            side = min(each - 0.1, IMAGE - 0.1)
            axes = figure.add_axes((left, 1 - (IMAGE - 0.05) / height, side / WIDTH, side / height))
            show(axes, one.image)
            _caption(figure, left, IMAGE, height, words(one.own).split(), "0.2")
            for row, (title, family) in enumerate(families.items(), start=1):
                told = one.written.get(title)
                _caption(figure, left, IMAGE + row * ROW, height, _told(told, one.own), ink(known[family].colour))
        for row, title in enumerate(("the data", *families)):
            colour = "0.2" if row == 0 else ink(known[families[title]].colour)
            _caption(figure, 0.01, IMAGE + row * ROW, height, [cut(title, NAME_LETTERS)], colour)
    return figure


def frame(found: Sequence[Captioned], families: Mapping[str, str]) -> pd.DataFrame:
    """The captions as a table: one line for each image."""
    rows = [
        {"image": number, "the data": words(one.own)}
        | {title: words(one.written[title]) if title in one.written else "not run" for title in families}
        for number, one in enumerate(found, start=1)
    ]
    return pd.DataFrame(rows)


def _told(written: tuple[int, ...] | None, own: tuple[int, ...]) -> list[str]:
    """Word below word, after the sign of right or wrong."""
    if written is None:
        return ["not run"]
    first, *others = words(written).split()
    return [f"{SIGNS['agrees' if written == own else 'disagrees']} {first}", *others]


def _caption(
    figure: Figure, left: float, down: float, height: float, lines: Sequence[str], colour: str | tuple[float, ...]
) -> None:
    """Words below each other, as the columns are narrow."""
    shown = "\n".join(map(label, lines))
    figure.text(left, 1 - down / height, shown, fontsize=8, va="top", color=colour, linespacing=1.1)
