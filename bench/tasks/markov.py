"""Markov: a fixed random source whose entropy rate is known exactly."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor

from bench.tasks import chain, marks
from bench.tasks.checks import require_room, require_whole
from bench.tasks.task import Batch, LossTask
from models.architecture import Interface

MOST_CONTEXTS = 2**14


class Source(NamedTuple):
    """The tables of one chain."""

    transitions: Tensor
    """(contexts, K) float64: the law of the next symbol in each context."""
    law: Tensor
    """(contexts,) float64: the stationary law of contexts."""
    table: Tensor
    """(contexts * GRAIN,) int32: where each draw leads; see `chain.lookup`."""


@dataclass(frozen=True, kw_only=True)
class Markov(LossTask):
    """Predict the next symbol of one fixed chain: each pair of symbols has its own law of what comes next.

    With `length=8`, `symbols=32`, `order=2`; targets are the inputs shifted by one::

        position  0  1  2  3  4  5  6  7
        inputs    5 17 30 17  2  5 17 30
        targets  17 30 17  2  5 17 30  9
        scored    .  x  x  x  x  x  x  x     position 0 lacks the second symbol of its context
        relevant  .  .  .  .  .  .  .  .     none: there are several answers

    The rows are Dirichlet(`concentration`) draws from `source_seed`, rounded to multiples of 1/1024, the same for
    every split: training and test sequences differ, the source does not. Sequences start in the stationary law, so the
    expected loss of the true law is the entropy rate at every scored position. The metric is the mean loss in nats:
    lower is better.
    """

    name: ClassVar[str] = "markov"
    measures: ClassVar[str] = "scaling"

    symbols: int = 32
    order: int = 2
    concentration: float = 0.15
    source_seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_whole(self, "symbols", at_least=2)
        require_whole(self, "order", at_least=1)
        require_whole(self, "source_seed", at_least=0)
        require_room(self, self.order + 1, f"contexts of {self.order} symbols")
        if not self.concentration > 0:
            raise ValueError(f"task {self.name}: concentration must be above 0, got {self.concentration!r}")
        if self.symbols**self.order > MOST_CONTEXTS:
            raise ValueError(f"task {self.name}: symbols ** order must be at most {MOST_CONTEXTS}")

    @property
    def source(self) -> Source:
        """The chain's tables; built once per process."""
        return _source(self.symbols, self.order, self.concentration, self.source_seed)

    @property
    def lag(self) -> int:
        """How far back the law looks."""
        return self.order

    @property
    def interface(self) -> Interface:
        """A symbol in; a symbol out."""
        return Interface(length=self.length, vocabulary=self.symbols, outputs=self.symbols)

    @property
    def entropy_rate(self) -> float:
        """Exact entropy of the next symbol given its context, in nats: row entropies averaged by the stationary law."""
        return (self.source.law * chain.entropy(self.source.transitions)).sum().item()

    @property
    def perfect(self) -> float:
        """The entropy rate, in nats: no model does better in expectation."""
        return self.entropy_rate

    @property
    def chance(self) -> float:
        """The entropy of a symbol by itself, in nats: the best of a model that does not look at its input."""
        return chain.entropy(self.source.law.view(-1, self.symbols).sum(0)).item()

    def sample(self, size: int, generator: torch.Generator) -> Batch:
        """Draw `size` sequences from a CPU generator."""
        source = self.source
        dice = torch.rand(size, generator=generator, dtype=torch.float64)
        start = torch.searchsorted(source.law.cumsum(0)[:-1], dice, right=True)
        steps = (self.length + 1 - self.order, size)
        drawn = torch.randint(chain.GRAIN, steps, generator=generator, dtype=torch.int32)
        opening = start[:, None] // self.symbols ** torch.arange(self.order - 1, -1, -1)
        tokens = torch.cat([opening, chain.walk(source.table, start, drawn)], dim=1) % self.symbols
        scored = marks.since(self.order - 1, size, self.length)
        return Batch(tokens[:, :-1], tokens[:, 1:], scored, marks.none(size, self.length))


@lru_cache(maxsize=8)
def _source(symbols: int, order: int, concentration: float, seed: int) -> Source:
    rows = np.random.default_rng(seed).dirichlet(np.full(symbols, concentration), size=symbols**order)
    counts = chain.counts_of(torch.from_numpy(rows))
    transitions = counts.double() / chain.GRAIN
    return Source(transitions, chain.stationary(transitions), chain.lookup(counts))
