"""What a person sees of a run: troubles at once, progress now and then, also where there is no terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from bench import progress
from bench.planning import Plan
from bench.progress import ProgressWatcher
from bench.records import Record
from bench.studies import SMOKE


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
    assert f"stage 1/3: 3/{len(planned)}" in lines[1]
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
    assert "failed: clock 6 architectures 32, replicate 0: KeyError: [bold]odd[/bold]" in out.getvalue()
    assert watcher.troubles == 1
