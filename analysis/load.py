"""Run folder -> two tidy frames: one row per planned trial, one row per measured value.

A planned trial without a record is kept, as `not run`; so is one that failed. Nothing is summarised here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench import records
from bench.records import Record, RecordsError

NOT_RUN = "not run"
TIDY = (
    "id",
    "kind",
    "architecture",
    "family",
    "core_parameters",
    "task",
    "length",
    "lag",
    "seed",
    "split",
    "data_tokens",
    "device",
    "replicate",
    "width",
    "tokens",
    "context",
    "threads",
    "precision",
    "fingerprint",
    "status",
    "metric",
    "subject",
    "step",
    "value",
)
WHOLE = (
    *("core_parameters", "length", "lag", "seed", "data_tokens", "replicate"),
    *("tokens", "context", "threads", "width"),
)
"""Columns of whole numbers that may be blank."""


@dataclass(frozen=True)
class Run:
    """What a run folder holds."""

    plan: Mapping[str, Any]
    trials: pd.DataFrame
    """One row per planned trial (and per record that the plan no longer names: `planned` is False there)."""
    values: pd.DataFrame
    """One row per measured value: `trial` (position in `trials`), metric, subject, step, value."""
    machine: Mapping[str, Any]
    """Of the newest record; empty when there is none."""
    machines: int
    """How many different machines the records come from."""

    def select(self, **wanted: object) -> pd.DataFrame:
        """Planned trials whose columns equal the given values; `row` asks for a name in the `rows` of a trial."""
        keep = self.trials["planned"].to_numpy(dtype=bool)
        row = wanted.pop("row", None)
        if row is not None:
            keep = keep & np.array([row in rows for rows in self.trials["rows"]], dtype=bool)
        for column, value in wanted.items():
            keep = keep & (self.trials[column] == value).fillna(False).to_numpy(dtype=bool)
        return self.trials[keep]

    def last(self, trials: pd.DataFrame, metric: str, subject: str = "") -> pd.Series:
        """Last value of a metric per trial, indexed like `trials`; NaN where it was not measured."""
        found = self.of(metric)
        found = found[found["subject"] == subject].drop_duplicates("trial", keep="last")
        return found.set_index("trial")["value"].reindex(trials.index)

    def of(self, metric: str) -> pd.DataFrame:
        """Values of one metric, as in `values`."""
        return self._by_metric.get(metric, self.values.iloc[:0])

    @cached_property
    def _by_metric(self) -> Mapping[str, pd.DataFrame]:
        """Looking through a million values once for every question would take longer than all the rest."""
        return {str(metric): group for metric, group in self.values.groupby("metric", sort=False)}

    def why_not_run(self) -> str:
        """The reason of a planned trial without a record."""
        return str(self.plan.get("stopped") or "not reached yet")


def load(folder: Path) -> Run:
    """Both frames of a run folder. Raises RecordsError, with a mend, for a folder that cannot be used."""
    plan = _checked(records.read_plan(folder), folder)
    found = {record.id: record for record in records.read(folder)}
    planned = {entry["id"]: entry for entry in plan["trials"]}
    extra = [record for id, record in found.items() if id not in planned]
    rows = [_trial_row(entry["trial"], entry, found.get(id)) for id, entry in planned.items()]
    rows += [_trial_row(record.trial, None, record) for record in extra]
    order = [found.get(id) for id in planned] + extra
    newest = max(found.values(), key=lambda record: record.finished, default=None)
    return Run(
        plan=plan,
        trials=_trials_frame(rows),
        values=_values_frame(order),
        machine=newest.machine if newest else {},
        machines=len({record.machine.get("fingerprint") for record in found.values()}),
    )


def tidy(run: Run) -> pd.DataFrame:
    """The frame that measurements.csv holds. A trial without any value has one row, with an empty metric."""
    silent = run.trials.index.difference(pd.Index(run.values["trial"].unique()))
    blank = pd.DataFrame({"trial": silent.to_numpy(dtype=np.int64), "metric": "", "subject": ""})
    values = pd.concat([run.values, blank], ignore_index=True).sort_values("trial", kind="stable")
    facts = run.trials.take(values["trial"].to_numpy(dtype=np.int64)).reset_index(drop=True)
    return pd.concat([facts, values.drop(columns="trial").reset_index(drop=True)], axis=1)[list(TIDY)]


def _checked(plan: dict[str, Any], folder: Path) -> dict[str, Any]:
    try:
        for column in plan["columns"]:
            column["title"], column["family"], column["plain"], column["best"]
        for entry in plan["trials"]:
            entry["id"], entry["trial"]["kind"], entry["rows"]
        plan["study"], plan["device"]
    except (KeyError, TypeError) as error:
        raise RecordsError(f"{folder / records.PLAN} lacks {error}; run the study again with --fresh") from None
    return plan


def _trial_row(trial: Mapping[str, Any], entry: Mapping[str, Any] | None, record: Record | None) -> dict[str, Any]:
    architecture: Mapping[str, Any] = trial.get("architecture") or {}
    contenders: Sequence[Mapping[str, Any]] = trial.get("architectures") or ()
    sized = architecture or (contenders[0] if contenders else {})  # all contenders of a clock have one size
    task: Mapping[str, Any] = trial.get("task") or {}
    return {
        "id": entry["id"] if entry else record.id if record else "",
        "kind": trial.get("kind", ""),
        "architecture": architecture.get("name", ""),
        "family": architecture.get("family", ""),
        "core_parameters": sized.get("core_parameters"),
        "task": task.get("name", ""),
        "length": trial.get("length", task.get("length")),
        "lag": entry.get("lag") if entry else None,
        "seed": trial.get("seed"),
        "split": trial.get("split", ""),
        "data_tokens": trial.get("data_tokens"),
        "regime": trial.get("regime", ""),
        "replicate": trial.get("replicate"),
        "contenders": tuple(str(a.get("name", "")) for a in contenders),
        "tokens": trial.get("tokens"),
        "context": trial.get("context"),
        "threads": trial.get("threads"),
        "width": trial.get("width"),
        "precision": trial.get("precision", ""),
        "device": trial.get("device", ""),
        "rows": tuple(entry["rows"]) if entry else (),
        "planned": entry is not None,
        "status": record.status if record else NOT_RUN,
        "reason": record.reason if record else "",
        "fingerprint": str(record.machine.get("fingerprint", "")) if record else "",
        "finished": record.finished if record else "",
    }


def _trials_frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    names = _trial_row({}, None, None).keys()
    frame = pd.DataFrame({name: [row[name] for row in rows] for name in names})
    try:
        return frame.astype(dict.fromkeys(WHOLE, "Int64"))
    except (TypeError, ValueError) as error:
        raise RecordsError(f"a trial's sizes or seeds are not whole numbers ({error}); use --fresh") from None


def _values_frame(order: Iterable[Record | None]) -> pd.DataFrame:
    """Built from one list per column: appending rows to a frame would be quadratic."""
    held = [record.measurements if record else () for record in order]
    flat = [m for measurements in held for m in measurements]
    return pd.DataFrame(
        {
            "trial": np.repeat(np.arange(len(held)), [len(measurements) for measurements in held]),
            "metric": pd.Series([m.metric for m in flat], dtype="str"),
            "subject": pd.Series([m.subject for m in flat], dtype="str"),
            "step": pd.array([m.step for m in flat], dtype="Int64"),
            "value": np.array([m.value for m in flat], dtype=float),
        }
    )
