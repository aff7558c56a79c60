"""A run as a person sees it: a live bar in a terminal, a plain line now and then anywhere else."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

from bench.planning import Planned
from bench.records import Record
from bench.trial import Clock, Decode, Learn, Overhead, Peers, Timed, Trial

PLAIN_LINE_SECONDS = 20.0
STAGES = 4
"""Structure and speed, development, report: see `bench.planning`."""


@dataclass
class Pace:
    """Trials of a stage that run with equally many workers: what is ahead of them, and how fast they go."""

    ahead: dict[str, float]
    """Weight by id of the trials without a record."""
    done: float = 0.0
    begun: float | None = None
    """When the first of them was handed over."""

    def started(self) -> None:
        """One of them was handed over."""
        self.begun = time.monotonic() if self.begun is None else self.begun

    def finished(self, id: str) -> None:
        """One of them has its record."""
        self.done += self.ahead.pop(id, 0.0)

    def seconds_per_weight(self) -> float | None:
        """None before the first has finished."""
        return (time.monotonic() - self.begun) / self.done if self.done and self.begun is not None else None


class ProgressWatcher:
    """Implements `bench.runner.Watcher`: what runs now, done of total, time left, and CPU seconds spent so far."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.running: dict[str, str] = {}
        self.cpu_seconds, self.troubles, self.new = 0.0, 0, 0
        self.timed, self.others = Pace({}), Pace({})
        self.total, self.done, self.last_line = 0, 0, time.monotonic()
        self.stage = 0
        fixed, filling = Column(no_wrap=True), Column(no_wrap=True, overflow="ellipsis", ratio=1)
        self.progress = Progress(
            TextColumn("{task.description}", table_column=fixed),
            BarColumn(bar_width=12, table_column=fixed),
            MofNCompleteColumn(table_column=fixed),
            TextColumn("{task.fields[cost]}", table_column=fixed),
            TextColumn("{task.fields[now]}", table_column=filling),
            console=console,
            expand=True,
            disable=not console.is_terminal,
        )
        self.task: TaskID = self.progress.add_task("starting", total=None, cost="", now="")

    def __enter__(self) -> ProgressWatcher:
        self.progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.progress.stop()

    def planned(self, trials: Sequence[Planned], finished: int) -> None:
        """A stage is about to run."""
        self.stage += 1
        self.total, self.done, self.running = len(trials), finished, {}
        # The runner goes through the timed ones first, so those with a record are the first in that order.
        ahead = sorted((p.trial for p in trials), key=lambda trial: not isinstance(trial, Timed))[finished:]
        self.timed = Pace({trial.id: _weight(trial) for trial in ahead if isinstance(trial, Timed)})
        self.others = Pace({trial.id: _weight(trial) for trial in ahead if not isinstance(trial, Timed)})
        self._show()

    def started(self, trial: Trial) -> None:
        """A trial was handed to a worker."""
        self.running[trial.id] = str(trial)
        (self.timed if isinstance(trial, Timed) else self.others).started()
        self._show()

    def finished(self, record: Record) -> None:
        """A record was written."""
        name = self.running.pop(record.id, record.id)
        self.done, self.new = self.done + 1, self.new + 1
        self.cpu_seconds += record.cpu_seconds
        for pace in (self.timed, self.others):
            pace.finished(record.id)
        if record.status != "ok":
            self.troubles += 1
            self.console.print(Text(f"{record.status}: {name}: {record.reason}"), soft_wrap=True)
        self._show()

    def _show(self) -> None:
        stage = f"stage {self.stage}/{STAGES}"
        cost = f"{self._time_left()} {self.cpu_seconds:.0f} CPU-s"
        now = "; ".join(self.running.values())
        self.progress.update(
            self.task, description=stage, total=self.total, completed=self.done, cost=cost, now=escape(now)
        )
        if not self.console.is_terminal and time.monotonic() - self.last_line > PLAIN_LINE_SECONDS:
            self.last_line = time.monotonic()
            self.console.print(Text(f"{stage}: {self.done}/{self.total} {cost}, now {now}"), soft_wrap=True)

    def _time_left(self) -> str:
        """Time left in this stage at the pace so far: timed trials run alone, the others on all workers."""
        paces = (self.timed, self.others)
        # Until one of a kind has finished, it is taken to go as fast as the other kind.
        known = next((s for pace in paces if (s := pace.seconds_per_weight()) is not None), None)
        if known is None:
            return "ETA --:--"
        seconds = sum((pace.seconds_per_weight() or known) * sum(pace.ahead.values()) for pace in paces)
        return f"ETA {int(seconds) // 60:02d}:{int(seconds) % 60:02d}"


def _weight(trial: Trial) -> float:
    """A rough size of a trial, for the time left only: about the seconds that it takes one core."""
    match trial:
        case Learn():
            return 0.3 + trial.recipe.steps * _call(
                trial.recipe.batch_size * trial.task.length, trial.architecture.core_parameters
            )
        case Clock():
            tokens, calls = max(trial.tokens, trial.length), trial.samples * len(trial.passes)
            return 0.3 + calls * sum(_call(tokens, a.core_parameters) for a in trial.architectures)
        case Decode():
            return 0.3 + (trial.context + trial.samples * trial.tokens) * len(trial.architectures) * 3e-4
        case Peers():
            return 0.3 + trial.samples * 12 * _call(trial.tokens, 12 * trial.depth * trial.width**2)
        case Overhead():
            recipe = trial.recipe
            call = _call(recipe.batch_size * trial.task.length, trial.architecture.core_parameters)
            return 0.3 + 2 * trial.samples * recipe.steps * call
    return 0.3


def _call(tokens: int, core_parameters: int) -> float:
    """About the seconds of a training step: a share for every kernel, and one for every token and parameter."""
    return 2e-3 + tokens * (core_parameters + 40_000) * 8e-11
