"""An architecture whose passes take a known time on a fake machine, and that writes down how it was called."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from test_timing import FakeMachine
from torch import Tensor, nn
from torch.nn import functional as F

from models.architecture import Architecture, Interface, Size

MACHINE = FakeMachine()
SEEN: list[dict[str, object]] = []
"""What the cores of `Tolled` saw at each forward pass."""


@dataclass(frozen=True, kw_only=True)
class Tolled(Architecture):
    """The forward pass takes `there` seconds of MACHINE, the backward pass `back`; half as much is stolen on top."""

    name: str = "tolled"
    core_parameters: int = 2_000
    there: float = 1.0
    back: float = 4.0
    on_meta: bool = True
    breaks: bool = False

    def core(self, size: Size, interface: Interface) -> nn.Module:
        return TolledCore(self, size)


class TolledCore(nn.Module):
    """(B, L, D) -> (B, L, D), position by position."""

    def __init__(self, architecture: Tolled, size: Size) -> None:
        super().__init__()
        self.toll, self.out_width = architecture, size.width
        self.expand, self.contract = nn.Linear(size.width, size.inner), nn.Linear(size.inner, size.width)

    def forward(self, x: Tensor) -> Tensor:
        if x.is_meta:
            assert self.toll.on_meta or x.sum().item(), "asks for a number, which meta has not"
            return self.contract(F.gelu(self.expand(x)))
        if self.toll.breaks:
            raise RuntimeError("broken")
        MACHINE.work(self.toll.there, stolen=self.toll.there / 2)
        out = self.contract(F.gelu(self.expand(Toll.apply(x, self.toll.back))))
        SEEN.append(
            {
                "name": self.toll.name,
                "graph": torch.is_grad_enabled(),
                "threads": torch.get_num_threads(),
                "autocast": torch.is_autocast_enabled("cpu"),
                "dtype": out.dtype,
                "shape": tuple(x.shape[:2]),
            }
        )
        return out


class Toll(torch.autograd.Function):
    """A copy of x, whose backward pass takes time."""

    @staticmethod
    def forward(ctx, x: Tensor, seconds: float) -> Tensor:  # type: ignore[no-untyped-def, override]
        ctx.seconds = seconds
        return x.clone()

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[no-untyped-def, override]
        MACHINE.work(ctx.seconds, stolen=ctx.seconds / 2)
        SEEN.append({"name": "backward", "autocast": torch.is_autocast_enabled("cpu")})
        return gradient, None
