"""How time, memory and generation grow with n: the clock grid and the decode trials of a run, as figures and a page."""

from __future__ import annotations

from pathlib import Path

from analysis.clocks import export, findings, page
from analysis.clocks.measured import Clocks, figures, measure
from analysis.load import Run
from bench.records import write_atomically

PAGE, DATA = "speed.md", "speed.json"
LINES = 12
"""Most lines of the summary."""


def write(run: Run, folder: Path) -> list[str]:
    """Write speed.md, speed.json and the figures; returns their names relative to `folder`.

    Nothing is written, and [] returned, where no clock-grid or decode trial finished.
    """
    clocks = measure(run)
    if _is_empty(clocks):
        return []
    from analysis.clocks import drawn  # matplotlib takes a second to import, and the terminal needs none

    frames = figures(clocks)
    names = drawn.write(clocks, frames, folder)
    write_atomically(folder / DATA, export.to_json(clocks, frames))
    write_atomically(folder / PAGE, page.markdown(clocks, frames, names))
    return [PAGE, DATA, *names]


def summary(run: Run) -> list[str]:
    """What was found and what is missing, in at most LINES lines of plain text; [] where nothing was planned."""
    clocks = measure(run)
    if clocks.grid.planned.empty and clocks.decodes.planned.empty:
        return []
    if _is_empty(clocks):
        return page.missing(clocks)[:LINES]
    frames = figures(clocks)
    absent = page.missing(clocks)
    found = [*findings.sentences(clocks, frames), *findings.kernels(clocks, frames)]
    return [*found[: LINES - len(absent)], *absent][:LINES]


def _is_empty(clocks: Clocks) -> bool:
    return clocks.medians.empty and clocks.generation.empty
