"""Real images that need no download: scikit-learn's handwritten digits, 8x8 pixels of 17 levels (Alpaydin and Kaynak
1998, Optical Recognition of Handwritten Digits, UCI), split once and for all.

Letters: N images, P places (pixels) of each, K outcomes (levels) of each place.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

SIDE, LEVELS, CLASSES = 8, 17, 10
PIXELS = SIDE * SIDE
SIZES = {"train": 1200, "development": 200, "test": 397}
"""Images of each of the splits."""


class Images(NamedTuple):
    """Some images and what they show."""

    levels: Tensor
    """(N, 64) int64 from 0 (paper) to 16 (ink), row by row from the top left."""
    labels: Tensor
    """(N,) int64, the digit."""


@cache
def images(split: str) -> Images:
    """The images of one split. A hash of an image's index puts it where it is, so writers and digits are mixed."""
    from sklearn.datasets import load_digits  # takes a second, so only what needs images pays for it

    levels, labels = (torch.from_numpy(held).long() for held in load_digits(return_X_y=True))
    shuffled = sorted(range(len(levels)), key=lambda index: hashlib.sha256(f"digit {index}".encode()).digest())
    parts = dict(zip(SIZES, torch.tensor(shuffled).split(list(SIZES.values())), strict=True))
    return Images(levels[parts[split]], labels[parts[split]])


def choose(split: str, size: int, generator: torch.Generator) -> Tensor:
    """Positions of `size` images in a split, none twice, by a CPU generator; of all its images if there are fewer."""
    return torch.randperm(SIZES[split], generator=generator)[:size]


def marginal_losses(known: Tensor, asked: Tensor, outcomes: int) -> Tensor:
    """Mean nats at each place of whoever knows how often it takes which value, and no more: (P,) float64.

    Frequencies are those of `known` (N, P), the mean is over `asked` (M, P), both int64 below `outcomes`. Half a count
    more for every value keeps unseen ones possible (Krichevsky and Trofimov 1981).
    """
    counts = F.one_hot(known, outcomes).double().sum(0) + 0.5
    nats = -(counts / counts.sum(1, keepdim=True)).log()
    return nats[torch.arange(len(nats)), asked].mean(0)


@cache
def pixel_marginal() -> float:
    """Nats per pixel of the training images' marginals on the test images: the floor of a model of images."""
    return marginal_losses(images("train").levels, images("test").levels, LEVELS).mean().item()


def ink(levels: Tensor) -> Tensor:
    """How heavy the stroke is, as the mean level of a pixel: levels (N, 64) -> (N,) float64."""
    return levels.double().mean(1)


def lean(levels: Tensor) -> Tensor:
    """How far the digit leans to the right, in pixels a row: levels (N, 64) -> (N,) float64.

    The slope of ink's column regressed on its row, which is the shear that image moments give (Hu 1962). Raises
    ValueError for an image whose ink lies in one row, or that has none.
    """
    weights = levels.double().view(-1, SIDE, SIDE)
    weights = weights / weights.sum((1, 2), keepdim=True)
    up, right = torch.arange(SIDE).flip(0).double(), torch.arange(SIDE).double()
    rows, columns = weights.sum(2), weights.sum(1)
    height, place = rows @ up, columns @ right
    spread = rows @ up**2 - height**2
    slope = (torch.einsum("nrc,r,c->n", weights, up, right) - height * place) / spread
    if not slope.isfinite().all():
        raise ValueError("an image leans only if it has ink in two rows or more")
    return slope
