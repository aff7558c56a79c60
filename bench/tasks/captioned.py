"""Captioned: an image of a digit and a caption of three words, either one first."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from bench.tasks import digit_images, marks
from bench.tasks.digit_images import CLASSES, LEVELS, PIXELS, choose, images
from bench.tasks.task import Batch, LossTask
from models.architecture import Interface

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
THICKNESS, LEAN = ("thin", "thick"), ("left", "right")
WORDS = (*DIGITS, *THICKNESS, *LEAN)
"""The words of captions; word w is token 17 + w."""
CAPTION = 3
"""Words of a caption: the digit, its thickness, its lean."""
WORD_WEIGHT = 8.0
"""Pixels that a word counts as much as in the training loss."""
IMAGE_FIRST, CAPTION_FIRST = LEVELS + len(WORDS), LEVELS + len(WORDS) + 1
"""Tokens that say what comes first; never predicted."""


@dataclass(frozen=True, kw_only=True)
class Captioned(LossTask):
    """Predict an image and its caption in one sequence, in the order that the first token names; half have either.

    ::

        position    0  1  2 ... 63 64 65 66          position    0  1  2  3  4 ... 66
        inputs     31  0  5 ...  0  0 24 27          inputs     32 24 27 30  0 ...  0
        targets     0  5  0 ...  0 24 27 30          targets    24 27 30  0  5 ...  0
                   the image, "seven", "thin", "right"          the caption, the image
        scored      everywhere
        relevant    nowhere: there are several answers

    A digit is thick if its mean level is above the median of the training images, and leans right if its shear is
    (bench.tasks.digit_images: ink, lean): a caption follows from an image and its label without anybody's taste. The
    metric is the mean loss in nats a token: lower is better.
    """

    name: ClassVar[str] = "captioned"
    measures: ClassVar[str] = "claims"

    length: int = PIXELS + CAPTION

    def __post_init__(self) -> None:
        if self.length != PIXELS + CAPTION:
            raise ValueError(
                f"task {self.name}: length must be {PIXELS + CAPTION}, an image and a caption, got {self.length!r}"
            )

    @property
    def interface(self) -> Interface:
        """A level, a word or an order in; a level or a word out."""
        return Interface(length=self.length, vocabulary=CAPTION_FIRST + 1, outputs=LEVELS + len(WORDS))

    @property
    def chance(self) -> float:
        """Nats a token on the test images of a model that knows the frequencies of each pixel and of each word."""
        return _marginal()

    @property
    def perfect(self) -> float:
        """0 nats: a score is the share of the marginal's nats that is saved."""
        return 0.0

    def sample(self, size: int, generator: torch.Generator) -> Batch:
        """Draw `size` training images by a CPU generator."""
        return self.draw("train", size, generator)

    def draw(self, split: str, size: int, generator: torch.Generator) -> Batch:
        """Draw `size` images of a split, none twice, or all if there are fewer, by a CPU generator: the first half
        with the image first.
        """
        chosen = choose(split, size, generator)
        image_first = torch.arange(len(chosen)) < len(chosen) // 2
        return sequences(images(split).levels[chosen], captions(split)[chosen], image_first)

    def loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """Cross-entropy in nats, a word counting as much as WORD_WEIGHT pixels: three among 67 are hardly learned."""
        weights = logits.new_ones(self.interface.outputs)
        weights[LEVELS:] = WORD_WEIGHT
        return F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten(), weight=weights)


def sequences(levels: Tensor, words: Tensor, image_first: Tensor) -> Batch:
    """Images (B, 64) with captions (B, 3), numbers of WORDS, as a batch; `image_first` (B,) bool gives the order."""
    tokens = words + LEVELS
    either = torch.cat([levels, tokens], dim=1), torch.cat([tokens, levels], dim=1)
    targets = torch.where(image_first[:, None], *either)
    order = torch.where(image_first, IMAGE_FIRST, CAPTION_FIRST)
    inputs = torch.cat([order[:, None], targets[:, :-1]], dim=1)
    return Batch(inputs, targets, marks.since(0, *targets.shape), marks.none(*targets.shape))


def describe(levels: Tensor, labels: Tensor) -> Tensor:
    """Captions as numbers of WORDS: levels (N, 64) and labels (N,) -> (N, 3) int64."""
    train, attributes = images("train").levels, (digit_images.ink, digit_images.lean)
    above = [(value_of(levels) > value_of(train).median()).long() for value_of in attributes]
    return torch.stack([labels, above[0] + CLASSES, above[1] + CLASSES + len(THICKNESS)], dim=1)


@cache
def captions(split: str) -> Tensor:
    """Captions of the images of a split: (N, 3) int64, numbers of WORDS."""
    return describe(*images(split))


@cache
def _marginal() -> float:
    known, asked = (torch.cat([images(part).levels, captions(part)], dim=1) for part in ("train", "test"))
    pixels = digit_images.marginal_losses(known[:, :PIXELS], asked[:, :PIXELS], LEVELS)
    words = digit_images.marginal_losses(known[:, PIXELS:], asked[:, PIXELS:], len(WORDS))
    return torch.cat([pixels, words]).mean().item()
