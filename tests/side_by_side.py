"""Two runs for a comparison, and how to read off what it says."""

from __future__ import annotations

from pathlib import Path

from analysis.document import Block, Bullets, Fold, Paragraph, Table
from analysis.load import Run, load
from analysis.material import Material
from analysis.verdicts import judge


def material(run: Run, folder: Path = Path()) -> Material:
    return Material(folder, run, {})


def whole(folder: Path) -> Material:
    run = load(folder)
    return Material(folder, run, judge(run))


def lead(blocks: list[Block]) -> str:
    first = blocks[0]
    assert isinstance(first, Paragraph)
    assert first.lead
    return first.text


def sentences(blocks: list[Block]) -> str:
    return " ".join(" ".join(block.items) for block in blocks if isinstance(block, Bullets))


def tables(blocks: list[Block]) -> dict[str, Table]:
    found = [block for block in blocks if isinstance(block, Table)]
    folded = [table for block in blocks if isinstance(block, Fold) for table in tables(list(block.blocks)).values()]
    return {table.caption.split(";")[0].split(",")[0]: table for table in (*found, *folded)}
