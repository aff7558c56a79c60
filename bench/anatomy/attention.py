"""Attention heads as they attended, and one query of one head worked through in numbers.

Queries, keys, values and results are those of the kernel's own call; the weights, which no fused kernel keeps, are
recomputed from them in double precision (Vaswani et al. 2017, equation 1), and so is the result, to be compared.
"""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import torch
from torch import Tensor

from bench.anatomy.flow import Attended, Call, Flow
from models.attention import SelfAttention


class Worked(NamedTuple):
    """One call of the attention kernel, recomputed."""

    scores: Tensor
    """(heads, L, S) float64, scaled, before the mask."""
    visible: Tensor
    """(L, S) bool: which keys a query may look at."""
    weights: Tensor
    """(heads, L, S); rows sum to one."""
    mixed: Tensor
    """(heads, L, head width)."""
    difference: float
    """Largest deviation from what the kernel returned."""


def recomputed(attended: Attended) -> Worked:
    """The weights and the result of one call, of its first sequence."""
    query, key, value, result = (
        t.detach()[0].double() for t in (attended.query, attended.key, attended.value, attended.result)
    )
    scores = query @ key.transpose(-2, -1) * scale(attended)
    visible = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device)
    if attended.options.get("is_causal"):
        visible = visible.tril()
    mask = attended.options.get("attn_mask")
    if mask is not None and mask.dtype == torch.bool:
        visible = visible & mask.expand(1, 1, *visible.shape)[0, 0]
    elif mask is not None:
        scores = scores + mask.detach().expand(1, *scores.shape)[0].double()
    weights = scores.masked_fill(~visible, float("-inf")).softmax(dim=-1)
    mixed = weights @ value
    return Worked(scores, visible, weights, mixed, float((mixed - result).abs().max()))


def scale(attended: Attended) -> float:
    """What products of queries and keys are multiplied by: one over the root of the head width, unless told."""
    return attended.options.get("scale") or attended.query.shape[-1] ** -0.5


def written_out(call: Call) -> dict[str, Any]:
    """What flows inside one attention module, its kernel written out; and how far that is from what the kernel gave."""
    twin = copy.deepcopy(call.module)
    assert isinstance(twin, SelfAttention)
    twin.fused = False
    flow = Flow(twin, {""})
    result = flow.run(call.inputs[0].detach())
    difference = (result - call.outputs[0]).detach().abs().max()
    return {"path": call.path, "diagram": flow.diagram(), "difference": float(difference)}


def heads(attended: Attended) -> list[dict[str, Any]]:
    """Every head of one call: its scores and weights, (L, S), and which keys a query saw."""
    worked = recomputed(attended)
    return [
        {
            "path": attended.path,
            "head": head,
            "scores": scores.tolist(),
            "visible": worked.visible.tolist(),
            "weights": weights.tolist(),
            "difference": worked.difference,
        }
        for head, (scores, weights) in enumerate(zip(worked.scores, worked.weights, strict=True))
    ]


def worked_query(calls: list[Attended], query: int, planted: int | None) -> dict[str, Any]:
    """One query, of the head that gives the most weight to the planted key, or to any key where none is planted."""
    rows = [(one, worked, head) for one in calls for worked in [recomputed(one)] for head in range(len(worked.weights))]

    def weight(row: tuple[Attended, Worked, int]) -> float:
        own = row[1].weights[row[2], query]
        return float(own.max() if planted is None else own[planted])

    one, worked, head = max(rows, key=weight)
    return {
        "path": one.path,
        "head": head,
        "query": query,
        "scale": scale(one),
        "q": one.query[0, head, query].tolist(),
        "k": one.key[0, head].tolist(),
        "v": one.value[0, head].tolist(),
        "products": (worked.scores[head, query] / scale(one)).tolist(),
        "scores": worked.scores[head, query].tolist(),
        "visible": worked.visible[query].tolist(),
        "weights": worked.weights[head, query].tolist(),
        "output": worked.mixed[head, query].tolist(),
        "recorded": one.result[0, head, query].tolist(),
        "difference": worked.difference,
    }
