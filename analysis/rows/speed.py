"""Training speed: tokens per second of a whole training step, relative to the fastest family in the same process."""

from __future__ import annotations

import pandas as pd

from analysis.claims import SPEED
from analysis.load import Run
from analysis.rows import rates
from analysis.rows.finding import Contender, Finding
from analysis.rows.rates import TWIN, Clocks, Timing
from analysis.stats import relative_speed

TIMING = Timing("speed", "clock", call="step", size="length", symbol="n", tokens="tokens_per_step")
"""Clocks of the grid, which cover more sizes and kernels, do not decide."""


def find(run: Run, contender: Contender, contenders: list[Contender]) -> Finding:
    """Geometric mean over lengths of the ratio to the fastest family, its interval over replicates."""
    return rates.compare(run, TIMING, contender, contenders, _twin_notes)


def select(run: Run, needed: list[str]) -> Clocks:
    """Deciding clocks of the newest machine that hold all the needed architectures."""
    return rates.select(run, TIMING, needed)


def _twin_notes(clocks: Clocks, _: str, figure: float) -> list[str]:
    """The ratio that two copies of one architecture show: what this run cannot tell apart."""
    if TWIN not in clocks.rates or clocks.rates[TWIN].isna().any():
        return ["no A/A pair was clocked"]
    twins = [names[0] for names in clocks.trials["contenders"]]
    own = [clocks.rates.at[index, twin] for index, twin in zip(clocks.rates.index, twins, strict=True)]
    copied = clocks.grid(clocks.rates[TWIN])
    band = relative_speed(copied, clocks.grid(pd.Series(own, clocks.rates.index))[None])
    margins = [ratio for at in SPEED.thresholds for ratio in (figure / at, at / figure)]
    inside = any(band.low <= margin <= band.high for margin in margins)
    said = f"A/A band {band.low:.2f} to {band.high:.2f} ({twins[0]} against its copy)"
    return [said + ", and a threshold lies inside it" if inside else said]
