"""Dense products: nn.Linear whichever kernels multiply, and a way that shape and type alone decide."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models import dense
from models.dense import FEWEST, POSITIONS, WORTH, Dense, takes_convolution

ENOUGH = (32, 64)  # 2048 positions: with 64 channels in and 48 out they are worth the longer way


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any CPU passes for one whose oneDNN has the wider kernels, so that both ways are tried everywhere."""
    monkeypatch.setattr(dense, "_has_wide_kernels", lambda: True)


@pytest.fixture
def convolutions(wide: None, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Shapes of the inputs of every convolution that was called."""
    shapes: list[tuple[int, ...]] = []
    convolve = F.conv2d

    def spy(x: Tensor, *rest: Any, **named: Any) -> Tensor:
        shapes.append(tuple(x.shape))
        return convolve(x, *rest, **named)

    monkeypatch.setattr(F, "conv2d", spy)
    return shapes


@contextmanager
def without_onednn() -> Iterator[None]:
    """Convolutions through torch's own kernels."""
    with warnings.catch_warnings():
        # Raised by merely reading and restoring a setting of Intel GPUs.
        warnings.filterwarnings("ignore", message="TF32 acceleration on top of oneDNN")
        with torch.backends.mkldnn.flags(enabled=False):
            yield


def twins(inputs: int = 64, outputs: int = 48, how: str = "direct") -> tuple[Dense, nn.Linear]:
    """The layer and torch's own with the same numbers, in float64."""
    torch.manual_seed(3)
    layer, oracle = Dense(inputs, outputs, how), nn.Linear(inputs, outputs).double()
    oracle.load_state_dict(layer.state_dict())
    return layer, oracle


def passes(layer: nn.Module, x: Tensor, weights: Tensor) -> list[Tensor]:
    """Output, and gradients of a weighted sum of it: by the input, the weights and the bias, all in float64."""
    x = x.detach().requires_grad_()
    out = layer(x)
    gradients = torch.autograd.grad((out * weights.to(out)).sum(), (x, *layer.parameters()))
    return [tensor.detach().double() for tensor in (out, *gradients)]


def assert_equal_passes(layer: Dense, oracle: nn.Linear, x: Tensor) -> None:
    """Both passes within float32's rounding of their largest entry.

    Weights' gradients are sums over positions, which may cancel, and which oneDNN adds up one after the other.
    """
    weights = torch.randn(*x.shape[:-1], layer.out_features, generator=torch.Generator().manual_seed(1))
    typical = max(1.0, (x.numel() / x.shape[-1]) ** 0.5)
    scales = ((1.0, 2e-6), (1.0, 2e-6), (typical, 5e-6), (typical, 5e-6))
    pairs = zip(passes(layer, x, weights), passes(oracle, x.double(), weights), scales, strict=True)
    for found, expected, (least, tolerance) in pairs:
        assert found.shape == expected.shape
        assert (found - expected).abs().max() <= tolerance * max(least, expected.abs().max())


SHAPES = [(), (1,), (7,), (511,), (512,), (2048,), (2049,), (3, 700), (32, 64), (1, 4096), (64, 33), (2, 8, 128)]


@pytest.mark.parametrize("how", ["direct", "blas"])
@pytest.mark.parametrize("leading", SHAPES, ids=str)
def test_it_is_a_linear_layer_forward_and_backward(leading: tuple[int, ...], how: str, wide: None) -> None:
    layer, oracle = twins(how=how)
    assert_equal_passes(layer, oracle, torch.randn(*leading, 64))


@pytest.mark.parametrize("widths", [(1, 8192), (8192, 1), (33, 130), (3, 5), (512, 2048), (2048, 512)], ids=str)
def test_it_is_a_linear_layer_at_every_width(widths: tuple[int, int], wide: None) -> None:
    layer, oracle = twins(*widths)
    assert_equal_passes(layer, oracle, torch.randn(8, 64, widths[0]))


def strided(kind: str) -> Tensor:
    """2048 positions of 64 channels that do not lie one after the other in memory."""
    if kind == "channels first":
        return torch.randn(32, 64, 64).transpose(1, 2)
    if kind == "length first":
        return torch.randn(64, 32, 64).transpose(0, 1)
    if kind == "every other channel":
        return torch.randn(32, 64, 128)[..., ::2]
    return torch.randn(1, 1, 64).expand(32, 64, 64)


@pytest.mark.parametrize("kind", ["channels first", "length first", "every other channel", "broadcast"])
def test_inputs_need_not_be_contiguous(kind: str, convolutions: list[tuple[int, ...]]) -> None:
    layer, oracle = twins()
    x = strided(kind)
    assert not x.is_contiguous()
    assert_equal_passes(layer, oracle, x)
    assert convolutions


def test_a_gradient_of_a_gradient_is_that_of_a_linear_layer(convolutions: list[tuple[int, ...]]) -> None:
    """A gradient penalty: the square of the input's gradient, by the weights and the input."""
    found = []
    for layer in twins():
        generator = torch.Generator().manual_seed(2)
        x = torch.randn(*ENOUGH, 64, generator=generator).to(layer.weight).requires_grad_()
        (first,) = torch.autograd.grad(layer(x).pow(3).sum(), x, create_graph=True)
        second = torch.autograd.grad(first.square().sum(), (x, layer.weight, layer.bias))
        found.append([tensor.double() for tensor in second])
    assert convolutions
    for direct, expected in zip(*found, strict=True):
        assert (direct - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_results_are_contiguous_whichever_way(convolutions: list[tuple[int, ...]]) -> None:
    for how in dense.DENSE:
        assert twins(how=how)[0](torch.randn(*ENOUGH, 64)).is_contiguous()
    assert len(convolutions) == 1


# Which way is taken


def test_worthwhile_products_are_convolutions_of_one_tap(convolutions: list[tuple[int, ...]]) -> None:
    layer, _ = twins()
    layer(torch.randn(*ENOUGH, 64))
    with torch.no_grad():
        layer(torch.randn(2048, 64))
    assert convolutions == [(2048 // POSITIONS, 64, 1, POSITIONS)] * 2


@pytest.mark.parametrize(
    ("leading", "outputs", "taken"),
    [
        ((WORTH // 64 // 64,), 64, True),
        ((WORTH // 64 // 64 - POSITIONS,), 64, False),
        ((WORTH // 64 // 64,), 63, False),
        ((2, WORTH // 64 // 64 // 2), 64, True),
        ((WORTH // 64 // 64 + 1,), 64, False),
        ((33, 65), 64, False),
        ((FEWEST,), 4096, True),
        ((FEWEST - POSITIONS,), 4096, False),
        ((), 1 << 17, False),
        ((0,), 64, False),
        ((4, 0), 64, False),
    ],
    ids=str,
)
def test_shape_decides(
    leading: tuple[int, ...], outputs: int, taken: bool, convolutions: list[tuple[int, ...]]
) -> None:
    """Enough products, enough positions, and a number of them that shares out evenly."""
    with torch.no_grad():
        out = Dense(64, outputs)(torch.randn(*leading, 64))
    assert out.shape == (*leading, outputs)
    assert bool(convolutions) == taken


def test_values_and_clocks_decide_nothing(convolutions: list[tuple[int, ...]]) -> None:
    layer, _ = twins()
    for value in (0.0, 1e30, float("nan"), float("inf")):
        layer(torch.full((*ENOUGH, 64), value))
    assert len(convolutions) == 4
    assert all(torch.equal(layer(x), layer(x)) for x in (torch.randn(*ENOUGH, 64), torch.randn(9, 64)))


def test_a_layer_told_blas_never_convolves(convolutions: list[tuple[int, ...]]) -> None:
    twins(how="blas")[0](torch.randn(*ENOUGH, 64))
    assert not convolutions


def test_other_types_and_devices_are_left_to_torch(convolutions: list[tuple[int, ...]]) -> None:
    for dtype in (torch.float64, torch.bfloat16):
        layer, x = Dense(64, 48).to(dtype), torch.randn(*ENOUGH, 64).to(dtype)
        assert torch.equal(layer(x), F.linear(x, layer.weight, layer.bias))
    with torch.device("meta"):
        out = Dense(64, 48)(torch.randn(*ENOUGH, 64))
    assert out.is_meta
    assert out.shape == (*ENOUGH, 48)
    assert not convolutions


def test_without_onednn_it_is_left_to_torch(convolutions: list[tuple[int, ...]]) -> None:
    """The tracer turns oneDNN off to see into modules, and must see a linear layer."""
    layer, oracle = twins()
    with without_onednn():
        assert not takes_convolution(torch.randn(*ENOUGH, 64))
        assert_equal_passes(layer, oracle, torch.randn(*ENOUGH, 64))
    assert not convolutions
    layer(torch.randn(*ENOUGH, 64))
    assert convolutions, "and afterwards as before"


def test_a_cpu_without_the_wide_kernels_is_left_to_torch(
    convolutions: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dense, "_has_wide_kernels", lambda: False)
    twins()[0](torch.randn(*ENOUGH, 64))
    assert not convolutions


@pytest.mark.parametrize("leading", [(32, 64), (5, 7)], ids=["convolution", "product"])
def test_autocast_is_that_of_a_linear_layer(leading: tuple[int, ...], convolutions: list[tuple[int, ...]]) -> None:
    layer, x = twins()[0], torch.randn(*leading, 64)
    with torch.autocast("cpu", torch.bfloat16):
        found, expected = layer(x), F.linear(x, layer.weight, layer.bias)
    assert bool(convolutions) == (leading == ENOUGH)
    assert found.dtype == expected.dtype == torch.bfloat16
    torch.testing.assert_close(found, expected, rtol=2**-6, atol=2**-6)


# A linear layer to everyone else


@pytest.mark.parametrize("how", dense.DENSE)
def test_names_and_initial_weights_are_those_of_a_linear_layer(how: str) -> None:
    states = []
    for make in (lambda: Dense(10, 6, how), lambda: nn.Linear(10, 6)):
        torch.manual_seed(5)
        states.append((make().state_dict(), torch.get_rng_state()))
    (found, after), (expected, expected_after) = states
    assert list(found) == list(expected) == ["weight", "bias"]
    assert all(torch.equal(found[key], expected[key]) for key in expected)
    assert torch.equal(after, expected_after), "nothing more is drawn"


def test_an_unknown_way_is_refused() -> None:
    with pytest.raises(ValueError, match="direct, blas, got 'fast'"):
        Dense(4, 4, "fast")
