"""What no clock decides: span, parallelism, bytes kept for backward. Exact, so any change is a change of code."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from bench.reach import saved_bytes
from bench.tracing import trace
from models import ARCHITECTURES
from models.architecture import Interface

EXPONENT_LENGTHS = (16, 32, 64, 128, 256)
LENGTHS = [64, 256]
COST_MODEL = "pram"


class ParallelismExponent:
    """Exponent of work over span against length, least squares on logarithms. asv takes a rise, a gain, for a loss."""

    params = (list(ARCHITECTURES),)
    param_names = ("architecture",)
    unit = "exponent"
    version = "1"

    def track_exponent(self, architecture: str) -> float:
        """Slope of log parallelism on log length."""
        x = [math.log(length) for length in EXPONENT_LENGTHS]
        y = [math.log(trace(*_core(architecture, length), COST_MODEL).parallelism) for length in EXPONENT_LENGTHS]
        centre = sum(x) / len(x)
        return sum((a - centre) * b for a, b in zip(x, y, strict=True)) / sum((a - centre) ** 2 for a in x)

    track_exponent.pretty_name = "Exponent of parallelism against length"  # type: ignore[attr-defined]


class Span:
    """Operations on the longest chain from input to output, reductions as trees."""

    params = (list(ARCHITECTURES), LENGTHS)
    param_names = ("architecture", "length")
    unit = "operations"
    version = "1"

    def track_operations(self, architecture: str, length: int) -> int:
        """Scalar operations, one after the other."""
        return trace(*_core(architecture, length), COST_MODEL).span

    track_operations.pretty_name = "Span of the core"  # type: ignore[attr-defined]


class SavedBytes:
    """What one forward pass of one sequence keeps for the backward pass."""

    params = (list(ARCHITECTURES), LENGTHS)
    param_names = ("architecture", "length")
    unit = "bytes"
    version = "1"

    def track_bytes(self, architecture: str, length: int) -> int:
        """Bytes of distinct storages, parameters left out."""
        return saved_bytes(*_core(architecture, length))

    track_bytes.pretty_name = "Saved for backward"  # type: ignore[attr-defined]


def _core(architecture: str, length: int) -> tuple[nn.Module, Tensor]:
    """A core and an example (1, L, D) for it."""
    model = ARCHITECTURES[architecture].build(Interface(length=length, vocabulary=16, outputs=16))
    width = model.embedding(torch.zeros(1, 1, dtype=torch.long)).shape[-1]
    return model.core, torch.randn(1, length, width, generator=torch.Generator().manual_seed(0))
