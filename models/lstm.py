"""The LSTM: torch's own multi-layer nn.LSTM, with the two initialisations that decide what it can remember.

Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.architecture import Architecture, Interface, Size

INITIALISATIONS = ("forget-bias", "chrono")


@dataclass(frozen=True, kw_only=True)
class LSTM(Architecture):
    """Stacked LSTM. Its second knob is the hidden units of ONE layer, not of all, since nn.LSTM has them all equal."""

    initialisation: str = "forget-bias"
    """"forget-bias": forget gates start at bias 1 (Gers et al. 2000; Jozefowicz et al. 2015, section 2.2).
    "chrono": memory spans start spread over the length, which it is told (Tallec & Ollivier 2018, equation 16)."""
    depth: int = 2
    fused: bool = True
    """All steps of a layer in one kernel of torch; False takes them one by one, as a cell written in Python does."""

    def __post_init__(self) -> None:
        if self.initialisation not in INITIALISATIONS:
            raise ValueError(f"initialisation must be one of {', '.join(INITIALISATIONS)}, got {self.initialisation!r}")
        if self.depth < 1:
            raise ValueError(f"depth must be at least 1, got {self.depth}")

    def core(self, size: Size, interface: Interface) -> LSTMCore:
        """The recurrent stack: (B, L, D) -> (B, L, hidden units)."""
        core = LSTMCore(size, self.depth, self.fused)
        if not core.lstm.weight_ih_l0.is_meta:  # nothing to fill there, and QR on meta costs time
            initialise(core.lstm, None if self.initialisation == "forget-bias" else interface.length)
        return core

    def natural_inner(self, width: int, interface: Interface) -> int:
        """As many hidden units as the embedding is wide."""
        return width

    def closed_parameters(self, size: Size, interface: Interface) -> int:
        """Trainable numbers of the core in closed form: four gates, each with two bias vectors."""
        width, hidden = size
        return 4 * hidden * ((width + hidden + 2) + (self.depth - 1) * (2 * hidden + 2))

    def closed_flops(self, size: Size, interface: Interface) -> int:
        """FLOPs of the core's forward pass over one sequence of L positions."""
        width, hidden = size
        return 8 * interface.length * hidden * ((width + hidden) + (self.depth - 1) * 2 * hidden)


@torch.no_grad()
def initialise(lstm: nn.LSTM, longest: int | None) -> None:
    """Xavier uniform input and orthogonal recurrent weights, gate by gate; biases zero but for the gates' own.

    With `longest` None the forget bias is 1. Otherwise it is log U(1, longest - 1) and the input bias its negative
    (Tallec & Ollivier 2018, equation 16).
    """
    for layer in range(lstm.num_layers):
        weight_ih, weight_hh, bias_ih, bias_hh = _weights(lstm, layer)
        for gate in weight_ih.chunk(4):
            nn.init.xavier_uniform_(gate)
        for gate in weight_hh.chunk(4):
            nn.init.orthogonal_(gate)
        nn.init.zeros_(bias_ih)
        nn.init.zeros_(bias_hh)
        input_bias, forget_bias, _, _ = bias_ih.chunk(4)
        if longest is None:
            forget_bias.fill_(1.0)
        else:
            forget_bias.uniform_(1.0, max(1.0, longest - 1.0)).log_()
            input_bias.copy_(-forget_bias)


class LayerState(NamedTuple):
    """What one layer held at each step, all (B, L, hidden units)."""

    input_gate: Tensor
    forget_gate: Tensor
    candidate: Tensor
    output_gate: Tensor
    hidden: Tensor


class LSTMState(NamedTuple):
    """What is carried from one position to the next, each (layers, B, hidden units)."""

    hidden: Tensor
    cell: Tensor


class LSTMCore(nn.Module):
    """nn.LSTM without its final state, so that it fits between embedding and read-out."""

    def __init__(self, size: Size, depth: int, fused: bool = True) -> None:
        super().__init__()
        self.out_width = size.inner
        self.fused = fused
        self.lstm = nn.LSTM(size.width, size.inner, depth, batch_first=True)

    def forward(self, embeddings: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, hidden units)."""
        if self.fused:
            return self.lstm(embeddings)[0]
        x = embeddings
        for layer in range(self.lstm.num_layers):
            x = _stepwise(x, *_weights(self.lstm, layer))
        return x

    def start(self, batch: int) -> LSTMState:
        """Zeros, as before the first position of a sequence."""
        weight, shape = _weights(self.lstm, 0)[0], (self.lstm.num_layers, batch, self.lstm.hidden_size)
        return LSTMState(weight.new_zeros(shape), weight.new_zeros(shape))

    def step(self, x: Tensor, state: LSTMState) -> tuple[Tensor, LSTMState]:
        """One position: (B, D) -> (B, hidden units) and the state after it, without end."""
        out, after = self.lstm(x.unsqueeze(1), state)
        return out.squeeze(1), LSTMState(*after)

    @torch.no_grad()
    def layer_states(self, embeddings: Tensor) -> Iterator[LayerState]:
        """Gates and hidden states of each layer, first to last, from the weights as they are.

        nn.LSTM keeps neither the lower layers' hidden states nor any gate. Each layer runs alone once; the gates then
        follow from all hidden states in one matrix product.
        """
        x = embeddings
        for layer in range(self.lstm.num_layers):
            weights = [weight.detach().clone() for weight in _weights(self.lstm, layer)]
            hidden = _single_layer(weights)(x)[0]
            before = F.pad(hidden, (0, 0, 1, -1))  # h_{t-1}, with zeros before the first step
            gates = F.linear(x, weights[0], weights[2]) + F.linear(before, weights[1], weights[3])
            i, f, g, o = gates.chunk(4, dim=-1)
            yield LayerState(i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid(), hidden)
            x = hidden

    @torch.no_grad()
    def intrinsic(self, embeddings: Tensor, readout: nn.Module) -> dict[str, Tensor]:
        """How much each step moved the state, two ways, each (B, L), means over the layers.

        "state-change" is ||h_t - h_{t-1}||, "input-gate" the sum of the open input gates.
        """
        changes, gates = [], []
        for state in self.layer_states(embeddings):
            changes.append((state.hidden - F.pad(state.hidden, (0, 0, 1, -1))).norm(dim=-1))
            gates.append(state.input_gate.sum(dim=-1))
        named = {"state-change": changes, "input-gate": gates}
        return {method: torch.stack(layers).mean(dim=0) for method, layers in named.items()}


def _stepwise(x: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor) -> Tensor:
    """One layer, (B, L, D) -> (B, L, hidden units), a product and a handful of kernels for each position."""
    entering = F.linear(x, weight_ih, bias_ih + bias_hh)
    hidden = cell = x.new_zeros(x.shape[0], weight_hh.shape[1])
    out = []
    for gates in entering.unbind(1):
        i, f, g, o = (gates + hidden @ weight_hh.t()).chunk(4, dim=-1)
        cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
        hidden = o.sigmoid() * cell.tanh()
        out.append(hidden)
    return torch.stack(out, dim=1)


def _weights(lstm: nn.LSTM, layer: int) -> list[Tensor]:
    return [getattr(lstm, f"{kind}_l{layer}") for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]


def _single_layer(weights: list[Tensor]) -> nn.LSTM:
    """One layer as a module of its own. Made on meta, so that it draws nothing from the global random stream."""
    weight_ih, weight_hh = weights[:2]
    lstm = nn.LSTM(weight_ih.shape[1], weight_hh.shape[1], batch_first=True, device="meta")
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    lstm.load_state_dict(dict(zip(names, weights, strict=True)), assign=True)
    lstm.flatten_parameters()
    return lstm
