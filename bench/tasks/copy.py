"""Copy: hold several items and give them back in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from bench.tasks import marks
from bench.tasks.checks import require_room, require_whole
from bench.tasks.task import Batch, Task
from models.architecture import Interface


@dataclass(frozen=True, kw_only=True)
class Copy(Task):
    """Items, blanks, a go symbol, then as many blanks as items, during which the items must come out in order.

    Items are the symbols 0..S-1, the blank is S, go is S+1. With `length=8`, `items=2`, `symbols=8`::

        position  0  1  2  3  4  5  6  7
        inputs    4  2  8  8  8  9  8  8     8 is the blank, 9 is go
        targets   .  .  .  .  .  .  4  2
        scored    .  .  .  .  .  .  x  x
        relevant  .  .  .  .  .  .  .  .     none: there are several answers

    The copy memory task of Arjovsky et al. 2016 and Bai et al. 2018, with two changes: the sequence is exactly
    `length` long, and only the recall counts. Scoring the blanks too, as those papers' losses do, praises a model
    that remembers nothing: at T = 1000 it answers 99 % of those positions.
    """

    name: ClassVar[str] = "copy"

    symbols: int = 8
    items: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        require_whole(self, "symbols", at_least=2)
        require_whole(self, "items", at_least=1)
        require_room(self, 2 * self.items + 1, f"{self.items} items, the go symbol and their recall")

    @property
    def lag(self) -> int:
        """The distance from an item to its recall, the same for all items: L - items."""
        return self.length - self.items

    @property
    def interface(self) -> Interface:
        """Items, the blank and go in; an item out."""
        return Interface(length=self.length, vocabulary=self.symbols + 2, outputs=self.symbols)

    @property
    def chance(self) -> float:
        """Items are uniform: one in `symbols`."""
        return 1 / self.symbols

    def sample(self, size: int, generator: torch.Generator) -> Batch:
        """Draw `size` sequences from a CPU generator."""
        blank, go = self.symbols, self.symbols + 1
        items = torch.randint(self.symbols, (size, self.items), generator=generator)
        inputs = torch.full((size, self.length), blank)
        inputs[:, : self.items] = items
        inputs[:, -self.items - 1] = go
        targets = torch.zeros_like(inputs)
        targets[:, -self.items :] = items
        return Batch(inputs, targets, marks.since(-self.items, size, self.length), marks.none(size, self.length))
