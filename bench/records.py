"""The file in which bench and analysis meet: one JSON object a line. Standard library and msgspec only.

Two files make a run folder. `plan.json` says what was to be run (study, columns, choices made on development seeds,
every planned trial); `trials.jsonl` holds what came of it, one `Record` a line, in the order of finishing.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from bench.lines import (
    SCHEMA,
    Columns,
    Line,
    RecordsError,
    TornError,
    columns,
    decode_line,
    decode_plan,
    shown,
)

TRIALS = "trials.jsonl"
PLAN = "plan.json"
MEND = "take the line out (its trial runs again), move the file away or use --fresh"


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
    return _digest(canonical(trial).encode())


def is_id(id: str, trial: Mapping[str, Any]) -> bool:
    """Whether `id` is that of the trial. Nearly always a faster encoder writes the canonical JSON too: asked first."""
    return id == _digest(_FAST_CANONICAL.encode(trial)) or id == trial_id(trial)


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
    return _record(*parse(line.encode()))


def parse(text: bytes, known: Mapping[str, Mapping[str, Any]] | None = None) -> tuple[Line, Columns]:
    """A line and, apart from it, its measurements. Raises RecordsError on what is not a record of this schema.

    The id must be that of the trial. `known` holds trials whose ids are right: a record of one of those need only equal
    it, which is faster to see.
    """
    line = decode_line(text)
    trial = (known or {}).get(line.id)
    if line.trial != trial if trial is not None else not is_id(line.id, line.trial):
        raise RecordsError(f"record {shown(line.id)} does not match its trial")
    try:
        return line, columns(line.measurements)
    except RecordsError as error:
        raise RecordsError(f"record {shown(line.id)}: {error}") from None


def read(folder: Path) -> Iterator[Record]:
    """Records of a run folder. A torn last line is left out; a bad line elsewhere raises RecordsError.

    An id that occurs twice is taken once; RecordsError if the two lines differ.
    """
    for line, measured in read_lines(folder):
        yield _record(line, measured)


def read_lines(folder: Path, known: Mapping[str, Mapping[str, Any]] | None = None) -> Iterator[tuple[Line, Columns]]:
    """What `read` reads, as `parse` gives it."""
    path = folder / TRIALS
    if not path.exists():
        return
    first: dict[str, tuple[int, int]] = {}
    with path.open("rb") as file:
        for number, text in enumerate(file, start=1):
            try:
                if not text.endswith(b"\n"):
                    return
                line, measured = parse(text, known)
                place, content = first.setdefault(line.id, (number, hash(text)))
                if content != hash(text):
                    raise RecordsError(f"record {line.id} is on line {place} already, with other contents")
            except RecordsError as error:
                # a last line cut in the middle of a block write can still end with a newline
                if isinstance(error, TornError) and not file.readline():
                    return
                raise RecordsError(f"{path}, line {number}: {error}; {MEND}") from None
            if place == number:
                yield line, measured


def read_plan(folder: Path) -> dict[str, Any]:
    """The plan of a run folder; raises RecordsError when there is none or it is not one."""
    path = folder / PLAN
    try:
        return decode_plan(path.read_bytes())
    except FileNotFoundError:
        raise RecordsError(f"{path} is missing: nothing was run there") from None
    except RecordsError as error:
        raise RecordsError(f"{path} is not a plan: {error}; use --fresh") from None


def write_atomically(path: Path, text: str | Iterable[str]) -> None:
    """Replace a file in one step, so that a reader or a crash never sees half of it. A long text may come in pieces."""
    scratch = path.with_name(path.name + ".part")
    with scratch.open("w", encoding="utf-8") as file:
        file.writelines([text] if isinstance(text, str) else text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(scratch, path)


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:12]


def _compact(measurement: Measurement) -> dict[str, Any]:
    row: dict[str, Any] = {"metric": measurement.metric, "value": _plain(measurement.value)}
    if measurement.subject:
        row["subject"] = measurement.subject
    if measurement.step is not None:
        row["step"] = measurement.step
    return row


def _plain(value: float) -> float | str | None:
    if math.isnan(value):
        return None
    return float(value) if math.isfinite(value) else str(value)


def _record(line: Line, measured: Columns) -> Record:
    shape = measured.shape
    measurements = tuple(map(Measurement, shape.metrics, measured.values, shape.subjects, shape.steps))
    rest = (line.reason, line.machine, line.wall_seconds, line.cpu_seconds, line.finished, line.schema)
    return Record(line.id, line.trial, line.status, measurements, *rest)


_FAST_CANONICAL = msgspec.json.Encoder(order="sorted")
