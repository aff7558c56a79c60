"""Improved modelling: bits per character against the other families, and what each component is worth."""

from __future__ import annotations

import pandas as pd

from analysis.claims import FAMILIES, REGIME
from analysis.ledger import trained
from analysis.ledger.found import Column, Found, columns, mean, nothing, smallest
from analysis.ledger.losses import LOSS
from analysis.ledger.rules import MODELLING, TRANSFORMER
from analysis.ledger.trained import BITS
from analysis.load import Run


def bits(run: Run, family: str, plain: str, regime: str = REGIME) -> tuple[pd.DataFrame, pd.Series]:
    """Planned trainings of a family's plain variant, and seed -> bits per character."""
    planned = trained.select(run, MODELLING, regime=regime, family=family, architecture=plain)
    return planned, trained.by_seed(run, planned, LOSS) * BITS


def find(run: Run, column: Column, regime: str = REGIME) -> Found:
    """Bits per character of the best other family minus the family's own, seeds paired."""
    planned, own = bits(run, column.family, column.plain, regime)
    if own.empty:
        return nothing(run, planned)
    others = [c for c in columns(run) if c.family in FAMILIES and c.family != column.family]
    held = {c.title: (bits(run, c.family, c.plain, regime)[1] - own).dropna() for c in others}
    absent = [title for title, differences in held.items() if differences.empty]
    known = [differences for differences in held.values() if len(differences)]
    if not known:
        return Found(missing=f"no seed in common with {' or '.join(held)}", planned=int(planned["seed"].nunique()))
    ranked = min(known, key=lambda differences: float(differences.mean()))
    return Found(
        interval=smallest([mean(differences) for differences in known]),
        values=tuple(ranked),
        planned=int(planned["seed"].nunique()),
        forms=(column.plain,),
        doubts=(*trained.diverged(planned, own), *(f"nothing to compare with from {title}" for title in absent)),
        notes=(f"{own.mean():.3f} bits per character",),
    )


def regimes(run: Run) -> list[str]:
    """What else was matched than core parameters, in the order of the plan."""
    held = run.select(row=MODELLING, split="report")["regime"]
    return [str(regime) for regime in dict.fromkeys(held) if regime != REGIME]


def worth(run: Run) -> dict[str, pd.Series]:
    """Ablation of the Transformer -> seed -> bits per character lost without the component, most costly first."""
    plain = next((c.plain for c in columns(run) if c.family == TRANSFORMER), "")
    whole = bits(run, TRANSFORMER, plain)[1]
    names = dict.fromkeys(trained.select(run, MODELLING, family=TRANSFORMER)["architecture"])
    lost = {str(n): (bits(run, TRANSFORMER, str(n))[1] - whole).dropna() for n in names if n != plain}
    return dict(sorted(lost.items(), key=lambda pair: -float(pair[1].mean()) if len(pair[1]) else float("inf")))
