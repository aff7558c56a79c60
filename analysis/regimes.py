"""Which models are comparable: what was matched between the families (the regime), and at which size.

A study may run its learning cells at several budgets of core parameters and in several regimes. Models of two settings
are never pooled: seeds repeat one experiment, sizes do not. The headline is the smallest budget, which is the first
one of every study, with matched core parameters; a verdict that another setting contradicts is a finding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.claims import REGIME
from analysis.load import Run

LEARNING = ("long range", "interpretability", "state tracking")
"""Rows of a trial that are learned in every setting; a source brings sizes of its own."""
OPEN = ("undecided", "not run")
"""Verdicts that decide nothing; any other is of a decided word."""


@dataclass(frozen=True)
class Setting:
    """A regime at a budget."""

    regime: str = REGIME
    core_parameters: int | None = None
    """None when no learning cell was planned."""

    def holds(self, trials: pd.DataFrame) -> pd.Series:
        """Which trials belong to it."""
        sized = trials["core_parameters"] == (-1 if self.core_parameters is None else self.core_parameters)
        return (trials["regime"] == self.regime) & sized.fillna(False).astype(bool)

    def __str__(self) -> str:
        return self.regime if self.core_parameters is None else f"{self.regime} at {self.core_parameters:,}"


def settings(run: Run) -> list[Setting]:
    """Settings of the planned learning cells, the headline first."""
    return run.once("settings", lambda: _settings(run))


def _settings(run: Run) -> list[Setting]:
    cells = run.select(split="report").dropna(subset=["core_parameters"])
    cells = cells[np.array([any(row in LEARNING for row in rows) for rows in cells["rows"]], dtype=bool)]
    found = sorted({(str(r), int(n)) for r, n in zip(cells["regime"], cells["core_parameters"], strict=True)})
    sizes = [size for regime, size in found if regime == REGIME]
    headline = Setting(REGIME, min(sizes) if sizes else None)
    return [headline, *(s for s in (Setting(*pair) for pair in found) if s != headline)]


def flips(cells: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Cells of verdicts.json whose word differs between two settings, decided in both; one entry per architecture."""
    grouped: dict[tuple[str, str, str], dict[tuple[str, int], Mapping[str, Any]]] = {}
    for cell in cells:
        own = grouped.setdefault((cell["row"], cell["column"], cell["architecture"] or ""), {})
        own.setdefault((cell["regime"], cell["core_parameters"]), cell)  # plain may be best: count it once
    found = []
    for (row, column, architecture), own in grouped.items():
        decided = [cell for cell in own.values() if cell["verdict"] not in OPEN]
        if len({cell["measured"] for cell in decided}) > 1:
            keys = ("regime", "core_parameters", "measured", "verdict")
            words = [{key: cell[key] for key in keys} for cell in decided]
            found.append({"row": row, "column": column, "architecture": architecture, "words": words})
    return found


def summary(found: Sequence[Setting], flipped: Sequence[Mapping[str, Any]]) -> str:
    """One sentence on what the settings change."""
    if len(found) == 1:
        return f"only {found[0]}; no other regime or budget was planned"
    names = ", ".join(map(str, found))
    return f"{len(flipped) or 'no'} decided verdict{'s' * (len(flipped) != 1)} of {len(found)} settings flip ({names})"
