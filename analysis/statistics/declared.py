"""Which comparisons are made: fixed here, before anything is looked at, so that Holm's correction counts them all.

A family of comparisons follows from the plan alone. A comparison that could not be made still counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from analysis.claims import VARIANTS
from analysis.material import Material
from analysis.rows.finding import Contender
from analysis.rows.speed import TIMING

OVERALL = "overall"


@dataclass(frozen=True)
class Family:
    """Comparisons whose false alarms are limited together, to 5 %."""

    name: str
    question: str
    by: str
    """Every pair of columns is compared overall and for each of these."""
    band: float | None
    """Differences up to here count as none; None: the run's own A/A band."""
    gains: str
    """What the first of a pair is called when it wins."""


SCORES = Family(
    name="scores",
    question="Which family scores higher on the same cells and seeds?",
    by="task",
    band=0.05,
    gains="better",
)
TIMES = Family(
    name="step times",
    question="Which family takes a training step sooner, in the same process?",
    by="length",
    band=None,
    gains="faster",
)


def pairs(material: Material) -> list[tuple[Contender, Contender]]:
    """Every two columns of the plan, best with best; plain with plain where a best variant was not chosen."""
    by_variant = {v: [c for c in material.contenders if c.variant == v] for v in VARIANTS}
    chosen = next((own for own in by_variant.values() if all(c.architecture for c in own)), [])
    return [pair for pair in combinations(chosen, 2) if pair[0].architecture != pair[1].architecture]


def strata(material: Material, family: Family, tasks: Sequence[str]) -> list[str]:
    """Where a pair is compared: overall, then by the planned tasks (given) or the planned lengths of the clocks."""
    if family.by == "task":
        return [OVERALL, *tasks] if tasks else []
    lengths = material.run.select(row=TIMING.row, kind=TIMING.kind)[TIMING.size].dropna().astype(int).unique()
    return [OVERALL, *(f"{TIMING.symbol} = {n}" for n in sorted(lengths))] if len(lengths) else []
