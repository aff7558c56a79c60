"""The layers of an nn.LSTM, in one direction or in both: weights, initialisation, all steps at once or one by one.

Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class LSTMState(NamedTuple):
    """What is carried from one position to the next, each (layers times directions, B, hidden units)."""

    hidden: Tensor
    cell: Tensor


@torch.no_grad()
def initialise(lstm: nn.LSTM, longest: int | None) -> None:
    """Xavier uniform input and orthogonal recurrent weights, gate by gate; biases zero but for the gates' own.

    With `longest` None the forget bias is 1. Otherwise it is log U(1, longest - 1) and the input bias its negative
    (Tallec & Ollivier 2018, equation 16).
    """
    for layer in range(lstm.num_layers):
        for backwards in directions(lstm):
            weights = weights_of(lstm, layer, backwards)
            initialise_weights(weights)
            input_bias, forget_bias, _, _ = weights[2].chunk(4)
            if longest is None:
                forget_bias.fill_(1.0)
            else:
                forget_bias.uniform_(1.0, max(1.0, longest - 1.0)).log_()
                input_bias.copy_(-forget_bias)


@torch.no_grad()
def initialise_weights(weights: list[Tensor]) -> None:
    """Xavier uniform input and orthogonal recurrent weights, gate by gate, and zero biases, of any recurrent layer."""
    weight_ih, weight_hh, bias_ih, bias_hh = weights
    for gate in weight_ih.split(weight_hh.shape[1]):
        nn.init.xavier_uniform_(gate)
    for gate in weight_hh.split(weight_hh.shape[1]):
        nn.init.orthogonal_(gate)
    nn.init.zeros_(bias_ih)
    nn.init.zeros_(bias_hh)


def run(lstm: nn.LSTM, x: Tensor, fused: bool, before: LSTMState | None = None) -> tuple[Tensor, LSTMState]:
    """All positions, (B, L, D) -> (B, L, directions times hidden units), and the state after them.

    `before` is the state before the first position, zeros unless given. Not `fused`, every position of a layer is a
    product and a handful of kernels.
    """
    if fused:
        out, after = lstm(x, before)
        return out, LSTMState(*after)
    before = before or zeros(lstm, len(x))
    ends: list[LSTMState] = []
    for layer in range(lstm.num_layers):
        outs = []
        for backwards in directions(lstm):
            start = LSTMState(before.hidden[len(ends)], before.cell[len(ends)])
            weights = weights_of(lstm, layer, backwards)
            out, end = _stepwise(x.flip(1) if backwards else x, start, *weights)
            outs.append(out.flip(1) if backwards else out)
            ends.append(end)
        x = torch.cat(outs, dim=-1) if lstm.bidirectional else outs[0]
    return x, LSTMState(*(torch.stack(parts) for parts in zip(*ends, strict=True)))


def zeros(lstm: nn.LSTM, batch: int) -> LSTMState:
    """The state before the first position of a sequence."""
    weight, layers = weights_of(lstm, 0)[0], lstm.num_layers * len(directions(lstm))
    return LSTMState(*(weight.new_zeros(layers, batch, lstm.hidden_size) for _ in range(2)))


def directions(lstm: nn.LSTM) -> tuple[bool, ...]:
    """Whether each direction of a layer goes backwards, in the order of torch's states."""
    return (False, True) if lstm.bidirectional else (False,)


def weights_of(lstm: nn.RNNBase, layer: int, backwards: bool = False) -> list[Tensor]:
    """Weights of the input and of the state, then their biases; an LSTM's gates in the order i, f, g, o."""
    kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    return [getattr(lstm, f"{kind}_l{layer}{'_reverse' if backwards else ''}") for kind in kinds]


def single_layer(weights: list[Tensor], kind: type[nn.LSTM | nn.GRU | nn.RNN] = nn.LSTM) -> nn.RNNBase:
    """One layer as a module of its own. Made on meta, so that it draws nothing from the global random stream."""
    weight_ih, weight_hh = weights[:2]
    layer = kind(weight_ih.shape[1], weight_hh.shape[1], batch_first=True, device="meta")
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    layer.load_state_dict(dict(zip(names, weights, strict=True)), assign=True)
    layer.flatten_parameters()
    return layer


def _stepwise(
    x: Tensor, start: LSTMState, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor
) -> tuple[Tensor, LSTMState]:
    """One layer and direction, (B, L, D) -> (B, L, hidden units), from a state, each (B, hidden units), to another."""
    hidden, cell = start
    entering = F.linear(x, weight_ih, bias_ih + bias_hh)
    out = []
    for gates in entering.unbind(1):
        i, f, g, o = (gates + hidden @ weight_hh.t()).chunk(4, dim=-1)
        cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
        hidden = o.sigmoid() * cell.tanh()
        out.append(hidden)
    return torch.stack(out, dim=1), LSTMState(hidden, cell)
