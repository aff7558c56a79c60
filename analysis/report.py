"""Run folder in, judgement out: the table where a row of it was planned, the ledger of claims, pages, measurements.

The same records give the same bytes. Each file is replaced in one step.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from analysis import clocks, forked, ledger, measurements, page, peers
from analysis.load import Run, load
from analysis.verdicts import judge
from bench.records import write_atomically

VERDICTS, TABLE, MEASUREMENTS = "verdicts.json", "table.md", "measurements.csv"
MANY = 100_000
"""Measurements that take long enough to write for a process of their own."""
BESIDE_THE_TABLE = {"clock grid", "peers", "theory", *ledger.CLAIMS}
"""Rows of a plan that no cell of the table rests on."""


class Written(NamedTuple):
    """What was made of a run folder."""

    folder: Path
    run: Run
    verdicts: dict[str, Any]
    """Empty where the study has no row of the table."""
    ledger: dict[str, Any]
    """Empty where the study has no claim about generative AI."""
    found: list[str]
    """Lines for the terminal: what the pages beside the table say first."""
    files: list[str]


def write(folder: Path) -> Written:
    """Judge a run folder and write every file. Raises RecordsError for a folder that cannot be used."""
    run = load(folder)
    pages = (clocks, peers)
    with forked.meanwhile(partial(_write_measurements, run, folder), worth=len(run.values) > MANY):
        verdicts, files = _write_table(run, folder)
        claims, names = ledger.write(run, folder)
        files += [*names, *(name for page in pages for name in page.write(run, folder))]
    return Written(
        folder, run, verdicts, claims, [line for page in pages for line in page.summary(run)], [*files, MEASUREMENTS]
    )


def _write_measurements(run: Run, folder: Path) -> None:
    write_atomically(folder / MEASUREMENTS, measurements.pieces(run))


def _write_table(run: Run, folder: Path) -> tuple[dict[str, Any], list[str]]:
    if {row for rows in run.trials["rows"] for row in rows} <= BESIDE_THE_TABLE and len(run.trials):
        return {}, []
    verdicts = judge(run)
    write_atomically(folder / VERDICTS, json.dumps(verdicts, indent=1, sort_keys=True, allow_nan=False) + "\n")
    write_atomically(folder / TABLE, page.markdown(verdicts))
    return verdicts, [TABLE, VERDICTS]
