"""How far the last output of a CNN sees, layer by layer, and one convolution worked through in numbers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from bench.anatomy.flow import Call


def levels(blocks: list[Call], convolutions: list[Call], answer: Tensor) -> list[dict[str, Any]]:
    """For each block, first to last, the positions of its input that reach the last output, by its taps.

    Positions before the first are padding. `gradient` is the norm of d answer / d input at each of the L positions:
    taken from the running model, it must vanish wherever no tap leads.
    """
    gradients = torch.autograd.grad(answer, [block.inputs[0] for block in blocks], retain_graph=True)
    last = blocks[0].inputs[0].shape[1] - 1
    reached, found = {last}, []
    for block, convolution, gradient in reversed(list(zip(blocks, convolutions, gradients, strict=True))):
        taps = _taps(convolution.module)
        reached = {position - tap for position in reached for tap in taps}
        found.append(
            {
                "path": block.path,
                "dilation": _conv(convolution.module).dilation[0],
                "taps": taps,
                "positions": sorted(reached),
                "gradient": gradient[0].norm(dim=-1).tolist(),
            }
        )
    return found[::-1]


def worked_output(convolution: Call) -> dict[str, Any]:
    """The last position of one convolution, in the channel that answers the most strongly."""
    module = _conv(convolution.module)
    padded = convolution.inputs[0].detach()[0].double()  # (D, L + padding)
    recorded = convolution.outputs[0].detach()[0, :, -1].double()
    taps = [-1 - tap for tap in _taps(module)]
    inputs = padded[:, taps].T
    weight = module.weight.detach().double()
    bias = torch.zeros_like(recorded) if module.bias is None else module.bias.detach().double()
    sums = torch.einsum("td,cdt->ct", inputs, weight)
    channel = int(recorded.abs().argmax())
    length = convolution.outputs[0].shape[-1]
    return {
        "path": convolution.path,
        "channel": channel,
        "positions": [length + tap for tap in taps],
        "inputs": inputs.tolist(),
        "weights": weight[channel].T.tolist(),
        "sums": sums[channel].tolist(),
        "bias": float(bias[channel]),
        "output": float(sums[channel].sum() + bias[channel]),
        "recorded": float(recorded[channel]),
        "difference": float((sums.sum(dim=1) + bias - recorded).abs().max()),
    }


def _taps(module: nn.Module) -> list[int]:
    """How far back each tap looks, the farthest first, as the weights lie."""
    conv = _conv(module)
    return [index * conv.dilation[0] for index in reversed(range(conv.kernel_size[0]))]


def _conv(module: nn.Module) -> nn.Conv1d:
    assert isinstance(module, nn.Conv1d)
    return module
