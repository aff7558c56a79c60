"""What the tracer finds in the relatives: the table's No belongs to recurrence that is not linear, and to loops."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from bench.shadow_rules import find_rule
from bench.tracing import OpaqueOperator, shortest_paths, structural_reach, trace
from models import RELATIVES
from models.architecture import Architecture, Interface
from models.min_gru import loop, scan

LENGTHS = (16, 32, 64, 128, 256, 512)
LOOP = replace(RELATIVES["min-gru"], form="loop")  # type: ignore[call-arg]
TRACED: dict[str, Architecture] = {
    **{name: RELATIVES[name] for name in ("rnn", "gru", "linear-attention", "min-gru")},
    "min-gru-loop": LOOP,
}

every_traced = pytest.mark.parametrize("name", TRACED)


class Recurrence(nn.Module):
    """h = a h + b with a and b of the input: a bare scan or loop."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.form = {"scan": scan, "loop": loop}[form]

    def forward(self, x: Tensor) -> Tensor:
        return self.form(x, x)


def core(architecture: Architecture, length: int, parameters: int = 25_000) -> tuple[nn.Module, Tensor]:
    """A core at its true size and an example for it."""
    architecture = replace(architecture, core_parameters=parameters)
    model = architecture.build(Interface(length=length, vocabulary=16, outputs=8), seed=0)
    assert isinstance(model.embedding, nn.Embedding)
    return model.core, example(length, model.embedding.embedding_dim)


def example(length: int, width: int) -> Tensor:
    return torch.randn(1, length, width, generator=torch.Generator().manual_seed(length))


def spans(architecture: Architecture, cost_model: str, lengths: tuple[int, ...] = LENGTHS) -> list[int]:
    return [trace(*core(architecture, n), cost_model).span for n in lengths]


class TestSpans:
    @pytest.mark.parametrize(("name", "operators"), [("rnn", 3), ("gru", 9)])
    def test_recurrence_that_is_not_linear_is_linear_in_length(self, name: str, operators: int) -> None:
        """Product, sums, non-linearities of a step, n times over, and once more for the second layer."""
        assert spans(RELATIVES[name], "kernel") == [operators * (n + 1) for n in LENGTHS]
        for cost_model in ("pram", "weights"):
            found = spans(RELATIVES[name], cost_model, (16, 32, 48, 96))
            assert [b - a for a, b in pairwise(found)] == [found[1] - found[0]] * 2 + [3 * (found[1] - found[0])]
            assert found[1] > found[0]

    @pytest.mark.parametrize("cost_model", ["kernel", "pram"])
    @pytest.mark.parametrize("length", [2, 4, 16, 17, 100, 512])
    def test_the_bare_scan_takes_two_operations_a_round_and_the_loop_a_position(
        self, length: int, cost_model: str
    ) -> None:
        x, rounds = example(length, 3), math.ceil(math.log2(length))
        # the first position multiplies a zero state that is there before the input
        assert trace(Recurrence("loop"), x, cost_model).span == 2 * length - 1
        # in the last round of another length than a power of two, what is deepest is no longer multiplied
        expected = 2 * rounds - (length != 2**rounds)
        assert trace(Recurrence("scan"), x, cost_model).span == expected

    @pytest.mark.parametrize(("depth", "around"), [(1, 7), (2, 11)])
    def test_min_gru_by_scan_is_logarithmic(self, depth: int, around: int) -> None:
        """A scan, 2 log n, in each block; around it norm, product, gate and gating, product, sum; and the last norm.

        A path that is deepest in one scan cannot be so in the next: together they lose two.
        """
        architecture = replace(RELATIVES["min-gru"], depth=depth)  # type: ignore[call-arg]
        assert spans(architecture, "kernel") == [depth * 2 * int(math.log2(n)) + around for n in LENGTHS]

    @pytest.mark.parametrize("cost_model", ["kernel", "pram"])
    def test_min_gru_by_loop_is_linear(self, cost_model: str) -> None:
        assert [b - a for a, b in pairwise(spans(LOOP, cost_model))] == [2 * n for n in LENGTHS[:-1]]

    def test_linear_attention_is_constant_in_kernels_and_logarithmic_in_scalars(self) -> None:
        """Up to a chunk of 64 it is a masked product; then come the product with the sums and, from two on, a sum."""
        kernels = spans(RELATIVES["linear-attention"], "kernel")
        assert [count - kernels[0] for count in kernels] == [0, 0, 0, 2, 4, 4]
        scalars = spans(RELATIVES["linear-attention"], "pram", (16, 32, 64, 256, 512, 1024))
        assert [b - a for a, b in pairwise(scalars)] == [2, 2, 6, 2, 2], "a round of a tree for each layer"

    def test_exponents_of_parallelism_by_the_rule_of_the_table(self) -> None:
        found = {}
        for name, architecture in TRACED.items():
            low, high = (trace(*core(architecture, n)).parallelism for n in (LENGTHS[0], LENGTHS[-1]))
            found[name] = math.log(high / low) / math.log(LENGTHS[-1] / LENGTHS[0])
        assert all(0 <= found[name] < 0.1 for name in ("rnn", "gru")), "No"
        assert all(found[name] > 0.9 for name in ("linear-attention", "min-gru")), "Yes"
        assert 0.2 < found["min-gru-loop"] < 0.5, "a position adds two operations to a hundred that all share"

    def test_parallelism_of_the_loop_levels_off(self) -> None:
        first, second, third = (trace(*core(LOOP, n)).parallelism for n in (256, 512, 1024))
        assert 1 < third / second < second / first < 1.2


class TestPaths:
    @every_traced
    def test_reach_is_every_position_before_and_the_support_of_the_jacobian(self, name: str) -> None:
        module, x = core(TRACED[name], 72, parameters=10_000)
        reach = structural_reach(module, x)
        assert torch.equal(reach, torch.ones(72, 72).triu().bool())
        assert torch.equal(reach, jacobian_support(module, x))

    def test_only_the_plain_rnn_crosses_weights_at_every_step(self) -> None:
        longest = {}
        for name, architecture in TRACED.items():
            paths = [shortest_paths(*core(architecture, n, 10_000), "weights") for n in (16, 32)]
            longest[name] = [int(p[p.isfinite()].max()) for p in paths]
        assert longest.pop("rnn") == [17, 33]
        assert longest == {name: [2, 2] for name in longest}, "into the state or the values, and out of them"


@pytest.mark.parametrize(
    "operator", ["_cudnn_rnn", "miopen_rnn", "_thnn_fused_gru_cell", "mkldnn_rnn_layer", "logcumsumexp"]
)
def test_a_fused_recurrence_is_refused_and_not_guessed(operator: str) -> None:
    with pytest.raises(OpaqueOperator, match=operator):
        find_rule(getattr(torch.ops.aten, operator).default)


def jacobian_support(module: nn.Module, x: Tensor) -> Tensor:
    """(L, L) bool: input position i moves output position j, by autograd in float64."""
    module, x = module.double().train(), x.double().requires_grad_()
    mix = torch.randn(module(x).shape[-1], dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    answers = module(x)[0] @ mix
    rows = [torch.autograd.grad(answer, x, retain_graph=True)[0] for answer in answers]
    return torch.stack([(row[0] != 0).any(-1) for row in rows], dim=1)
