"""Generation: a model continues a prompt, one token at a time, each fed back as the next input."""

from __future__ import annotations

import torch
from torch import Tensor

from models.architecture import ENCODER_ONLY, SequenceModel


@torch.no_grad()
def generate(
    model: SequenceModel,
    prompt: Tensor,
    steps: int,
    generator: torch.Generator | None = None,
    temperature: float = 0.0,
) -> Tensor:
    """Continue the prompt tokens (B, L0), at least one each, by `steps` tokens (B, steps); class c is token c.

    The prompt of an encoder-decoder is the source, which it reads as a whole, and at least one token of the target.
    Temperature 0 takes the likeliest token; otherwise tokens are drawn from softmax(logits / temperature), with
    `generator`, on the model's device, or torch's global one. The prompt is read one position at a time too, and the
    last token is never read. Raises ValueError for a model that does not answer in the tokens it reads or
    cannot step, for bad arguments, and, from a model with a longest length, beyond it.
    """
    check_prompt(model, prompt, steps)
    if not temperature >= 0:
        raise ValueError(f"temperature must be 0, for the likeliest token, or above, got {temperature}")
    source = model.interface.source
    state = model.read(prompt[:, :source]) if source else model.start(len(prompt))
    for position in range(source, prompt.shape[1]):
        logits, state = model.step(prompt[:, position], state)
    tokens = [_choose(logits, generator, temperature)]
    while len(tokens) < steps:
        logits, state = model.step(tokens[-1], state)
        tokens.append(_choose(logits, generator, temperature))
    return torch.stack(tokens, dim=1)


def check_prompt(model: SequenceModel, prompt: Tensor, steps: int) -> None:
    """Raise ValueError unless the model can continue such a prompt by so many tokens, its longest length apart."""
    interface = model.interface
    if interface.role == ENCODER_ONLY:
        raise ValueError("an encoder-only model sees what comes after, so it cannot generate; build another role")
    if interface.outputs > interface.vocabulary:
        raise ValueError(
            f"a model generates if its outputs are among the tokens it reads, but this one has {interface.outputs} "
            f"outputs and a vocabulary of {interface.vocabulary}"
        )
    if prompt.ndim != 2 or not prompt.numel():
        raise ValueError(f"the prompt must be tokens (B, L0), at least one, got the shape {tuple(prompt.shape)}")
    if prompt.shape[1] <= interface.source:
        raise ValueError(
            f"the prompt must be the source of {interface.source} tokens and at least one token of the target, "
            f"got {prompt.shape[1]} tokens"
        )
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")


def _choose(logits: Tensor, generator: torch.Generator | None, temperature: float) -> Tensor:
    """Logits (B, V) -> tokens (B,)."""
    if temperature == 0:
        return logits.argmax(dim=-1)
    return torch.multinomial((logits / temperature).softmax(dim=-1), 1, generator=generator).squeeze(1)
