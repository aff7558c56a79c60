"""Shadow execution: run a module for real and carry, beside every element, its distance in operations from the input.

A `TorchDispatchMode` sees every ATen operator after autograd and composite operators are gone. Each storage that
depends on the input gets a shadow of shape (S, storage size), S sources; the shadow of any tensor is the same strided
view of its storage's shadow, so views and in-place writes need no rule of their own. Two semirings share the engine:
(max, +) from one source gives the critical path, (min, +) from S sources the shortest paths. Work and span are those
of Brent's model (Brent 1974, J. ACM 21(2)).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode


class OpaqueOperator(ValueError):  # noqa: N818 - a refusal, named after what is refused
    """An operator whose inside the tracer cannot see; the message names it."""

    def __init__(self, operator: object, why: str = "no rule says how its outputs depend on its inputs") -> None:
        super().__init__(
            f"cannot trace through {operator}: {why}; run an unfused path, or add a rule to bench/shadow_rules.py"
        )


class Price(NamedTuple):
    """What one executed operator costs. All zeros: it only moves data."""

    depth: int
    """Scalar operations on the longest chain through one output element, reductions as balanced trees."""
    work: int
    """Scalar operations over all output elements; a multiply-add is two."""
    crossings: int = 0
    """1 for a product with weights: a matrix product or convolution with an operand that ignores the input."""


class CostModel(NamedTuple):
    """How a price becomes the length of a step and an amount of work."""

    depth: Callable[[Price], int]
    work: Callable[[Price], int]


COST_MODELS: dict[str, CostModel] = {
    # Every operator is one step: the "sequential operations" of Vaswani et al. 2017, Table 1. Work counts operators.
    "kernel": CostModel(lambda price: int(price.depth > 0), lambda price: int(price.depth > 0)),
    # Scalar operations with concurrent reads (CREW PRAM): JaJa 1992, An Introduction to Parallel Algorithms, ch. 1.
    "pram": CostModel(lambda price: price.depth, lambda price: price.work),
    # Only crossings of a weight matrix count: what a gradient is multiplied by on its way.
    "weights": CostModel(lambda price: price.crossings, lambda price: price.crossings),
}


@dataclass(frozen=True)
class Semiring:
    """How the shadows of several operands become one; `empty` marks elements that no input reaches."""

    empty: float
    combine: Callable[[Tensor, Tensor], Tensor]
    reduce: Callable[..., Tensor]
    accumulate: Callable[..., Any]


LONGEST = Semiring(-inf, torch.maximum, torch.amax, torch.cummax)
SHORTEST = Semiring(inf, torch.minimum, torch.amin, torch.cummin)


class Call(NamedTuple):
    """One executed operator with its arguments by schema name and its tensor outputs."""

    function: torch._ops.OpOverload
    arguments: dict[str, Any]
    outputs: list[Tensor]


_SWEEP_BYTES = 1 << 26
"""Shadows of freed storages are dropped each time this much was added."""

Rule = Callable[["ShadowMode", Call], Sequence[Tensor | None]]
"""Shadows (S, *shape) of the outputs, in order, with the operator's own cost added; None for a new constant."""


class ShadowMode(TorchDispatchMode):
    """Carries shadows while active. Raises OpaqueOperator where an operator without a rule meets the input.

    Operators none of whose operands depends on the input (masks, position tables, the first zero state) could be
    carried out before the input arrives: they count neither in span nor in work.
    """

    def __init__(
        self,
        find_rule: Callable[[torch._ops.OpOverload], Rule],
        semiring: Semiring,
        cost_model: CostModel,
        parameters: Iterable[Tensor],
    ) -> None:
        super().__init__()
        self.semiring = semiring
        self.work = 0
        self._find_rule = find_rule
        self._cost_model = cost_model
        self._parameters = {_key(p): p for p in parameters}
        self._shadows: dict[int, tuple[StorageWeakRef, Tensor]] = {}
        self._fresh_bytes = 0
        self._known: dict[torch._ops.OpOverload, tuple[Rule, list[str]]] = {}

    def __torch_dispatch__(
        self,
        function: torch._ops.OpOverload,
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if torch.Tag.nondeterministic_seeded in function.tags:
            raise OpaqueOperator(function, "it is random, so the trace would be too (set dropout to 0)")
        result = function(*args, **(kwargs or {}))
        operands = list(tensors_in([*args, *(kwargs or {}).values()]))
        if not any(_key(t) in self._shadows for t in operands):
            return result
        outputs = list(tensors_in([result]))
        inputs = {_key(t) for t in operands}
        writes = function._schema.is_mutable and torch.Tag.inplace_view not in function.tags
        if outputs and not writes and all(_key(t) in inputs for t in outputs):
            return result  # a view: its storage has its shadow already
        if function not in self._known:
            self._known[function] = self._find_rule(function), [a.name for a in function._schema.arguments]
        rule, names = self._known[function]
        call = Call(function, dict(zip(names, args, strict=False)) | dict(kwargs or {}), outputs)
        for output, shadow in zip(outputs, rule(self, call), strict=True):
            if shadow is not None:
                self.store(output, shadow)
        return result

    def shadow(self, tensor: object) -> Tensor | None:
        """Shadow (S, *shape) of a tensor, a view to read from; None for what ignores the input."""
        entry = self._shadows.get(_key(tensor)) if isinstance(tensor, Tensor) else None
        if entry is None or not isinstance(tensor, Tensor):
            return None
        whole = entry[1]
        if whole.shape[1] * tensor.element_size() != tensor.untyped_storage().nbytes():
            raise OpaqueOperator("a view", f"it reinterprets memory as {tensor.dtype} or resizes it")
        return _as_view(whole, tensor)

    def store(self, tensor: Tensor, shadow: Tensor) -> None:
        """Write the shadow of a tensor; elements of the same storage outside of it keep theirs."""
        target = self.shadow(tensor)
        if target is None:
            storage = tensor.untyped_storage()
            size = (shadow.shape[0], storage.nbytes() // tensor.element_size())
            whole = torch.full(size, self.semiring.empty, dtype=torch.float32)
            self._drop_dead(whole.nbytes)
            self._shadows[_key(tensor)] = StorageWeakRef(storage), whole
            target = _as_view(whole, tensor)
        target.copy_(shadow)

    def charge(self, price: Price) -> int:
        """Add an operator's work to the total and return the length of its step."""
        self.work += self._cost_model.work(price)
        return self.step(price)

    def step(self, price: Price) -> int:
        """Length of a step of this price, without counting its work."""
        return self._cost_model.depth(price)

    def constant_zeros(self, tensor: Tensor) -> Tensor | None:
        """Where a tensor is exactly zero whatever the input, so that a product with it is too; None when nowhere.

        Masked probabilities and triangular matrices, say. A parameter's zeros will not stay zero and do not count,
        nor do activations that happen to be zero or to underflow.
        """
        if _key(tensor) in self._parameters:
            return None
        zeros, shadow = tensor == 0, self.shadow(tensor)
        if shadow is not None and bool(zeros.any()):
            zeros &= (shadow == self.semiring.empty).all(0)
        return zeros if bool(zeros.any()) else None

    def _drop_dead(self, new_bytes: int) -> None:
        """Forget shadows of freed storages every now and then."""
        self._fresh_bytes += new_bytes
        if self._fresh_bytes > _SWEEP_BYTES:
            self._shadows = {key: entry for key, entry in self._shadows.items() if not entry[0].expired()}
            self._fresh_bytes = 0


def tensors_in(values: Iterable[Any]) -> Iterator[Tensor]:
    """Tensors among arguments or results, lists of tensors included."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from tensors_in(value)


def _as_view(whole: Tensor, tensor: Tensor) -> Tensor:
    size, stride = (whole.shape[0], *tensor.shape), (whole.shape[1], *tensor.stride())
    return torch.as_strided(whole, size, stride, tensor.storage_offset())


def _key(tensor: Tensor) -> int:
    # A weak reference keeps the address from being given out again, so it names the storage for good.
    return tensor.untyped_storage()._cdata
