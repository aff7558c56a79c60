"""Dense products (x @ W), through the faster of two kernel libraries on a CPU.

torch multiplies single-precision matrices with a BLAS; the usual one runs AVX-512 machines of other makers with
half-width vectors, at half their rate. oneDNN, which torch uses for convolutions and for nn.LSTM, does not: and a dense
layer is a convolution of one tap. Without this the LSTM alone would run at the machine's full rate. Measured on an AMD
EPYC, 1.7 to 2 times as fast from a width of 128; where the BLAS is as good, the detour costs a little. The clocks name
both ways as kernels.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

DENSE = ("direct", "blas")
"""How a layer multiplies: "direct" through oneDNN where that is faster, "blas" never."""
POSITIONS = 32
"""Positions that share a batch entry of the convolution; torch takes oneDNN for one tap from 16 entries on."""
FEWEST = 16 * POSITIONS
WORTH = 1 << 22
"""Multiplications from which the faster product pays for the longer way there."""


class Dense(nn.Linear):
    """nn.Linear, whose product is a convolution of one tap where that is faster: (..., D) -> (..., C)."""

    def __init__(self, inputs: int, outputs: int, dense: str = "direct") -> None:
        super().__init__(inputs, outputs)
        self.dense = checked(dense)

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) -> (..., C), the same product either way up to rounding."""
        if self.dense == "blas":
            return F.linear(x, self.weight, self.bias)
        return product(x, self.weight, self.bias)


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x (..., D) times weight (C, D) transposed, plus bias (C,) -> (..., C), the faster way."""
    worth = x.numel() * len(weight) >= WORTH
    if not worth or not takes_convolution(x) or x.numel() % (POSITIONS * x.shape[-1]):
        return F.linear(x, weight, bias)
    out = F.conv2d(as_rows(x), weight[:, :, None, None], bias)
    return out.permute(0, 2, 3, 1).reshape(*x.shape[:-1], -1)


def as_rows(x: Tensor) -> Tensor:
    """(..., D), a multiple of POSITIONS in number, as images (N, D, 1, POSITIONS), channels last: no copy."""
    return x.reshape(-1, 1, POSITIONS, x.shape[-1]).permute(0, 3, 1, 2)


def takes_convolution(x: Tensor) -> bool:
    """Whether oneDNN's convolution is the faster way for x (..., D): by device, type and shape, never by a clock."""
    if x.device.type != "cpu" or x.dtype != torch.float32 or not _has_wide_kernels():
        return False
    return x.numel() >= FEWEST * x.shape[-1] and bool(torch.backends.mkldnn.enabled)


@cache
def _has_wide_kernels() -> bool:
    return torch.backends.mkldnn.is_available() and torch.backends.cpu.get_cpu_capability() == "AVX512"


def checked(dense: str) -> str:
    """The argument, if it is one of DENSE; ValueError otherwise."""
    if dense not in DENSE:
        raise ValueError(f"dense must be one of {', '.join(DENSE)}, got {dense!r}")
    return dense
