"""What a person sees of a run: troubles at once, progress now and then, also where there is no terminal."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from rich.console import Console

from bench import progress
from bench.planning import Plan, Planned
from bench.progress import ProgressWatcher
from bench.records import Record
from bench.studies import CLOCK, PEERS, SMOKE
from bench.trial import PASSES, Clock, Decode, Overhead, Peers, Timed, Trace, Trial


def test_without_a_terminal_plain_lines_say_stage_count_cost_and_what_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PLAIN_LINE_SECONDS", 0.0)
    out = io.StringIO()
    planned = Plan(study=SMOKE).structure_and_speed({})
    trial = planned[-1].trial
    with ProgressWatcher(Console(file=out, width=200, force_terminal=False)) as watcher:
        watcher.planned(planned, finished=3)
        watcher.started(trial)
        watcher.finished(Record(trial.id, trial.to_json(), "ok", cpu_seconds=2.0))
    lines = out.getvalue().splitlines()
    assert f"stage 1/4: 3/{len(planned)}" in lines[1]
    assert str(trial) in lines[1]
    assert f"4/{len(planned)}" in lines[-1]
    assert "2 CPU-s" in lines[-1]


def test_a_trouble_is_told_at_once_and_its_markup_is_not_obeyed() -> None:
    out = io.StringIO()
    trial = Plan(study=SMOKE).structure_and_speed({})[0].trial
    with ProgressWatcher(Console(file=out, width=200, force_terminal=True, color_system=None)) as watcher:
        watcher.planned([], finished=0)
        watcher.started(trial)
        watcher.finished(Record(trial.id, trial.to_json(), "failed", reason="KeyError: [bold]odd[/bold]"))
    assert "failed: clock 6 architectures 2 x 32, replicate 0: KeyError: [bold]odd[/bold]" in out.getvalue()
    assert watcher.troubles == 1


@dataclass
class Stage:
    """A stage that runs on a clock of its own: traces planned before what is timed, and run after it."""

    seconds: Callable[[Trial], float]
    now: float = 0.0

    def __post_init__(self) -> None:
        trials = [p.trial for p in Plan(study=CLOCK).structure_and_speed({})]
        self.timed = [t for t in trials if isinstance(t, Timed)]
        self.traces = [t for t in trials if isinstance(t, Trace)]
        assert (len(self.timed), len(self.traces)) == (len(trials) - 54, 54)

    def errors(self, resumed: int = 0) -> list[float]:
        """After every trial, by how many seconds the time left was overestimated."""
        order, found = [*self.timed, *self.traces], []
        with ProgressWatcher(Console(file=io.StringIO(), width=200, force_terminal=False)) as watcher:
            watcher.planned([Planned(t, ()) for t in (*self.traces, *self.timed)], finished=resumed)
            assert watcher._time_left() == "ETA --:--"
            for number, trial in enumerate(order[resumed:], resumed + 1):
                watcher.started(trial)
                self.now += self.seconds(trial)
                watcher.finished(Record(trial.id, trial.to_json(), "ok"))
                minutes, seconds = watcher._time_left().removeprefix("ETA ").split(":")
                found.append(60 * int(minutes) + int(seconds) - sum(map(self.seconds, order[number:])))
        assert watcher._time_left() == "ETA 00:00"
        return found


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Timed trials take seven times their weight, traces, on many workers, half of theirs."""
    stage = Stage(lambda trial: (7.0 if isinstance(trial, Timed) else 0.5) * progress._weight(trial))
    monkeypatch.setattr(progress.time, "monotonic", lambda: stage.now)
    return stage


@pytest.mark.parametrize("resumed", [0, 25, 160])
def test_the_time_left_knows_the_pace_of_one_worker_from_that_of_many(stage: Stage, resumed: int) -> None:
    """Of what is timed it is right from the first; of the rest, which nothing is known of until then, as well."""
    errors = stage.errors(resumed)
    unknown = (7.0 - 0.5) * sum(map(progress._weight, stage.traces))
    timed, traces = errors[: -len(stage.traces)], errors[-len(stage.traces) :]
    assert all(unknown - 1.01 <= error <= unknown + 0.01 for error in timed)
    assert all(-1.01 <= error <= 0.01 for error in traces)


def weight(trial: Trial) -> float:
    found = progress._weight(trial)
    assert found > 0
    return found


def test_every_timed_trial_weighs_what_it_asks_for() -> None:
    """More samples, more contenders, more passes, larger models: more time."""
    chosen = {type(p.trial): p.trial for s in (CLOCK, PEERS) for p in Plan(study=s).structure_and_speed({})}
    clock, decode, peers, overhead = (chosen[kind] for kind in (Clock, Decode, Peers, Overhead))
    assert isinstance(clock, Clock)
    assert isinstance(decode, Decode)
    assert isinstance(overhead, Overhead)
    heavier: list[tuple[Trial, Trial]] = [
        (clock, replace(clock, samples=4 * clock.samples)),
        (clock, replace(clock, architectures=clock.architectures * 4)),
        (clock, replace(clock, tokens=8 * clock.tokens)),
        (clock, replace(clock, tokens=1, length=8 * clock.tokens)),
        (replace(clock, passes=("step",)), replace(clock, passes=PASSES)),
        (decode, replace(decode, architectures=decode.architectures * 4)),
        (decode, replace(decode, tokens=4096)),
        (replace(decode, context=64), replace(decode, context=4096)),
        (peers, replace(peers, samples=70)),  # type: ignore[call-arg]
        (peers, replace(peers, width=2048)),  # type: ignore[call-arg]
        (overhead, replace(overhead, samples=4 * overhead.samples)),
        (overhead, replace(overhead, recipe=replace(overhead.recipe, steps=1000))),
    ]
    for light, heavy in heavier:
        assert weight(heavy) > 2 * weight(light)
