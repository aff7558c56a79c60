"""The engine: what it refuses, what it forgets, and what it leaves as it was."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import bench.shadow
from bench.tracing import OpaqueOperator, shortest_paths, trace

D = 6


class Apply(nn.Module):
    """A function as a module without parameters."""

    def __init__(self, function: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> object:
        return self.function(x)


def example(length: int, width: int = D) -> Tensor:
    return torch.randn(1, length, width, generator=torch.Generator().manual_seed(length))


def test_forgetting_freed_storages_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    module, x = nn.LSTM(D, D, 2, batch_first=True), example(16)
    before = shortest_paths(module, x)
    monkeypatch.setattr(bench.shadow, "_SWEEP_BYTES", 0)
    assert torch.equal(shortest_paths(module, x), before)


class FusedLSTM(nn.LSTM):
    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        with torch.backends.mkldnn.flags(enabled=True):
            return super().forward(x)[0]


class FlashAttention(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(x[None], x[None], x[None])[0]


@pytest.mark.filterwarnings("ignore:TF32 acceleration")
@pytest.mark.parametrize(
    ("module", "operator"),
    [
        pytest.param(
            FusedLSTM(D, D, batch_first=True),
            "mkldnn_rnn_layer",
            marks=pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this build has no oneDNN"),
        ),
        (FlashAttention(), "flash_attention_for_cpu"),
        (Apply(lambda x: x.sort(1).values), "sort"),
        (Apply(lambda x: x * x.sum().item()), "_local_scalar_dense"),
        (Apply(lambda x: x[:, x[0, :, 0].argmax()]), "argmax"),
        (Apply(lambda x: torch.view_as_complex(x.unflatten(2, (3, 2))).abs()), "a view"),
        (nn.Dropout(0.5), "bernoulli"),
    ],
)
def test_what_it_cannot_see_into_is_refused_by_name(module: nn.Module, operator: str) -> None:
    with pytest.raises(OpaqueOperator, match=operator):
        trace(module, example(8))


def test_modes_and_settings_are_as_before() -> None:
    attention, linear = nn.TransformerEncoderLayer(D, 2, 8, dropout=0.0, batch_first=True), nn.Linear(D, D)
    module = nn.Sequential(attention, linear).eval()
    linear.train()
    trace(module, example(8))
    assert not module.training
    assert not attention.self_attn.training
    assert linear.training
    assert torch.backends.mkldnn.enabled
    assert torch.backends.mha.get_fastpath_enabled()
    assert torch.backends.cuda.flash_sdp_enabled()


def test_the_training_time_pass_is_what_is_traced() -> None:
    class OnlyInEvaluation(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            assert torch.is_grad_enabled()
            return x + 1 if self.training else x.sort(1).values

    with torch.no_grad():
        assert trace(OnlyInEvaluation().eval(), example(8), "kernel").span == 1


@pytest.mark.parametrize(
    ("module", "x", "cost_model", "message"),
    [
        (nn.Linear(D, D), example(8), "flops", "unknown cost model 'flops'; one of kernel, pram, weights"),
        (nn.Linear(D, D), example(8)[0], "pram", "floating-point"),
        (nn.Linear(D, D), example(8).long(), "pram", "floating-point"),
        (nn.Linear(D, D), example(8).repeat(2, 1, 1), "pram", "floating-point"),
        (nn.Linear(D, D, device="meta"), example(8), "pram", "on the CPU"),
        (Apply(lambda x: torch.ones(1, 8, D)), example(8), "pram", "no output depends on the input"),
        (Apply(lambda x: x.zero_()), example(8), "pram", "no output depends on the input"),
        (Apply(lambda x: None), example(8), "pram", "returns a tensor"),
    ],
)
def test_bad_input_gives_one_clear_line(module: nn.Module, x: Tensor, cost_model: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        trace(module, x, cost_model)


def test_paths_of_a_bad_example_are_refused_as_a_trace_is() -> None:
    with pytest.raises(ValueError, match="floating-point"):
        shortest_paths(nn.Linear(D, D), example(8)[0])


def test_paths_need_positions_in_the_output() -> None:
    with pytest.raises(ValueError, match="path lengths need an output"):
        shortest_paths(Apply(lambda x: x.sum(1)), example(8))
