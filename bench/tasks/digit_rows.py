"""DigitRows: which digit an image shows, read row by row as real numbers, which an attacker can nudge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from bench.tasks import marks
from bench.tasks.digit_images import CLASSES, LEVELS, SIDE, choose, images
from bench.tasks.task import Batch, Task
from models.architecture import Interface


@dataclass(frozen=True, kw_only=True)
class DigitRows(Task):
    """Name the digit after its last row; each position is a row of 8 pixels from 0 (paper) to 1 (ink).

    One image, of a seven, as a batch of one::

        position     0  1  2  3  4  5  6  7
        inputs       8 numbers each, the rows from the top
        targets      .  .  .  .  .  .  .  7
        scored       .  .  .  .  .  .  .  x
        relevant     .  .  .  .  .  .  .  .     none: every row may matter

    Data are finite: a draw holds no image twice, and so at most the images of its split. The metric is the accuracy.
    """

    name: ClassVar[str] = "digit-rows"
    measures: ClassVar[str] = "claims"

    length: int = SIDE

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.length != SIDE:
            raise ValueError(f"task {self.name}: length must be {SIDE}, the rows of an image, got {self.length}")

    @property
    def interface(self) -> Interface:
        """A row of pixels in; a digit out."""
        return Interface(length=SIDE, features=SIDE, outputs=CLASSES)

    @property
    def chance(self) -> float:
        """A guess among ten digits, which are about equally frequent."""
        return 1 / CLASSES

    def sample(self, size: int, generator: torch.Generator) -> Batch:
        """Draw `size` training images by a CPU generator."""
        return self.draw("train", size, generator)

    def draw(self, split: str, size: int, generator: torch.Generator) -> Batch:
        """Draw `size` images of a split, or all of them if there are fewer, by a CPU generator."""
        chosen = choose(split, size, generator)
        levels, labels = (held[chosen] for held in images(split))
        rows = levels.view(-1, SIDE, SIDE).float() / (LEVELS - 1)
        targets = torch.zeros(len(labels), SIDE, dtype=torch.int64)
        targets[:, -1] = labels
        scored = marks.since(-1, len(labels), SIDE)
        return Batch(rows, targets, scored, marks.none(len(labels), SIDE))
