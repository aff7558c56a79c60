"""Multi-head attention (Vaswani et al. 2017, section 3.2): to the sequence itself, masked or not, and to a source."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.dense import Dense


def head_count(width: int) -> int:
    """Heads at a width: one for every 32 channels."""
    return max(1, width // 32)


class Heads(NamedTuple):
    """Of a layer: how many, and the channels of each."""

    number: int
    width: int


class KeyValue(NamedTuple):
    """Keys and values of one layer, each (B, heads, positions, head width); a cache has room for all its positions."""

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


class _MultiHead(nn.Module):
    """What attention is whatever it attends to: channels split into heads, weights, and values mixed by them."""

    out: Dense

    def __init__(self, heads: Heads, rotation: Rotation | None, fused: bool) -> None:
        super().__init__()
        self.heads, self.head_width = heads
        self.rotation = rotation
        self.fused = fused

    def split(self, x: Tensor, parts: int) -> tuple[Tensor, ...]:
        """(B, L, parts * heads * head width) -> as many parts, each (B, heads, L, head width)."""
        batch, length, _ = x.shape
        return x.view(batch, length, parts, self.heads, self.head_width).permute(2, 0, 3, 1, 4).unbind(0)

    def turned(self, x: Tensor, first: int = 0) -> Tensor:
        """Queries or keys at the positions from `first`, with rotary positions if there are such."""
        return x if self.rotation is None else self.rotation(x, first)

    def mix(self, query: Tensor, key: Tensor, value: Tensor, causal: bool) -> Tensor:
        """Every query's mixture of the values, heads put together again: (B, L, D)."""
        if self.fused:
            mixed = F.scaled_dot_product_attention(query, key, value, is_causal=causal)
        else:
            mixed = probabilities(query, key, causal) @ value
        return self.out(mixed.transpose(1, 2).flatten(2))


class SelfAttention(_MultiHead):
    """Multi-head attention of a sequence to itself, causal or both ways: (B, L, D) -> (B, L, D)."""

    def __init__(
        self,
        width: int,
        rotation: Rotation | None,
        fused: bool,
        dense: str = "direct",
        causal: bool = True,
        heads: Heads | None = None,
    ) -> None:
        """`heads` share the width out evenly unless it says otherwise."""
        heads = heads or Heads(head_count(width), width // head_count(width))
        super().__init__(heads, rotation, fused)
        self.causal = causal
        channels = heads.number * heads.width
        self.qkv = Dense(width, 3 * channels, dense)
        self.out = Dense(channels, width, dense)

    def project(self, x: Tensor, first: int = 0) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, each (B, heads, L, head width), the positions from `first` already turned in."""
        query, key, value = self.split(self.qkv(x), 3)
        return self.turned(query, first), self.turned(key, first), value

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, D)."""
        return self.mix(*self.project(x), causal=self.causal)

    def weights(self, x: Tensor) -> Tensor:
        """What `forward` mixes by: (B, heads, L, L), query by key."""
        query, key, _ = self.project(x)
        return self.probabilities(query, key)

    def probabilities(self, query: Tensor, key: Tensor) -> Tensor:
        """Attention weights (B, heads, L, L); row i sums to one over all keys, or over keys 0..i."""
        return probabilities(query, key, self.causal)

    def start(self, batch: int, length: int) -> KeyValue:
        """A cache with room for `length` positions."""
        shape = (batch, self.heads, length, self.head_width)
        return KeyValue(self.out.weight.new_zeros(shape), self.out.weight.new_zeros(shape))

    def step(self, x: Tensor, cache: KeyValue, position: int) -> Tensor:
        """One position: (B, 1, D) -> (B, 1, D); the cache takes its key and value up in place."""
        query, key, value = self.project(x, position)
        cache.key[:, :, position : position + 1] = key
        cache.value[:, :, position : position + 1] = value
        keys, values = cache.key[:, :, : position + 1], cache.value[:, :, : position + 1]
        # not causal: that would align the one query with the first key
        return self.mix(query, keys, values, causal=False)


class CrossAttention(_MultiHead):
    """Multi-head attention to a source (Vaswani et al. 2017, section 3.2.3): queries (B, L, D), source (B, S, D).

    Rotary positions count from 0 in the sequence and in the source.
    """

    def __init__(self, width: int, rotation: Rotation | None, fused: bool, dense: str, heads: Heads) -> None:
        super().__init__(heads, rotation, fused)
        channels = heads.number * heads.width
        self.query = Dense(width, channels, dense)
        self.key_value = Dense(width, 2 * channels, dense)
        self.out = Dense(channels, width, dense)

    def read(self, source: Tensor) -> KeyValue:
        """Keys and values of the source, (B, S, D), made once for all queries."""
        key, value = self.split(self.key_value(source), 2)
        return KeyValue(self.turned(key), value)

    def forward(self, x: Tensor, source: KeyValue, first: int = 0) -> Tensor:
        """(B, L, D) at the positions from `first` -> (B, L, D)."""
        (query,) = self.split(self.query(x), 1)
        return self.mix(self.turned(query, first), *source, causal=False)


def probabilities(query: Tensor, key: Tensor, causal: bool) -> Tensor:
    """Softmax of the scaled products (B, heads, L, L or S), written out; a causal row i is over keys 0..i alone."""
    scores = query @ key.transpose(-2, -1) * query.shape[-1] ** -0.5
    if causal:
        future = torch.ones(scores.shape[-2:], dtype=torch.bool, device=query.device).triu(1)
        scores = scores.masked_fill(future, float("-inf"))
    return scores.softmax(dim=-1)


def angles(length: int, width: int) -> Tensor:
    """(L, D/2) in float64: position times 10000 ** (-2i / D). On the CPU, for a sine on meta loads half of torch."""
    frequency = 10_000.0 ** (-torch.arange(0, width, 2, dtype=torch.float64, device="cpu") / width)
    return torch.outer(torch.arange(length, dtype=torch.float64, device="cpu"), frequency)


def as_default(table: Tensor) -> Tensor:
    """A table on the default device, in the default type."""
    return table.to(torch.get_default_device(), torch.get_default_dtype())
