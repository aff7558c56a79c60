"""Records of the clock grid and of generation -> tidy frames: the median sample of every trial and subject.

The process (one trial) is the unit: samples inside it share their luck, so their median is one observation (Kalibera
and Jones 2013). One thread of a CPU is read in CPU seconds, which other work on the machine does not lengthen; several
threads and CUDA in wall seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.claims import CONTAMINATED
from analysis.load import Run

GRID, GENERATION = "clock grid", "generation latency"
CONSTANT, SINGLE = "constant tokens", "one sequence"
LAYOUTS = (CONSTANT, SINGLE)
PASSES = ("forward", "forward_backward", "step")
STEP = "step"
FULL_PRECISION = "fp32"
TWIN = "A/A"
BYTES = ("saved_bytes", "peak_bytes")
PLAINEST: dict[str, object] = {"pass": STEP, "threads": 1, "precision": FULL_PRECISION}
"""The condition in which families are compared first."""
CONDITION = ["layout", "size", "precision", "threads", "pass"]
"""What is held fixed in one comparison: columns of `medians`."""


@dataclass(frozen=True)
class Usable:
    """The trials of one row that finished on the newest machine."""

    planned: pd.DataFrame
    trials: pd.DataFrame
    foreign: int
    """Trials set aside because another machine ran them."""


def usable(run: Run, row: str, kind: str) -> Usable:
    """Planned trials of a row, and those that count: times of two machines do not compare."""
    planned = run.select(row=row, kind=kind)
    ok = planned[planned["status"] == "ok"]
    newest = ok.sort_values("finished", kind="stable")["fingerprint"].iloc[-1] if len(ok) else ""
    here = ok[ok["fingerprint"] == newest]
    return Usable(planned, here, len(ok) - len(here))


def constant_tokens(planned: pd.DataFrame) -> int | None:
    """Tokens of a step that is the same at every length; None if every planned trial is of one sequence."""
    batched = planned.loc[(planned["tokens"] >= 2 * planned["length"]).fillna(False), "tokens"]
    return int(batched.max()) if len(batched) else None


def medians(run: Run, use: Usable) -> pd.DataFrame:
    """One row per layout, trial, pass and subject.

    Columns: CONDITION, subject, length, replicate, trial, seconds (median sample of one call), tokens (of one call),
    tokens_per_second, sequence_seconds (seconds / sequences of a call), disturbed (share of samples whose wall time
    shows other work; NaN with several threads and on CUDA, where it cannot be told), samples. A trial of one sequence
    that has the constant number of tokens belongs to both layouts.
    """
    parts = [_pass_medians(run, use.trials, name) for name in PASSES]
    found = pd.concat(parts, ignore_index=True)
    tokens = _per_subject(run, use.trials, "tokens_per_step").rename("tokens").reset_index()
    found = found.merge(tokens, on=["trial", "subject"], how="inner")
    found = _placed(found, use)
    found["tokens_per_second"] = found["tokens"] / found["seconds"]
    found["sequence_seconds"] = found["seconds"] * found["length"] / found["tokens"]
    return found


def memory(run: Run, use: Usable) -> pd.DataFrame:
    """One row per layout, size, precision, threads, subject, length and metric (of BYTES), with its `bytes`."""
    parts = []
    for metric in BYTES:
        held = _per_subject(run, use.trials, metric).rename("bytes").reset_index()
        parts.append(held.assign(metric=metric))
    found = _placed(pd.concat(parts, ignore_index=True), use)
    keys = ["layout", "size", "precision", "threads", "subject", "length", "metric"]
    return found[found["subject"] != TWIN].groupby(keys, sort=False, as_index=False).agg(bytes=("bytes", "median"))


def generation(run: Run, use: Usable) -> pd.DataFrame:
    """One row per decode trial and subject: context, replicate, seconds (median, for one token), state_bytes."""
    seconds = _median_seconds(run, use.trials, "seconds_per_token")
    state = _per_subject(run, use.trials, "state_bytes").rename("state_bytes").reset_index()
    found = seconds.merge(state, on=["trial", "subject"], how="left")
    facts = use.trials[["context", "replicate"]]
    return found.join(facts, on="trial").astype({"context": int, "replicate": int})


def ordered(frame: pd.DataFrame, subjects: Sequence[str]) -> pd.DataFrame:
    """Conditions, sizes and lengths ascending, subjects in the given order: the order of records means nothing."""
    ranks: dict[str, dict[str, int]] = {
        "subject": {name: number for number, name in enumerate((*subjects, TWIN))},
        "precision": {FULL_PRECISION: 0, "bf16": 1},
        "metric": {name: number for number, name in enumerate(BYTES)},
    }
    keys = [k for k in (*CONDITION, "metric", "subject", "length", "context", "replicate") if k in frame]
    ranked = frame.sort_values(keys, key=lambda c: c.map(ranks[c.name]) if c.name in ranks else c, kind="stable")
    return ranked.reset_index(drop=True)


def architectures(run: Run) -> dict[str, dict[str, Any]]:
    """Name -> configuration of every architecture that the planned grid clocks, in the plan's order."""
    found: dict[str, dict[str, Any]] = {}
    for entry in run.plan["trials"]:
        if GRID in entry["rows"]:
            for architecture in entry["trial"].get("architectures", ()):
                found.setdefault(str(architecture.get("name", "")), dict(architecture))
    return found


def _pass_medians(run: Run, trials: pd.DataFrame, name: str) -> pd.DataFrame:
    found = _median_seconds(run, trials, f"seconds_per_{name}")
    return found.assign(**{"pass": name})


def _median_seconds(run: Run, trials: pd.DataFrame, wall: str) -> pd.DataFrame:
    """Columns trial, subject, seconds, disturbed, samples; values that are no time are dropped."""
    cpu = f"cpu_{wall}"
    columns = ["trial", "subject", "step", "metric", "value"]
    held = pd.concat([run.of(wall), run.of(cpu)])[columns]
    held = held[held["trial"].isin(trials.index)]
    held = held.assign(step=held["step"].fillna(-1).astype(int))
    wide = held.pivot_table(index=["trial", "subject", "step"], columns="metric", values="value", aggfunc="last")
    wide = wide.reindex(columns=[wall, cpu]).reset_index()
    one_thread = (trials["device"] == "cpu") & (trials["threads"].fillna(1) == 1)
    by_cpu = wide["trial"].map(one_thread).to_numpy(dtype=bool)
    wide["seconds"] = np.where(by_cpu, wide[cpu], wide[wall])
    wide["disturbed"] = np.where(by_cpu & wide[wall].notna(), wide[wall] / wide[cpu] > CONTAMINATED, np.nan)
    wide = wide[np.isfinite(wide["seconds"]) & (wide["seconds"] > 0)]
    grouped = wide.groupby(["trial", "subject"], sort=False)
    return grouped.agg(
        seconds=("seconds", "median"), disturbed=("disturbed", "mean"), samples=("seconds", "size")
    ).reset_index()


def _per_subject(run: Run, trials: pd.DataFrame, metric: str) -> pd.Series:
    """Last positive value of a metric, by trial and subject."""
    held = run.of(metric)
    held = held[held["trial"].isin(trials.index) & np.isfinite(held["value"]) & (held["value"] > 0)]
    return held.groupby(["trial", "subject"], sort=False)["value"].last()


def _placed(found: pd.DataFrame, use: Usable) -> pd.DataFrame:
    """The rows with the facts of their trials, once for each layout that they belong to."""
    facts = use.trials.rename(columns={"core_parameters": "size"})
    facts = facts.assign(batch=facts["tokens"] // facts["length"], planned_tokens=facts["tokens"])
    names = ["size", "length", "threads", "precision", "replicate", "batch", "planned_tokens"]
    placed = found.join(facts[names], on="trial").dropna(subset=["size", "length", "replicate", "planned_tokens"])
    placed["threads"] = placed["threads"].fillna(1)
    placed["precision"] = placed["precision"].replace("", FULL_PRECISION)
    single = placed[placed["batch"] <= 1].assign(layout=SINGLE)
    constant = placed[placed["planned_tokens"] == (constant_tokens(use.planned) or -1)].assign(layout=CONSTANT)
    both = pd.concat([constant, single], ignore_index=True).drop(columns=["batch", "planned_tokens"])
    return both.astype({"size": int, "length": int, "threads": int, "replicate": int})
