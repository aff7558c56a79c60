"""The LSTM: torch's own multi-layer nn.LSTM, with the two initialisations that decide what it can remember.

Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from models.architecture import ENCODER_DECODER, ENCODER_ONLY, ROLES, Architecture, Interface, Size, later
from models.lstm_alignment import AlignmentCore
from models.lstm_layers import initialise
from models.lstm_roles import BidirectionalCore, HandOverCore, LSTMCore
from models.readout_attention import AttentionReadout, CausalAttentionReadout, readout_flops, readout_parameters

INITIALISATIONS = ("forget-bias", "chrono")


@dataclass(frozen=True, kw_only=True)
class LSTM(Architecture):
    """Stacked LSTM. Its second knob is the hidden units of ONE layer, not of all, since nn.LSTM has them all equal.

    Encoder-only it is bidirectional, with so many units in each direction; an encoder-decoder is two stacks.
    """

    roles = ROLES

    initialisation: str = "forget-bias"
    """"forget-bias": forget gates start at bias 1 (Gers et al. 2000; Jozefowicz et al. 2015, section 2.2).
    "chrono": memory spans start spread over the length, which it is told (Tallec & Ollivier 2018, equation 16)."""
    depth: int = 2
    fused: bool = True
    """All steps of a layer in one kernel of torch; False takes them one by one, as a cell written in Python does."""
    attention: bool = later(False)
    """To the source, before each step (Bahdanau et al. 2015); without a source, to its own outputs, after them."""

    def __post_init__(self) -> None:
        if self.initialisation not in INITIALISATIONS:
            raise ValueError(f"initialisation must be one of {', '.join(INITIALISATIONS)}, got {self.initialisation!r}")
        if self.depth < 1:
            raise ValueError(f"depth must be at least 1, got {self.depth}")

    def core(self, size: Size, interface: Interface) -> nn.Module:
        """The recurrent stacks of a role, their weights filled: (B, L, D) -> (B, L, out_width).

        What chrono initialisation is told is the whole length, S + T too: a memory may have to cross both stacks.
        """
        core = self._core(size, interface)
        for part in core.modules():
            # nothing to fill on meta, and QR there costs time
            if isinstance(part, nn.LSTM) and not part.weight_ih_l0.is_meta:
                initialise(part, None if self.initialisation == "forget-bias" else interface.length)
        return core

    def _core(self, size: Size, interface: Interface) -> nn.Module:
        if interface.role == ENCODER_DECODER:
            kind = AlignmentCore if self.attention else HandOverCore
            return kind(size, self.depth, interface.source, self.fused)
        if interface.role == ENCODER_ONLY:
            both_ways = BidirectionalCore(size, self.depth, self.fused)
            return AttentionReadout(both_ways) if self.attention else both_ways
        causal = LSTMCore(size, self.depth, self.fused)
        return CausalAttentionReadout(causal, interface.length) if self.attention else causal

    def natural_inner(self, width: int, interface: Interface) -> int:
        """As many hidden units as the embedding is wide."""
        return width

    def closed_parameters(self, size: Size, interface: Interface) -> int:
        """Trainable numbers of the core in closed form: four gates, each with two bias vectors."""
        width, hidden = size
        if interface.role != ENCODER_DECODER:
            directions = 2 if interface.role == ENCODER_ONLY else 1
            attention = readout_parameters(directions * hidden) if self.attention else 0
            return self._products(width, hidden, directions, biases=2) + attention
        if not self.attention:
            return 2 * self._products(width, hidden, biases=2)
        encoder = self._products(width, hidden, directions=2, biases=2)
        decoder = self._products(width + 2 * hidden, hidden, biases=2)
        return encoder + decoder + 3 * hidden * hidden + 2 * hidden

    def closed_flops(self, size: Size, interface: Interface) -> int:
        """FLOPs of the core's forward pass over one sequence of L positions."""
        width, hidden = size
        source, target = interface.source, interface.target
        if interface.role != ENCODER_DECODER:
            directions = 2 if interface.role == ENCODER_ONLY else 1
            attention = readout_flops(directions * hidden, queries=target, keys=target) if self.attention else 0
            return 2 * target * self._products(width, hidden, directions) + attention
        if not self.attention:
            return 2 * interface.length * self._products(width, hidden)
        encoder = source * self._products(width, hidden, directions=2)
        decoder = target * self._products(width + 2 * hidden, hidden)
        keys, queries = source * 2 * hidden * hidden, target * hidden * hidden
        scores_and_mix = target * source * 3 * hidden
        return 2 * (encoder + decoder + keys + queries + scores_and_mix)

    def _products(self, entering: int, hidden: int, directions: int = 1, biases: int = 0) -> int:
        """Weights of one stack's gates, which each position is multiplied with, and so many biases for each gate."""
        first = entering + hidden + biases
        others = (self.depth - 1) * (directions * hidden + hidden + biases)
        return 4 * directions * hidden * (first + others)
