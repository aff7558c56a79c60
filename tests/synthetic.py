"""Run folders with planted effects, in the shape that a real run writes, and how to read off what they earned."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analysis.load import load
from analysis.verdicts import judge
from bench.records import PLAN, TRIALS, Measurement, Record, to_line, trial_id

COLUMNS: tuple[dict[str, Any], ...] = (
    {
        "title": "Transformer",
        "family": "transformer",
        "plain": "transformer-sinusoidal",
        "best": "transformer-rotary",
        "best_reason": "development score 0.97 against 0.91",
    },
    {"title": "LSTM", "family": "lstm", "plain": "lstm", "best": "lstm-chrono", "best_reason": "fixed"},
    {
        "title": "CNN",
        "family": "cnn",
        "plain": "cnn-3",
        "best": "cnn-8",
        "best_reason": "development score 0.6 against 0.5",
    },
)
STRANGER = {"title": "mine:Net", "family": "mine:Net", "plain": "mine:Net", "best": "mine:Net", "best_reason": ""}
BEST = ("transformer-rotary", "lstm-chrono", "cnn-8")
FAMILY = {column[v]: column["family"] for column in (*COLUMNS, STRANGER) for v in ("plain", "best")}
HERE = {"fingerprint": "here", "processor": "two cores"}
TASKS = {"needle": (32, 64, 128), "latch": (60, 124), "copy": (64,), "adding": (64,), "mqar": (32,), "induction": (64,)}


@dataclass
class Folder:
    """A run folder in the making: planned trials and the records that came of them."""

    columns: Sequence[Mapping[str, Any]] = COLUMNS
    device: str = "cpu"
    stopped: str = ""
    entries: list[dict[str, Any]] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)

    def plan(self, trial: Mapping[str, Any], rows: Sequence[str] = (), lag: int | None = None) -> str:
        """Plan a trial; returns its id."""
        entry = {"id": trial_id(trial), "trial": dict(trial), "rows": list(rows), "lag": lag}
        self.entries.append(entry)
        return str(entry["id"])

    def add(
        self,
        trial: Mapping[str, Any],
        measured: Sequence[Measurement] = (),
        rows: Sequence[str] = (),
        lag: int | None = None,
        status: str = "ok",
        machine: Mapping[str, Any] = HERE,
        reason: str = "",
    ) -> None:
        """Plan a trial and record its outcome."""
        id = self.plan(trial, rows, lag)
        finished = f"2026-11-22T10:00:00.{len(self.records):06d}Z"
        self.records.append(Record(id, trial, status, tuple(measured), reason, machine, finished=finished))

    def write(self, path: Path) -> Path:
        """Write plan.json and trials.jsonl; returns the folder."""
        plan = {
            "schema": 1,
            "study": "planted",
            "device": self.device,
            "columns": list(self.columns),
            "selection": [],
            "trials": self.entries,
            "stopped": self.stopped,
            "command": "bakeoff run planted",
        }
        path.mkdir(parents=True, exist_ok=True)
        (path / PLAN).write_text(json.dumps(plan))
        (path / TRIALS).write_text("".join(to_line(record) + "\n" for record in self.records))
        return path


def judged(folder: Folder, path: Path) -> dict[str, Any]:
    """The verdicts of a folder that is written to `path`."""
    return judge(load(folder.write(path)))


def cell(verdicts: Mapping[str, Any], row: str, column: str = "Transformer", variant: str = "best") -> dict[str, Any]:
    """One cell of the verdicts, of the interview table or of ours."""
    wanted = (row, column, variant)
    every = [*verdicts["cells"], *verdicts["ours"]["cells"]]
    (found,) = [c for c in every if (c["row"], c["column"], c["variant"]) == wanted]
    return dict(found)


def outcome(found: Mapping[str, Any]) -> tuple[str | None, str]:
    """Measured word and verdict of a cell."""
    return found["measured"], found["verdict"]


def architecture(name: str, core_parameters: int = 25_000) -> dict[str, Any]:
    """The `architecture` of a trial."""
    return {"name": name, "family": FAMILY[name], "core_parameters": core_parameters}


def values(**numbers: float) -> list[Measurement]:
    """Measurements without a subject."""
    return [Measurement(metric, value) for metric, value in numbers.items()]


def learn(
    name: str,
    task: str,
    length: int,
    seed: int,
    *,
    split: str = "report",
    kind: str = "learn",
    core_parameters: int = 25_000,
    data_tokens: int = 0,
    regime: str = "core parameters",
) -> dict[str, Any]:
    """A learn or explain trial."""
    return {
        "kind": kind,
        "architecture": architecture(name, core_parameters),
        "task": {"name": task, "length": length},
        "recipe": {"learning_rate": 3e-3, "steps": 400, "batch_size": 32},
        "seed": seed,
        "split": split,
        "device": "cpu",
        "data_tokens": data_tokens,
        "regime": regime,
    }
