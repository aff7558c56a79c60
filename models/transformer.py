"""The Transformer: pre-norm blocks of causal multi-head self-attention and a feed-forward layer.

Vaswani et al. 2017, with the layer normalisation moved inside the residual branch (Xiong et al. 2020, figure 1b).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.architecture import Architecture, Interface, Size, spread
from models.attention import KeyValue, Rotation, SelfAttention, angles, as_default, head_count
from models.dense import Dense, checked

POSITIONS = ("sinusoidal", "rotary")
SMALLEST_WIDTH = 24  # narrower heads learn recall far more slowly at these sizes


@dataclass(frozen=True, kw_only=True)
class Transformer(Architecture):
    """Causal Transformer. The second knob is the feed-forward units summed over the layers, 4 D per layer by nature."""

    positions: str = "sinusoidal"
    """How order enters: "sinusoidal" (added at the entry) or "rotary" (turned into queries and keys)."""
    depth: int = 2
    fused: bool = True
    """Attention through the fused kernel of torch; False writes it out, so that a tracer can see inside."""
    dense: str = "direct"
    """How linear layers multiply, see models.dense."""

    def __post_init__(self) -> None:
        if self.positions not in POSITIONS:
            raise ValueError(f"positions must be one of {', '.join(POSITIONS)}, got {self.positions!r}")
        if self.depth < 1:
            raise ValueError(f"depth must be at least 1, got {self.depth}")
        checked(self.dense)

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
    turns = angles(length, width)
    return as_default(torch.stack((turns.sin(), turns.cos()), dim=-1).flatten(1))


class Block(nn.Module):
    """x + attention(norm x), then x + feed-forward(norm x)."""

    def __init__(self, width: int, inner: int, rotation: Rotation | None, fused: bool, dense: str) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = SelfAttention(width, rotation, fused, dense)
        self.feed_forward_norm = nn.LayerNorm(width)
        self.expand = Dense(width, inner, dense)
        self.contract = Dense(inner, width, dense)

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, D)."""
        return self._feed_forward(x + self.attention(self.attention_norm(x)))

    def step(self, x: Tensor, cache: KeyValue, position: int) -> Tensor:
        """One position: (B, 1, D) -> (B, 1, D); the cache is written in place."""
        return self._feed_forward(x + self.attention.step(self.attention_norm(x), cache, position))

    def _feed_forward(self, x: Tensor) -> Tensor:
        return x + self.contract(F.gelu(self.expand(self.feed_forward_norm(x))))


class TransformerState(NamedTuple):
    """The positions seen so far, and each layer's cache."""

    position: int
    caches: tuple[KeyValue, ...]


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
        rotation = Rotation(length, width // head_count(width)) if rotary else None
        self.blocks = nn.ModuleList(  # type: ignore[assignment]
            Block(width, inner, rotation, architecture.fused, architecture.dense)
            for inner in spread(size.inner, architecture.depth)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, embeddings: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, D)."""
        x = self._enter(embeddings)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def start(self, batch: int) -> TransformerState:
        """Empty caches with room for every position that this core was built for."""
        return TransformerState(0, tuple(block.attention.start(batch, self.length) for block in self.blocks))

    def step(self, x: Tensor, state: TransformerState) -> tuple[Tensor, TransformerState]:
        """One position: (B, D) -> (B, D) and the state after it; the caches are written in place.

        Raises ValueError once the caches are full, or for another batch than they were made for.
        """
        position, caches = state
        if position == self.length:
            raise ValueError(
                f"the key-value cache is full: this Transformer was built for at most {self.length} positions; "
                "build it for an interface of a greater length"
            )
        if len(x) != len(caches[0].key):
            raise ValueError(f"a step of batch {len(x)} on a state of batch {len(caches[0].key)}; start({len(x)}) anew")
        x = (x if self.positions is None else x + self.positions[position]).unsqueeze(1)
        for block, cache in zip(self.blocks, caches, strict=True):
            x = block.step(x, cache, position)
        return self.norm(x).squeeze(1), TransformerState(position + 1, caches)

    @torch.no_grad()
    def intrinsic(self, embeddings: Tensor, readout: nn.Module) -> dict[str, Tensor]:
        """Attention of the last query, three ways, each (B, L) with rows that sum to one.

        "attention-mean" averages layers and heads, "attention-last" the heads of the last layer, "rollout" follows
        the residual stream down through all layers, half identity and half attention (Abnar & Zuidema 2020, section 3).
        """
        maps = self.attention_maps(embeddings).mean(dim=2)
        batch, length, _ = embeddings.shape
        last = torch.tensor(length - 1, device=embeddings.device)
        flow = F.one_hot(last, length).to(embeddings).expand(batch, 1, -1)
        for attention in maps.flip(0):
            flow = 0.5 * flow + 0.5 * flow @ attention
        last_rows = maps[:, :, -1]
        return {"attention-mean": last_rows.mean(dim=0), "attention-last": last_rows[-1], "rollout": flow.squeeze(1)}

    @torch.no_grad()
    def attention_maps(self, embeddings: Tensor) -> Tensor:
        """Attention weights of every layer and head, (layers, B, heads, L, L): query by key, rows sum to one."""
        maps = []
        x = self._enter(embeddings)
        for block in self.blocks:
            query, key, _ = block.attention.project(block.attention_norm(x))
            maps.append(block.attention.probabilities(query, key))
            x = block(x)
        return torch.stack(maps)

    def _enter(self, embeddings: Tensor) -> Tensor:
        length = embeddings.shape[1]
        if length > self.length:
            raise ValueError(
                f"a sequence of {length} positions, but this Transformer was built for at most {self.length}; "
                f"build it for an interface of length {length}"
            )
        return embeddings if self.positions is None else embeddings + self.positions[:length]
