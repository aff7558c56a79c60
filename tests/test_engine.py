"""Isolated processes: a crash, a hang or an exhausted memory costs its own trial and nothing else."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from bench import engine, experiments
from bench.trial import Trial


@dataclass(frozen=True, kw_only=True)
class Fate(Trial):
    """A trial that ends in a chosen way; importing this module in the worker teaches it how."""

    kind: ClassVar[str] = "fate"
    ends: str = "well"
    number: int = 0


def meet(trial: Fate) -> experiments.Outcome:
    if trial.ends == "crash":
        os._exit(9)
    if trial.ends == "hang":
        time.sleep(600)
    if trial.ends == "memory":
        raise MemoryError("no more")
    if trial.ends == "error":
        raise LookupError("first line\nsecond line")
    return "ok", "", []


experiments.EXPERIMENTS[Fate] = meet


@pytest.fixture(scope="module")
def records() -> dict[str, tuple[str, str]]:
    trials = [Fate(ends=e) for e in ("crash", "hang", "memory", "error")] + [Fate(number=n) for n in range(6)]
    by_id = {t.id: t for t in trials}
    started: list[Trial] = []
    found = {}
    for record in engine.run(trials, workers=2, trial_seconds=6.0, started=started.append):
        trial = by_id.pop(record.id)
        found[trial.ends + str(trial.number)] = (record.status, record.reason)
    assert not by_id, "every trial has a record"
    assert started == trials
    return found


def test_the_others_are_done(records: dict[str, tuple[str, str]]) -> None:
    assert [records[f"well{n}"] for n in range(6)] == [("ok", "")] * 6


@pytest.mark.parametrize(
    ("fate", "status", "reason"),
    [
        ("crash0", "failed", "exit code 9"),
        ("hang0", "timed out", "hung"),
        ("memory0", "out of memory", "no more"),
        ("error0", "failed", "LookupError: first line second line (test_engine.py:"),
    ],
)
def test_each_fate_is_recorded(records: dict[str, tuple[str, str]], fate: str, status: str, reason: str) -> None:
    assert records[fate][0] == status
    assert reason in records[fate][1]
    assert "\n" not in records[fate][1]


def test_workers_start_with_one_thread_and_our_allocator_settings() -> None:
    seen = list(engine.run([Fate(number=99)], 1, 60.0, _ignore))
    machine = seen[0].machine
    assert machine["threads"] == 1
    assert machine["environment"] == dict(engine.WORKER_ENVIRONMENT)


def _ignore(trial: Trial) -> None:
    """Nobody watches."""


def test_closing_the_iterator_leaves_no_worker_behind() -> None:
    before = len(_children())
    going = engine.run([Fate(number=1), Fate(ends="hang")], 2, 60.0, _ignore)
    next(going)
    going.close()  # type: ignore[attr-defined]
    assert len(_children()) <= before + 1, "nothing but the process that forks workers stays"


def _children() -> list[str]:
    tasks = f"/proc/{os.getpid()}/task"
    if not os.path.isdir(tasks):
        pytest.skip("needs /proc")
    return [pid for task in os.listdir(tasks) for pid in Path(tasks, task, "children").read_text().split()]
