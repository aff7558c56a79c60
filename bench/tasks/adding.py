"""Adding: the sum of two marked numbers among many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from bench.tasks import marks
from bench.tasks.checks import require_choice
from bench.tasks.task import Batch, Task
from models.architecture import Interface

MARKED = 2


@dataclass(frozen=True, kw_only=True)
class Adding(Task):
    """A number in [0, 1] at every position, two of them marked; the answer at the end is the sum of the marked two.

    Two channels, the number and the mark. With `length=8`, `markers="halves"`::

        position    0   1   2   3   4   5   6   7
        number     .31 .82 .05 .47 .90 .12 .66 .28
        mark        0   1   0   0   0   0   1   0
        targets     .   .   .   .   .   .   .  1.48
        scored      .   .   .   .   .   .   .   x
        relevant    .   x   .   .   .   .   x   .

    Two task distributions share this name in the literature: `markers="anywhere"` draws two distinct positions (Bai et
    al. 2018), "halves" one in each half, 0..L//2-1 and L//2..L-1 (Arjovsky et al. 2016). Metric and loss are the mean
    squared error. `lag` is the length: the longest distance is L-1.
    """

    name: ClassVar[str] = "adding"
    has_planted_positions: ClassVar[bool] = True

    markers: str = "anywhere"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_choice(self, "markers", ("anywhere", "halves"))

    @property
    def interface(self) -> Interface:
        """Number and mark in; one number out."""
        return Interface(length=self.length, features=2, outputs=1)

    @property
    def chance(self) -> float:
        """Who remembers nothing answers the mean and pays the variance of the sum: 1/12 for each uniform number."""
        return MARKED / 12

    @property
    def perfect(self) -> float:
        """No error."""
        return 0.0

    def sample(self, size: int, generator: torch.Generator) -> Batch:
        """Draw `size` sequences from a CPU generator: inputs (B, L, 2) float32, targets (B, L) float32."""
        numbers = torch.rand(size, self.length, generator=generator)
        first, second = self._positions(size, generator)
        relevant = marks.at(first, self.length) | marks.at(second, self.length)
        targets = torch.zeros(size, self.length)
        targets[:, -1] = (numbers * relevant).sum(1)
        inputs = torch.stack([numbers, relevant.to(numbers.dtype)], dim=-1)
        return Batch(inputs, targets, marks.since(-1, size, self.length), relevant)

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Mean squared error at the scored positions, a scalar; logits are (B, L, 1)."""
        return F.mse_loss(logits[batch.scored].squeeze(-1), batch.targets[batch.scored])

    def metric(self, logits: Tensor, batch: Batch) -> float:
        """Mean squared error at the scored positions."""
        return self.loss(logits.double(), batch._replace(targets=batch.targets.double())).item()

    def resample(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Every number redrawn; the marks stay. (B, L, 2) float32."""
        numbers = torch.rand(batch.inputs.shape[:2], generator=generator)
        return torch.stack([numbers, batch.inputs[..., 1]], dim=-1)

    def _positions(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        if self.markers == "halves":
            half = self.length // 2
            first = torch.randint(half, (size,), generator=generator)
            return first, torch.randint(half, self.length, (size,), generator=generator)
        first = torch.randint(self.length, (size,), generator=generator)
        # a uniform step of 1..L-1 around the ring reaches every other position equally often
        step = torch.randint(1, self.length, (size,), generator=generator)
        return first, (first + step) % self.length
