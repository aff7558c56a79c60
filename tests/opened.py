"""How tests look into a document's blocks, and into the fold of one cell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from matplotlib.figure import Figure
from synthetic import Folder

from analysis import cells
from analysis.cells.overview import places
from analysis.document import Block, Bullets, Code, Fold, Paragraph, Picture, Section, Table
from analysis.load import load
from analysis.material import Material
from analysis.verdicts import judge


def material(folder: Folder, path: Path) -> Material:
    run = load(folder.write(path))
    return Material(path, run, judge(run))


def walk(blocks: Sequence[Block]) -> Iterator[Block]:
    for block in blocks:
        yield block
        if isinstance(block, Fold | Section):
            yield from walk(block.blocks)


def text(blocks: Sequence[Block]) -> str:
    """Everything that a reader of the page reads, tables and pictures included."""
    said: list[str] = []
    for block in walk(blocks):
        match block:
            case Paragraph() | Code():
                said.append(block.text)
            case Bullets():
                said += block.items
            case Picture():
                said += [block.title, block.finding]
            case Fold():
                said.append(block.summary)
            case Table():
                said += [block.caption, *(e if isinstance(e, str) else e.lines[0].text for r in block.rows for e in r)]
    return "\n".join(said)


def figure(picture: Picture) -> Figure:
    assert isinstance(picture.figure, Figure)
    return picture.figure


def fold(found: Material, row: str, column: str) -> Fold:
    name = places(found)[row, column]
    (wanted,) = [f for f in cells.folds(found) if isinstance(f, Fold) and f.anchor == name]
    return wanted
