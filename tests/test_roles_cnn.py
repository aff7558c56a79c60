"""The CNN in its roles against torch's padded convolution, sums over taps, and attention written out."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from in_roles import SOURCE, TARGET, alive, normal, reach, tokens
from torch import Tensor, nn
from torch.nn import functional as F

from models import RELATIVES
from models.architecture import ENCODER_DECODER, ENCODER_ONLY, ROLES, Interface, Size
from models.cnn import CNN
from models.cnn_core import CNNCore, Stack
from models.cnn_roles import ByteNetCore
from models.convolution import dilated_convolution

D = 10
INNER = 45


def conv1d(x: Tensor, weight: Tensor, bias: Tensor | None, dilation: int, before: int) -> Tensor:
    """torch's own of (B, L, D), with zeros for `before` taps on the left and for the others on the right."""
    after = weight.shape[2] - 1 - before
    padded = F.pad(x.transpose(1, 2), (before * dilation, after * dilation))
    return F.conv1d(padded, weight, bias, dilation=dilation).transpose(1, 2)


def stack_by_torch(stack: Stack, x: Tensor, before: int) -> Tensor:
    """(B, L, D) -> (B, L, D), each layer from its definition."""
    for layer, block in enumerate(stack.blocks):
        normed = F.layer_norm(x, (D,), block.norm.weight, block.norm.bias)
        z = conv1d(normed, block.convolution.weight, block.convolution.bias, 2**layer, before)
        gelu = z * (1 + torch.erf(z / math.sqrt(2))) / 2
        x = x + gelu @ block.out.weight.T + block.out.bias
    return F.layer_norm(x, (D,), stack.norm.weight, stack.norm.bias)


def attended_by_hand(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """One query (D,) over keys and values (S, D): a softmax of scaled products, one by one."""
    scores = [math.exp(float(query @ k) / math.sqrt(len(query))) for k in key]
    rows = zip(scores, value, strict=True)
    return torch.stack([score / sum(scores) * row for score, row in rows]).sum(0)


@pytest.mark.parametrize(("kernel_size", "ahead"), [(3, 1), (3, 2), (5, 2), (8, 3), (2, 1)])
@pytest.mark.parametrize("dilation", [1, 4, 32, 64])
@pytest.mark.parametrize("shape", [(1, 128, 256), (3, 50, 256), (2, 64, 24)])
def test_taps_ahead_are_torchs_padding_on_the_right_whichever_way_is_fastest(
    shape: tuple[int, int, int], dilation: int, kernel_size: int, ahead: int
) -> None:
    """Tap by tap, wide and narrow: also where a tap meets nothing but padding, on either side."""
    width = shape[2]
    x, weight, bias = normal(*shape), normal(width, width, kernel_size, seed=1) / width, normal(width, seed=2)
    exact = [leaf.requires_grad_() for leaf in (x, weight, bias)]
    single = [leaf.detach().float().requires_grad_() for leaf in exact]
    found = dilated_convolution(*single, dilation, ahead)
    expected = conv1d(*exact, dilation, kernel_size - 1 - ahead)
    assert found.is_contiguous()
    torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-4)
    direction = normal(*expected.shape, seed=3)
    gradients = torch.autograd.grad(found, single, direction.float()), torch.autograd.grad(expected, exact, direction)
    for own, other in zip(*gradients, strict=True):
        torch.testing.assert_close(own.double(), other, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("dense", ["direct", "blas"])
@pytest.mark.parametrize("kernel_size", [3, 4, 5, 8])
@torch.no_grad()
def test_encoder_only_is_padded_on_both_sides(kernel_size: int, dense: str) -> None:
    core = alive(CNN(kernel_size=kernel_size, dense=dense).core(Size(D, INNER), tokens(ENCODER_ONLY)))
    assert isinstance(core, Stack)
    x = normal(2, SOURCE + TARGET, D)
    torch.testing.assert_close(core(x), stack_by_torch(core, x, before=kernel_size // 2), rtol=0, atol=1e-12)


@torch.no_grad()
def test_padding_of_an_odd_kernel_is_what_torch_calls_same() -> None:
    block = alive(CNN(kernel_size=5).core(Size(D, INNER), tokens(ENCODER_ONLY))).blocks[1]
    x, convolution = normal(2, 12, D), block.convolution
    same = F.conv1d(x.transpose(1, 2), convolution.weight, convolution.bias, dilation=2, padding="same")
    torch.testing.assert_close(block.convolve(x), same.transpose(1, 2), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kernel_size", [3, 4, 8])
@pytest.mark.parametrize("length", [2, 3, 4, 5, 8, 9, 13, 16, 17])
def test_every_position_sees_every_other_and_no_layer_is_to_spare(kernel_size: int, length: int) -> None:
    interface = Interface(length=length, outputs=2, vocabulary=2, role=ENCODER_ONLY)
    core = alive(CNN(kernel_size=kernel_size).core(Size(8, 40), interface), noise=0.1)
    assert reach(core, length, 8).all()
    if len(core.blocks) > 1:
        ahead = kernel_size - 1 - kernel_size // 2
        shallower = Stack(8, [8] * (len(core.blocks) - 1), kernel_size, "direct", ahead)
        assert not reach(alive(shallower, noise=0.1), length, 8).all()


@pytest.mark.parametrize(("source", "target"), [(7, 6), (6, 7), (8, 8), (1, 9), (9, 1)])
@pytest.mark.parametrize("attention", [False, True])
@torch.no_grad()
def test_the_decoder_stands_on_the_encoder_and_looks_at_all_of_it(source: int, target: int, attention: bool) -> None:
    core = alive(CNN(attention=attention).core(Size(D, INNER), tokens(ENCODER_DECODER, source, target)))
    assert isinstance(core, ByteNetCore)
    x = normal(2, source + target, D)
    encoded = stack_by_torch(core.encoder, x[:, :source], before=1)
    entering = x[:, source:].clone()
    for t in range(min(source, target)):
        entering[:, t] += encoded[:, t]
    expected = stack_by_torch(core.decoder, entering, before=2)
    if core.attention is not None:
        query, both = core.attention.query(expected), core.attention.key_value(encoded)
        for b in range(2):
            for t in range(target):
                mixed = attended_by_hand(query[b, t], both[b, :, :D], both[b, :, D:])
                expected[b, t] += core.attention.out(mixed)
    out = core(x)
    torch.testing.assert_close(out[:, source:], expected, rtol=0, atol=1e-11)
    assert not out[:, :source].any()
    assert (core.attention is not None) == attention
    state = core.read(x[:, :source])
    for t in range(target):  # also where there is no encoder's output to stand on
        answer, state = core.step(x[:, source + t], state)
        torch.testing.assert_close(answer, out[:, source + t], rtol=0, atol=1e-11)


@pytest.mark.parametrize(("source", "target"), [(7, 6), (6, 12), (16, 16), (9, 2)])
@pytest.mark.parametrize("kernel_size", [3, 8])
def test_even_the_first_target_sees_the_last_of_the_source(kernel_size: int, source: int, target: int) -> None:
    """Without attention: reversal asks for it."""
    core = alive(CNN(kernel_size=kernel_size).core(Size(8, 80), tokens(ENCODER_DECODER, source, target)), noise=0.1)
    assert reach(core, source + target, 8)[:source, source:].all()


@pytest.mark.parametrize("role", [ENCODER_ONLY, ENCODER_DECODER])
def test_two_taps_cannot_look_both_ways(role: str) -> None:
    with pytest.raises(ValueError, match="at least 3 to look both ways, got 2") as caught:
        CNN(kernel_size=2).build(tokens(role))
    assert "\n" not in str(caught.value)


def test_the_parts_of_a_causal_one_keep_their_names() -> None:
    core = CNN().core(Size(D, INNER), tokens(ROLES[0]))
    assert isinstance(core, CNNCore)
    assert {key.split(".")[0] for key in core.state_dict()} == {"blocks", "norm"}
    assert [type(part) for part in core.blocks[0].children()][:2] == [nn.LayerNorm, nn.Conv1d]


def test_the_relative_is_the_plain_one_with_attention() -> None:
    assert RELATIVES["cnn-attention"] == replace(CNN(), name="cnn-attention", family="cnn", attention=True)
