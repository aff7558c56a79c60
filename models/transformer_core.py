"""The Transformer's blocks in each role: both ways, masked and stepping, and an encoder with its decoder."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.architecture import Interface, Size, spread
from models.attention import Rotation, angles, as_default
from models.block import NORMS, Block, Cache

if TYPE_CHECKING:
    from models.transformer import Transformer


def sinusoids(length: int, width: int) -> Tensor:
    """Position table (L, D): sines in even channels, cosines in odd (Vaswani et al. 2017, section 3.5)."""
    turns = angles(length, width)
    return as_default(torch.stack((turns.sin(), turns.cos()), dim=-1).flatten(1))


class EncoderCore(nn.Module):
    """The blocks between embedding and read-out, and a norm after them; every position sees every other.

    Raises ValueError on sequences longer than it was built for.
    """

    causal: ClassVar[bool] = False
    positions: Tensor | None
    blocks: Sequence[Block]

    def __init__(self, architecture: Transformer, size: Size, length: int, source: int = 0) -> None:
        """With `source` above 0 the blocks attend to a source of so many positions too."""
        super().__init__()
        width = self.out_width = size.width
        self.length = length
        self.residual = architecture.residual
        # added as it is: the shell's embeddings already have unit variance, which is what the paper's sqrt(D) is for
        table = sinusoids(length, width) if architecture.positions == "sinusoidal" else None
        self.register_buffer("positions", table, persistent=False)
        rotation = cache(lambda head_width: Rotation(max(length, source), head_width))
        self.blocks = nn.ModuleList(  # type: ignore[assignment]
            Block(
                architecture,
                width,
                share,
                rotation(architecture.heads(width, share).width) if architecture.positions == "rotary" else None,
                self.causal,
                cross=source > 0,
            )
            for share in spread(size.inner, architecture.depth)
        )
        self.norm = NORMS[architecture.norm](width)

    def forward(self, embeddings: Tensor, source: Tensor | None = None) -> Tensor:
        """(B, L, D), and a source (B, S, D) if it attends to one -> (B, L, D)."""
        x = self._enter(embeddings)
        for block in self.blocks:
            x = block(x, source)
        return self.norm(x)

    @torch.no_grad()
    def intrinsic(self, embeddings: Tensor, readout: nn.Module) -> dict[str, Tensor]:
        """Attention of the last query, three ways, each (B, L) with rows that sum to one; nothing without attention.

        "attention-mean" averages layers and heads, "attention-last" the heads of the last layer, "rollout" follows
        the residual stream down through all layers, half identity and half attention (Abnar & Zuidema 2020, section 3).
        """
        maps = self.attention_maps(embeddings).mean(dim=2)
        if not len(maps):
            return {}
        batch, length, _ = embeddings.shape
        last = torch.tensor(length - 1, device=embeddings.device)
        flow = F.one_hot(last, length).to(embeddings).expand(batch, 1, -1)
        attended = 0.5 if self.residual else 1.0
        for attention in maps.flip(0):
            flow = (1 - attended) * flow + attended * flow @ attention
        last_rows = maps[:, :, -1]
        return {"attention-mean": last_rows.mean(dim=0), "attention-last": last_rows[-1], "rollout": flow.squeeze(1)}

    @torch.no_grad()
    def attention_maps(self, embeddings: Tensor) -> Tensor:
        """Attention weights of every layer and head, (layers, B, heads, L, L): query by key, rows sum to one."""
        maps = []
        x = self._enter(embeddings)
        for block in self.blocks:
            weights = block.attention_weights(x)
            if weights is not None:
                maps.append(weights)
            x = block(x)
        batch, length, _ = embeddings.shape
        return torch.stack(maps) if maps else embeddings.new_zeros(0, batch, 0, length, length)

    def _enter(self, embeddings: Tensor) -> Tensor:
        length = embeddings.shape[1]
        if length > self.length:
            raise ValueError(
                f"a sequence of {length} positions, but this Transformer was built for at most {self.length}; "
                f"build it for an interface of length {length}"
            )
        return embeddings if self.positions is None else embeddings + self.positions[:length]


class TransformerState(NamedTuple):
    """The positions seen so far, and each block's cache."""

    position: int
    caches: tuple[Cache, ...]


class TransformerCore(EncoderCore):
    """The same with the future masked, so that it can go position by position."""

    causal = True

    def start(self, batch: int, source: Tensor | None = None) -> TransformerState:
        """Empty caches with room for every position that this core was built for; the source's are filled."""
        return TransformerState(0, tuple(block.start(batch, self.length, source) for block in self.blocks))

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
        x = (x if self.positions is None else x + self.positions[position]).unsqueeze(1)
        for block, held in zip(self.blocks, caches, strict=True):
            x = block.step(x, held, position)
        return self.norm(x).squeeze(1), TransformerState(position + 1, caches)


class EncoderDecoderCore(nn.Module):
    """Vaswani et al. 2017, figure 1: an encoder reads the source both ways, a masked decoder attends to its output.

    Positions count from 0 in the source and in the target. Half of the second knob each.
    """

    def __init__(self, architecture: Transformer, size: Size, interface: Interface) -> None:
        super().__init__()
        self.out_width, self.source = size.width, interface.source
        inside, after = (size._replace(inner=half) for half in spread(size.inner, 2))
        self.encoder = EncoderCore(architecture, inside, interface.source)
        self.decoder = TransformerCore(architecture, after, interface.target, interface.source)

    def forward(self, embeddings: Tensor) -> Tensor:
        """Source and target (B, S + T, D) -> the same shape, zeros at the source."""
        source, target = embeddings[:, : self.source], embeddings[:, self.source :]
        return F.pad(self.decoder(target, self.encoder(source)), (0, 0, self.source, 0))

    def read(self, source: Tensor) -> TransformerState:
        """The state before the first target position, from the source (B, S, D)."""
        return self.decoder.start(len(source), self.encoder(source))

    def step(self, x: Tensor, state: TransformerState) -> tuple[Tensor, TransformerState]:
        """One target position: (B, D) -> (B, D) and the state after it, as in TransformerCore."""
        return self.decoder.step(x, state)
