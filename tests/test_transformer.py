"""The Transformer against torch's own modules and against its formulas."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import nn

from models.architecture import Interface, Size
from models.attention import Rotation, SelfAttention
from models.transformer import Transformer
from models.transformer_core import TransformerCore, sinusoids

LENGTH = 20
TOKENS = Interface(length=LENGTH, outputs=5, vocabulary=7)


@pytest.fixture
def double() -> Iterator[None]:
    """Modules and buffers made in float64."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def randomise(module: nn.Module) -> None:
    """Every number away from its initial value, so that no zero bias or unit scale hides a mistake."""
    generator = torch.Generator().manual_seed(1)
    for parameter in module.parameters():
        noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        parameter.data.add_(0.3 * noise.to(parameter))


def as_torch_encoder(core: TransformerCore, width: int, inner: int, heads: int) -> nn.TransformerEncoder:
    """torch's own encoder with the weights of ours."""
    layer = nn.TransformerEncoderLayer(width, heads, inner, 0.0, "gelu", batch_first=True, norm_first=True)
    encoder = nn.TransformerEncoder(layer, len(core.blocks), nn.LayerNorm(width), enable_nested_tensor=False).double()
    names = {
        "attention.qkv.": "self_attn.in_proj_",
        "attention.out.": "self_attn.out_proj.",
        "attention_norm.": "norm1.",
        "feed_forward_norm.": "norm2.",
        "expand.": "linear1.",
        "contract.": "linear2.",
        "blocks.": "layers.",
    }
    state = {}
    for key, value in core.state_dict().items():
        for ours, theirs in names.items():
            key = key.replace(ours, theirs)
        state[key] = value
    encoder.load_state_dict(state)
    return encoder


def test_transformer_equals_torch_encoder() -> None:
    core = Transformer().core(Size(64, 2 * 96), TOKENS).double()
    randomise(core)
    encoder = as_torch_encoder(core, width=64, inner=96, heads=2)
    embeddings = torch.randn(2, LENGTH, 64, dtype=torch.float64)
    mask = nn.Transformer.generate_square_subsequent_mask(LENGTH, dtype=torch.float64)
    torch.testing.assert_close(
        core(embeddings), encoder(embeddings + core.get_buffer("positions"), mask), rtol=0, atol=1e-10
    )


def test_sinusoids_follow_the_formula() -> None:
    table = sinusoids(30, 8)
    for position, i in itertools.product(range(30), range(4)):
        angle = position / 10_000 ** (2 * i / 8)
        assert table[position, 2 * i].item() == pytest.approx(math.sin(angle), abs=1e-6)
        assert table[position, 2 * i + 1].item() == pytest.approx(math.cos(angle), abs=1e-6)


@pytest.mark.parametrize("positions", ["sinusoidal", "rotary"])
def test_fused_attention_equals_written_out(positions: str) -> None:
    fused, written = (
        replace(Transformer(positions=positions), fused=fused).build(TOKENS).double() for fused in (True, False)
    )
    randomise(fused)
    randomise(written)
    tokens = torch.randint(7, (3, LENGTH))
    torch.testing.assert_close(fused(tokens), written(tokens), rtol=0, atol=1e-10)


def test_rotary_scores_depend_on_distance_alone(double: None) -> None:
    query, key = (Rotation(12, 32)(torch.randn(1, 1, 1, 32).expand(1, 1, 12, 32))[0, 0] for _ in range(2))
    scores = query @ key.T
    torch.testing.assert_close(scores[1:, 1:], scores[:-1, :-1], rtol=0, atol=1e-12)
    assert scores[:, 0].std() > 0.1


def test_rotary_reaches_queries_and_keys_but_not_values(double: None) -> None:
    attention = SelfAttention(32, Rotation(12, 32), fused=True)
    query, key, value = (part[0, 0] for part in attention.project(torch.randn(1, 1, 32).expand(1, 12, 32)))
    assert not torch.allclose(query[0], query[5])
    assert not torch.allclose(key[0], key[5])
    torch.testing.assert_close(value[0], value[5])


def test_transformer_refuses_longer_sequences() -> None:
    for positions in ("sinusoidal", "rotary"):
        with pytest.raises(ValueError, match=f"{LENGTH + 1} positions.*at most {LENGTH}"):
            Transformer(positions=positions).build(TOKENS)(torch.zeros(1, LENGTH + 1, dtype=torch.long))


@pytest.mark.parametrize("positions", ["sinusoidal", "rotary"])
def test_intrinsic_is_the_last_querys_attention(positions: str, double: None) -> None:
    """Layer by layer against torch's own multi-head attention (without rotary) and a rollout of whole matrices."""
    core = Transformer(positions=positions, depth=3).core(Size(64, 300), TOKENS)
    randomise(core)
    embeddings = torch.randn(2, LENGTH, 64)
    maps: list[torch.Tensor] = []
    x = embeddings if positions == "rotary" else embeddings + core.get_buffer("positions")
    for block in core.blocks:
        normed = block.attention_norm(x)
        maps.append(
            attention_by_torch(block.attention, normed)
            if positions == "sinusoidal"
            else attention_by_hand(block.attention, normed)
        )
        x = block(x)
    rollout = torch.eye(LENGTH, dtype=torch.float64)
    for attention in maps:
        rollout = (0.5 * torch.eye(LENGTH, dtype=torch.float64) + 0.5 * attention) @ rollout
    expected = {
        "attention-mean": torch.stack(maps).mean(0)[:, -1],
        "attention-last": maps[-1][:, -1],
        "rollout": rollout[:, -1],
    }
    found = core.intrinsic(embeddings, nn.Identity())
    for method, relevance in expected.items():
        torch.testing.assert_close(found[method], relevance, rtol=0, atol=1e-12)
        torch.testing.assert_close(found[method].sum(-1), torch.ones(2, dtype=torch.float64), rtol=0, atol=1e-12)


def attention_by_torch(attention: SelfAttention, x: torch.Tensor) -> torch.Tensor:
    """Head-averaged weights (B, L, L) from nn.MultiheadAttention with the same projections."""
    twin = nn.MultiheadAttention(x.shape[-1], attention.heads, batch_first=True).double()
    twin.in_proj_weight.data, twin.in_proj_bias.data = attention.qkv.weight.data, attention.qkv.bias.data
    mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1], dtype=x.dtype)
    return twin(x, x, x, attn_mask=mask)[1].detach()


def attention_by_hand(attention: SelfAttention, x: torch.Tensor) -> torch.Tensor:
    """Head-averaged weights (B, L, L), one query and head at a time, with pairs turned as complex numbers."""
    batch, length, width = x.shape
    half = width // attention.heads // 2
    angle = torch.arange(length)[:, None] * 10_000.0 ** (-torch.arange(half) / half)
    turn = torch.polar(torch.ones_like(angle), angle)
    query, key, _ = (part.view(batch, length, attention.heads, 2, half) for part in attention.qkv(x).chunk(3, dim=-1))
    turned = [torch.complex(part[..., 0, :], part[..., 1, :]) * turn[:, None] for part in (query, key)]
    weights = torch.zeros(batch, length, length, dtype=x.dtype)
    for row in range(length):
        scores = torch.einsum("bhc,bkhc->bhk", turned[0][:, row], turned[1][:, : row + 1].conj()).real
        weights[:, row, : row + 1] = (scores / math.sqrt(2 * half)).softmax(-1).mean(1)
    return weights.detach()
