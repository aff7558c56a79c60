"""One planted sequence, as a solved model sees it: what a page shows beside the scores over many.

An example proves nothing, so it decides nothing; it lets a reader see what an average precision is an average of.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bench.records import Measurement
from models.architecture import SequenceModel

DIGITS = 4
"""Significant digits kept: enough for a picture, and the records file stays small."""


def example(model: SequenceModel, inputs: Tensor, planted: Tensor, device: str) -> list[Measurement]:
    """What one sequence holds, (1, L) tokens or (1, L, F) features, and where a solved model says that it looked.

    `example_input` (subject: the feature, if there are several), `example_planted` (1 at the planted positions of
    `planted`, (L,)), `example_relevance` (subject: the intrinsic method), all by position; `attention_weight`
    (subject: layer and head, step: query times L plus key) for a core that has `attention_maps`.
    """
    rows = _by_position("example_planted", planted)
    features = inputs[0].unsqueeze(-1) if inputs.dim() == 2 else inputs[0]
    for number, feature in enumerate(features.unbind(-1)):
        rows += _by_position("example_input", feature, f"feature {number}" if inputs.dim() == 3 else "")
    inputs = inputs.to(device)
    for name, relevance in model.intrinsic(inputs).items():
        rows += _by_position("example_relevance", relevance[0], name)
    return rows + _attention(model, inputs)


def _attention(model: SequenceModel, inputs: Tensor) -> list[Measurement]:
    """The weights of every layer and head; those on the future are zero in a causal model, and left out."""
    maps = getattr(model.core, "attention_maps", None)
    if maps is None:
        return []
    rows = []
    for layer, heads in enumerate(maps(model.embedding(inputs).detach())[:, 0].cpu()):
        for head, weights in enumerate(heads):
            subject = f"layer {layer + 1}, head {head + 1}"
            for query, key in torch.tril_indices(*weights.shape).T.tolist():
                rows.append(_measured("attention_weight", weights[query, key], subject, query * len(weights) + key))
    return rows


def _by_position(metric: str, values: Tensor, subject: str = "") -> list[Measurement]:
    return [_measured(metric, value, subject, position) for position, value in enumerate(values.detach().cpu())]


def _measured(metric: str, value: Tensor, subject: str, step: int) -> Measurement:
    return Measurement(metric, float(f"{float(value):.{DIGITS}g}"), subject, step)
