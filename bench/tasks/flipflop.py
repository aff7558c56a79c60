"""Flip-flop: remember one bit that is overwritten now and then, among many bits that do not matter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from bench.tasks import marks
from bench.tasks.task import Batch, Task
from models.architecture import Interface

BITS = (0, 1)
WRITE, READ, IGNORE = 2, 3, 4


@dataclass(frozen=True, kw_only=True)
class FlipFlop(Task):
    """Instructions alternate with bits: w stores the bit after it, i does nothing, r must give the stored bit back.

    Bits are the symbols 0 and 1, then w = 2, r = 3, i = 4. With `length=8`::

        position  0  1  2  3  4  5  6  7
        inputs    w  1  i  0  r  1  r  1
        targets   .  .  .  .  1  .  1  .
        scored    .  .  .  .  x  .  x  .
        relevant  .  .  .  .  .  .  .  .     none: there are several answers

    Flip-flop language modelling of Liu et al. 2023, scored at the reads only: at the r itself the model must give the
    bit that comes next. The first instruction is w and the last is r; those between are i with `p_ignore` and w or r
    with half of the rest each. Bits after w and i are fair. `length` is even.
    """

    name: ClassVar[str] = "flip-flop"
    measures: ClassVar[str] = "state tracking"

    p_ignore: float = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.length % 2:
            raise ValueError(f"task {self.name}: length must be even (an instruction, a bit, ...), got {self.length}")
        if not 0 <= self.p_ignore < 1:
            raise ValueError(f"task {self.name}: p_ignore must be at least 0 and below 1, got {self.p_ignore!r}")

    @property
    def interface(self) -> Interface:
        """Bits and instructions in; a bit out."""
        return Interface(length=self.length, vocabulary=len(BITS) + 3, outputs=len(BITS))

    @property
    def chance(self) -> float:
        """Stored bits are fair: one in two."""
        return 1 / len(BITS)

    def sample(self, size: int, generator: torch.Generator) -> Batch:
        """Draw `size` sequences from a CPU generator."""
        slots = self.length // 2
        drawn = torch.rand(size, slots, generator=generator)
        busy = WRITE + (drawn < (1 - self.p_ignore) / 2).long()
        instructions = torch.where(drawn < 1 - self.p_ignore, busy, IGNORE)
        instructions[:, 0] = WRITE
        instructions[:, -1] = READ
        bits = torch.randint(len(BITS), (size, slots), generator=generator)
        slot = torch.arange(slots)
        latest_write = torch.where(instructions == WRITE, slot, 0).cummax(dim=1).values
        stored = bits.gather(1, latest_write)
        reads = instructions == READ
        inputs = torch.stack([instructions, torch.where(reads, stored, bits)], dim=-1).flatten(1)
        targets = torch.stack([stored, torch.zeros_like(stored)], dim=-1).flatten(1)
        scored = torch.stack([reads, torch.zeros_like(reads)], dim=-1).flatten(1)
        return Batch(inputs, targets, scored, marks.none(size, self.length))
