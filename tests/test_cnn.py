"""The CNN against sums over taps, and its class-activation maps against removing one position at a time."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from models import dense
from models.architecture import Interface, Size
from models.cnn import CNN, covering_layers, receptive_field
from models.cnn_core import Block, CNNCore

LENGTH = 20
TOKENS = Interface(length=LENGTH, outputs=5, vocabulary=7)


def randomise(module: nn.Module) -> None:
    """Every number away from its initial value, so that no zero bias or unit scale hides a mistake."""
    generator = torch.Generator().manual_seed(1)
    for parameter in module.parameters():
        noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        parameter.data.add_(0.3 * noise.to(parameter))


def cnn_by_hand(core: CNNCore, x: Tensor, kernel_size: int) -> Tensor:
    """Each convolution as a sum over taps, position by position, on (L, D)."""
    for layer, block in enumerate(core.blocks):
        normed = nn.functional.layer_norm(x, x.shape[1:], block.norm.weight, block.norm.bias)
        rows = []
        for position in range(len(x)):
            z: Tensor = block.get_parameter("convolution.bias")
            for back in range(kernel_size):
                source = position - back * 2**layer
                if source >= 0:
                    z = z + block.convolution.weight[:, :, kernel_size - 1 - back] @ normed[source]
            gelu = z * (1 + torch.erf(z / math.sqrt(2))) / 2
            rows.append(x[position] + block.out.weight @ gelu + block.out.bias)
        x = torch.stack(rows)
    return nn.functional.layer_norm(x, x.shape[1:], core.norm.weight, core.norm.bias)


@pytest.mark.parametrize("kernel_size", [3, 8])
def test_cnn_equals_a_sum_over_taps(kernel_size: int) -> None:
    core = CNN(kernel_size=kernel_size).core(Size(10, 45), TOKENS).double()
    randomise(core)
    x = torch.randn(LENGTH, 10, dtype=torch.float64)
    torch.testing.assert_close(core(x[None])[0], cnn_by_hand(core, x, kernel_size), rtol=0, atol=1e-12)


def test_cnn_is_as_deep_as_the_length_asks() -> None:
    # k = 3: 3, 7, 15, 31, ...; k = 8: 8, 22, 50, 106, ...
    assert [receptive_field(3, layers) for layers in (1, 2, 3, 4)] == [3, 7, 15, 31]
    assert [receptive_field(8, layers) for layers in (1, 2, 3, 4)] == [8, 22, 50, 106]
    assert [covering_layers(3, length) for length in (1, 3, 4, 15, 16, 512)] == [1, 1, 2, 3, 4, 9]
    assert [covering_layers(8, length) for length in (8, 9, 64, 512)] == [1, 2, 4, 7]


@pytest.fixture
def convolutions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which of torch's convolutions are called; any CPU passes for one on which channels last are faster."""
    called: list[str] = []
    kernels = {name: getattr(nn.functional, name) for name in ("conv1d", "conv2d")}

    def spy(name: str, *rest: Any, **named: Any) -> Tensor:
        called.append(name)
        return kernels[name](*rest, **named)  # type: ignore[no-any-return]

    for name in kernels:
        monkeypatch.setattr(nn.functional, name, partial(spy, name))
    monkeypatch.setattr(dense, "_has_wide_kernels", lambda: True)
    return called


def layouts(kernel_size: int, dilation: int, width: int, inner: int) -> list[Block]:
    """One convolution, channels last and as nn.Conv1d has it, with the same numbers."""
    last, first = (Block(width, inner, kernel_size, dilation, how) for how in ("direct", "blas"))
    randomise(last)
    first.load_state_dict(last.state_dict())
    return [last, first]


@pytest.mark.parametrize("kernel_size", [2, 3, 8])
@pytest.mark.parametrize("dilation", [2**layer for layer in range(10)])
@pytest.mark.parametrize(("batch", "length"), [(1, 600), (3, 200)])
def test_channels_last_are_the_same_convolution_at_every_dilation(
    kernel_size: int, dilation: int, batch: int, length: int, convolutions: list[str]
) -> None:
    """Also where the farthest tap, or all but the nearest, meet nothing but padding."""
    x = torch.randn(batch, length, 24, generator=torch.Generator().manual_seed(dilation))
    results = []
    for block in layouts(kernel_size, dilation, 24, 40):
        x.requires_grad_()
        out = block.convolve(x)
        assert out.shape == (batch, length, 40)
        assert out.is_contiguous()
        loss = out.sin().sum() / 10
        results.append((out, *torch.autograd.grad(loss, (x, *block.convolution.parameters()))))
    assert convolutions == ["conv2d", "conv1d"]
    for last, first in zip(*results, strict=True):
        torch.testing.assert_close(last, first, rtol=1e-5, atol=2e-5)


def test_channels_last_see_as_far_as_the_reach_and_not_into_the_future(convolutions: list[str]) -> None:
    block, _ = layouts(3, 64, 8, 8)
    x = torch.randn(2, 600, 8)
    x[0] = x[1]
    x[0, 300] += 1.0
    with torch.no_grad():
        first, second = block.convolve(x)
    assert (first != second).any(-1).nonzero().flatten().tolist() == [300, 364, 428]
    assert convolutions == ["conv2d"]


@pytest.mark.parametrize(
    ("batch", "length", "how", "called"),
    [(1, 511, "direct", "conv1d"), (1, 512, "direct", "conv2d"), (2, 256, "direct", "conv2d"),
     (512, 1, "direct", "conv2d"), (8, 512, "blas", "conv1d")],
)  # fmt: skip
def test_shape_decides_the_layout(batch: int, length: int, how: str, called: str, convolutions: list[str]) -> None:
    Block(8, 8, 3, 1, how).convolve(torch.randn(batch, length, 8))
    assert convolutions == [called]


class Frozen(NamedTuple):
    """The values that the maps hold fixed: per block the GELU gates and the deviations, and the last deviation."""

    gates: list[Tensor]
    deviations: list[Tensor]
    last: Tensor


def frozen_at(core: CNNCore, x: Tensor) -> Frozen:
    """Record them in an ordinary forward pass on (1, L, D)."""
    gates, deviations = [], []
    for block in core.blocks:
        deviations.append((x.var(-1, correction=0, keepdim=True) + 1e-5).sqrt())
        gates.append((1 + torch.erf(block.convolve(block.norm(x)) / math.sqrt(2))) / 2)
        x = block(x)
    return Frozen(gates, deviations, (x.var(-1, correction=0, keepdim=True) + 1e-5).sqrt())


@pytest.fixture
def core() -> CNNCore:
    """k = 3, four layers, in float64, with every weight and bias alive."""
    core = CNN().core(Size(10, 45), TOKENS).double()
    randomise(core)
    return core


@pytest.fixture
def readout() -> nn.Linear:
    """Five classes."""
    return nn.Linear(10, 5).double()


@torch.no_grad()
def test_cam_is_what_each_tap_of_the_last_block_adds(core: CNNCore, readout: nn.Linear) -> None:
    """By the weights: read-out row, deviation, 1 x 1 convolution, gate, tap; terms and constant sum to the logit."""
    x = embeddings = torch.randn(1, LENGTH, 10, dtype=torch.float64)
    held = frozen_at(core, x)
    logits = readout(core(x))[0, -1]
    for block in core.blocks[:-1]:
        x = block(x)
    block, winner = core.blocks[-1], logits.argmax()
    row = readout.weight[winner] * core.norm.weight
    row = (row - row.mean()) / held.last[0, -1]  # centring is symmetric, so it may act on the row
    units = (row @ block.out.weight) * held.gates[-1][0, -1]
    expected = torch.zeros(LENGTH, dtype=torch.float64)
    for back in range(3):
        source = LENGTH - 1 - back * 8
        if source >= 0:
            expected[source] += units @ block.convolution.weight[:, :, 2 - back] @ block.norm(x)[0, source]
    expected[-1] += row @ x[0, -1]
    constant = units @ block.get_parameter("convolution.bias") + row @ block.out.bias
    constant += readout.weight[winner] @ core.norm.bias + readout.bias[winner]
    torch.testing.assert_close(expected.sum() + constant, logits.max(), rtol=0, atol=1e-10)
    found = core.contributions(embeddings, readout)[0]
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
    assert torch.equal(core.intrinsic(embeddings, readout)["cam"][0], found.abs())
