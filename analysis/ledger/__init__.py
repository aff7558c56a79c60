"""The ten claims about generative AI: a verdict for each, with figures for every family, pictures and evidence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from analysis.ledger.ledger import judge, judge_ledger
from analysis.ledger.rules import RULES
from analysis.ledger.table import markdown
from analysis.load import Run
from bench.records import write_atomically

__all__ = ["CLAIMS", "DATA", "PAGE", "judge", "judge_ledger", "write"]

CLAIMS = frozenset(RULES)
"""Rows of a plan that the ledger rests on."""
DATA, PAGE = "ledger.json", "ledger.md"


def write(run: Run, folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Write both files; returns the ledger and their names. Nothing, and empty, where no trial speaks for a claim."""
    ledger = judge(run)
    if not ledger:
        return {}, []
    write_atomically(folder / DATA, json.dumps(ledger, indent=1, sort_keys=True, allow_nan=False) + "\n")
    write_atomically(folder / PAGE, markdown(ledger))
    return ledger, [PAGE, DATA]
