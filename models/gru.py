"""The gated recurrent unit (Cho et al. 2014, section 2.3): torch's own multi-layer nn.GRU.

As torch and cuDNN have it, the reset gate acts on the product with the state, not on the state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.architecture import Interface, Size
from models.rnn import RNN, Layer, RecurrentCore

KEEP_BIAS = 1.0
"""Bias that the gates which keep the state start at."""


@dataclass(frozen=True, kw_only=True)
class GRU(RNN):
    """Stacked GRU, with the knobs of the RNN. What it keeps of its state starts at bias 1, as the LSTM's forget gate.

    Jozefowicz et al. 2015, section 2.2, for the LSTM; Srivastava et al. 2015, section 2.2, for a gate that both writes
    and keeps, as the update gate does.
    """

    gates: ClassVar[int] = 3

    def core(self, size: Size, interface: Interface) -> nn.Module:
        """The recurrent stack: (B, L, D) -> (B, L, hidden units)."""
        return GRUCore(nn.GRU(size.width, size.inner, self.depth, batch_first=True))


class GRUCore(RecurrentCore):
    """nn.GRU, whose update gate z keeps the state: h_t = (1 - z_t) n_t + z_t h_{t-1}."""

    def __init__(self, layers: nn.GRU) -> None:
        super().__init__(layers)
        for number in range(layers.num_layers):
            _, kept, _ = getattr(layers, f"bias_ih_l{number}").detach().chunk(3)
            kept.fill_(KEEP_BIAS)

    def relevance(self, layer: Layer) -> dict[str, Tensor]:
        """Of one layer, (B, L): "state-change", and as "update-gate" the sum of what the gates let in, 1 - z_t."""
        weight_ih, weight_hh, bias_ih, bias_hh = layer.weights
        gates = F.linear(layer.entered, weight_ih, bias_ih) + F.linear(layer.before, weight_hh, bias_hh)
        kept = torch.sigmoid(gates.chunk(3, dim=-1)[1])
        return {**super().relevance(layer), "update-gate": (1 - kept).sum(dim=-1)}
