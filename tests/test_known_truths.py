"""Known truths, measured for real and judged by the rules: each must land on its word.

Trials run through `bench.experiments.perform`, their records and a plan go into a run folder, and `analysis` judges
what it finds there. Only the clock is a fake one, so that a planted ratio is that ratio.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from strangers import FIRST, GUESSER, LOOP, MACHINE, ORACLE, SCAN, SECOND, WINDOW, Paced, Window
from synthetic import cell, outcome
from torch.utils._python_dispatch import TorchDispatchMode

from analysis.claims import INTERPRETABILITY, LONG_RANGE, PARALLEL, RULES, SPEED
from analysis.load import load
from analysis.verdicts import judge
from bench import planning
from bench.contract import check_architecture
from bench.experiments import perform
from bench.planning import Planned
from bench.records import PLAN, SCHEMA, TRIALS, Record, read, to_line
from bench.tasks.copy import Copy
from bench.tasks.latch import Latch
from bench.tasks.markov import Markov
from bench.tasks.needle import Needle
from bench.tasks.task import Task
from bench.timing import Sample, Stopwatch
from bench.tracing import structural_reach
from bench.trial import Clock, Explain, Learn, Recipe, Trace
from models import ARCHITECTURES, find
from models.architecture import Architecture, Interface

SMALL = 10_000
NAMES = ("LOOP", "SCAN", "WINDOW", "ORACLE", "GUESSER", "FIRST", "SECOND")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def stranger(name: str) -> Architecture:
    """As the front door finds it."""
    return replace(find(f"strangers:{name}"), core_parameters=SMALL)


def column(architecture: Architecture) -> dict[str, str]:
    name = architecture.name
    return {"title": name, "family": architecture.family, "plain": name, "best": name, "best_reason": "as given"}


def run(folder: Path, architectures: Iterable[Architecture], planned: Sequence[Planned]) -> dict[str, Any]:
    """Run the trials, write what a runner would write, and judge the folder."""
    folder.mkdir(exist_ok=True)
    records = [perform(p.trial) for p in planned]
    assert {r.status for r in records} == {"ok"}, [r.reason for r in records]
    plan = {
        "schema": SCHEMA,
        "study": "known truths",
        "device": "cpu",
        "columns": [column(a) for a in architectures],
        "trials": [p.to_json() for p in planned],
    }
    (folder / PLAN).write_text(json.dumps(plan))
    (folder / TRIALS).write_text("".join(to_line(r) + "\n" for r in records))
    return judge(load(folder))


def recorded(folder: Path, architecture: Architecture) -> list[Record]:
    """The records of the trials that had this architecture to themselves."""
    return [r for r in read(folder) if r.trial.get("architecture", {}).get("name") == architecture.name]


@pytest.mark.parametrize("name", NAMES)
def test_the_front_door_would_let_them_in(name: str) -> None:
    check_architecture(stranger(name))


# Parallel processing


def test_loop_and_scan_are_one_recurrence() -> None:
    interface = Interface(length=100, vocabulary=16, outputs=8)
    inputs = torch.randint(16, (4, 100), generator=torch.Generator().manual_seed(0))
    loop, scan = (replace(a, core_parameters=SMALL).build(interface, seed=3).double()(inputs) for a in (LOOP, SCAN))
    assert torch.allclose(loop, scan, rtol=0, atol=1e-12)


def test_a_loop_is_not_parallel_and_the_same_recurrence_as_a_scan_is(tmp_path: Path) -> None:
    both = [stranger("LOOP"), stranger("SCAN")]
    lengths = (16, 32, 64, 128, 256, 512)
    traces = [Planned(Trace(architecture=a, length=n), (planning.PARALLEL,)) for a in both for n in lengths]
    verdicts = run(tmp_path, both, traces)
    words = {a.name: outcome(cell(verdicts, PARALLEL.row, a.name)) for a in both}
    assert words == {"strangers:LOOP": ("No", "no claim"), "strangers:SCAN": ("Yes", "no claim")}


# Long range

REACH = 16
WITHIN = (Needle(length=16), Copy(length=20, items=4))
BEYOND = (Copy(length=21, items=4), Latch(length=32), Needle(length=64), Latch(length=64), Copy(length=64))


def test_sixteen_steps_back_is_where_the_window_ends() -> None:
    core = stranger("WINDOW").build(Interface(length=48, vocabulary=16, outputs=8)).core
    reach = structural_reach(core, torch.randn(1, 48, core.out_width))  # type: ignore[arg-type]
    distance = torch.arange(48)[None, :] - torch.arange(48)[:, None]
    assert torch.equal(reach, (distance >= 0) & (distance <= REACH))
    record = perform(Trace(architecture=stranger("WINDOW"), length=48))
    assert record.value("structural_reach") == pytest.approx(reach.sum().item() / (48 * 49 / 2))
    gradient = {m.step: m.value for m in record.measurements if m.metric == "gradient_reach"}
    assert [gradient[d] > 0 for d in range(48)] == [d <= REACH for d in range(48)]


def learning(architecture: Architecture, task: Task, seed: int) -> Learn:
    return Learn(architecture=architecture, task=task, recipe=Recipe(learning_rate=1e-2, steps=200), seed=seed)


def test_who_sees_sixteen_steps_back_solves_nothing_beyond(tmp_path: Path) -> None:
    window = stranger("WINDOW")
    trials = [learning(window, task, seed) for task in (*WITHIN, *BEYOND) for seed in range(3)]
    verdicts = run(tmp_path, [window], [Planned(t, (planning.LONG_RANGE,)) for t in trials])
    solved = {r.id: r.value("solved") for r in read(tmp_path)}
    assert [solved[t.id] for t in trials] == [float(t.task.lag <= REACH) for t in trials]
    found = cell(verdicts, LONG_RANGE.row, window.name)
    assert outcome(found) == ("Limited", "no claim")
    assert found["tasks"] == ["copy", "latch", "needle"]


def test_one_step_more_of_sight_solves_one_step_more_of_lag() -> None:
    """The window's failures are due to its reach, not to the step cap."""
    task = BEYOND[0]
    assert task.lag == REACH + 1
    wider = replace(WINDOW, name="wider", reach=task.lag, core_parameters=SMALL)
    assert isinstance(wider, Window)
    assert perform(learning(wider, task, seed=0)).value("solved") == 1.0


# Training speed


def clocks(architectures: tuple[Architecture, ...]) -> list[Planned]:
    trials = [Clock(architectures=architectures, length=n, tokens=2 * n, samples=3, replicate=r)
              for r in range(3) for n in (8, 16)]  # fmt: skip
    return [Planned(trial, (planning.SPEED,)) for trial in trials]


@pytest.mark.parametrize(
    ("seconds", "figure", "word", "verdict", "alternative"),
    [
        (1.0, 1.0, "Fast", "disagrees", None),
        (1.0625, 0.94, "Fast", "disagrees", None),
        (1.5, 2 / 3, "Moderate", "disagrees", None),
        (2.0, 0.5, "Moderate", "undecided", "Slow"),
        (2.125, 0.47, "Slow", "undecided", "Moderate"),
        (2.5, 0.4, "Slow", "agrees", None),
    ],
)
def test_a_planted_pace_gets_its_ratio_and_its_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, figure: float, word: str, verdict: str,
    alternative: str | None,
) -> None:  # fmt: skip
    """Twice as slow is exactly on the threshold, so a tenth either way decides: no verdict, but a word."""
    watch = Stopwatch(wall=lambda: MACHINE.now, cpu=lambda: MACHINE.now, switches=lambda: 0)
    monkeypatch.setattr("bench.timing.stopwatch", lambda device: watch)
    even = Paced(seconds=1.0, core_parameters=SMALL)
    rivals = tuple(replace(even, name=f"even-{family}", family=family) for family in ("transformer", "cnn"))
    slow = replace(even, seconds=seconds, name="slow", family="lstm")
    verdicts = run(tmp_path, [*rivals, slow], clocks((*rivals, slow)))
    found = cell(verdicts, SPEED.row, "slow")
    assert found["figure"] == pytest.approx(figure, abs=0.005)
    assert (*outcome(found), found["alternative"]) == (word, verdict, alternative)
    assert outcome(cell(verdicts, SPEED.row, "even-cnn")) == ("Fast", "agrees")


# Interpretability


def explaining(architecture: Architecture, seeds: Iterable[int] = range(3)) -> list[Planned]:
    recipe = Recipe(learning_rate=1e-2, steps=200)
    trials = [Explain(architecture=architecture, task=Needle(length=16), recipe=recipe, seed=s) for s in seeds]
    return [Planned(trial, (planning.LONG_RANGE, planning.INTERPRETABILITY)) for trial in trials]


def test_an_oracle_explains_well_and_a_guesser_poorly(tmp_path: Path) -> None:
    both = [stranger("ORACLE"), stranger("GUESSER")]
    verdicts = run(tmp_path, both, [p for a in both for p in explaining(a)])
    found = {a.name: cell(verdicts, INTERPRETABILITY.row, a.name) for a in both}
    for cell_ in found.values():
        assert "3 of 3 models passed the admission gate" in cell_["reason"]
    assert {name: outcome(c) for name, c in found.items()} == {
        "strangers:ORACLE": ("Good", "no claim"),
        "strangers:GUESSER": ("Poor", "no claim"),
    }
    assert found["strangers:ORACLE"]["figure"] == 1.0
    assert abs(found["strangers:GUESSER"]["figure"]) < 0.2


# One architecture under two names


class Counted(Stopwatch):
    """A second for every operator that a call dispatches, backward pass and optimiser included."""

    def time(self, call: Any) -> Sample:
        with _Count() as count:
            call()
        return Sample(float(count.operators), float(count.operators), 0)


class _Count(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.operators = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.operators += 1
        return func(*args, **(kwargs or {}))


def scaling(architecture: Architecture) -> list[Planned]:
    recipe = Recipe(learning_rate=1e-2, steps=20, batch_size=8, evaluation_sequences=32)
    sizes = itertools.chain(
        ((SMALL, tokens) for tokens in (256, 1024)), ((core_parameters, 0) for core_parameters in (SMALL, 2 * SMALL))
    )
    source = Markov(length=16, symbols=8)
    trials = [
        Learn(architecture=replace(architecture, core_parameters=n), task=source, recipe=recipe, data_tokens=tokens,
              seed=seed)
        for n, tokens in sizes for seed in range(2)
    ]  # fmt: skip
    return [Planned(trial, (planning.SCALABILITY,)) for trial in trials]


def measured(record: Record) -> list[tuple[object, ...]]:
    """Everything a trial measured but for times, to the last bit; as text, for a value not known equals itself."""
    return [(m.metric, repr(m.value), m.subject, m.step) for m in record.measurements if "seconds" not in m.metric]


def test_one_architecture_under_two_names_is_measured_and_judged_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert FIRST is SECOND
    monkeypatch.setattr("bench.timing.stopwatch", lambda device: Counted())
    rival = replace(ARCHITECTURES["cnn-k3"], core_parameters=SMALL)
    twins = (stranger("FIRST"), stranger("SECOND"))
    planned = [*clocks((rival, *twins)), *scaling(rival)]
    for twin in twins:
        planned += [*explaining(twin), *scaling(twin)]
        planned += [Planned(Trace(architecture=twin, length=n), (planning.PARALLEL,)) for n in (16, 32, 64)]
    verdicts = run(tmp_path, [rival, *twins], planned)
    first, second = (recorded(tmp_path, twin) for twin in twins)
    assert len(first) == 3 + 8 + 3
    assert [measured(r) for r in first] == [measured(r) for r in second]
    for row in RULES:
        one, other = (cell(verdicts, row, twin.name) for twin in twins)
        assert one["measured"] is not None, row
        assert alike(one) == alike(other)


def alike(found: Mapping[str, Any]) -> dict[str, Any]:
    """A cell without its names."""
    return {key: value for key, value in found.items() if key not in ("column", "architecture")}
