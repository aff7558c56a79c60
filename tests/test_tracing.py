"""The tracer's laws on shipped models and known truths."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.tracing import shortest_paths, structural_reach, trace
from models import ARCHITECTURES
from models.architecture import Interface

LENGTHS = (16, 32, 64, 128, 256, 512)
D = 6


class Apply(nn.Module):
    """A function as a module without parameters."""

    def __init__(self, function: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> object:
        return self.function(x)


class ContiguousCNN(nn.Module):
    """x + relu(conv(x)) with k = 3 and no dilation, as many layers as the length needs."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv1d(D, D, 3) for _ in range(math.ceil((length - 1) / 2)))

    def forward(self, x: Tensor) -> Tensor:
        x = x.transpose(1, 2)
        for layer in self.layers:
            x = x + F.relu(layer(F.pad(x, (2, 0))))
        return x.transpose(1, 2)


class Recurrence(nn.Module):
    """h = a h + Wx with a diagonal a, one step after the other, and the same h by a Hillis-Steele scan."""

    def __init__(self, scan: bool) -> None:
        super().__init__()
        self.scan = scan
        self.enter, self.leave = nn.Linear(D, D), nn.Linear(D, D)
        self.decay = nn.Parameter(torch.linspace(0.5, 0.95, D))

    def forward(self, x: Tensor) -> Tensor:
        x = self.enter(x)
        return self.leave(self.parallel(x) if self.scan else self.serial(x))

    def serial(self, x: Tensor) -> Tensor:
        state, states = torch.zeros_like(x[:, 0]), []
        for t in range(x.shape[1]):
            state = self.decay * state + x[:, t]
            states.append(state)
        return torch.stack(states, 1)

    def parallel(self, x: Tensor) -> Tensor:
        power: Tensor = self.decay
        shift = 1
        while shift < x.shape[1]:
            x = x + F.pad(power * x[:, :-shift], (0, 0, shift, 0))
            power, shift = power * power, 2 * shift
        return x


def core(name: str, length: int, parameters: int = 25_000) -> tuple[nn.Module, Tensor]:
    """A shipped core at its true size and an example for it."""
    architecture = replace(ARCHITECTURES[name], core_parameters=parameters)
    model = architecture.build(Interface(length=length, vocabulary=16, outputs=8), seed=0)
    assert isinstance(model.embedding, nn.Embedding)
    return model.core, example(length, model.embedding.embedding_dim)


def example(length: int, width: int = D) -> Tensor:
    return torch.randn(1, length, width, generator=torch.Generator().manual_seed(length))


def spans(name: str, cost_model: str) -> list[int]:
    return [trace(*core(name, n), cost_model).span for n in LENGTHS]


def is_line(values: list[int], steps: list[int]) -> bool:
    """Whether integer values lie on one line over integer abscissae, with no residual at all."""
    rise, run = values[-1] - values[0], steps[-1] - steps[0]
    return all((v - values[0]) * run == rise * (s - steps[0]) for v, s in zip(values, steps, strict=True))


def jacobian_support(module: nn.Module, x: Tensor) -> Tensor:
    """(L, L) bool: input position i moves output position j, by autograd in float64."""
    module, x = module.double().train(), x.double()
    mix = torch.randn(module(x).shape[-1], dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    jacobian = torch.autograd.functional.jacobian(lambda e: module(e)[0] @ mix, x)
    return (jacobian[:, 0] != 0).any(-1).T


# Span laws


@pytest.mark.parametrize("layers", [1, 2])
def test_lstm_as_shipped_is_linear_in_length(layers: int) -> None:
    module = nn.LSTM(D, D, layers, batch_first=True)
    assert [trace(module, example(n), "kernel").span for n in LENGTHS] == [7 * (n + layers - 1) for n in LENGTHS]


@pytest.mark.parametrize("cost_model", ["kernel", "pram", "weights"])
@pytest.mark.parametrize("name", ["lstm-forget-bias", "lstm-chrono"])
def test_shipped_lstm_is_linear_in_every_cost_model(name: str, cost_model: str) -> None:
    values = [trace(*core(name, n), cost_model).span for n in LENGTHS[:5]]
    assert is_line(values, list(LENGTHS[:5]))
    assert values[-1] > values[0]


@pytest.mark.parametrize("name", ["transformer-sinusoidal", "transformer-rotary"])
def test_transformer_is_constant_in_kernels_and_logarithmic_in_scalars(name: str) -> None:
    assert len(set(spans(name, "kernel"))) == 1
    # per layer, two trees of softmax and one of the mix over n
    assert [b - a for a, b in zip(spans(name, "pram"), spans(name, "pram")[1:], strict=False)] == [2 * 3] * 5


@pytest.mark.parametrize("name", ["cnn-k3", "cnn-k8"])
def test_covering_cnn_is_linear_in_log_length(name: str) -> None:
    assert is_line(spans(name, "kernel"), list(range(len(LENGTHS))))
    assert spans(name, "kernel")[0] < spans(name, "kernel")[-1]


def test_contiguous_cnn_is_linear_in_length() -> None:
    found = [trace(ContiguousCNN(n), example(n), "kernel").span for n in LENGTHS]
    assert found == [3 * (n // 2) for n in LENGTHS]


def test_the_same_recurrence_is_linear_in_a_loop_and_logarithmic_as_a_scan() -> None:
    loop, scan = Recurrence(scan=False), Recurrence(scan=True)
    scan.load_state_dict(loop.state_dict())
    for n in LENGTHS:
        x = example(n)
        torch.testing.assert_close(loop(x), scan(x))
        # the first of the n steps multiplies a zero state that is there before the input
        assert trace(loop, x, "kernel").span == 2 * n - 1 + 2
        assert trace(scan, x, "kernel").span == 2 * int(math.log2(n)) + 2


def test_parallelism_exponents_tell_the_families_apart() -> None:
    exponents = {}
    for name in ARCHITECTURES:
        low, high = (trace(*core(name, n)).parallelism for n in (LENGTHS[0], LENGTHS[-1]))
        exponents[name.split("-")[0], name] = math.log(high / low) / math.log(LENGTHS[-1] / LENGTHS[0])
    assert all(q > 1.2 for (family, _), q in exponents.items() if family == "transformer")
    assert all(0 <= q < 0.1 for (family, _), q in exponents.items() if family == "lstm")
    assert all(0.5 < q <= 1 for (family, _), q in exponents.items() if family == "cnn")


# Paths and reach


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_structural_reach_is_the_support_of_the_jacobian(name: str) -> None:
    module, x = core(name, 48, parameters=10_000)
    reach = structural_reach(module, x)
    assert torch.equal(reach, jacobian_support(module, x))
    assert torch.equal(reach, torch.ones(48, 48).triu().bool())


def test_a_network_that_sees_sixteen_steps_back_reaches_exactly_sixteen() -> None:
    convolution = nn.Conv1d(D, D, 17)
    module = nn.Sequential(Apply(lambda x: F.pad(x.transpose(1, 2), (16, 0))), convolution, Apply(lambda x: x.mT))
    distance = torch.arange(40) - torch.arange(40)[:, None]
    assert torch.equal(structural_reach(module, example(40)), (distance >= 0) & (distance <= 16))


@pytest.mark.parametrize(
    ("build", "law"),
    [
        (lambda n: nn.LSTM(D, D, 2, batch_first=True), lambda n: 2 * n + 9),
        (lambda n: nn.GRU(D, D, 1, batch_first=True), lambda n: 3 * n + 1),
        (lambda n: nn.RNN(D, D, 1, batch_first=True), lambda n: 3 * n),
        (ContiguousCNN, lambda n: 3 * n // 2),
    ],
)
def test_longest_shortest_path(build: Callable[[int], nn.Module], law: Callable[[int], int]) -> None:
    for n in (16, 32, 64):
        paths = shortest_paths(build(n), example(n))
        assert paths[paths.isfinite()].max() == law(n)


def test_attention_is_one_hop_and_the_cell_state_crosses_no_weights() -> None:
    longest = {}
    for name in ("transformer-rotary", "lstm-chrono"):
        for cost_model in ("kernel", "weights"):
            paths = [shortest_paths(*core(name, n, 10_000), cost_model) for n in (16, 64)]
            longest[name, cost_model] = [int(p[p.isfinite()].max()) for p in paths]
    assert longest["transformer-rotary", "kernel"][0] == longest["transformer-rotary", "kernel"][1]
    assert longest["transformer-rotary", "weights"] == [2, 2]
    assert longest["lstm-chrono", "kernel"][1] - longest["lstm-chrono", "kernel"][0] == 2 * 48
    assert longest["lstm-chrono", "weights"] == [2, 2]
