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
from bench.trial import DEVELOPMENT, TRAINING_FLOPS, Clock, Explain, Learn, Recipe, Trace, Trial
from models import ARCHITECTURES

ROTARY, CHRONO, KERNEL = (ARCHITECTURES[name] for name in ("transformer-rotary", "lstm-chrono", "cnn-k8"))
GOLDEN: dict[str, Trial] = {
    "21c8b3c1c300": Learn(architecture=ROTARY, task=Needle(length=32)),
    "c8310cffc7b4": Learn(architecture=KERNEL, task=Markov(length=32), data_tokens=4096, seed=2),
    "0bfdb79bf7b7": Explain(architecture=CHRONO, task=Adding(length=64), recipe=Recipe(learning_rate=1e-2)),
    "7ea332d6a933": Trace(architecture=KERNEL, length=128),
    "65dbe6ace831": Clock(architectures=(ROTARY, CHRONO, KERNEL), length=256),
}
"""Who finds an id changed has made every record on file, the published ones too, a record of something else."""
OTHER: dict[str, Any] = {
    "order": 1,
    "positions": "sinusoidal",
    "initialisation": "forget-bias",
    "markers": "halves",
    "queries": "once",
}
OTHER |= {"split": DEVELOPMENT, "regime": TRAINING_FLOPS, "device": "cuda", "name": "mine:Net", "family": "mine:Net"}
OTHER |= {"source": "0123456789ab"}


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
        yield OTHER[name]
    elif isinstance(old, tuple):
        yield from (old[::-1], old[1:])
    elif isinstance(old, bool):
        yield not old
    else:
        yield old / 2 if isinstance(old, float) else old + 2


@pytest.mark.parametrize("golden", GOLDEN)
def test_every_field_is_part_of_the_identity(golden: str) -> None:
    trial = GOLDEN[golden]
    ids = [varied.id for varied in variations(trial)]
    assert len(set(ids)) == len(ids) > 5
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


def test_identity_is_refused_to_what_has_no_stable_text() -> None:
    with pytest.raises(TypeError, match="identity"):
        Clock(architectures=(ROTARY, print), length=8).to_json()  # type: ignore[arg-type]
