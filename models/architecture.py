"""The contract: what a sequence architecture is, and the shell that every one of them shares.

An `Architecture` is a frozen dataclass. Its fields are its configuration, its one mandatory method `core` returns
the part that differs between families; embedding and read-out are the same for all and are not counted in the
budget. Letters: B batch, L length, D width, V vocabulary.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Interface:
    """What a task asks of a model: tokens or real-valued channels in, `outputs` numbers per position out."""

    length: int
    """L, the longest sequence the model will see."""
    outputs: int
    """Width of the read-out: number of classes, or 1 for regression."""
    vocabulary: int = 0
    """V, number of token symbols; 0 when the inputs are real-valued."""
    features: int = 0
    """Channels of real-valued inputs; 0 when the inputs are tokens."""

    def __post_init__(self) -> None:
        if (self.vocabulary > 0) == (self.features > 0):
            raise ValueError("an interface has either a vocabulary or features, and not both")
        if self.length < 1 or self.outputs < 1:
            raise ValueError(f"length and outputs must be at least 1, got {self.length} and {self.outputs}")


class Size(NamedTuple):
    """The two knobs that meet a parameter budget."""

    width: int
    """D, width of the embedding that enters the core."""
    inner: int
    """The second knob, in units summed over the layers: feed-forward, convolution or hidden units."""


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """One column of the table. Subclasses add fields and implement `core`."""

    name: str = ""
    family: str = ""
    core_parameters: int = 25_000
    """Budget of trainable numbers in the core; embedding and read-out come on top (Kaplan et al. 2020, section 2.1)."""

    def core(self, size: Size, interface: Interface) -> nn.Module:
        """The part that differs: a module (B, L, D) -> (B, L, out_width), causal, with an attribute `out_width`."""
        raise NotImplementedError(f"{type(self).__name__} must implement core(size, interface)")

    def natural_inner(self, width: int, interface: Interface) -> int:
        """The textbook value of the second knob at this width; the budget solver stays as close to it as it can."""
        return width

    def is_valid_width(self, width: int) -> bool:
        """Whether this width is allowed (head widths, say)."""
        return width >= 1

    def build(self, interface: Interface, seed: int = 0) -> SequenceModel:
        """The whole model, on the CPU, initialised from `seed` alone. Raises ValueError if no size meets the budget."""
        from models.budget import solve

        size = solve(self, interface)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return SequenceModel(size.width, self.core(size, interface), interface)


class SequenceModel(nn.Module):
    """The shared shell: embedding, core, linear read-out at every position."""

    def __init__(self, width: int, core: nn.Module, interface: Interface) -> None:
        super().__init__()
        self.interface = interface
        if interface.vocabulary:
            self.embedding: nn.Module = nn.Embedding(interface.vocabulary, width)
        else:
            self.embedding = nn.Linear(interface.features, width)
        self.core = core
        out_width: int = core.out_width  # type: ignore[assignment]
        self.readout = nn.Linear(out_width, interface.outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """Tokens (B, L) or features (B, L, F) -> logits (B, L, outputs)."""
        return self.from_embeddings(self.embedding(inputs))

    def from_embeddings(self, embeddings: Tensor) -> Tensor:
        """Embeddings (B, L, D) -> logits (B, L, outputs): where attribution methods enter."""
        return self.readout(self.core(embeddings))

    def intrinsic(self, inputs: Tensor) -> dict[str, Tensor]:
        """What the forward pass itself holds about the last position's answer: method -> relevance (B, L).

        Empty for a core without an `intrinsic` method: such a family has no intrinsic explanation.
        """
        method = getattr(self.core, "intrinsic", None)
        return {} if method is None else method(self.embedding(inputs), self.readout)


def count_parameters(module: nn.Module) -> int:
    """Trainable numbers in a module."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def spread(total: int, layers: int) -> list[int]:
    """Share `total` units out over layers as evenly as integers allow: 10 over 4 is [3, 3, 2, 2]."""
    base, extra = divmod(total, layers)
    return [base + (layer < extra) for layer in range(layers)]


def ceil_log2(x: float) -> int:
    """Smallest integer e with 2**e >= x."""
    return max(0, math.ceil(math.log2(x)))
