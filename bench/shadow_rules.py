"""How each ATen operator carries shadows from its operands to its outputs, and what it costs.

K is the length of a reduction; log K stands for ceil(log2 K). Prices in scalar operations:

    element-wise              depth 1                    work 1 per output element, exp and GELU no more than a sum
    matrix product            depth 1 + log K, +1 bias   work 2K - 1, +1 bias, per output element
    convolution               the same with K = input channels per group times taps
    sum, maximum              depth log K, +1 mean       work K - 1, +1 mean, per output element
    running sum over n        depth log n                work sum over i < log n of (n - 2^i) (Hillis and Steele 1986)
    softmax over n            depth 3 + 2 log n          work 5n - 2 per row
    layer norm over d         depth 7 + 2 log d, +1 for each of gain and shift; work 5d + 2, +d for each, per row
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from bench.shadow import Call, OpaqueOperator, Price, Rule, ShadowMode, tensors_in
from bench.shadow_products import convolution, matrix_product
from models.architecture import ceil_log2


def elementwise(mode: ShadowMode, call: Call) -> list[Tensor]:
    """One operation per output element; operands broadcast."""
    (output,) = call.outputs
    return [_broadcast(mode, call) + mode.charge(Price(1, output.numel()))]


def elementwise_product(mode: ShadowMode, call: Call) -> list[Tensor]:
    """One operation per output element; where a factor is zero whatever the input, so is the product."""
    (output,), (shadow,) = call.outputs, elementwise(mode, call)
    for factor in tensors_in([call.arguments["self"], call.arguments["other"]]):
        # The written factor of an in-place product no longer has the value it had.
        zeros = None if factor is output else mode.constant_zeros(factor)
        if zeros is not None:
            shadow = shadow.masked_fill(zeros, mode.semiring.empty)
    return [shadow]


def identity(mode: ShadowMode, call: Call) -> list[Tensor]:
    """Copies and casts: the shadow goes along, at no cost."""
    return [_broadcast(mode, call)]


def creation(mode: ShadowMode, call: Call) -> list[None]:
    """`zeros_like` and its kin take a shape and no values."""
    return [None for _ in call.outputs]


def overwrite(mode: ShadowMode, call: Call) -> list[Tensor]:
    """`zero_` and `fill_` with a number: nothing of the input is left."""
    (output,) = call.outputs
    if any(mode.shadow(t) is not None for t in tensors_in([call.arguments.get("value")])):
        raise OpaqueOperator(call.function, "it writes one input-dependent number everywhere")
    shadow = mode.shadow(output)
    assert shadow is not None
    return [torch.full_like(shadow, mode.semiring.empty)]


def movement(mode: ShadowMode, call: Call) -> list[Tensor]:
    """Operators that only move elements: replayed on labels, they tell themselves where each element came from.

    Label 0 stands for constants, such as padding.
    """
    if call.arguments.get("accumulate"):
        raise OpaqueOperator(call.function, "it accumulates")
    table: list[Tensor] = []
    taken = 1

    def label(value: Tensor) -> Tensor:
        nonlocal taken
        shadow = mode.shadow(value)
        if shadow is None:
            return torch.zeros(value.shape, dtype=torch.int64)
        table.append(shadow.flatten(1))
        taken += value.numel()
        return torch.arange(taken - value.numel(), taken).reshape(value.shape)

    replay: dict[str, Any] = {}
    for name, value in call.arguments.items():
        if name in _SELECTORS and any(mode.shadow(t) is not None for t in tensors_in([value])):
            raise OpaqueOperator(call.function, "what it selects depends on the input")
        if name in _DATA and isinstance(value, list | tuple):
            value = [label(v) for v in value]
        elif name in _DATA:
            value = label(value) if isinstance(value, Tensor) else 0
        replay[name] = value
    origins = list(tensors_in([call.function(**replay)]))
    blank = torch.full((table[0].shape[0], 1), mode.semiring.empty)
    shadows = torch.cat([blank, *table], 1)
    return [shadows[:, origin.flatten()].unflatten(1, origin.shape) for origin in origins]


def selection(mode: ShadowMode, call: Call) -> list[Tensor]:
    """`where` and `masked_fill`: one operation per element; a constant condition cuts the operand it does not take."""
    condition = call.arguments["mask" if "mask" in call.arguments else "condition"]
    if mode.shadow(condition) is not None:
        return elementwise(mode, call)
    (output,) = call.outputs
    return [movement(mode, call)[0] + mode.charge(Price(1, output.numel()))]


def reduction(mode: ShadowMode, call: Call) -> list[Tensor]:
    """Sums and extrema over some or all dimensions."""
    operand, (output,) = call.arguments["self"], call.outputs
    size = operand.numel() // max(1, output.numel())
    extra = int(call.function.overloadpacket.__name__ == "mean")
    step = mode.charge(Price(ceil_log2(size) + extra, output.numel() * (size - 1 + extra)))
    dims = call.arguments.get("dim")
    if dims is None or dims == []:
        dims = range(operand.dim())
    shadow = _live(mode, operand).unsqueeze(-1)  # so that a single number has a dimension to reduce over
    dims = [-1, *(d % operand.dim() + 1 for d in ([dims] if isinstance(dims, int) else dims))]
    return [mode.semiring.reduce(shadow, dims).reshape(-1, *output.shape) + step]


def running_sum(mode: ShadowMode, call: Call) -> list[Tensor]:
    """`cumsum` and `cumprod`, as a parallel scan."""
    operand, dim = call.arguments["self"], call.arguments["dim"] % call.arguments["self"].dim()
    size = operand.shape[dim]
    stages = ceil_log2(size)
    additions = stages * size - (2**stages - 1)
    step = mode.charge(Price(stages, operand.numel() // size * additions))
    return [mode.semiring.accumulate(_live(mode, operand), dim + 1).values + step]


def softmax(mode: ShadowMode, call: Call) -> list[Tensor]:
    """A score of minus infinity neither feeds its row nor is fed by it: its probability is exactly zero."""
    scores, (output,) = call.arguments["self"], call.outputs
    dim = call.arguments["dim"] % scores.dim()
    size = scores.shape[dim]
    step = mode.charge(Price(3 + 2 * ceil_log2(size), output.numel() // size * (5 * size - 2)))
    shadow = _live(mode, scores)
    masked = scores == -math.inf
    row = mode.semiring.reduce(shadow.masked_fill(masked, mode.semiring.empty), dim + 1, keepdim=True) + step
    return [row.expand_as(shadow).masked_fill(masked, mode.semiring.empty)]


def layer_norm(mode: ShadowMode, call: Call) -> list[Tensor]:
    """`native_layer_norm`: output, mean and inverse deviation; the latter two get the output's shadow."""
    operand, shape = call.arguments["input"], call.arguments["normalized_shape"]
    size = math.prod(shape)
    affine = sum(call.arguments.get(name) is not None for name in ("weight", "bias"))
    rows = operand.numel() // size
    step = mode.charge(Price(7 + 2 * ceil_log2(size) + affine, rows * (5 * size + 2 + affine * size)))
    if any(mode.shadow(call.arguments.get(name)) is not None for name in ("weight", "bias")):
        raise OpaqueOperator(call.function, "its gain or shift depends on the input")
    dims = tuple(range(-len(shape), 0))
    row = mode.semiring.reduce(_live(mode, operand), dims, keepdim=True) + step
    # PyTorch keeps mean and deviation for the backward pass only; no forward path goes through them.
    return [row.expand(-1, *operand.shape), *(row.reshape(-1, *t.shape) for t in call.outputs[1:])]


_SELECTORS = ("index", "indices", "mask", "condition")
"""Schema names of the arguments that say which elements a movement takes."""

_DATA = ("self", "src", "tensors", "other", "value", "values")
"""Schema names of the arguments whose elements it moves; plain numbers among them are constants."""

RULES: dict[str, Rule] = {
    **dict.fromkeys(("mm", "bmm", "addmm", "baddbmm"), matrix_product),
    "convolution": convolution,
    "mul": elementwise_product,
    **dict.fromkeys(("_softmax", "_safe_softmax"), softmax),
    "native_layer_norm": layer_norm,
    **dict.fromkeys(("sum", "mean", "amax", "amin"), reduction),
    **dict.fromkeys(("cumsum", "cumprod"), running_sum),
    **dict.fromkeys(("where", "masked_fill"), selection),
    **dict.fromkeys(("clone", "_to_copy"), identity),
    **dict.fromkeys(("zero", "fill"), overwrite),
    **dict.fromkeys(("empty_like", "zeros_like", "ones_like", "full_like"), creation),
    **dict.fromkeys(("new_empty", "new_zeros", "new_ones", "new_full"), creation),
    **dict.fromkeys(("cat", "stack", "constant_pad_nd", "copy", "roll", "flip", "repeat", "tril", "triu"), movement),
    **dict.fromkeys(("gather", "index", "index_select", "index_put", "slice_scatter", "select_scatter"), movement),
    **dict.fromkeys(("split_with_sizes_copy", "unfold_copy"), movement),
}
"""Rule by ATen name, without the underscore of the in-place form."""


def find_rule(function: torch._ops.OpOverload) -> Rule:
    """The rule of an operator; a rule that refuses, naming the operator, where there is none."""
    name = function.overloadpacket.__name__
    name = name.removesuffix("_") if function._schema.is_mutable else name
    if function.namespace == "aten" and name in RULES:
        return RULES[name]
    single = len(function._schema.returns) == 1 and isinstance(function._schema.returns[0].type, torch.TensorType)
    if function.namespace == "aten" and torch.Tag.pointwise in function.tags and single:
        return elementwise
    raise OpaqueOperator(function)


def _broadcast(mode: ShadowMode, call: Call) -> Tensor:
    """Operands' shadows combined and broadcast to the one output."""
    (output,) = call.outputs
    combined: Tensor | None = None
    operands = list(tensors_in(call.arguments.values()))
    if torch.broadcast_shapes(*(t.shape for t in operands)) != output.shape:
        raise OpaqueOperator(call.function, "its output does not have the shape of its operands")
    for tensor in operands:
        shadow = mode.shadow(tensor)
        if shadow is not None:
            aligned = shadow.reshape(-1, *(1,) * (output.dim() - tensor.dim()), *tensor.shape)
            combined = aligned if combined is None else mode.semiring.combine(combined, aligned)
    assert combined is not None, "a rule is only called where an operand depends on the input"
    return combined.expand(-1, *output.shape)


def _live(mode: ShadowMode, tensor: Tensor) -> Tensor:
    """The shadow of an operator's one data operand."""
    shadow = mode.shadow(tensor)
    assert shadow is not None, "a rule is only called where an operand depends on the input"
    return shadow
