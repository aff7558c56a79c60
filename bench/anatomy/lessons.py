"""What the small models are taught, and how a reader sees its symbols."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch

from bench.tasks.induction import Induction
from bench.tasks.sequences import Reverse
from bench.tasks.task import Batch, Task, stream
from models.architecture import DECODER_ONLY, ENCODER_DECODER

LENGTH = 12
PLANTED = LENGTH // 3
"""Where the answer stands in the sequence that is followed: far enough back to have to be carried."""
DRAWN = 256
"""Test sequences among which it is looked for."""


class Lesson(NamedTuple):
    """A task, and a name for each of its symbols."""

    task: Task
    symbols: tuple[str, ...]


def induction() -> Lesson:
    """Twelve symbols, one of them a star; at the end the star again: what followed it is to be said."""
    task = Induction(length=LENGTH, symbols=4)
    return Lesson(task, (*map(str, range(task.symbols)), "*"))


def reversal() -> Lesson:
    """Six letters, to be said backwards after "go"."""
    task = Reverse(length=LENGTH, symbols=4)
    return Lesson(task, (*"abcd", "go"))


LESSONS: dict[str, Callable[[], Lesson]] = {DECODER_ONLY: induction, ENCODER_DECODER: reversal}
"""Role -> what is taught in it."""


def followed(task: Task, seed: int) -> Batch:
    """The test sequence that is followed, the same for every model: the first whose answer stands at PLANTED.

    Where a task plants nothing it is the first of all.
    """
    batch = task.draw("test", DRAWN, stream("test", seed))
    planted = batch.relevant[:, PLANTED].nonzero()
    first = int(planted[0]) if len(planted) else 0
    return Batch(*(part[first : first + 1] for part in batch))


def named(symbols: tuple[str, ...], tokens: torch.Tensor, where: torch.Tensor) -> list[str]:
    """Tokens (L,) by name, nothing where `where` (L,) is false."""
    return [symbols[token] if held else "" for token, held in zip(tokens.tolist(), where.tolist(), strict=True)]
