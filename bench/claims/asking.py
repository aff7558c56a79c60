"""What examinations share: the loss of every token, samples, and tokens as measurements."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.records import Measurement
from bench.trial import Learn
from models.architecture import SequenceModel
from models.generation import generate

AT_ONCE = 400
"""Sequences of one forward pass, which bounds what logits take."""


@torch.no_grad()
def token_losses(model: nn.Module, inputs: Tensor, targets: Tensor, device: str) -> Tensor:
    """Nats of every target: CPU tokens (B, L) and (B, L), the model on `device` -> (B, L) float64 on the CPU."""
    parts = zip(inputs.split(AT_ONCE), targets.split(AT_ONCE), strict=True)
    losses = [
        F.cross_entropy(model(read.to(device)).transpose(1, 2), asked.to(device), reduction="none").cpu()
        for read, asked in parts
    ]
    return torch.cat(losses).double()


def sample(model: SequenceModel, prompt: Tensor, steps: int, trial: Learn, temperature: float = 1.0) -> Tensor:
    """Continue CPU tokens (B, L0) by `steps`, drawn from the model's own law by the trial's seed: (B, steps), CPU."""
    generator = torch.Generator(trial.device).manual_seed(trial.seed)
    return generate(model, prompt.to(trial.device), steps, generator, temperature).cpu()


def spelled(metric: str, subject: str, tokens: Tensor) -> list[Measurement]:
    """One measurement for each of the tokens (L,); its step is the place."""
    return [Measurement(metric, float(token), subject, place) for place, token in enumerate(tokens.tolist())]
