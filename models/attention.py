"""Causal multi-head self-attention (Vaswani et al. 2017, section 3.2), on whole sequences and by position."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.dense import Dense


def head_count(width: int) -> int:
    """Heads at a width: one for every 32 channels."""
    return max(1, width // 32)


class KeyValue(NamedTuple):
    """The cache of one layer, each (B, heads, L, head width) with room for all L positions."""

    key: Tensor
    value: Tensor


class Rotation(nn.Module):
    """Turns channel pairs of queries and keys by an angle proportional to the position (Su et al. 2021, section 3.2).

    Pairs are (i, i + D/2) instead of neighbours: the same map up to a fixed permutation of the channels.
    """

    cosine: Tensor
    sine: Tensor

    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        turns = angles(length, width)
        self.register_buffer("cosine", as_default(turns.cos()), persistent=False)
        self.register_buffer("sine", as_default(turns.sin()), persistent=False)

    def forward(self, x: Tensor, first: int = 0) -> Tensor:
        """(B, heads, L, head width) at the positions from `first` -> the same shape."""
        cosine, sine = (table[first : first + x.shape[-2]] for table in (self.cosine, self.sine))
        real, imaginary = x.chunk(2, dim=-1)
        return torch.cat((real * cosine - imaginary * sine, imaginary * cosine + real * sine), dim=-1)


class SelfAttention(nn.Module):
    """Causal multi-head attention (Vaswani et al. 2017, section 3.2.2): (B, L, D) -> (B, L, D)."""

    def __init__(self, width: int, rotation: Rotation | None, fused: bool, dense: str = "direct") -> None:
        super().__init__()
        self.heads = head_count(width)
        self.fused = fused
        self.rotation = rotation
        self.qkv = Dense(width, 3 * width, dense)
        self.out = Dense(width, width, dense)

    def project(self, x: Tensor, first: int = 0) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, each (B, heads, L, head width), the positions from `first` already turned in."""
        batch, length, width = x.shape
        parts = self.qkv(x).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
        if self.rotation is None:
            return query, key, value
        return self.rotation(query, first), self.rotation(key, first), value

    @staticmethod
    def probabilities(query: Tensor, key: Tensor) -> Tensor:
        """Written-out causal attention weights (B, heads, L, L); row i sums to one over keys 0..i."""
        length = query.shape[-2]
        future = torch.ones(length, length, dtype=torch.bool, device=query.device).triu(1)
        scores = query @ key.transpose(-2, -1) * query.shape[-1] ** -0.5
        return scores.masked_fill(future, float("-inf")).softmax(dim=-1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, D)."""
        query, key, value = self.project(x)
        if self.fused:
            mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        else:
            mixed = self.probabilities(query, key) @ value
        return self.out(mixed.transpose(1, 2).flatten(2))

    def start(self, batch: int, length: int) -> KeyValue:
        """A cache with room for `length` positions."""
        width = self.out.in_features
        shape = (batch, self.heads, length, width // self.heads)
        return KeyValue(self.out.weight.new_zeros(shape), self.out.weight.new_zeros(shape))

    def step(self, x: Tensor, cache: KeyValue, position: int) -> Tensor:
        """One position: (B, 1, D) -> (B, 1, D); the cache takes its key and value up in place."""
        query, key, value = self.project(x, position)
        cache.key[:, :, position : position + 1] = key
        cache.value[:, :, position : position + 1] = value
        keys, values = cache.key[:, :, : position + 1], cache.value[:, :, : position + 1]
        if self.fused:  # not `is_causal`: that would align the one query with the first key
            mixed = F.scaled_dot_product_attention(query, keys, values)
        else:
            mixed = (query @ keys.transpose(-2, -1) * query.shape[-1] ** -0.5).softmax(dim=-1) @ values
        return self.out(mixed.transpose(1, 2).flatten(2))


def angles(length: int, width: int) -> Tensor:
    """(L, D/2) in float64: position times 10000 ** (-2i / D). On the CPU, for a sine on meta loads half of torch."""
    frequency = 10_000.0 ** (-torch.arange(0, width, 2, dtype=torch.float64, device="cpu") / width)
    return torch.outer(torch.arange(length, dtype=torch.float64, device="cpu"), frequency)


def as_default(table: Tensor) -> Tensor:
    """A table on the default device, in the default type."""
    return table.to(torch.get_default_device(), torch.get_default_dtype())
