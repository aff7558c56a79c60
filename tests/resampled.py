"""Runs as the same machine would measure them again, made of the clocks of a run that was measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.load import Run

CLOCKS = ("clock", "decode")
PLACE = ["rows", "kind", "length", "tokens", "context", "threads", "core_parameters"]


def clocks(run: Run) -> Run:
    """The run without the trials that read no clock."""
    kept = run.trials.index[run.trials["kind"].isin(CLOCKS)]
    position = pd.Series(np.arange(len(kept)), kept)
    values = run.values[run.values["trial"].isin(kept)]
    plan = {**run.plan, "trials": [entry for entry in run.plan["trials"] if entry["trial"]["kind"] in CLOCKS]}
    values = values.assign(trial=values["trial"].map(position)).reset_index(drop=True)
    return replace(run, plan=plan, trials=run.trials.loc[kept].reset_index(drop=True), values=values)


def again(
    run: Run,
    dice: np.random.Generator,
    slower: str = "",
    factor: float = 1.2,
    at: int | None = None,
    layout: float = 0.03,
    drift: float = 0.25,
    process: float = 0.0,
) -> Run:
    """One more run: processes drawn anew among those of a place, with noise on top; `slower` times `factor`.

    Drift of the machine, common to all: up to a factor of 1 + `drift` between two runs made here. Layout, common to the
    samples of one architecture in one process: normal in logarithms; `process`, common to all architectures in it, too.
    Samples: normal, and one in ten with a heavy tail.
    `at` plants the factor at one length or context alone. The A/A copy is as slow as its twin.
    """
    source = np.arange(len(run.trials))
    for group in run.trials.groupby(PLACE, dropna=False).indices.values():
        source[group] = dice.choice(group, len(group))
    held = dict(list(run.values.groupby("trial")))
    values = pd.concat([held[s].assign(trial=number) for number, s in enumerate(source)], ignore_index=True)
    own = pd.factorize(pd.MultiIndex.from_frame(values[["trial", "subject"]]))[0]
    noise = np.exp(dice.normal(0, layout, own.max() + 1))[own] * np.exp(dice.normal(0, 0.02, len(values)))
    noise *= np.exp(process * dice.normal(0, 1, len(source)))[values["trial"]]
    noise *= 1 + (dice.random(len(values)) < 0.1) * 0.1 * dice.pareto(2, len(values))
    noise *= (1 + drift) ** dice.uniform(-0.5, 0.5)
    twin = values["trial"].map(run.trials["contenders"].str[0])
    is_slow = values["subject"].where(values["subject"] != "A/A", twin) == slower
    if at is not None:
        is_slow &= values["trial"].map(run.trials["length"].fillna(run.trials["context"])) == at
    noise *= np.where(is_slow, factor, 1.0)
    is_time = values["metric"].str.contains("seconds_per_")
    return replace(run, values=values.assign(value=values["value"].where(~is_time, values["value"] * noise)))
