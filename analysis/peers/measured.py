"""Trials of row "peers" -> tidy frames, one row per trial and contender. Nothing is compared here.

A trial is one process, and its interleaved rounds share its luck: the median over them is one observation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.load import NOT_RUN, Run

ROW = "peers"
PEERS, OVERHEAD = "peers", "overhead"
KINDS = (PEERS, OVERHEAD)
MACHINE = "machine"
"""Group of the probes that measure the machine's own limits."""
COPY = "copy"
HARNESS, BARE = "harness", "bare loop"


@dataclass(frozen=True)
class Measured:
    """What the usable trials measured. All rates are per CPU-second on the CPU, per second elsewhere."""

    contenders: pd.DataFrame
    """Per trial and contender: width, length, group, who, installed, core_parameters, tokens, flops, seconds,
    rate (tokens/s), work (FLOP/s), step_work (FLOP/s of the whole training step), matmul and convolution (the
    FLOP/s of the probes in the same trial); NaN where something was not measured."""
    limits: pd.DataFrame
    """Per trial: width, length, and a column per probe: FLOP/s, or bytes/s of the copy."""
    overhead: pd.DataFrame
    """Per trial: architecture, family, task, length, ratio (harness over bare loop)."""
    notes: tuple[str, ...]
    """What was planned and is not in the frames."""
    precision: str = "fp32"
    """Of the contenders and of the machine's rate: one in a study."""


def measure(run: Run) -> Measured:
    """The frames of a run folder; empty ones where nothing of the kind was planned or finished."""
    planned = run.select(row=ROW)
    planned = planned[planned["kind"].isin(KINDS)]
    ok = planned[planned["status"] == "ok"]
    newest = ok.sort_values("finished", kind="stable")["fingerprint"].iloc[-1] if len(ok) else ""
    here = ok[ok["fingerprint"] == newest]
    contenders, limits = _contenders(run, here[here["kind"] == PEERS])
    overhead, uneven = _overhead(run, here[here["kind"] == OVERHEAD])
    notes = _unfinished(run, planned)
    if len(here) < len(ok):
        notes.append(f"{len(ok) - len(here)} trials of another machine set aside")
    if uneven:
        notes.append(f"{uneven} overhead trials set aside: harness and bare loop did not do the same number of steps")
    precisions = sorted(set(planned["precision"]) - {""})
    return Measured(contenders, limits, overhead, tuple(notes), ", ".join(precisions) or "fp32")


def clock(run: Run) -> str:
    """The clock that decides: CPU seconds on the CPU, because other work on the machine lengthens wall time only."""
    return "cpu_seconds" if run.plan["device"] == "cpu" else "seconds"


def _unfinished(run: Run, planned: pd.DataFrame) -> list[str]:
    """One line per kind and outcome of trials that are not ok."""
    lines = []
    for (kind, status), group in planned[planned["status"] != "ok"].groupby(["kind", "status"], sort=True):
        why = run.why_not_run() if status == NOT_RUN else next((text for text in group["reason"] if text), "")
        of = int((planned["kind"] == kind).sum())
        lines.append(f"{len(group)} of {of} {kind} trials {status}" + f" ({why})" * bool(why))
    return lines


def _contenders(run: Run, trials: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The contenders' and the probes' frame."""
    seconds = clock(run)
    wide = _medians(
        run,
        trials,
        {
            "installed": "installed",
            "core_parameters": "core_parameters",
            "tokens_per_call": "tokens",
            "flops_per_call": "flops",
            "bytes_per_call": "bytes",
            "flops_per_step": "step_flops",
            f"{seconds}_per_forward_backward": "seconds",
            f"{seconds}_per_step": "step_seconds",
            f"{seconds}_per_call": "call_seconds",
        },
    )
    parts = wide["subject"].str.split("/", n=1)
    wide = wide.assign(group=parts.str[0], who=parts.str[1])
    wide = wide[wide["who"].fillna("") != ""]
    probes = wide["group"] == MACHINE
    limits = _limits(wide[probes])
    frame = wide[~probes].drop(columns=["bytes", "call_seconds", "subject"])
    frame = frame.assign(
        installed=frame["installed"].fillna(0) > 0,
        rate=frame["tokens"] / frame["seconds"],
        work=frame["flops"] / frame["seconds"],
        step_work=frame["step_flops"] / frame["step_seconds"],
    )
    peaks = limits.set_index("trial").reindex(columns=["matmul", "convolution"])
    return frame.join(peaks, on="trial").reset_index(drop=True), limits


def _limits(probes: pd.DataFrame) -> pd.DataFrame:
    """Operations or bytes per second of every probe: one row per trial."""
    speed = probes["flops"].where(probes["who"] != COPY, probes["bytes"]) / probes["call_seconds"]
    table = probes.assign(speed=speed).pivot_table(
        index=["trial", "width", "length"], columns="who", values="speed", aggfunc="median", dropna=True
    )
    return table.astype(float).rename_axis(columns=None).reset_index()


def _overhead(run: Run, trials: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Median over the rounds of harness over bare loop, formed inside a round; and the number of uneven trials."""
    steps = _pivot(run, trials, "steps", "trial").reindex(trials.index)
    uneven = (steps[HARNESS] != steps[BARE]) & steps.notna().all(axis=1)
    rounds = _pivot(run, trials, clock(run), "trial", "step")
    ratios = _positive(rounds[HARNESS] / rounds[BARE]).groupby(level="trial").median()
    frame = trials[["architecture", "family", "task", "length"]].assign(ratio=ratios.reindex(trials.index))
    return frame[~uneven & frame["ratio"].notna()].reset_index(drop=True), int(uneven.sum())


def _pivot(run: Run, trials: pd.DataFrame, metric: str, *index: str) -> pd.DataFrame:
    """A metric with a column for the harness and one for the bare loop, both always there."""
    held = run.of(metric)
    held = held[held["trial"].isin(trials.index)]
    table = held.pivot_table(index=list(index), columns="subject", values="value", aggfunc="median")
    return table.reindex(columns=[HARNESS, BARE]).astype(float)


def _medians(run: Run, trials: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """Median of every metric per trial and subject, under its new name, beside width and length of the trial.

    All of them are counts, sizes and times, or 1 for an installed peer: what is not above 0 becomes NaN.
    """
    columns = []
    for metric, name in names.items():
        held = run.of(metric)
        held = held[held["trial"].isin(trials.index)]
        columns.append(held.groupby(["trial", "subject"])["value"].median().rename(name))
    medians = pd.concat(columns, axis=1).astype(float).sort_index()
    wide = medians.apply(_positive).reset_index(names=["trial", "subject"])
    placed = wide.join(trials[["width", "length"]], on="trial").dropna(subset=["width", "length"])
    return placed.astype({"width": int, "length": int, "subject": "str"})


def _positive(values: pd.Series) -> pd.Series:
    """The values with NaN for those that nothing real can have."""
    return values.where(np.isfinite(values) & (values > 0))
