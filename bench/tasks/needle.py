"""Needle: report the one value that carries a mark, wherever it stands."""

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
class Needle(Task):
    """Every token is a value; one of them, at a uniform random position, is marked; the query asks for it at the end.

    Plain values are the symbols 0..V-1, the marked one is V + value, the query is 2V. With `length=8`, `values=8`::

        position  0  1  2  3  4  5  6  7
        inputs    3  1 14  0  7  1  5 16     14 is the marked 6, 16 is the query
        targets   .  .  .  .  .  .  .  6
        scored    .  .  .  .  .  .  .  x
        relevant  .  .  x  .  .  .  .  .

    The marked position is drawn from 0..L-2, so there are short examples to learn from as well as long ones. `lag`
    is the length: whoever solves the task bridges every distance up to L-1.
    """

    name: ClassVar[str] = "needle"
    has_planted_positions: ClassVar[bool] = True

    values: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        require_whole(self, "values", at_least=2)

    @property
    def query(self) -> int:
        """The symbol at the last position."""
        return 2 * self.values

    @property
    def interface(self) -> Interface:
        """Plain values, marked values and the query in; a value out."""
        return Interface(length=self.length, vocabulary=2 * self.values + 1, outputs=self.values)

    @property
    def chance(self) -> float:
        """Values are uniform: one in `values`."""
        return 1 / self.values

    def sample(self, size: int, generator: torch.Generator) -> Batch:
        """Draw `size` sequences from a CPU generator."""
        inputs = torch.randint(self.values, (size, self.length), generator=generator)
        position = torch.randint(self.length - 1, (size,), generator=generator)
        relevant = marks.at(position, self.length)
        answer = inputs[relevant]
        inputs += self.values * relevant
        inputs[:, -1] = self.query
        targets = torch.zeros_like(inputs)
        targets[:, -1] = answer
        return Batch(inputs, targets, marks.since(-1, size, self.length), relevant)

    def resample(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Every value redrawn; the mark and the query stay where they are. (B, L) int64."""
        fresh = torch.randint(self.values, batch.inputs.shape, generator=generator)
        fresh += self.values * (batch.inputs >= self.values)
        fresh[:, -1] = self.query
        return fresh
