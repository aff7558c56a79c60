"""One forward pass as it happened: which modules were called, in what shapes, and what flowed from where to where.

Forward hooks see modules. What happens between them, such as the sum of a residual connection, is seen by a function
mode, which torch asks before every call of one of its functions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

from models.architecture import SequenceModel, count_parameters

CARRYING = {
    *("__get__", "__getitem__", "chunk", "clone", "contiguous", "detach", "expand", "expand_as", "flatten", "flip"),
    *("movedim", "narrow", "pad", "permute", "repeat", "reshape", "roll", "select", "split", "squeeze", "t", "to"),
    *("transpose", "type_as", "unbind", "unflatten", "unsqueeze", "view"),
}
"""Functions that move numbers and leave them as they are: no box is drawn for them."""
ATTENTION, OPERANDS = "scaled_dot_product_attention", ("query", "key", "value", "attn_mask", "dropout_p", "is_causal")
MANY = 8
"""Functions in a module from which on it stays closed: of a loop each turn would be drawn."""


@dataclass
class Call:
    """A module that was called."""

    path: str
    module: nn.Module
    inputs: list[Tensor]
    outputs: list[Tensor] = field(default_factory=list)


@dataclass
class Attended:
    """One call of the attention kernel; all (B, heads, L or S, head width)."""

    path: str
    """Of the module that called it."""
    query: Tensor
    key: Tensor
    value: Tensor
    options: dict[str, Any]
    result: Tensor


@dataclass
class Box:
    """A module, or a function outside of all closed modules, in the order of the calls."""

    path: str
    """Of the module; of the open module that called the function."""
    label: str
    parameters: int | None = None
    """Trainable numbers; None of a function."""
    tables: list[str] = field(default_factory=list)
    """Buffers and parameters that a function reads beside what flows."""


class Flow(TorchFunctionMode):
    """Watches one call of a model. Open modules are drawn with what is in them, the others as one box each."""

    def __init__(self, model: nn.Module, open_paths: set[str]) -> None:
        super().__init__()
        self.model, self.open = model, open_paths
        self.calls: list[Call] = []
        self.attended: list[Attended] = []
        self.boxes: list[Box] = []
        self.arrows: dict[tuple[int, int], list[list[int]]] = {}
        """From box to box: the shapes of the tensors that went along."""
        self._stack: list[Call] = []
        self._closed: Call | None = None
        """The closed module that runs now."""
        self._sources: dict[int, frozenset[int]] = {}
        self._tables = {id(t): name for name, t in [*model.named_buffers(), *model.named_parameters()]}
        self._kept: list[Tensor] = []
        """Tensors that were seen: while they live, no other has their id."""

    def run(self, inputs: Tensor) -> Tensor:
        """Call the model on its inputs, (B, L) or (B, L, F), and watch; its logits."""
        self._box(Box("", "inputs"), [], [inputs])
        with ExitStack() as stack:
            for path, module in self.model.named_modules():
                entering = module.register_forward_pre_hook(partial(self._enter, path), with_kwargs=True)
                stack.callback(entering.remove)
                stack.callback(module.register_forward_hook(self._leave).remove)
            with self:
                return self.model(inputs)

    def diagram(self) -> dict[str, Any]:
        """Boxes and arrows as plain data."""
        arrows = [{"source": a, "target": b, "shapes": shapes} for (a, b), shapes in self.arrows.items()]
        return {"boxes": [vars(box) for box in self.boxes], "arrows": arrows}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        if name == ATTENTION:
            path = self._stack[-1].path if self._stack else ""
            given = dict(zip(OPERANDS, args, strict=False)) | (kwargs or {})
            query, key, value = (given.pop(operand) for operand in OPERANDS[:3])
            self.attended.append(Attended(path, query, key, value, given, result))
        if self._closed is None:
            self._watch(name, list(_tensors((args, kwargs))), list(_tensors(result)))
        return result

    def _enter(self, path: str, module: nn.Module, args: Any, kwargs: Any) -> None:
        call = Call(path, module, list(_tensors((args, kwargs))))
        self.calls.append(call)
        self._stack.append(call)
        if self._closed is None and path not in self.open:
            self._closed = call

    def _leave(self, module: nn.Module, args: Any, output: Any) -> None:
        call = self._stack.pop()
        call.outputs = list(_tensors(output))
        if self._closed is call:
            self._closed = None
            self._box(Box(call.path, type(module).__name__, count_parameters(module)), call.inputs, call.outputs)

    def _watch(self, name: str, operands: list[Tensor], results: list[Tensor]) -> None:
        sources = self._sources_of(operands)
        tables = [self._tables[id(t)] for t in operands if id(t) in self._tables]
        if name in CARRYING or not sources:
            self._mark(results, sources)
            if tables and not sources:
                self._tables |= {id(t): tables[0] for t in results}
        elif results:
            path = self._stack[-1].path if self._stack else ""
            self._box(Box(path, name.strip("_"), tables=tables), operands, results)

    def _box(self, box: Box, operands: list[Tensor], results: list[Tensor]) -> None:
        number = len(self.boxes)
        self.boxes.append(box)
        for operand in operands:
            for source in sorted(self._sources_of([operand])):
                self.arrows.setdefault((source, number), []).append(list(operand.shape))
        self._mark(results, frozenset({number}))

    def _sources_of(self, tensors: list[Tensor]) -> frozenset[int]:
        return frozenset().union(*(self._sources.get(id(t), frozenset()) for t in tensors))

    def _mark(self, tensors: list[Tensor], sources: frozenset[int]) -> None:
        self._kept += tensors
        self._sources |= {id(t): sources for t in tensors}


def watched(model: SequenceModel, inputs: Tensor) -> tuple[Flow, Tensor]:
    """One call of a model on its inputs, (B, L) or (B, L, F): what was seen, and the logits, with their gradients."""
    nothing = {path for path, module in model.named_modules() if isinstance(module, nn.Identity)}
    opened = {"", *_opened("core", model.core), *nothing}
    flow = Flow(model, opened)
    logits = flow.run(inputs)
    own = Counter(box.path for box in flow.boxes if box.parameters is None)
    crowded = {path for path in opened if own[path] >= MANY}
    if crowded:
        opened = {path for path in opened if not any(path == c or path.startswith(f"{c}.") for c in crowded)}
        flow = Flow(model, opened)
        logits = flow.run(inputs)
    return flow, logits


def _opened(path: str, module: nn.Module) -> Iterator[str]:
    """The module; of each list of blocks in it the first, since the others are like it."""
    yield path
    for name, child in module.named_children():
        if isinstance(child, nn.ModuleList) and len(child):
            yield from _opened(f"{path}.{name}.0", child[0])
        elif any(isinstance(part, nn.ModuleList) for part in child.modules()):
            yield from _opened(f"{path}.{name}", child)


def _tensors(found: Any) -> Iterator[Tensor]:
    return (leaf for leaf in pytree.tree_leaves(found) if isinstance(leaf, Tensor))
