"""Each operator's rule: its connections against the Jacobian, its price against closed forms and counted scalars."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.tracing import Trace, structural_reach, trace

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


def jacobian_support(module: nn.Module, x: Tensor) -> Tensor:
    """(L, L) bool: input position i moves output position j, by autograd in float64."""
    module, x = module.double().train(), x.double()
    mix = torch.randn(module(x).shape[-1], dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    jacobian = torch.autograd.functional.jacobian(lambda e: module(e)[0] @ mix, x)
    return (jacobian[:, 0] != 0).any(-1).T


def cache_writes(x: Tensor) -> Tensor:
    buffer = torch.zeros_like(x)
    for t in range(0, x.shape[1], 2):
        buffer[:, t] = x[:, t].tanh()
    buffer[:, 4].zero_()
    return buffer + 1


def in_place_on_views(x: Tensor) -> Tensor:
    y = x * 2
    first, second = y[:, :6], y[:, 6:]
    first.add_(second)
    y[:, -1].fill_(3.0)
    return y


def two_orders(x: Tensor) -> Tensor:
    """Channels (1, D, L), the second half of them reversed in time."""
    return torch.cat([x[..., :3], x[..., 3:].flip(1)], -1).mT


def written_out_attention(x: Tensor) -> Tensor:
    n = x.shape[1]
    scores = (x @ x.mT).masked_fill(torch.ones(n, n).triu(1).bool(), -math.inf)
    return scores.softmax(-1) @ x


def local_attention(x: Tensor) -> Tensor:
    near = (torch.arange(x.shape[1])[:, None] - torch.arange(x.shape[1])).abs() < 3
    return F.scaled_dot_product_attention(x, x, x, attn_mask=near)


FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda x: x,
    "cache": cache_writes,
    "views": in_place_on_views,
    "attention": written_out_attention,
    "local": local_attention,
    "masked by a product": lambda x: (x @ x.mT * torch.ones(12, 12, dtype=x.dtype).tril()) @ x,
    "masked in place": lambda x: (x @ x.mT).mul_(torch.ones(12, 12, dtype=x.dtype).tril(-1)) @ x,
    "padded values": lambda x: (x @ x.mT) @ F.pad(x[:, :6], (0, 0, 0, 6)),
    "padded products": lambda x: F.pad(x[:, :6], (0, 0, 6, 0)) * x,
    "added to": lambda x: torch.baddbmm(x.flip(1), torch.ones(1, 12, 12, dtype=x.dtype).tril(), x),
    "second group": lambda x: F.conv1d(two_orders(x), torch.ones(4, 3, 1, dtype=x.dtype), groups=2)[:, 2:].mT,
    "first group": lambda x: F.conv1d(two_orders(x), torch.ones(4, 3, 1, dtype=x.dtype), groups=2)[:, :2].mT,
    "triangle": lambda x: torch.ones(x.shape[1], x.shape[1], dtype=x.dtype).tril() @ x,
    "triangle on the right": lambda x: (x.mT @ torch.ones(x.shape[1], x.shape[1], dtype=x.dtype).triu()).mT,
    "cumsum": lambda x: x.cumsum(1),
    "roll and flip": lambda x: x.roll(1, 1) + 0 * 1.0 + x.flip(1),
    "cat and stack": lambda x: torch.stack([torch.cat([x[:, 3:], x[:, :3]], 1), x.exp()]).sum(0),
    "gather": lambda x: x.gather(1, torch.tensor([2, 2, 0, 1]).repeat(3)[None, :, None].expand(1, 12, x.shape[2])),
    "index": lambda x: x[:, torch.arange(12).flip(0) // 2],
    "index_put": lambda x: torch.zeros(x.shape, dtype=x.dtype).index_put(
        (torch.tensor([0]), torch.tensor([5])), x[:, 7]
    ),
    "where": lambda x: torch.where(torch.arange(12)[:, None] % 3 > 0, x, x.roll(2, 1)),
    "where scalar": lambda x: torch.where(torch.arange(12)[:, None] % 3 > 0, x, 0.0),
    "live condition": lambda x: torch.where(x > 0, x, x.roll(2, 1)),
    "tril": lambda x: x.expand(1, 12, 12).tril(-2) if x.shape[2] == 1 else x.mT.tril(1).mT,
    "pad": lambda x: F.pad(x[:, :-2], (0, 0, 2, 0), value=7.0),
    "means": lambda x: x - x[:, :5].mean(1, keepdim=True),
    "layer norm": lambda x: F.layer_norm(x.unfold(1, 3, 1).flatten(2), (18,)).repeat(1, 2, 1)[:, :12],
    "strided": lambda x: (
        F.conv1d(x.mT, torch.ones(4, 3, 3, dtype=x.dtype), stride=1, padding=2, dilation=2, groups=2).mT
    ),
}


@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_every_rule_against_the_jacobian(name: str) -> None:
    module, x = Apply(FUNCTIONS[name]), example(12)
    assert torch.equal(structural_reach(module, x), jacobian_support(module, x))


def test_reach_is_of_the_structure_and_not_of_the_values() -> None:
    certain = Apply(lambda x: F.scaled_dot_product_attention(1e4 * x, x, x, is_causal=True))  # probabilities underflow
    assert torch.equal(structural_reach(certain, example(8)), torch.ones(8, 8).triu().bool())
    dead = Apply(lambda x: (x.sum(-1, keepdim=True) * torch.ones(8) - 1e4).relu() @ x)
    assert structural_reach(dead, example(8)).all()
    written = Apply(lambda x: torch.ones_like(x).mul_((x - 1e4).relu()))
    assert torch.equal(structural_reach(written, example(8)), torch.eye(8).bool())


def test_zeros_of_a_parameter_are_connections() -> None:
    module = nn.Linear(D, D)
    nn.init.zeros_(module.weight)
    assert torch.equal(structural_reach(module, example(5)), torch.eye(5).bool())


# Work, against closed forms and counted scalars


def test_work_of_linear_layers() -> None:
    module = nn.Sequential(nn.Linear(D, 10), nn.ReLU(), nn.Linear(10, 4, bias=False))
    n = 16
    products = n * 10 * (2 * D - 1 + 1), n * 4 * (2 * 10 - 1)
    assert trace(module, example(n)) == Trace(span=1 + 3 + 1 + 1 + 1 + 4, work=sum(products) + n * 10)
    assert trace(module, example(n), "kernel") == Trace(span=3, work=3)
    assert trace(module, example(n), "weights") == Trace(span=2, work=2)


def test_work_of_an_lstm() -> None:
    width, hidden = 5, 7
    module = nn.LSTM(width, hidden, batch_first=True)
    for n in (4, 16, 64):
        products = 2 * 4 * hidden * (n * width + (n - 1) * hidden)  # the first state is zero before the input comes
        gates = n * (4 + 3 + 1 + 2 + 1 + 1 + 1) * hidden  # sum, sigmoids, tanh, two products, sum, tanh, product
        assert trace(module, example(n, width)).work == products + gates


def test_work_of_a_convolution() -> None:
    module = nn.Sequential(Apply(lambda x: x.mT), nn.Conv1d(D, 9, 5, groups=3))
    assert trace(module, example(20)) == Trace(span=1 + 4 + 1, work=9 * 16 * 2 * (D // 3 * 5))


@dataclass
class Scalar:
    """A number that counts: how deep the chain below it is, and, in all, how many operations there were."""

    depth: int = 0

    def __add__(self, other: Scalar | None) -> Scalar:
        Counter.operations += 1
        return Scalar(1 + max(self.depth, other.depth if other else 0))

    def map(self) -> Scalar:
        return self + None


class Counter:
    operations = 0


def tree(values: list[Scalar]) -> Scalar:
    while len(values) > 1:
        values = [a + b for a, b in zip(values[::2], values[1::2], strict=True)]
    return values[0]


def dot(left: list[Scalar], right: list[Scalar]) -> Scalar:
    return tree([a + b for a, b in zip(left, right, strict=True)])


def counted_norm(row: list[Scalar]) -> list[Scalar]:
    mean = tree(row).map()
    centred = [x + mean for x in row]
    variance = tree([x.map() for x in centred]).map()
    inverse = variance.map().map()
    return [(x + inverse).map().map() for x in centred]


def counted_softmax(row: list[Scalar]) -> list[Scalar]:
    top = tree(row)
    powers = [(x + top).map() for x in row]
    total = tree(powers)
    return [x + total for x in powers]


def test_prices_equal_a_network_of_counted_scalars() -> None:
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.queries = nn.LayerNorm(4), nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            x = self.norm(x)
            return (self.queries(x) @ x.mT).softmax(-1) @ x

    Counter.operations = 0
    rows = [counted_norm([Scalar() for _ in range(4)]) for _ in range(8)]
    weights = [Scalar() for _ in range(4)]
    queries = [[dot(row, weights).map() for _ in range(4)] for row in rows]
    shares = [counted_softmax([dot(query, row) for row in rows]) for query in queries]
    mixed = [[dot(share, [row[c] for row in rows]) for c in range(4)] for share in shares]
    deepest = max(x.depth for row in mixed for x in row)
    assert trace(Attention(), example(8, 4)) == Trace(span=deepest, work=Counter.operations)
