"""One trial, looked up and shown: for `bakeoff show`. No torch."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.records import TRIALS, Measurement, Record, read

FEW = 6
"""Up to so many values of a metric are printed one by one; more are summarised."""


def find_trials(reports: Path, prefix: str) -> list[tuple[Path, Record]]:
    """All finished trials under `reports` whose id starts with `prefix`, one per id."""
    found: dict[str, tuple[Path, Record]] = {}
    for path in sorted(reports.glob(f"**/{TRIALS}")):
        for record in read(path.parent):
            if record.id.startswith(prefix):
                found.setdefault(record.id, (path.parent, record))
    return list(found.values())


def show_trial(folder: Path, record: Record) -> None:
    """Print one trial: where it is on file, what it was, what became of it, what it measured."""
    console = Console(highlight=False)
    console.print(Text(f"{record.id} in {folder}: {record.status} {record.reason}".rstrip(), style="bold"))
    console.print(Text(f"finished {record.finished}, {record.cpu_seconds:g} CPU-seconds, {record.wall_seconds:g} s"))
    for title, content in (("trial", record.trial), ("machine", record.machine)):
        console.print(Text(f"{title}: {json.dumps(content, indent=1)}"))
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("metric", "subject", "values"):
        grid.add_column(column)
    grouped: dict[tuple[str, str], list[Measurement]] = defaultdict(list)
    for measurement in record.measurements:
        grouped[measurement.metric, measurement.subject].append(measurement)
    for (metric, subject), measurements in grouped.items():
        grid.add_row(Text(metric), Text(subject), Text(_values([m.value for m in measurements])))
    console.print(grid)


def _values(values: list[float]) -> str:
    if len(values) <= FEW:
        return "  ".join(f"{value:.6g}" for value in values)
    ordered = sorted(values)
    return f"{len(values)} values, from {ordered[0]:.4g} to {ordered[-1]:.4g}, median {ordered[len(ordered) // 2]:.4g}"
