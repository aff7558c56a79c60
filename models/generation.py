"""Generation: a model continues a prompt, one token at a time, each fed back as the next input."""

from __future__ import annotations

import torch
from torch import Tensor

from models.architecture import SequenceModel


@torch.no_grad()
def generate(
    model: SequenceModel,
    prompt: Tensor,
    steps: int,
    generator: torch.Generator | None = None,
    temperature: float = 0.0,
) -> Tensor:
    """Continue the prompt tokens (B, L0), at least one each, by `steps` tokens (B, steps); class c is token c.

    Temperature 0 takes the likeliest token; otherwise tokens are drawn from softmax(logits / temperature), with
    `generator`, on the model's device, or torch's global one. The prompt is read one position at a time too, and the
    last token is never read. Raises ValueError for a model that does not answer in the tokens it reads or
    cannot step, for bad arguments, and, from a model with a longest length, beyond it.
    """
    _check(model, prompt, steps, temperature)
    state = model.start(len(prompt))
    for position in range(prompt.shape[1]):
        logits, state = model.step(prompt[:, position], state)
    tokens = [_choose(logits, generator, temperature)]
    while len(tokens) < steps:
        logits, state = model.step(tokens[-1], state)
        tokens.append(_choose(logits, generator, temperature))
    return torch.stack(tokens, dim=1)


def _choose(logits: Tensor, generator: torch.Generator | None, temperature: float) -> Tensor:
    """Logits (B, V) -> tokens (B,)."""
    if temperature == 0:
        return logits.argmax(dim=-1)
    return torch.multinomial((logits / temperature).softmax(dim=-1), 1, generator=generator).squeeze(1)


def _check(model: SequenceModel, prompt: Tensor, steps: int, temperature: float) -> None:
    outputs, vocabulary = model.interface.outputs, model.interface.vocabulary
    if outputs > vocabulary:
        raise ValueError(
            f"a model generates if its outputs are among the tokens it reads, but this one has {outputs} outputs "
            f"and a vocabulary of {vocabulary}"
        )
    if prompt.ndim != 2 or not prompt.numel():
        raise ValueError(f"the prompt must be tokens (B, L0), at least one, got the shape {tuple(prompt.shape)}")
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    if not temperature >= 0:
        raise ValueError(f"temperature must be 0, for the likeliest token, or above, got {temperature}")
