"""What the structure of a running module decides: span, work, path lengths and reach, exact and without a clock.

Sequential operations and maximum path length are the columns of Vaswani et al. 2017 (arXiv 1706.03762), Table 1.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from bench.shadow import COST_MODELS, LONGEST, SHORTEST, OpaqueOperator, Semiring, ShadowMode, tensors_in
from bench.shadow_rules import find_rule

__all__ = ["COST_MODELS", "OpaqueOperator", "Trace", "shortest_paths", "structural_reach", "trace"]


@dataclass(frozen=True)
class Trace:
    """Span and work of one training-time forward pass, in operations of one cost model."""

    span: int
    """Operations on the longest chain from any input element to any output element."""
    work: int
    """All operations that depend on the input. Under "pram" scalar operations: a multiply-add is two."""

    @property
    def parallelism(self) -> float:
        """Work over span: the number of processors beyond which more cannot help (Brent 1974)."""
        return self.work / self.span if self.span else math.inf


def trace(module: nn.Module, example: Tensor, cost_model: str = "pram") -> Trace:
    """Span and work of a module at one length.

    `example` is (1, L, D), floating point, on the CPU; the module's output, or the first of several, may have any
    shape. Cost models: "kernel" (an operator is one step), "pram" (scalar operations, reductions as trees),
    "weights" (only products with weights count). Raises OpaqueOperator, a ValueError, on what cannot be seen into.
    """
    mode, _, shadow = _run(module, example, torch.zeros(1, *example.shape), LONGEST, cost_model)
    reached = shadow[shadow.isfinite()]
    if reached.numel() == 0:
        raise ValueError("no output depends on the input, so there is no span; check the module's forward")
    return Trace(span=int(reached.max()), work=mode.work)


def shortest_paths(module: nn.Module, example: Tensor, cost_model: str = "kernel") -> Tensor:
    """Least number of operations from input position i to output position j: (L, L), infinite where there is no path.

    `example` is (1, L, D) on the CPU and the module keeps positions: (1, L, D) -> (1, L, any). Memory grows with L
    times the activations. Raises OpaqueOperator, a ValueError, on what cannot be seen into.
    """
    length = example.shape[1] if example.dim() == 3 else 0
    sources = torch.full((length, *example.shape), math.inf)
    sources[range(length), :, range(length)] = 0
    _, output, shadow = _run(module, example, sources, SHORTEST, cost_model)
    if output.dim() != 3 or output.shape[:2] != example.shape[:2]:
        raise ValueError(f"path lengths need an output (1, {length}, any), the module gave {tuple(output.shape)}")
    return shadow.amin((1, 3))


def structural_reach(module: nn.Module, example: Tensor) -> Tensor:
    """Whether any path leads from input position i to output position j: (L, L) bool. As `shortest_paths`."""
    return shortest_paths(module, example).isfinite()


def _run(
    module: nn.Module, example: Tensor, sources: Tensor, semiring: Semiring, cost_model: str
) -> tuple[ShadowMode, Tensor, Tensor]:
    """The training-time forward pass, `sources` (S, 1, L, D) being the input's shadow; mode, output and its shadow."""
    if cost_model not in COST_MODELS:
        raise ValueError(f"unknown cost model {cost_model!r}; one of {', '.join(COST_MODELS)}")
    if example.dim() != 3 or example.shape[0] != 1 or not example.is_floating_point() or not example.numel():
        raise ValueError(f"a trace needs floating-point (1, L, D), got {example.dtype} {tuple(example.shape)}")
    if {example.device.type, *(p.device.type for p in module.parameters())} != {"cpu"}:
        raise ValueError("a trace runs on the CPU; move the module and the example there")
    mode = ShadowMode(find_rule, semiring, COST_MODELS[cost_model], module.parameters())
    with _as_in_training(module), _unfused():
        inputs = example.detach().clone()
        mode.store(inputs, sources)
        # Nothing goes backward: dropping what autograd would keep bounds the memory.
        with torch.autograd.graph.saved_tensors_hooks(lambda _: None, _refuse_backward), mode:
            result = module(inputs)
    output = next(tensors_in([result]), None)
    if output is None:
        raise ValueError(f"a trace needs a module that returns a tensor, got {type(result).__name__}")
    shadow = mode.shadow(output)
    if shadow is None:
        raise ValueError("no output depends on the input; check the module's forward")
    return mode, output, shadow


def _refuse_backward(_: object) -> Tensor:
    raise OpaqueOperator("a backward pass inside forward")


@contextmanager
def _as_in_training(module: nn.Module) -> Iterator[None]:
    """Gradients on and training mode set; every submodule's own mode afterwards as it was."""
    modes = {part: part.training for part in module.modules()}
    try:
        with torch.enable_grad():
            module.train()
            yield
    finally:
        for part, training in modes.items():
            part.training = training


@contextmanager
def _unfused() -> Iterator[None]:
    """Fused kernels off where PyTorch has the same arithmetic written out: LSTM, attention, encoder layers."""
    fast_path = torch.backends.mha.get_fastpath_enabled()
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        # Raised by merely reading and restoring a setting of Intel GPUs.
        warnings.filterwarnings("ignore", message="TF32 acceleration on top of oneDNN")
        stack.enter_context(torch.backends.mkldnn.flags(enabled=False))
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        stack.callback(torch.backends.mha.set_fastpath_enabled, fast_path)
        torch.backends.mha.set_fastpath_enabled(False)
        yield
