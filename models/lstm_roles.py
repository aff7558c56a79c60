"""The cores of the LSTM, one for each role: causal, bidirectional, and one that hands its state over to another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.architecture import Size
from models.lstm_layers import LSTMState, run, single_layer, weights_of, zeros


class LayerState(NamedTuple):
    """What one layer held at each step, all (B, L, hidden units)."""

    input_gate: Tensor
    forget_gate: Tensor
    candidate: Tensor
    output_gate: Tensor
    hidden: Tensor


class LSTMCore(nn.Module):
    """Decoder-only: nn.LSTM without its final state, so that it fits between embedding and read-out."""

    def __init__(self, size: Size, depth: int, fused: bool = True) -> None:
        super().__init__()
        self.out_width = size.inner
        self.fused = fused
        self.lstm = nn.LSTM(size.width, size.inner, depth, batch_first=True)

    def forward(self, embeddings: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, hidden units)."""
        return run(self.lstm, embeddings, self.fused)[0]

    def start(self, batch: int) -> LSTMState:
        """Zeros, as before the first position of a sequence."""
        return zeros(self.lstm, batch)

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
            weights = [weight.detach().clone() for weight in weights_of(self.lstm, layer)]
            hidden = single_layer(weights)(x)[0]
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


class BidirectionalCore(nn.Module):
    """Encoder-only: in every layer one LSTM from each end (Schuster & Paliwal 1997; Graves & Schmidhuber 2005)."""

    def __init__(self, size: Size, depth: int, fused: bool = True) -> None:
        super().__init__()
        self.out_width = 2 * size.inner
        self.fused = fused
        self.lstm = nn.LSTM(size.width, size.inner, depth, batch_first=True, bidirectional=True)

    def forward(self, embeddings: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, twice the hidden units): forwards, then backwards."""
        return run(self.lstm, embeddings, self.fused)[0]


class HandOverCore(nn.Module):
    """Encoder-decoder: what one LSTM holds after the source is where another starts (Sutskever et al. 2014).

    Layer by layer, with no other way from source to target. (The paper also reverses the source; this does not.)
    """

    def __init__(self, size: Size, depth: int, source: int, fused: bool = True) -> None:
        super().__init__()
        self.out_width = size.inner
        self.source = source
        self.encoder = LSTMCore(size, depth, fused)
        self.decoder = LSTMCore(size, depth, fused)

    def forward(self, embeddings: Tensor) -> Tensor:
        """(B, S + T, D) -> (B, S + T, hidden units), zeros at the source."""
        decoder, before = self.decoder, self.read(embeddings[:, : self.source])
        out, _ = run(decoder.lstm, embeddings[:, self.source :], decoder.fused, before)
        return F.pad(out, (0, 0, self.source, 0))

    def read(self, source: Tensor) -> LSTMState:
        """The encoder's state after the source (B, S, D)."""
        return run(self.encoder.lstm, source, self.encoder.fused)[1]

    def step(self, x: Tensor, state: LSTMState) -> tuple[Tensor, LSTMState]:
        """One target position: (B, D) -> (B, hidden units) and the state after it, without end."""
        return self.decoder.step(x, state)
