"""Gradient reach and saved bytes on modules whose answers are known."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.reach import gradient_reach, half_length, saved_bytes
from models import ARCHITECTURES
from models.architecture import Interface
from models.transformer import Transformer

D = 6


class Decay(nn.Module):
    """h = a h + x."""

    def __init__(self, a: float) -> None:
        super().__init__()
        self.a = a

    def forward(self, x: Tensor) -> Tensor:
        states = [x[:, 0]]
        for t in range(1, x.shape[1]):
            states.append(self.a * states[-1] + x[:, t])
        return torch.stack(states, 1)


def reach_of(module: nn.Module, length: int, width: int = D) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return gradient_reach(module, torch.randn(3, length, width, generator=generator), generator)


@pytest.mark.parametrize(("a", "length"), [(0.9, 64), (0.5, 400), (0.99, 300)])
def test_a_linear_recurrence_decays_at_exactly_its_rate(a: float, length: int) -> None:
    reach = reach_of(Decay(a), length)
    torch.testing.assert_close(reach / reach[0], a ** torch.arange(length, dtype=torch.float64))
    assert half_length(reach) == pytest.approx(math.log(0.5) / math.log(a))


def test_underflow_is_left_out_of_the_fit() -> None:
    reach = reach_of(Decay(1e-3), 200)
    assert reach[-1] == 0
    assert half_length(reach) == pytest.approx(math.log(0.5) / math.log(1e-3))


def test_a_window_has_no_gradient_beyond_itself() -> None:
    class Window(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.avg_pool1d(F.pad(x.mT, (4, 0)), 5, stride=1).mT

    reach = reach_of(Window(), 20)
    assert (reach[:5] > 0).all()
    assert (reach[5:] == 0).all()


def test_half_length_of_what_does_not_decay_and_of_what_does_not_reach() -> None:
    assert half_length(reach_of(Decay(1.01), 50)) == math.inf
    assert half_length(torch.ones(50)) == math.inf
    assert half_length(reach_of(nn.Identity(), 50)) == 0
    assert half_length(torch.tensor([1e6, 1.0, 0.5, 0.25])) == pytest.approx(1)
    assert half_length(torch.tensor([1e6, 1.0, 0.5, 0.25, 0.0, 1.0])) == pytest.approx(1)


def test_gradient_reach_is_repeatable_and_leaves_the_module_alone() -> None:
    module = nn.LSTM(D, D, batch_first=True).eval()
    assert torch.equal(reach_of(module, 12), reach_of(module, 12))
    assert not module.training
    assert {p.dtype for p in module.parameters()} == {torch.float32}
    assert all(p.grad is None for p in module.parameters())


def test_chrono_initialisation_reaches_further_than_a_forget_bias() -> None:
    lengths = {}
    for name in ("lstm-forget-bias", "lstm-chrono"):
        architecture = replace(ARCHITECTURES[name], core_parameters=10_000)
        model = architecture.build(Interface(length=128, vocabulary=16, outputs=8), seed=0)
        lengths[name] = half_length(reach_of(model.core, 128, model.embedding(torch.tensor(0)).numel()))
    assert lengths["lstm-chrono"] > 5 * lengths["lstm-forget-bias"]


@pytest.mark.parametrize("layers", [1, 4])
def test_a_chain_of_linear_layers_keeps_each_layer_input(layers: int) -> None:
    chain = nn.Sequential(*(nn.Linear(D, D) for _ in range(layers)))
    assert saved_bytes(chain, torch.randn(2, 16, D)) == layers * 2 * 16 * D * 4


def test_a_storage_kept_twice_counts_once_and_what_the_module_holds_not_at_all() -> None:
    relu = nn.Sequential(nn.Linear(D, D), nn.ReLU(), nn.Linear(D, D))  # the activation is kept by ReLU and by Linear
    assert saved_bytes(relu, torch.randn(2, 16, D)) == 2 * 2 * 16 * D * 4

    class Table(nn.Module):
        table: Tensor

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("table", torch.randn(16, D))

        def forward(self, x: Tensor) -> Tensor:
            return x * self.table

    assert saved_bytes(Table(), torch.randn(2, 16, D)) == 0


def test_attention_is_quadratic_in_memory_only_when_written_out() -> None:
    curvature = {}
    for fused in (True, False):
        architecture = Transformer(fused=fused, core_parameters=10_000)
        model = architecture.build(Interface(length=256, vocabulary=16, outputs=8))
        width = model.embedding(torch.tensor(0)).numel()
        kept = [saved_bytes(model.core, torch.randn(1, n, width)) for n in (64, 128, 192)]
        curvature[fused] = kept[2] - 2 * kept[1] + kept[0]
    assert curvature[True] == 0
    assert curvature[False] >= 2 * 64**2 * 2 * 4  # the probabilities of two layers with one head each


def test_saved_bytes_leave_modes_and_gradients_alone() -> None:
    module = nn.Sequential(nn.Linear(D, D), nn.Linear(D, D)).eval()
    with torch.no_grad():
        assert saved_bytes(module, torch.randn(1, 4, D)) == 2 * 4 * D * 4
    assert not module[0].training
    assert all(p.grad is None for p in module.parameters())
