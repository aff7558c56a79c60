"""What is measured beside the deciding figures, and decides nothing: one entry per architecture and measure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from analysis import beside_learned, beside_traced
from analysis.claims import FAMILIES
from analysis.load import Run
from analysis.measure import Context
from analysis.regimes import Setting
from analysis.rows.finding import Contender

PARTS = (
    beside_learned.costs,
    beside_traced.reach,
    beside_traced.span,
    beside_traced.saved,
    beside_traced.step_time,
    beside_traced.decoding,
    beside_learned.explaining,
)


def measures(run: Run, contenders: Sequence[Contender], setting: Setting) -> list[dict[str, Any]]:
    """All measures of every contender, as JSON values: column, variant, architecture, measure, text, numbers."""
    best = tuple(c.architecture for c in contenders if c.variant == "best" and c.family in FAMILIES and c.architecture)
    context = Context(run, setting, best)
    return [
        {
            "column": contender.column,
            "variant": contender.variant,
            "architecture": contender.architecture,
            "measure": measure.label,
            "text": measure.text,
            "numbers": dict(measure.numbers),
        }
        for contender in contenders
        if contender.architecture
        for part in PARTS
        for measure in part(context, contender.architecture)
    ]
