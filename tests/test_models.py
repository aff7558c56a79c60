"""The contract over every architecture of the table, and the way in for strangers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

from models import ARCHITECTURES, FAMILIES, find
from models.architecture import Architecture, Interface, SequenceModel
from models.cnn import CNN
from models.lstm import LSTM
from models.transformer import Transformer

LENGTH = 20  # no tap of either CNN lies wholly in the padding at this length
TOKENS = Interface(length=LENGTH, outputs=5, vocabulary=7)
FEATURES = Interface(length=LENGTH, outputs=1, features=2)

EXPLANATIONS = {
    "transformer": {"attention-mean", "attention-last", "rollout"},
    "lstm": {"state-change", "input-gate"},
    "cnn": {"cam"},
}

every_architecture = pytest.mark.parametrize("name", ARCHITECTURES)


@dataclass(frozen=True, kw_only=True)
class Needy(Architecture):
    """A stranger that cannot be made without being told something."""

    depth: int = field()


@dataclass(frozen=True, kw_only=True)
class Unhashable(Architecture):
    """A stranger with a list in its configuration."""

    kernels: list[int] = field(default_factory=list)


def draw_inputs(interface: Interface, batch: int = 3, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    if interface.vocabulary:
        return torch.randint(interface.vocabulary, (batch, interface.length), generator=generator)
    return torch.randn(batch, interface.length, interface.features, generator=generator)


def test_table_is_consistent() -> None:
    assert all(architecture.name == name for name, architecture in ARCHITECTURES.items())
    assert {architecture.family for architecture in ARCHITECTURES.values()} == set(FAMILIES)
    for family, row in FAMILIES.items():
        assert {ARCHITECTURES[name].family for name in (row.plain, *row.candidates)} == {family}


@every_architecture
@pytest.mark.parametrize("interface", [TOKENS, FEATURES], ids=["tokens", "features"])
def test_output_shape(name: str, interface: Interface) -> None:
    logits = ARCHITECTURES[name].build(interface)(draw_inputs(interface))
    assert logits.shape == (3, LENGTH, interface.outputs)
    assert torch.isfinite(logits).all()


@every_architecture
def test_causal_by_gradient(name: str) -> None:
    model = ARCHITECTURES[name].build(TOKENS)
    embeddings = model.embedding(draw_inputs(TOKENS, batch=1)).detach().requires_grad_()
    answers = model.from_embeddings(embeddings).logsumexp(dim=-1)[0]
    for position, answer in enumerate(answers):
        (gradient,) = torch.autograd.grad(answer, embeddings, retain_graph=True)
        reached = gradient[0].abs().sum(dim=-1)
        assert (reached[position + 1 :] == 0).all()
        assert (reached[: position + 1] > 0).all()


@every_architecture
def test_shorter_sequences_get_the_same_answers(name: str) -> None:
    model = ARCHITECTURES[name].build(TOKENS).double()
    inputs = draw_inputs(TOKENS)
    torch.testing.assert_close(model(inputs[:, :9]), model(inputs)[:, :9], rtol=0, atol=1e-12)


@every_architecture
def test_every_parameter_gets_gradient(name: str) -> None:
    model = ARCHITECTURES[name].build(TOKENS).double()
    model(draw_inputs(TOKENS, batch=8)).logsumexp(dim=-1).square().mean().backward()
    gradients = {key: p.grad for key, p in model.named_parameters() if p.grad is not None}
    assert len(gradients) == len(list(model.parameters()))
    if name == "transformer-sinusoidal":  # softmax cancels a bias that all keys share, unless positions turn it
        for key in [key for key in gradients if key.endswith("qkv.bias")]:
            query, _, value = gradients[key].chunk(3)
            gradients[key] = torch.cat((query, value))
    assert [key for key, gradient in gradients.items() if (gradient == 0).any()] == []


@every_architecture
def test_intrinsic_explanations(name: str) -> None:
    model = ARCHITECTURES[name].build(TOKENS)
    with torch.no_grad():
        relevance = model.intrinsic(draw_inputs(TOKENS))
    assert set(relevance) == EXPLANATIONS[ARCHITECTURES[name].family]
    for scores in relevance.values():
        assert scores.shape == (3, LENGTH)
        assert not scores.requires_grad
        assert torch.isfinite(scores).all()
        assert (scores >= 0).all()
    assert all(parameter.grad is None for parameter in model.parameters())


@every_architecture
def test_deterministic_from_the_seed_alone(name: str) -> None:
    architecture = ARCHITECTURES[name]
    before = torch.get_rng_state()
    first, again, other = (architecture.build(TOKENS, seed).state_dict() for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Transformer(positions="learned"), "sinusoidal, rotary"),
        (lambda: Transformer(depth=0), "depth"),
        (lambda: LSTM(initialisation="zeros"), "forget-bias, chrono"),
        (lambda: LSTM(depth=0), "depth"),
        (lambda: CNN(kernel_size=1), "kernel_size"),
    ],
)
def test_bad_fields_are_refused(make: Callable[[], Architecture], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_find_gives_strangers_a_column_of_their_own() -> None:
    assert find("lstm-chrono") is ARCHITECTURES["lstm-chrono"]
    stranger = find("models.lstm:LSTM")
    assert stranger.source, "edited code is another architecture"
    assert stranger == LSTM(name="models.lstm:LSTM", family="models.lstm:LSTM", source=stranger.source)
    assert isinstance(stranger.build(TOKENS), SequenceModel)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("transformer-rotory", "did you mean transformer-rotary"),
        ("perceptron#", "known: transformer-sinusoidal.*package.module:Name"),
        ("no_such_package:Name", "cannot be imported.*no_such_package.*from the folder"),
        ("models.lstm:NoSuchName", "cannot be imported.*NoSuchName"),
        ("models.lstm:LSTMCore", "must subclass models.architecture.Architecture"),
        ("models.lstm:INITIALISATIONS", "is a tuple"),
        (f"{__name__}:Needy", "without arguments.*depth.*defaults"),
        (f"{__name__}:Unhashable", "unhashable.*hashable"),
    ],
)
def test_find_names_the_mend(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        find(name)
    assert "\n" not in str(caught.value)
