"""How trials are spread over processes: Pebble on a forkserver that has torch loaded.

A worker that dies, hangs or runs out of memory costs its own trial and nothing else. Other engines can stand in as
long as they keep the interface: trials in, `(trial, record)` pairs out in the order of finishing.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures import TimeoutError as FutureTimeout
from datetime import UTC, datetime

from pebble import ProcessExpired, ProcessPool

from bench.machine import WORKER_ENVIRONMENT
from bench.records import Record
from bench.trial import Trial

PRELOAD = ["bench.experiments", "torch._dynamo"]
"""Imported once, by the process that forks the workers (optimisers import `torch._dynamo`); must not touch CUDA."""
TRIALS_PER_PROCESS = 20
"""Trials after which a process makes way for a fresh one, which costs as much as a dozen small training steps."""


def run(
    trials: Iterable[Trial],
    workers: int,
    trial_seconds: float,
    started: Callable[[Trial], None],
    trials_per_process: int = TRIALS_PER_PROCESS,
) -> Generator[Record, None, None]:
    """Run trials in isolated processes and yield their records as they finish.

    What is timed asks for a process of its own (`trials_per_process` 1), since what ran before it shapes its memory.
    `started` is called when a trial is handed over. Closing the iterator, or an exception at a yield, stops the
    workers; whatever was in flight is lost and nothing else is.
    """
    os.environ.update(WORKER_ENVIRONMENT)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    queue, flying = iter(trials), dict[Future[Record], Trial]()
    # Where every trial has its own process, as many wait as work, so that no trial waits for a process to be made.
    waiting = workers if trials_per_process == 1 else 0
    pool = ProcessPool(workers + waiting, trials_per_process, initializer=_start_worker, context=context)
    try:
        while True:
            # Only as many as there are workers are handed over, so that "started" is true and memory stays flat.
            for trial in _take(queue, workers - len(flying)):
                started(trial)
                flying[pool.schedule(_perform, args=(trial,), timeout=trial_seconds)] = trial
            if not flying:
                return
            done, _ = wait(flying, timeout=0.5, return_when=FIRST_COMPLETED)
            for future in done:
                yield _record(future, flying.pop(future))
    finally:
        pool.stop()
        pool.join()


def _take(queue: Iterator[Trial], count: int) -> Iterator[Trial]:
    for _ in range(count):
        trial = next(queue, None)
        if trial is None:
            return
        yield trial


def _perform(trial: Trial) -> Record:
    from bench.experiments import perform

    return perform(trial)


def _record(future: Future[Record], trial: Trial) -> Record:
    try:
        return future.result()
    except FutureTimeout:
        return _lost(trial, "timed out", "hung: stopped after the study's limit for one trial")
    except ProcessExpired as error:
        code = error.exitcode
        hint = " (often the kernel, out of memory)" if code == -signal.SIGKILL else ""
        return _lost(trial, "failed", f"worker process died with exit code {code}{hint}")
    except Exception as error:  # what could not be pickled, or a class that the worker cannot import
        return _lost(trial, "failed", " ".join(f"{type(error).__name__}: {error}".split())[:500])


def _lost(trial: Trial, status: str, reason: str) -> Record:
    from bench.machine import fingerprint

    return Record(
        id=trial.id,
        trial=trial.to_json(),
        status=status,
        reason=reason,
        machine={"fingerprint": fingerprint(trial.device)},
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _start_worker(threads: int = 1) -> None:
    """Prepare a fresh worker: one thread, deaf to ctrl-C (the driver decides), and gone when the driver is gone."""
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(threads)
    threading.Thread(target=_leave_with, args=(os.getppid(),), daemon=True).start()


def _leave_with(parent: int) -> None:
    # A worker left behind by a killed driver would share the machine with the next run's clocks.
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)
