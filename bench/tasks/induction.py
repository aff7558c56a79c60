"""Induction: what followed last time this symbol appeared?"""

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
class Induction(Task):
    """A trigger somewhere, followed by a symbol; the trigger again at the end: say the symbol that followed it.

    Ordinary symbols are 0..S-1, the trigger is S. With `length=8`, `symbols=16`::

        position  0  1  2  3  4  5  6  7
        inputs    3 12  7 16 11  0 12 16     16 is the trigger, 11 follows it
        targets   .  .  .  .  .  .  . 11
        scored    .  .  .  .  .  .  .  x
        relevant  .  .  .  .  x  .  .  .

    The induction-head task of Fu et al. 2023 (H3) and Gu & Dao 2023 (Mamba, section 4.1.2). The first trigger is
    uniform over 0..L-3. `lag` is the length: the longest distance is L-2. The answer is not itself marked: it has to
    be found by what stands before it.
    """

    name: ClassVar[str] = "induction"
    has_planted_positions: ClassVar[bool] = True

    symbols: int = 16

    def __post_init__(self) -> None:
        super().__post_init__()
        require_whole(self, "symbols", at_least=2)

    @property
    def trigger(self) -> int:
        """The symbol that announces the answer."""
        return self.symbols

    @property
    def interface(self) -> Interface:
        """Ordinary symbols and the trigger in; an ordinary symbol out."""
        return Interface(length=self.length, vocabulary=self.symbols + 1, outputs=self.symbols)

    @property
    def chance(self) -> float:
        """Symbols are uniform: one in `symbols`."""
        return 1 / self.symbols

    def sample(self, size: int, generator: torch.Generator) -> Batch:
        """Draw `size` sequences from a CPU generator."""
        inputs = torch.randint(self.symbols, (size, self.length), generator=generator)
        first = torch.randint(self.length - 2, (size,), generator=generator)
        inputs[marks.at(first, self.length)] = self.trigger
        relevant = marks.at(first + 1, self.length)
        targets = torch.zeros_like(inputs)
        targets[:, -1] = inputs[relevant]
        inputs[:, -1] = self.trigger
        return Batch(inputs, targets, marks.since(-1, size, self.length), relevant)

    def resample(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Every ordinary symbol redrawn; both triggers stay. (B, L) int64."""
        fresh = torch.randint(self.symbols, batch.inputs.shape, generator=generator)
        return torch.where(batch.inputs == self.trigger, batch.inputs, fresh)
