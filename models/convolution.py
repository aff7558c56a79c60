"""Dilated convolution of (B, L, D), causal or not, through the fastest of several equal ways on a CPU.

Which way is fastest depends on sizes alone, so it is chosen by sizes, never by a clock. All of them were measured on an
AMD EPYC with AVX-512, in one interleaved run.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from models.dense import POSITIONS, as_rows, product

WORTH_TAPS = 1 << 13
"""Channels in times channels out times the share of the length that a dilation skips, from which a product for each
tap is faster than one convolution, most of whose taps meet padding."""
WIDE_TAPS = 1 << 16
"""Channels in times channels out from which the gradient of the weights is faster tap by tap: oneDNN's own reaches 0.85
of the machine's rate at 128 by 128 channels, but 0.7 at 256 and 0.55 at 512; tap by tap it is 0.8 at either."""


def dilated_convolution(x: Tensor, weight: Tensor, bias: Tensor | None, dilation: int, ahead: int = 0) -> Tensor:
    """x (B, L, D), weight (C, D, k), bias (C,) -> (B, L, C), contiguous; zeros outside the sequence.

    The last `ahead` of the k taps lie after the position: with none, nothing comes from the future.

    With channels last, as they are anyway, oneDNN is up to twice as fast as on the (B, D, L) of nn.Conv1d. The result
    is contiguous: on a transposed one the backward pass of GELU falls off its vectorised path.
    """
    size, length = weight[:, :, 0].numel(), x.shape[1]
    in_rows = x.numel() % (POSITIONS * x.shape[-1]) == 0
    if dilation % POSITIONS == 0 and dilation * size >= length * WORTH_TAPS:
        return _by_taps(x, weight, bias, dilation, ahead)
    padded = F.pad(x, (0, 0, (weight.shape[2] - 1 - ahead) * dilation, ahead * dilation))
    if size >= WIDE_TAPS and in_rows:
        return _WideConvolution.apply(padded, weight, bias, dilation)  # type: ignore[no-any-return]
    return _convolved(padded, weight, bias, dilation)


def _convolved(padded: Tensor, weight: Tensor, bias: Tensor | None, dilation: int) -> Tensor:
    out = F.conv2d(_channels_last(padded), weight.unsqueeze(2), bias, dilation=(1, dilation))
    return out.squeeze(2).transpose(1, 2).contiguous()


def _channels_last(x: Tensor) -> Tensor:
    """(B, L, D) as an image (B, D, 1, L) whose channels lie together: no copy."""
    return x.transpose(1, 2).unsqueeze(2)


def _by_taps(x: Tensor, weight: Tensor, bias: Tensor | None, dilation: int, ahead: int) -> Tensor:
    """The same, a dense product for each tap, over the positions where it does not lie in the padding."""
    taps = weight.unbind(2)[::-1]
    out = product(x, taps[ahead], bias)
    for back, tap in enumerate(taps, start=-ahead):
        before, after = max(0, back * dilation), max(0, -back * dilation)
        if 0 < before + after < x.shape[1]:
            seen = x[:, after : x.shape[1] - before]
            out = out + F.pad(product(seen, tap), (0, 0, before, after))
    return out


class _WideConvolution(torch.autograd.Function):
    """The convolution of a padded input, whose weights' gradient is found tap by tap."""

    @staticmethod
    def forward(ctx: Any, padded: Tensor, weight: Tensor, bias: Tensor | None, dilation: int) -> Tensor:
        ctx.save_for_backward(padded, weight)
        ctx.dilation = dilation
        return _convolved(padded, weight, bias, dilation)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
        padded, weight = ctx.saved_tensors
        gradient = gradient.contiguous()
        wants_input, wants_weight, wants_bias, _ = ctx.needs_input_grad
        of_input = of_weight = None
        if wants_input:
            image = _backward(
                _channels_last(gradient),
                _channels_last(padded),
                weight.unsqueeze(2),
                ctx.dilation,
                (True, False, False),
            )[0]
            of_input = image.squeeze(2).transpose(1, 2)
        if wants_weight:
            of_weight = _taps_of_weight(padded, gradient, weight, ctx.dilation)
        return of_input, of_weight, gradient.flatten(0, 1).sum(0) if wants_bias else None, None


def _taps_of_weight(padded: Tensor, gradient: Tensor, weight: Tensor, dilation: int) -> Tensor:
    """Gradient of the weights (C, D, k): for each tap that of a dense product."""
    found = torch.empty_like(weight)
    one_tap = weight[:, :, :1, None]
    rows = as_rows(gradient)
    for tap in range(weight.shape[2]):
        seen = as_rows(padded[:, tap * dilation : tap * dilation + gradient.shape[1]])
        found[:, :, tap] = _backward(rows, seen, one_tap, 1, (False, True, False))[1][:, :, 0, 0]
    return found


def _backward(
    gradient: Tensor, x: Tensor, weight: Tensor, dilation: int, wanted: tuple[bool, bool, bool]
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of a convolution along the last axis of images: of the input, the weights and the bias, if wanted."""
    return torch.ops.aten.convolution_backward(  # type: ignore[no-any-return]
        gradient, x, weight, [0], [1, 1], [0, 0], [1, dilation], False, [0, 0], 1, wanted
    )
