"""speed.md: what was found in three sentences, the figures, and every table with device, threads, regime, replicates.

Names come from records, which may be a stranger's: everything is escaped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.clocks import findings, tables_other, tables_time, wording
from analysis.clocks.findings import Frames
from analysis.clocks.measured import Clocks
from analysis.load import Run
from analysis.page import escaped
from analysis.rows.finding import shortfall

TITLE = "Speed, memory and generation against length"
SECTIONS = (
    tables_time.steps,
    tables_time.growth,
    tables_time.crossovers,
    tables_other.kernels,
    tables_other.words,
    tables_other.memory,
    tables_other.generation,
    tables_time.cores,
    tables_time.single_sequence,
    tables_time.precision,
    tables_time.passes,
)
ALTERNATIVES = {
    "figures/step-time.svg": "milliseconds of a training step against length",
    "figures/memory.svg": "bytes of one sequence against length",
    "figures/generation.svg": "microseconds of a generated token, and bytes of the state, against context",
    "figures/backends.svg": "step time of other kernels over those as shipped, against length",
}


def markdown(clocks: Clocks, frames: Frames, figures: Sequence[str]) -> str:
    """The whole page, ending in a newline; `figures` are names relative to it."""
    parts = [f"# {TITLE}", " ".join(escaped(text) for text in findings.sentences(clocks, frames))]
    parts += [f"![{ALTERNATIVES[name]}]({name})" for name in figures]
    for section in (write(clocks, frames) for write in SECTIONS):
        if not section.body and clocks.grid.planned.empty:
            continue  # the study planned no such thing: nothing to miss
        parts += [f"## {section.title}", escaped(section.explanation), section.body or "Not measured."]
    parts += ["## What was measured, and what is missing", "\n".join(f"- {escaped(t)}" for t in notes(clocks, frames))]
    return "\n\n".join(parts) + "\n"


def notes(clocks: Clocks, frames: Frames) -> list[str]:
    """Device, protocol, disturbance, the A/A band, and every trial that is not there."""
    run = clocks.run
    lines = [
        f"Study {run.plan['study']} on {findings.device(clocks)}; a figure is the median sample of a process, its "
        "interval Student's t over processes (replicates)."
    ]
    disturbed = clocks.times["disturbed"].dropna()
    lines += [f"{disturbed.mean():.0%} of samples on one thread disturbed by other work."] if len(disturbed) else []
    lines += [_band(row) for row in frames["twins"].to_dict("records")]
    return [*lines, *missing(clocks)]


def _band(row: Mapping[Any, Any]) -> str:
    where = f"A/A at {row['size']:,} core parameters, {wording.counted([row['threads']], 'thread')}"
    return (
        f"{where}: two copies of one architecture differ by up to {row['half']:.1%} in half and {row['most']:.1%} in "
        f"95 % of {row['pairs']} pairs of medians; smaller differences mean nothing."
    )


def missing(clocks: Clocks) -> list[str]:
    """One line per kind of planned trial that gave nothing, and per kind of trial set aside."""
    if clocks.grid.planned.empty:
        return _absent(clocks.run, "decode", clocks)
    return [*_absent(clocks.run, "clock", clocks), *_absent(clocks.run, "decode", clocks)]


def _absent(run: Run, kind: str, clocks: Clocks) -> list[str]:
    use, name = {"clock": (clocks.grid, "Clock grid"), "decode": (clocks.decodes, "Generation")}[kind]
    if use.planned.empty:
        return [f"{name}: not planned in study {run.plan['study']}."]
    lines = [f"{name}: {text}." for text in shortfall(run, use.planned)]
    return lines + ([f"{name}: {use.foreign} trials of another machine set aside."] if use.foreign else [])
