"""Rules of the operators that multiply and add: matrix products and convolutions. Prices: bench/shadow_rules.py."""

from __future__ import annotations

import functools

import torch
from torch import Tensor
from torch.nn import functional as F

from bench.shadow import Call, OpaqueOperator, Price, ShadowMode
from models.architecture import ceil_log2

_OPERANDS = {
    "mm": ("self", "mat2", None),
    "bmm": ("self", "mat2", None),
    "addmm": ("mat1", "mat2", "self"),
    "baddbmm": ("batch1", "batch2", "self"),
}
"""Schema names of left factor, right factor and addend."""

_CHUNK = 1 << 24
"""Most numbers held at once by a masked product: 64 MiB."""


def matrix_product(mode: ShadowMode, call: Call) -> list[Tensor]:
    """mm, bmm, addmm, baddbmm: output (m, n) reduces over the K pairs of row m and column n.

    Pairs with a factor that is zero whatever the input drop out, as in masked attention.
    """
    left_name, right_name, addend_name = _OPERANDS[call.function.overloadpacket.__name__.rstrip("_")]
    left, right = call.arguments[left_name], call.arguments[right_name]
    addend = call.arguments[addend_name] if addend_name and call.arguments.get("beta", 1) else None
    (output,) = call.outputs
    size, plus = left.shape[-1], int(addend is not None)
    crossing = int(mode.shadow(left) is None or mode.shadow(right) is None)
    price = Price(1 + ceil_log2(size) + plus, output.numel() * (2 * size - 1 + plus), crossing)
    shadow = (_product_shadow(mode, left, right) + mode.charge(price)).expand(-1, *((1, *output.shape)[-3:]))
    return [_with_addend(mode, shadow.reshape(-1, *output.shape), addend)]


def convolution(mode: ShadowMode, call: Call) -> list[Tensor]:
    """One-dimensional convolution of (B, C, L) with constant weights, all of which count as connections."""
    arguments, (output,) = call.arguments, call.outputs
    data, weight, bias = arguments["input"], arguments["weight"], arguments["bias"]
    shadow = mode.shadow(data)
    if (
        shadow is None
        or mode.shadow(weight) is not None
        or mode.shadow(bias) is not None
        or data.dim() != 3
        or arguments["transposed"]
    ):
        raise OpaqueOperator(call.function, "only a plain 1-D convolution with constant weights has a rule")
    channels, taps = weight.shape[1:]
    groups = arguments["groups"]
    size, plus = channels * taps, int(bias is not None)
    price = Price(1 + ceil_log2(size) + plus, output.numel() * (2 * size - 1 + plus), 1)
    (stride,), (padding,), (dilation,) = arguments["stride"], arguments["padding"], arguments["dilation"]
    row = mode.semiring.reduce(shadow.unflatten(2, (groups, channels)), 3)
    row = F.pad(row, (padding, padding), value=mode.semiring.empty)
    span = (output.shape[-1] - 1) * stride + 1
    windows = [row[..., tap * dilation : tap * dilation + span : stride] for tap in range(taps)]
    combined = functools.reduce(mode.semiring.combine, windows) + mode.charge(price)
    return [combined.repeat_interleave(weight.shape[0] // groups, 2)]


def _product_shadow(mode: ShadowMode, left: Tensor, right: Tensor) -> Tensor:
    """Shadow (S, B, M or 1, N or 1) of left (B, M, K) @ right (B, K, N), B = 1 where absent; before its cost."""
    from_left, from_right = _batched(mode.shadow(left)), _batched(mode.shadow(right))
    parts = []
    if from_left is not None:
        parts.append(_reduced(mode, from_left.mT, mode.constant_zeros(right.mT)).mT)
    if from_right is not None:
        parts.append(_reduced(mode, from_right, mode.constant_zeros(left)))
    return functools.reduce(mode.semiring.combine, parts)


def _reduced(mode: ShadowMode, right: Tensor, absent: Tensor | None) -> Tensor:
    """Reduce right (S, B, K, N) over K for each row of absent (B, M, K), without the pairs it marks: (S, B, M, N).

    M is 1 where nothing is absent, B may be missing in `absent`.
    """
    if absent is None:
        return mode.semiring.reduce(right, 2, keepdim=True)
    absent = absent.reshape(-1, *absent.shape[-2:])
    sources, batch, size, columns = right.shape
    if torch.equal(right.amin(3), right.amax(3)):  # mostly so: a linear layer makes the features of a position alike
        right, columns = right[..., :1], 1
    rows = max(1, _CHUNK // (sources * batch * size * columns))
    blocks = []
    for marked in absent.split(rows, dim=1):
        terms = right[:, :, None].masked_fill(marked[..., None], mode.semiring.empty)
        blocks.append(mode.semiring.reduce(terms, 3))
    return torch.cat(blocks, 2)


def _batched(shadow: Tensor | None) -> Tensor | None:
    return shadow.unsqueeze(1) if shadow is not None and shadow.dim() == 3 else shadow


def _with_addend(mode: ShadowMode, shadow: Tensor, addend: Tensor | None) -> Tensor:
    """Combine the shadow of a product with that of the input-dependent tensor added to it."""
    from_addend = mode.shadow(addend)
    if addend is None or from_addend is None:
        return shadow
    aligned = from_addend.reshape(-1, *(1,) * (shadow.dim() - 1 - addend.dim()), *addend.shape)
    return mode.semiring.combine(shadow, aligned + mode.step(Price(1, 0)))
