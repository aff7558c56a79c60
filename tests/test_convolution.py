"""Three ways of one convolution: each equals nn.Conv1d's on a padded input, forward and every gradient."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from models import convolution
from models.convolution import dilated_convolution

WIDE, NARROW = 256, 24


def plain(x: Tensor, weight: Tensor, bias: Tensor, dilation: int) -> Tensor:
    padded = F.pad(x.transpose(1, 2), ((weight.shape[2] - 1) * dilation, 0))
    return F.conv1d(padded, weight, bias, dilation=dilation).transpose(1, 2)


def gradients(result: Tensor, leaves: list[Tensor]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    direction = torch.randn(result.shape, generator=generator).to(result)
    return list(torch.autograd.grad(result, leaves, direction))


@pytest.mark.parametrize("kernel_size", [2, 3, 8])
@pytest.mark.parametrize("dilation", [1, 4, 32, 64])
@pytest.mark.parametrize("shape", [(1, 128, WIDE), (2, 64, WIDE), (3, 50, WIDE), (2, 64, NARROW)])
def test_every_way_is_the_plain_one(shape: tuple[int, int, int], dilation: int, kernel_size: int) -> None:
    torch.manual_seed(0)
    x, weight, bias = torch.randn(shape), torch.randn(shape[2], shape[2], kernel_size) / shape[2], torch.randn(shape[2])
    leaves = [t.requires_grad_() for t in (x, weight, bias)]
    exact = [t.detach().double().requires_grad_() for t in leaves]
    out, expected = dilated_convolution(*leaves, dilation), plain(*exact, dilation)
    assert out.is_contiguous()
    torch.testing.assert_close(out.double(), expected, rtol=1e-4, atol=1e-4)
    for own, other in zip(gradients(out, leaves), gradients(expected, exact), strict=True):
        torch.testing.assert_close(own.double(), other, rtol=1e-3, atol=1e-3)


def test_a_wide_one_goes_tap_by_tap_and_a_narrow_one_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the test above would compare one way with itself."""
    asked = []
    monkeypatch.setattr(
        convolution, "_taps_of_weight", lambda *given: asked.append(given) or torch.zeros_like(given[2])
    )
    for width in (WIDE, NARROW):
        weight = torch.randn(width, width, 3, requires_grad=True)
        dilated_convolution(torch.randn(1, 64, width), weight, torch.zeros(width), 1).sum().backward()
    assert [given[2].shape[0] for given in asked] == [WIDE]


def test_frozen_parts_get_no_gradient() -> None:
    x = torch.randn(1, 64, WIDE, requires_grad=True)
    weight, bias = torch.randn(WIDE, WIDE, 3), torch.zeros(WIDE, requires_grad=True)
    dilated_convolution(x, weight, bias, 1).sum().backward()
    assert weight.grad is None
    assert x.grad is not None
    assert bias.grad is not None
    torch.testing.assert_close(bias.grad, torch.full((WIDE,), 64.0))
