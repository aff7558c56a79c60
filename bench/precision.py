"""Precision and threads of what is timed: the same for every contender of a trial."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TypeVar

import torch
from torch import nn

Module = TypeVar("Module", bound=nn.Module)

PRECISIONS = ("fp32", "bf16")
"""Single precision throughout, or autocast to bfloat16."""


def at_precision(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """Autocast to bfloat16 for "bf16"; nothing for "fp32"."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else nullcontext()


def in_precision(module: Module, precision: str, device: torch.device) -> Module:
    """The module itself, whose forward pass runs at a precision from here on. A copy of it would run the original."""
    if precision == "bf16":
        module.forward = at_precision(precision, device)(module.forward)  # type: ignore[operator]
    return module


def full_single_precision() -> None:
    """No TF32 on CUDA: by default torch lets cuDNN's LSTM and convolutions use it, and matrix products not."""
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


@contextmanager
def intra_op_threads(count: int) -> Iterator[None]:
    """So many threads inside an operator, and afterwards as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
