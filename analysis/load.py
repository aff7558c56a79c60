"""Run folder -> two tidy frames: one row per planned trial, one row per measured value.

A planned trial without a record is kept, as `not run`; so is one that failed. Nothing is summarised here.
"""

from __future__ import annotations

import gc
from array import array
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from analysis.lookup import Lookup
from analysis.planned import FACTS, Entry, entries, recorded
from bench import records
from bench.records import Columns, Line

T = TypeVar("T")
NOT_RUN = "not run"
MANY = 10_000
"""Trials from which a run is kept out of Python's search for cycles."""
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
MORE = ("row", "role", "regime")
"""Further columns of the tidy frame where tasks have roles: one task then stands in several rows."""
WHOLE = (
    *("core_parameters", "length", "lag", "seed", "data_tokens", "replicate"),
    *("tokens", "context", "threads", "width"),
)
"""Columns of whole numbers that may be blank."""
OUTCOME = ("status", "reason", "fingerprint", "finished")
NO_OUTCOME = (NOT_RUN, "", "", "")
"""Columns that come from the record, and what they hold without one."""


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
            keep = keep & self.lookup.holding(row)
        for column, value in wanted.items():
            keep = keep & self.lookup.equal(column, value)
        return self.trials[keep]

    def last(self, trials: pd.DataFrame, metric: str, subject: str = "") -> pd.Series:
        """Last value of a metric per trial, indexed like `trials`; NaN where it was not measured."""
        return pd.Series(self.lookup.last(metric, subject)[trials.index], trials.index, name="value")

    def of(self, metric: str) -> pd.DataFrame:
        """Values of one metric, as in `values`."""
        return self.lookup.of(metric)

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gives, made when it is asked for first: for what many cells rest on. Nobody may change it."""
        return self.lookup.once(key, make)

    def why_not_run(self) -> str:
        """The reason of a planned trial without a record."""
        return str(self.plan.get("stopped") or "not reached yet")

    @cached_property
    def lookup(self) -> Lookup:
        """What was looked up already."""
        return Lookup(self.trials, self.values)


def load(folder: Path) -> Run:
    """Both frames of a run folder. Raises RecordsError, with a mend, for a folder that cannot be used."""
    with _no_collection():
        plan = records.read_plan(folder)
        planned = entries(plan, folder)
        trials, values = _Trials(planned, folder), _Values()
        known = {entry["id"]: entry["trial"] for entry in plan["trials"]}
        for line, columns in records.read_lines(folder, known):
            values.add(trials.add(line), columns)
        if len(trials.entries) > MANY:
            gc.freeze()  # or every search for cycles from now on would go through all of the plan
        return Run(
            plan=plan,
            trials=trials.frame(),
            values=values.frame(),
            machine=trials.newest.machine if trials.newest else {},
            machines=len(trials.fingerprints),
        )


def columns(run: Run) -> tuple[str, ...]:
    """Columns of the tidy frame."""
    return (*TIDY[:-4], *MORE, *TIDY[-4:]) if (run.trials["role"] != "").any() else TIDY


def tidy(run: Run) -> pd.DataFrame:
    """The frame that measurements.csv holds. A trial without any value has one row, with an empty metric."""
    silent = run.trials.index.difference(pd.Index(run.values["trial"].unique()))
    blank = pd.DataFrame({"trial": silent.to_numpy(dtype=np.int64), "metric": "", "subject": ""})
    values = pd.concat([run.values, blank], ignore_index=True).sort_values("trial", kind="stable")
    facts = run.trials.take(values["trial"].to_numpy(dtype=np.int64)).reset_index(drop=True)
    return pd.concat([facts, values.drop(columns="trial").reset_index(drop=True)], axis=1)[list(columns(run))]


class _Trials:
    """Planned trials in the order of the plan, then those that only the records name; what came of each."""

    def __init__(self, planned: Mapping[str, Entry], folder: Path) -> None:
        self.entries, self.planned, self.folder = list(planned.values()), len(planned), folder
        self.places = {id: place for place, id in enumerate(planned)}
        self.outcomes: dict[int, tuple[str, str, str, str]] = {}
        self.newest: Line | None = None
        self.fingerprints: set[str] = set()

    def add(self, line: Line) -> int:
        """Note the outcome of a record; returns its place in the frame."""
        if line.id not in self.places:
            self.places[line.id] = len(self.entries)
            self.entries.append(recorded(line.id, line.trial, self.folder))
        fingerprint = str(line.machine.get("fingerprint", ""))
        self.fingerprints.add(fingerprint)
        self.outcomes[self.places[line.id]] = line.status, line.reason, fingerprint, line.finished
        if self.newest is None or line.finished > self.newest.finished:
            self.newest = line
        return self.places[line.id]

    def frame(self) -> pd.DataFrame:
        """Column by column, as frames are held."""
        found: dict[str, Any] = {"id": [entry.id for entry in self.entries]}
        found |= {name: [fact(entry.trial) for entry in self.entries] for name, fact in FACTS.items()}
        found |= {"lag": [entry.lag for entry in self.entries], "rows": [entry.rows for entry in self.entries]}
        found["row"] = ["; ".join(entry.rows) for entry in self.entries]
        found["planned"] = np.arange(len(self.entries)) < self.planned
        outcomes = [self.outcomes.get(place, NO_OUTCOME) for place in range(len(self.entries))]
        found |= {name: [outcome[at] for outcome in outcomes] for at, name in enumerate(OUTCOME)}
        return pd.DataFrame(found).astype(dict.fromkeys(WHOLE, "Int64"))


class _Values:
    """Measured values as they come, in arrays: a list of a million objects would take ten times the memory."""

    def __init__(self) -> None:
        self.metrics: defaultdict[str, int] = defaultdict()
        self.subjects: defaultdict[str, int] = defaultdict()
        self.metrics.default_factory = self.metrics.__len__  # a text not seen yet gets the next number
        self.subjects.default_factory = self.subjects.__len__
        self.codes: dict[object, tuple[array[int], array[int], array[int]]] = {}
        self.metric, self.subject, self.step, self.value = array("i"), array("i"), array("q"), array("d")
        self.place, self.count = array("q"), array("q")

    def add(self, place: int, columns: Columns) -> None:
        """Append the measurements of one record."""
        codes = self.codes.get(columns.shape) or self._encode(columns)
        for held, more in zip((self.metric, self.subject, self.step), codes, strict=True):
            held.extend(more)
        self.value.extend(columns.values)
        self.place.append(place)
        self.count.append(len(columns.values))

    def _encode(self, columns: Columns) -> tuple[array[int], array[int], array[int]]:
        """Numbers for the texts of a shape, which thousands of records share."""
        shape = columns.shape
        self.codes[shape] = (
            array("i", map(self.metrics.__getitem__, shape.metrics)),
            array("i", map(self.subjects.__getitem__, shape.subjects)),
            array("q", [-1 if step is None else step for step in shape.steps]),
        )
        return self.codes[shape]

    def frame(self) -> pd.DataFrame:
        """In the order of the trials, as the records came inside each."""
        trial = np.repeat(np.asarray(self.place, dtype=np.int64), np.asarray(self.count, dtype=np.int64))
        order = np.argsort(trial, kind="stable")
        step = np.asarray(self.step, dtype=np.int64)[order]
        return pd.DataFrame(
            {
                "trial": trial[order],
                "metric": _texts(self.metrics, self.metric, order),
                "subject": _texts(self.subjects, self.subject, order),
                "step": pd.arrays.IntegerArray(step, step < 0),
                "value": np.asarray(self.value, dtype=float)[order],
            }
        )


def _texts(names: Mapping[str, int], codes: array[int], order: Any) -> Any:
    """The texts that codes stand for; equal ones share one object."""
    return pd.Series(list(names), dtype="str").array.take(np.asarray(codes, dtype=np.int64)[order])


@contextmanager
def _no_collection() -> Iterator[None]:
    """Without Python's search for cycles, of which JSON has none: it doubles the time to read a large plan."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
