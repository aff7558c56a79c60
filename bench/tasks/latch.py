"""Latch: hold one early symbol through noise until the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from bench.tasks import marks
from bench.tasks.checks import require_whole
from bench.tasks.task import Batch, Task
from models.architecture import Interface


@dataclass(frozen=True, kw_only=True)
class Latch(Task):
    """One class symbol early on, noise from other symbols everywhere else, and a query at the end asks for the class.

    Classes are the symbols 0..C-1, noise is C..C+N-1, the query is C+N. With `length=8`, `classes=8`, `noise=8`::

        position  0  1  2  3  4  5  6  7
        inputs   12  5  9  8 15 11  9 16     5 is the class, 16 is the query
        targets   .  .  .  .  .  .  .  5
        scored    .  .  .  .  .  .  .  x
        relevant  .  x  .  .  .  .  .  .

    The class sits at a uniform random position of the first quarter, 0..L//4-1. So no example is short, as in the
    latch problem of Bengio et al. 1994, and yet the distance is not one number: a dilated convolution with k = 3
    reaches distance 2**n - 1 through a single path of taps and 2**n - 2 through many, and a fixed distance would
    measure that accident.
    """

    name: ClassVar[str] = "latch"
    has_planted_positions: ClassVar[bool] = True

    classes: int = 8
    noise: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        require_whole(self, "classes", at_least=2)
        require_whole(self, "noise", at_least=1)

    @property
    def query(self) -> int:
        """The symbol at the last position."""
        return self.classes + self.noise

    @property
    def lag(self) -> int:
        """The least distance between class and query, which every example bridges: L-1 - (L//4 - 1)."""
        return self.length - self.length // 4

    @property
    def interface(self) -> Interface:
        """Classes, noise and the query in; a class out."""
        return Interface(length=self.length, vocabulary=self.classes + self.noise + 1, outputs=self.classes)

    @property
    def chance(self) -> float:
        """Classes are uniform and the noise says nothing of them: one in `classes`."""
        return 1 / self.classes

    def sample(self, size: int, generator: torch.Generator) -> Batch:
        """Draw `size` sequences from a CPU generator."""
        answer = torch.randint(self.classes, (size, 1), generator=generator)
        position = torch.randint(self.length // 4, (size,), generator=generator)
        relevant = marks.at(position, self.length)
        inputs = torch.where(relevant, answer, self._noise(size, generator))
        inputs[:, -1] = self.query
        targets = torch.zeros_like(inputs)
        targets[:, -1:] = answer
        return Batch(inputs, targets, marks.since(-1, size, self.length), relevant)

    def resample(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """The class becomes any class, noise other noise; the query stays. (B, L) int64."""
        size = len(batch.inputs)
        other = torch.randint(self.classes, (size, 1), generator=generator)
        fresh = torch.where(batch.inputs < self.classes, other, self._noise(size, generator))
        fresh[:, -1] = self.query
        return fresh

    def _noise(self, size: int, generator: torch.Generator) -> Tensor:
        return torch.randint(self.classes, self.classes + self.noise, (size, self.length), generator=generator)
