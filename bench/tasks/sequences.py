"""Sequence to sequence: symbols in, the same symbols out in another order."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from bench.tasks import marks
from bench.tasks.checks import require_choice, require_whole
from bench.tasks.task import Batch, Task
from models.architecture import DECODER_ONLY, ENCODER_DECODER, Interface


@dataclass(frozen=True, kw_only=True)
class Transduction(Task):
    """Half of the length is the source, the other half its answer, to which a go symbol leads over.

    Symbols are 0..S-1, go is S. A model is fed the right answer so far (teacher forcing). The metric is the share of
    sequences with every symbol right; each symbol being the likeliest one after those before it, that is also what
    greedy generation gets right.
    """

    measures: ClassVar[str] = "claims"
    solved_at: ClassVar[float] = 0.99

    length: int = 32
    symbols: int = 16
    role: str = ENCODER_DECODER
    """The source read apart and as a whole, or in one row with the answer (decoder-only)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_whole(self, "symbols", at_least=2)
        require_choice(self, "role", (ENCODER_DECODER, DECODER_ONLY))
        if self.length % 2:
            raise ValueError(f"task {self.name}: source and answer are as long, so length is even, got {self.length}")

    @property
    def items(self) -> int:
        """Symbols of the source, and of the answer."""
        return self.length // 2

    @property
    def lag(self) -> int:
        """The longest distance from a symbol of the source to where it is needed: from position 0 to L-1."""
        return self.length - 1

    @property
    def interface(self) -> Interface:
        """Symbols and go in; a symbol out."""
        source = self.items if self.role == ENCODER_DECODER else 0
        return Interface(
            length=self.length, vocabulary=self.symbols + 1, outputs=self.symbols, role=self.role, source=source
        )

    def answer(self, source: Tensor) -> Tensor:
        """What a source is to be turned into: (B, n) -> (B, n)."""
        raise NotImplementedError

    def sample(self, size: int, generator: torch.Generator) -> Batch:
        """Draw `size` sequences from a CPU generator."""
        source = torch.randint(self.symbols, (size, self.items), generator=generator)
        answer, go = self.answer(source), torch.full((size, 1), self.symbols)
        return Batch(
            inputs=torch.cat([source, go, answer[:, :-1]], dim=1),
            targets=torch.cat([torch.zeros_like(source), answer], dim=1),
            scored=marks.since(-self.items, size, self.length),
            relevant=marks.none(size, self.length),
        )

    def metric(self, logits: Tensor, batch: Batch) -> float:
        """Share of sequences without a wrong symbol."""
        right = (logits.argmax(-1) == batch.targets) | ~batch.scored
        return right.all(dim=1).double().mean().item()


@dataclass(frozen=True, kw_only=True)
class Reverse(Transduction):
    """Say the symbols backwards.

    With `length=8`, `symbols=16`::

        position  0  1  2  3  4  5  6  7
        inputs    4 11  2  7 16  7  2 11     16 is go
        targets   .  .  .  .  7  2 11  4
        scored    .  .  .  .  x  x  x  x
        relevant  .  .  .  .  .  .  .  .     none: there are several answers

    The first symbol asked for is the last one read, and the last one asked for lies 2 n - 1 positions back; that the
    ends of the two halves are close helps a recurrent network (Sutskever et al. 2014, section 3.3).
    """

    name: ClassVar[str] = "reverse"

    @property
    def chance(self) -> float:
        """All answers are as likely."""
        return self.symbols**-self.items

    def answer(self, source: Tensor) -> Tensor:
        """(B, n) -> (B, n)."""
        return source.flip(1)


@dataclass(frozen=True, kw_only=True)
class Sort(Transduction):
    """Say the symbols in ascending order, each as often as it was read.

    With `length=8`, `symbols=16`::

        position  0  1  2  3  4  5  6  7
        inputs    9  2 11  2 16  2  2  9     16 is go
        targets   .  .  .  .  2  2  9 11
        scored    .  .  .  .  x  x  x  x
        relevant  .  .  .  .  .  .  .  .     none: there are several answers

    No position of the answer comes from a fixed place of the source: what decides is what is there.
    """

    name: ClassVar[str] = "sort"

    @property
    def chance(self) -> float:
        """How often the likeliest answer is right: the one whose symbols are as evenly many as they can be."""
        share, more = divmod(self.items, self.symbols)
        counts = Counter({share: self.symbols - more, share + 1: more})
        orders = math.factorial(self.items) / math.prod(math.factorial(k) ** n for k, n in counts.items())
        return orders / self.symbols**self.items

    def answer(self, source: Tensor) -> Tensor:
        """(B, n) -> (B, n)."""
        return source.sort(dim=1).values
