"""A trial's identity: golden ids, so that a changed default is noticed, and every field counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest

from bench.records import trial_id
from bench.tasks import TASKS
from bench.tasks.adding import Adding
from bench.tasks.markov import Markov
from bench.tasks.needle import Needle
from bench.tasks.topics import Topics
from bench.trial import (
    PASSES,
    Attack,
    Clock,
    Decode,
    Explain,
    Learn,
    Overhead,
    Peers,
    Recipe,
    Timed,
    Trace,
    Transfer,
    Trial,
)
from models import ARCHITECTURES, BACKENDS

ROTARY, CHRONO, KERNEL = (ARCHITECTURES[name] for name in ("transformer-rotary", "lstm-chrono", "cnn-k8"))
GOLDEN: dict[str, Trial] = {
    "8d4fbc05a6f1": Learn(architecture=ROTARY, task=Needle(length=32)),
    "211d042ad11c": Learn(architecture=KERNEL, task=Markov(length=32), data_tokens=4096, seed=2),
    "be3893918793": Explain(architecture=CHRONO, task=Adding(length=64), recipe=Recipe(learning_rate=1e-2)),
    "fe07c77de957": Transfer(architecture=KERNEL, task=Topics()),
    "b175754ea8ff": Attack(architecture=CHRONO, task=Adding(length=64)),
    "baf3e95ef470": Trace(architecture=KERNEL, length=128),
    "d7faf2d70e3b": Clock(architectures=(ROTARY, CHRONO, KERNEL), length=256),
    "4480221b4df1": Clock(
        architectures=(ROTARY, CHRONO, KERNEL, *BACKENDS.values()),
        length=1024,
        tokens=4096,
        passes=PASSES,
        threads=8,
        precision="bf16",
        memory=True,
    ),
    "34130509dc13": Decode(architectures=(ROTARY, CHRONO, KERNEL), context=1024),
    "039d14336202": Peers(width=128, length=256),
    "3d2f5a88c170": Overhead(architecture=CHRONO, task=Needle(length=32)),
}
"""Who finds an id changed has made every record on file, the published ones too, a record of something else."""
OTHER: dict[str, tuple[Any, Any]] = {
    "order": (1, 2),
    "positions": ("sinusoidal", "rotary"),
    "initialisation": ("forget-bias", "chrono"),
    "dense": ("blas", "direct"),
    "norm": ("pre", "post"),
    "activation": ("gelu", "relu"),
    "schedule": ("constant", "inverse-square-root"),
    "label_smoothing": (0.0, 0.1),
    "markers": ("halves", "anywhere"),
    "queries": ("once", "dense"),
}
"""Two values each for fields that refuse what is not among their own."""


@pytest.mark.parametrize("golden", GOLDEN)
def test_ids_are_the_same_everywhere_and_for_ever(golden: str) -> None:
    trial = GOLDEN[golden]
    assert trial.id == golden
    assert trial_id(trial.to_json()) == golden


def variations(value: Any) -> Iterator[Any]:
    """The same value with one field changed, for every field, nested ones included."""
    for field in fields(value):
        old = getattr(value, field.name)
        yield from (replace(value, **{field.name: new}) for new in others(field.name, old))


def others(name: str, old: Any) -> Iterator[Any]:
    """Other values of one field."""
    if is_dataclass(old):
        yield from variations(old)
    elif name in OTHER:
        yield next(value for value in OTHER[name] if value != old)
    elif isinstance(old, tuple):
        yield from (old[1:], (*old, old[0]), *([old[::-1]] if len(old) > 1 else []))
        for place, part in enumerate(old):
            yield from ((*old[:place], new, *old[place + 1 :]) for new in others("", part))
    elif isinstance(old, bool):
        yield not old
    elif isinstance(old, str):
        yield f"{old}!"
    else:
        yield old / 2 if isinstance(old, float) else old + 2


@pytest.mark.parametrize("golden", GOLDEN)
def test_every_field_is_part_of_the_identity(golden: str) -> None:
    trial = GOLDEN[golden]
    ids = [varied.id for varied in variations(trial)]
    assert len(set(ids)) == len(ids) > 5, "a field that counts twice, or a variation that is none"
    assert trial.id not in ids


@pytest.mark.parametrize("name", TASKS)
def test_every_field_of_every_task_is_part_of_the_identity(name: str) -> None:
    base = Learn(architecture=ROTARY, task=TASKS[name]())
    ids = {base.id} | {replace(base, task=task).id for task in variations(base.task)}
    assert len(ids) == 1 + len(fields(base.task))


def test_kinds_tasks_and_architectures_of_equal_fields_are_told_apart() -> None:
    learn, explain = (kind(architecture=ROTARY, task=Needle(length=32)) for kind in (Learn, Explain))
    assert learn.id != explain.id
    tasks = [replace(learn, task=task(length=64)) for task in TASKS.values()]
    models = [replace(learn, architecture=architecture) for architecture in ARCHITECTURES.values()]
    assert len({t.id for t in tasks}) == len(TASKS)
    assert len({t.id for t in models}) == len(ARCHITECTURES)


def test_every_kind_of_trial_has_a_golden_id() -> None:
    """And says so: no two kinds of equal fields are the same trial."""

    def kinds(base: type[Trial]) -> Iterator[type[Trial]]:
        for kind in base.__subclasses__():
            yield kind
            yield from kinds(kind)

    every = {kind for kind in kinds(Trial) if kind.kind and kind.__module__ == Trial.__module__}
    assert {type(trial) for trial in GOLDEN.values()} == every
    assert len({kind.kind for kind in every}) == len(every) == 9


def test_what_reads_clocks_says_so() -> None:
    """The runner gives these the machine to themselves."""
    assert {type(trial) for trial in GOLDEN.values() if isinstance(trial, Timed)} == {Clock, Decode, Peers, Overhead}


def test_a_timed_trial_is_named_by_what_sets_it_apart() -> None:
    named = {str(trial) for trial in GOLDEN.values() if isinstance(trial, Timed)}
    assert named == {
        "clock 3 architectures 4 x 256, replicate 0",
        "clock 7 architectures 4 x 1024, replicate 0",
        "decode 3 architectures 1024, replicate 0",
        "peers width 128, length 256, replicate 0",
        "overhead lstm-chrono needle 32, replicate 0",
    }
    alone = Clock(architectures=(ROTARY,), length=256, tokens=256)
    assert "1 x 256" in str(alone)
    assert "1 x 256" in str(replace(alone, tokens=64)), "not above the length, it is one sequence"


def test_identity_is_refused_to_what_has_no_stable_text() -> None:
    with pytest.raises(TypeError, match="identity"):
        Clock(architectures=(ROTARY, print), length=8).to_json()  # type: ignore[arg-type]
