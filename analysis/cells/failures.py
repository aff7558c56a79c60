"""What failed and what was not run, with the reasons that were recorded."""

from __future__ import annotations

import pandas as pd

from analysis.cells.case import Case, Evidence, Held, listed, whole
from analysis.document import Block, Bullets, Paragraph
from analysis.load import NOT_RUN
from analysis.wording import printable


def blocks(case: Case, evidence: Evidence) -> list[Block]:
    """How many of the planned trials ended how, those that did not end well one by one, and other failures."""
    planned = evidence.planned
    counts = planned["status"].value_counts(sort=False).sort_index()
    ended = ", ".join(f"{count} {status}" for status, count in counts.items())
    if planned.empty:
        found: list[Block] = [Paragraph("Failures: no trial was planned for it.")]
    elif list(counts.index) == ["ok"]:
        found = [Paragraph(f"Failures: none, all {len(planned)} planned trials ended well.")]
    else:
        found = [Paragraph(f"Failures: of {len(planned)} planned trials {ended}.")]
        found.append(_table(case, planned[planned["status"] != "ok"]))
    if evidence.failures:
        found.append(Bullets(tuple(map(printable, evidence.failures))))
    return found


def _table(case: Case, ended: pd.DataFrame) -> Block:
    def write(t: Held) -> list[str]:
        return [t["id"], t["kind"], _what(t), whole(t["seed"]), t["status"], _why(case, t)]

    header = ("Trial", "Kind", "Of", "Seed", "Status", "Reason")
    return listed("Trials that failed or were not run", header, ended, write)


def _what(trial: Held) -> str:
    """Task, sizes and replicate of a trial, as far as it has them."""
    sizes = ("length", "lag", "context", "data_tokens", "core_parameters", "replicate")
    parts = [str(trial["task"])] if trial["task"] else []
    return ", ".join(
        [*parts, *(f"{name.replace('_', ' ')} {trial[name]}" for name in sizes if not pd.isna(trial[name]))]
    )


def _why(case: Case, trial: Held) -> str:
    return case.run.why_not_run() if trial["status"] == NOT_RUN else str(trial["reason"]) or "no reason was recorded"
