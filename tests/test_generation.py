"""Going position by position against the forward pass over the whole sequence, and what comes of feeding back."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import pytest
import torch
from strangers import LOOP
from torch import Tensor, nn

from models import ARCHITECTURES
from models.architecture import Architecture, Interface, SequenceModel, State, state_bytes
from models.generation import generate

LENGTH = 23  # the CNNs' last blocks wrap their rings at 16, and k = 8 at 14
TOKENS = Interface(length=LENGTH, outputs=7, vocabulary=7)
FEATURES = Interface(length=LENGTH, outputs=1, features=2)
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
EVERY: dict[str, Architecture] = {
    **ARCHITECTURES,
    **{
        f"{name}-unfused": replace(ARCHITECTURES[name], fused=False)  # type: ignore[call-arg]
        for name in ("transformer-sinusoidal", "transformer-rotary")
    },
}
ENDLESS = [name for name, architecture in ARCHITECTURES.items() if architecture.family != "transformer"]

every_architecture = pytest.mark.parametrize("name", EVERY)


def built(name: str, interface: Interface = TOKENS, noise: float = 0.1) -> SequenceModel:
    """The model in float64, every number away from its initial value, so that no zero bias hides a mistake."""
    model = EVERY[name].build(interface).double()
    generator = torch.Generator().manual_seed(1)
    for parameter in model.parameters():
        parameter.data.add_(noise * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return model


def draw(interface: Interface, batch: int, length: int = LENGTH) -> Tensor:
    generator = torch.Generator().manual_seed(batch)
    if interface.vocabulary:
        return torch.randint(interface.vocabulary, (batch, length), generator=generator)
    return torch.randn(batch, length, interface.features, generator=generator, dtype=torch.float64)


def stepped(model: SequenceModel, inputs: Tensor) -> Tensor:
    """Logits (B, L, outputs), position by position."""
    state, rows = model.start(len(inputs)), []
    for position in range(inputs.shape[1]):
        logits, state = model.step(inputs[:, position], state)
        rows.append(logits)
    return torch.stack(rows, dim=1)


def in_full_precision(device: str) -> AbstractContextManager[None]:
    """cuDNN convolves and recurs in TF32 unless told not to, which is good for three decimals only."""
    return nullcontext() if device == "cpu" else torch.backends.cudnn.flags(enabled=True, allow_tf32=False)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("interface", [TOKENS, FEATURES], ids=["tokens", "features"])
@every_architecture
@torch.no_grad()
def test_stepping_equals_the_forward_pass_at_every_length(
    name: str, interface: Interface, batch: int, device: str
) -> None:
    for dtype, tolerance in ((torch.float64, 1e-10), (torch.float32, 1e-5)):
        model = built(name, interface).to(device, dtype)
        inputs = draw(interface, batch).to(device)
        inputs = inputs if interface.vocabulary else inputs.to(dtype)
        with in_full_precision(device):
            found = stepped(model, inputs)
            wholes = [model(inputs[:, :length]) for length in range(1, LENGTH + 1)]
        assert found.dtype is dtype
        for length, whole in enumerate(wholes, start=1):
            torch.testing.assert_close(found[:, :length], whole, rtol=0, atol=tolerance)


@every_architecture
@torch.no_grad()
def test_later_positions_depend_on_the_state_alone(name: str) -> None:
    """Two batches taken through in turns do not disturb each other."""
    model = built(name)
    batches = [draw(TOKENS, 3), draw(TOKENS, 3).flip(1)]
    states: list[State] = [model.start(3), model.start(3)]
    for position in range(LENGTH):
        for index, inputs in enumerate(batches):
            logits, states[index] = model.step(inputs[:, position], states[index])
            expected = model(inputs[:, : position + 1])[:, -1]
            torch.testing.assert_close(logits, expected, rtol=0, atol=1e-10)


@every_architecture
def test_no_tensor_is_made_on_another_device(name: str) -> None:
    """On meta, where mixing with a tensor of the CPU fails; and no graph is kept from step to step."""
    model = EVERY[name].build(TOKENS).to("meta")
    state = model.start(2)
    for _ in range(3):
        logits, state = model.step(torch.zeros(2, dtype=torch.long, device="meta"), state)
        assert logits.is_meta
        assert logits.shape == (2, TOKENS.outputs)
        assert not logits.requires_grad


@pytest.mark.parametrize("name", ENDLESS)
@torch.no_grad()
def test_recurrence_and_convolution_go_on_beyond_the_length(name: str) -> None:
    model = built(name)
    inputs = draw(TOKENS, 2, length=3 * LENGTH)
    torch.testing.assert_close(stepped(model, inputs), model(inputs), rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", sorted(set(EVERY) - set(ENDLESS)))
def test_the_cache_of_a_transformer_gets_full(name: str) -> None:
    with pytest.raises(ValueError, match=f"cache is full.*at most {LENGTH} positions.*greater length"):
        stepped(built(name), draw(TOKENS, 1, length=LENGTH + 1))


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("length", [16, 64])
def test_state_bytes_in_closed_form(batch: int, length: int) -> None:
    interface = Interface(length=length, outputs=7, vocabulary=7)
    models = {name: architecture.build(interface) for name, architecture in ARCHITECTURES.items()}
    width = {name: model.readout.in_features for name, model in models.items()}
    # depth 2 and its pair: keys and values, hidden and cell; the rings reach back as far as the receptive field does
    numbers = {
        **{name: 2 * 2 * length * width[name] for name in models if "transformer" in name},
        **{name: 2 * 2 * width[name] for name in models if "lstm" in name},
        "cnn-k3": 2 * (2 ** {16: 4, 64: 6}[length] - 1) * width["cnn-k3"],
        "cnn-k8": 7 * (2 ** {16: 2, 64: 4}[length] - 1) * width["cnn-k8"],
    }
    for name, model in models.items():
        state = model.start(batch)
        assert state_bytes(state) == 4 * batch * numbers[name]
        assert state_bytes(model.step(draw(interface, batch)[:, 0], state)[1]) == 4 * batch * numbers[name]


def test_what_cannot_be_counted_in_a_state_is_refused() -> None:
    assert state_bytes((torch.zeros(3, dtype=torch.float64), 5, (torch.zeros(2, 3, dtype=torch.bool),))) == 30
    with pytest.raises(ValueError, match="got a dict"):
        state_bytes(({"hidden": torch.zeros(3)},))


def test_a_core_that_cannot_step_says_what_to_write() -> None:
    model = LOOP.build(TOKENS)
    assert not model.can_step
    assert all(architecture.build(TOKENS).can_step for architecture in ARCHITECTURES.values())
    with pytest.raises(ValueError, match=r"RecurrenceCore.*start\(batch\).*step\(x \(B, D\), state\)"):
        model.start(1)


@pytest.mark.parametrize(
    ("interface", "batch", "inputs", "message"),
    [
        (TOKENS, 0, torch.zeros(0, dtype=torch.long), "batch must be at least 1"),
        (TOKENS, 2, torch.zeros(2, 1, dtype=torch.long), r"tokens \(B,\), got the shape \(2, 1\)"),
        (TOKENS, 1, torch.tensor(3), r"tokens \(B,\), got the shape \(\)"),
        (FEATURES, 2, torch.zeros(2), r"features \(B, 2\), got the shape \(2,\)"),
        (TOKENS, 3, torch.zeros(1, dtype=torch.long), "batch 1 on a state of batch 3"),
    ],
)
def test_one_position_is_asked_for(interface: Interface, batch: int, inputs: Tensor, message: str) -> None:
    model = EVERY["transformer-rotary"].build(interface)
    with pytest.raises(ValueError, match=message):
        model.step(inputs, model.start(batch))


@every_architecture
@torch.no_grad()
def test_greedy_is_the_likeliest_token_of_repeated_forward_passes(name: str) -> None:
    model, prompt = built(name, noise=0.5), draw(TOKENS, 4, length=5)
    sequence = prompt
    for _ in range(LENGTH - 4):  # the last token is never read, so that one more than L fits
        sequence = torch.cat((sequence, model(sequence)[:, -1].argmax(-1, keepdim=True)), dim=1)
    expected = sequence[:, 5:]
    assert len(expected.unique()) > 2
    before = torch.get_rng_state()
    assert torch.equal(generate(model, prompt, LENGTH - 4), expected)
    assert torch.equal(generate(model, prompt, LENGTH - 4), expected)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("temperature", [0.5, 2.0])
@torch.no_grad()
def test_draws_follow_the_tempered_distribution(temperature: float) -> None:
    """First tokens against the softmax, second tokens against the softmax after each first."""
    model, count = built("lstm-forget-bias"), 40_000
    prompt = draw(TOKENS, 1, length=4)
    first, second = generate(
        model, prompt.expand(count, -1), 2, torch.Generator().manual_seed(5), temperature=temperature
    ).T
    assert_follows(first, model(prompt)[0, -1] / temperature)
    token = first.mode().values
    logits = model(torch.cat((prompt, token.view(1, 1)), dim=1))[0, -1]
    assert_follows(second[first == token], logits / temperature)


def assert_follows(tokens: Tensor, logits: Tensor) -> None:
    """Every token's share within five standard errors."""
    for token, probability in enumerate(logits.softmax(-1).tolist()):
        error = math.sqrt(probability * (1 - probability) / len(tokens))
        assert (tokens == token).double().mean().item() == pytest.approx(probability, abs=5 * error)


def test_a_generator_decides_the_draws() -> None:
    model, prompt = built("cnn-k3"), draw(TOKENS, 3, length=4)

    def drawn(seed: int) -> Tensor:
        return generate(model, prompt, 40, torch.Generator().manual_seed(seed), temperature=1.0)

    assert drawn(0).shape == (3, 40)
    assert torch.equal(drawn(0), drawn(0))
    assert not torch.equal(drawn(0), drawn(1))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda model, prompt: generate(model, prompt, 0), "steps must be at least 1"),
        (lambda model, prompt: generate(model, prompt, 3, temperature=-1.0), "temperature must be 0.*got -1"),
        (lambda model, prompt: generate(model, prompt, 3, temperature=math.nan), "temperature must be 0.*got nan"),
        (lambda model, prompt: generate(model, prompt[:, :0], 3), r"at least one.*\(2, 0\)"),
        (lambda model, prompt: generate(model, prompt[0], 3), r"tokens \(B, L0\).*\(4,\)"),
        (lambda model, prompt: generate(model, prompt, LENGTH - 2), "cache is full"),
        (lambda model, prompt: generate(EVERY["cnn-k3"].build(FEATURES), prompt, 3), "1 outputs and a vocabulary of 0"),
        (lambda model, prompt: generate(LOOP.build(TOKENS), prompt, 3), "cannot go position by position"),
    ],
)
def test_what_cannot_be_continued_is_refused(call: Callable[[nn.Module, Tensor], Tensor], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(EVERY["transformer-rotary"].build(TOKENS), draw(TOKENS, 2, length=4))
