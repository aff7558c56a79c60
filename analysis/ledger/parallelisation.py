"""Parallelisation: how fast a training step is against the LSTM's, and how much of it can run at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from analysis.ledger.found import Column, Found, columns
from analysis.ledger.rules import PARALLELISATION
from analysis.load import Run
from analysis.rows import parallel, rates
from analysis.rows.finding import Contender, absence
from analysis.rows.speed import TIMING
from analysis.stats import Interval, t_interval

REFERENCE = "lstm"
CLOCKED = replace(TIMING, row=PARALLELISATION)


def find(run: Run, column: Column) -> Found:
    """Tokens per second over the LSTM's, geometric mean over lengths, and the exponent q of work / span."""
    against = next((c.plain for c in columns(run) if c.family == REFERENCE), "")
    clocks = rates.select(run, CLOCKED, [column.plain, against])
    if clocks.trials.empty:
        return Found(missing=absence(run, clocks.planned), planned=int(clocks.planned["replicate"].nunique()))
    own, reference = (clocks.grid(clocks.rates[name]) for name in (column.plain, against))
    ratios = np.exp(np.log(own / reference).mean(axis=1))
    traced = parallel.find(run, Contender(column.title, column.family, "plain", column.plain), PARALLELISATION)
    sizes = ", ".join(map(str, clocks.sizes))
    said = traced.missing or f"q = {traced.interval.point:.2f}; {traced.notes[0]}" if traced.interval else ""
    return Found(
        interval=t_interval(ratios, "log") if column.family != REFERENCE else Interval(1.0, 1.0, 1.0),
        also=traced.interval,
        values=tuple(ratios),
        planned=int(clocks.planned["replicate"].nunique()),
        forms=(column.plain,),
        doubts=tuple([f"q: {traced.missing}"] if traced.missing else traced.doubts),
        notes=(f"processes in place of seeds, at lengths {sizes}", *([said] if said else [])),
    )
