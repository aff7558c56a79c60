"""From what the user typed to a plan: what `--only` lets through, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from pretended import learning

from bench.options import make_column, make_plan, make_wanted
from bench.planning import Plan, Planned
from bench.studies import CLOCK, FULL, PEERS, QUICK
from bench.trial import (
    CORE_PARAMETERS,
    DEVELOPMENT,
    REPORT,
    TRAINING_TIME,
    Clock,
    Decode,
    Learn,
    Overhead,
    Peers,
    Timed,
    Trace,
)
from models import find
from models.architecture import Architecture


def learns(planned: list[Planned]) -> list[Learn]:
    return [p.trial for p in planned if isinstance(p.trial, Learn)]


def developed(plan: Plan) -> dict[str, Any]:
    """Results of both development stages: every variant did equally well with everything."""
    screened = learning(plan.screening({}), lambda trial: 0.5)
    return learning(plan.development(screened), lambda trial: 0.5)


def let_through(*only: str, study: Any = QUICK) -> list[Planned]:
    plan = Plan(study=study)
    wanted = make_wanted(only, plan)
    return [p for stage in plan.stages for p in stage(developed(plan)) if wanted(p)]


def kinds(planned: list[Planned], key: Callable[[Any], object]) -> set[object]:
    return {key(p.trial) for p in planned}


def test_without_only_everything_runs() -> None:
    plan = Plan(study=QUICK)
    assert len(let_through()) == sum(len(stage(developed(plan))) for stage in plan.stages)


def test_only_structure_or_speed_learns_nothing() -> None:
    assert kinds(let_through("parallel"), type) == {Trace}
    assert kinds(let_through("speed"), type) == {Clock}
    assert kinds(let_through("parallel", "speed"), type) == {Trace, Clock}


@pytest.mark.parametrize("study", [CLOCK, FULL], ids=lambda s: s.name)
def test_only_a_row_of_clocks_is_that_row_and_learns_nothing(study: Any) -> None:
    """Nor do the clocks of one such row bring those of another, though the full study matches training times."""
    everything = [p for stage in Plan(study=study).stages[:1] for p in stage({})]
    for name, kind in (("speed", Clock), ("generation-latency", Decode), ("clock-grid", Clock)):
        planned = let_through(name, study=study)
        assert kinds(planned, type) == {kind}
        assert planned == [p for p in everything if p.rows == (name.replace("-", " "),)]
    both = let_through("clock-grid", "generation-latency", study=study)
    assert {row for p in both for row in p.rows} == {"clock grid", "generation latency"}


def test_only_peers_is_the_other_libraries_and_the_bare_loop() -> None:
    planned = let_through("peers", study=PEERS)
    assert kinds(planned, type) == {Peers, Overhead}
    assert planned == Plan(study=PEERS).structure_and_speed({})


@pytest.mark.parametrize(
    ("study", "row"),
    [(QUICK, "clock-grid"), (QUICK, "peers"), (CLOCK, "long-range"), (PEERS, "speed")],
    ids=lambda given: given if isinstance(given, str) else given.name,
)
def test_only_a_row_that_the_study_lacks_is_refused(study: Any, row: str) -> None:
    with pytest.raises(ValueError, match=f"study {study.name} has no trials for {row}: `bakeoff list`"):
        make_wanted([row], Plan(study=study))


def test_only_a_learning_row_brings_the_development_that_it_needs() -> None:
    for row, named in (("long-range", "long range"), ("interpretability",) * 2, ("state-tracking", "state tracking")):
        planned = let_through(row)
        report = [p for p in planned if learns([p]) and learns([p])[0].split == REPORT]
        assert report
        assert all(named in p.rows for p in report)
        plan = Plan(study=QUICK)
        needed = {p.trial.id for p in plan.development(developed(plan)) if "long range" in p.rows}
        assert {p.trial.id for p in planned if p not in report} == needed
    scaling = let_through("scalability")
    assert {t.task.name for t in learns(scaling) if t.split == REPORT} == {"markov"}
    developed_on = {t.task.name for t in learns(scaling) if t.split == DEVELOPMENT}
    assert developed_on == {"markov", *(c.task.name for c in QUICK.cells if c.development)}


def test_only_a_task_runs_its_cells_in_every_row() -> None:
    planned = [t for t in learns(let_through("needle")) if t.split == REPORT]
    assert {t.task.name for t in planned} == {"needle"}
    assert {t.task.length for t in planned} == {c.task.length for c in QUICK.cells if c.task.name == "needle"}


def test_only_a_learning_row_of_the_full_study_brings_the_clocks_that_match_training_time() -> None:
    study = replace(FULL, cells=FULL.cells[:2], core_parameters=(25_000,), regimes=(CORE_PARAMETERS, TRAINING_TIME))
    timed = [p for p in let_through("long-range", study=study) if isinstance(p.trial, Timed)]
    assert [p.trial for p in timed] == Plan(study=study).clocks() != []
    assert {p.rows for p in timed} == {("speed",)}, "neither the grid nor generation"
    assert not [p for p in let_through("long-range") if isinstance(p.trial, Timed)]


@pytest.mark.parametrize(
    ("typed", "meant"), [("paralel", "parallel"), ("neddle", "needle"), ("long range", "long-range")]
)
def test_an_unknown_row_or_task_is_named_with_the_nearest(typed: str, meant: str) -> None:
    with pytest.raises(ValueError, match=f"unknown row or task '{typed}'.*{meant}"):
        make_wanted([typed], Plan(study=QUICK))


def test_more_seeds_than_fit_below_the_development_seeds_are_refused() -> None:
    make_plan("quick", (), "cpu", seeds=1000, minutes=None)
    with pytest.raises(ValueError, match=r"1001 seeds.*1000 at most"):
        make_plan("quick", (), "cpu", seeds=1001, minutes=None)


def test_options_fill_the_study_and_leave_the_table_of_studies_alone() -> None:
    plan = make_plan("quick", ("strangers:Window", "strangers:Window"), "cpu", seeds=7, minutes=2.5)
    assert (plan.study.seeds, plan.study.minutes) == (7, 2.5)
    assert [a.name for a in plan.strangers] == ["strangers:Window"], "a column named twice is one column"
    assert (QUICK.seeds, QUICK.minutes) != (7, 2.5)


@pytest.mark.parametrize(
    ("study", "architectures", "device", "message"),
    [
        ("quik", (), "cpu", "unknown study 'quik'.*quick"),
        ("quick", ("cnn-k3",), "cpu", "in the table already"),
        ("quick", ("strangers:Nobody",), "cpu", "cannot be imported"),
        ("quick", (), "gpu", "unknown device 'gpu'.*cuda"),
    ],
)
def test_what_cannot_be_is_one_line(study: str, architectures: tuple[str, ...], device: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        make_plan(study, architectures, device, None, None)
    assert "\n" not in str(caught.value)


def columned(*columns: str, strangers: tuple[Architecture, ...] = ()) -> list[Planned]:
    plan = Plan(study=QUICK, strangers=strangers)
    passes = make_column(columns, plan)
    return [p for stage in plan.stages for p in stage(developed(plan)) if passes(p)]


@pytest.mark.parametrize("name", ["lstm", "LSTM"])
def test_a_column_is_the_trials_of_its_family_and_every_comparison(name: str) -> None:
    planned = columned(name)
    assert {p.trial.architecture.family for p in planned if isinstance(p.trial, Learn | Trace)} == {"lstm"}
    compared = [p for p in Plan(study=QUICK).structure_and_speed({}) if isinstance(p.trial, Timed)]
    assert [p for p in planned if isinstance(p.trial, Timed)] == compared


def test_a_column_of_a_stranger_and_no_column_at_all() -> None:
    stranger = find("strangers:Window")
    planned = columned(stranger.name, strangers=(stranger,))
    assert {p.trial.architecture.name for p in planned if isinstance(p.trial, Learn | Trace)} == {stranger.name}
    plan = Plan(study=QUICK)
    assert len(columned()) == sum(len(stage(developed(plan))) for stage in plan.stages)


def test_an_unknown_column_is_refused_with_the_closest() -> None:
    with pytest.raises(ValueError, match="unknown column 'lstn': did you mean lstm"):
        make_column(["lstn"], Plan(study=QUICK))
