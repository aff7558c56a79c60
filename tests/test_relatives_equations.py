"""RNN, GRU, linear attention and minGRU against their equations; the scan against the loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import pytest
import torch
from randomised import normal, randomised
from torch import Tensor, nn
from torch.nn import functional as F

from models.architecture import Interface, Size
from models.gru import GRU
from models.linear_attention import EPSILON, LinearAttention, LinearSelfAttention, causal_sums
from models.min_gru import Block, MinGRU, loop, scan
from models.rnn import RNN, RecurrentCore

LENGTH = 150  # two whole chunks of linear attention and a part of a third
SHORT = Interface(length=20, outputs=5, vocabulary=7)


class TestEquations:
    def test_the_rnn_is_its_hand_loop(self) -> None:
        core, x = randomised(RNN().core(Size(10, 13), SHORT)), normal(20, 10)
        layers = by_hand(core, x, rnn_cell)
        torch.testing.assert_close(core(x[None])[0], layers[-1][0], rtol=0, atol=1e-12)
        assert_explains(core, x, {"state-change": mean(moved(hidden) for hidden, _ in layers)})

    def test_the_gru_is_its_hand_loop(self) -> None:
        core, x = randomised(GRU().core(Size(10, 13), SHORT)), normal(20, 10)
        layers = by_hand(core, x, gru_cell)
        torch.testing.assert_close(core(x[None])[0], layers[-1][0], rtol=0, atol=1e-12)
        expected = {
            "state-change": mean(moved(hidden) for hidden, _ in layers),
            "update-gate": mean(let_in.sum(-1) for _, let_in in layers),
        }
        assert_explains(core, x, expected)

    def test_min_gru_is_its_hand_loop(self) -> None:
        core, x = randomised(MinGRU().core(Size(10, 29), SHORT)), normal(20, 10)
        changes, openings, below = [], [], x
        for block in core.blocks:  # type: ignore[union-attr]
            normed = F.layer_norm(below, (10,), block.norm.weight, block.norm.bias)
            hidden, states, gates = torch.zeros(block.out.in_features, dtype=torch.float64), [], []
            for step in normed:
                gate, candidate = (block.enter.weight @ step + block.enter.bias).chunk(2)
                z = 1 / (1 + torch.exp(-gate))
                hidden = (1 - z) * hidden + z * candidate
                states.append(hidden)
                gates.append(z)
            found = torch.stack(states)
            changes.append(moved(found))
            openings.append(torch.stack(gates).sum(-1))
            below = below + found @ block.out.weight.T + block.out.bias
        expected = F.layer_norm(below, (10,), core.norm.weight, core.norm.bias)  # type: ignore[arg-type, union-attr]
        torch.testing.assert_close(core(x[None])[0], expected, rtol=0, atol=1e-12)
        assert_explains(core, x, {"state-change": mean(changes), "update-gate": mean(openings)})

    @pytest.mark.parametrize("length", [1, 20, 64, 65, LENGTH])
    def test_linear_attention_is_the_quadratic_formula(self, length: int) -> None:
        attention, x = randomised(LinearSelfAttention(64)), normal(2, length, 64)
        parts = (x @ attention.qkv.weight.T + attention.qkv.bias).view(2, length, 3, 2, 32)  # type: ignore[operator, union-attr]
        query, key, value = parts.unbind(2)
        mixed = torch.zeros(2, length, 2, 32, dtype=torch.float64)
        for i in range(length):
            alike = torch.einsum("bhd,bjhd->bjh", feature(query[:, i]), feature(key[:, : i + 1]))
            shares = alike / (alike.sum(1, keepdim=True) + EPSILON)
            mixed[:, i] = torch.einsum("bjh,bjhd->bhd", shares, value[:, : i + 1])
            if i == length - 1:
                torch.testing.assert_close(attention.weights(x)[:, :, i].mT, shares)  # type: ignore[operator]
        expected = mixed.flatten(2) @ attention.out.weight.T + attention.out.bias  # type: ignore[operator, union-attr]
        torch.testing.assert_close(attention(x), expected, rtol=0, atol=1e-10)

    def test_linear_attention_explains_by_its_weights(self) -> None:
        core, x = randomised(LinearAttention().core(Size(24, 50), SHORT)), normal(2, 20, 24)
        maps, below, lasts = core.attention_maps(x), x + core.positions, []  # type: ignore[operator]
        for block in core.blocks:  # type: ignore[union-attr]
            lasts.append(block.attention.weights(block.attention_norm(below))[:, :, -1])
            below = block(below)
        torch.testing.assert_close(maps[:, :, :, -1], torch.stack(lasts))
        found = core.intrinsic(x, nn.Identity())  # type: ignore[operator]
        torch.testing.assert_close(found["attention-last"], lasts[-1].mean(1))
        assert (maps.triu(1) == 0).all()
        torch.testing.assert_close(maps.sum(-1), torch.ones(2, 2, 1, 20, dtype=torch.float64), rtol=0, atol=1e-3)

    @pytest.mark.parametrize("chunk", [1, 4, 7, 64])
    @pytest.mark.parametrize("length", [1, 4, 27, 28])
    def test_sums_by_chunks_are_sums(self, length: int, chunk: int) -> None:
        query, key, value = normal(2, 3, length, 5), normal(2, 3, length, 5).flip(2), normal(2, 3, length, 6)
        expected = torch.einsum(
            "bhid,bhjd,ij,bhje->bhie", query, key, torch.ones(length, length).double().tril(), value
        )
        torch.testing.assert_close(causal_sums(query, key, value, chunk), expected, rtol=0, atol=1e-12)


class TestScan:
    @pytest.mark.parametrize("length", [1, 2, 3, 7, 8, 9, 100, 4096])
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_scan_and_loop_are_one_recurrence(self, length: int, dtype: torch.dtype) -> None:
        kept, entering = torch.sigmoid(3 * normal(2, length, 4)).to(dtype), normal(2, length, 4).flip(0).to(dtype)
        entering = (1 - kept) * entering
        hidden, expected = [0.0] * 4, []
        for a, b in zip(kept[0].tolist(), entering[0].tolist(), strict=True):  # in the double precision of Python
            hidden = [x * h + y for x, h, y in zip(a, hidden, b, strict=True)]
            expected.append(hidden)
        tolerance = 1e-5 if dtype is torch.float32 else 1e-12
        for form in (scan, loop):
            found = form(kept, entering)[0].double()
            torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=tolerance)

    @pytest.mark.parametrize("length", [1, 3, 64, 4096])
    def test_gradients_agree_too(self, length: int) -> None:
        found = []
        for form in ("scan", "loop"):
            torch.manual_seed(0)
            block = Block(6, 8, form)
            x = normal(1, length, 6).float().requires_grad_()
            loss = block(x).square().mean()
            found.append((loss, *torch.autograd.grad(loss, (x, *block.parameters()))))
        for one, other in zip(*found, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("logit", [-200.0, -20.0, 0.0, 20.0, 200.0])
    def test_shut_and_open_gates_are_safe_at_4096(self, logit: float) -> None:
        block = Block(8, 8, "scan")
        with torch.no_grad():
            block.enter.bias[:8] = logit
        x = torch.randn(1, 4096, 8).requires_grad_()
        out = block(x)
        out.square().sum().backward()
        assert torch.isfinite(out).all()
        assert all(torch.isfinite(p.grad).all() for p in (x, *block.parameters()) if p.grad is not None)


def test_what_is_kept_starts_as_the_lstm_does() -> None:
    gru = GRU().core(Size(8, 30), SHORT).layers
    for layer in range(2):
        reset, kept, new = getattr(gru, f"bias_ih_l{layer}").chunk(3)
        assert (kept == 1).all()
        assert not torch.cat((reset, new, getattr(gru, f"bias_hh_l{layer}"))).any()  # type: ignore[arg-type]
        for gate in getattr(gru, f"weight_hh_l{layer}").chunk(3):
            torch.testing.assert_close(gate @ gate.T, torch.eye(30), rtol=0, atol=1e-5)
    for block in MinGRU().core(Size(8, 30), SHORT).blocks:
        assert (block.enter.bias[:15] == -1).all()
        assert (block.enter.bias[15:] != -1).all()


Cell = Callable[[list[Tensor], Tensor, Tensor], tuple[Tensor, Tensor]]
"""Weights, input and state before -> state after, and what the gates let in."""


def rnn_cell(weights: list[Tensor], x: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
    w, u, b, c = weights
    after = torch.tanh(w @ x + b + u @ hidden + c)
    return after, after


def gru_cell(weights: list[Tensor], x: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
    (w, u, b, c), units = weights, len(hidden)
    entering, from_state = w @ x + b, u @ hidden + c
    reset, kept = (entering + from_state)[: 2 * units].sigmoid().chunk(2)
    new = torch.tanh(entering[2 * units :] + reset * from_state[2 * units :])
    return kept * hidden + (1 - kept) * new, 1 - kept


def by_hand(core: nn.Module, x: Tensor, cell: Cell) -> list[tuple[Tensor, Tensor]]:
    """Of each layer its states and what was let in, each (L, hidden units), one step at a time."""
    assert isinstance(core, RecurrentCore)
    layers = []
    for layer in range(core.layers.num_layers):
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        weights = [getattr(core.layers, f"{name}_l{layer}") for name in names]
        hidden, steps = torch.zeros(core.out_width, dtype=torch.float64), []
        for step in x:
            hidden, let_in = cell(weights, step, hidden)
            steps.append((hidden, let_in))
        states, gates = (torch.stack(parts) for parts in zip(*steps, strict=True))
        layers.append((states, gates))
        x = states
    return layers


def moved(states: Tensor) -> Tensor:
    """How far each of (L, H) is from the one before it; the first, from zeros."""
    before = [torch.zeros_like(states[0]), *states[:-1]]
    return torch.stack([(a - b).square().sum().sqrt() for a, b in zip(states, before, strict=True)])


def mean(layers: Iterable[Tensor]) -> Tensor:
    return torch.stack(list(layers)).mean(0)


def feature(x: Tensor) -> Tensor:
    return torch.where(x > 0, x + 1, torch.exp(torch.clamp(x, max=0)))


def assert_explains(core: nn.Module, x: Tensor, expected: dict[str, Tensor]) -> None:
    state = torch.get_rng_state()
    found = core.intrinsic(x[None], nn.Identity())  # type: ignore[operator]
    assert torch.equal(torch.get_rng_state(), state)
    assert set(found) == set(expected)
    for method, relevance in expected.items():
        assert not math.isclose(relevance.std().item(), 0)
        torch.testing.assert_close(found[method][0], relevance.detach(), rtol=0, atol=1e-12)
