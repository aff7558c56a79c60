"""Attention between a core and its read-out: every position looks once more at what the core made of the others.

One head of scaled dot products (Vaswani et al. 2017, section 3.2.1), added to what it looks from.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from models.architecture import State
from models.attention import Heads, KeyValue, SelfAttention


class AttentionReadout(nn.Module):
    """h + attention(h) of a core's outputs h; each position attends to all of them."""

    causal = False

    def __init__(self, core: nn.Module, dense: str = "direct") -> None:
        super().__init__()
        width: int = core.out_width  # type: ignore[assignment]
        self.core, self.out_width = core, width
        self.attention = SelfAttention(width, None, True, dense, self.causal, Heads(1, width))

    def forward(self, embeddings: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, out_width)."""
        out = self.core(embeddings)
        return out + self.attention(out)


class AttendedState(NamedTuple):
    """The positions seen so far, the core's own state, and the keys and values of its outputs."""

    position: int
    core: State
    cache: KeyValue


class CausalAttentionReadout(AttentionReadout):
    """The same over a causal core: each position attends to those up to itself, so that it can go by position."""

    causal = True

    def __init__(self, core: nn.Module, length: int, dense: str = "direct") -> None:
        super().__init__(core, dense)
        self.length = length

    def start(self, batch: int) -> AttendedState:
        """The core's start, and a cache with room for every position that this was built for."""
        return AttendedState(0, self.core.start(batch), self.attention.start(batch, self.length))  # type: ignore[operator]

    def step(self, x: Tensor, state: AttendedState) -> tuple[Tensor, AttendedState]:
        """One position: (B, D) -> (B, out_width) and the state after it; the cache is written in place.

        Raises ValueError once the cache is full.
        """
        if state.position == self.length:
            raise ValueError(
                f"the key-value cache is full: this attention was built for at most {self.length} positions; build it "
                "for an interface of a greater length"
            )
        out, core = self.core.step(x, state.core)  # type: ignore[operator]
        attended = self.attention.step(out.unsqueeze(1), state.cache, state.position).squeeze(1)
        return out + attended, AttendedState(state.position + 1, core, state.cache)

    @torch.no_grad()
    def intrinsic(self, embeddings: Tensor, readout: nn.Module) -> dict[str, Tensor]:
        """Attention of the last query, (B, L), rows that sum to one, under the name it has in a Transformer."""
        return {"attention-last": self.attention.weights(self.core(embeddings))[:, 0, -1]}


def readout_parameters(width: int) -> int:
    """Trainable numbers of the attention in closed form: four projections with their biases."""
    return 4 * (width * width + width)


def readout_flops(width: int, queries: int, keys: int) -> int:
    """FLOPs of the attention of so many positions to so many, with the full score matrix."""
    return 4 * (queries + keys) * width * width + 4 * queries * keys * width
