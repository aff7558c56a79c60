"""What an LSTM's cells did at every position: gates, cell and hidden values, recomputed from the weights as they are.

Hochreiter & Schmidhuber 1997 with the forget gate of Gers et al. 2000; gates in torch's order i, f, g, o. nn.LSTM keeps
nothing but the last layer's hidden values, which the recomputed ones are compared with.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from bench.anatomy.flow import Call
from models.lstm_layers import weights_of

GATES = ("input gate i", "forget gate f", "candidate g", "output gate o")


class Layer(NamedTuple):
    """One layer over all L positions, float64; H hidden units."""

    entering: Tensor
    """(L, D), what the layer read."""
    gates: Tensor
    """(L, 4, H), after their sigmoid or tanh."""
    cell: Tensor
    """(L + 1, H): before the first position, and after each."""
    hidden: Tensor
    """(L + 1, H), the same."""


def layers(call: Call) -> list[Layer]:
    """All layers of an nn.LSTM that reads one way, for the first sequence of its call."""
    lstm, x = call.module, call.inputs[0].detach()[0].double()
    assert isinstance(lstm, nn.LSTM)
    found = []
    for number in range(lstm.num_layers):
        weight_x, weight_h, bias = weights(lstm, number)
        start = [state.detach()[number, 0].double() for state in call.inputs[1:3]]
        hidden, cell = start or [x.new_zeros(lstm.hidden_size)] * 2
        all_gates, all_cells, all_hidden = [], [cell], [hidden]
        for entering in x:
            i, f, g, o = (weight_x @ entering + weight_h @ hidden + bias).chunk(4)
            gates = torch.stack((i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()))
            cell = gates[1] * cell + gates[0] * gates[2]
            hidden = gates[3] * cell.tanh()
            all_gates.append(gates)
            all_cells.append(cell)
            all_hidden.append(hidden)
        found.append(Layer(x, torch.stack(all_gates), torch.stack(all_cells), torch.stack(all_hidden)))
        x = found[-1].hidden[1:]
    return found


def weights(lstm: nn.LSTM, layer: int) -> tuple[Tensor, Tensor, Tensor]:
    """Weights (4 H, D) and (4 H, H) of a layer, and the sum of its two biases, (4 H,)."""
    weight_x, weight_h, bias_x, bias_h = (part.detach().double() for part in weights_of(lstm, layer))
    return weight_x, weight_h, bias_x + bias_h


def worked_cell(call: Call, step: int) -> dict[str, Any]:
    """The unit whose cell moved the most at `step`, over all positions, and that step in numbers."""
    found = layers(call)
    moved = torch.stack([(layer.cell[step + 1] - layer.cell[step]).abs() for layer in found])
    number, unit = divmod(int(moved.argmax()), moved.shape[1])
    layer, lstm = found[number], call.module
    assert isinstance(lstm, nn.LSTM)
    difference = (found[-1].hidden[1:] - call.outputs[0].detach()[0].double()).abs().max()
    return {
        "path": call.path,
        "layer": number,
        "unit": unit,
        "step": step,
        "gates": layer.gates[:, :, unit].tolist(),
        "cell": layer.cell[:, unit].tolist(),
        "hidden": layer.hidden[:, unit].tolist(),
        "cells": layer.cell[1:].tolist(),
        "entering": layer.entering[step].tolist(),
        "before": layer.hidden[step].tolist(),
        "sums": _sums(lstm, layer, number, unit, step),
        "difference": float(difference),
    }


def _sums(lstm: nn.LSTM, layer: Layer, number: int, unit: int, step: int) -> list[dict[str, Any]]:
    """How each gate of a unit came about: weights, their products with what comes in, bias, sum."""
    weight_x, weight_h, bias = weights(lstm, number)
    rows = []
    for gate, name in enumerate(GATES):
        row = gate * lstm.hidden_size + unit
        from_x, from_h = weight_x[row] @ layer.entering[step], weight_h[row] @ layer.hidden[step]
        rows.append(
            {
                "gate": name,
                "weight_x": weight_x[row].tolist(),
                "weight_h": weight_h[row].tolist(),
                "from_x": float(from_x),
                "from_h": float(from_h),
                "bias": float(bias[row]),
                "sum": float(from_x + from_h + bias[row]),
                "value": float(layer.gates[step, gate, unit]),
            }
        )
    return rows
