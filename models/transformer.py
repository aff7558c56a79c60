"""The Transformer of Vaswani et al. 2017 in its three roles and its forms.

Plain is the form that trains most easily: the layer normalisation stands inside the residual branch (Xiong et al. 2020,
figure 1b) and the activation is GELU. As described in 2017 it is norm="post", activation="relu". The other fields take
one component away each, to see what it is worth.
"""

from __future__ import annotations

from dataclasses import dataclass

from models.architecture import ENCODER_DECODER, ENCODER_ONLY, ROLES, Architecture, Interface, Size, later, spread
from models.attention import Heads, head_count
from models.block import ACTIVATIONS, NORMS
from models.dense import checked
from models.transformer_core import EncoderCore, EncoderDecoderCore, TransformerCore

POSITIONS = ("sinusoidal", "rotary", "none")
SMALLEST_WIDTH = 24  # narrower heads learn recall far more slowly at these sizes


@dataclass(frozen=True, kw_only=True)
class Transformer(Architecture):
    """Transformer in any role, `depth` blocks deep: an encoder-decoder has as many on either side.

    The second knob is the feed-forward units summed over the blocks, 4 D per block by nature. Without feed-forward
    layers it is the channels of one head summed over the blocks, D / heads per block by nature.
    """

    roles = ROLES

    positions: str = "sinusoidal"
    """How order enters: "sinusoidal" (added at the entry), "rotary" (turned into queries and keys) or "none"."""
    depth: int = 2
    fused: bool = True
    """Attention through the fused kernel of torch; False writes it out, so that a tracer can see inside."""
    dense: str = "direct"
    """How linear layers multiply, see models.dense."""
    norm: str = later("pre")
    """Where layer normalisation stands, see models.block.NORMS."""
    activation: str = later("gelu")
    """Of the feed-forward layers, see models.block.ACTIVATIONS."""
    residual: bool = later(True)
    feed_forward: bool = later(True)
    attention: bool = later(True)
    """False: no position sees another, and a decoder does not see its source."""
    one_head: bool = later(False)
    """One head as wide as the model, instead of one for every 32 channels."""

    def __post_init__(self) -> None:
        for field, known in (("positions", POSITIONS), ("norm", NORMS), ("activation", ACTIVATIONS)):
            if getattr(self, field) not in known:
                raise ValueError(f"{field} must be one of {', '.join(known)}, got {getattr(self, field)!r}")
        if self.depth < 1:
            raise ValueError(f"depth must be at least 1, got {self.depth}")
        if not (self.attention or self.feed_forward):
            raise ValueError("a block without attention and feed-forward is empty; leave it one of them")
        checked(self.dense)

    def core(self, size: Size, interface: Interface) -> EncoderCore | EncoderDecoderCore:
        """The stack of blocks, or both stacks: (B, L, D) -> (B, L, D)."""
        if interface.role == ENCODER_DECODER:
            return EncoderDecoderCore(self, size, interface)
        stack = EncoderCore if interface.role == ENCODER_ONLY else TransformerCore
        return stack(self, size, interface.length)

    def heads(self, width: int, share: int) -> Heads:
        """Of a block with this share of the second knob."""
        count = 1 if self.one_head else head_count(width)
        if self.feed_forward:
            return Heads(count, width // count)
        return Heads(count, max(2, share - share % 2) if self.positions == "rotary" else share)

    def natural_inner(self, width: int, interface: Interface) -> int:
        """Four times the width in each block (Vaswani et al. 2017, section 3.3); or heads that share the width out."""
        blocks = self.depth * (2 if interface.role == ENCODER_DECODER else 1)
        return blocks * (4 * width if self.feed_forward else width // self.heads(width, width).number)

    def is_valid_width(self, width: int) -> bool:
        """At least 24 channels, and pairs of them: for the sinusoids, and in every head, since rotary turns pairs."""
        shared_out = self.attention and self.feed_forward
        return width >= SMALLEST_WIDTH and width % (2 * self.heads(width, width).number if shared_out else 2) == 0

    def closed_parameters(self, size: Size, interface: Interface) -> int:
        """Trainable numbers of the core in closed form."""
        width, total = size.width, 0
        norm = 0 if self.norm == "none" else 2 * width
        for inner, _, source in self._stacks(size, interface):
            total += norm
            for share in spread(inner, self.depth):
                channels = self._channels(width, share)
                attention = 4 * channels * width + 3 * channels + width + norm
                feed_forward = share * (2 * width + 1) + width + norm
                total += self.attention * attention * (2 if source else 1) + self.feed_forward * feed_forward
        return total

    def closed_flops(self, size: Size, interface: Interface) -> int:
        """FLOPs of the core's forward pass over one sequence of L positions, with whole score matrices (L x L)."""
        width, total = size.width, 0
        for inner, length, source in self._stacks(size, interface):
            for share in spread(inner, self.depth):
                channels = self._channels(width, share)
                attention = 8 * length * channels * width + 4 * length * length * channels
                if source:
                    attention += 4 * (length + source) * channels * width + 4 * length * source * channels
                total += self.attention * attention + self.feed_forward * 4 * length * width * share
        return total

    def _channels(self, width: int, share: int) -> int:
        count, head_width = self.heads(width, share)
        return count * head_width

    def _stacks(self, size: Size, interface: Interface) -> list[tuple[int, int, int]]:
        """Of every stack of blocks: its part of the second knob, its positions, and those of the source it sees."""
        if interface.role != ENCODER_DECODER:
            return [(size.inner, interface.length, 0)]
        inside, after = spread(size.inner, 2)
        return [(inside, interface.source, 0), (after, interface.target, interface.source)]
