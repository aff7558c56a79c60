"""Values of the report trainings of a claim, by seed, and what became of those that have none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis.claims import REGIME
from analysis.clocks.wording import listed
from analysis.load import NOT_RUN, Run
from analysis.wording import cut

BITS = 1 / math.log(2)
"""Bits in a nat."""
LONGEST = 160
"""Letters of a recorded reason."""


def select(run: Run, claim: str, *, regime: str = REGIME, **wanted: Any) -> pd.DataFrame:
    """Planned report trainings that speak for a claim; of a configuration that is planned twice, the first."""
    found = run.select(row=claim, split="report", regime=regime, **wanted)
    return found.drop_duplicates(["kind", "architecture", "task", "length", "role", "seed"])


def of_family(run: Run, claim: str, family: str, plain: str, **wanted: Any) -> pd.DataFrame:
    """The trainings of one family's contender: its plain variant if that takes part, else the first that does."""
    found = select(run, claim, family=family, **wanted)
    names = list(dict.fromkeys(found["architecture"]))
    return found[found["architecture"] == (plain if plain in names else next(iter(names), plain))]


def by_seed(run: Run, trials: pd.DataFrame, metric: str, subject: str = "", diverged: float | None = None) -> pd.Series:
    """Seed -> last value of a metric, finite ones alone. A diverged training counts as `diverged`, if that is given."""
    found = run.last(trials, metric, subject)
    if diverged is not None:
        found = found.mask(trials["status"] == "diverged", diverged)
    return _seeded(found, trials["seed"])


def at_step(run: Run, trials: pd.DataFrame, metric: str, subject: str, step: int) -> pd.Series:
    """Seed -> the value of a metric at a step, finite ones alone."""
    held = stepped(run, trials, metric)
    held = held[(held["subject"] == subject) & (held["step"] == step)]
    return _seeded(held["value"], held["seed"])


def stepped(run: Run, trials: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Values that have a step: columns trial, seed, subject, step and value, the last of equal places."""
    held = run.of(metric)
    held = held[held["trial"].isin(trials.index) & held["step"].notna() & np.isfinite(held["value"])]
    held = held.drop_duplicates(["trial", "subject", "step"], keep="last")
    seeds = trials["seed"].reindex(held["trial"].to_numpy())
    found = held[["trial", "subject", "step", "value"]].assign(seed=seeds.to_numpy())
    return found.astype({"step": "int64"}).reset_index(drop=True)


def subjects(run: Run, trials: pd.DataFrame, metric: str) -> list[str]:
    """Subjects that a metric was measured for, in the order of the records."""
    held = run.of(metric)
    return list(dict.fromkeys(held.loc[held["trial"].isin(trials.index), "subject"]))


def over_parts(parts: Mapping[str, pd.Series]) -> tuple[pd.Series, list[str]]:
    """Seed -> mean over parts, for seeds that have every part that any has; doubts about parts that none has."""
    known = {name: values for name, values in parts.items() if len(values)}
    doubts = [f"nothing of {name} was measured in both" for name in parts if name not in known]
    return pd.DataFrame(known).dropna().mean(axis=1), doubts


def diverged(trials: pd.DataFrame, values: pd.Series) -> list[str]:
    """The doubt that trainings without a value leave behind because they diverged; [] where none did."""
    lost = trials[(trials["status"] == "diverged") & ~trials["seed"].isin(values.index)]
    return [f"{_seeds(lost)} of {lost['architecture'].iloc[0]} diverged: no figure"] if len(lost) else []


def failures(run: Run, trials: pd.DataFrame) -> list[str]:
    """One sentence for each kind of trial without a result: which architecture, task and seeds, and why."""
    lost = trials[trials["status"] != "ok"]
    keys = ["architecture", "task", "length", "role", "split", "regime", "status", "reason"]
    sentences = []
    for _, own in lost.groupby(keys, sort=False, dropna=False):
        first = own.iloc[0]
        name, task, status, regime = (str(first[key]) for key in ("architecture", "task", "status", "regime"))
        why = run.why_not_run() if status == NOT_RUN else str(first["reason"])
        learned = " ".join(filter(None, (name, "on", task, str(first["length"]), str(first["role"]))))
        what = learned if task else f"{first['kind']} {name or 'of all'} at length {first['length']}"
        where = "" if regime in ("", REGIME) else f", {regime}"
        where += ", development" if first["split"] == "development" else ""
        sentences.append(f"{what}, {_seeds(own)}{where}: {status}" + (f" ({cut(why, LONGEST)})" if why else ""))
    return sentences


def _seeds(trials: pd.DataFrame) -> str:
    held = sorted({int(seed) for seed in trials["seed"].dropna()})
    if not held:
        return f"{len(trials)} trial{'s' * (len(trials) != 1)}"
    return f"seed{'s' * (len(held) != 1)} {listed(map(str, held))}"


def _seeded(values: pd.Series, seeds: pd.Series) -> pd.Series:
    found = pd.Series(values.to_numpy(dtype=float), index=seeds.to_numpy())
    found = found[np.isfinite(found.to_numpy())]
    return found[~found.index.duplicated(keep="last")].sort_index()
