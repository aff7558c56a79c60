"""Run folders in, one page out: report.html and report.md, and every figure as SVG and PNG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from analysis import compare, html, latex, markdown, story
from analysis.document import Document, Paragraph, Picture
from analysis.drawing import drawn
from analysis.material import Material
from analysis.report import Written
from bench.records import write_atomically

PAGE, TEXT, LATEX, FIGURES = "report.html", "report.md", "table.tex", "figures/page"


def report(runs: Sequence[Written], target: Path) -> list[str]:
    """The page on these runs, and the table of each for a paper; returns the names of the files."""
    found = materials(runs)
    files = write(story.tell(found), target)
    tables = [material for material in found if material.verdicts]
    for material in tables:
        write_atomically(material.folder / LATEX, latex.table(material.verdicts))
    return [*files, *(LATEX if m.folder == target else str(m.folder / LATEX) for m in tables)]


def comparison(before: Written, after: Written, target: Path) -> tuple[list[str], list[str]]:
    """The page that sets two runs side by side; returns what differs, in lines, and the names of the files."""
    a, b = materials([before, after])
    blocks = compare.compare(a, b)
    lines = [block.text for block in blocks if isinstance(block, Paragraph) and block.lead]
    return lines, write(Document(f"{a.title} beside {b.title}", blocks), target, "compare.html", "compare.md")


def materials(runs: Sequence[Written]) -> list[Material]:
    """What a page is made of; runs of one study on one device are told apart by their folders."""
    found = [Material(run.folder, run.run, run.verdicts, run.ledger) for run in runs]
    titles = [material.title for material in found]
    return [
        replace(material, label="/".join(material.folder.absolute().parts[-2:]))
        if titles.count(title) > 1
        else material
        for material, title in zip(found, titles, strict=True)
    ]


def write(document: Document, folder: Path, page: str = PAGE, text: str = TEXT) -> list[str]:
    """Write one document; returns the names of the files relative to `folder`, the figures as one entry."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = list(story.pictures(document.blocks))
    for picture in pictures:
        _draw(picture, folder / FIGURES)
    write_atomically(folder / page, html.render(document))
    write_atomically(folder / text, markdown.render(document, FIGURES))
    downloads = list(story.downloads(document.blocks))
    for download in downloads:
        (folder / download.name).write_bytes(download.content)
    return [
        page,
        text,
        *(download.name for download in downloads),
        *([f"{FIGURES}/ ({len(pictures)} figures, SVG and PNG)"] if pictures else []),
    ]


def _draw(picture: Picture, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    found = drawn(picture.figure)
    write_atomically(folder / f"{picture.name}.svg", found.svg)
    if found.png:
        (folder / f"{picture.name}.png").write_bytes(found.png)
