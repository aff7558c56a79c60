"""What generation costs: tokens one after the other behind a context, and the state that is carried along."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from models import ARCHITECTURES
from models.architecture import Interface, SequenceModel, State, state_bytes

CONTEXTS = [64, 1024]
TOKENS = 32
SYMBOLS = 32


@dataclass(frozen=True)
class _Case:
    model: SequenceModel
    state: State


# asv runs `setup` again before every timed call, so what it returns is kept.
@functools.lru_cache(maxsize=1)
@torch.no_grad()
def _case(architecture: str, context: int) -> _Case:
    interface = Interface(length=context + TOKENS, outputs=SYMBOLS, vocabulary=SYMBOLS)
    model = ARCHITECTURES[architecture].build(interface, seed=0)
    state = model.start(1)
    for token in torch.randint(SYMBOLS, (context, 1), generator=torch.Generator().manual_seed(0)):
        _, state = model.step(token, state)
    return _Case(model, state)


class _BehindContext:
    params = (list(ARCHITECTURES), CONTEXTS)
    param_names = ("architecture", "context")
    version = "1"


class Generation(_BehindContext):
    """Tokens of one sequence, on the CPU, each the likeliest after the one before."""

    rounds = 4
    repeat = (5, 10, 2.0)

    def setup(self, architecture: str, context: int) -> None:
        """Build, or find, the model and its state behind the context."""
        self.case = _case(architecture, context)

    @torch.no_grad()
    def time_tokens(self, architecture: str, context: int) -> Tensor:
        """Always from the same state: its buffers are written over at the same places. The last token, (1,)."""
        state, token = self.case.state, torch.zeros(1, dtype=torch.long)
        for _ in range(TOKENS):
            logits, state = self.case.model.step(token, state)
            token = logits.argmax(dim=-1)
        return token

    time_tokens.pretty_name = f"Generate {TOKENS} tokens"  # type: ignore[attr-defined]


class StateBytes(_BehindContext):
    """Bytes carried from one position to the next, room set aside included."""

    unit = "bytes"

    def track_bytes(self, architecture: str, context: int) -> int:
        """Exact."""
        return state_bytes(_case(architecture, context).state)

    track_bytes.pretty_name = "State in generation"  # type: ignore[attr-defined]
