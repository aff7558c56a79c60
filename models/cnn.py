"""The sequence CNN: residual blocks of causal, dilated convolution (Bai et al. 2018, section 3), normalised before."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from torch import nn

from models.architecture import DECODER_ONLY, ENCODER_ONLY, ROLES, Architecture, Interface, Size, later, spread
from models.attention import CrossAttention, Heads
from models.cnn_core import CNNCore, Stack
from models.cnn_roles import ByteNetCore
from models.dense import checked
from models.readout_attention import AttentionReadout, CausalAttentionReadout, readout_flops, readout_parameters

SMALLEST_WIDTH = 8


def receptive_field(kernel_size: int, layers: int) -> int:
    """Positions that the last output sees, with dilations 1, 2, 4, ... (Bai et al. 2018, section 3.3)."""
    return 1 + (kernel_size - 1) * (2**layers - 1)


def covering_layers(kernel_size: int, length: int) -> int:
    """The least number of layers, at least one, whose receptive field covers `length` positions."""
    return next(layers for layers in itertools.count(1) if receptive_field(kernel_size, layers) >= length)


@dataclass(frozen=True, kw_only=True)
class CNN(Architecture):
    """Dilated causal CNN, just deep enough to see the whole length: it is told the length by its depth.

    The second knob is the convolution channels summed over the layers, D per layer by nature. Covering has a price
    where the length just exceeds a receptive field: with k = 3 and L a power of two, the last layer's farthest tap
    lies exactly L back and meets padding only (one tap of 18 at L = 64). Those weights stay in the count.

    Encoder-only its taps lie on both sides, k // 2 of them before a position, and it is deep enough for every position
    to see every other. An encoder-decoder is such a stack over the source and a causal one over the target.
    """

    roles = ROLES

    kernel_size: int = 3
    """k, taps of each convolution."""
    dense: str = "direct"
    """How layers multiply, see models.dense; "blas" also takes the convolution as torch's nn.Conv1d lays it out."""
    attention: bool = later(False)
    """To the source after the last block (Gehring et al. 2017); without a source, to its own outputs there."""

    def __post_init__(self) -> None:
        if self.kernel_size < 2:
            raise ValueError(f"kernel_size must be at least 2, or no depth covers the length; got {self.kernel_size}")
        checked(self.dense)

    def core(self, size: Size, interface: Interface) -> nn.Module:
        """The stacks of a role: (B, L, D) -> (B, L, D). Raises ValueError for k = 2 where it is to look both ways."""
        width = size.width
        encoding, decoding = self._channels(size, interface)
        if interface.role == DECODER_ONLY:
            causal = CNNCore(width, decoding, self.kernel_size, self.dense)
            return CausalAttentionReadout(causal, interface.length, self.dense) if self.attention else causal
        encoder = Stack(width, encoding, self.kernel_size, self.dense, ahead=self._ahead)
        if interface.role == ENCODER_ONLY:
            return AttentionReadout(encoder, self.dense) if self.attention else encoder
        decoder = CNNCore(width, decoding, self.kernel_size, self.dense)
        attention = CrossAttention(width, None, True, self.dense, Heads(1, width)) if self.attention else None
        return ByteNetCore(encoder, decoder, interface.source, attention)

    def natural_inner(self, width: int, interface: Interface) -> int:
        """As many channels as the embedding is wide, in each layer."""
        return width * sum(self._layers(interface))

    def is_valid_width(self, width: int) -> bool:
        """At least 8 channels, so that every layer keeps some."""
        return width >= SMALLEST_WIDTH

    def closed_parameters(self, size: Size, interface: Interface) -> int:
        """Trainable numbers of the core in closed form."""
        width, inner = size
        layers = self._layers(interface)
        blocks = inner * ((self.kernel_size + 1) * width + 1) + sum(layers) * 3 * width
        norms = 2 * width * sum(depth > 0 for depth in layers)
        return blocks + norms + (readout_parameters(width) if self.attention else 0)

    def closed_flops(self, size: Size, interface: Interface) -> int:
        """FLOPs of the core's forward pass over one sequence of L positions, padding counted."""
        source, target = interface.source or interface.length, interface.target
        encoding, decoding = self._channels(size, interface)
        stacks = 2 * (source * sum(encoding) + target * sum(decoding)) * size.width * (self.kernel_size + 1)
        return stacks + (readout_flops(size.width, queries=target, keys=source) if self.attention else 0)

    @property
    def _ahead(self) -> int:
        """Taps after the position, of a convolution that looks both ways."""
        return self.kernel_size - 1 - self.kernel_size // 2

    def _layers(self, interface: Interface) -> tuple[int, int]:
        """Layers of the stack that looks both ways and of the causal one, each covering what it reads."""
        if interface.role == DECODER_ONLY:
            return 0, covering_layers(self.kernel_size, interface.length)
        if self._ahead == 0:
            raise ValueError(f"kernel_size must be at least 3 to look both ways, got {self.kernel_size}")
        # the side with fewer taps decides: seen from the first position, all the others lie ahead
        both_ways = covering_layers(1 + self._ahead, interface.source or interface.length)
        return both_ways, covering_layers(self.kernel_size, interface.target) if interface.source else 0

    def _channels(self, size: Size, interface: Interface) -> tuple[list[int], list[int]]:
        """Channels of each layer of the two stacks."""
        both_ways, causal = self._layers(interface)
        channels = spread(size.inner, both_ways + causal)
        return channels[:both_ways], channels[both_ways:]
