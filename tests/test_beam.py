"""Beam search against all continuations there are, and against the greedy search."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from models import find
from models.architecture import DECODER_ONLY, ENCODER_DECODER, ENCODER_ONLY, Interface, SequenceModel
from models.beam import beam_search
from models.generation import generate

V, STEPS, BATCH = 4, 4, 12
INTERFACES = {
    DECODER_ONLY: Interface(length=9, outputs=V, vocabulary=V + 1),
    ENCODER_DECODER: Interface(length=11, outputs=V, vocabulary=V + 1, role=ENCODER_DECODER, source=5),
    ENCODER_ONLY: Interface(length=9, outputs=V, vocabulary=V + 1, role=ENCODER_ONLY),
}
every_model = pytest.mark.parametrize(
    ("name", "role"),
    [
        ("transformer-sinusoidal", DECODER_ONLY),
        ("lstm-forget-bias", DECODER_ONLY),
        ("cnn-k3", DECODER_ONLY),
        ("transformer-2017", ENCODER_DECODER),
        ("transformer-rotary", ENCODER_DECODER),
    ],
)


def built(name: str, role: str) -> SequenceModel:
    """At its initial weights, but surer of itself: torn between tokens, and what it says depends on what it read."""
    model = replace(find(name), core_parameters=25_000).build(INTERFACES[role]).double()
    model.readout.weight.data *= 2
    return model


def draw(model: SequenceModel) -> Tensor:
    """A source if there is one, and one token."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(V + 1, (BATCH, model.interface.source + 1), generator=generator)


@torch.no_grad()
def likelihood(model: SequenceModel, prompt: Tensor, tokens: Tensor) -> Tensor:
    """Log-probability of every row's continuation, from one forward pass: (N,)."""
    logits = model(torch.cat((prompt, tokens[:, :-1]), dim=1))[:, prompt.shape[1] - 1 :]
    return logits.log_softmax(-1).gather(2, tokens.unsqueeze(2)).sum((1, 2))


@every_model
def test_wide_enough_it_finds_the_likeliest_of_all(name: str, role: str) -> None:
    model = built(name, role)
    prompt, every = draw(model), torch.tensor(list(itertools.product(range(V), repeat=STEPS)))
    tokens, nats = beam_search(model, prompt, STEPS, beams=V ** (STEPS - 1))
    assert tokens.shape == (BATCH, STEPS)
    for row in range(BATCH):
        likelihoods = likelihood(model, prompt[row].expand(len(every), -1), every)
        assert torch.equal(tokens[row], every[likelihoods.argmax()])
        torch.testing.assert_close(nats[row], likelihoods.max(), rtol=0, atol=1e-9)
    assert not torch.equal(tokens, generate(model, prompt, STEPS)), "greed is not enough here, or nothing was searched"


@every_model
def test_one_beam_is_the_greedy_search(name: str, role: str) -> None:
    model = built(name, role)
    prompt = draw(model)
    tokens, nats = beam_search(model, prompt, STEPS, beams=1)
    assert torch.equal(tokens, generate(model, prompt, STEPS))
    torch.testing.assert_close(nats, likelihood(model, prompt, tokens), rtol=0, atol=1e-9)


@every_model
def test_rows_are_searched_apart(name: str, role: str) -> None:
    model = built(name, role)
    prompt = draw(model)
    together, nats = beam_search(model, prompt, STEPS, beams=3)
    torch.testing.assert_close(nats, likelihood(model, prompt, together), rtol=0, atol=1e-9)
    for row in range(BATCH):
        assert torch.equal(beam_search(model, prompt[row : row + 1], STEPS, beams=3)[0][0], together[row])


@pytest.mark.parametrize(
    ("role", "tokens", "steps", "beams", "message"),
    [
        (DECODER_ONLY, 1, STEPS, 0, "beams must be at least 1"),
        (DECODER_ONLY, 1, 0, 1, "steps must be at least 1"),
        (DECODER_ONLY, 0, 1, 1, "at least one"),
        (DECODER_ONLY, 1, 10, 2, "10 positions.*at most 9"),
        (ENCODER_DECODER, 5, 1, 1, "source of 5 tokens and at least one token of the target, got 5"),
        (ENCODER_ONLY, 1, 1, 1, "encoder-only model .* cannot generate"),
    ],
)
def test_what_cannot_be_searched_is_refused(role: str, tokens: int, steps: int, beams: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        beam_search(built("transformer-2017", role), torch.zeros(2, tokens, dtype=torch.long), steps, beams)
