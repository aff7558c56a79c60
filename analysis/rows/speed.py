"""Training speed: tokens per second of a whole training step, relative to the fastest family in the same process.

The process (one clock trial) is the unit: samples inside it share their luck, so their median is one observation
(Kalibera and Jones 2013). CPU seconds decide on the CPU, because other work on the machine lengthens wall time only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.claims import CONTAMINATED, SPEED
from analysis.load import Run
from analysis.rows.finding import Contender, Estimate, Finding, absence, references, shortfall
from analysis.stats import Array, Interval, relative_speed

TWIN = "A/A"


@dataclass(frozen=True)
class Clocks:
    """Clock trials of one machine that hold every architecture of a class."""

    planned: pd.DataFrame
    trials: pd.DataFrame
    """The usable ones: replicates that finished at every length."""
    rates: pd.DataFrame
    """Tokens per second: one row per trial, one column per subject."""
    lengths: list[int]
    foreign: int
    """Trials set aside because another machine ran them."""
    incomplete: int
    """Replicates set aside because a length is missing in them."""


def find(run: Run, contender: Contender, contenders: list[Contender]) -> Finding:
    """Geometric mean over lengths of the ratio to the fastest family, its interval over replicates."""
    names, absent = references(contender, contenders)
    clocks = select(run, [*names, contender.architecture or ""])
    if not names or clocks.trials.empty:
        return Finding(missing=absence(run, clocks.planned))
    grids = [_grid(clocks, clocks.rates[name]) for name in (str(contender.architecture), *names)]
    interval = relative_speed(grids[0], np.stack(grids[1:]))
    if not contender.is_stranger:  # no family is faster than the fastest one; a visitor may be
        interval = Interval(*(min(value, 1.0) for value in interval))
    unclocked = sorted(set(clocks.planned["length"].dropna().astype(int)) - set(clocks.lengths))
    doubts = [f"no reference from {', '.join(absent)}"] if absent else []
    doubts += [f"no clock trial finished at n = {', '.join(map(str, unclocked))}"] if unclocked else []
    return Finding(
        estimate=Estimate(interval.point),
        interval=interval,
        doubts=tuple(doubts),
        notes=(*_notes(run, clocks, contender, interval.point), *shortfall(run, clocks.planned)),
        seeds=int(clocks.trials["replicate"].nunique()),
    )


def select(run: Run, needed: list[str]) -> Clocks:
    """Clock trials of the newest machine that hold all the needed architectures."""
    planned = run.select(kind="clock")
    planned = planned[np.array([set(needed) <= set(names) for names in planned["contenders"]], dtype=bool)]
    ok = planned[planned["status"] == "ok"]
    newest = ok.sort_values("finished", kind="stable")["fingerprint"].iloc[-1] if len(ok) else ""
    here = ok[ok["fingerprint"] == newest]
    rates = _rates(run, here, needed)
    here = here.loc[rates.dropna(subset=needed).index]
    lengths = sorted(here["length"].astype(int).unique())
    complete = here.groupby("replicate", dropna=False)["length"].transform("nunique") == len(lengths)
    return Clocks(
        planned=planned,
        trials=here[complete],
        rates=rates.loc[here.index[complete]],
        lengths=lengths,
        foreign=len(ok) - int((ok["fingerprint"] == newest).sum()),
        incomplete=int(here.loc[~complete, "replicate"].nunique()),
    )


def _rates(run: Run, trials: pd.DataFrame, needed: list[str]) -> pd.DataFrame:
    """Tokens per second of the median sample: one row per trial, one column per subject."""
    metric = "cpu_seconds_per_step" if run.plan["device"] == "cpu" else "seconds_per_step"
    seconds, tokens = (_medians(run, trials, m, needed) for m in (metric, "tokens_per_step"))
    if TWIN in seconds and TWIN not in tokens:  # the copy processes what its twin does
        tokens[TWIN] = pd.Series({index: tokens.at[index, names[0]] for index, names in trials["contenders"].items()})
    rates = (tokens / seconds).reindex(trials.index)
    return rates.where(np.isfinite(rates) & (rates > 0))


def _medians(run: Run, trials: pd.DataFrame, metric: str, needed: list[str]) -> pd.DataFrame:
    """Median of a metric: one row per trial, one column per subject, the needed ones always there."""
    held = run.of(metric)
    held = held[held["trial"].isin(trials.index)]
    medians = held.pivot_table(index="trial", columns="subject", values="value", aggfunc="median")
    subjects = {*needed, *medians.columns, *(name for names in trials["contenders"] for name in names)}
    return medians.reindex(index=trials.index, columns=sorted(subjects)).astype(float)


def _grid(clocks: Clocks, rates: pd.Series) -> Array:
    """Rates of one subject, (replicates, lengths)."""
    placed = pd.DataFrame({"rate": rates, "replicate": clocks.trials["replicate"], "length": clocks.trials["length"]})
    return placed.pivot_table(index="replicate", columns="length", values="rate").to_numpy(dtype=float)


def _notes(run: Run, clocks: Clocks, contender: Contender, figure: float) -> list[str]:
    rate = np.exp(np.log(clocks.rates[contender.architecture]).mean())
    notes = [f"{rate:,.0f} tokens/s, geometric mean over n = {', '.join(map(str, clocks.lengths))}"]
    disturbed = _contamination(run, clocks)
    notes += [f"{disturbed:.0%} of samples disturbed by other work"] if disturbed is not None else []
    notes += _twin_notes(clocks, figure)
    notes += [f"{clocks.foreign} trials of another machine set aside"] if clocks.foreign else []
    notes += [f"{clocks.incomplete} replicates without every length set aside"] if clocks.incomplete else []
    return notes


def _twin_notes(clocks: Clocks, figure: float) -> list[str]:
    """The ratio that two copies of one architecture show: what this run cannot tell apart."""
    if TWIN not in clocks.rates or clocks.rates[TWIN].isna().any():
        return ["no A/A pair was clocked"]
    twins = [names[0] for names in clocks.trials["contenders"]]
    own = [clocks.rates.at[index, twin] for index, twin in zip(clocks.rates.index, twins, strict=True)]
    copied = _grid(clocks, clocks.rates[TWIN])
    band = relative_speed(copied, _grid(clocks, pd.Series(own, clocks.rates.index))[None])
    margins = [ratio for at in SPEED.thresholds for ratio in (figure / at, at / figure)]
    inside = any(band.low <= margin <= band.high for margin in margins)
    said = f"A/A band {band.low:.2f} to {band.high:.2f} ({twins[0]} against its copy)"
    return [said + ", and a threshold lies inside it" if inside else said]


def _contamination(run: Run, clocks: Clocks) -> float | None:
    """Share of samples whose wall time shows other work on the machine; None off the CPU."""
    if run.plan["device"] != "cpu":
        return None
    times = pd.concat([run.of("seconds_per_step"), run.of("cpu_seconds_per_step")])
    times = times[times["trial"].isin(clocks.trials.index)]
    wide = times.pivot_table(index=["trial", "subject", "step"], columns="metric", values="value")
    if "seconds_per_step" not in wide:
        return None
    return float((wide["seconds_per_step"] / wide["cpu_seconds_per_step"] > CONTAMINATED).mean())
