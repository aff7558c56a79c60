"""What a model costs: trainable numbers and floating-point operations.

One multiplication with its addition is 2 FLOPs, and only matrix-like operations count: element-wise ones, norms,
softmax and table look-ups are 0. A causal mask saves nothing, the full L x L matrix counts. These are the
conventions of torch's own counter, which on the CPU silently skips its fused attention and LSTM kernels; hence
closed forms for what we ship, and counting on the meta device for a stranger's.
"""

from __future__ import annotations

from functools import cache
from typing import Protocol, runtime_checkable

import torch
from torch.utils.flop_counter import FlopCounterMode

from models.architecture import Architecture, Interface, SequenceModel, Size, count_parameters


@runtime_checkable
class ClosedForm(Protocol):
    """An architecture that knows its cost without being built."""

    def closed_parameters(self, size: Size, interface: Interface) -> int:
        """Trainable numbers of the core."""

    def closed_flops(self, size: Size, interface: Interface) -> int:
        """FLOPs of the core's forward pass over one sequence of L positions."""


def core_parameters(architecture: Architecture, size: Size, interface: Interface) -> int:
    """Trainable numbers of the core at this size: what the budget is about."""
    if isinstance(architecture, ClosedForm):
        return architecture.closed_parameters(size, interface)
    return count_parameters(_on_meta(architecture, size, interface).core)


def forward_flops(architecture: Architecture, size: Size, interface: Interface, batch: int = 1) -> int:
    """FLOPs of one forward pass of the whole model over `batch` sequences of L positions."""
    model = _on_meta(architecture, size, interface)
    if not isinstance(architecture, ClosedForm):
        return counted_flops(model, interface, batch)
    shell = 2 * interface.length * (interface.features * size.width + model.readout.in_features * interface.outputs)
    return batch * (architecture.closed_flops(size, interface) + shell)


@cache
def train_step_flops(architecture: Architecture, size: Size, interface: Interface, batch: int = 1) -> int:
    """FLOPs of one training step, as three forward passes: the backward pass has two products for each product.

    Kaplan et al. 2020, section 2.1. A little over the exact count: nothing is passed back into real-valued inputs.
    """
    return 3 * forward_flops(architecture, size, interface, batch)


def counted_flops(model: SequenceModel, interface: Interface, batch: int = 1) -> int:
    """FLOPs of a forward pass by torch's counter, for any model on the meta device, where no kernel is hidden.

    Raises ValueError for a model elsewhere.
    """
    if any(not parameter.is_meta for parameter in model.parameters()):
        raise ValueError("FLOPs are counted on the meta device only, since the CPU's fused kernels go uncounted there")
    shape = (batch, interface.length)
    if interface.vocabulary:
        inputs = torch.zeros(shape, dtype=torch.long, device="meta")
    else:
        inputs = torch.zeros(*shape, interface.features, device="meta")
    with FlopCounterMode(display=False) as counter:
        model(inputs)
    return counter.get_total_flops()


def _on_meta(architecture: Architecture, size: Size, interface: Interface) -> SequenceModel:
    with torch.device("meta"):
        return SequenceModel(size.width, architecture.core(size, interface), interface)
