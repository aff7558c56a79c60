"""Attention over a core's own outputs, against the sum written out, in both families that take it."""

from __future__ import annotations

import math

import pytest
import torch
from in_roles import alive, draw, normal, stepped, tokens
from torch import Tensor, nn

from models import RELATIVES
from models.architecture import DECODER_ONLY, ENCODER_ONLY, Size
from models.readout_attention import AttentionReadout, CausalAttentionReadout

LENGTH = 13

both_families = pytest.mark.parametrize("name", ["lstm-attention", "cnn-attention"])


def added_by_hand(readout: AttentionReadout, hidden: Tensor, causal: bool) -> Tensor:
    """(L, W) -> (L, W): each position by itself, over the positions up to it or over all."""
    width = hidden.shape[1]
    query, key, value = readout.attention.qkv(hidden).split(width, dim=1)
    rows = []
    for t in range(len(hidden)):
        seen = range(t + 1 if causal else len(hidden))
        scores = [math.exp(float(query[t] @ key[s]) / math.sqrt(width)) for s in seen]
        mixed = torch.stack([score * value[s] for score, s in zip(scores, seen, strict=True)]).sum(0) / sum(scores)
        rows.append(hidden[t] + readout.attention.out(mixed))
    return torch.stack(rows)


@both_families
@pytest.mark.parametrize("role", [DECODER_ONLY, ENCODER_ONLY])
@torch.no_grad()
def test_each_position_adds_what_it_attends_to(name: str, role: str) -> None:
    core = alive(RELATIVES[name].core(Size(9, 33), tokens(role)))
    assert isinstance(core, AttentionReadout)
    x = normal(2, LENGTH, 9)
    for out, hidden in zip(core(x), core.core(x), strict=True):
        expected = added_by_hand(core, hidden, causal=role == DECODER_ONLY)
        torch.testing.assert_close(out, expected, rtol=0, atol=1e-11)


@both_families
def test_one_that_looks_both_ways_does_not_go_by_position(name: str) -> None:
    model = RELATIVES[name].build(tokens(ENCODER_ONLY))
    assert not model.can_step
    assert model.intrinsic(draw(model.interface)) == {}


@both_families
@torch.no_grad()
def test_what_it_attends_to_explains_the_last_answer(name: str) -> None:
    """Moving a value by hand moves the output by its weight."""
    core = alive(RELATIVES[name].core(Size(9, 33), tokens(DECODER_ONLY)))
    assert isinstance(core, CausalAttentionReadout)
    x = normal(2, LENGTH, 9)
    weights = core.intrinsic(x, nn.Identity())["attention-last"]
    torch.testing.assert_close(weights.sum(1), torch.ones(2, dtype=torch.float64), rtol=0, atol=1e-12)
    width, hidden = core.out_width, core.core(x)
    value = core.attention.qkv(hidden)[..., 2 * width :]
    mixed = (weights.unsqueeze(-1) * value).sum(1)
    torch.testing.assert_close(core(x)[:, -1], hidden[:, -1] + core.attention.out(mixed), rtol=0, atol=1e-11)


@both_families
def test_the_cache_gets_full(name: str) -> None:
    model = RELATIVES[name].build(tokens(DECODER_ONLY))
    one_more = draw(tokens(DECODER_ONLY, target=LENGTH + 1 - 7))
    with pytest.raises(ValueError, match=f"cache is full.*at most {LENGTH} positions.*greater length"):
        stepped(model, one_more)
