"""The file in which bench and analysis meet: one JSON object a line. Standard library only.

Two files make a run folder. `plan.json` says what was to be run (study, columns, choices made on development seeds,
every planned trial); `trials.jsonl` holds what came of it, one `Record` a line, in the order of finishing.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

SCHEMA = 1
TRIALS = "trials.jsonl"
PLAN = "plan.json"
STATUSES = ("ok", "diverged", "failed", "out of memory", "timed out")


class RecordsError(ValueError):
    """A records file that cannot be used; the message names the file and the mend."""


@dataclass(frozen=True)
class Measurement:
    """One number. The metric's name carries its unit (`seconds_per_step`); a bare name is a share or a score."""

    metric: str
    value: float
    subject: str = ""
    """What inside the trial was measured, where there are several: an architecture (clock) or a method (explain)."""
    step: int | None = None
    """Training step or sample index, where it has one."""


@dataclass(frozen=True)
class Record:
    """One finished trial."""

    id: str
    trial: Mapping[str, Any]
    status: str
    measurements: tuple[Measurement, ...] = ()
    reason: str = ""
    machine: Mapping[str, Any] = field(default_factory=dict)
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    finished: str = ""
    """UTC, ISO 8601."""
    schema: int = SCHEMA

    def value(self, metric: str, subject: str = "") -> float | None:
        """The last value of a metric, or None."""
        found = [m.value for m in self.measurements if m.metric == metric and m.subject == subject]
        return found[-1] if found else None


def trial_id(trial: Mapping[str, Any]) -> str:
    """First 12 hex digits of SHA-256 over canonical JSON: the same trial has the same id everywhere."""
    return hashlib.sha256(canonical(trial).encode()).hexdigest()[:12]


def canonical(value: object) -> str:
    """JSON with sorted keys and no spaces; NaN is refused."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def to_line(record: Record) -> str:
    """One line of `trials.jsonl`, without the newline."""
    data = asdict(record)
    data["measurements"] = [_compact(m) for m in record.measurements]
    return json.dumps(data, separators=(",", ":"), allow_nan=False)


def from_line(line: str) -> Record:
    """Inverse of `to_line`. Raises RecordsError on anything that is not a record of this schema."""
    try:
        data = json.loads(line)
    except ValueError as error:
        raise RecordsError(f"not JSON: {error}") from None
    if not isinstance(data, dict) or not {"id", "trial", "status", "schema"} <= set(data):
        raise RecordsError("not a record: id, trial, status or schema is missing")
    if data["schema"] != SCHEMA:
        raise RecordsError(f"schema {data['schema']!r}, this version reads {SCHEMA}")
    if data["status"] not in STATUSES or data["id"] != trial_id(data["trial"]):
        raise RecordsError(f"record {data['id']!r} does not match its trial, or its status is unknown")
    try:
        rows = data.pop("measurements", [])
        data["measurements"] = tuple(Measurement(**{**m, "value": _number(m["value"])}) for m in rows)
        return Record(**data)
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise RecordsError(f"record {data['id']!r} has unexpected fields: {error}") from None


def read(folder: Path) -> Iterator[Record]:
    """Records of a run folder. A torn last line is left out; a bad line elsewhere raises RecordsError.

    An id that occurs twice is taken once, the first time.
    """
    path = folder / TRIALS
    if not path.exists():
        return
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    torn = lines.pop()  # "" when the file ends with a newline
    seen: set[str] = set()
    for number, line in enumerate(lines, start=1):
        try:
            record = from_line(line)
        except RecordsError as error:
            if number == len(lines) and not torn:
                return  # a last line cut in the middle of a block write can still end with a newline
            raise RecordsError(f"{path}, line {number}: {error}; move the file away or use --fresh") from None
        if record.id not in seen:
            seen.add(record.id)
            yield record


def read_plan(folder: Path) -> dict[str, Any]:
    """The plan of a run folder; raises RecordsError when there is none or it is not one."""
    path = folder / PLAN
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RecordsError(f"{path} is missing: nothing was run there") from None
    except ValueError as error:
        raise RecordsError(f"{path} is not JSON ({error}); use --fresh") from None
    if not isinstance(plan, dict) or plan.get("schema") != SCHEMA:
        raise RecordsError(f"{path} is not a plan of schema {SCHEMA}; use --fresh")
    return plan


def write_atomically(path: Path, text: str) -> None:
    """Replace a file in one step, so that a reader or a crash never sees half of it."""
    scratch = path.with_name(path.name + ".part")
    with scratch.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(scratch, path)


def _compact(measurement: Measurement) -> dict[str, Any]:
    row: dict[str, Any] = {"metric": measurement.metric, "value": _plain(measurement.value)}
    if measurement.subject:
        row["subject"] = measurement.subject
    if measurement.step is not None:
        row["step"] = measurement.step
    return row


def _plain(value: float) -> float | str | None:
    """JSON knows no infinity and no NaN: "inf", "-inf" and null stand for them."""
    if math.isnan(value):
        return None
    return value if math.isfinite(value) else str(value)


def _number(value: float | str | None) -> float:
    return math.nan if value is None else float(value)
