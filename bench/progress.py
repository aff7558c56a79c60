"""A run as a person sees it: a live bar in a terminal, a plain line now and then anywhere else."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

from bench.planning import Planned
from bench.records import Record
from bench.trial import Clock, Learn, Trial

PLAIN_LINE_SECONDS = 20.0
STAGES = 3
"""Structure and speed, development, report: see `bench.planning`."""


class ProgressWatcher:
    """Implements `bench.runner.Watcher`: what runs now, done of total, time left, and CPU seconds spent so far."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.running: dict[str, str] = {}
        self.cpu_seconds, self.troubles, self.new = 0.0, 0, 0
        self.weight_left, self.weight_done, self.busy_since = 0.0, 0.0, time.monotonic()
        self.total, self.done, self.last_line = 0, 0, time.monotonic()
        self.weights: dict[str, float] = {}
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
        self.weights = {p.trial.id: _weight(p.trial) for p in trials}
        self.weight_left = sum(self.weights.values()) * (1 - finished / max(1, len(trials)))
        self.weight_done, self.busy_since = 0.0, time.monotonic()
        self._show()

    def started(self, trial: Trial) -> None:
        """A trial was handed to a worker."""
        self.running[trial.id] = str(trial)
        self._show()

    def finished(self, record: Record) -> None:
        """A record was written."""
        name = self.running.pop(record.id, record.id)
        self.done, self.new = self.done + 1, self.new + 1
        self.cpu_seconds += record.cpu_seconds
        self.weight_done += self.weights.get(record.id, 0.0)
        self.weight_left -= self.weights.get(record.id, 0.0)
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
        """Time left in this stage, from the steps and tokens still to come at the pace so far."""
        if not self.weight_done:
            return "ETA --:--"
        seconds = (time.monotonic() - self.busy_since) * self.weight_left / self.weight_done
        return f"ETA {int(seconds) // 60:02d}:{int(seconds) % 60:02d}"


def _weight(trial: Trial) -> float:
    """A rough size of a trial, for the time left only: tokens that it may see."""
    if isinstance(trial, Learn):
        return float(trial.recipe.steps * trial.recipe.batch_size * trial.task.length)
    if isinstance(trial, Clock):
        return float(trial.samples * trial.tokens * len(trial.architectures) * 4)
    return 1e4
