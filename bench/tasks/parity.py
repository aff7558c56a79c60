"""Parity: is the number of ones so far odd?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from bench.tasks import marks
from bench.tasks.task import Batch, Task
from models.architecture import Interface


@dataclass(frozen=True, kw_only=True)
class Parity(Task):
    """Fair bits; at every position, the parity of the bits up to and including it.

    With `length=8`::

        position  0  1  2  3  4  5  6  7
        inputs    1  0  1  1  0  0  1  0
        targets   1  1  0  1  1  1  0  0
        scored    x  x  x  x  x  x  x  x
        relevant  .  .  .  .  .  .  .  .     none: every earlier bit decides

    The regular language that transformers of fixed depth do not generalise on (Hahn 2020; Deletang et al. 2023), with
    a label at every position instead of one at the end.
    """

    name: ClassVar[str] = "parity"
    measures: ClassVar[str] = "state tracking"

    @property
    def interface(self) -> Interface:
        """A bit in; a parity out."""
        return Interface(length=self.length, vocabulary=2, outputs=2)

    @property
    def chance(self) -> float:
        """Best of a model that sees one token: position 0 is known, every later parity is a fair coin given its bit."""
        return (1 + (self.length - 1) / 2) / self.length

    def sample(self, size: int, generator: torch.Generator) -> Batch:
        """Draw `size` sequences from a CPU generator."""
        inputs = torch.randint(2, (size, self.length), generator=generator)
        targets = inputs.cumsum(dim=1) % 2
        return Batch(inputs, targets, marks.since(0, size, self.length), marks.none(size, self.length))
