"""minGRU: a gated recurrence whose gates do not see the state, and which is therefore linear in it and can be scanned.

Feng et al. 2024, "Were RNNs All We Needed?", section 3.1: h_t = (1 - z_t) h_{t-1} + z_t W x_t, z_t = sigmoid(V x_t).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from models.architecture import Architecture, Interface, Size, spread
from models.dense import Dense

SMALLEST_WIDTH = 8
EXPANSION = 2
KEEP_BIAS = 1.0
"""Bias that the gates start at on the side of the state: it keeps as much as the LSTM's does at forget bias 1."""


def scan(kept: Tensor, entering: Tensor) -> Tensor:
    """h_t = kept_t h_{t-1} + entering_t with h_0 = 0, all (B, L, H), in ceil(log2 L) rounds (Hillis & Steele 1986).

    Only products of numbers in [0, 1] are formed, and no logarithms or quotients, so nothing overflows at any length,
    forward or backward. The log-space form of the paper needs positive candidates, and its running sum of logarithms
    loses digits as it grows.
    """
    return _Scan.apply(kept, entering)  # type: ignore[no-any-return]


class _Scan(torch.autograd.Function):
    """Its gradient is the same recurrence from the right, so that nothing of the rounds is kept for it."""

    @staticmethod
    def forward(ctx: Any, kept: Tensor, entering: Tensor) -> Tensor:
        hidden = _in_rounds(kept.clone(), entering.clone())
        ctx.save_for_backward(kept, hidden)
        return hidden

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        kept, hidden = ctx.saved_tensors
        kept_after = F.pad(kept, (0, 0, -1, 1))
        whole = _in_rounds(kept_after.flip(1), gradient.flip(1)).flip(1)
        return whole * F.pad(hidden, (0, 0, 1, -1)), whole


def _in_rounds(kept: Tensor, entering: Tensor) -> Tensor:
    """Overwrites both: each round doubles the stretch that every position has taken in."""
    length, shift = entering.shape[1], 1
    while shift < length:
        entering[:, shift:] += kept[:, shift:] * entering[:, :-shift]
        if 2 * shift < length:
            kept[:, shift:] = kept[:, shift:] * kept[:, :-shift]
        shift *= 2
    return entering


def loop(kept: Tensor, entering: Tensor) -> Tensor:
    """The same, one position after the other."""
    state = torch.zeros_like(entering[:, 0])
    states = []
    for a, b in zip(kept.unbind(1), entering.unbind(1), strict=True):
        state = a * state + b
        states.append(state)
    return torch.stack(states, dim=1)


FORMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"scan": scan, "loop": loop}


@dataclass(frozen=True, kw_only=True)
class MinGRU(Architecture):
    """Residual minGRU blocks. The second knob is the hidden units summed over the layers, 2 D per layer by nature."""

    form: str = "scan"
    """How the states of a whole sequence come about: "scan", in parallel, or "loop", one after the other."""
    depth: int = 2

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise ValueError(f"form must be one of {', '.join(FORMS)}, got {self.form!r}")
        if self.depth < 1:
            raise ValueError(f"depth must be at least 1, got {self.depth}")

    def core(self, size: Size, interface: Interface) -> MinGRUCore:
        """The stack of blocks: (B, L, D) -> (B, L, D)."""
        return MinGRUCore(size, self.depth, self.form)

    def natural_inner(self, width: int, interface: Interface) -> int:
        """Twice the width in each layer, within the paper's expansion factors of 1 to 4."""
        return EXPANSION * width * self.depth

    def is_valid_width(self, width: int) -> bool:
        """At least 8 channels, so that every layer keeps some units."""
        return width >= SMALLEST_WIDTH

    def closed_parameters(self, size: Size, interface: Interface) -> int:
        """Trainable numbers of the core in closed form."""
        width, inner = size
        return inner * (3 * width + 2) + self.depth * 3 * width + 2 * width

    def closed_flops(self, size: Size, interface: Interface) -> int:
        """FLOPs of the core's forward pass over one sequence of L positions; the recurrence is element-wise."""
        return 6 * interface.length * size.width * size.inner


class Gates(NamedTuple):
    """What decides a layer's states, each (..., H)."""

    update: Tensor
    """z, the share of the state that is replaced."""
    candidate: Tensor
    """What replaces it."""


class Block(nn.Module):
    """x + out(minGRU(norm x)): gate times candidate is a gated linear unit, so no feed-forward layer follows."""

    def __init__(self, width: int, inner: int, form: str) -> None:
        super().__init__()
        self.recurrence = FORMS[form]
        self.norm = nn.LayerNorm(width)
        self.enter = Dense(width, 2 * inner)
        self.out = Dense(inner, width)
        with torch.no_grad():
            self.enter.bias[:inner] = -KEEP_BIAS

    def gates(self, x: Tensor) -> Gates:
        """(..., D) -> update gate and candidate, from the input alone."""
        update, candidate = self.enter(self.norm(x)).chunk(2, dim=-1)
        return Gates(update.sigmoid(), candidate)

    def states(self, gates: Gates) -> Tensor:
        """Gates (B, L, H) -> states (B, L, H)."""
        return self.recurrence(1 - gates.update, gates.update * gates.candidate)

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, D)."""
        return x + self.out(self.states(self.gates(x)))

    def step(self, x: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """One position: (B, D) and the state (B, H) -> (B, D) and the state after it."""
        update, candidate = self.gates(x)
        hidden = (1 - update) * hidden + update * candidate
        return x + self.out(hidden), hidden


class MinGRUState(NamedTuple):
    """What is carried from one position to the next: of each layer (B, H)."""

    hidden: tuple[Tensor, ...]


class MinGRUCore(nn.Module):
    """The blocks between embedding and read-out."""

    blocks: Sequence[Block]

    def __init__(self, size: Size, depth: int, form: str) -> None:
        super().__init__()
        self.out_width = size.width
        self.blocks = nn.ModuleList(Block(size.width, inner, form) for inner in spread(size.inner, depth))  # type: ignore[assignment]
        self.norm = nn.LayerNorm(size.width)

    def forward(self, embeddings: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, D)."""
        x = embeddings
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def start(self, batch: int) -> MinGRUState:
        """Zeros, as before the first position of a sequence."""
        return MinGRUState(tuple(b.out.weight.new_zeros(batch, b.out.in_features) for b in self.blocks))

    def step(self, x: Tensor, state: MinGRUState) -> tuple[Tensor, MinGRUState]:
        """One position: (B, D) -> (B, D) and the state after it, without end."""
        after = []
        for block, hidden in zip(self.blocks, state.hidden, strict=True):
            x, hidden = block.step(x, hidden)
            after.append(hidden)
        return self.norm(x), MinGRUState(tuple(after))

    @torch.no_grad()
    def intrinsic(self, embeddings: Tensor, readout: nn.Module) -> dict[str, Tensor]:
        """How much each step moved the state, two ways, each (B, L), means over the layers.

        "state-change" is ||h_t - h_{t-1}||, "update-gate" the sum of the open update gates.
        """
        changes, openings = [], []
        x = embeddings
        for block in self.blocks:
            gates = block.gates(x)
            states = block.states(gates)
            changes.append((states - F.pad(states, (0, 0, 1, -1))).norm(dim=-1))
            openings.append(gates.update.sum(dim=-1))
            x = x + block.out(states)
        named = {"state-change": changes, "update-gate": openings}
        return {method: torch.stack(layers).mean(dim=0) for method, layers in named.items()}
