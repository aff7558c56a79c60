"""Independent calls, shared out over the cores in forked processes, which need nothing sent to them."""

from __future__ import annotations

import gc
import multiprocessing
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

FEW = 4
"""Calls for which no process is worth starting."""
_WAITING: list[Callable[[], object]] = []
"""What a forked process finds to do."""


def results(calls: Sequence[Callable[[], T]]) -> list[T]:
    """What each call returns, in order; an exception in one is raised here.

    What is returned must be fit to be sent to another process. Without forks, as on Windows, calls follow one another.
    """
    if len(calls) < FEW or "fork" not in multiprocessing.get_all_start_methods():
        return [call() for call in calls]
    _WAITING[:] = calls
    try:
        with _pool(os.cpu_count()) as pool:
            return list(pool.map(_waiting, range(len(calls))))  # type: ignore[arg-type]
    finally:
        _WAITING.clear()


@contextmanager
def meanwhile(call: Callable[[], object], worth: bool = True) -> Iterator[None]:
    """Make a call in a forked process while the block runs; an exception in it is raised at the end of the block.

    Where that is not worth a process the call follows the block.
    """
    if not worth or "fork" not in multiprocessing.get_all_start_methods():
        yield
        call()
        return
    with _pool(1) as pool:
        _WAITING[:] = [call]
        result = pool.submit(_waiting, 0)  # the process is there now, and what it finds is its own
        _WAITING.clear()
        yield
        result.result()


@contextmanager
def _pool(processes: int | None) -> Iterator[ProcessPoolExecutor]:
    with warnings.catch_warnings():
        # Said of any process with threads; those of the numeric libraries are idle here.
        warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
        # The processes live for seconds; going through all that a run holds for garbage takes a tenth of them.
        context = multiprocessing.get_context("fork")
        with ProcessPoolExecutor(processes, mp_context=context, initializer=gc.disable) as pool:
            yield pool


def _waiting(number: int) -> object:
    return _WAITING[number]()
