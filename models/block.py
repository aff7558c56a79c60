"""One block of a Transformer: attention, and a feed-forward layer, each with its residual connection and its norm."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from models.attention import CrossAttention, KeyValue, Rotation, SelfAttention
from models.dense import Dense

if TYPE_CHECKING:
    from models.transformer import Transformer

Layer = Callable[[Tensor], Tensor]
"""(B, L, D) -> (B, L, D)."""

ACTIVATIONS: dict[str, Layer] = {"gelu": F.gelu, "relu": F.relu}
NORMS: dict[str, type[nn.Module]] = {"pre": nn.LayerNorm, "post": nn.LayerNorm, "none": nn.Identity}
"""Where the norm stands -> what it is: inside the residual branch (Xiong et al. 2020, figure 1b), after the sum as in
Vaswani et al. 2017, or nowhere."""


class Cache(NamedTuple):
    """What a block keeps from one position to the next; an empty tuple where it has no such attention."""

    own: KeyValue | tuple[()]
    """Keys and values of the positions so far, with room for all."""
    source: KeyValue | tuple[()]
    """Keys and values of the source."""


class Block(nn.Module):
    """Self-attention, attention to the source if there is one, and a feed-forward layer; some may be left out."""

    attention: SelfAttention | None
    cross: CrossAttention | None

    def __init__(
        self, form: Transformer, width: int, share: int, rotation: Rotation | None, causal: bool, cross: bool
    ) -> None:
        """`share` is this block's part of the second knob, see Transformer."""
        super().__init__()
        self.post, self.residual, self.feeds = form.norm == "post", form.residual, form.feed_forward
        self.activation = ACTIVATIONS[form.activation]
        norm, heads = NORMS[form.norm], form.heads(width, share)
        self.attention = self.cross = None
        if form.attention:
            self.attention_norm = norm(width)
            self.attention = SelfAttention(width, rotation, form.fused, form.dense, causal, heads)
        if form.attention and cross:
            self.cross_norm = norm(width)
            self.cross = CrossAttention(width, rotation, form.fused, form.dense, heads)
        if form.feed_forward:
            self.feed_forward_norm = norm(width)
            self.expand = Dense(width, share, form.dense)
            self.contract = Dense(share, width, form.dense)

    def forward(self, x: Tensor, source: Tensor | None = None) -> Tensor:
        """(B, L, D) -> (B, L, D); the source is (B, S, D)."""
        if self.attention is not None:
            x = self._around(self.attention_norm, self.attention, x)
        return self._rest(x, self.read(source), first=0)

    def read(self, source: Tensor | None) -> KeyValue | tuple[()]:
        """Keys and values of the source, if this block looks at one."""
        return () if self.cross is None or source is None else self.cross.read(source)

    def start(self, batch: int, length: int, source: Tensor | None) -> Cache:
        """The cache before the first of `length` positions."""
        return Cache(() if self.attention is None else self.attention.start(batch, length), self.read(source))

    def step(self, x: Tensor, cache: Cache, position: int) -> Tensor:
        """One position: (B, 1, D) -> (B, 1, D); the cache is written in place.

        Raises ValueError for another batch than the cache was made for.
        """
        if self.attention is not None and cache.own:
            if len(x) != (made_for := len(cache.own.key)):
                raise ValueError(f"a step of batch {len(x)} on a state of batch {made_for}; start({len(x)}) anew")
            attend = partial(self.attention.step, cache=cache.own, position=position)
            x = self._around(self.attention_norm, attend, x)
        return self._rest(x, cache.source, first=position)

    def attention_weights(self, x: Tensor) -> Tensor | None:
        """Weights of the self-attention in this block, (B, heads, L, L), if it has one."""
        if self.attention is None:
            return None
        return self.attention.weights(x if self.post else self.attention_norm(x))

    def _rest(self, x: Tensor, source: KeyValue | tuple[()], first: int) -> Tensor:
        if self.cross is not None and source:
            x = self._around(self.cross_norm, partial(self.cross, source=source, first=first), x)
        return self._around(self.feed_forward_norm, self._feed_forward, x) if self.feeds else x

    def _feed_forward(self, x: Tensor) -> Tensor:
        return self.contract(self.activation(self.expand(x)))

    def _around(self, norm: nn.Module, layer: Layer, x: Tensor) -> Tensor:
        """A layer with its norm in its place and its residual connection."""
        out = layer(x if self.post else norm(x))
        out = x + out if self.residual else out
        return norm(out) if self.post else out
