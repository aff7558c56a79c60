"""A/A without a clock: one architecture under two names is measured alike to the last bit, and judged alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from laboratory import SMALL, clocks, explaining, run, stranger
from strangers import FIRST, SECOND
from synthetic import cell
from torch.utils._python_dispatch import TorchDispatchMode

from analysis.claims import RULES
from bench import planning
from bench.planning import Planned
from bench.records import Record, read
from bench.tasks.markov import Markov
from bench.timing import Sample, Stopwatch
from bench.trial import Learn, Recipe, Trace
from models import ARCHITECTURES
from models.architecture import Architecture


class Operators(TorchDispatchMode):
    """Counts what a call dispatches, backward pass and optimiser included."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += 1
        return func(*args, **(kwargs or {}))


class Counting(Stopwatch):
    """A stopwatch on which every operator takes a second: real steps, and no luck."""

    def time(self, call: Callable[[], object]) -> Sample:
        with Operators() as operators:
            call()
        return Sample(float(operators.count), float(operators.count), 0)


def scaling(architecture: Architecture) -> list[Planned]:
    """Two sizes of the data and two of the model, two seeds each."""
    recipe = Recipe(learning_rate=1e-2, steps=20, batch_size=8, evaluation_sequences=32)
    trials = [
        Learn(
            architecture=replace(architecture, core_parameters=core_parameters),
            task=Markov(length=16, symbols=8),
            recipe=recipe,
            data_tokens=tokens,
            seed=seed,
        )
        for core_parameters, tokens in ((SMALL, 256), (SMALL, 1024), (SMALL, 0), (2 * SMALL, 0))
        for seed in range(2)
    ]
    return [Planned(trial, (planning.SCALABILITY,)) for trial in trials]


def recorded(folder: Path, name: str) -> list[list[tuple[object, ...]]]:
    """Per trial of one architecture all it measured but for times; as text, for an unknown value equals itself."""
    mine: list[Record] = [r for r in read(folder) if r.trial.get("architecture", {}).get("name") == name]
    return [
        [(m.metric, repr(m.value), m.subject, m.step) for m in r.measurements if "seconds" not in m.metric]
        for r in mine
    ]


def test_one_architecture_under_two_names_is_measured_and_judged_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr("bench.timing.stopwatch", lambda device: Counting())
    assert FIRST is SECOND
    rival, *twins = replace(ARCHITECTURES["cnn-k3"], core_parameters=SMALL), stranger("FIRST"), stranger("SECOND")
    planned = [*clocks((rival, *twins)), *scaling(rival)]
    for twin in twins:
        planned += [*explaining(twin), *scaling(twin)]
        planned += [Planned(Trace(architecture=twin, length=n), (planning.PARALLEL,)) for n in (16, 32, 64)]
    verdicts = run(tmp_path, [rival, *twins], planned)
    first, second = (recorded(tmp_path, twin.name) for twin in twins)
    assert len(first) == 3 + 8 + 3
    assert first == second
    for row in RULES:
        one, other = (cell(verdicts, row, twin.name) for twin in twins)
        assert one["measured"] is not None, f"{row}: {one['reason']}"
        assert {**one, "column": "", "architecture": ""} == {**other, "column": "", "architecture": ""}
