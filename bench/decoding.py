"""Decode trials: generation of several architectures, one token after the other, interleaved in one process."""

from __future__ import annotations

import random
from typing import Any

import torch

from bench import timing
from bench.records import Measurement
from bench.trial import Decode
from models.architecture import Interface, SequenceModel, State, state_bytes

SYMBOLS = 32
"""Vocabulary and outputs."""


def decode(trial: Decode, watch: timing.Stopwatch | None = None) -> list[Measurement]:
    """Run one decode trial: raw samples per architecture, nothing averaged; batch 1, greedy.

    An architecture whose core cannot go position by position is left out. `watch` replaces the device's own
    stopwatch. Raises ValueError if all are, or if there is no context or no token.
    """
    if trial.context < 1 or trial.tokens < 1:
        raise ValueError(f"context and tokens must be at least 1, got {trial.context} and {trial.tokens}")
    dice = random.Random(f"{trial.replicate}/{trial.context}")
    contenders = list(trial.architectures)
    dice.shuffle(contenders)  # where a model lies in memory shall be noise, as in bench.clocks
    interface = Interface(length=trial.context + trial.tokens, vocabulary=SYMBOLS, outputs=SYMBOLS)
    models = {a.name: a.build(interface).to(trial.device).eval() for a in contenders}
    decoders = {name: Decoder(model, trial) for name, model in models.items() if model.can_step}
    if not decoders:
        raise ValueError(
            f"nothing to decode: no core of {', '.join(models)} goes position by position; give one of them "
            "start(batch) and step(x, state), see models.architecture.Architecture.core"
        )
    rows = [Measurement("state_bytes", float(state_bytes(one.state)), name) for name, one in decoders.items()]
    calls = {name: one.generate for name, one in decoders.items()}
    for one in decoders.values():
        one.generate()  # warm-up
    watch = watch or timing.stopwatch(trial.device)
    samples = timing.interleave(calls, trial.samples, dice, watch, prepare=lambda name: decoders[name].rewind())
    for name, number, sample in samples:
        rows.append(Measurement("seconds_per_token", sample.seconds / trial.tokens, name, number))
        rows.append(Measurement("cpu_seconds_per_token", sample.cpu_seconds / trial.tokens, name, number))
    return rows


class Decoder:
    """A model that has read the context, and goes on from there as often as asked."""

    def __init__(self, model: SequenceModel, trial: Decode) -> None:
        self.model, self.tokens = model, trial.tokens
        prompt = torch.randint(SYMBOLS, (trial.context, 1), generator=torch.Generator().manual_seed(0))
        self.state = model.start(1)
        for token in prompt.to(trial.device):
            logits, self.state = model.step(token, self.state)
        self.first = logits.argmax(dim=-1)
        self.rewind()

    def rewind(self) -> None:
        """Go back to the end of the context. Not part of a call: in use, nobody generates twice from one state.

        A step may write into the buffers of the state it is given (caches, rings, a position), so a call gets a copy:
        then every sample makes the same steps on the same numbers, whatever the core does to its state.
        """
        self.fresh: State = _copied(self.state)

    def generate(self) -> torch.Tensor:
        """The likeliest next tokens (tokens,), each fed back as the next input; the state is spent."""
        token, state, generated = self.first, self.fresh, []
        for _ in range(self.tokens):
            logits, state = self.model.step(token, state)
            token = logits.argmax(dim=-1)
            generated.append(token)
        return torch.cat(generated)


def _copied(state: Any) -> Any:
    """The same state in buffers of its own."""
    if isinstance(state, torch.Tensor):
        return state.clone()
    if isinstance(state, tuple):
        parts = map(_copied, state)
        return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)
    return state
