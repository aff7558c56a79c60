"""The plain recurrent network, h_t = tanh(W x_t + U h_{t-1} + b): torch's own multi-layer nn.RNN (Elman 1990).

Its core serves every recurrent layer of torch whose state is the hidden units alone, and so the GRU as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.architecture import Architecture, Interface, Size
from models.lstm_layers import initialise_weights, single_layer, weights_of


@dataclass(frozen=True, kw_only=True)
class RNN(Architecture):
    """Stacked tanh RNN. Its second knob is the hidden units of ONE layer, not of all, as the LSTM's is."""

    gates: ClassVar[int] = 1
    """Products with the input, and with the state, for each hidden unit."""

    depth: int = 2

    def __post_init__(self) -> None:
        if self.depth < 1:
            raise ValueError(f"depth must be at least 1, got {self.depth}")

    def core(self, size: Size, interface: Interface) -> nn.Module:
        """The recurrent stack: (B, L, D) -> (B, L, hidden units)."""
        return RecurrentCore(nn.RNN(size.width, size.inner, self.depth, batch_first=True))

    def natural_inner(self, width: int, interface: Interface) -> int:
        """As many hidden units as the embedding is wide."""
        return width

    def closed_parameters(self, size: Size, interface: Interface) -> int:
        """Trainable numbers of the core in closed form: each gate with two bias vectors."""
        width, hidden = size
        return self.gates * hidden * ((width + hidden + 2) + (self.depth - 1) * (2 * hidden + 2))

    def closed_flops(self, size: Size, interface: Interface) -> int:
        """FLOPs of the core's forward pass over one sequence of L positions."""
        width, hidden = size
        return 2 * self.gates * interface.length * hidden * ((width + hidden) + (self.depth - 1) * 2 * hidden)


class Layer(NamedTuple):
    """What one layer did with a sequence: what entered, its state after and before each step, its weights."""

    entered: Tensor
    hidden: Tensor
    before: Tensor
    weights: list[Tensor]
    """Those of the input and of the state, then their biases."""


class RecurrentState(NamedTuple):
    """What is carried from one position to the next: (layers, B, hidden units)."""

    hidden: Tensor


class RecurrentCore(nn.Module):
    """nn.RNN or nn.GRU without its final state, so that it fits between embedding and read-out."""

    def __init__(self, layers: nn.RNN | nn.GRU) -> None:
        super().__init__()
        self.out_width = layers.hidden_size
        self.layers = layers
        if not layers.weight_ih_l0.is_meta:  # nothing to fill there, and QR on meta costs time
            for number in range(layers.num_layers):
                initialise_weights(weights_of(layers, number))

    def forward(self, embeddings: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, hidden units)."""
        return self.layers(embeddings)[0]

    def start(self, batch: int) -> RecurrentState:
        """Zeros, as before the first position of a sequence."""
        layers = self.layers
        return RecurrentState(weights_of(layers, 0)[0].new_zeros(layers.num_layers, batch, layers.hidden_size))

    def step(self, x: Tensor, state: RecurrentState) -> tuple[Tensor, RecurrentState]:
        """One position: (B, D) -> (B, hidden units) and the state after it, without end."""
        out, hidden = self.layers(x.unsqueeze(1), state.hidden)
        return out.squeeze(1), RecurrentState(hidden)

    @torch.no_grad()
    def intrinsic(self, embeddings: Tensor, readout: nn.Module) -> dict[str, Tensor]:
        """How much each step moved the state, in each of the ways of `relevance`: (B, L), means over the layers."""
        found = [self.relevance(layer) for layer in self.layer_states(embeddings)]
        return {method: torch.stack([layer[method] for layer in found]).mean(dim=0) for method in found[0]}

    def relevance(self, layer: Layer) -> dict[str, Tensor]:
        """Of one layer, (B, L): "state-change" is ||h_t - h_{t-1}||."""
        return {"state-change": (layer.hidden - layer.before).norm(dim=-1)}

    def layer_states(self, embeddings: Tensor) -> Iterator[Layer]:
        """Each layer, first to last, run alone once: torch keeps the hidden states of the last one only."""
        x = embeddings
        for number in range(self.layers.num_layers):
            weights = [weight.detach().clone() for weight in weights_of(self.layers, number)]
            hidden = single_layer(weights, type(self.layers))(x)[0]
            yield Layer(x, hidden, F.pad(hidden, (0, 0, 1, -1)), weights)  # zeros before the first step
            x = hidden
