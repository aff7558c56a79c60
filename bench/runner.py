"""The only writer: runs a plan stage by stage and appends one line per finished trial.

Killing it at any moment loses the trials in flight and nothing else: every line is flushed and synced, a line torn by
the kill is set aside, and ids that are already on file are not run again.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from bench import engine
from bench.machine import fingerprint
from bench.planning import Plan, Planned
from bench.records import PLAN, SCHEMA, TRIALS, Record, RecordsError, canonical, read, to_line, write_atomically
from bench.trial import Timed, Trial


class Watcher(Protocol):
    """Whoever wants to see the run go by."""

    def planned(self, trials: Sequence[Planned], finished: int) -> None:
        """A stage is about to run: its trials, and how many of them are on file already."""

    def started(self, trial: Trial) -> None:
        """A trial was handed to a worker."""

    def finished(self, record: Record) -> None:
        """A record was written."""


@dataclass
class Run:
    """One run of a plan in one folder."""

    plan: Plan
    folder: Path
    watcher: Watcher
    workers: int = 2
    wanted: Callable[[Planned], bool] = lambda planned: True
    """What `--only` lets through; the rest stays in the plan and prints `not run`."""
    narrowed: str = ""
    """Why `wanted` leaves something out, for the plan file."""
    command: str = ""
    results: dict[str, Record] = field(default_factory=dict)
    stopped: str = ""

    def execute(self) -> None:
        """Run what has no record yet. Raises RecordsError, OSError or KeyboardInterrupt; keeps what is done."""
        with _locked(self.folder):
            self._resume()
            deadline = time.monotonic() + self.plan.study.minutes * 60 if self.plan.study.minutes else float("inf")
            trials: list[Planned] = []
            try:
                for stage in self.plan.stages:
                    planned = _unique(stage(self.results))
                    trials += planned
                    self._write_plan(trials, complete=False)
                    self._run_stage(planned, deadline)
            except KeyboardInterrupt:
                self.stopped = "interrupted"
                raise
            finally:
                self._write_plan(_unique(p for stage in self.plan.stages for p in stage(self.results)), complete=True)

    def _resume(self) -> None:
        _set_torn_line_aside(self.folder / TRIALS)
        self.results = {record.id: record for record in read(self.folder)}
        here = {fingerprint("cpu"), fingerprint(self.plan.device)}
        foreign = {r.machine.get("fingerprint") for r in self.results.values()} - here
        if foreign:
            raise RecordsError(
                f"{self.folder / TRIALS} holds records of another machine; times are never mixed: "
                "use --fresh (it moves them aside) or another --reports folder"
            )

    def _run_stage(self, planned: Sequence[Planned], deadline: float) -> None:
        missing = [p for p in planned if p.trial.id not in self.results and self.wanted(p)]
        self.watcher.planned([p for p in planned if self.wanted(p)], sum(p.trial.id in self.results for p in planned))
        if len(missing) < sum(p.trial.id not in self.results for p in planned):
            self.stopped = self.stopped or self.narrowed
        timed = [p.trial for p in missing if isinstance(p.trial, Timed)]
        others = [p.trial for p in missing if not isinstance(p.trial, Timed)]
        # A clock never shares the machine: one worker, and nothing beside it.
        self._run_trials(timed, 1, deadline, trials_per_process=1)
        self._run_trials(others, self.workers, deadline)

    def _run_trials(
        self,
        trials: Sequence[Trial],
        workers: int,
        deadline: float,
        trials_per_process: int = engine.TRIALS_PER_PROCESS,
    ) -> None:
        def until_deadline() -> Iterator[Trial]:
            for trial in trials:
                if time.monotonic() > deadline:
                    self.stopped = f"time limit of {self.plan.study.minutes:g} minutes; the same command goes on"
                    return
                yield trial

        if not trials:
            return
        limit = self.plan.study.trial_seconds
        records = engine.run(until_deadline(), workers, limit, self.watcher.started, trials_per_process)
        with (self.folder / TRIALS).open("a", encoding="utf-8") as file, closing(records):
            for record in records:
                file.write(to_line(record) + "\n")
                file.flush()
                os.fsync(file.fileno())
                self.results[record.id] = record
                self.watcher.finished(record)

    def _write_plan(self, trials: Sequence[Planned], complete: bool) -> None:
        plan: dict[str, Any] = {
            "schema": SCHEMA,
            "study": self.plan.study.name,
            "purpose": self.plan.study.purpose,
            "device": self.plan.device,
            "columns": self.plan.columns(self.results),
            "selection": self.plan.selection(self.results),
            "stopped": self.stopped if complete else "interrupted",
            "command": self.command,
            "trials": [p.to_json() for p in trials],
        }
        write_atomically(self.folder / PLAN, canonical(plan) + "\n")


def set_aside(folder: Path) -> Path | None:
    """Move the records of an earlier run out of the way (`--fresh`); nothing measured is ever deleted."""
    path = folder / TRIALS
    if not path.exists():
        return None
    number = 1
    while (target := folder / f"trials.{number}.jsonl").exists():
        number += 1
    path.rename(target)
    return target


def _unique(planned: Iterator[Planned] | Sequence[Planned]) -> list[Planned]:
    """Each trial once, with the rows of all its mentions: the data and the size series of a source share a trial."""
    merged: dict[str, Planned] = {}
    for p in planned:
        known = merged.get(p.trial.id)
        merged[p.trial.id] = p if known is None else Planned(p.trial, tuple(dict.fromkeys((*known.rows, *p.rows))))
    return list(merged.values())


def _set_torn_line_aside(path: Path) -> None:
    """A line cut short by a kill is moved to `trials.torn`, so that the file ends where its last whole line ends."""
    if not path.exists():
        return
    content = path.read_bytes()
    end = content.rfind(b"\n") + 1
    if end == len(content):
        return
    with path.with_name("trials.torn").open("ab") as torn:
        torn.write(content[end:] + b"\n")
    with path.open("r+b") as file:
        file.truncate(end)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One driver a folder: a second one is told which process holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise RecordsError(
                f"{folder} is in use by process {lock.read().strip() or '?'}: wait for it, or stop it"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
