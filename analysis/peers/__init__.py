"""Records of row "peers" in; peers.md, peers.json and their figures out, and a few lines for the terminal.

The same records give the same bytes. A run without such trials gets no page.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from analysis.load import Run
from analysis.peers import figure, page, roofline, words
from analysis.peers.compared import compare
from analysis.peers.goals import judge
from analysis.peers.measured import ROW, clock, measure
from bench.records import write_atomically

PAGE, FIGURES, FOLDER = "peers.md", "peers.json", "figures"
SUMMARY_LINES = 12


def figures(run: Run) -> dict[str, Any]:
    """Everything that the page says, ready for JSON; empty when nothing of the kind was planned."""
    if run.select(row=ROW).empty:
        return {}
    found = compare(measure(run))
    where = {key: str(run.machine[key]) for key in ("processor", "accelerator", "torch") if run.machine.get(key)}
    about = {"study": str(run.plan["study"]), "device": str(run.plan["device"]), "clock": clock(run)}
    return {**about, "machine_facts": where, **found, "goals": judge(found, about["device"])}


def write(run: Run, folder: Path) -> list[str]:
    """Write page, figures and JSON into the folder; returns their names, none when nothing was planned."""
    found = figures(run)
    if not found:
        return []
    drawn = [figure.draw(found, folder / FOLDER), roofline.draw(found, folder / FOLDER)]
    names = [name for name in drawn if name]
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / FIGURES, json.dumps(found, indent=1, sort_keys=True, allow_nan=False) + "\n")
    write_atomically(folder / PAGE, page.markdown(found, names))
    return [PAGE, FIGURES, *(f"{FOLDER}/{name}" for name in names)]


def summary(run: Run) -> list[str]:
    """At most SUMMARY_LINES lines for the terminal."""
    found = figures(run)
    return words.summary(found, f"Tables and figures: {PAGE}", SUMMARY_LINES) if found else []
