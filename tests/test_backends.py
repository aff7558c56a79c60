"""Other kernels, same function: every backend against the architecture that it computes, from the same weights."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import Tensor
from torch.nn import functional as F

from bench.catalogue import show_catalogue
from bench.tracing import shortest_paths, trace
from models import ARCHITECTURES, BACKEND_OF, BACKENDS, FAMILIES, dense
from models.architecture import Architecture, Interface, SequenceModel, count_parameters
from models.budget import solve
from models.cnn import covering_layers
from models.cost import counted_flops, train_step_flops

SIZE = 100_000
TOKENS = Interface(length=64, outputs=5, vocabulary=7)
FEATURES = Interface(length=64, outputs=1, features=2)
BATCH = 32  # 2048 positions: enough for every layer of a core to take oneDNN where it may

every_backend = pytest.mark.parametrize("name", BACKENDS)


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any CPU passes for one whose oneDNN has the wider kernels, so that both ways are tried everywhere."""
    monkeypatch.setattr(dense, "_has_wide_kernels", lambda: True)


def pair(name: str, size: int = SIZE) -> tuple[Architecture, Architecture]:
    """A backend and the architecture that it computes, at one size."""
    return tuple(replace(a, core_parameters=size) for a in (BACKENDS[name], ARCHITECTURES[BACKEND_OF[name]]))  # type: ignore[return-value]


def twins(name: str, interface: Interface, size: int = SIZE) -> list[SequenceModel]:
    """Both models, started from different seeds and given the same weights, none of them at its initial value."""
    backend, original = (a.build(interface, seed) for seed, a in enumerate(pair(name, size)))
    generator = torch.Generator().manual_seed(1)
    for parameter in original.parameters():
        parameter.data.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    backend.load_state_dict(original.state_dict())
    return [backend, original]


def draw(interface: Interface, batch: int = BATCH) -> Tensor:
    if interface.vocabulary:
        return torch.randint(
            interface.vocabulary, (batch, interface.length), generator=torch.Generator().manual_seed(0)
        )
    return torch.randn(batch, interface.length, interface.features, generator=torch.Generator().manual_seed(0))


def passes(model: SequenceModel, inputs: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Logits, and the gradients of their mean log-sum-exp by every parameter."""
    logits = model(inputs)
    logits.logsumexp(dim=-1).square().mean().backward()
    return logits.detach(), {key: p.grad for key, p in model.named_parameters() if p.grad is not None}


def test_every_backend_says_whose_function_it_computes() -> None:
    assert BACKENDS.keys() == BACKEND_OF.keys()
    assert BACKENDS.keys().isdisjoint(ARCHITECTURES)
    assert {family.plain for family in FAMILIES.values()} == set(BACKEND_OF.values()), "factors of the plain variants"
    for name, backend in BACKENDS.items():
        original = ARCHITECTURES[BACKEND_OF[name]]
        assert backend.name == name
        assert backend.family == original.family
        assert replace(backend, name=original.name) != original, "the kernels differ, or there is nothing to time"


def test_the_catalogue_says_so_too() -> None:
    out = io.StringIO()
    show_catalogue(Console(file=out, width=80, highlight=False))
    kernels = " ".join(out.getvalue().partition("on other kernels")[2].split())
    assert all(f"{name} ({original})" in kernels for name, original in BACKEND_OF.items())
    assert max(map(len, out.getvalue().splitlines())) <= 80


@every_backend
@pytest.mark.parametrize("interface", [TOKENS, FEATURES], ids=["tokens", "features"])
def test_same_weights_same_logits_same_gradients(name: str, interface: Interface) -> None:
    inputs = draw(interface)
    (found, gradients), (expected, expected_gradients) = (passes(model, inputs) for model in twins(name, interface))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert gradients.keys() == expected_gradients.keys() == dict(twins(name, interface)[0].named_parameters()).keys()
    for key, gradient in expected_gradients.items():
        torch.testing.assert_close(gradients[key], gradient, rtol=1e-5, atol=1e-5)


@every_backend
def test_in_float64_they_agree_to_the_last_digits(name: str) -> None:
    backend, original = (model.double() for model in twins(name, TOKENS, size=10_000))
    inputs = draw(TOKENS, batch=3)
    torch.testing.assert_close(backend(inputs), original(inputs), rtol=0, atol=1e-12)


@every_backend
def test_same_numbers_from_the_same_seed(name: str) -> None:
    states = [architecture.build(TOKENS, seed=4).state_dict() for architecture in pair(name)]
    assert list(states[0]) == list(states[1])
    assert all(torch.equal(states[0][key], value) for key, value in states[1].items())


@every_backend
def test_same_size_and_same_cost(name: str) -> None:
    """By the budget's closed forms and by torch's counter on what is really called."""
    for interface in (TOKENS, FEATURES):
        sizes, parameters, closed, counted = set(), set(), set(), set()
        for architecture in pair(name):
            size = solve(architecture, interface)
            with torch.device("meta"):
                model = SequenceModel(size.width, architecture.core(size, interface), interface)
            sizes.add(size)
            parameters.add(count_parameters(model))
            closed.add(train_step_flops(architecture, size, interface))
            counted.add(3 * counted_flops(model, interface))
        assert len(sizes) == len(parameters) == 1
        assert closed == counted
        assert len(closed) == 1


@every_backend
def test_same_generation(name: str) -> None:
    """Going position by position knows nothing of the kernels of whole sequences."""
    backend, original = (model.double() for model in twins(name, TOKENS, size=10_000))
    inputs = draw(TOKENS, batch=2)
    states = [backend.start(2), original.start(2)]
    for position in range(20):
        found, states[0] = backend.step(inputs[:, position], states[0])
        expected, states[1] = original.step(inputs[:, position], states[1])
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def convolutions(monkeypatch: pytest.MonkeyPatch, architecture: Architecture) -> int:
    """Convolutions through oneDNN's two-dimensional ones in a forward pass of the core."""
    count = 0
    convolve = F.conv2d

    def spy(*arguments: Any, **named: Any) -> Tensor:
        nonlocal count
        count += 1
        return convolve(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(F, "conv2d", spy)
        architecture.build(TOKENS)(draw(TOKENS))
    return count


def test_the_two_ways_to_multiply_are_two_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    """All four products of a transformer's block, or nothing would be compared above; and both of a CNN's."""
    for name, layers, products in (("transformer-blas", 2, 4), ("cnn-blas", covering_layers(3, TOKENS.length), 2)):
        backend, original = pair(name)
        assert convolutions(monkeypatch, original) == layers * products
        assert convolutions(monkeypatch, backend) == 0


# The tracer


@every_backend
@pytest.mark.parametrize("cost_model", ["kernel", "pram", "weights"])
def test_the_span_law_is_that_of_the_same_function(name: str, cost_model: str) -> None:
    """To the operation; but for the stepwise LSTM, which adds its two biases before the input comes.

    That saves a scalar addition at every step whose hidden state depends on the input, all but the first.
    """
    for length in (16, 32, 64):
        interface = replace(TOKENS, length=length)
        spans = []
        for architecture in pair(name, size=10_000):
            size = solve(architecture, interface)
            example = torch.randn(1, length, size.width)
            spans.append(trace(architecture.core(size, interface), example, cost_model).span)
        saved = length - 1 if (name, cost_model) == ("lstm-stepwise", "pram") else 0
        assert spans[1] - spans[0] == saved


@every_backend
def test_paths_cross_as_many_kernels(name: str) -> None:
    paths = []
    for architecture in pair(name, size=10_000):
        size = solve(architecture, TOKENS)
        paths.append(shortest_paths(architecture.core(size, TOKENS), torch.randn(1, 24, size.width)))
    assert torch.equal(paths[0].isfinite(), torch.ones(24, 24).triu().bool())
    assert torch.equal(*paths)
