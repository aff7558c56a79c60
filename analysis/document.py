"""A report as data: blocks in order, ignorant of what prints them and of what they are about.

Whatever has content (cells, figures, provenance) returns blocks; whatever prints (HTML, Markdown) takes them. Text is
plain: it may come from records, and each printer escapes it in its own way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

import pandas as pd

from analysis.drawing import Drawn

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Tone = Literal["", "agrees", "disagrees", "undecided", "not run", "dim"]
"""How a line is to be taken. Always beside a sign or a word that says the same: never by colour alone."""


@dataclass(frozen=True)
class Line:
    """A line of a table's entry."""

    text: str
    tone: Tone = ""


@dataclass(frozen=True)
class Entry:
    """One place in a table: lines from top to bottom, as a whole a link if `anchor` names a section or fold."""

    lines: tuple[Line, ...]
    anchor: str = ""


@dataclass(frozen=True)
class Paragraph:
    """Prose. `lead` stands out: the few sentences that a hurried reader takes along."""

    text: str
    lead: bool = False


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Code:
    """Something to type or to copy, kept as it is."""

    text: str


@dataclass(frozen=True)
class Table:
    """A table with a caption. The first entry of a row is its heading; texts of numbers are aligned right."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str | Entry, ...], ...]

    @classmethod
    def of(cls, caption: str, frame: pd.DataFrame) -> Table:
        """A frame of texts and numbers; floats get four significant digits, what is missing a dash."""
        return cls(caption, tuple(map(str, frame.columns)), tuple(tuple(map(_shown, row)) for row in frame.to_numpy()))


@dataclass(frozen=True)
class Picture:
    """A drawn figure. Its file is called `name`; `finding` states what is to be seen, in one sentence from the data."""

    name: str
    title: str
    finding: str
    figure: Figure | Drawn
    data: pd.DataFrame = field(default_factory=pd.DataFrame)
    """What is drawn, for those who would rather read."""


@dataclass(frozen=True)
class Download:
    """A file that comes with the page."""

    name: str
    media_type: str
    content: bytes
    label: str


@dataclass(frozen=True)
class Fold:
    """Blocks behind a line that opens them; `anchor` is where links to it lead."""

    summary: str
    anchor: str
    blocks: Sequence[Block]
    tone: Tone = ""


@dataclass(frozen=True)
class Section:
    """Blocks under a heading; sections within sections get lower headings."""

    title: str
    anchor: str
    blocks: Sequence[Block]


Block: TypeAlias = "Paragraph | Bullets | Code | Table | Picture | Download | Fold | Section"


@dataclass(frozen=True)
class Document:
    """The whole page."""

    title: str
    blocks: Sequence[Block]
    language: str = "en"


def anchor(*parts: object) -> str:
    """A name for a place: lower-case letters, digits and dashes, whatever the parts hold."""
    text = "-".join(str(part) for part in parts).lower()
    kept = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in text)
    return "-".join(piece for piece in kept.split("-") if piece) or "here"


def _shown(value: object) -> str:
    if isinstance(value, float):
        return "-" if pd.isna(value) else f"{value:.4g}"
    return "-" if value is None or value is pd.NA else str(value)
