"""Digits: handwritten digits, written pixel by pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from bench.tasks import marks
from bench.tasks.digit_images import CLASSES, LEVELS, PIXELS, choose, images, pixel_marginal
from bench.tasks.task import Batch, LossTask
from models.architecture import Interface

START, FIRST_CLASS = LEVELS, LEVELS + 1
"""Tokens after those of the levels: the one before an unlabelled image, and that of class 0."""


@dataclass(frozen=True, kw_only=True)
class Digits(LossTask):
    """Predict every pixel from those before it, row by row; with `labelled`, from the class of the digit too.

    The first row of a seven, `labelled`; unlabelled, the first token is 17, whatever the digit::

        position   0  1  2  3  4  5  6 ...
        inputs    25  0  0  4 12 16 13 ...   a class is a token from 18 on
        targets    0  0  4 12 16 13  5 ...   the 64 levels, 0 to 16
        scored     x  x  x  x  x  x  x ...
        relevant   .  .  .  .  .  .  . ...   none: there are several answers

    Data are finite: a draw holds no image twice, and so at most the images of its split. The metric is the mean loss
    in nats a pixel: lower is better.
    """

    name: ClassVar[str] = "digits"
    measures: ClassVar[str] = "claims"

    labelled: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.labelled, bool):
            raise ValueError(f"task {self.name}: labelled must be True or False, got {self.labelled!r}")
        if self.length != PIXELS:
            raise ValueError(f"task {self.name}: length must be {PIXELS}, the pixels of an image, got {self.length!r}")

    @property
    def interface(self) -> Interface:
        """A level, the start or a class in; a level out."""
        return Interface(length=PIXELS, vocabulary=FIRST_CLASS + CLASSES, outputs=LEVELS)

    @property
    def chance(self) -> float:
        """Nats a pixel on the test images of a model that knows each pixel's frequencies and does not look."""
        return pixel_marginal()

    @property
    def perfect(self) -> float:
        """0 nats, of who knows the image: a score is the share of the marginal's nats that is saved."""
        return 0.0

    def sample(self, size: int, generator: torch.Generator) -> Batch:
        """Draw `size` training images by a CPU generator."""
        return self.draw("train", size, generator)

    def draw(self, split: str, size: int, generator: torch.Generator) -> Batch:
        """Draw `size` images of a split, or all of them if there are fewer, by a CPU generator."""
        chosen = choose(split, size, generator)
        levels, labels = (held[chosen] for held in images(split))
        return self.batch(levels, labels)

    def batch(self, levels: Tensor, labels: Tensor) -> Batch:
        """The batch of these images: levels (B, 64) and labels (B,), int64."""
        first = labels + FIRST_CLASS if self.labelled else torch.full_like(labels, START)
        inputs = torch.cat([first[:, None], levels[:, :-1]], dim=1)
        return Batch(inputs, levels, marks.since(0, *levels.shape), marks.none(*levels.shape))
