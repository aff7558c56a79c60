"""Markov chains over tokens: exact stationary law and entropies, and walks by table look-up.

A chain of order r over K symbols has K**r contexts. A context's number has the oldest symbol as its most significant
digit in base K, so that the next context is `(context * K + symbol) % contexts` and the newest symbol `context % K`.
"""

from __future__ import annotations

import torch
from torch import Tensor

GRAIN = 1024


def counts_of(rows: Tensor) -> Tensor:
    """Probabilities rounded to multiples of 1 / GRAIN by largest remainders: (contexts, K) float64 -> int64 counts.

    Each row of counts sums to GRAIN. A chain with such rows is sampled without error by looking up a whole number.
    """
    shares = rows * GRAIN
    counts = shares.floor().long()
    missing = GRAIN - counts.sum(dim=1, keepdim=True)
    rank = (shares - counts).argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    return counts + (rank < missing)


def stationary(transitions: Tensor, tolerance: float = 1e-13, most_rounds: int = 10_000) -> Tensor:
    """Stationary distribution over contexts by power iteration: transitions (contexts, K) float64 -> (contexts,).

    Raises ValueError if it does not settle, as for a chain that is periodic or nearly falls apart.
    """
    contexts, symbols = transitions.shape
    law = transitions.new_full((contexts,), 1 / contexts)
    for _ in range(most_rounds):
        # summing over the leading digit forgets the oldest symbol
        update = (law[:, None] * transitions).view(symbols, -1).sum(0)
        update /= update.sum()
        if (update - law).abs().sum() < tolerance:
            return update
        law = update
    raise ValueError("this chain does not settle into a stationary law; raise concentration or change source_seed")


def entropy(probabilities: Tensor) -> Tensor:
    """Shannon entropy of the last axis in nats."""
    return torch.special.entr(probabilities).sum(-1)


def lookup(counts: Tensor) -> Tensor:
    """The walk's table: entry context * GRAIN + d is the next context times GRAIN. (contexts * GRAIN,) int32."""
    following = torch.arange(counts.numel(), dtype=torch.int32) % len(counts) * GRAIN
    return following.repeat_interleave(counts.flatten())


def walk(table: Tensor, start: Tensor, drawn: Tensor) -> Tensor:
    """Contexts that B chains pass through: start (B,), drawn (steps, B) int32 uniform on 0..GRAIN-1 -> (B, steps).

    Two cheap operations a step: drawing each symbol from its row would cost as much as training a small model on it.
    """
    passed = torch.empty_like(drawn)
    here = (start * GRAIN).to(drawn.dtype)
    entry = torch.empty_like(here)
    for draw, there in zip(drawn.unbind(), passed.unbind(), strict=True):
        torch.add(here, draw, out=entry)
        torch.index_select(table, 0, entry, out=there)
        here = there
    return passed.T.long() // GRAIN
