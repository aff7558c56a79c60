"""plan.json, checked: every part of it that a judgement rests on, by type and, where it can be, against the rest.

A trial's id is the hash of its configuration, so a changed configuration shows. What no hash guards (columns, rows,
lags, the device) is compared with the trials.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, field

from bench.records import PLAN, RecordsError, is_id, shown

LARGEST = 2**53
Whole = Annotated[int, Meta(ge=-LARGEST, le=LARGEST)]
Name = Annotated[str, Meta(min_length=1)]
TIMED = ("clock", "decode")
"""Kinds of trial whose times the plan's device says how to read."""
MEND = "run the study again with --fresh"


class Architecture(Struct, gc=False):
    """Which model a trial trains, traces or clocks."""

    name: str = ""
    family: str = ""
    core_parameters: Whole | None = None


class Task(Struct, gc=False):
    """What a trial learns."""

    name: str = ""
    length: Whole | None = None
    role: str = ""


class Trial(Struct, gc=False):
    """What a judgement asks of a trial's configuration."""

    kind: str
    architecture: Architecture | None = None
    architectures: list[Architecture] = []
    task: Task = field(default_factory=Task)
    length: Whole | None = None
    seed: Whole | None = None
    split: str = ""
    data_tokens: Whole | None = None
    regime: str = ""
    replicate: Whole | None = None
    tokens: Whole | None = None
    context: Whole | None = None
    threads: Whole | None = None
    width: Whole | None = None
    precision: str = ""
    device: str = ""

    @property
    def alone(self) -> Architecture:
        """The architecture of a trial that has one; an empty one otherwise."""
        return self.architecture or Architecture()

    @property
    def sized(self) -> Architecture:
        """The one whose size counts: all contenders of a clock have one size."""
        return self.architecture or (self.architectures[0] if self.architectures else Architecture())


class Entry(Struct, gc=False):
    """A planned trial, the rows that it speaks for, and how far back its answer lies."""

    id: Name
    trial: Trial
    rows: tuple[str, ...]
    lag: Annotated[int, Meta(ge=1, le=LARGEST)] | None = None


class Column(Struct):
    """A column of the table."""

    title: Name
    family: Name
    plain: Name
    best: Name | None
    best_reason: str = ""


class Choice(Struct):
    """A learning rate chosen on development seeds."""

    row: str
    architecture: str
    learning_rate: float
    merit: float
    trials: int
    edge: bool = False


class Plan(Struct):
    """What plan.json must hold; the texts have defaults, since a plan may do without."""

    study: str
    device: str
    columns: list[Column]
    trials: list[Entry]
    selection: list[Choice] = []
    stopped: str = ""
    command: str = ""
    purpose: str = ""


FACTS: Mapping[str, Callable[[Trial], Any]] = {
    "kind": lambda t: t.kind,
    "architecture": lambda t: t.alone.name,
    "family": lambda t: t.alone.family,
    "core_parameters": lambda t: t.sized.core_parameters,
    "task": lambda t: t.task.name,
    "length": lambda t: t.task.length if t.length is None else t.length,
    "role": lambda t: t.task.role,
    "seed": lambda t: t.seed,
    "split": lambda t: t.split,
    "data_tokens": lambda t: t.data_tokens,
    "regime": lambda t: t.regime,
    "replicate": lambda t: t.replicate,
    "contenders": lambda t: tuple([a.name for a in t.architectures]),
    "tokens": lambda t: t.tokens,
    "context": lambda t: t.context,
    "threads": lambda t: t.threads,
    "width": lambda t: t.width,
    "precision": lambda t: t.precision,
    "device": lambda t: t.device,
}
"""Column of the frame of trials -> its value."""


def entries(plan: Mapping[str, Any], folder: Path) -> dict[str, Entry]:
    """Planned trials by id. Raises RecordsError, with a mend, for a plan that cannot be used.

    An id that is planned several times, as the stages of a run may, speaks for all the rows of its mentions.
    """
    try:
        typed = msgspec.convert(plan, Plan)
    except (msgspec.ValidationError, RecursionError) as error:
        raise _refused(folder, f"cannot be used: {shown(str(error), 200)}") from None
    found: dict[str, Entry] = {}
    lags: dict[bytes, int | None] = {}
    for entry, raw in zip(typed.trials, plan["trials"], strict=True):
        known = found.setdefault(entry.id, entry)
        if known is not entry:
            known.rows = tuple(dict.fromkeys((*known.rows, *entry.rows)))
        if not is_id(entry.id, raw["trial"]):
            raise _refused(folder, f"has a trial {shown(entry.id)} that does not match its id")
        if lags.setdefault(msgspec.json.encode(raw["trial"].get("task")), entry.lag) != entry.lag:
            raise _refused(folder, f"plans the task of trial {shown(entry.id)} with two lags")
    _check_columns(typed, found.values(), folder)
    _check_trials(typed, found.values(), folder)
    return found


def recorded(id: str, trial: Mapping[str, Any], folder: Path) -> Entry:
    """The trial of a record that the plan does not name. Raises RecordsError for one without a kind."""
    try:
        return Entry(id, msgspec.convert(trial, Trial), ())
    except msgspec.ValidationError as error:
        what = shown(str(error), 200)
        raise RecordsError(f"{folder}: record {shown(id)} has no usable trial: {what}; use --fresh") from None


def _check_columns(plan: Plan, found: Iterable[Entry], folder: Path) -> None:
    titles = [column.title for column in plan.columns]
    if len(set(titles)) < len(titles):
        raise _refused(folder, "has two columns of one title")
    families = {a.name: a.family for entry in found for a in (entry.trial.alone, *entry.trial.architectures)}
    for column in plan.columns:
        for name in filter(None, (column.plain, column.best)):
            if families.get(name, column.family) != column.family:
                what = f"puts {shown(name)}, of family {shown(families[name])}, into {shown(column.family)}"
                raise _refused(folder, what)


def _check_trials(plan: Plan, found: Iterable[Entry], folder: Path) -> None:
    for entry in found:
        length = FACTS["length"](entry.trial)
        if entry.lag is not None and length is not None and entry.lag > length:
            raise _refused(folder, f"has trial {shown(entry.id)} at lag {entry.lag}, beyond its length {length}")
        device = entry.trial.device
        if entry.trial.kind in TIMED and device and device != plan.device:
            what = f"is of device {shown(plan.device)}, but its trial {shown(entry.id)} of {shown(device)}"
            raise _refused(folder, what)


def _refused(folder: Path, what: str) -> RecordsError:
    return RecordsError(f"{folder / PLAN} {what}; {MEND}")
