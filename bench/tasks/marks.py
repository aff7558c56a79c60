"""Boolean marks over positions: which ones are planted, which ones are scored."""

from __future__ import annotations

import torch
from torch import Tensor


def at(positions: Tensor, length: int) -> Tensor:
    """One mark a sequence: positions (B,) -> (B, L) bool."""
    return torch.arange(length) == positions[:, None]


def since(first: int, size: int, length: int) -> Tensor:
    """Every position from `first` on, counted from the end if negative, in all sequences: (B, L) bool."""
    marks = torch.zeros(size, length, dtype=torch.bool)
    marks[:, first:] = True
    return marks


def none(size: int, length: int) -> Tensor:
    """No mark anywhere: (B, L) bool."""
    return torch.zeros(size, length, dtype=torch.bool)
