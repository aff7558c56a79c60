"""Known truths, measured for real and judged by the rules: each must land on its word.

Trials run through `bench.experiments.perform`, their records and a plan go into a run folder, and `analysis` judges
what it finds there. Only the clock is a fake one, so that a planted ratio is that ratio.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from laboratory import SMALL, clocks, explaining, run, stranger
from strangers import LOOP, MACHINE, SCAN, WINDOW, Paced
from synthetic import cell, outcome

from analysis.claims import INTERPRETABILITY, LONG_RANGE, PARALLEL, SPEED
from bench import planning
from bench.contract import check_architecture
from bench.experiments import perform
from bench.planning import Planned
from bench.records import read
from bench.tasks.copy import Copy
from bench.tasks.latch import Latch
from bench.tasks.needle import Needle
from bench.tasks.task import Task
from bench.timing import Stopwatch
from bench.tracing import structural_reach
from bench.trial import Learn, Recipe, Trace
from models.architecture import Architecture, Interface


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize("name", ["LOOP", "SCAN", "WINDOW", "ORACLE", "GUESSER", "FIRST", "SECOND"])
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


# Long-range dependencies

REACH = 16
WITHIN = (Needle(length=16), Copy(length=20, items=4))
BEYOND = (Copy(length=21, items=4), Latch(length=32), Needle(length=64), Latch(length=64), Copy(length=64))


def learning(architecture: Architecture, task: Task, seed: int) -> Learn:
    return Learn(architecture=architecture, task=task, recipe=Recipe(learning_rate=1e-2, steps=200), seed=seed)


def test_sixteen_steps_back_is_where_the_window_ends() -> None:
    model = stranger("WINDOW").build(Interface(length=48, vocabulary=16, outputs=8))
    embeddings = model.embedding(torch.zeros(1, 48, dtype=torch.long)).detach()
    reach = structural_reach(model.core, embeddings)
    distance = torch.arange(48)[None, :] - torch.arange(48)[:, None]
    assert torch.equal(reach, (distance >= 0) & (distance <= REACH))
    record = perform(Trace(architecture=stranger("WINDOW"), length=48))
    assert record.value("structural_reach") == pytest.approx(reach.sum().item() / (48 * 49 / 2))
    gradient = {m.step: m.value for m in record.measurements if m.metric == "gradient_reach"}
    assert [gradient[d] > 0 for d in range(48)] == [d <= REACH for d in range(48)]


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
    assert perform(learning(wider, task, seed=0)).value("solved") == 1.0


# Training speed


@pytest.mark.parametrize(
    ("seconds", "word", "verdict", "alternative"),
    [
        (1.0, "Fast", "disagrees", None),
        (1.1, "Fast", "disagrees", None),
        (1.5, "Moderate", "disagrees", None),
        (2.0, "Moderate", "undecided", "Slow"),
        (2.2, "Slow", "undecided", "Moderate"),
        (2.5, "Slow", "agrees", None),
    ],
)
def test_a_planted_pace_gets_its_ratio_and_its_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, word: str, verdict: str, alternative: str | None
) -> None:
    """Twice as slow is exactly on the threshold, so a tenth either way decides: a word, but no verdict."""
    MACHINE.now = 0.0  # far from 0, sums of whole seconds would no longer be exact
    watch = Stopwatch(wall=lambda: MACHINE.now, cpu=lambda: MACHINE.now, switches=lambda: 0)
    monkeypatch.setattr("bench.timing.stopwatch", lambda device: watch)
    even = Paced(seconds=1.0, core_parameters=SMALL)
    rivals = tuple(replace(even, name=f"even-{family}", family=family) for family in ("transformer", "cnn"))
    slow = replace(even, seconds=seconds, name="slow", family="lstm")
    verdicts = run(tmp_path, [*rivals, slow], clocks((*rivals, slow)))
    found = cell(verdicts, SPEED.row, "slow")
    assert found["figure"] == pytest.approx(1 / seconds, abs=1e-5)
    assert (*outcome(found), found["alternative"]) == (word, verdict, alternative)
    assert outcome(cell(verdicts, SPEED.row, "even-cnn")) == ("Fast", "agrees")


# Interpretability


def test_an_oracle_explains_well_and_a_guesser_poorly(tmp_path: Path) -> None:
    both = [stranger("ORACLE"), stranger("GUESSER")]
    verdicts = run(tmp_path, both, [p for a in both for p in explaining(a)])
    oracle, guesser = (cell(verdicts, INTERPRETABILITY.row, a.name) for a in both)
    for found in (oracle, guesser):
        assert "3 of 3 models passed the admission gate" in found["reason"]
    assert (oracle["measured"], guesser["measured"]) == ("Good", "Poor")
    assert oracle["figure"] == 1.0
    assert abs(guesser["figure"]) < 0.2
