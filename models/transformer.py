"""The Transformer: pre-norm blocks of causal multi-head self-attention and a feed-forward layer.

Vaswani et al. 2017, with the layer normalisation moved inside the residual branch (Xiong et al. 2020, figure 1b).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.architecture import Architecture, Interface, Size, spread

POSITIONS = ("sinusoidal", "rotary")
SMALLEST_WIDTH = 24  # narrower heads learn recall far more slowly at these sizes


def head_count(width: int) -> int:
    """Heads at a width: one for every 32 channels."""
    return max(1, width // 32)


@dataclass(frozen=True, kw_only=True)
class Transformer(Architecture):
    """Causal Transformer. The second knob is the feed-forward units summed over the layers, 4 D per layer by nature."""

    positions: str = "sinusoidal"
    """How order enters: "sinusoidal" (added at the entry) or "rotary" (turned into queries and keys)."""
    depth: int = 2
    fused: bool = True
    """Attention through the fused kernel of torch; False writes it out, so that a tracer can see inside."""

    def __post_init__(self) -> None:
        if self.positions not in POSITIONS:
            raise ValueError(f"positions must be one of {', '.join(POSITIONS)}, got {self.positions!r}")
        if self.depth < 1:
            raise ValueError(f"depth must be at least 1, got {self.depth}")

    def core(self, size: Size, interface: Interface) -> TransformerCore:
        """The stack of blocks: (B, L, D) -> (B, L, D)."""
        return TransformerCore(self, size, interface.length)

    def natural_inner(self, width: int, interface: Interface) -> int:
        """Four times the width in each layer (Vaswani et al. 2017, section 3.3)."""
        return 4 * width * self.depth

    def is_valid_width(self, width: int) -> bool:
        """Heads of even width (rotary turns pairs of channels), and at least 24 channels."""
        return width >= SMALLEST_WIDTH and width % (2 * head_count(width)) == 0

    def closed_parameters(self, size: Size, interface: Interface) -> int:
        """Trainable numbers of the core in closed form."""
        width, inner = size
        attention = 4 * (width * width + width)
        norms = 2 * 2 * width
        feed_forward = inner * (2 * width + 1) + self.depth * width
        return self.depth * (attention + norms) + feed_forward + 2 * width

    def closed_flops(self, size: Size, interface: Interface) -> int:
        """FLOPs of the core's forward pass over one sequence of L positions, with the full L x L score matrix."""
        width, inner = size
        length = interface.length
        projections = 8 * length * width * width
        scores_and_mix = 4 * length * length * width
        return self.depth * (projections + scores_and_mix) + 4 * length * width * inner


def sinusoids(length: int, width: int) -> Tensor:
    """Position table (L, D): sines in even channels, cosines in odd (Vaswani et al. 2017, section 3.5)."""
    angles = _angles(length, width)
    return _as_default(torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(1))


class Rotation(nn.Module):
    """Turns channel pairs of queries and keys by an angle proportional to the position (Su et al. 2021, section 3.2).

    Pairs are (i, i + D/2) instead of neighbours: the same map up to a fixed permutation of the channels.
    """

    cosine: Tensor
    sine: Tensor

    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        angles = _angles(length, width)
        self.register_buffer("cosine", _as_default(angles.cos()), persistent=False)
        self.register_buffer("sine", _as_default(angles.sin()), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, heads, L, head width) -> the same shape."""
        cosine, sine = self.cosine[: x.shape[-2]], self.sine[: x.shape[-2]]
        first, second = x.chunk(2, dim=-1)
        return torch.cat((first * cosine - second * sine, second * cosine + first * sine), dim=-1)


class SelfAttention(nn.Module):
    """Causal multi-head attention (Vaswani et al. 2017, section 3.2.2): (B, L, D) -> (B, L, D)."""

    def __init__(self, width: int, rotation: nn.Module, fused: bool) -> None:
        super().__init__()
        self.heads = head_count(width)
        self.fused = fused
        self.rotation = rotation
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, each (B, heads, L, head width), positions already turned in."""
        batch, length, width = x.shape
        parts = self.qkv(x).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
        return self.rotation(query), self.rotation(key), value

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


class Block(nn.Module):
    """x + attention(norm x), then x + feed-forward(norm x)."""

    def __init__(self, width: int, inner: int, rotation: nn.Module, fused: bool) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = SelfAttention(width, rotation, fused)
        self.feed_forward_norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, inner)
        self.contract = nn.Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, D)."""
        x = x + self.attention(self.attention_norm(x))
        return x + self.contract(F.gelu(self.expand(self.feed_forward_norm(x))))


class TransformerCore(nn.Module):
    """The blocks between embedding and read-out. Raises ValueError on sequences longer than it was built for."""

    positions: Tensor | None
    blocks: Sequence[Block]

    def __init__(self, architecture: Transformer, size: Size, length: int) -> None:
        super().__init__()
        width = self.out_width = size.width
        self.length = length
        rotary = architecture.positions == "rotary"
        # added as it is: the shell's embeddings already have unit variance, which is what the paper's sqrt(D) is for
        table = None if rotary else sinusoids(length, width)
        self.register_buffer("positions", table, persistent=False)
        rotation = Rotation(length, width // head_count(width)) if rotary else nn.Identity()
        self.blocks = nn.ModuleList(  # type: ignore[assignment]
            Block(width, inner, rotation, architecture.fused) for inner in spread(size.inner, architecture.depth)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, embeddings: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, D)."""
        x = self._enter(embeddings)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    @torch.no_grad()
    def intrinsic(self, embeddings: Tensor, readout: nn.Module) -> dict[str, Tensor]:
        """Attention of the last query, three ways, each (B, L) with rows that sum to one.

        "attention-mean" averages layers and heads, "attention-last" the heads of the last layer, "rollout" follows
        the residual stream down through all layers, half identity and half attention (Abnar & Zuidema 2020, section 3).
        """
        maps = []
        x = self._enter(embeddings)
        for block in self.blocks:
            query, key, _ = block.attention.project(block.attention_norm(x))
            maps.append(block.attention.probabilities(query, key).mean(dim=1))
            x = block(x)
        flow = F.one_hot(torch.tensor(x.shape[1] - 1, device=x.device), x.shape[1]).to(x).expand(x.shape[0], 1, -1)
        for attention in reversed(maps):
            flow = 0.5 * flow + 0.5 * flow @ attention
        last_rows = torch.stack([attention[:, -1] for attention in maps])
        return {"attention-mean": last_rows.mean(dim=0), "attention-last": last_rows[-1], "rollout": flow.squeeze(1)}

    def _enter(self, embeddings: Tensor) -> Tensor:
        length = embeddings.shape[1]
        if length > self.length:
            raise ValueError(
                f"a sequence of {length} positions, but this Transformer was built for at most {self.length}; "
                f"build it for an interface of length {length}"
            )
        return embeddings if self.positions is None else embeddings + self.positions[:length]


def _angles(length: int, width: int) -> Tensor:
    """(L, D/2) in float64: position times 10000 ** (-2i / D). On the CPU, for a sine on meta loads half of torch."""
    frequency = 10_000.0 ** (-torch.arange(0, width, 2, dtype=torch.float64, device="cpu") / width)
    return torch.outer(torch.arange(length, dtype=torch.float64, device="cpu"), frequency)


def _as_default(table: Tensor) -> Tensor:
    return table.to(torch.get_default_device(), torch.get_default_dtype())
