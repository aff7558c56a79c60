"""What every printer of a document settles first: names of places, where links lead, which columns hold numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from analysis.document import Block, Document, Entry, Fold, Line, Section, Table, anchor

NUMBER = re.compile(r"[~<>≈≤≥]?\s?[-+\u2212]?(\d[\d,]*(\.\d+)?|\.\d+)(e[-+]?\d+)?\s?[%x\u00d7]?", re.IGNORECASE)
BLANK = {"", "-", "nan", "inf", "-inf"}
"""What stands in a column of numbers where there is none."""


def placed(document: Document) -> Document:
    """The same document, every section and fold under a name of its own, links renamed with them.

    Where two blocks ask for one name the later gets a suffix, and links lead to the first. Raises ValueError for a
    link that leads nowhere and for a table whose rows differ in width.
    """
    wanted = list(_wanted(document.blocks))
    given = _distinct(wanted)
    first: dict[str, str] = {}
    for name, unique in zip(wanted, given, strict=True):
        first.setdefault(name, unique)
    return replace(document, blocks=_named(document.blocks, iter(given), first))


def lines(cell: str | Entry) -> tuple[Line, ...]:
    """The lines of one place in a table, from top to bottom."""
    return (Line(cell),) if isinstance(cell, str) else cell.lines


def numeric(table: Table) -> list[bool]:
    """For each column whether it holds numbers and nothing else."""
    return [_numbers(column) for column in zip(*table.rows, strict=True)] or [False] * len(table.header)


def _numbers(column: Sequence[str | Entry]) -> bool:
    texts = [" ".join(line.text for line in lines(cell)).strip() for cell in column]
    filled = [text for text in texts if text.lower() not in BLANK]
    return bool(filled) and all(NUMBER.fullmatch(text) for text in filled)


def _wanted(blocks: Sequence[Block]) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, Section | Fold):
            yield block.anchor
            yield from _wanted(block.blocks)


def _distinct(wanted: Sequence[str]) -> list[str]:
    """One name for each, in letters that every printer can use; a suffix never makes a name that another asks for."""
    asked = [anchor(name) for name in wanted]
    taken, given = set(asked), []
    seen: set[str] = set()
    for name in asked:
        unique, number = name, 1
        while unique in seen or (number > 1 and unique in taken):
            number += 1
            unique = f"{name}-{number}"
        seen.add(unique)
        given.append(unique)
    return given


def _named(blocks: Sequence[Block], given: Iterator[str], first: dict[str, str]) -> tuple[Block, ...]:
    """In the order of _wanted: a block takes its name before the blocks within it do."""
    renamed: list[Block] = []
    for block in blocks:
        if isinstance(block, Section | Fold):
            name = next(given)
            renamed.append(replace(block, anchor=name, blocks=_named(block.blocks, given, first)))
        else:
            renamed.append(_linked(block, first) if isinstance(block, Table) else block)
    return tuple(renamed)


def _linked(table: Table, first: dict[str, str]) -> Table:
    for row in table.rows:
        if len(row) != len(table.header):
            raise ValueError(f"table {table.caption!r}: a row of {len(row)} entries below {len(table.header)} headings")
        for cell in row:
            if isinstance(cell, Entry) and cell.anchor and cell.anchor not in first:
                raise ValueError(f"table {table.caption!r}: no section or fold has the anchor {cell.anchor!r}")
    return replace(table, rows=tuple(tuple(_led(cell, first) for cell in row) for row in table.rows))


def _led(cell: str | Entry, first: dict[str, str]) -> str | Entry:
    return replace(cell, anchor=first[cell.anchor]) if isinstance(cell, Entry) and cell.anchor else cell
