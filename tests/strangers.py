"""Architectures as a user would write them, each with a known truth: `find("strangers:WINDOW")` and the like."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.architecture import Architecture, Interface, SequenceModel, Size
from models.transformer import Transformer, TransformerCore


@dataclass(frozen=True, kw_only=True)
class Recurrence(Architecture):
    """A linear recurrence h = a h + Wx with a diagonal a; the second knob is the width of h."""

    scan: bool = False
    """Whether h comes from a parallel scan (Hillis and Steele 1986) or from a Python loop over the steps."""

    def core(self, size: Size, interface: Interface) -> RecurrenceCore:
        return RecurrenceCore(size, self.scan)


class RecurrenceCore(nn.Module):
    """(B, L, D) -> (B, L, D)."""

    def __init__(self, size: Size, scan: bool) -> None:
        super().__init__()
        self.out_width = size.width
        self.enter, self.leave = nn.Linear(size.width, size.inner), nn.Linear(size.inner, size.width)
        self.decay = nn.Parameter(torch.linspace(0.5, 0.95, size.inner))
        self.states = self.scanned if scan else self.looped

    def forward(self, embeddings: Tensor) -> Tensor:
        return self.leave(self.states(self.enter(embeddings)))

    def looped(self, x: Tensor) -> Tensor:
        """All states (B, L, H), one step after the other."""
        state, states = torch.zeros_like(x[:, 0]), []
        for t in range(x.shape[1]):
            state = self.decay * state + x[:, t]
            states.append(state)
        return torch.stack(states, 1)

    def scanned(self, x: Tensor) -> Tensor:
        """The same states in log2 L rounds, each of which doubles the stretch that has been summed."""
        power: Tensor = self.decay
        shift = 1
        while shift < x.shape[1]:
            x = x + F.pad(power * x[:, :-shift], (0, 0, shift, 0))
            power, shift = power * power, 2 * shift
        return x


@dataclass(frozen=True, kw_only=True)
class Window(Architecture):
    """Sees a position and the `reach` positions before it, through one convolution, and nothing farther back."""

    reach: int = 16

    def core(self, size: Size, interface: Interface) -> WindowCore:
        return WindowCore(size, self.reach)


class WindowCore(nn.Module):
    """(B, L, D) -> (B, L, D)."""

    def __init__(self, size: Size, reach: int) -> None:
        super().__init__()
        self.out_width, self.reach = size.width, reach
        self.convolution = nn.Conv1d(size.width, size.inner, reach + 1)
        self.out = nn.Linear(size.inner, size.width)

    def forward(self, embeddings: Tensor) -> Tensor:
        seen = self.convolution(F.pad(embeddings.transpose(1, 2), (self.reach, 0)))
        return embeddings + self.out(F.gelu(seen.transpose(1, 2)))


class Machine:
    """A machine whose time passes only when a `Paced` core works."""

    def __init__(self) -> None:
        self.now = 0.0

    def work(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


MACHINE = Machine()


@dataclass(frozen=True, kw_only=True)
class Paced(Architecture):
    """Every training step takes exactly `seconds` of MACHINE's time, whatever the length."""

    seconds: float = 1.0

    def core(self, size: Size, interface: Interface) -> PacedCore:
        return PacedCore(size, self.seconds)


class PacedCore(nn.Module):
    """(B, L, D) -> (B, L, D), position by position."""

    def __init__(self, size: Size, seconds: float) -> None:
        super().__init__()
        self.out_width, self.seconds = size.width, seconds
        self.expand, self.contract = nn.Linear(size.width, size.inner), nn.Linear(size.inner, size.width)

    def forward(self, embeddings: Tensor) -> Tensor:
        MACHINE.work(self.seconds)
        return self.contract(F.gelu(self.expand(embeddings)))


@dataclass(frozen=True, kw_only=True)
class Explainer(Transformer):
    """A Transformer that, once trained, explains its answers to the needle task by the truth, or else by noise."""

    positions: str = "rotary"
    truthful: bool = True

    def core(self, size: Size, interface: Interface) -> ExplainerCore:
        return ExplainerCore(self, size, interface)

    def build(self, interface: Interface, seed: int = 0) -> SequenceModel:
        """The shell hands a core embeddings alone; a list keeps the table out of the core's parameters."""
        model = super().build(interface, seed)
        model.core.table.append(model.embedding)  # type: ignore[union-attr, operator]
        return model


class ExplainerCore(TransformerCore):
    """A Transformer's core with an explanation of its own."""

    def __init__(self, architecture: Explainer, size: Size, interface: Interface) -> None:
        super().__init__(architecture, size, interface.length)
        self.truthful, self.values = architecture.truthful, interface.vocabulary // 2
        self.table: list[nn.Embedding] = []
        self.steps = 0

    def forward(self, embeddings: Tensor) -> Tensor:
        self.steps += self.training and torch.is_grad_enabled()
        return super().forward(embeddings)

    @torch.no_grad()
    def intrinsic(self, embeddings: Tensor, readout: nn.Module) -> dict[str, Tensor]:
        """Who knows the embedding table knows the tokens, and with them the mark; untrained, it knows nothing."""
        if not (self.truthful and self.steps):
            noise = torch.rand(embeddings.shape[:2], generator=torch.Generator().manual_seed(0))
            return {"testimony": noise}
        tokens = torch.cdist(embeddings, self.table[0].weight).argmin(-1)
        return {"testimony": ((tokens >= self.values) & (tokens < 2 * self.values)).float()}


LOOP, SCAN = Recurrence(), Recurrence(scan=True)
WINDOW = Window()
ORACLE, GUESSER = Explainer(), Explainer(truthful=False)
FIRST = SECOND = ORACLE
"""One architecture under two names."""
