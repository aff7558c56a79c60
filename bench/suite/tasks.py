"""What a batch of each task costs to draw: data generation is part of every learn trial."""

from __future__ import annotations

import functools

import torch

from bench.tasks import TASKS
from bench.tasks.task import Task

BATCH, LENGTH = 32, 64


# Without a `setup`, asv puts as many draws into a sample as make it long enough to be timed.
@functools.lru_cache(maxsize=1)
def _source(name: str) -> tuple[Task, torch.Generator]:
    return TASKS[name](length=LENGTH), torch.Generator().manual_seed(0)


class Sampling:
    """One training batch, drawn afresh."""

    params = (list(TASKS),)
    param_names = ("task",)
    version = "1"
    rounds = 4
    repeat = (5, 10, 2.0)

    def time_sample(self, name: str) -> None:
        """Seconds for B = 32 sequences of 64 positions."""
        task, generator = _source(name)
        task.sample(BATCH, generator)

    time_sample.pretty_name = "Drawing a batch"  # type: ignore[attr-defined]
