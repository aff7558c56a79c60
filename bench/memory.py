"""Peak memory of one call: the most bytes of tensors that live at once, above what lived before it.

On CUDA torch's allocator knows. On the CPU there is no such counter, and the resident memory of a warm process says
nothing, since freed pages are used again; so every storage is followed from the operator that makes it to its end.
What a kernel allocates and frees within itself is not seen there: of the six families' training steps, oneDNN's LSTM
held up to a seventh more for a moment, its convolutions up to an eighth, and the Transformers nothing.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def peak_bytes(call: Callable[[], object], device: str) -> int:
    """Peak of live bytes during one call above what was live before, its result included, on "cpu" or a CUDA device.

    The call is made twice and the second one counts: a first one makes what stays, as an optimiser its state.
    """
    call()
    if not device.startswith("cuda"):
        with _LiveBytes() as live:
            call()
        return live.peak
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    call()
    return torch.cuda.max_memory_allocated(device) - before


class _LiveBytes(TorchDispatchMode):
    """Follows the storages that operators make while it is active; one that only passes through is none of these."""

    def __init__(self) -> None:
        super().__init__()
        self.live = self.peak = 0
        self._followed: dict[int, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operator, then look at what it made or resized; its operands live until it is done."""
        handed_in = _storages((args, kwargs))
        result = func(*args, **(kwargs or {}))
        for address, storage in _storages(result).items():
            if address in self._followed:
                self._resize(address, storage.nbytes())
            elif address not in handed_in:
                self._resize(address, storage.nbytes())
                weakref.finalize(storage, self._release, address)
        self.peak = max(self.peak, self.live)
        return result

    def _resize(self, address: int, size: int) -> None:
        self.live += size - self._followed.get(address, 0)
        self._followed[address] = size

    def _release(self, address: int) -> None:
        self.live -= self._followed.pop(address)


def _storages(tree: object) -> dict[int, torch.UntypedStorage]:
    """The distinct storages of the tensors in a tree, by address. A sparse tensor has none of its own."""
    dense = [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor) and leaf.layout is torch.strided]
    return {tensor.untyped_storage()._cdata: tensor.untyped_storage() for tensor in dense}
