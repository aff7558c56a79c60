"""The contenders of a peers trial: causal, equal in parameters and in work, and the same function where it can be."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bench.contenders import CONTENDERS, build, group_of, natural_size, ours
from bench.contenders_libraries import Shape, Through, trained_parameters
from bench.peers import counted_flops
from models.cost import ClosedForm
from models.transformer_core import sinusoids

# x-transformers compiles a helper with the old compiler of torch when it is imported
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.*:DeprecationWarning")
SHAPE = Shape(width=64, depth=2, length=32)
PLANNED = tuple(Shape(width, 4, length) for width in (128, 256, 512) for length in (256, 1024))


def subjects(group: str = "") -> list[object]:
    """Names of contenders, each skipped where its library is missing."""
    return [
        pytest.param(
            name, marks=pytest.mark.skipif(not c.installed, reason=f"{c.package} is not installed: the peers extra")
        )
        for name, c in CONTENDERS.items()
        if name.startswith(group)
    ]


def embeddings(dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(2, SHAPE.length, SHAPE.width, dtype=dtype, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("subject", subjects())
def test_nothing_comes_from_the_future_and_everything_from_the_past(subject: str) -> None:
    module, x = build(subject, SHAPE).double(), embeddings(torch.float64).requires_grad_()
    out = module(x)
    assert out.shape[:2] == x.shape[:2]
    # by channel, since a normalised output has the same sum and the same square whatever comes in
    (from_middle,) = torch.autograd.grad(out[:, SHAPE.length // 2, 0].sum(), x, retain_graph=True)
    assert (from_middle[:, SHAPE.length // 2 + 1 :] == 0).all()
    (from_last,) = torch.autograd.grad(out[:, -1, : SHAPE.width // 2].sum(), x)
    assert (from_last.abs().amax(dim=(0, 2)) > 1e-9).all(), "the last output sees every position"
    moved = x.detach().clone()
    moved[:, -1] *= -1
    with torch.no_grad():
        change = (module(moved) - out).abs()
    assert change[:, :-1].max() < 1e-9
    assert change[:, -1].max() > 1e-3


@pytest.mark.parametrize("subject", subjects())
def test_a_group_is_equal_in_parameters_wherever_a_study_goes(subject: str) -> None:
    for shape in (SHAPE, *PLANNED):
        architecture, size = ours(group_of(subject), shape), natural_size(group_of(subject), shape)
        assert isinstance(architecture, ClosedForm)
        budget = architecture.closed_parameters(size, shape.interface)
        with torch.device("meta"):
            parameters = trained_parameters(CONTENDERS[subject].build(shape, budget))
        assert abs(parameters / budget - 1) <= 0.01, shape


@pytest.mark.parametrize("subject", subjects())
def test_equal_parameters_are_equal_arithmetic(subject: str) -> None:
    architecture, size = ours(group_of(subject), SHAPE), natural_size(group_of(subject), SHAPE)
    assert isinstance(architecture, ClosedForm)
    flops, expected = (
        counted_flops(build(subject, SHAPE), SHAPE, 3),
        3 * architecture.closed_flops(size, SHAPE.interface),
    )
    if not flops:
        pytest.skip("this version of the library does not run on meta")
    exact = subject.endswith(("/ours", "nn.TransformerEncoder", "GPT-2", "nn.LSTM", "nn.Conv1d"))
    assert flops == expected if exact else abs(flops / expected - 1) < 0.02


def test_one_seed_is_one_initialisation_and_leaves_the_stream_alone() -> None:
    before = torch.random.get_rng_state()
    first, again, other = (build("lstm/nn.LSTM", SHAPE, seed) for seed in (0, 0, 1))
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True))
    assert first.training


def test_tables_of_tokens_and_positions_are_not_counted() -> None:
    class WithTable(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.linear = nn.Embedding(100, 4), nn.Linear(4, 4)

    assert trained_parameters(WithTable()) == 20


def test_a_missing_library_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "x_transformers", None)
    assert not CONTENDERS["transformer/x-transformers"].installed
    assert CONTENDERS["transformer/nn.TransformerEncoder"].installed


@pytest.mark.parametrize("subject", ["transformer/ours", "transformer/nn.TransformerEncoder"])
def test_a_width_without_heads_is_refused(subject: str) -> None:
    with pytest.raises(ValueError, match="multiple of 32"):
        build(subject, Shape(width=100, depth=1, length=16))


# The same function


# The peers' insides are their own business, and so are not typed here.


def copy_linear(source: Any, target: Any, transposed: bool = False) -> None:
    target.weight.copy_((source.weight.t() if transposed else source.weight).view_as(target.weight))
    target.bias.copy_(source.bias)


def copy_to_encoder(ours: Any, peer: Any) -> None:
    for block, layer in zip(ours.blocks, peer.encoder.layers, strict=True):
        layer.self_attn.in_proj_weight.copy_(block.attention.qkv.weight)
        layer.self_attn.in_proj_bias.copy_(block.attention.qkv.bias)
        copy_linear(block.attention.out, layer.self_attn.out_proj)
        copy_linear(block.expand, layer.linear1)
        copy_linear(block.contract, layer.linear2)
        copy_linear(block.attention_norm, layer.norm1)
        copy_linear(block.feed_forward_norm, layer.norm2)
    copy_linear(ours.norm, peer.encoder.norm)


def copy_to_gpt2(ours: Any, peer: Any) -> None:
    model = peer.module
    model.wpe.weight.copy_(sinusoids(SHAPE.length, SHAPE.width))
    for block, layer in zip(ours.blocks, model.h, strict=True):
        copy_linear(block.attention.qkv, layer.attn.c_attn, transposed=True)
        copy_linear(block.attention.out, layer.attn.c_proj, transposed=True)
        copy_linear(block.expand, layer.mlp.c_fc, transposed=True)
        copy_linear(block.contract, layer.mlp.c_proj, transposed=True)
        copy_linear(block.attention_norm, layer.ln_1)
        copy_linear(block.feed_forward_norm, layer.ln_2)
    copy_linear(ours.norm, model.ln_f)


def copy_to_convolutions(ours: Any, peer: Any) -> None:
    layers = zip(peer.norms, peer.convolutions, peer.outs, strict=True)
    for block, (norm, convolution, out) in zip(ours.blocks, layers, strict=True):
        copy_linear(block.norm, norm)
        copy_linear(block.convolution, convolution)
        copy_linear(block.out, out)
    copy_linear(ours.norm, peer.norm)


def both_ways(module: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Output, and the gradient of a fixed combination of it with respect to the input."""
    x = x.clone().requires_grad_()
    out = module(x)
    weights = torch.randn(out.shape, generator=torch.Generator().manual_seed(5), dtype=out.dtype)
    return out.detach(), torch.autograd.grad((out * weights).sum(), x)[0]


@pytest.mark.parametrize(
    ("peer", "copy", "positions"),
    [
        pytest.param("transformer/nn.TransformerEncoder", copy_to_encoder, True, id="nn.TransformerEncoder"),
        pytest.param(
            "transformer/GPT-2",
            copy_to_gpt2,
            False,
            id="GPT-2",
            marks=pytest.mark.skipif(
                not CONTENDERS["transformer/GPT-2"].installed, reason="transformers is not installed: the peers extra"
            ),
        ),
        pytest.param("cnn/nn.Conv1d", copy_to_convolutions, False, id="nn.Conv1d"),
    ],
)
def test_with_our_weights_a_peer_computes_what_we_do(
    peer: str, copy: Callable[[Any, Any], None], positions: bool
) -> None:
    mine, theirs = build(f"{group_of(peer)}/ours", SHAPE).double(), build(peer, SHAPE, seed=1).double()
    x = embeddings(torch.float64)
    before = both_ways(theirs, x)
    with torch.no_grad():
        copy(mine, theirs)
    if positions:  # nn.TransformerEncoder has none of its own
        table = sinusoids(SHAPE.length, SHAPE.width)
        theirs = Through(theirs, lambda module, inputs: module(inputs + table))
    for found, expected in zip(both_ways(theirs, x), both_ways(mine, x), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)
    assert not torch.allclose(before[0], both_ways(mine, x)[0], atol=1e-3), "without our weights it does not"


def test_with_our_weights_the_bare_lstm_computes_the_same_bits() -> None:
    mine: Any = build("lstm/ours", SHAPE)
    theirs: Any = build("lstm/nn.LSTM", SHAPE, seed=1)
    theirs.module.load_state_dict(mine.lstm.state_dict())
    for found, expected in zip(both_ways(theirs, embeddings()), both_ways(mine, embeddings()), strict=True):
        assert torch.equal(found, expected)
