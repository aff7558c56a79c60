"""Models and inputs for equations to be tried on: drawn once and for all, in float64."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn

Module = TypeVar("Module", bound=nn.Module)


def randomised(module: Module, noise: float = 0.3) -> Module:
    """In float64, every number away from its initial value, so that no zero bias or unit scale hides a mistake."""
    generator = torch.Generator().manual_seed(1)
    for parameter in module.double().parameters():
        parameter.data.add_(noise * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return module


def normal(*shape: int) -> Tensor:
    """Standard normal numbers of this shape, at least (L, any)."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(shape[-2]), dtype=torch.float64)
