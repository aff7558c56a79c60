"""The LSTM in its roles against cells that are stepped by hand, and alignment against the formulas of its paper."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from in_roles import SOURCE, TARGET, alive, normal, tokens
from torch import Tensor, nn

from models import RELATIVES
from models.architecture import DECODER_ONLY, ENCODER_DECODER, ENCODER_ONLY, ROLES, Size
from models.lstm import LSTM
from models.lstm_alignment import AlignmentCore
from models.lstm_roles import BidirectionalCore, HandOverCore

D, H = 6, 5
PLAIN, ALIGNED = LSTM(), LSTM(attention=True)
Pair = tuple[Tensor, Tensor]

fused_or_not = pytest.mark.parametrize("fused", [True, False])
every_role = pytest.mark.parametrize("role", ROLES)


def cells(lstm: nn.LSTM, suffix: str = "") -> list[nn.LSTMCell]:
    """Every layer of one direction as torch's own single cell, with the same weights."""
    layers = []
    for layer in range(lstm.num_layers):
        weights = [getattr(lstm, f"{n}_l{layer}{suffix}") for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        cell = nn.LSTMCell(weights[0].shape[1], lstm.hidden_size).double()
        cell.load_state_dict(dict(zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), weights, strict=True)))
        layers.append(cell)
    return layers


def nothing() -> Pair:
    return torch.zeros(1, H, dtype=torch.float64), torch.zeros(1, H, dtype=torch.float64)


def along(cell: nn.LSTMCell, x: Tensor, pair: Pair) -> tuple[Tensor, Pair]:
    """One layer, one direction, (L, in) -> (L, H)."""
    rows = []
    for row in x:
        pair = cell(row[None], pair)
        rows.append(pair[0])
    return torch.cat(rows), pair


def both_ways(lstm: nn.LSTM, x: Tensor) -> tuple[Tensor, list[Pair]]:
    """Outputs (L, 2 H), and where each layer's backward direction ends."""
    ends = []
    for onward, backward in zip(cells(lstm), cells(lstm, "_reverse"), strict=True):
        right, _ = along(onward, x, nothing())
        left, end = along(backward, x.flip(0), nothing())
        x = torch.cat((right, left.flip(0)), dim=1)
        ends.append(end)
    return x, ends


@fused_or_not
@torch.no_grad()
def test_encoder_only_is_an_lstm_from_each_end(fused: bool) -> None:
    core = alive(LSTM(fused=fused).core(Size(D, H), tokens(ENCODER_ONLY)))
    assert isinstance(core, BidirectionalCore)
    x = normal(2, SOURCE + TARGET, D)
    out = core(x)
    assert out.shape == (2, SOURCE + TARGET, core.out_width) == (2, SOURCE + TARGET, 2 * H)
    for row, expected in zip(out, x, strict=True):
        torch.testing.assert_close(row, both_ways(core.lstm, expected)[0], rtol=0, atol=1e-12)
    torch_s = nn.LSTM(D, H, 2, batch_first=True, bidirectional=True).double()
    torch_s.load_state_dict(core.lstm.state_dict())
    torch.testing.assert_close(out, torch_s(x)[0], rtol=0, atol=1e-12)


@fused_or_not
@torch.no_grad()
def test_the_decoder_starts_from_where_the_encoder_ends(fused: bool) -> None:
    core = alive(LSTM(fused=fused, depth=3).core(Size(D, H), tokens(ENCODER_DECODER)))
    assert isinstance(core, HandOverCore)
    x = normal(2, SOURCE + TARGET, D)
    for out, row in zip(core(x), x, strict=True):
        source, target = row[:SOURCE], row[SOURCE:]
        for reader, writer in zip(cells(core.encoder.lstm), cells(core.decoder.lstm), strict=True):
            source, pair = along(reader, source, nothing())
            target, _ = along(writer, target, pair)
        torch.testing.assert_close(out[SOURCE:], target, rtol=0, atol=1e-12)
        assert not out[:SOURCE].any()


def aligned_by_hand(core: AlignmentCore, source: Tensor, target: Tensor) -> Tensor:
    """(S, D) and (T, D) -> (T, H): appendix A.1.2 for the scores, section 3.1 for the context; sums written out."""
    annotations, pairs = both_ways(core.encoder.lstm, source)
    writers = cells(core.decoder.lstm)
    w, u, b, v = core.query.weight, core.key.weight, core.key.bias, core.score.weight[0]
    rows = []
    for y in target:
        s = pairs[-1][0][0]
        energies = [sum(v[k] * torch.tanh(w[k] @ s + u[k] @ h + b[k]) for k in range(H)) for h in annotations]
        total = sum(math.exp(e) for e in energies)
        context = sum(math.exp(e) / total * h for e, h in zip(energies, annotations, strict=True))
        x = torch.cat((y, context))[None]
        for layer, cell in enumerate(writers):
            pairs[layer] = cell(x, pairs[layer])
            x = pairs[layer][0]
        rows.append(x[0])
    return torch.stack(rows)


@fused_or_not
@pytest.mark.parametrize("depth", [1, 2])
@torch.no_grad()
def test_alignment_is_the_papers(depth: int, fused: bool) -> None:
    core = alive(LSTM(attention=True, depth=depth, fused=fused).core(Size(D, H), tokens(ENCODER_DECODER)))
    assert isinstance(core, AlignmentCore)
    x = normal(2, SOURCE + TARGET, D)
    for out, row in zip(core(x), x, strict=True):
        expected = aligned_by_hand(core, row[:SOURCE], row[SOURCE:])
        torch.testing.assert_close(out[SOURCE:], expected, rtol=0, atol=1e-12)
        assert not out[:SOURCE].any()


@torch.no_grad()
def test_the_keys_are_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    core = ALIGNED.core(Size(D, H), tokens(ENCODER_DECODER))
    assert isinstance(core, AlignmentCore)
    calls = []
    core.key.register_forward_hook(lambda *given: calls.append(given))
    core(normal(2, SOURCE + TARGET, D).float())
    assert len(calls) == 1


@every_role
@pytest.mark.parametrize("attention", [False, True])
def test_not_fused_is_the_same_function_and_gradient(role: str, attention: bool) -> None:
    results: list[tuple[Tensor, ...]] = []
    weights = None
    for fused in (True, False):
        core = alive(LSTM(fused=fused, attention=attention).core(Size(D, H), tokens(role)))
        weights = weights or core.state_dict()
        core.load_state_dict(weights)
        x = normal(2, SOURCE + TARGET, D).requires_grad_()
        out = core(x)
        results.append((out, *torch.autograd.grad(out.square().sum(), (x, *core.parameters()))))
    for found, expected in zip(*results, strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-11)


@every_role
@pytest.mark.parametrize("attention", [False, True])
@pytest.mark.parametrize("initialisation", ["forget-bias", "chrono"])
def test_every_stack_and_direction_starts_as_the_field_says(role: str, attention: bool, initialisation: str) -> None:
    hidden, interface = 200, tokens(role, 60, 41)
    core = LSTM(initialisation=initialisation, attention=attention).core(Size(8, hidden), interface)
    stacks = [part for part in core.modules() if isinstance(part, nn.LSTM)]
    assert len(stacks) == (2 if role == ENCODER_DECODER else 1)
    biases = [value for stack in stacks for key, value in stack.named_parameters() if key.startswith("bias_ih")]
    both_directions = role == ENCODER_ONLY or (role == ENCODER_DECODER and attention)
    assert len(biases) == 2 * len(stacks) + 2 * both_directions
    for bias in biases:
        input_bias, forget_bias, candidate_bias, output_bias = bias.chunk(4)
        assert not torch.cat((candidate_bias, output_bias)).any()
        if initialisation == "forget-bias":
            assert (forget_bias == 1).all()
            assert not input_bias.any()
        else:
            assert torch.equal(input_bias, -forget_bias)
            assert 1 <= forget_bias.exp().min() < 5
            assert 95 < forget_bias.exp().max() <= 100 + 1e-3
    for stack in stacks:
        for key, value in stack.named_parameters():
            if key.startswith("weight_hh"):
                for gate in value.chunk(4):
                    torch.testing.assert_close(gate @ gate.T, torch.eye(hidden), rtol=0, atol=1e-4)


def test_a_plain_one_is_what_it_was_before_it_had_roles() -> None:
    """The causal core draws the same numbers, under the same names: saved results stay comparable."""
    torch.manual_seed(5)
    core = PLAIN.core(Size(D, H), tokens(DECODER_ONLY))
    torch.manual_seed(5)
    lstm = nn.LSTM(D, H, 2, batch_first=True)
    for layer in range(2):
        for key in (f"weight_ih_l{layer}", f"weight_hh_l{layer}"):
            for gate in getattr(lstm, key).data.chunk(4):
                (nn.init.xavier_uniform_ if "ih" in key else nn.init.orthogonal_)(gate)
        for key in (f"bias_ih_l{layer}", f"bias_hh_l{layer}"):
            getattr(lstm, key).data.zero_()
        getattr(lstm, f"bias_ih_l{layer}").data[H : 2 * H] = 1
    expected = {f"lstm.{key}": value for key, value in lstm.state_dict().items()}
    found = core.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], expected[key]) for key in expected)


def test_the_relative_is_the_plain_one_with_attention() -> None:
    assert RELATIVES["lstm-attention"] == replace(PLAIN, name="lstm-attention", family="lstm", attention=True)
