"""Linear attention: the softmax of attention replaced by a product of features, so that the past fits in a matrix.

Katharopoulos et al. 2020, "Transformers are RNNs": in the block of our Transformer, with the mixer alone exchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from models.architecture import Architecture, Interface, Size
from models.attention import KeyValue, SelfAttention, head_count
from models.transformer import Transformer
from models.transformer_core import TransformerCore

CHUNK = 64
"""Positions that meet each other directly; what lies in earlier chunks is met through its sum."""
EPSILON = 1e-6
"""Added to the normaliser, as in the authors' code: in single precision all features of a query can be zero."""


@dataclass(frozen=True, kw_only=True)
class LinearAttention(Architecture):
    """The pre-norm Transformer with sinusoidal positions and linear attention; knobs and parameters are the same."""

    depth: int = 2

    def core(self, size: Size, interface: Interface) -> TransformerCore:
        """The stack of blocks: (B, L, D) -> (B, L, D)."""
        core = TransformerCore(self._transformer, size, interface.length)
        for block in core.blocks:
            block.attention = LinearSelfAttention(size.width)
        return core

    def natural_inner(self, width: int, interface: Interface) -> int:
        """Feed-forward units as in the Transformer."""
        return self._transformer.natural_inner(width, interface)

    def is_valid_width(self, width: int) -> bool:
        """Heads as in the Transformer."""
        return self._transformer.is_valid_width(width)

    def closed_parameters(self, size: Size, interface: Interface) -> int:
        """Trainable numbers of the core in closed form: a feature map has none."""
        return self._transformer.closed_parameters(size, interface)

    def closed_flops(self, size: Size, interface: Interface) -> int:
        """FLOPs of the core's forward pass over one sequence of L positions, whole chunks and their masked half."""
        width, inner = size
        length, heads = interface.length, head_count(width)
        chunk = min(CHUNK, length)
        chunks = -(-length // chunk)
        # a sum of values has one column more, which counts the keys
        within = 2 * chunks * chunk * chunk * (width + width + heads)
        through_sums = 4 * (chunks - 1) * chunk * width * (width // heads + 1)
        return self.depth * (8 * length * width * width + within + through_sums) + 4 * length * width * inner

    @property
    def _transformer(self) -> Transformer:
        return Transformer(depth=self.depth)


class LinearSelfAttention(SelfAttention):
    """Causal multi-head linear attention (Katharopoulos et al. 2020, equations 9 to 12): (B, L, D) -> (B, L, D)."""

    def __init__(self, width: int) -> None:
        super().__init__(width, rotation=None, fused=False)

    def project(self, x: Tensor, first: int = 0) -> tuple[Tensor, Tensor, Tensor]:
        """Features of queries and of keys, elu + 1 and so never negative, and values: (B, heads, L, head width)."""
        query, key, value = super().project(x, first)
        return F.elu(query) + 1, F.elu(key) + 1, value

    @staticmethod
    def probabilities(query: Tensor, key: Tensor, causal: bool = True) -> Tensor:
        """The weights that the sums amount to, (B, heads, L, L); row i sums to one, but for EPSILON."""
        scores = query @ key.transpose(-2, -1)
        scores = scores.tril() if causal else scores
        return scores / (scores.sum(dim=-1, keepdim=True) + EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, D)."""
        query, key, value = self.project(x)
        return self._leave(causal_sums(query, key, _with_ones(value)))

    def start(self, batch: int, length: int) -> KeyValue:
        """Empty sums of keys (B, heads, head width, 1), and of keys times values; no length makes them larger."""
        width = self.head_width
        zeros = self.out.weight.new_zeros(batch, self.heads, width, width + 1)
        return KeyValue(*zeros.split((1, width), dim=-1))

    def step(self, x: Tensor, cache: KeyValue, position: int) -> Tensor:
        """One position: (B, 1, D) -> (B, 1, D); the sums take its key and value up in place."""
        query, key, value = self.project(x, position)
        cache.key.add_(key.transpose(-2, -1))
        cache.value.add_(key.transpose(-2, -1) @ value)
        return self._leave(torch.cat((query @ cache.value, query @ cache.key), dim=-1))

    def _leave(self, sums: Tensor) -> Tensor:
        """Weighted sums of values and, last, of ones (B, heads, L, head width + 1) -> (B, L, D)."""
        mixed = sums[..., :-1] / (sums[..., -1:] + EPSILON)
        return self.out(mixed.transpose(1, 2).flatten(2))


def causal_sums(query: Tensor, key: Tensor, value: Tensor, chunk: int = CHUNK) -> Tensor:
    """sum over j <= i of (q_i . k_j) v_j for every i, all (B, heads, L, any width), in time linear in L.

    Directly inside a chunk; the chunks before it through the running sum of k v^T (Hua et al. 2022, section 3.2).
    """
    length = query.shape[-2]
    if length <= chunk:
        return (query @ key.transpose(-2, -1)).tril() @ value
    padding = (0, 0, 0, -length % chunk)
    query, key, value = (F.pad(x, padding).unflatten(2, (-1, chunk)) for x in (query, key, value))
    within = (query @ key.transpose(-2, -1)).tril() @ value
    before = (key[:, :, :-1].transpose(-2, -1) @ value[:, :, :-1]).cumsum(dim=2)
    through_sums = F.pad(query[:, :, 1:] @ before, (0, 0, 0, 0, 1, 0))
    return (within + through_sums).flatten(2, 3)[:, :, :length]


def _with_ones(value: Tensor) -> Tensor:
    """(..., d) -> (..., d + 1): the sum of the ones is the normaliser."""
    return torch.cat((value, torch.ones_like(value[..., :1])), dim=-1)
