"""A part of a run, as if nothing else had been planned: what a row says of it, it says of that part alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.load import Run


def part(run: Run, trials: pd.DataFrame, steps: bool = False) -> Run:
    """The run with these of its trials. Values with a step (curves, samples) come along only where asked for.

    No word of a learning row rests on a curve, and of a large run curves are most of what there is to copy.
    """
    inside = np.zeros(len(run.trials) and int(run.trials.index.max()) + 1, dtype=bool)
    inside[trials.index.to_numpy(dtype=int)] = True
    kept = inside[run.values["trial"].to_numpy(dtype=int)]
    if not steps:
        kept &= run.values["step"].isna().to_numpy(dtype=bool)
    return replace(run, trials=trials, values=run.values[kept])
