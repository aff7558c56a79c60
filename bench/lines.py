"""A line of `trials.jsonl`, read and checked: whatever is not what a measuring process wrote is refused, by name.

The decoder checks types; here follow what no value can be (bench.permitted) and what can be there only once. Standard
library and msgspec only; for a million values the standard library alone takes three times as long.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

from bench.permitted import Bounds

SCHEMA = 1
Status = Literal["ok", "diverged", "failed", "out of memory", "timed out"]
Plain = str | float | int | bool | None
UNFINITE: dict[Any, float] = {"inf": math.inf, "-inf": -math.inf, None: math.nan}
"""What stands for the values that JSON does not know."""
SHAPES = 4096
"""Different shapes that are remembered: a run has some hundreds."""
SHOWN = 60
"""Characters of a name in a message."""


class RecordsError(ValueError):
    """A records file that cannot be used; the message names the file and the mend."""


class TornError(RecordsError):
    """A text that is not whole JSON, as the last line is when a run was killed."""


class Measured(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A measurement as it lies in the file."""

    metric: Annotated[str, Meta(min_length=1)]
    value: float | Literal["inf", "-inf"] | None
    subject: str = ""
    step: Annotated[int, Meta(ge=0, lt=2**53)] | None = None


class Line(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A record as it lies in the file."""

    id: str
    trial: dict[str, Any]
    status: Status
    schema: Literal[1]
    measurements: list[Measured] = []
    reason: str = ""
    machine: dict[str, Plain | dict[str, Plain]] = {}
    wall_seconds: Annotated[float, Meta(ge=0)] = 0.0
    cpu_seconds: Annotated[float, Meta(ge=0)] = 0.0
    finished: Annotated[str, Meta(pattern=r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[\d.:+Z-]*)?$")] = ""


@dataclass(frozen=True, eq=False)
class Shape:
    """What the measurements of a record are of. Thousands of records share one, so it is checked once."""

    metrics: tuple[str, ...]
    subjects: tuple[str, ...]
    steps: tuple[int | None, ...]
    bounds: Bounds


class Columns(NamedTuple):
    """The measurements of one record: no object for each of a million values."""

    shape: Shape
    values: list[float]


class _Versioned(msgspec.Struct):
    schema: Any = None


UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_LINES = msgspec.json.Decoder(Line)
_OBJECTS = msgspec.json.Decoder(dict[str, Any])
_VERSIONS = msgspec.json.Decoder(_Versioned)


def decode_line(text: bytes) -> Line:
    """A line whose types are right. Raises TornError, or RecordsError for JSON that is no record of this schema."""
    try:
        return _LINES.decode(text)
    except msgspec.ValidationError as error:
        raise RecordsError(_foreign(_schema(text)) or f"not a record: {shown(str(error), 3 * SHOWN)}") from None
    except UNREADABLE as error:
        raise TornError(f"not JSON: {error}") from None


def decode_plan(text: bytes) -> dict[str, Any]:
    """A JSON object of this schema. Raises TornError for what is not JSON, RecordsError for anything else."""
    try:
        plan = _OBJECTS.decode(text)
    except msgspec.ValidationError as error:
        raise RecordsError(str(error)) from None
    except UNREADABLE as error:
        raise TornError(f"not JSON: {error}") from None
    if problem := _foreign(plan.get("schema")):
        raise RecordsError(problem)
    return plan


def columns(rows: list[Measured]) -> Columns:
    """The measurements of a line. Raises RecordsError for an impossible value and for one that is there twice."""
    shape = _shape(tuple([m.metric for m in rows]), tuple([m.subject for m in rows]), tuple([m.step for m in rows]))
    values = [v if type(v) is float else UNFINITE[v] for v in [m.value for m in rows]]
    if (at := shape.bounds.first_outside(values)) is not None:
        raise RecordsError(
            f"{shown(shape.metrics[at])}{_of(shape.subjects[at], shape.steps[at])} cannot be {values[at]:g}"
        )
    return Columns(shape, values)


@lru_cache(maxsize=SHAPES)
def _shape(metrics: tuple[str, ...], subjects: tuple[str, ...], steps: tuple[int | None, ...]) -> Shape:
    places = list(zip(metrics, subjects, steps, strict=True))
    if len(set(places)) < len(places):
        ((metric, subject, step), _), *_ = Counter(places).most_common(1)
        raise RecordsError(f"{shown(metric)}{_of(subject, step)} is measured twice")
    return Shape(metrics, subjects, steps, Bounds(metrics))


def shown(text: str, most: int = SHOWN) -> str:
    """Text from a record in a message: short, and nothing in it is a command to the terminal."""
    return ascii(text[:most])[1:-1] + "..." * (len(text) > most)


def _schema(text: bytes) -> object:
    try:
        return _VERSIONS.decode(text).schema
    except UNREADABLE:
        return SCHEMA


def _foreign(schema: object) -> str:
    """What is wrong, if the schema is what is wrong: a later one may have other fields."""
    right = type(schema) is int and schema == SCHEMA
    return "" if right else f"schema {shown(str(schema))}, this version reads {SCHEMA}"


def _of(subject: str, step: int | None) -> str:
    """Which of several measurements of a metric."""
    return (f" of {shown(subject)}" if subject else "") + (f" at step {step}" if step is not None else "")
