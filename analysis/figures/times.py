"""What a model's training costs in time: its own seconds, or, where those say nothing, those of a clocked step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.material import Material
from analysis.rows import speed
from analysis.stats import Interval, mean_interval

DIVERGED = "diverged"


@dataclass(frozen=True)
class Time:
    """What stands on the horizontal axis."""

    axis: str
    unit: str
    by_trial: pd.Series
    """One positive number per trial, NaN where unknown."""
    spans: dict[str, Interval]
    """Architecture -> mean with its interval, where trials cannot say it."""


def training(material: Material, trials: pd.DataFrame) -> Time | None:
    """CPU seconds of every training but those that diverged, which were not quick but cut short.

    None off the CPU, where they are the host's, and where none were recorded.
    """
    seconds = material.run.last(trials, "training_cpu_seconds")
    seconds = seconds.where(np.isfinite(seconds) & (seconds > 0) & (trials["status"] != DIVERGED))
    if material.device != "cpu" or seconds.isna().all():
        return None
    axis = "CPU seconds of a training, which ends once it solves its cell (geometric mean over cells)"
    return Time(axis, "CPU seconds", seconds, {})


def stepping(material: Material, trials: pd.DataFrame) -> Time | None:
    """Microseconds per token of a training step, from the deciding clocks; None without any."""
    spans, lengths = {}, set()
    for name in sorted(set(trials["architecture"])):
        clocks = speed.select(material.run, [name])
        if not clocks.trials.empty:
            logs = np.log(1e6 / clocks.grid(clocks.rates[name])).mean(axis=1)
            spans[name] = mean_interval(np.exp(logs), "log")
            lengths.update(clocks.sizes)
    at = ", ".join(f"{n:,}" for n in sorted(lengths))
    by_trial = trials["architecture"].map({name: span.point for name, span in spans.items()}).astype(float)
    axis = f"µs per token of a training step (geometric mean over n = {at})"
    return Time(axis, "µs a token", by_trial, spans) if at else None
