"""Gradient reach, and the bytes a forward pass keeps for backward."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn


def saved_bytes(module: nn.Module, example: Tensor) -> int:
    """Bytes that one training-time forward pass keeps for the backward pass.

    Distinct storages handed to autograd; parameters and buffers left out, which exist anyway. `example` is any batch
    (B, L, D) on the module's device, taken to need a gradient as an embedding's output does. Counted as shipped, fused
    kernels and their workspaces included.
    """
    persistent = {_address(t) for t in [*module.parameters(), *module.buffers()]}
    kept: dict[int, torch.UntypedStorage] = {}

    def pack(tensor: Tensor) -> Tensor:
        if _address(tensor) not in persistent:
            # Holding the storage keeps its address from being given to the next one.
            kept[_address(tensor)] = tensor.untyped_storage()
        return tensor

    modes = {part: part.training for part in module.modules()}
    inputs = example.detach().clone().requires_grad_()
    try:
        module.train()
        with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            module(inputs)
    finally:
        for part, training in modes.items():
            part.training = training
    return sum(storage.nbytes() for storage in kept.values())


def gradient_reach(module: nn.Module, embeddings: Tensor, generator: torch.Generator) -> Tensor:
    """Mean norm of d(v . output at the last position) / d embedding at distance 0..L-1 back: (L,) float64 on the CPU.

    v is standard normal, one a sequence, from a CPU generator; the mean is over the batch of `embeddings` (B, L, D).
    Runs a float64 copy of the module, since the gradient of a default LSTM underflows float32 after some 200 steps.
    """
    double = copy.deepcopy(module).double().train()
    inputs = embeddings.detach().double().requires_grad_()
    with torch.enable_grad():
        result = double(inputs)
        output = result if isinstance(result, Tensor) else result[0]
        last = output[:, -1]
        direction = torch.randn(last.shape, generator=generator, dtype=torch.float64).to(last.device)
        (gradient,) = torch.autograd.grad((direction * last).sum(), inputs)
    return gradient.norm(dim=-1).mean(0).flip(0).cpu()


def half_length(reach: Tensor) -> float:
    """Positions over which gradient reach halves: least squares of log reach (L,) on distance.

    Distance 0 is left out, where a residual connection adds a constant, and so is everything from the first
    value too small for float64's full precision on. Infinite where reach does not decay; 0 where fewer than two
    distances are left, for then nothing reaches beyond the position itself.
    """
    floor = torch.finfo(torch.float64).tiny
    usable = (reach[1:].double() > floor).long().cumprod(0).bool()
    if int(usable.sum()) < 2:
        return 0.0
    logs = reach[1:].double()[usable].log()
    distance = torch.arange(len(logs), dtype=torch.float64)
    centred = distance - distance.mean()
    slope = float((centred * logs).sum() / centred.square().sum())
    return -math.log(2) / slope if slope < 0 else math.inf


def _address(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata
