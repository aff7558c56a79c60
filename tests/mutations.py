"""Damage to a run folder, systematically: every field of a record and of a plan x everything it must not hold."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.records import PLAN, TRIALS, RecordsError

PUBLISHED = Path(__file__).resolve().parent.parent / "reports" / "published" / "amd-epyc-2-cores" / "quick"
MISSING = object()
"""Stands for a field that is not there."""
HOSTILE = "<script>alert(1)</script>"
TEXTS = ("1", "nan", HOSTILE, "\x1b[2J", "=1+1", "'\"`|\\")
NUMBERS = (-1, 3, 1.5, 1e308, -1e308, 10**400)
BAD: tuple[Any, ...] = (MISSING, None, "", *TEXTS, "\ud800", True, *NUMBERS, [], {}, [[]], {"a": []})

Place = tuple[str | int, ...]
Json = dict[str, Any]


def read(folder: Path) -> tuple[Json, list[Json]]:
    """Plan and records of a run folder as plain data."""
    lines = (folder / TRIALS).read_text().splitlines()
    return json.loads((folder / PLAN).read_text()), [json.loads(line) for line in lines]


def write(folder: Path, plan: Mapping[str, Any], records: Sequence[Mapping[str, Any]]) -> Path:
    """A run folder of them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PLAN).write_text(json.dumps(plan))
    (folder / TRIALS).write_text("".join(json.dumps(record) + "\n" for record in records))
    return folder


def spoilt(data: Any, place: Place, bad: Any) -> Any:
    """A copy with one place changed, or with nothing there."""
    changed = copy.deepcopy(data)
    at: Any = changed
    for step in place[:-1]:
        at = at[step]
    last: Any = place[-1]
    if bad is not MISSING:
        at[last] = bad
    elif isinstance(at, list) or last in at:
        del at[last]
    return changed


def fields(record: Mapping[str, Any]) -> Iterator[Place]:
    """Every field of a record, of its trial and machine, and of its first measurement of each metric."""
    for field, value in record.items():
        yield (field,)
        if isinstance(value, dict):
            yield from ((field, inner) for inner in value)
    first: dict[str, int] = {}
    for number, measurement in enumerate(record["measurements"]):
        first.setdefault(measurement["metric"], number)
    for number in first.values():
        yield ("measurements", number)
        yield from (("measurements", number, field) for field in ("metric", "value", "subject", "step"))


def plan_fields(plan: Mapping[str, Any]) -> Iterator[Place]:
    """Every field of a plan, of its first column and choice, and of one entry of each kind of trial."""
    yield from ((field,) for field in plan)
    yield from ((part, 0, field) for part in ("columns", "selection") for field in plan[part][0])
    yield from ((part, 0) for part in ("columns", "selection", "trials"))
    first: dict[str, int] = {}
    for number, entry in enumerate(plan["trials"]):
        first.setdefault(entry["trial"]["kind"], number)
    for number in first.values():
        yield from (("trials", number, field) for field in plan["trials"][number])
        yield from (("trials", number, "trial", field) for field in plan["trials"][number]["trial"])


def one_of_each(records: Sequence[Json]) -> list[Json]:
    """One record of every kind and split, and of a source as well as of a task."""
    found: dict[Any, Json] = {}
    for record in records:
        trial = record["trial"]
        found.setdefault((trial["kind"], trial.get("split"), trial.get("data_tokens")), record)
    return list(found.values())


def refusal(reading: Callable[[], object]) -> str:
    """What is said against it; nothing if it is read."""
    try:
        reading()
    except RecordsError as error:
        return str(error)
    return ""
