"""Document -> GitHub Markdown: the same content as the page, for where a file is read without a browser.

Every text is escaped. Inside <summary> Markdown is not read, so there HTML is what must be escaped.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

from tabulate import tabulate

from analysis.document import Block, Bullets, Code, Document, Download, Entry, Fold, Paragraph, Picture, Section, Table
from analysis.page import escaped
from analysis.placing import lines, numeric, placed
from analysis.wording import printable

FENCE = re.compile("`{3,}")
NUMBERED = re.compile(r"^(\d+)([.)])(?=\s|$)")
"""Would begin a list."""


def render(document: Document, figures: str = "figures") -> str:
    """The whole page, ending in a newline; pictures are looked for in `figures`. Raises ValueError for a dead link."""
    document = placed(document)
    text = "\n\n".join([f"# {_text(document.title)}", *_parts(document.blocks, 2, figures)]) + "\n"
    return text.encode("utf-8", "replace").decode("utf-8")


def _parts(blocks: Sequence[Block], level: int, figures: str) -> list[str]:
    """The blocks in order, to be set apart by empty lines; `level` is that of the next heading."""
    parts: list[str] = []
    for block in blocks:
        parts += PRINTERS[type(block)](block, level, figures)
    return parts


def _text(text: str) -> str:
    """Text that GitHub shows as it is: no list, no formula, no block of code begins in it."""
    return NUMBERED.sub(r"\1\\\2", escaped(printable(text).strip())).replace("$", r"\$")


def _bold(text: str) -> str:
    return f"**{text}**" if text else ""


def _file(name: str) -> str:
    return quote(printable(name), errors="replace")


def _paragraph(block: Paragraph, level: int, figures: str) -> list[str]:
    text = _text(block.text)
    return [_bold(text) if block.lead else text]


def _bullets(block: Bullets, level: int, figures: str) -> list[str]:
    return ["\n".join(f"- {_text(item)}" for item in block.items)]


def _code(block: Code, level: int, figures: str) -> list[str]:
    fence = "`" * max([3, *(len(run) + 1 for run in FENCE.findall(block.text))])
    return ["\n".join([fence, *(printable(line) for line in block.text.expandtabs(4).splitlines()), fence])]


def _table(block: Table, level: int, figures: str) -> list[str]:
    sides = ["right" if numbers else "left" for numbers in numeric(block)]
    rows = [[_entry(cell) for cell in row] for row in block.rows] or [["nothing", *[""] * (len(block.header) - 1)]]
    grid = tabulate(
        rows, [_text(title) for title in block.header], tablefmt="pipe", disable_numparse=True, colalign=sides
    )
    return [_bold(_text(block.caption)), grid]


def _entry(cell: str | Entry) -> str:
    stack = "<br>".join(_text(line.text) for line in lines(cell))
    return f"[{stack}](#{cell.anchor})" if isinstance(cell, Entry) and cell.anchor else stack


def _picture(block: Picture, level: int, figures: str) -> list[str]:
    finding, file = _text(block.finding), _file(f"{figures}/{block.name}.svg")
    parts = [f"![{finding}]({file})", f"{_bold(_text(block.title))}: {finding}"]
    if not block.data.empty:
        numbers = Table.of(f"The numbers: {block.title}", block.data)
        parts += ["<details><summary>The numbers</summary>", *_table(numbers, level, figures), "</details>"]
    return parts


def _download(block: Download, level: int, figures: str) -> list[str]:
    return [f"[{_text(block.label)}]({_file(block.name)})"]


def _fold(block: Fold, level: int, figures: str) -> list[str]:
    summary = html.escape(printable(block.summary))
    opened = f"<details><summary>{summary}</summary>"
    return [f'<a id="{block.anchor}"></a>', opened, *_parts(block.blocks, level, figures), "</details>"]


def _section(block: Section, level: int, figures: str) -> list[str]:
    heading = f"{'#' * min(level, 6)} {_text(block.title)}"
    return [f'<a id="{block.anchor}"></a>', heading, *_parts(block.blocks, level + 1, figures)]


PRINTERS: dict[type, Callable[[Any, int, str], list[str]]] = {
    Paragraph: _paragraph,
    Bullets: _bullets,
    Code: _code,
    Table: _table,
    Picture: _picture,
    Download: _download,
    Fold: _fold,
    Section: _section,
}
