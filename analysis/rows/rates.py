"""Tokens per second, relative to the fastest family in the same process: what the rows that read clocks share.

The process (one trial) is the unit: samples inside it share their luck, so their median is one observation (Kalibera
and Jones 2013). CPU seconds decide on the CPU, because other work on the machine lengthens wall time only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.claims import CONTAMINATED
from analysis.load import Run
from analysis.rows.finding import Contender, Estimate, Finding, absence, references, shortfall
from analysis.stats import Array, Interval, relative_speed

TWIN = "A/A"


@dataclass(frozen=True)
class Timing:
    """Which trials hold the samples of a row, and what one sample is."""

    row: str
    kind: str
    call: str
    """What is timed: `seconds_per_<call>` and `cpu_seconds_per_<call>`, one a sample."""
    size: str
    """Column of the trials that the figure is averaged over."""
    symbol: str
    """What a report calls that size."""
    tokens: str = ""
    """Metric of the tokens in a call; without it a call is one token."""

    @property
    def wall(self) -> str:
        """Metric of the wall time of a call, in seconds."""
        return f"seconds_per_{self.call}"

    @property
    def cpu(self) -> str:
        """Metric of the CPU time of a call, in seconds."""
        return f"cpu_seconds_per_{self.call}"


@dataclass(frozen=True)
class Clocks:
    """Timed trials of one machine that hold every architecture of a class."""

    timing: Timing
    planned: pd.DataFrame
    trials: pd.DataFrame
    """The usable ones: replicates that finished at every size."""
    rates: pd.DataFrame
    """Tokens per second: one row per trial, one column per subject."""
    sizes: list[int]
    foreign: int
    """Trials set aside because another machine ran them."""
    incomplete: int
    """Replicates set aside because a size is missing in them."""

    def grid(self, rates: pd.Series) -> Array:
        """Rates of one subject, (replicates, sizes); means, as pivot_table gives them in fifty times as long."""
        columns = (self.trials["replicate"], self.trials[self.timing.size], rates.reindex(self.trials.index))
        row, column, values = (part.to_numpy(dtype=float, na_value=np.nan) for part in columns)
        known = np.isfinite(row) & np.isfinite(column) & np.isfinite(values)
        (rows, row), (sizes, column) = (np.unique(part[known], return_inverse=True) for part in (row, column))
        sums, counts = np.zeros((2, rows.size, sizes.size))
        np.add.at(sums, (row, column), values[known])
        np.add.at(counts, (row, column), 1)
        return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)


Remarks = Callable[[Clocks, str, float], list[str]]
"""Clocks, architecture and figure -> what only this row has to say."""


def compare(run: Run, timing: Timing, contender: Contender, contenders: list[Contender], remarks: Remarks) -> Finding:
    """Geometric mean over sizes of the ratio to the fastest family, its interval over replicates."""
    names, absent = references(contender, contenders)
    own = contender.architecture or ""
    clocks = select(run, timing, [*names, own])
    if not names or clocks.trials.empty:
        return Finding(missing=absence(run, clocks.planned))
    grids = [clocks.grid(clocks.rates[name]) for name in (own, *names)]
    interval = relative_speed(grids[0], np.stack(grids[1:]))
    if not contender.is_stranger:  # no family is faster than the fastest one; a visitor may be
        interval = Interval(*(min(value, 1.0) for value in interval))
    unclocked = sorted(set(clocks.planned[timing.size].dropna().astype(int)) - set(clocks.sizes))
    sizes = ", ".join(map(str, unclocked))
    doubts = [f"no reference from {', '.join(absent)}"] if absent else []
    doubts += [f"no {timing.kind} trial finished at {timing.symbol} = {sizes}"] if unclocked else []
    said = [*_notes(run, clocks, own), *remarks(clocks, own, interval.point), *_aside(clocks)]
    return Finding(
        estimate=Estimate(interval.point),
        interval=interval,
        doubts=tuple(doubts),
        notes=(*said, *shortfall(run, clocks.planned)),
        seeds=int(clocks.trials["replicate"].nunique()),
    )


def select(run: Run, timing: Timing, needed: list[str]) -> Clocks:
    """Deciding trials of the newest machine that hold all the needed architectures."""
    return run.once((timing, frozenset(needed)), lambda: _selected(run, timing, needed))


def _selected(run: Run, timing: Timing, needed: list[str]) -> Clocks:
    planned = run.select(row=timing.row, kind=timing.kind)
    planned = planned[np.array([set(needed) <= set(names) for names in planned["contenders"]], dtype=bool)]
    ok = planned[planned["status"] == "ok"]
    newest = ok.sort_values("finished", kind="stable")["fingerprint"].iloc[-1] if len(ok) else ""
    here = ok[ok["fingerprint"] == newest]
    rates = _rates(run, timing, here, needed)
    here = here.loc[rates.dropna(subset=needed).index]
    sizes = sorted(here[timing.size].astype(int).unique())
    complete = here.groupby("replicate", dropna=False)[timing.size].transform("nunique") == len(sizes)
    return Clocks(
        timing=timing,
        planned=planned,
        trials=here[complete],
        rates=rates.loc[here.index[complete]],
        sizes=sizes,
        foreign=len(ok) - int((ok["fingerprint"] == newest).sum()),
        incomplete=int(here.loc[~complete, "replicate"].nunique()),
    )


def _rates(run: Run, timing: Timing, trials: pd.DataFrame, needed: list[str]) -> pd.DataFrame:
    """Tokens per second of the median sample: one row per trial, one column per subject."""
    seconds = medians(run, trials, timing.cpu if run.plan["device"] == "cpu" else timing.wall, needed)
    tokens = medians(run, trials, timing.tokens, needed) if timing.tokens else seconds.notna().astype(float)
    if TWIN in seconds and TWIN not in tokens:  # the copy processes what its twin does
        tokens[TWIN] = pd.Series({index: tokens.at[index, names[0]] for index, names in trials["contenders"].items()})
    rates = (tokens / seconds).reindex(trials.index)
    return rates.where(np.isfinite(rates) & (rates > 0))


def medians(run: Run, trials: pd.DataFrame, metric: str, needed: list[str]) -> pd.DataFrame:
    """Median of a metric: one row per trial, one column per subject, the needed ones always there."""
    held = run.of(metric)
    held = held[held["trial"].isin(trials.index)]
    found = held.pivot_table(index="trial", columns="subject", values="value", aggfunc="median")
    subjects = {*needed, *found.columns, *(name for names in trials["contenders"] for name in names)}
    return found.reindex(index=trials.index, columns=sorted(subjects)).astype(float)


def _notes(run: Run, clocks: Clocks, name: str) -> list[str]:
    rate = np.exp(np.log(clocks.rates[name]).mean())
    sizes = ", ".join(map(str, clocks.sizes))
    notes = [f"{rate:,.0f} tokens/s, geometric mean over {clocks.timing.symbol} = {sizes}"]
    disturbed = _contamination(run, clocks)
    return notes + ([f"{disturbed:.0%} of samples disturbed by other work"] if disturbed is not None else [])


def _aside(clocks: Clocks) -> list[str]:
    """What was measured and not used."""
    notes = [f"{clocks.foreign} trials of another machine set aside"] if clocks.foreign else []
    missed = f"{clocks.incomplete} replicates without every {clocks.timing.size} set aside"
    return [*notes, missed] if clocks.incomplete else notes


def _contamination(run: Run, clocks: Clocks) -> float | None:
    """Share of samples whose wall time shows other work on the machine; None off the CPU."""
    if run.plan["device"] != "cpu":
        return None
    wall, cpu = clocks.timing.wall, clocks.timing.cpu
    times = pd.concat([run.of(wall), run.of(cpu)])
    times = times[times["trial"].isin(clocks.trials.index)]
    wide = times.pivot_table(index=["trial", "subject", "step"], columns="metric", values="value")
    return float((wide[wall] / wide[cpu] > CONTAMINATED).mean()) if wall in wide else None
