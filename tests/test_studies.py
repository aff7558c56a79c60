"""What the studies plan to time: every point of a grid once, every contender of one size, deciding clocks marked."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from bench.claims import PARALLELISATION
from bench.planning import Plan, Planned
from bench.studies import CLOCK, FULL, GPU, PEERS, QUICK, SMOKE, STUDIES
from bench.study import ClockGrid, Study
from bench.trial import PASSES, Clock, Decode, Overhead, Peers, Timed, Trial
from models import ARCHITECTURES, BACKENDS, find
from models.architecture import Interface
from models.budget import solve

STRANGER = find("strangers:Window")
EVERY_STUDY = pytest.mark.parametrize("study", STUDIES.values(), ids=lambda s: s.name)
GRIDS = pytest.mark.parametrize("study", [SMOKE, CLOCK, FULL, GPU], ids=lambda s: s.name)
CORES = 8


@pytest.fixture(autouse=True)
def cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of eight cores, wherever the tests run."""
    monkeypatch.setattr("bench.timed_planning.usable_cores", lambda: CORES)


def first_stage(study: Study, device: str = "cpu", **options: Any) -> list[Planned]:
    return Plan(study=study, device=device, **options).structure_and_speed({})


def of_row(row: str, study: Study, device: str = "cpu", **options: Any) -> list[Any]:
    """The trials of a row, in the order in which they run."""
    return [p.trial for p in first_stage(study, device, **options) if row in p.rows]


def grid_of(study: Study) -> ClockGrid:
    assert study.clock_grid is not None
    return study.clock_grid


def names(trial: Clock | Decode) -> list[str]:
    return [a.name for a in trial.architectures]


# Studies that learn nothing


@pytest.mark.parametrize("study", [CLOCK, PEERS], ids=lambda s: s.name)
def test_a_study_without_cells_plans_one_stage_and_chooses_no_best_variant(study: Study) -> None:
    plan = Plan(study=study)
    assert study.cells == study.sources == ()
    first, *later = (stage({}) for stage in plan.stages)
    assert first
    assert later == [[], [], []]
    assert plan.selection({}) == []
    chosen = {c["family"]: (c["best"], c["best_reason"]) for c in plan.columns({})}
    waiting = (None, f"not chosen: study {study.name} has no development cells")
    assert chosen == {"transformer": waiting, "lstm": ("lstm-chrono", "the only candidate"), "cnn": waiting}


def test_a_study_with_cells_still_says_what_it_waits_for() -> None:
    reasons = {c["family"]: c["best_reason"] for c in Plan(study=QUICK).columns({})}
    count = len(ARCHITECTURES) * 4 * len(QUICK.learning_rates)  # of the screening, which says what follows
    assert reasons["cnn"] == f"not chosen: {count} development trials not run"
    assert reasons["lstm"] == "the only candidate"


# Rows


@EVERY_STUDY
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_every_trial_is_planned_once_and_for_one_row(study: Study, device: str) -> None:
    planned = first_stage(study, device, strangers=(STRANGER,))
    assert set(Counter(p.trial.id for p in planned).values()) == {1}
    kinds: dict[str, set[type[Trial]]] = {}
    for p in planned:
        (row,) = p.rows
        kinds.setdefault(row, set()).add(type(p.trial))
        assert p.trial.device == (device if isinstance(p.trial, Timed) else "cpu"), "structure needs no accelerator"
    for row, found in kinds.items():
        assert found == {"peers": {Peers, Overhead}, "generation latency": {Decode}}.get(row, found)
    assert all(kinds[row] == {Clock} for row in kinds.keys() & {"speed", "clock grid"})


@EVERY_STUDY
def test_the_deciding_clocks_are_those_of_the_row_speed(study: Study) -> None:
    """Whole steps on one thread in single precision, of the architectures of the table and nothing else."""
    plan = Plan(study=study, strangers=(STRANGER,))
    row = PARALLELISATION if study.experiments else "speed"
    deciding = [t for t in of_row(row, study, strangers=(STRANGER,)) if isinstance(t, Clock)]
    assert deciding == plan.clocks()
    assert len(deciding) == len(study.clock_lengths) * study.clock_replicates
    for clock in deciding:
        assert (clock.passes, clock.threads, clock.precision, clock.memory) == (("step",), 1, "fp32", False)
        assert names(clock) == [*ARCHITECTURES, STRANGER.name]


@EVERY_STUDY
def test_every_replicate_visits_everything_before_the_next_begins(study: Study) -> None:
    """A run that is cut short has whole replicates, and a drift falls on all lengths alike."""
    for row in ("speed", "generation latency", "clock grid", "peers"):
        replicates = [t.replicate for t in of_row(row, study)]
        assert replicates == sorted(replicates)
        assert len(set(Counter(replicates).values())) <= 1


# Generation


@EVERY_STUDY
def test_generation_visits_every_context_with_everybody(study: Study) -> None:
    found = of_row("generation latency", study, strangers=(STRANGER,))
    assert Counter((d.context, d.replicate) for d in found) == Counter(
        itertools.product(study.decode_contexts, range(study.decode_replicates)) if study.decode_contexts else ()
    )
    for decode in found:
        assert decode.samples == study.decode_samples
        assert names(decode) == [*ARCHITECTURES, STRANGER.name]
        assert {a.core_parameters for a in decode.architectures} == {study.core_parameters[0]}


# The grid


def layouts(grid: ClockGrid, length: int) -> set[int]:
    """Tokens of a batch: the grid's, and one sequence alone."""
    return {max(grid.tokens, length), length}


@GRIDS
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_every_point_of_the_grid_is_clocked_once_a_replicate(study: Study, device: str) -> None:
    grid = grid_of(study)
    expected = Counter(
        (size, length, tokens, 1, precision, replicate)
        for size in grid.core_parameters
        for length in grid.lengths
        for tokens in layouts(grid, length)
        for precision in grid.precisions
        for replicate in range(grid.replicates)
    )
    if device == "cpu":
        expected += Counter(
            (grid.backend_size, length, tokens, CORES, "fp32", replicate)
            for length in grid.thread_lengths
            for tokens in layouts(grid, length)
            for replicate in range(grid.replicates)
        )
    found = Counter(
        (c.architectures[0].core_parameters, c.length, c.tokens, c.threads, c.precision, c.replicate)
        for c in of_row("clock grid", study, device)
    )
    assert found == expected
    assert set(found.values()) == {1}


def test_the_clock_study_in_numbers() -> None:
    """3 replicates of 3 sizes at 7 lengths in 2 layouts, and 3 lengths on all cores; 4096 tokens is one sequence."""
    assert len(of_row("clock grid", CLOCK)) == 3 * (3 * (2 * 7 - 1) + (2 * 3 - 1))
    assert {c.length for c in of_row("clock grid", CLOCK)} == {64, 128, 256, 512, 1024, 2048, 4096}
    assert {d.context for d in of_row("generation latency", CLOCK)} == {64, 256, 1024, 4096}
    assert [c.tokens for c in of_row("clock grid", CLOCK) if c.length == 4096 and c.replicate == 0] == [4096] * 4


@GRIDS
def test_everybody_in_a_clock_has_one_size(study: Study) -> None:
    for clock in of_row("clock grid", study, strangers=(STRANGER,)):
        (size,) = {a.core_parameters for a in clock.architectures}
        assert size in grid_of(study).core_parameters
        checked = size == study.core_parameters[0] and clock.threads == 1  # a stranger's was, at the study's budget
        assert names(clock)[: len(ARCHITECTURES)] == [*ARCHITECTURES]
        assert (STRANGER.name in names(clock)) == checked
        assert len(set(names(clock))) == len(names(clock))
        assert clock.passes == PASSES


@GRIDS
def test_other_kernels_run_along_at_one_size_and_on_one_thread(study: Study) -> None:
    grid, sizes = grid_of(study), set()
    for clock in of_row("clock grid", study, strangers=(STRANGER,)):
        others = [name for name in names(clock) if name not in ARCHITECTURES and name != STRANGER.name]
        size = clock.architectures[0].core_parameters
        along = size == grid.backend_size and clock.threads == 1 and clock.length <= grid.backend_longest
        assert others == (list(BACKENDS) if along else [])
        sizes |= {size} if others else set()
    assert sizes == {grid.backend_size}


def test_without_a_backend_size_no_other_kernels_and_all_cores_at_the_first_size() -> None:
    study = replace(CLOCK, clock_grid=replace(grid_of(CLOCK), backend_size=0))
    clocks = of_row("clock grid", study)
    assert not {name for clock in clocks for name in names(clock)} & BACKENDS.keys()
    assert {c.architectures[0].core_parameters for c in clocks if c.threads > 1} == {25_000}


@GRIDS
@pytest.mark.parametrize(("device", "count"), [("cuda", CORES), ("cuda:1", CORES), ("cpu", 1)])
def test_all_cores_are_tried_only_where_there_are_several_and_they_do_the_work(
    study: Study, device: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.timed_planning.usable_cores", lambda: count)
    assert {c.threads for c in of_row("clock grid", study, device)} == {1}


@GRIDS
def test_memory_is_measured_once_at_every_point(study: Study) -> None:
    """Bytes are the same in every replicate, and on every number of threads."""
    for clock in of_row("clock grid", study):
        assert clock.memory == (clock.replicate == 0 and clock.threads == 1)


@GRIDS
def test_every_contender_of_the_grid_can_be_built(study: Study) -> None:
    """One that cannot would take the others of its clock with it."""
    for clock in of_row("clock grid", study, strangers=(STRANGER,)):
        for architecture in clock.architectures:
            solve(architecture, Interface(length=clock.length, vocabulary=32, outputs=32))


def test_only_the_study_of_an_accelerator_asks_for_bfloat16() -> None:
    assert {s.name for s in STUDIES.values() if s.clock_grid and "bf16" in s.clock_grid.precisions} == {"gpu"}
    assert GPU.needs_cuda


# Peers


def test_every_width_and_length_meets_the_peers_in_every_replicate() -> None:
    assert PEERS.peer_grid is not None
    found = [t for t in of_row("peers", PEERS) if isinstance(t, Peers)]
    assert Counter((t.width, t.length, t.replicate) for t in found) == Counter(
        itertools.product((128, 256, 512), (256, 1024), range(PEERS.peer_grid.replicates))
    )
    assert all(t.depth == 4 and t.tokens >= t.length for t in found)


def test_overhead_is_measured_on_every_architecture_and_both_kinds_of_learning() -> None:
    found = [t for t in of_row("peers", PEERS) if isinstance(t, Overhead)]
    assert PEERS.peer_grid is not None
    cells = {cell.task: cell for cell in PEERS.peer_grid.overhead_cells}
    assert {task.measures == "scaling" for task in cells} == {True, False}
    assert Counter((t.architecture.name, t.task, t.replicate) for t in found) == Counter(
        itertools.product(ARCHITECTURES, cells, range(PEERS.peer_grid.replicates))
    )
    for trial in found:
        assert trial.architecture.core_parameters == PEERS.core_parameters[0]
        cell = cells[trial.task]
        assert (trial.recipe.steps, trial.recipe.batch_size) == (cell.steps, cell.batch_size)
        assert trial.samples == PEERS.peer_grid.overhead_rounds
